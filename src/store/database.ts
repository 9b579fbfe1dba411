import { DatabaseSync, type DatabaseSyncInstance, type StatementSyncInstance } from '@photostructure/sqlite';
import { checksum } from './documents.ts';

/** "IXWD" in the header of a file: ours can be told from other programs'. */
export const applicationId = 0x49585744;

/** What a cell of SQLite can hold here. Whole numbers within the safe range stay whole. */
export type Cell = string | number | null | Uint8Array;

/** SQLite's result codes that are told apart. Extended ones carry the primary one in their lowest byte. */
const codes = { error: 1, busy: 5, corrupt: 11, full: 13, notADatabase: 26, shortRead: 522 } as const;

/** An error of SQLite. `code` is its extended result code; undefined where a statement fails after its first row. */
export class SqliteError extends Error {
  override readonly name = 'SqliteError';
  readonly code: number | undefined;

  constructor(message: string, code: number | undefined, cause: unknown) {
    super(message, { cause });
    this.code = code;
  }

  get isBusy(): boolean {
    return this.#primary === codes.busy;
  }

  /** There is no room left on the disk. */
  get isFull(): boolean {
    return this.#primary === codes.full;
  }

  /** The file is not what SQLite wrote: said so by SQLite itself, whatever was asked. */
  get isDamage(): boolean {
    if (this.code === undefined) return /malformed|not a database/.test(this.message);
    return this.#primary === codes.corrupt || this.#primary === codes.notADatabase;
  }

  /**
   * The same for an error met while reading all of a file that the disk can read: then a page that is not there, and a schema that
   * makes no sense, are damage too. A full disk, missing permissions or memory are not.
   */
  get isDamageWhereReadable(): boolean {
    if (this.isDamage || this.code === codes.shortRead || this.code === codes.error) return true;
    return this.code === undefined && this.message.includes('disk I/O error');
  }

  get #primary(): number | undefined {
    return this.code === undefined ? undefined : this.code & 0xff;
  }
}

/** One connection; synchronous, so only for a thread of its own. Statements are prepared once each. Throws `SqliteError`. */
export class Database {
  readonly #connection: DatabaseSyncInstance;
  readonly #statements = new Map<string, StatementSyncInstance>();

  /** Creates the file where there is none, unless it is only to be read. */
  constructor(
    path: string,
    busyTimeoutMs: number,
    { readOnly = false }: { readonly readOnly?: boolean } = {},
  ) {
    this.#connection = guarded(() => new DatabaseSync(path, { timeout: busyTimeoutMs, readOnly }));
    // As bigint, since a damaged number may be any.
    const options = { varargs: true, deterministic: true, useBigIntArguments: true };
    guarded(() => this.#connection.function('checksum', options, checksum));
  }

  /** Runs statements that take no parameters. */
  exec(sql: string): void {
    guarded(() => this.#connection.exec(sql));
  }

  /** Runs a statement; the number of rows it changed. */
  run(sql: string, ...cells: readonly Cell[]): number {
    return guarded(() => this.#prepared(sql).run(...cells).changes);
  }

  /** The first row. Its type is the caller's promise about its own tables. */
  get<Row>(sql: string, ...cells: readonly Cell[]): Row | undefined {
    return guarded(() => this.#prepared(sql).get(...cells) as Row | undefined);
  }

  all<Row>(sql: string, ...cells: readonly Cell[]): readonly Row[] {
    return guarded(() => this.#prepared(sql).all(...cells) as readonly Row[]);
  }

  /** A pragma's value: of its first row the first column. */
  pragma(source: string): Cell | undefined {
    const row = guarded(() => this.#connection.prepare(`pragma ${source}`).get() as object | undefined);
    return row === undefined ? undefined : (Object.values(row)[0] as Cell);
  }

  /** All of what `work` does, or nothing. */
  transaction<T>(work: () => T): T {
    this.exec('begin immediate');
    try {
      const result = work();
      this.exec('commit');
      return result;
    } catch (caught) {
      // Some errors, a full disk among them, have rolled back already.
      if (this.#connection.isTransaction) this.exec('rollback');
      throw caught;
    }
  }

  close(): void {
    this.#statements.clear();
    guarded(() => this.#connection.close());
  }

  #prepared(sql: string): StatementSyncInstance {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#connection.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (caught) {
    if (!(caught instanceof Error)) throw caught;
    const code = 'errcode' in caught && typeof caught.errcode === 'number' ? caught.errcode : undefined;
    throw new SqliteError(caught.message, code, caught);
  }
}
