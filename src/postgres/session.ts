import pg from 'pg';
import { mayTryNextAttempt, type PgClientConfig } from '../config/pg-client.ts';
import type { CollectionError } from '../model/outcome.ts';
import { err, ok, type Result } from '../model/result.ts';
import { collectionError } from './errors.ts';
import { factTypes, sharingTypes } from './fact-types.ts';

/** Bounds of everything a session does; each is a setting. */
export interface SessionLimits {
  readonly connectTimeoutMs: number;
  /** Above 500 ms our waiting would become lines in the DBA's log. */
  readonly lockTimeoutMs: number;
  /** Whether a transaction-mode pooler in between is accepted. */
  readonly allowPooler: boolean;
  /** How much longer than the server we wait before we take a connection for dead: a half-open one never answers. */
  readonly graceMs?: number;
}

export interface Rows<Row = readonly unknown[]> {
  readonly names: readonly string[];
  readonly rows: readonly Row[];
}

/** Is given rows as they arrive, so that they need not all be there at once. Must not throw. */
export type EachRow = (row: readonly unknown[], names: readonly string[]) => void;

/** Runs one statement inside a guest transaction. Throws what the server answered. What `each` was given is not in the answer. */
export type Ask = (text: string, values?: readonly unknown[], each?: EachRow) => Promise<Rows>;

const usualGraceMs = 5_000;

const usualRowsPerSlice = 1_000;

/** How long a cancelled statement may take to end: a shutdown has five seconds in all, and a CancelRequest can get lost. */
const cancelGraceMs = 1_000;

/**
 * One connection to one database. Every transaction is read-only and carries its own settings: nothing is set for the session,
 * so that behind a pooler the next user of the server's connection finds no trace of us.
 */
export class Session {
  readonly #client: pg.Client;
  readonly #config: PgClientConfig;
  readonly #limits: SessionLimits;
  #isOpen = true;

  private constructor(client: pg.Client, config: PgClientConfig, limits: SessionLimits) {
    this.#client = client;
    this.#config = config;
    this.#limits = limits;
    // A connection may break between two transactions; the next one then fails and says so.
    client.on('error', () => this.#drop());
    client.on('end', () => {
      this.#isOpen = false;
    });
  }

  /**
   * Connects, trying each of `attempts` (with TLS, without) as libpq would. Fails with `PoolerRefused` when a pooler answers and
   * is not allowed: it hands out other backends than it announced.
   */
  static async open(
    attempts: readonly PgClientConfig[],
    limits: SessionLimits,
    signal: AbortSignal,
  ): Promise<Result<Session, CollectionError>> {
    let failure: CollectionError = { kind: 'TargetUnavailable', message: 'no way to connect is configured' };
    for (const config of attempts) {
      if (signal.aborted) return err({ kind: 'Cancelled', message: 'cancelled before connecting' });
      const client = new pg.Client({
        ...config,
        connectionTimeoutMillis: limits.connectTimeoutMs,
        keepAlive: true,
        types: factTypes,
      });
      // What goes wrong rejects `connect`; an event that nobody listens to would end the program.
      client.on('error', () => {});
      const abandon = (): void => void socketOf(client).destroy(new Error('cancelled'));
      signal.addEventListener('abort', abandon, { once: true });
      try {
        await client.connect();
        const session = new Session(client, config, limits);
        const pooler = limits.allowPooler ? undefined : await session.#poolerBetween();
        if (pooler === undefined) return ok(session);
        await session.close();
        return err({ kind: 'PoolerRefused', message: pooler });
      } catch (caught) {
        socketOf(client).destroy();
        const doing = `connecting to ${config.host}:${config.port}/${config.database}`;
        failure = collectionError(caught, doing, { roleName: config.user, database: config.database });
        if (!mayTryNextAttempt(caught)) break;
      } finally {
        signal.removeEventListener('abort', abandon);
      }
    }
    return err(failure);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Runs `work` in one `BEGIN READ ONLY` transaction with local settings. Always rolled back: there is nothing to keep. Aborting
   * `signal` cancels the running statement on the server too. After `rowsPerSlice` rows everybody else gets a turn.
   */
  async transaction<T>(
    options: {
      readonly statementTimeoutMs: number;
      readonly signal: AbortSignal;
      readonly rowsPerSlice?: number;
    },
    work: (ask: Ask) => Promise<T>,
  ): Promise<T> {
    options.signal.throwIfAborted();
    const timeoutMs = Math.ceil(options.statementTimeoutMs);
    const ask: Ask = async (text, values = [], each) => {
      options.signal.throwIfAborted();
      // Extended also without values: only the simple protocol takes several statements in one text.
      const way = { rowMode: 'array', queryMode: 'extended', types: sharingTypes() } as const;
      const query = new pg.Query({ text, values: [...values], ...way });
      return this.#answerWithin(timeoutMs + this.#graceMs, () =>
        this.#run(query, each, options.rowsPerSlice ?? usualRowsPerSlice),
      );
    };
    let giveUp: NodeJS.Timeout | undefined;
    const cancel = (): void => {
      this.#cancelRunning();
      giveUp = setTimeout(() => this.#drop(), cancelGraceMs);
    };
    options.signal.addEventListener('abort', cancel, { once: true });
    try {
      // One round trip. Numbers only: nothing here comes from outside. Constants in definitions are printed so that they mean the
      // same wherever they are run, and as src/plan/script/definition-hash.ts expects them.
      await this.#answerWithin(this.#graceMs, () =>
        this.#client.query(
          `begin read only;
         set local statement_timeout = ${timeoutMs};
         set local lock_timeout = ${Math.ceil(this.#limits.lockTimeoutMs)};
         set local idle_in_transaction_session_timeout = ${timeoutMs + this.#graceMs};
         set local search_path = pg_catalog;
         set local datestyle = iso;
         set local intervalstyle = postgres;
         set local timezone = utc;
         set local extra_float_digits = 1;
         set local bytea_output = hex;
         set local quote_all_identifiers = off;
         set local standard_conforming_strings = on;
         set local jit = off;
         set local max_parallel_workers_per_gather = 0`,
        ),
      );
      return await work(ask);
    } finally {
      options.signal.removeEventListener('abort', cancel);
      await this.#rollBack();
      clearTimeout(giveUp);
    }
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    // A server that does not answer must not hold up a shutdown.
    const given = new Promise<void>((resolve) => setTimeout(resolve, 500).unref());
    await Promise.race([this.#client.end().catch(() => {}), given]);
    socketOf(this.#client).destroy();
  }

  get #graceMs(): number {
    return this.#limits.graceMs ?? usualGraceMs;
  }

  async #rollBack(): Promise<void> {
    if (!this.#isOpen) return;
    const rollBack = (): Promise<unknown> =>
      this.#answerWithin(this.#graceMs, () => this.#client.query('rollback'));
    try {
      // The server signals a cancelled backend twice, and the second signal may meet the rollback.
      await rollBack().catch((caught) => (isCancelled(caught) ? rollBack() : Promise.reject(caught)));
    } catch {
      this.#drop();
    }
  }

  #run(query: pg.Query, each: EachRow | undefined, rowsPerSlice: number): Promise<Rows> {
    return new Promise((resolve, reject) => {
      const socket = socketOf(this.#client);
      const rows: unknown[][] = [];
      let names: readonly string[] | undefined;
      let inSlice = 0;
      query.on('row', (row: unknown[], result) => {
        names ??= namesOf(result);
        if (each === undefined) rows.push(row);
        else each(row, names);
        inSlice += 1;
        if (inSlice !== rowsPerSlice) return;
        // The rest of what was received still comes; nothing more is received before the others had their turn.
        socket.pause();
        setImmediate(() => {
          inSlice = 0;
          socket.resume();
        });
      });
      query.on('error', reject);
      query.on('end', (result) => resolve({ names: names ?? namesOf(result), rows }));
      this.#client.query(query);
    });
  }

  /** Waits for an answer; a connection that gives none in time is dead and is dropped, which fails the query. */
  async #answerWithin<T>(timeoutMs: number, query: () => Promise<T>): Promise<T> {
    const silent = Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEDOUT' });
    const timer = setTimeout(() => this.#drop(silent), timeoutMs);
    try {
      return await query();
    } finally {
      clearTimeout(timer);
    }
  }

  #drop(reason?: Error): void {
    this.#isOpen = false;
    socketOf(this.#client).destroy(reason);
  }

  /**
   * A pooler announces a cancel key of its own, so that the process id of the handshake is not that of the backend, and in
   * transaction mode the backend may change from one transaction to the next.
   */
  async #poolerBetween(): Promise<string | undefined> {
    const backends: unknown[] = [];
    for (const _ of ['first', 'second']) {
      const result = await this.#answerWithin(this.#limits.connectTimeoutMs, () =>
        this.#client.query<unknown[]>({
          text: 'begin read only; select pg_catalog.pg_backend_pid(); rollback',
          rowMode: 'array',
        }),
      );
      // node-postgres answers several statements with several results, which its types do not say.
      const answers = result as unknown as readonly { readonly rows: readonly (readonly unknown[])[] }[];
      backends.push(answers[1]?.rows[0]?.[0]);
    }
    if (backends.every((pid) => pid === cancelKeyOf(this.#client).processID)) return undefined;
    return 'a connection pooler answered instead of PostgreSQL: connect to the server itself, or set allow_pooler: true for this server';
  }

  /** Sends a CancelRequest over a socket of its own; it is no connection and counts towards no limit. */
  #cancelRunning(): void {
    const { processID, secretKey } = cancelKeyOf(this.#client);
    if (!this.#isOpen || processID === null) return;
    const { host, port } = this.#config;
    // `connect` and `cancel` are node-postgres's own, but in no type declaration.
    const canceller = new pg.Connection({ ssl: false }) as pg.Connection & {
      connect(portOrSocket: number | string, host?: string): void;
      cancel(processID: number, secretKey: number): void;
    };
    canceller.on('error', () => {});
    canceller.on('connect', () => canceller.cancel(processID, secretKey));
    if (host.startsWith('/')) canceller.connect(`${host}/.s.PGSQL.${port}`);
    else canceller.connect(port, host);
    setTimeout(() => canceller.stream.destroy(), cancelGraceMs).unref();
  }
}

/** The process id and key that the server (or a pooler) announced for cancelling; node-postgres has them, its types do not. */
const cancelKeyOf = (client: pg.Client) =>
  client as unknown as { readonly processID: number | null; readonly secretKey: number };

/** The socket below; also of node-postgres's own, and the one way to end a connection that does not answer. */
const socketOf = (client: pg.Client) =>
  (client as unknown as { readonly connection: pg.Connection }).connection.stream;

const isCancelled = (caught: unknown): boolean =>
  caught instanceof pg.DatabaseError && caught.code === queryCancelled;
const queryCancelled = '57014';
const namesOf = (result: pg.ResultBuilder | undefined): readonly string[] =>
  result?.fields.map((field) => field.name) ?? [];
