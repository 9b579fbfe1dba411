import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { applicationId, Database, SqliteError } from './database.ts';
import { kindOf, moveAside, readAhead, type Verdict, verify } from './integrity.ts';
import { type Holder, isKnownPlace, type Lock, lockPathOf, lockStore } from './lock.ts';
import { migrate, schemaVersion } from './migrations.ts';
import { StoreOpenError } from './open-error.ts';
import type { FileSettings, Opening } from './protocol.ts';

/** The file, open, locked, checked and of the newest version. */
export interface OpenFile {
  readonly database: Database;
  readonly opening: Opening;
  /** Empties the write-ahead log and lets go of the lock. */
  readonly close: () => void;
}

/**
 * Opens the file, makes it where there is none, or moves a damaged one aside and makes a new one. Throws `StoreOpenError` for
 * everything that a person has to decide; then nothing was changed.
 */
export function openFile(settings: FileSettings, nowMs: number): OpenFile {
  permitted(settings.path);
  // Where no lock of ours shows that our file was there, it may be anything that somebody needs: that is not touched, nor is there
  // left a lock beside it, which would tell the next start otherwise.
  if (!isKnownPlace(settings.path)) {
    const kind = kindOf(settings.path);
    if (kind === 'no-database' || kind === 'another-program') throw notOurs(settings.path, strangeness[kind]);
  }
  const lock = locked(settings.path, nowMs);
  try {
    const { database, opening } = openLocked(settings, nowMs);
    const close = (): void => {
      try {
        database.pragma('wal_checkpoint(truncate)');
        database.close();
      } finally {
        lock.release();
      }
    };
    return { database, opening, close };
  } catch (caught) {
    lock.release();
    if (!(caught instanceof SqliteError)) throw caught;
    if (caught.isFull) throw noRoom(settings.path, caught);
    const what = `storage.path ${settings.path} cannot be opened: ${caught.message}`;
    throw new StoreOpenError('unreadable', what, { cause: caught });
  }
}

const strangeness = {
  'no-database': 'is not a database',
  'another-program': 'is a database of another program',
} as const;

function openLocked(settings: FileSettings, nowMs: number): Omit<OpenFile, 'close'> {
  const kind = kindOf(settings.path);
  if (kind === 'new') return create(settings, undefined);
  if (kind !== 'ours')
    return create(settings, {
      to: moveAside(settings.path, nowMs),
      why: `the file ${strangeness[kind]}`,
    });
  const deadlineMs = performance.now() + settings.checkTimeLimitMs;
  const isRead = settings.checkTimeLimitMs > 0 && readAhead(settings.path, deadlineMs);
  const inspected = inspect(settings, isRead ? deadlineMs : undefined);
  if (inspected.kind === 'opened') return inspected;
  return create(settings, { to: moveAside(settings.path, nowMs), why: inspected.why });
}

interface Opened extends Omit<OpenFile, 'close'> {
  readonly kind: 'opened';
}
interface Damaged {
  readonly kind: 'damaged';
  readonly why: string;
}

/** Opens a file that has the looks of one of ours, and closes it again if it is damaged. No deadline: no time to check it. */
function inspect(settings: FileSettings, deadlineMs: number | undefined): Opened | Damaged {
  const database = new Database(settings.path, settings.busyTimeoutMs);
  try {
    const found = Number(database.pragma('user_version') ?? 0);
    if (found > schemaVersion) throw newer(settings.path, found);
    if (found < 0) {
      database.close();
      return { kind: 'damaged', why: `there is no version ${found} of its tables` };
    }
    const verdict: Verdict =
      deadlineMs === undefined ? { kind: 'out-of-time' } : verify(database, deadlineMs);
    if (verdict.kind === 'damaged') {
      database.close();
      return verdict;
    }
    const from = prepare(database, settings);
    const opening = {
      upgradedFrom: from === schemaVersion ? undefined : from,
      isChecked: verdict.kind === 'sound',
      movedAside: undefined,
    };
    return { kind: 'opened', database, opening };
  } catch (caught) {
    database.close();
    if (caught instanceof SqliteError && caught.isDamage) return { kind: 'damaged', why: caught.message };
    throw caught;
  }
}

function create(settings: FileSettings, movedAside: Opening['movedAside']): Omit<OpenFile, 'close'> {
  const database = new Database(settings.path, settings.busyTimeoutMs);
  try {
    prepare(database, settings);
    return { database, opening: { upgradedFrom: undefined, isChecked: true, movedAside } };
  } catch (caught) {
    database.close();
    throw caught;
  }
}

/** The log may grow while a large transaction runs; afterwards it is cut to this. */
const journalBytesMax = 16 * 1024 * 1024;
/** For the pages of the trees; blobs are read and written once. */
const cacheKiB = 8 * 1024;

/** Settings of the connection, then the tables; the version there was. */
function prepare(database: Database, settings: FileSettings): number {
  // New, or left by a start that was killed before it had written anything.
  if (database.pragma('page_count') === 0) {
    // Pages that are freed can be given back without rewriting the file; only a file without pages can be told so.
    database.exec('pragma auto_vacuum = incremental');
    // Writes the first page, with both: from then on the file is known as ours.
    database.exec(`pragma application_id = ${applicationId}`);
  }
  const mode = database.pragma('journal_mode = wal');
  // Without a write-ahead log (some network file systems) only the full mode survives a power loss undamaged.
  database.exec(`pragma synchronous = ${mode === 'wal' ? settings.synchronous : 'full'}`);
  database.exec(`pragma journal_size_limit = ${journalBytesMax}`);
  database.exec(`pragma cache_size = -${cacheKiB}`);
  database.exec('pragma foreign_keys = on');
  database.exec('pragma temp_store = memory');
  const from = migrate(database);
  if (settings.pagesMax !== undefined) database.pragma(`max_page_count = ${settings.pagesMax}`);
  return from;
}

/** Everything that can be known before the file is touched. */
function permitted(file: string): void {
  const folder = path.dirname(path.resolve(file));
  if (!existsSync(folder))
    throw new StoreOpenError(
      'no-folder',
      `storage.path ${file}: there is no folder ${folder}; make it, or mount the volume that should be there`,
    );
  if (!statSync(folder).isDirectory())
    throw new StoreOpenError('no-folder', `storage.path ${file}: ${folder} is not a folder`);
  if (existsSync(file) && !statSync(file).isFile())
    throw new StoreOpenError(
      'not-a-file',
      `storage.path ${file} is not a file; name one in a folder that keeps its content, like ${path.join(file, 'indexwarden.db')}`,
    );
  const who = typeof process.getuid === 'function' ? ` for user ${process.getuid()}` : '';
  if (!may(folder, constants.W_OK | constants.X_OK))
    throw new StoreOpenError(
      'not-permitted',
      `storage.path ${file}: the folder ${folder} is not writable${who}; SQLite keeps files beside the one named, so give the folder to that user, or leave storage.path unset to keep history in memory only`,
    );
  if (existsSync(file) && !may(file, constants.R_OK | constants.W_OK))
    throw new StoreOpenError(
      'not-permitted',
      `storage.path ${file} is not readable and writable${who}; give it to that user`,
    );
}

function may(file: string, mode: number): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}

function locked(file: string, nowMs: number): Lock {
  try {
    const taken = lockStore(file, nowMs);
    if (taken.kind === 'locked') return taken.lock;
    throw new StoreOpenError(
      'in-use',
      `storage.path ${file} is in use by ${describe(taken.by)}; stop that one, or give this one a file of its own`,
    );
  } catch (caught) {
    if (!(caught instanceof SqliteError)) throw caught;
    if (caught.isFull) throw noRoom(file, caught);
    const lock = lockPathOf(file);
    throw new StoreOpenError(
      'not-permitted',
      `storage.path ${file}: its lock ${lock} cannot be taken: ${caught.message}; if no indexwarden runs there, remove ${lock}`,
      { cause: caught },
    );
  }
}

const describe = (holder: Holder | undefined): string =>
  holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.host} since ${holder.since}`;

const noRoom = (file: string, cause: SqliteError): StoreOpenError =>
  new StoreOpenError(
    'no-room',
    `storage.path ${file}: there is no room left on its disk; make some, or name a file on another disk`,
    { cause },
  );

const notOurs = (file: string, why: string): StoreOpenError =>
  new StoreOpenError(
    'not-ours',
    `storage.path ${file} ${why}; it was left as it is: name another file, or move this one away`,
  );

const newer = (file: string, version: number): StoreOpenError =>
  new StoreOpenError(
    'newer',
    `storage.path ${file} was written by a newer indexwarden (version ${version} of its tables; this one knows ${schemaVersion}); it was left as it is: run the newer one, or name another file`,
  );
