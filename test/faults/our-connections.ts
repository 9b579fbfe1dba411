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
          const { rows } = await client.query<{ application_name: string }>(
            'select application_name from pg_stat_activity where usename = $1',
            [role],
          );
          looks += 1;
          most = Math.max(most, rows.length);
          for (const { application_name } of rows) names.add(application_name);
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
