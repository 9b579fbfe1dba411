import pg from 'pg';
import { dayMs } from '../../src/model/units.ts';
import type { Plan } from '../../src/plan/script/plan.ts';
import { look } from '../support/look.ts';
import { factsFrom, planFrom } from '../support/planning.ts';
import { createDatabase, type TestServer, withConnection } from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';

/** A table with a foreign key to index and two copies of an index, and one that is partitioned. */
const schema = [
  'create table p (id int primary key)',
  'insert into p select generate_series(1, 1500)',
  'create table t (id int primary key, p_id int references p, a int)',
  'insert into t select g, g, g from generate_series(1, 1500) g',
  'create index t_a on t (a)',
  'create index t_a_again on t (a)',
  'create table w (id int, x int) partition by range (id)',
  'create table w1 partition of w for values from (0) to (3000)',
  'insert into w select g, g from generate_series(1, 1500) g',
  'create index w_x on w (x)',
  'create index w_x_again on w (x)',
  'analyze',
  'select count(*) from t',
  'select count(*) from w',
];

export interface Stage {
  readonly url: string;
  readonly name: string;
  /** The index that the plan drops. */
  readonly dropped: string;
  /** The index that it creates. */
  readonly created: string;
  readonly creation: Plan;
  readonly drop: Plan;
  readonly all: Plan;
  remove(): Promise<void>;
}

export async function stage(server: TestServer): Promise<Stage> {
  const { url, name, drop: remove } = await createDatabase(server, 'scripts');
  await withConnection(url, async (client) => {
    for (const statement of schema) await client.query(statement);
  });
  const facts = factsFrom(await look(url));
  const all = planFrom(facts);
  const creation = planFrom(facts, { scope: 'create' });
  const drop = planFrom(facts, { scope: 'drop' });
  const dropped = drop.steps.find(({ relname, kind }) => relname === 't' && kind === 'drop')?.indexrelname;
  if (dropped === undefined || dropped === null) throw new Error('nothing to drop');
  return { url, name, dropped, created: 'ix_t_p_id', creation, drop, all, remove };
}

/** The plan as it would be in the hands of somebody a week later. */
export const expired = (plan: Plan): Plan => ({
  ...plan,
  madeAtMs: plan.madeAtMs - 8 * dayMs,
  expiresAtMs: plan.madeAtMs - dayMs,
});

/** A transaction that has written to the table and does not end before `work` does. */
export async function whileWriting<T>(url: string, work: () => Promise<T>): Promise<T> {
  return withConnection(url, async (client) => {
    await client.query('begin');
    await client.query('insert into t values (5000, 1, 1)');
    try {
      return await work();
    } finally {
      await client.query('rollback');
    }
  });
}

/** Starts a statement, waits until it waits for a lock, and cancels it; resolves with the error it ends with. */
export async function cancelled(url: string, statement: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const pid = rows[0]?.pid ?? 0;
    const ended = client.query(statement).then(
      () => 'it ended well',
      (error: Error) => error.message,
    );
    await waits(url, pid);
    await withConnection(url, (other) => other.query('select pg_cancel_backend($1)', [pid]));
    return await ended;
  } finally {
    await client.end();
  }
}

export const waits = (url: string, pid: number): Promise<void> =>
  withConnection(url, (client) =>
    eventually(`process ${pid} to wait for a lock`, async () => {
      const { rowCount } = await client.query(
        "select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'",
        [pid],
      );
      return rowCount === 1;
    }),
  );

/** Valid and ready, as `true true`; undefined where there is no such index. */
export const stateOf = (url: string, index: string): Promise<string | undefined> =>
  withConnection(url, async (client) => {
    const { rows } = await client.query<{ state: string }>(
      "select i.indisvalid::text || ' ' || i.indisready::text as state from pg_index i where i.indexrelid = to_regclass($1)",
      [index],
    );
    return rows[0]?.state;
  });
