import type pg from 'pg';
import { collectorNames, collectors } from '../../src/collectors/index.ts';
import { readQuery } from '../../src/postgres/queries.ts';
import { longestIntervalMs } from '../../src/scheduler/interval.ts';

const dayMs = 86_400_000;
const minuteMs = 60_000;

/**
 * Milliseconds of execution that the default schedules come to in a day, from what pg_stat_statements counted of `passes` passes in
 * which everything was due. A collector is known by the first line of its query; what is no collector's, such as the settings of each
 * transaction, counts as often as the most frequent.
 */
export async function execMsPerDay(superuser: pg.Client, passes: number, role = 'watcher'): Promise<number> {
  const perDay = runsPerDay();
  const { rows } = await superuser.query<{ query: string; ms: number }>(
    `select query, total_exec_time + total_plan_time as ms from pg_stat_statements where userid = $1::regrole`,
    [role],
  );
  return rows.reduce((sum, { query, ms }) => {
    const firstLine = query.split('\n', 1)[0] ?? '';
    return sum + (ms / passes) * (perDay.get(firstLine) ?? dayMs / minuteMs);
  }, 0);
}

/** By the first line of a query: how often it is run in a day. */
function runsPerDay(): ReadonlyMap<string, number> {
  const entries = collectorNames.flatMap((name) => {
    const { schedule, variants } = collectors[name];
    const intervalMs = longestIntervalMs(schedule, 'UTC') ?? minuteMs;
    return variants.map(
      ({ file }) => [readQuery(file).trimStart().split('\n', 1)[0] ?? '', dayMs / intervalMs] as const,
    );
  });
  // Definitions are read with each inventory.
  const inventory = entries.find(([line]) => line === readQuery('indexes.sql').split('\n', 1)[0])?.[1] ?? 0;
  return new Map([...entries, [readQuery('definitions.sql').split('\n', 1)[0] ?? '', inventory]]);
}
