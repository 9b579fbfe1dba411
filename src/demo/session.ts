import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { EmbeddedServer } from './embedded-server.ts';

export interface SessionOptions {
  readonly server: EmbeddedServer;
  readonly database: string;
  /** What the session does, for `application_name`. */
  readonly purpose: string;
  /** Ends the session in the middle of a statement. */
  readonly signal?: AbortSignal | undefined;
}

/** How long a session may take to leave; it takes milliseconds. */
const leaveLimitMs = 5_000;

/**
 * Runs `work` in a superuser session of its own, and returns when the server has forgotten that session. A session's
 * counts reach the statistics when it is idle for a while, or when it leaves: after this they are there, and later
 * sessions' counts (a VACUUM's, say) are not overtaken by them.
 */
export async function inSession<T>(
  options: SessionOptions,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const { server, database, purpose, signal } = options;
  signal?.throwIfAborted();
  const client = new pg.Client({
    connectionString: server.superuserUrl(database),
    application_name: `indexwarden demo: ${purpose}`,
  });
  // A connection that breaks rejects the query that runs; without a listener it would end the program as well.
  client.on('error', () => {});
  const abort = () => {
    client.end().catch(() => {});
  };
  let pid: number | undefined;
  try {
    await client.connect();
    signal?.addEventListener('abort', abort, { once: true });
    pid = (await client.query<{ pid: number }>('select pg_catalog.pg_backend_pid() as pid')).rows[0]?.pid;
    return await work(client);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
    await client.end().catch(() => {});
    if (pid !== undefined && signal?.aborted !== true) await untilGone(server, pid);
  }
}

async function untilGone(server: EmbeddedServer, pid: number): Promise<void> {
  const watcher = new pg.Client({ connectionString: server.superuserUrl() });
  watcher.on('error', () => {});
  const deadline = Date.now() + leaveLimitMs;
  try {
    await watcher.connect();
    for (;;) {
      const { rowCount } = await watcher.query('select from pg_catalog.pg_stat_activity where pid = $1', [
        pid,
      ]);
      if (rowCount === 0 || Date.now() > deadline) return;
      await delay(10);
    }
  } catch {
    // The server is going down: its statistics are of no interest any more.
  } finally {
    await watcher.end().catch(() => {});
  }
}
