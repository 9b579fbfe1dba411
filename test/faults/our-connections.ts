import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** What the server counted of one role's connections. */
export interface ConnectionsSeen {
  readonly looks: number;
  readonly most: number;
  /** What they called themselves. */
  readonly names: readonly string[];
}

/**
 * Counts a role's connections in pg_stat_activity as often as the server answers, until stopped; while it is down there is nothing to
 * count. `url` is that of a superuser, and does not change when the server is started again.
 */
export function countConnections(url: () => string, role: string): { stop(): Promise<ConnectionsSeen> } {
  let isStopped = false;
  const names = new Set<string>();
  let [looks, most] = [0, 0];
  const counting = (async () => {
    while (!isStopped) {
      const client = new pg.Client({ connectionString: url(), application_name: 'counter' });
      client.on('error', () => {});
      try {
        await client.connect();
        while (!isStopped) {
          const { rows } = await client.query<{ application_name: string; state: string | null }>(
            // Parallel workers are no connections.
            "select application_name, state from pg_stat_activity where usename = $1 and backend_type = 'client backend'",
            [role],
          );

          looks += 1;
          most = Math.max(most, rows.length);
          // What is still logging in has no state and no name yet.
          for (const { application_name, state } of rows) if (state !== null) names.add(application_name);
          await delay(1);
        }
      } catch {
        await delay(10);
      } finally {
        await client.end().catch(() => {});
      }
    }
    return { looks, most, names: [...names] };
  })();
  return {
    stop: () => {
      isStopped = true;
      return counting;
    },
  };
}
