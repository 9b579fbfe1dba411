import { performance } from 'node:perf_hooks';
import pg from 'pg';
import { installBinaries } from '../../src/demo/binaries.ts';
import { type EmbeddedServer, startEmbeddedServer } from '../../src/demo/embedded-server.ts';
import type { Keys } from '../../src/demo/workload-statements.ts';
import { allMeasures } from './claims.ts';
import { createDatabases, type DatabaseName, type Volume } from './databases.ts';
import { drawFrom, type Lab, numberOf } from './measure.ts';
import type { Claim, Measurement, Row } from './model.ts';
import type { RunFacts } from './table.ts';
import { verdictOf } from './verdict.ts';

export interface RunOptions {
  readonly major: number;
  readonly runs: number;
  readonly scale: number;
  readonly claims: readonly Claim[];
  readonly log: (line: string) => void;
}

export interface SpecRun {
  readonly rows: readonly Row[];
  readonly facts: RunFacts;
}

const seed = 20_250_125;

/** Nothing runs beside the bench, and everything fits into memory. */
const settings: Readonly<Record<string, string>> = {
  autovacuum: 'off',
  shared_buffers: '1GB',
  maintenance_work_mem: '256MB',
  max_wal_size: '4GB',
  wal_level: 'minimal',
  max_wal_senders: '0',
};

/** Builds what the claims need, measures, and judges. A measurement that fails costs its claims their rows, and the others nothing. */
export async function runSpec(options: RunOptions): Promise<SpecRun> {
  const { claims, runs, scale, log } = options;
  const names = new Set(claims.flatMap(({ answer }) => (answer.kind === 'measured' ? answer.by : [])));
  // In the order of their declaration, in which writes come last.
  const measures = [...allMeasures].filter(([name]) => names.has(name));
  const volume: Volume = {
    scale,
    loadedRuns: Math.round(10_000 * scale),
    stressRuns: Math.round(100_000 * scale),
  };
  const binaries = await installBinaries(options.major, { log });
  if (binaries.kind === 'missing') throw new Error(binaries.remedy);
  const server = await startEmbeddedServer({ binaries, settings });
  const connections = new Map<DatabaseName, pg.Client>();
  try {
    const databases = new Set<DatabaseName>(measures.flatMap(([, { needs }]) => needs));
    await createDatabases(server, databases, volume, log);
    for (const name of databases) connections.set(name, await connect(server, name));
    const lab = await labOf(connections, options, volume);
    const found = new Map<string, Measurement | Error>();
    for (const [name, { run }] of measures) {
      const began = performance.now();
      found.set(name, await run(lab).catch(asError));
      log(`${name}, after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    }
    return {
      rows: claims.map((claim) => rowOf(claim, found)),
      facts: {
        postgresVersion: await versionOf(server),
        runs,
        fewestRuns: fewestOf([...found.values()], runs),
        scale,
        rows: await rowsOf(connections),
        settings: Object.entries(settings),
      },
    };
  } finally {
    for (const client of connections.values()) await client.end().catch(() => {});
    await server.close('immediate');
  }
}

function rowOf(claim: Claim, found: ReadonlyMap<string, Measurement | Error>): Row {
  const { answer } = claim;
  const results = answer.kind === 'measured' ? answer.by.map((name) => found.get(name)) : [];
  const failed = results.find((result) => result === undefined || result instanceof Error);
  if (results.some((result) => result === undefined || result instanceof Error))
    return {
      claim,
      measurements: [],
      verdict: { kind: 'not measured', why: failed?.message ?? 'nobody measured it' },
    };
  const measurements = results.flatMap((result) =>
    result === undefined || result instanceof Error ? [] : [result],
  );
  return { claim, measurements, verdict: verdictOf(answer, measurements) };
}

/** A statement that takes long is asked less often. */
const fewestOf = (results: readonly (Measurement | Error)[], runs: number): number =>
  Math.min(
    runs,
    ...results.flatMap((result) => {
      if (result instanceof Error) return [];
      if (result.kind === 'timed') return [result.timing.runs];
      return result.kind === 'compared' ? [result.before.runs, result.after.runs] : [];
    }),
  );

const asError = (caught: unknown): Error => (caught instanceof Error ? caught : new Error(String(caught)));

async function connect(server: EmbeddedServer, name: DatabaseName): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.superuserUrl(name) });
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function labOf(
  connections: ReadonlyMap<DatabaseName, pg.Client>,
  { runs }: RunOptions,
  volume: Volume,
): Promise<Lab> {
  const connection = (name: DatabaseName): pg.Client => {
    const client = connections.get(name);
    if (client === undefined) throw new Error(`${name} was not asked for`);
    return client;
  };
  const keys = new Map<DatabaseName, Keys>();
  for (const [name, client] of connections) keys.set(name, await keysOf(name, client));
  const now = new Date();
  return {
    runs,
    volume,
    connection,
    draw: (name) => drawFrom(keys.get(name) ?? noKeys, now, seed),
  };
}

const noKeys: Keys = { people: [], users: [], usernames: [], assignments: [], runs: [], strategies: [] };

async function keysOf(name: DatabaseName, client: pg.Client): Promise<Keys> {
  const column = async (sql: string): Promise<readonly string[]> => {
    const { rows } = await client.query<{ value: string }>(sql);
    return rows.map(({ value }) => value);
  };
  return name.startsWith('residency')
    ? {
        ...noKeys,
        people: await column('select id as value from people order by id limit 500'),
        users: await column('select id as value from users order by id limit 500'),
        usernames: await column('select username as value from users order by id limit 500'),
        assignments: await column('select id as value from assignments order by id limit 2000'),
      }
    : {
        ...noKeys,
        // Spread over all runs: keys are hashes.
        runs: await column('select id as value from backtest_runs order by id limit 2000'),
        strategies: await column('select distinct strategy_name as value from backtest_runs order by 1'),
      };
}

async function versionOf(server: EmbeddedServer): Promise<string> {
  const client = new pg.Client({ connectionString: server.superuserUrl() });
  await client.connect();
  try {
    const { rows } = await client.query<{ server_version: string }>('show server_version');
    return rows[0]?.server_version ?? 'unknown';
  } finally {
    await client.end();
  }
}

/** Of the tables that the claims are about. */
const counted: readonly (readonly [what: string, database: DatabaseName, table: string])[] = [
  ['assignments', 'residency_before', 'assignments'],
  ['notifications', 'residency_before', 'notifications'],
  ['resilience events', 'residency_before', 'resilience_events'],
  ['health checks', 'residency_before', 'resilience_health_checks'],
  ['swaps', 'residency_before', 'swap_records'],
  ['people', 'residency_before', 'people'],
  ['backtest runs, loaded', 'backtest_loaded', 'backtest_runs'],
  ['backtest runs, stress', 'backtest_stress', 'backtest_runs'],
];

async function rowsOf(
  connections: ReadonlyMap<DatabaseName, pg.Client>,
): Promise<readonly (readonly [string, number])[]> {
  const rows: (readonly [string, number])[] = [];
  for (const [what, database, table] of counted) {
    const client = connections.get(database);
    if (client !== undefined)
      rows.push([what, await numberOf(client, `select count(*) as value from ${table}`)]);
  }
  return rows;
}
