import { closeSync, existsSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { isSound } from './blobs.ts';
import { applicationId, type Cell, Database, SqliteError } from './database.ts';
import { documentColumn, documentTables, isWhole } from './documents.ts';
import { checksumsSince, migrate } from './migrations.ts';
import { StoreOpenError } from './open-error.ts';

/** The file and what SQLite keeps beside it in use: the write-ahead log and its index; a journal where there can be no such log. */
const companions = ['', '-wal', '-shm', '-journal'] as const;

/** The first bytes of every SQLite file. */
const magic = 'SQLite format 3\0';

/** Where in the header a program leaves its mark. */
const applicationIdAt = 68;

/** What a file is by its first bytes. One that is absent or empty is new: SQLite makes no difference either. */
export type FileKind = 'new' | 'ours' | 'another-program' | 'no-database';

/** Reads the header, before SQLite has the file open: closing a file takes the process's locks on it with it. */
export function kindOf(path: string): FileKind {
  if (!existsSync(path) || statSync(path).size === 0) return hasLog(path) ? 'no-database' : 'new';
  const header = Buffer.alloc(100);
  const file = openSync(path, 'r');
  try {
    readSync(file, header, 0, header.length, 0);
  } finally {
    closeSync(file);
  }
  if (header.toString('latin1', 0, magic.length) !== magic) return 'no-database';
  return header.readUInt32BE(applicationIdAt) === applicationId ? 'ours' : 'another-program';
}

/** Whether there is a write-ahead log with something in it: without its file it is what a lost file leaves behind. */
const hasLog = (path: string): boolean => existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0;

export type Verdict =
  | { readonly kind: 'sound' }
  | { readonly kind: 'damaged'; readonly why: string }
  /** Nothing wrong in what there was time to look at. */
  | { readonly kind: 'out-of-time' };

/**
 * Reads the file once, so that the check finds it in memory; false when there was no time for all of it. This is where a slow disk
 * is noticed, since a check that runs within SQLite cannot be stopped. Throws `StoreOpenError` where the disk cannot read it.
 */
export function readAhead(path: string, deadlineMs: number): boolean {
  const chunk = Buffer.allocUnsafe(4 * 1024 * 1024);
  const file = openSync(path, 'r');
  try {
    while (readSync(file, chunk, 0, chunk.length, null) > 0) if (performance.now() > deadlineMs) return false;
    return true;
  } catch (caught) {
    throw new StoreOpenError('unreadable', `storage.path ${path} cannot be read: ${String(caught)}`, {
      cause: caught,
    });
  } finally {
    closeSync(file);
  }
}

/**
 * SQLite's own check of the structure, our tables, then the checksum of every document and blob. The file was read before
 * ({@link readAhead}). An error that is no sign of damage is thrown.
 */
export function verify(database: Database, deadlineMs: number): Verdict {
  try {
    database.exec('pragma cell_size_check = on');
    const said = String(database.pragma('quick_check(1)') ?? 'ok');
    if (said !== 'ok') return { kind: 'damaged', why: said };
    return verifySchema(database) ?? verifyDocuments(database) ?? verifyBlobs(database, deadlineMs);
  } catch (caught) {
    if (!(caught instanceof SqliteError && caught.isDamageWhereReadable)) throw caught;
    return { kind: 'damaged', why: caught.message };
  }
}

/** Blobs fetched at a time, between looks at the clock. */
const batchRows = 64;

const blobColumns: readonly (readonly [table: string, column: string])[] = [
  ['node', 'checkpoint'],
  ['usage_collection', 'collection'],
  ['usage_day', 'record'],
];

/**
 * Tables that are not what their version says: with a letter of one changed a file can be read, and not written. A file that a start was
 * killed over has the version 0, and none yet. Undefined where all are as they should be; what is not ours does not count.
 */
function verifySchema(database: Database): Verdict | undefined {
  const found = tablesOf(database);
  const made = new Database(':memory:', 0);
  try {
    migrate(made, Number(database.pragma('user_version') ?? 0));
    const wanted = tablesOf(made);
    migrate(made);
    const strange = [...tablesOf(made).keys()].find((name) => found.get(name) !== wanted.get(name));
    return strange === undefined
      ? undefined
      : { kind: 'damaged', why: `${strange} is not as its version made it` };
  } finally {
    made.close();
  }
}

/** Tables and indexes with the statements that made them, regardless of spaces and comments, which may change from version to version. */
const tablesOf = (database: Database): ReadonlyMap<string, string> =>
  new Map(
    database
      .all<{ readonly name: string; readonly made: string }>(
        "select type || ' ' || name as name, tbl_name || ': ' || coalesce(sql, '') as made from sqlite_schema",
      )
      .map(({ name, made }) => [name, made.replaceAll(/\s*--.*|\s+/g, ' ')]),
  );

/**
 * Documents that are not what was written; in a file of an older version those that are no JSON any more: each read of them would
 * fail, for ever. Undefined where there is none.
 */
function verifyDocuments(database: Database): Verdict | undefined {
  const hasChecksums = Number(database.pragma('user_version') ?? 0) >= checksumsSince;
  for (const table of documentTables) {
    if (database.get('select 1 from sqlite_schema where name = ?', table) === undefined) continue;
    const column = documentColumn(table);
    const good = hasChecksums ? isWhole(table) : `json_valid(${column})`;
    const bad = database.get(`select 1 from ${table} where not (${good}) limit 1`);
    if (bad !== undefined) return { kind: 'damaged', why: `a ${column} in ${table} is not what was written` };
  }
  return undefined;
}

function verifyBlobs(database: Database, deadlineMs: number): Verdict {
  for (const [table, column] of blobColumns) {
    const isThere = database.get('select 1 from sqlite_schema where name = ?', table) !== undefined;
    for (let after = 0; isThere; ) {
      const rows = database.all<{ readonly id: number; readonly sealed: Cell }>(
        `select id, ${column} as sealed from ${table} where id > ? order by id limit ${batchRows}`,
        after,
      );
      for (const { id, sealed } of rows) {
        const isWhole = sealed === null || (sealed instanceof Uint8Array && isSound(sealed));
        if (!isWhole) return { kind: 'damaged', why: `row ${id} of ${table} is not what was written` };
      }
      const last = rows.at(-1);
      if (last === undefined) break;
      after = last.id;
      if (performance.now() > deadlineMs) return { kind: 'out-of-time' };
    }
  }
  return { kind: 'sound' };
}

/** Renames a damaged file, and what belongs to it, to `<path>.damaged-<time>`; that path. Nothing is deleted. */
export function moveAside(path: string, nowMs: number): string {
  const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
  let aside = `${path}.damaged-${time}`;
  for (let copy = 2; existsSync(aside); copy += 1) aside = `${path}.damaged-${time}-${copy}`;
  try {
    for (const ending of companions) if (existsSync(path + ending)) renameSync(path + ending, aside + ending);
  } catch (caught) {
    throw new StoreOpenError(
      'not-permitted',
      `storage.path ${path} is damaged and cannot be moved aside: ${String(caught)}; move it away by hand, with its -wal and -shm files`,
      { cause: caught },
    );
  }
  return aside;
}
