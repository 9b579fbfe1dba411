import pg from 'pg';
import { mayTryNextAttempt, type PgClientConfig } from '../config/pg-client.ts';
import type { CollectionError } from '../model/outcome.ts';
import { err, ok, type Result } from '../model/result.ts';
import { collectionError } from './errors.ts';
import { factTypes } from './rows.ts';

/** Bounds of everything a session does; each is a setting. */
export interface SessionLimits {
  readonly connectTimeoutMs: number;
  /** Above 500 ms our waiting would become lines in the DBA's log. */
  readonly lockTimeoutMs: number;
  /** Whether a transaction-mode pooler in between is accepted. */
  readonly allowPooler: boolean;
}

export interface Rows {
  readonly names: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/** Runs one statement inside a guest transaction. Throws what the server answered. */
export type Ask = (text: string, values?: readonly unknown[]) => Promise<Rows>;

/** How much longer than the server we wait before we call a connection dead: a half-open one never answers. */
const graceMs = 5_000;

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
      try {
        await client.connect();
        const session = new Session(client, config, limits);
        const pooler = limits.allowPooler ? undefined : await session.#poolerBetween();
        if (pooler === undefined) return ok(session);
        await session.close();
        return err({ kind: 'PoolerRefused', message: pooler });
      } catch (caught) {
        client.end().catch(() => {});
        failure = collectionError(caught, `connecting to ${config.host}:${config.port}/${config.database}`);
        if (!mayTryNextAttempt(caught)) break;
      }
    }
    return err(failure);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Runs `work` in one `BEGIN READ ONLY` transaction with local settings. Always rolled back: there is nothing to keep. Aborting
   * `signal` cancels the running statement on the server too.
   */
  async transaction<T>(
    options: { readonly statementTimeoutMs: number; readonly signal: AbortSignal },
    work: (ask: Ask) => Promise<T>,
  ): Promise<T> {
    options.signal.throwIfAborted();
    const timeoutMs = Math.ceil(options.statementTimeoutMs);
    const ask: Ask = async (text, values = []) => {
      options.signal.throwIfAborted();
      const query = {
        text,
        values: [...values],
        rowMode: 'array',
        query_timeout: timeoutMs + graceMs,
      } as const;
      const result = await this.#client.query<unknown[]>(query);
      return { names: result.fields.map((field) => field.name), rows: result.rows };
    };
    const cancel = (): void => this.#cancelRunning();
    options.signal.addEventListener('abort', cancel, { once: true });
    try {
      // One round trip. Numbers only: nothing here comes from outside.
      await this.#client.query(
        `begin read only;
         set local statement_timeout = ${timeoutMs};
         set local lock_timeout = ${Math.ceil(this.#limits.lockTimeoutMs)};
         set local idle_in_transaction_session_timeout = ${timeoutMs + graceMs};
         set local search_path = pg_catalog;
         set local jit = off;
         set local max_parallel_workers_per_gather = 0`,
      );
      return await work(ask);
    } finally {
      options.signal.removeEventListener('abort', cancel);
      await this.#rollBack();
    }
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    // A server that does not answer must not hold up a shutdown.
    const given = new Promise<void>((resolve) => setTimeout(resolve, 500).unref());
    await Promise.race([this.#client.end().catch(() => {}), given]);
  }

  async #rollBack(): Promise<void> {
    if (!this.#isOpen) return;
    try {
      await this.#client.query({ text: 'rollback', query_timeout: graceMs } as pg.QueryConfig);
    } catch {
      this.#drop();
    }
  }

  #drop(): void {
    this.#isOpen = false;
    this.#client.end().catch(() => {});
  }

  /**
   * A pooler announces a cancel key of its own, so that the process id of the handshake is not that of the backend, and in
   * transaction mode the backend may change from one transaction to the next.
   */
  async #poolerBetween(): Promise<string | undefined> {
    const backends: unknown[] = [];
    for (const _ of ['first', 'second']) {
      const result = await this.#client.query<unknown[]>({
        text: 'begin read only; select pg_catalog.pg_backend_pid(); rollback',
        rowMode: 'array',
      });
      // node-postgres answers several statements with several results, which its types do not say.
      const answers = result as unknown as readonly { readonly rows: readonly (readonly unknown[])[] }[];
      backends.push(answers[1]?.rows[0]?.[0]);
    }
    // Not in its types: the process id that the server sent with the cancel key.
    const announced = (this.#client as unknown as { readonly processID: number | null }).processID;
    if (backends.every((pid) => pid === announced)) return undefined;
    return 'a connection pooler answered instead of PostgreSQL: connect to the server itself, or set allow_pooler: true for this server';
  }

  /** Sends a CancelRequest over a socket of its own; it is no connection and counts towards no limit. */
  #cancelRunning(): void {
    const canceller = new pg.Client({ ...this.#config, ssl: false });
    canceller.on('error', () => {});
    // `cancel` and `activeQuery` are node-postgres's own, but in no type declaration.
    const running = (this.#client as unknown as { readonly activeQuery?: unknown }).activeQuery;
    if (running === undefined || running === null) return;
    (canceller as unknown as { cancel(client: pg.Client, query: unknown): void }).cancel(
      this.#client,
      running,
    );
  }
}
