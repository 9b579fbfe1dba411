import { readFileSync } from 'node:fs';
import type pg from 'pg';

/** What pg_stat_statements counted of one role. */
export interface ServerCost {
  readonly statements: number;
  readonly execMs: number;
  readonly buffers: number;
}

/** Forgets what was counted so far. */
export async function resetStatements(superuser: pg.Client): Promise<void> {
  await superuser.query('select pg_stat_statements_reset()');
}

/** The cost of what the role has run since the reset; planning counts only where the server tracks it. */
export async function statementsCost(superuser: pg.Client, role = 'watcher'): Promise<ServerCost> {
  const { rows } = await superuser.query<{ statements: number; ms: number; buffers: number }>(
    `select sum(s.calls)::float8 as statements, sum(s.total_exec_time + s.total_plan_time)::float8 as ms,
       sum(s.shared_blks_hit + s.shared_blks_read)::float8 as buffers
     from pg_stat_statements s where s.userid = $1::regrole`,
    [role],
  );
  const [row] = rows;
  return { statements: row?.statements ?? 0, execMs: row?.ms ?? 0, buffers: row?.buffers ?? 0 };
}

/** CPU that a process has used so far, all threads, user and system, in ms; undefined where there is no /proc. */
export function cpuMsOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Fields 14 and 15 of the whole line, in clock ticks, of which Linux shows a hundred a second on every architecture.
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return undefined;
  }
}
