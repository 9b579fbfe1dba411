import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { EmbeddedServer } from './embedded-server.ts';
import type { Progress } from './progress.ts';
import { inSession } from './session.ts';
import { readScript, type SqlStep, splitSteps } from './sql-steps.ts';

/** The databases of the demo, named as their scripts below `demo/`. */
export const demoDatabases = ['residency', 'backtest'] as const;
export type DemoDatabase = (typeof demoDatabases)[number];

/** Settings that the demo's server needs beside the defaults; for `startEmbeddedServer`. */
export const demoServerSettings: Readonly<Record<string, string>> = {
  shared_preload_libraries: 'pg_stat_statements',
  // Times of reads and writes, which would be zeroes otherwise.
  track_io_timing: 'on',
  // The load writes some 500 MB of WAL in a short time; more room between checkpoints spares half of it.
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
};

export interface BuildOptions {
  readonly server: EmbeddedServer;
  /** Multiplies the rows: 1 is 80 people, 110,000 assignments and 10,000 backtests. Positive. */
  readonly scale?: number | undefined;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface DemoDatabases {
  /** False when both databases were there already (`--data` with a kept cluster). */
  readonly created: boolean;
  /** Connection string of the role `indexwarden`, which is a member of pg_monitor and may read the tables that probes read. */
  monitorUrl(database: DemoDatabase): string;
}

/**
 * Creates what is missing of the two databases, with data, and the role that watches them.
 * A database appears under its name when it is complete: one that was interrupted is built anew.
 * The role gets a new random password at each call, so that none is stored.
 */
export async function buildDemoDatabases(options: BuildOptions): Promise<DemoDatabases> {
  const { server, signal, progress } = options;
  const scale = options.scale ?? 1;
  if (!(scale > 0)) throw new RangeError(`the scale of the demo must be positive, not ${scale}`);
  const password = randomBytes(24).toString('base64url');

  const missing = await inSession(
    { server, database: 'postgres', purpose: 'set-up', signal },
    async (client) => {
      await createRole(client, password);
      const { rows } = await client.query<{ datname: string }>('select datname from pg_catalog.pg_database');
      const present = new Set(rows.map((row) => row.datname));
      const wanted = demoDatabases.filter((database) => !present.has(database));
      for (const database of wanted) {
        await client.query(`drop database if exists ${unfinished(database)}`);
        await client.query(`create database ${unfinished(database)} template template0`);
      }
      return wanted;
    },
  );

  const plans = await Promise.all(missing.map((database) => planOf(database, scale)));
  const total = plans.reduce((sum, plan) => sum + plan.steps.length + 1, 0);
  let done = 0;
  try {
    // One connection each: that is what two cores can do.
    await Promise.all(
      plans.map((plan) =>
        runPlan(server, plan, signal, (label) => {
          done += 1;
          progress?.step(done, total, `${plan.database}: ${label}`);
        }),
      ),
    );
  } finally {
    progress?.stop();
  }
  return {
    created: missing.length > 0,
    monitorUrl: (database) => server.urlFor('indexwarden', password, database),
  };
}

interface Plan {
  readonly database: DemoDatabase;
  readonly steps: readonly SqlStep[];
}

async function planOf(database: DemoDatabase, scale: number): Promise<Plan> {
  const script = (name: string) => readScript(`demo/${name}.sql`);
  const ageing = database === 'residency' ? splitSteps(await script('residency-ageing')) : [];
  const steps: SqlStep[] = [
    { label: 'tables and indexes', sql: await script(database) },
    // A number as JavaScript spells it: there is no quote in it to escape.
    { label: 'functions', sql: `set demo.scale = '${scale}';\n${await script('data-functions')}` },
    ...splitSteps(await script(`${database}-data`)),
    ...ageing,
  ];
  return { database, steps };
}

/** Of each plan, after its steps. */
const finishing = 'statistics';

async function runPlan(
  server: EmbeddedServer,
  plan: Plan,
  signal: AbortSignal | undefined,
  stepDone: (label: string) => void,
): Promise<void> {
  const database = unfinished(plan.database);
  await inSession({ server, database, purpose: 'load', signal }, async (client) => {
    await createExtensions(client);
    for (const step of plan.steps) {
      signal?.throwIfAborted();
      await client.query(step.sql);
      stepDone(step.label);
    }
  });
  await inSession({ server, database, purpose: 'maintenance', signal }, async (client) => {
    await vacuum(client);
    await client.query(await readScript('deploy/column-statistics-view.sql'));
    await client.query(await readScript(`demo/${plan.database}-probes.sql`));
    if (plan.database === 'residency') await failToBuildUniqueIndex(client);
  });
  await inSession({ server, database: 'postgres', purpose: 'set-up', signal }, async (client) => {
    await client.query(`alter database ${database} rename to ${plan.database}`);
  });
  stepDone(finishing);
}

/** Names of ours, so that there is nothing to quote. */
function unfinished(database: DemoDatabase): string {
  return `${database}_unfinished`;
}

async function createRole(client: pg.Client, password: string): Promise<void> {
  const { rowCount } = await client.query("select from pg_catalog.pg_roles where rolname = 'indexwarden'");
  if (rowCount === 0) await client.query(await readScript('demo/role.sql'));
  await client.query(`alter role indexwarden password '${password}'`);
}

/** Extensions that sharpen what can be seen, as far as this server has them. */
async function createExtensions(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    "select name from pg_catalog.pg_available_extensions where name in ('pgstattuple', 'pg_freespacemap', 'pg_stat_statements')",
  );
  for (const { name } of rows) await client.query(`create extension if not exists ${name}`);
}

/** What autovacuum would have done by now, were it given the time; it leaves email_logs alone, as it was told. */
async function vacuum(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ tables: string }>(
    `select string_agg(c.oid::regclass::text, ', ' order by c.relname) as tables
    from pg_catalog.pg_class c
    where c.relkind = 'r'
      and c.relnamespace = 'public'::regnamespace
      and coalesce(c.reloptions, '{}') <> '{autovacuum_enabled=false}'`,
  );
  for (const { tables } of rows) await client.query(`vacuum (analyze) ${tables}`);
}

/**
 * Two people share an address, so that this fails, and leaves the invalid index that a failed concurrent build leaves.
 * SQLSTATE 23505 is the failure that is wanted.
 */
async function failToBuildUniqueIndex(client: pg.Client): Promise<void> {
  try {
    await client.query('create unique index concurrently uq_people_email on people (email)');
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === '23505') return;
    throw error;
  }
  throw new Error('the unique index on people.email could be built, though two people share an address');
}
