import type pg from 'pg';
import { eventually } from '../../test/support/processes.ts';
import type { IndexPlan, Step, TablePlan } from './plan.ts';

/** A connection for the time of `work`; its counters are reported when it ends. */
export type Connect = <T>(work: (client: pg.Client) => Promise<T>) => Promise<T>;

interface Progress {
  nextRow: number;
  inserted: number;
  updated: number;
  deleted: number;
}

/** Rows of a table that a step may speak of: how many there were at first. */
const keptColumns = 'g int8 not null, touched int4 not null default 0';

/** Creates the table and its indexes and loads it, as far as the daemon would have seen it before anything happened to it. */
export async function start(plan: TablePlan, connect: Connect): Promise<Progress> {
  const progress: Progress = { nextRow: 1, inserted: 0, updated: 0, deleted: 0 };
  await connect(async (client) => {
    const described = plan.columns.map((column) => `${column.name} ${column.type}`);
    await client.query(`create table ${plan.name} (${[keptColumns, ...described].join(', ')})`);
    if (plan.start === 'grown') await createIndexes(plan, client);
  });
  await insert(plan, plan.rows, progress, connect);
  if (plan.start === 'built') await connect((client) => createIndexes(plan, client));
  return progress;
}

export async function take(step: Step, plan: TablePlan, progress: Progress, connect: Connect): Promise<void> {
  const { name, rows } = plan;
  switch (step.kind) {
    case 'insert':
      return insert(plan, Math.round(rows * step.share), progress, connect);
    case 'delete-scattered':
      return change(plan, progress, connect, 'deleted', `delete from ${name} where ${chosen(step)}`);
    case 'delete-range':
      return change(
        plan,
        progress,
        connect,
        'deleted',
        `delete from ${name} where g in (
           select b.g from (select a.g, percent_rank() over (order by a.g) as place from ${name} a) b
           where b.place >= ${step.from} and b.place < ${step.from + step.share})`,
      );
    case 'update': {
      const values = plan.columns
        .filter((column) => step.columns?.includes(column.name))
        .map((column) => `${column.name} = ${sqlOf(column.value, plan)}`);
      const sets = ['touched = touched + 1', ...values].join(', ');
      return change(plan, progress, connect, 'updated', `update ${name} set ${sets} where ${chosen(step)}`);
    }
    case 'vacuum':
    case 'analyze':
    case 'truncate':
      await connect((client) => client.query(`${step.kind} ${name}`));
      return;
    default:
      step satisfies never;
  }
}

export const indexName = (plan: TablePlan, index: IndexPlan): string => `${plan.name}__${index.name}`;

async function createIndexes(plan: TablePlan, client: pg.Client): Promise<void> {
  // What keeps updates from being HOT: an index that every update changes. Measured like the others.
  for (const index of [touchedIndex, ...plan.indexes]) {
    const kind = index.isUnique === true ? 'unique index' : 'index';
    await client.query(`create ${kind} ${indexName(plan, index)} on ${plan.name} ${index.definition}`);
  }
}

export const touchedIndex: IndexPlan = {
  name: 'touched',
  group: 'btree merged',
  definition: 'using btree (touched)',
};

const chosen = (step: { readonly share: number; readonly salt: number }): string =>
  step.share >= 1
    ? 'true'
    : `((hashint8extended(g, ${step.salt}) % 10000) + 10000) % 10000 < ${Math.round(step.share * 10_000)}`;

const sqlOf = (value: string, plan: TablePlan): string => value.replaceAll(/\brows\b/g, String(plan.rows));

/** Single-row statements' effect in few statements: rows arrive in the order of their numbers, a thousand to a statement. */
async function insert(plan: TablePlan, rows: number, progress: Progress, connect: Connect): Promise<void> {
  const from = progress.nextRow;
  const names = ['g', ...plan.columns.map((column) => column.name)].join(', ');
  const values = ['g', ...plan.columns.map((column) => sqlOf(column.value, plan))].join(', ');
  progress.nextRow += rows;
  await change(
    plan,
    progress,
    connect,
    'inserted',
    `insert into ${plan.name} (${names}) select ${values} from generate_series(${from}::int8, ${from + rows - 1}::int8) g`,
    (plan.randomSeed + from / 1e9) % 1,
  );
}

/** Runs one statement in a connection of its own and waits until the counters hold what it did. */
async function change(
  plan: TablePlan,
  progress: Progress,
  connect: Connect,
  what: 'inserted' | 'updated' | 'deleted',
  sql: string,
  seed = plan.randomSeed,
): Promise<void> {
  await connect(async (client) => {
    await client.query('select setseed($1)', [seed]);
    const { rowCount } = await client.query(sql);
    progress[what] += rowCount ?? 0;
  });
  await connect((client) =>
    eventually(`counters of ${plan.name}`, async () => {
      const { rows } = await client.query<{ total: string }>(
        `select n_tup_ins + n_tup_upd + n_tup_del as total from pg_stat_user_tables where relname = $1`,
        [plan.name],
      );
      return Number(rows[0]?.total) >= progress.inserted + progress.updated + progress.deleted;
    }),
  );
}
