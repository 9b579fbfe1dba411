import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { type LoadedConfig, loadConfig } from '../../src/config/load.ts';
import { formatConfigError } from '../../src/config/problems.ts';
import { configFileSchema } from '../../src/config/schema.ts';
import { detectors } from '../../src/detectors/index.ts';
import { err, type Result } from '../../src/model/result.ts';
import { MiB } from '../../src/model/units.ts';
import { linesSvg } from '../../src/report/chart/lines.ts';
import { startDaemon } from '../../src/watch/daemon.ts';
import { declarations } from '../../src/watch/declarations.ts';
import { createDatabase, runOn, startPostgres } from '../support/postgres.ts';
import { startProxy, through } from '../support/proxy.ts';
import { inRepository, readText } from '../support/repository.ts';
import { neverScheduled } from '../support/watching.ts';
import { shopSchema } from './faulty-daemon.ts';
import { soakFaults, type Victim } from './soak-faults.ts';
import { measure, type Sample, type Trend, trendOf } from './soak-measure.ts';

/*
 * npm run soak [-- --cycles 10000] [-- --short] [-- --write] [-- --seed N] [-- --calm]
 *
 * A daemon that collects as fast as it can while things break around it. Ends with 1 where something grew.
 * --calm leaves the breaking out: what grows then, grows by itself.
 */

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '10000' },
    short: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    calm: { type: 'boolean', default: false },
  },
});
const cycles = values.short ? 300 : Number(values.cycles);
if (!Number.isInteger(cycles) || cycles < 100)
  throw new Error(`--cycles ${values.cycles} is no count from 100`);

/** One cycle in so many has a fault. */
const faultEvery = 6;
/** The store is taken away less often: one that is lost again within a minute is left alone for longer each time, up to a minute. */
const removedEveryMs = 65_000;
const samplesWanted = 100;
const connectionsMax = 2;
/** What a cycle may take at most before it counts as hanging. */
const cycleLimitMs = 30_000;

/** Growth that is no leak: what a thousand cycles may add to the heap, and what the end may be above the middle. */
const heapPerThousandMax = 0.25 * MiB;
const heapGrowthMax = 4 * MiB;
/** Below this a slope says nothing; a few hundred cycles still fill what is to be filled. */
const heapNoticed = values.short ? heapGrowthMax / 2 : heapGrowthMax / 8;

const random = randomFrom(Number(values.seed));
const folder = mkdtempSync(path.join(tmpdir(), 'indexwarden-soak-'));
const storeFile = path.join(folder, 'indexwarden.db');
const server = await startPostgres();
const database = await createDatabase(server, 'soak');
await runOn(database.url, shopSchema);
const proxy = await startProxy(database.url);
const client = new pg.Client({ connectionString: database.url });
client.on('error', () => {});
await client.connect();

const schema = configFileSchema(declarations);
const document = {
  servers: [{ name: 'main', maxConnections: connectionsMax, primary: { url: through(proxy, database.url) } }],
  collectors: neverScheduled,
  limits: {
    retryFirst: '100ms',
    retryMax: '1s',
    connectTimeout: '1s',
    lockTimeout: '20ms',
    secondLookDelay: '1s',
  },
  storage: { path: storeFile, busyTimeout: '100ms' },
  http: { listen: '127.0.0.1:0', requestsPerMinute: 0 },
};
const load = (what: object): Result<LoadedConfig, string> => {
  const loaded = loadConfig({ ...declarations, schema, env: {}, document: { ...what } });
  return loaded.ok ? loaded : err(formatConfigError(loaded.error));
};
const loaded = load(document);
if (!loaded.ok) throw new Error(loaded.error);

let isNextReloadGood = true;
let generations = 0;
const log = new Map<string, number>();
const note = (fields: object): void => {
  const event = 'event' in fields ? String(fields.event) : '?';
  log.set(event, (log.get(event) ?? 0) + 1);
  if (event === 'bug' || event === 'pass-failed') console.log(JSON.stringify(fields));
};
const daemon = await startDaemon({
  loaded: loaded.value,
  loadAgain: () => load(isNextReloadGood ? document : { ...document, surprise: 1 }),
  detectors,
  version: 'soak',
  docsDirectory: inRepository('docs'),
  log: { debug: () => {}, info: note, warn: note, error: note },
  onGeneration: () => {
    generations += 1;
  },
});

const victim: Victim = {
  ...{ client, datname: database.name, proxy, storeFile },
  reload: async (isGood) => {
    isNextReloadGood = isGood;
    const reloaded = await daemon.reload();
    if (reloaded.ok !== isGood)
      throw new Error(`a ${isGood ? 'good' : 'bad'} configuration was not taken for one`);
  },
};

const faults = Object.entries(soakFaults).filter(([name]) => name !== 'store removed');
const done = new Map<string, number>();
const samples: Sample[] = [];
const every = Math.max(1, Math.floor(cycles / samplesWanted));
const startedAtMs = performance.now();
let removedAtMs = startedAtMs;
/** The newest faults and their cycles, for whoever has to find out why one hangs. */
let lately: readonly string[] = [];

for (let cycle = 1; cycle <= cycles; cycle += 1) {
  let end = async (): Promise<void> => {};
  if (!values.calm && random() < 1 / faultEvery) {
    const isRemoval = performance.now() - removedAtMs > removedEveryMs;
    if (isRemoval) removedAtMs = performance.now();
    const [name, begin] = isRemoval
      ? (['store removed', soakFaults['store removed']] as const)
      : (faults[Math.floor(random() * faults.length)] ?? ['', undefined]);
    if (begin === undefined) throw new Error('there is no such fault');
    done.set(name, (done.get(name) ?? 0) + 1);
    lately = [...lately.slice(-4), `${name} (${cycle})`];
    end = await begin(victim, random);
  }
  await oneCycle(cycle);
  await end();
  if (cycle % every === 0) {
    // A fault may still be in force; what is measured is what stays when it is over.
    await oneCycle(cycle);
    const sample = measure(cycle, await ourConnections());
    samples.push(sample);
    if (samples.length % 10 === 0)
      console.log(
        `${cycle} cycles, ${((performance.now() - startedAtMs) / 1000).toFixed(0)} s: heap ${mib(sample.heapBytes)}, RSS ${mib(sample.rssBytes)}, ${sample.handles} handles, ${sample.descriptors} files, ${sample.connections} connections`,
      );
  }
}
const durationS = (performance.now() - startedAtMs) / 1000;
const page = await (await fetch(`${daemon.address}/metrics`)).text();
await daemon.stop();
const left = await ourConnections();
await client.end();
await proxy.close();
await database.drop();
await server.close();
rmSync(folder, { recursive: true, force: true });

const trends = {
  heap: trendOf(samples, ({ heapBytes }) => heapBytes),
  rss: trendOf(samples, ({ rssBytes }) => rssBytes),
  handles: trendOf(samples, ({ handles }) => handles),
  descriptors: trendOf(samples, ({ descriptors }) => descriptors),
  connections: trendOf(samples, ({ connections }) => connections),
};
const complaints = [
  ...(trends.heap.perThousand > heapPerThousandMax && trends.heap.last - trends.heap.first > heapNoticed
    ? [`the heap grows by ${mib(trends.heap.perThousand)} in a thousand cycles`]
    : []),
  ...(trends.heap.last - trends.heap.first > heapGrowthMax
    ? [`the heap is ${mib(trends.heap.last - trends.heap.first)} larger than when it was warm`]
    : []),
  ...(trends.handles.last > trends.handles.first + 3 ? ['there are more handles'] : []),
  ...(trends.descriptors.last > trends.descriptors.first + 3 ? ['there are more files open'] : []),
  ...(trends.connections.most > connectionsMax ? ['there were more connections than allowed'] : []),
  ...(left > 0 ? [`${left} connections were left behind`] : []),
  ...(!page.includes('indexwarden_target_up{') ? ['the page of metrics is not whole'] : []),
  ...((log.get('bug') ?? 0) + (log.get('pass-failed') ?? 0) > 0 ? ['there were bugs: see above'] : []),
];

const table = [
  `${cycles} cycles in ${durationS.toFixed(0)} s, ${generations} generations, ${[...done.values()].reduce((sum, n) => sum + n, 0)} faults:`,
  `${[...done]
    .sort()
    .map(([name, n]) => `${name} ${n}`)
    .join(', ')}.`,
  '',
  '| | Warm | At the end | Least | Most | In a thousand cycles |',
  '|---|---:|---:|---:|---:|---:|',
  row('Heap after collecting garbage', trends.heap, mib),
  row('Resident memory', trends.rss, mib),
  row('Handles', trends.handles, String),
  row('File descriptors', trends.descriptors, String),
  row('Connections on the server', trends.connections, String),
].join('\n');
console.log(`\n${table}\n`);
console.log(
  [...log]
    .sort()
    .map(([event, n]) => `${event} ${n}`)
    .join(', '),
);
if (values.write && complaints.length === 0) write();
for (const complaint of complaints) console.error(complaint);
process.exitCode = complaints.length === 0 ? 0 : 1;

/** Collects once and waits until it was published; a fault may make a pass fail, which is published too. */
async function oneCycle(cycle: number): Promise<void> {
  const before = generations;
  const limitMs = performance.now() + cycleLimitMs;
  daemon.collect();
  while (generations === before) {
    if (performance.now() > limitMs)
      throw new Error(
        `cycle ${cycle} hangs, after ${lately.join(', ')}; ${await ourConnections()} connections`,
      );
    await delay(1);
  }
}

async function ourConnections(): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    "select count(*)::int as n from pg_stat_activity where application_name = 'indexwarden' and datname = $1",
    [database.name],
  );
  return rows[0]?.n ?? 0;
}

function write(): void {
  const chart = linesSvg(
    {
      title: 'Memory of the daemon over the soak',
      unit: 'bytes',
      places: samples.map(({ cycle }) => `cycle ${cycle}`),
      lines: [
        { label: 'heap after collecting garbage', values: samples.map(({ heapBytes }) => heapBytes) },
        { label: 'resident memory', values: samples.map(({ rssBytes }) => rssBytes) },
      ],
    },
    'soak',
  );
  if (chart === undefined) throw new Error('there is nothing to draw');
  writeFileSync(inRepository('docs/images/soak.svg'), `${chart}\n`);
  const file = 'docs/reliability.md';
  const [begin, last] = ['<!-- soak: written by npm run soak -->', '<!-- end of soak -->'];
  const text = readText(file);
  const from = text.indexOf(begin);
  const to = text.indexOf(last);
  if (from === -1 || to < from) throw new Error(`${file} has no place for the soak: ${begin} … ${last}`);
  const image = '![Heap and resident memory over the cycles of the soak](images/soak.svg)';
  writeFileSync(
    inRepository(file),
    `${text.slice(0, from)}${begin}\n\n${table}\n\n${image}\n\n${text.slice(to)}`,
  );
}

function row(
  name: string,
  { first, last, least, most, perThousand }: Trend,
  words: (n: number) => string,
): string {
  const grown = words === mib ? words(perThousand) : perThousand.toFixed(2);
  return `| ${name} | ${[first, last, least, most].map((n) => words(n)).join(' | ')} | ${grown} |`;
}

function mib(bytes: number): string {
  return `${(bytes / MiB).toFixed(2)} MiB`;
}

/** Mulberry32: the same faults for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
