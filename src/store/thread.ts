import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { assertNever } from '../model/result.ts';
import { type OpenProblem, StoreOpenError } from './open-error.ts';
import type {
  Answer,
  Ask,
  CallKind,
  FileState,
  Message,
  Opening,
  Reply,
  ThreadSettings,
  Trimmed,
} from './protocol.ts';

/** A call that could not be carried out; it changed nothing. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}

/** What is sent with a call. */
export interface Parcel<K extends CallKind> {
  readonly ask: Ask<K>;
  /** Memory that is handed over: unusable here from then on. */
  readonly transfer?: readonly ArrayBuffer[];
}

export interface ThreadOptions {
  readonly settings: Omit<ThreadSettings, 'hurry'>;
  readonly now: () => number;
  /** Told after each answer. */
  readonly onState: (state: FileState) => void;
  readonly onTrimmed: (trimmed: Trimmed) => void;
  /** The thread ended by itself: no call will ever be answered again. */
  readonly onDeath: (why: string) => void;
  /** For tests: what the thread runs instead of `worker.ts`. */
  readonly module?: URL;
}

/** The thread that has the file. */
export interface StoreThread {
  readonly opening: Opening;
  readonly state: FileState;
  /** Sends a call when all that were made before it are sent, so that `prepare` may take its time. Rejects with `StoreError`. */
  readonly call: <K extends CallKind>(
    kind: K,
    prepare: () => Parcel<K> | Promise<Parcel<K>>,
  ) => Promise<Answer<K>>;
  /** Lets what was called before finish, and closes the file. */
  readonly close: () => Promise<void>;
}

interface Waiting {
  readonly call: CallKind;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: StoreError) => void;
}

/** Calls that wait for an answer at most. A disk that hangs must not fill the memory with what it does not take. */
const waitingMax = 10_000;

/**
 * How long calls that wait are still carried out after closing was asked for, so that the daemon keeps its promise to be gone in time;
 * what was acknowledged is kept. Then the thread is told to hurry, and ends after the call that it is at. It is never ended by force:
 * within a call into SQLite that takes the whole process along.
 */
const closeLimitMs = 900;

/** Starts the thread, and resolves when it has the file open. Rejects with `StoreOpenError`. */
export function startThread({
  settings,
  now,
  onState,
  onTrimmed,
  onDeath,
  module,
}: ThreadOptions): Promise<StoreThread> {
  const hurry = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const worker = startWorker({ ...settings, hurry }, module);
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  /** Why nothing can be called any more. */
  let ended: string | undefined;
  let crash: string | undefined;
  let outbox: Promise<unknown> = Promise.resolve();

  const post = (message: Message, transfer: readonly ArrayBuffer[] = []): void =>
    worker.postMessage(message, transfer);

  const call: StoreThread['call'] = async (kind, prepare) => {
    if (ended !== undefined) throw new StoreError(ended);
    if (waiting.size >= waitingMax)
      throw new StoreError(`the store does not keep up: ${waitingMax} calls wait for it`);
    lastId += 1;
    const id = lastId;
    const answered = new Promise((resolve, reject) => waiting.set(id, { call: kind, resolve, reject }));
    outbox = outbox.then(async () => {
      try {
        const { ask, transfer } = await prepare();
        post({ kind: 'call', id, call: kind, ask, nowMs: now() }, transfer);
      } catch (caught) {
        waiting.get(id)?.reject(new StoreError(`what is to be kept cannot be sent: ${String(caught)}`));
        waiting.delete(id);
      }
    });
    // What the thread answers to a kind is checked where it is answered.
    return (await answered) as Answer<typeof kind>;
  };

  let closing: Promise<void> | undefined;
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const close = (): Promise<void> => {
    closing ??= (async () => {
      if (ended === undefined) {
        ended = 'the store is closed';
        await outbox;
        post({ kind: 'close' });
      }
      const late = setTimeout(() => Atomics.store(hurry, 0, 1), closeLimitMs);
      await exited;
      clearTimeout(late);
    })();
    return closing;
  };

  return new Promise((opened, refused) => {
    let isOpen = false;
    worker.on('message', (reply: Reply) => {
      switch (reply.kind) {
        case 'opened':
          isOpen = true;
          opened({ opening: reply.opening, state: reply.state, call, close });
          return;
        case 'refused':
          refused(new StoreOpenError(reply.problem as OpenProblem, reply.message));
          return;
        case 'trimmed':
          onState(reply.state);
          onTrimmed(reply.trimmed);
          return;
        case 'answered':
        case 'failed': {
          const call = waiting.get(reply.id);
          waiting.delete(reply.id);
          onState(reply.state);
          if (reply.kind === 'answered') call?.resolve(reply.answer);
          else call?.reject(new StoreError(`${call.call}: ${reply.message}`));
          return;
        }
        default:
          assertNever(reply);
      }
    });
    worker.on('error', (error) => {
      crash = error instanceof Error ? error.message : String(error);
    });
    worker.on('exit', (code) => {
      const why = `the storage thread ended${crash === undefined ? ` with code ${code}` : `: ${crash}`}`;
      const wasAsked = ended !== undefined;
      ended ??= why;
      for (const { call, reject } of waiting.values()) reject(new StoreError(`${call}: ${why}`));
      waiting.clear();
      refused(new StoreError(why));
      if (isOpen && !wasAsked) onDeath(why);
    });
  });
}

/**
 * Starts the thread with its module in the form in which this one is: compiled, or as source. Source needs a Node.js that reads it,
 * or, in a checkout with its development tools, a loader.
 */
function startWorker(settings: ThreadSettings, module: URL | undefined): Worker {
  if (module !== undefined) return new Worker(module, { workerData: settings });
  const extension = path.extname(fileURLToPath(import.meta.url));
  const own = new URL(`./worker${extension}`, import.meta.url);
  // Younger than the types of the oldest Node.js that this has to run on.
  const isTypeScriptRead = 'typescript' in process.features && Boolean(process.features.typescript);
  if (extension !== '.ts' || isTypeScriptRead) return new Worker(own, { workerData: settings });
  // Hooks named on a command line do not reach the first module of a thread on Node.js 20; those set up before an import do.
  const loader = import.meta.resolve('tsx/esm/api');
  const start = `import(${JSON.stringify(loader)}).then(({ register }) => {
    register();
    return import(${JSON.stringify(own.href)});
  })`;
  return new Worker(start, { eval: true, workerData: settings });
}
