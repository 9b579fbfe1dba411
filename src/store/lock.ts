import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { applicationId, Database, SqliteError } from './database.ts';

/** Who has the store open, as far as it is known. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /** ISO 8601, UTC. */
  readonly since: string;
}

export interface Lock {
  readonly release: () => void;
}

export type Locked =
  | { readonly kind: 'locked'; readonly lock: Lock }
  | { readonly kind: 'held'; readonly by: Holder | undefined };

/** The file beside the store that whoever has it open keeps locked. */
export const lockPathOf = (path: string): string => `${path}.lock`;

/**
 * Whether a store of ours was opened at this path before, whatever is there now. The lock is read through SQLite: to close it in any
 * other way would take with it the locks that this process may have.
 */
export function isKnownPlace(path: string): boolean {
  const lock = lockPathOf(path);
  if (!existsSync(lock)) return false;
  const database = new Database(lock, patienceMs);
  try {
    return database.pragma('application_id') === applicationId;
  } catch {
    return false;
  } finally {
    database.close();
  }
}

/** How long the few milliseconds may take in which another process that starts at the same moment has the lock. */
const patienceMs = 300;

/**
 * Takes the store for this process. The lock is the write lock of a small SQLite database, which is the operating system's own and
 * ends with the process, however that ends, or when nothing refers to it any more. Others can still read in it who the holder is.
 * Throws `SqliteError` where the file cannot be had, or is not what it should be.
 */
export function lockStore(path: string, nowMs: number): Locked {
  const database = new Database(lockPathOf(path), patienceMs);
  try {
    const holder: Holder = { pid: process.pid, host: hostname(), since: new Date(nowMs).toISOString() };
    const mark = `${JSON.stringify(holder)} ${crypto.randomUUID()}`;
    if (database.pragma('application_id') !== applicationId)
      database.exec(`pragma application_id = ${applicationId}`);
    database.exec('create table if not exists holder (only integer primary key, mark text not null)');
    database.transaction(() =>
      database.run('insert into holder values (1, ?) on conflict do update set mark = excluded.mark', mark),
    );
    // What others can read is committed before; between the two somebody else may have come.
    database.exec('begin immediate');
    if (markIn(database) !== mark) {
      const by = holderIn(database);
      database.close();
      return { kind: 'held', by };
    }
    return {
      kind: 'locked',
      lock: {
        release: () => {
          database.exec('rollback');
          database.close();
        },
      },
    };
  } catch (caught) {
    const by = caught instanceof SqliteError && caught.isBusy ? { holder: holderIn(database) } : undefined;
    database.close();
    if (by === undefined) throw caught;
    return { kind: 'held', by: by.holder };
  }
}

const markIn = (database: Database): string | undefined =>
  database.get<{ readonly mark: string }>('select mark from holder')?.mark;

function holderIn(database: Database): Holder | undefined {
  try {
    const mark = markIn(database);
    return mark === undefined ? undefined : (JSON.parse(mark.slice(0, mark.lastIndexOf(' '))) as Holder);
  } catch {
    // Busy at this very moment: it is held, and by whom nobody can say.
    return undefined;
  }
}
