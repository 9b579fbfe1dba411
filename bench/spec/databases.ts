import pg from 'pg';
import { loadConfig } from '../../src/config/load.ts';
import { formatConfigError } from '../../src/config/problems.ts';
import type { EmbeddedServer } from '../../src/demo/embedded-server.ts';
import { readScript, splitSteps } from '../../src/demo/sql-steps.ts';
import { missingExpectedIndex } from '../../src/detectors/missing-expected-index/detector.ts';
import { declarations } from '../../src/watch/declarations.ts';
import { planOnce } from '../../src/watch/plan.ts';
import { inRepository } from '../../test/support/repository.ts';
import type { SpecDocument } from './model.ts';

/** How many rows there are. */
export interface Volume {
  /** Multiplies the residency scheduler: 1 is 80 people and some 110,000 assignments. */
  readonly scale: number;
  /** Runs of the loaded and of the stressed backtest database. */
  readonly loadedRuns: number;
  readonly stressRuns: number;
}

interface Recipe {
  readonly describes: string;
  readonly from: DatabaseName | undefined;
  readonly make: (url: string, volume: Volume) => Promise<void>;
}

const databaseNames = [
  'residency_before',
  'residency_after',
  'backtest_empty',
  'backtest_bare',
  'backtest_loaded',
  'backtest_uncovered',
  'backtest_default_class',
  'backtest_stress',
  'backtest_stress_default_class',
] as const;
export type DatabaseName = (typeof databaseNames)[number];

const defaultClass = 'create index idx_backtest_runs_config_gin on backtest_runs using gin (config_snapshot)';

/** What each database holds. Those that are compared are copies of one, so that their rows lie in the same places. */
export const recipes: Readonly<Record<DatabaseName, Recipe>> = {
  residency_before: {
    describes: 'the residency scheduler with the 26 indexes that its report lists',
    from: undefined,
    make: async (url, { scale }) => load(url, 'residency', scale),
  },
  residency_after: {
    describes: 'the same with the 28 of expectations/residency.yaml, as indexwarden plan builds them',
    from: 'residency_before',
    make: async (url) => buildExpected(url, 'residency'),
  },
  backtest_empty: {
    describes: 'backtest metadata without a run, all indexes of expectations/backtest.yaml',
    from: undefined,
    make: async (url) => {
      await runScript(url, await readScript('demo/backtest.sql'));
      await dropPlainIndexes(url);
      await buildExpected(url, 'backtest');
    },
  },
  backtest_bare: {
    describes: 'the loaded runs with nothing but primary keys',
    from: undefined,
    make: async (url, { loadedRuns }) => loadBacktest(url, loadedRuns),
  },
  backtest_loaded: {
    describes: 'the loaded runs with all indexes of expectations/backtest.yaml',
    from: 'backtest_bare',
    make: async (url) => buildExpected(url, 'backtest'),
  },
  backtest_uncovered: {
    describes: 'the same without the covering index',
    from: 'backtest_loaded',
    make: async (url) => runScript(url, 'drop index idx_backtest_runs_list_covering'),
  },
  backtest_default_class: {
    describes: 'the same with jsonb_ops in place of jsonb_path_ops',
    from: 'backtest_loaded',
    make: async (url) => runScript(url, `drop index idx_backtest_runs_config_gin; ${defaultClass}`),
  },
  backtest_stress: {
    describes: 'ten times the runs with all indexes',
    from: undefined,
    make: async (url, { stressRuns }) => {
      await loadBacktest(url, stressRuns);
      await buildExpected(url, 'backtest');
    },
  },
  backtest_stress_default_class: {
    describes: 'ten times the runs with jsonb_ops in place of jsonb_path_ops',
    from: 'backtest_stress',
    make: async (url) => runScript(url, `drop index idx_backtest_runs_config_gin; ${defaultClass}`),
  },
};

/** Creates the databases and those they are copied from, vacuumed and analysed, one after the other. */
export async function createDatabases(
  server: EmbeddedServer,
  wanted: ReadonlySet<DatabaseName>,
  volume: Volume,
  log: (line: string) => void,
): Promise<void> {
  const origins = (name: DatabaseName): readonly DatabaseName[] => {
    const { from } = recipes[name];
    return from === undefined ? [name] : [...origins(from), name];
  };
  const needed = new Set([...wanted].flatMap(origins));
  // In their order here, each stands behind the one it is copied from.
  for (const name of databaseNames.filter((one) => needed.has(one))) {
    const began = performance.now();
    const { from, make, describes } = recipes[name];
    await withClient(server.superuserUrl(), (client) =>
      client.query(`create database ${name} template ${from ?? 'template0'}`),
    );
    const url = server.superuserUrl(name);
    await make(url, volume);
    await withClient(url, (client) => client.query('vacuum (analyze)'));
    log(`${name}: ${describes}, after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }
  await withClient(server.superuserUrl(), (client) => client.query('checkpoint'));
}

/** Schema and data of the demo, in one session, as the demo loads them. */
async function load(url: string, document: SpecDocument, scale: number): Promise<void> {
  await runScript(url, await readScript(`demo/${document}.sql`));
  await loadData(url, document, scale);
}

/** Without its indexes while it is loaded: they are built when the rows are there, as a plan would. */
async function loadBacktest(url: string, runs: number): Promise<void> {
  await runScript(url, await readScript('demo/backtest.sql'));
  await dropPlainIndexes(url);
  await loadData(url, 'backtest', runs / 10_000);
}

/** Steps that make a database older than it need be for a comparison: they leave dead rows in every page. */
const ageingSteps: readonly string[] = ['strategies renamed'];

async function loadData(url: string, document: SpecDocument, scale: number): Promise<void> {
  const functions = await readScript('demo/data-functions.sql');
  const steps = splitSteps(await readScript(`demo/${document}-data.sql`));
  await withClient(url, async (client) => {
    await client.query(`set demo.scale = '${scale}';\n${functions}`);
    for (const { label, sql } of steps) if (!ageingSteps.includes(label)) await client.query(sql);
  });
}

/** Drops every index that no constraint rests on. */
async function dropPlainIndexes(url: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `select i.indexrelid::regclass::text as name from pg_index i join pg_class c on c.oid = i.indexrelid
       where c.relnamespace = 'public'::regnamespace
         and not exists (select from pg_constraint k where k.conindid = i.indexrelid)`,
    );
    for (const { name } of rows) await client.query(`drop index ${name}`);
  });
}

/** Builds what the manifest expects and the database lacks, by the statements that `indexwarden plan --for create` prints. */
async function buildExpected(url: string, document: SpecDocument): Promise<void> {
  const file = inRepository('expectations', `${document}.yaml`);
  const loaded = loadConfig({
    ...declarations,
    env: {},
    document: { servers: [{ name: 'bench', primary: { url }, expectations: [{ file }] }] },
  });
  if (!loaded.ok) throw new Error(formatConfigError(loaded.error));
  const planned = await planOnce({
    config: loaded.value.config,
    detectors: [missingExpectedIndex],
    request: { scope: 'create', findings: [] },
    target: undefined,
    docsBaseUrl: '/docs',
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    signal: new AbortController().signal,
  });
  if (!planned.ok) throw new Error(planned.error.message);
  await withClient(url, async (client) => {
    for (const { statements } of planned.value.steps)
      for (const statement of statements) await client.query(statement);
  });
}

const runScript = async (url: string, script: string): Promise<void> => {
  await withClient(url, (client) => client.query(script));
};

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
