import { statSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { assertNever } from '../model/result.ts';
import { hourMs } from '../model/units.ts';
import { isWriting, perform } from './calls.ts';
import { StoreOpenError } from './open-error.ts';
import type { FileState, Message, Reply, ThreadSettings } from './protocol.ts';
import type { OpenFile } from './store-file.ts';
import { forgetForRoom, forgetOld } from './upkeep.ts';

/*
 * The thread that has the file. One message at a time, answered in order; whatever one of them meets, the thread goes on. SQLite's
 * calls block, and here there is nothing else to block.
 */

/** Old things are looked for this often at most. */
const upkeepEveryMs = hourMs;

const port = parentPort;
// This module is only ever started as a thread, by thread.ts, with these settings.
if (port !== null)
  await run(workerData as ThreadSettings, (reply, transfer) => port.postMessage(reply, transfer));

async function run(
  settings: ThreadSettings,
  reply: (reply: Reply, transfer: readonly ArrayBuffer[]) => void,
): Promise<void> {
  let file: OpenFile;
  try {
    // The binding is loaded here and not above, since there may be none for this machine.
    const { openFile } = await import('./store-file.ts').catch((caught: unknown) => {
      throw new StoreOpenError('no-binding', noBinding(caught));
    });
    file = openFile(settings.file, settings.nowMs);
  } catch (caught) {
    if (!(caught instanceof StoreOpenError)) throw caught;
    reply({ kind: 'refused', problem: caught.problem, message: caught.message }, []);
    port?.close();
    return;
  }
  const { database, opening } = file;
  const { path } = settings.file;
  const openedAs = identityOf(path);
  const isHurried = (): boolean => Atomics.load(settings.hurry, 0) !== 0;
  let state: FileState = { ...measure(path, 0), lastError: null };
  let lastUpkeepAtMs = Number.NEGATIVE_INFINITY;

  const wrote = (nowMs: number): void => {
    state = { ...measure(path, nowMs), lastError: null };
  };

  /** After the answer. Its failures are failures of writing, too. */
  const maintain = (nowMs: number): void => {
    if (isHurried()) return;
    try {
      if (Math.abs(nowMs - lastUpkeepAtMs) >= upkeepEveryMs) {
        lastUpkeepAtMs = nowMs;
        forgetOld(database, settings.retention, nowMs);
      }
      const trimmed = forgetForRoom(database, settings.retention);
      if (trimmed === undefined) return;
      wrote(nowMs);
      reply({ kind: 'trimmed', trimmed, state }, []);
    } catch (caught) {
      state = { ...state, lastError: messageOf(caught) };
    }
  };

  /** Ends this thread, so that a new one looks at the file from the start; what is wrong goes to whoever started it. */
  const end = (why: string): never => {
    try {
      file.close();
    } catch {
      // It ends in any case, and that closes what is open.
    }
    throw new Error(why);
  };

  const answer = ({ id, call, ask, nowMs }: Extract<Message, { readonly kind: 'call' }>): void => {
    if (isHurried()) {
      reply({ kind: 'failed', id, message: 'there was no time left for it', state }, []);
      return;
    }
    try {
      // SQLite would go on with a file that nobody else can see any more.
      if (isWriting(call) && identityOf(path) !== openedAs) throw new FileGone();
      // Both ends of the channel are of the same program; the types of call and ask are checked where it is sent.
      const answered = perform(database, call, ask as never, { nowMs });
      if (isWriting(call)) wrote(nowMs);
      reply({ kind: 'answered', id, answer: answered, state }, buffersIn(answered));
    } catch (caught) {
      if (isWriting(call)) state = { ...state, lastError: messageOf(caught) };
      reply({ kind: 'failed', id, message: messageOf(caught), state }, []);
      if (caught instanceof FileGone || isDamage(caught)) end(messageOf(caught));
      return;
    }
    if (isWriting(call)) maintain(nowMs);
  };

  port?.on('message', (message: Message) => {
    switch (message.kind) {
      case 'call':
        answer(message);
        return;
      case 'close':
        try {
          file.close();
        } finally {
          port.close();
        }
        return;
      default:
        assertNever(message);
    }
  });
  reply({ kind: 'opened', opening, state }, []);
}

/** Said by a `SqliteError`, whose module cannot be loaded before its binding was. */
const isDamage = (caught: unknown): boolean =>
  caught instanceof Error && 'isDamage' in caught && caught.isDamage === true;

class FileGone extends Error {
  override readonly message = 'the file was removed or replaced while it was in use';
}

/** Which file is at a path: device and inode; undefined where there is none. */
function identityOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev} ${found.ino}`;
}

const messageOf = (caught: unknown): string => (caught instanceof Error ? caught.message : String(caught));

/** Size of the file with its log, and when it was last written: at `wroteAtMs`, else when the file system says. */
function measure(path: string, wroteAtMs: number): Omit<FileState, 'lastError'> {
  const parts = [path, `${path}-wal`].flatMap((part) => statSync(part, { throwIfNoEntry: false }) ?? []);
  return {
    sizeBytes: parts.reduce((sum, { size }) => sum + size, 0),
    lastWriteAtMs: wroteAtMs || Math.max(...parts.map(({ mtimeMs }) => Math.floor(mtimeMs))),
  };
}

/** The memory of all blobs in an answer, to be handed over instead of copied. */
function buffersIn(answer: unknown): readonly ArrayBuffer[] {
  if (answer instanceof Uint8Array) return answer.buffer instanceof ArrayBuffer ? [answer.buffer] : [];
  if (Array.isArray(answer)) return answer.flatMap(buffersIn);
  if (typeof answer === 'object' && answer !== null) return Object.values(answer).flatMap(buffersIn);
  return [];
}

const noBinding = (caught: unknown): string =>
  `storage.path needs SQLite, and its library could not be loaded on ${process.platform}-${process.arch} with Node.js ${process.version}: ${messageOf(caught)}; install again with npm ci, or leave storage.path unset to keep history in memory only`;
