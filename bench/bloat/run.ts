import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { BloatBaseline } from '../../src/analysis/bloat/bloat.ts';
import { liveCounts, liveEntries } from '../../src/analysis/bloat/estimate.ts';
import { buildCatalogue, type Catalogue, type IndexView } from '../../src/analysis/catalogue.ts';
import type { Snapshot } from '../../src/collectors/snapshot.ts';
import { installBinaries } from '../../src/demo/binaries.ts';
import { type EmbeddedServer, startEmbeddedServer } from '../../src/demo/embedded-server.ts';
import { MiB } from '../../src/model/units.ts';
import type { Session } from '../../src/postgres/session.ts';
import { measure, snapshotOf } from '../../test/support/bloat.ts';
import { openSession } from '../../test/support/watching.ts';
import type { BenchRun, BenchSet, RecordedIndex, Recording } from './cases.ts';
import { type Connect, indexName, start, take, touchedIndex } from './life.ts';
import type { TablePlan } from './plan.ts';

/** Time and size by function. */
type Spent = Map<string, { mib: number; ms: number }>;

/** Builds the planned tables on an embedded server of one major, measures them as the daemon would, and rebuilds every index. */
export async function runBench(
  major: number,
  sets: readonly (readonly [set: BenchSet, plans: readonly TablePlan[]])[],
  log: (line: string) => void,
): Promise<BenchRun> {
  const binaries = await installBinaries(major, { log });
  if (binaries.kind === 'missing') throw new Error(binaries.remedy);
  const server = await startEmbeddedServer({
    binaries,
    settings: {
      autovacuum: 'off',
      shared_buffers: '512MB',
      max_wal_size: '4GB',
      wal_level: 'minimal',
      max_wal_senders: '0',
      synchronous_commit: 'off',
      maintenance_work_mem: '128MB',
    },
  });
  try {
    const spent: Spent = new Map();
    const password = randomBytes(12).toString('hex');
    await withClient(server.superuserUrl(), (client) =>
      client.query(`create role monitor login password '${password}' in role pg_monitor`),
    );
    const recordings: Recording[] = [];
    const waiting = sets.flatMap(([set, plans]) => plans.map((plan) => ({ set, plan })));
    const began = performance.now();
    // Two at a time, as many as cores that such a machine is sure to have; each in a database of its own, since a transaction keeps
    // VACUUM from removing rows in its whole database.
    const lanes = [1, 2].map(async (number) => {
      const lane = await openLane(server, `lane_${number}`, password, spent);
      try {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          recordings.push(await livePlan(lane, major, next.set, next.plan));
          const seconds = Math.round((performance.now() - began) / 1000);
          log(`PostgreSQL ${major}: ${next.plan.name} (${next.plan.life}) done after ${seconds} s`);
        }
      } finally {
        await lane.close();
      }
    });
    await Promise.all(lanes);
    return { recordings, cost: [...spent].map(([name, { mib, ms }]) => ({ function: name, mib, ms })) };
  } finally {
    await server.close('immediate');
  }
}

/** A database with its connections: the superuser's, who builds, and that of the role which may only look. */
interface Lane {
  readonly connect: Connect;
  readonly monitor: Session;
  readonly owner: Session;
  readonly reader: pg.Client;
  readonly spent: Spent;
  readonly close: () => Promise<void>;
}

async function openLane(
  server: EmbeddedServer,
  database: string,
  password: string,
  spent: Spent,
): Promise<Lane> {
  await withClient(server.superuserUrl(), (client) => client.query(`create database ${database}`));
  const superuserUrl = server.superuserUrl(database);
  const monitorUrl = server.urlFor('monitor', password, database);
  const connect: Connect = (work) => withClient(superuserUrl, work);
  await connect((client) => client.query('create extension pgstattuple; create extension pg_freespacemap'));
  const monitor = await openSession(monitorUrl);
  const owner = await openSession(superuserUrl);
  const reader = new pg.Client(monitorUrl);
  await reader.connect();
  const close = async (): Promise<void> => {
    await reader.end();
    await monitor.close();
    await owner.close();
  };
  return { connect, monitor, owner, reader, spent, close };
}

/** One table from its beginning to the rebuild of its indexes. */
async function livePlan(lane: Lane, major: number, set: BenchSet, plan: TablePlan): Promise<Recording> {
  const { connect, reader } = lane;
  const progress = await start(plan, connect);
  const baselines = new Map<string, BloatBaseline>();
  if (plan.start === 'built') {
    for (const index of catalogueOf(await snapshotOf(lane.monitor)).indexes) {
      const baseline = await baselineOf(index, reader);
      if (baseline !== undefined) baselines.set(index.name, baseline);
    }
  }
  for (const step of plan.steps) await take(step, plan, progress, connect);

  const seen = await snapshotOf(lane.monitor);
  const told = await snapshotOf(lane.owner);
  const planned = new Map(
    [touchedIndex, ...plan.indexes].map((index) => [indexName(plan, index), index] as const),
  );
  const measured: Omit<RecordedIndex, 'rebuiltBytes'>[] = [];
  for (const index of catalogueOf(seen).indexes) {
    const origin = planned.get(index.name);
    if (origin === undefined) continue;
    const baseline = baselines.get(index.name);
    measured.push({
      major,
      set,
      oid: index.oid,
      index: index.name,
      definition: origin.definition,
      group: origin.group,
      life: plan.life,
      knowledge: {
        ...(await measure(index, reader, (name, view, ms) => count(lane.spent, name, view, ms))),
        ...(baseline === undefined ? {} : { baseline }),
      },
      leafFree: await leafFreeOf(index, reader, lane.spent),
    });
  }
  await connect((client) => rebuild(client, plan, measured));
  const after = catalogueOf(await snapshotOf(lane.monitor));
  await connect((client) => client.query(`drop table ${plan.name}`));
  const indexes = measured.flatMap((index) => {
    const rebuiltBytes = after.indexes.find((view) => view.oid === index.oid)?.sizeBytes;
    return rebuiltBytes === undefined ? [] : [{ ...index, rebuiltBytes }];
  });
  return { seen, told, indexes };
}

/**
 * Rebuilds one index after the other, each as if it were the first: a rebuild also stores how many rows it met, by which the next hash index
 * would be sized.
 */
async function rebuild(
  client: pg.Client,
  plan: TablePlan,
  indexes: readonly { readonly index: string }[],
): Promise<void> {
  const { rows } = await client.query<{ reltuples: number; relpages: number }>(
    'select reltuples, relpages from pg_class where oid = $1::regclass',
    [plan.name],
  );
  await untilDead(client);
  for (const { index } of indexes) {
    await client.query(`reindex index ${index}`);
    await client.query('update pg_class set reltuples = $2, relpages = $3 where oid = $1::regclass', [
      plan.name,
      rows[0]?.reltuples,
      rows[0]?.relpages,
    ]);
  }
}

/**
 * Waits until no transaction is left that began before now, in any database: a snapshot looks back as far as the oldest of them, and a
 * rebuild keeps entries of rows that were deleted since.
 */
async function untilDead(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ xid: string }>('select pg_current_xact_id()::text as xid');
  const deadline = performance.now() + 300_000;
  for (;;) {
    const { rows: oldest } = await client.query<{ xid: string }>(
      'select pg_snapshot_xmin(pg_current_snapshot())::text as xid',
    );
    if (BigInt(oldest[0]?.xid ?? 0) > BigInt(rows[0]?.xid ?? 0)) return;
    if (performance.now() > deadline) throw new Error('an old transaction keeps deleted rows alive');
    await delay(50);
  }
}

const catalogueOf = (snapshot: Snapshot): Catalogue => buildCatalogue(snapshot, () => true);

async function baselineOf(index: IndexView, reader: pg.Client): Promise<BloatBaseline | undefined> {
  const entries = liveEntries(index);
  if (index.sizeBytes === undefined || entries === undefined || entries <= 0) return undefined;
  const { scan } = await measure(index, reader);
  return {
    atMs: Date.now(),
    expectedBytes: index.sizeBytes,
    liveEntries: entries,
    counts: liveCounts(index),
    freshDensity: scan === undefined ? null : scan.tupleBytes / scan.sizeBytes,
    ...(scan === undefined ? {} : { fresh: { tupleCount: scan.tupleCount, tupleBytes: scan.tupleBytes } }),
    source: 'rebuild',
  };
}

/** What is read out of pgstatindex by those who use it: the free part of the leaves; NaN of an empty index is nothing. */
async function leafFreeOf(index: IndexView, reader: pg.Client, spent: Spent): Promise<number | null> {
  if (index.fact.accessMethod !== 'btree') return null;
  const began = performance.now();
  const { rows } = await reader.query<{ density: number }>(
    'select avg_leaf_density as density from pgstatindex($1::oid::regclass)',
    [index.oid],
  );
  count(spent, 'pgstatindex', index, performance.now() - began);
  const density = rows[0]?.density;
  return density === undefined || !Number.isFinite(density) ? null : 1 - density / 100;
}

function count(spent: Spent, name: string, index: IndexView, ms: number): void {
  const sofar = spent.get(name) ?? { mib: 0, ms: 0 };
  spent.set(name, { mib: sofar.mib + (index.sizeBytes ?? 0) / MiB, ms: sofar.ms + ms });
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
