import path from 'node:path';
import { median } from '../spec/statistics.ts';
import { withClient } from './catalogue.ts';
import { daemonOn } from './cycles.ts';
import type { Figure } from './figure.ts';
import { type CpuProfile, labelOf, parentsOf, readProfile, timeByNode } from './profile.ts';
import { type BenchServer, scratchFolder } from './server.ts';

interface Shape {
  readonly name: string;
  readonly n: number;
  readonly sql: (n: number) => readonly string[];
}

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, place) => place);
const inBatches = (statements: readonly string[], size: number): readonly string[] =>
  range(Math.ceil(statements.length / size)).map((batch) =>
    statements.slice(batch * size, (batch + 1) * size).join(';\n'),
  );

/** The server looks through all partitions of a table to add one: of fifty tables, fifty thousand are built in minutes and not in hours. */
const partedTables = 50;

/** What applications do not look like, and some do. */
const shapesOf = (isFull: boolean): readonly Shape[] => [
  {
    name: 'indexes on one table',
    n: isFull ? 4_000 : 1_000,
    sql: (n) => [
      `create table wide (id int primary key, ${range(60)
        .map((column) => `c${column} int`)
        .join(', ')})`,
      `insert into wide (id, c1) select g, g from generate_series(1, 2000) g`,
      ...inBatches(
        range(n).map((place) => {
          const [first, second, third] = [
            place % 60,
            (place * 7 + Math.floor(place / 60)) % 60,
            (place * 13 + Math.floor(place / 3_600) + 5) % 60,
          ];
          const columns = [...new Set(place % 5 === 0 ? [first] : [first, second, third])];
          return `create index wide_${place} on wide (${columns.map((column) => `c${column}`).join(', ')})`;
        }),
        250,
      ),
    ],
  },
  {
    name: 'partitions in one schema',
    n: isFull ? 25_000 : 2_500,
    sql: (n) => [
      ...range(partedTables).flatMap((table) => [
        `create table parted_${table} (id int not null, at int, kind int, primary key (id)) partition by list (id)`,
        `create index parted_${table}_kind on parted_${table} (kind, at)`,
      ]),
      ...inBatches(
        range(n).map((place) => {
          const of = `parted_${place % partedTables}`;
          return `create table ${of}_${place} partition of ${of} for values in (${place})`;
        }),
        250,
      ),
    ],
  },
  {
    name: 'foreign keys to one parent',
    n: isFull ? 10_000 : 5_000,
    sql: (n) => [
      'create table parent (id int primary key, code int unique)',
      ...inBatches(
        range(n / 10).map((table) => {
          const columns = range(10).map((column) => `p${column} int references parent`);
          const indexed = range(10).filter((column) => column % 2 === 0);
          return [
            `create table child_${table} (id int primary key, ${columns.join(', ')})`,
            ...indexed.map(
              (column) => `create index child_${table}_${column} on child_${table} (p${column})`,
            ),
          ].join(';\n');
        }),
        50,
      ),
    ],
  },
];

/** O(n log n) from n to 2 n, and what the smaller one gains from caches. */
const growthMax = 2.3;
/** What takes less than this with twice as many is lost in the sampling. */
const noticedMs = 40;
const passes = 9;

/**
 * The CPU of the main thread for each part of a pass, with n and with 2 n. Both are passed over in turn, so that whatever else the machine
 * does meets both; ratios are medians of the ratios of neighbours.
 */
export async function measureShapes(
  server: BenchServer,
  isFull: boolean,
  log: (line: string) => void,
): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const shape of shapesOf(isFull)) {
    const { name, n } = shape;
    const at = `${(2 * n).toLocaleString('en-US')} ${name}`;
    const [once, twice] = await timesOf(server, [
      await shapeDatabase(server, shape, n, log),
      await shapeDatabase(server, shape, 2 * n, log),
    ]);
    const msOf = (isPart: (part: string) => boolean): { readonly ms: number; readonly growth: number } => {
      const sum = (times: Times): number =>
        [...times].reduce((total, [part, ms]) => total + (isPart(part) ? ms : 0), 0);
      return {
        ms: median(twice.map(sum)),
        growth: median(twice.map((times, pass) => sum(times) / Math.max(1, sum(once[pass] ?? new Map())))),
      };
    };
    const growths = [...new Set(twice.flatMap((times) => [...times.keys()]))]
      .filter(isOurs)
      .map((part) => ({ part, ...msOf((one) => one === part) }))
      .filter(({ ms }) => ms >= noticedMs)
      .sort((a, b) => b.growth - a.growth);
    for (const { part, ms, growth } of growths)
      log(
        `  ${at}: ${part} ${ms.toFixed(0)} ms, ${growth.toFixed(2)} × as long as for half as many${growth > growthMax ? '  <<<' : ''}`,
      );
    const all = msOf(isJudging);
    figures.push(
      { ...{ piece: 'shapes', at, what: 'all detectors', unit: 'ms' }, value: all.ms },
      {
        ...{ piece: 'shapes', at, what: 'growth from half as many', unit: 'times', aim: growthMax, limit: 3 },
        value: all.ms < noticedMs ? Number.NaN : all.growth,
      },
      {
        ...{ piece: 'shapes', at, what: 'steepest of one detector', unit: 'times' },
        value: growths.find(({ part }) => isJudging(part))?.growth ?? Number.NaN,
      },
    );
  }
  return figures;
}

const isJudging = (part: string): boolean => part.startsWith('detector ') || part === 'agreement';
const isOurs = (part: string): boolean =>
  part !== 'idle' && part !== 'garbage collection' && part !== 'other';

/** The parts of a pass, by who was called first. */
const parts: readonly (readonly [pattern: RegExp, part: string])[] = [
  [/\/dist\/findings\/agree/, 'agreement'],
  [/\/dist\/analysis\/catalogue\./, 'catalogue'],
  [/\/dist\/history\//, 'history'],
  [/\/dist\/findings\//, 'ledger'],
  [/\/dist\/plan\//, 'SQL of findings'],
  [/\/dist\/metrics\//, 'metrics'],
  // What runs long work in slices calls everybody.
  [/\/dist\/store\/(?!in-slices\.)/, 'store'],
  [/\/dist\/report\//, 'report'],
  [/\/dist\/postgres\//, 'collection'],
];

/** A database of the shape; one that was built before is taken as it is. */
async function shapeDatabase(
  server: BenchServer,
  { name, sql }: Shape,
  n: number,
  log: (line: string) => void,
): Promise<string> {
  const database = `shape_${n}_${name.replaceAll(' ', '_')}`;
  const building = 'shape_being_built';
  await withClient(server.superuserUrl(), async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [database]);
    if (rowCount === 1) return;
    await client.query(`drop database if exists ${building} with (force)`);
    await client.query(`create database ${building} template template0`);
    const began = performance.now();
    for (const statements of sql(n))
      await withClient(server.superuserUrl(building), (inside) => inside.query(statements));
    await withClient(server.superuserUrl(building), (inside) => inside.query('analyze'));
    await client.query(`alter database ${building} rename to ${database}`);
    log(`  ${database}: built in ${((performance.now() - began) / 1000).toFixed(0)} s`);
  });
  return database;
}

/** Milliseconds of each part of a steady pass. */
type Times = ReadonlyMap<string, number>;

/** The times of the passes over each database. */
async function timesOf(
  server: BenchServer,
  [small, large]: readonly [string, string],
): Promise<readonly [readonly Times[], readonly Times[]]> {
  const folder = scratchFolder();
  const watched = (database: string) => ({ daemon: daemonOn({ server, database }), times: [] as Times[] });
  const both = [watched(small), watched(large)] as const;
  try {
    for (const { daemon } of both) await daemon.firstPass();
    for (let pass = 0; pass < passes; pass += 1)
      for (const { daemon, times } of both) {
        const file = path.join(folder, `${pass}.cpuprofile`);
        await daemon.ask('profile', { intervalUs: 500 });
        await daemon.pass();
        await daemon.ask('unprofile', { file });
        times.push(timeByPart(readProfile(file)));
      }
  } finally {
    for (const { daemon } of both) await daemon.stop();
  }
  return [both[0].times, both[1].times];
}

/** Milliseconds of each part of a pass. */
export function timeByPart(profile: CpuProfile): ReadonlyMap<string, number> {
  const frames = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const parents = parentsOf(profile);
  const times = new Map<string, number>();
  for (const [id, ms] of timeByNode(profile)) {
    const own = labelOf(frames.get(id));
    let part = own === '(idle)' ? 'idle' : own === '(garbage collector)' ? 'garbage collection' : 'other';
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const url = frames.get(at)?.url ?? '';
      const detector = /\/dist\/detectors\/([a-z-]+)\//.exec(url)?.[1];
      const found = parts.find(([pattern]) => pattern.test(url))?.[1];
      // The outermost counts: what a detector calls is the detector's.
      if (detector !== undefined) part = `detector ${detector}`;
      else if (found !== undefined) part = found;
    }
    times.set(part, (times.get(part) ?? 0) + ms);
  }
  return times;
}
