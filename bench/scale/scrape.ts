import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inRepository } from '../../test/support/repository.ts';
import { median, percentile } from '../spec/statistics.ts';
import { daemonOn } from './cycles.ts';
import type { Figure } from './figure.ts';
import type { ScrapeAnswer, ScrapeCommand } from './scrape-client.ts';
import { scratchFolder } from './server.ts';
import { cpuMsOf } from './server-cost.ts';
import type { Surroundings } from './surroundings.ts';

/** Somebody who serves `/metrics`. */
interface Served {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

interface Level {
  readonly series: number;
  readonly metrics: Readonly<Record<string, unknown>>;
  /** Rows of ten values each that postgres_exporter's query returns. */
  readonly exporterRows: number;
}

/** Budgets that come to about so many series on a catalogue of 10,000 indexes. */
const levels: readonly Level[] = [
  {
    series: 2_000,
    metrics: { maxIndexSeries: 150, maxTableSeries: 40, maxFindingSeries: 50 },
    exporterRows: 200,
  },
  {
    series: 20_000,
    metrics: { maxIndexSeries: 1_600, maxTableSeries: 300, maxFindingSeries: 300 },
    exporterRows: 2_000,
  },
  {
    series: 100_000,
    metrics: { maxIndexSeries: 100_000, maxTableSeries: 100_000, maxFindingSeries: 100_000, blockIo: true },
    exporterRows: 10_000,
  },
];

const loads = [
  { scrapers: 1, isGzip: false },
  { scrapers: 1, isGzip: true },
  { scrapers: 50, isGzip: false },
  { scrapers: 50, isGzip: true },
] as const;

/** The daemon's page against the same series rendered on each scrape, and against postgres_exporter where it is installed. */
export async function measureScrapes(around: Surroundings): Promise<readonly Figure[]> {
  const { log } = around;
  const figures: Figure[] = [];
  const client = fork(inRepository('bench/scale/scrape-client.ts'), [], { execArgv: ['--import', 'tsx'] });
  try {
    for (const level of levels) {
      const at = `${level.series.toLocaleString('en-US')} series`;
      const daemon = daemonOn(around, { metrics: level.metrics });
      const rivals: Served[] = [];
      try {
        await daemon.firstPass();
        const url = `${await daemon.listening()}/metrics`;
        const page = await (await fetch(url)).text();
        rivals.push(await servePromClient(page));
        const exporter = await servePostgresExporter(around, level.exporterRows);
        if (exporter === undefined) log('  prometheus-postgres-exporter is not installed: left out');
        else rivals.push(exporter);
        const ours: Served = { name: 'indexwarden', url, pid: daemon.pid, stop: async () => {} };
        figures.push({
          ...{ piece: 'scrape', at, what: 'series, in fact' },
          value: seriesIn(page),
          unit: 'count',
        });
        figures.push(...(await compare(client, at, ours, rivals, log)));
      } finally {
        await daemon.stop();
        for (const rival of rivals) await rival.stop();
      }
    }
  } finally {
    client.disconnect();
    client.kill();
  }
  return figures;
}

const seriesIn = (page: string): number =>
  page.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;

async function compare(
  client: ChildProcess,
  at: string,
  ours: Served,
  rivals: readonly Served[],
  log: (line: string) => void,
): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const { scrapers, isGzip } of loads) {
    const load = `${scrapers === 1 ? '1 scraper' : `${scrapers} scrapers`}, ${isGzip ? 'gzip' : 'plain'}`;
    const p99 = new Map<string, number>();
    for (const served of [ours, ...rivals]) {
      const cpuBefore = cpuMsOf(served.pid) ?? Number.NaN;
      const { latencies, unanswered } = await scrapes(client, {
        ...{ url: served.url, scrapers, isGzip },
        // A hundred at least, or the 99th percentile would be the worst of a few.
        ...{ forMs: 3_000, scrapesMin: Math.ceil(100 / scrapers), atMostMs: 90_000 },
      });
      const cpuMs =
        ((cpuMsOf(served.pid) ?? Number.NaN) - cpuBefore) / Math.max(1, latencies.length - unanswered);
      p99.set(served.name, percentile(latencies, 0.99));
      const row = (what: string, value: number): Figure => ({
        ...{ piece: 'scrape', at, unit: 'ms', value },
        what: `${load}: ${served.name}, ${what}`,
      });
      figures.push(
        row('median', median(latencies)),
        row('p99', percentile(latencies, 0.99)),
        row('CPU a scrape', cpuMs),
      );
      log(
        `  ${at}, ${load}: ${served.name} median ${median(latencies).toFixed(1)} ms, p99 ${percentile(latencies, 0.99).toFixed(1)} ms, ${latencies.length} scrapes${unanswered > 0 ? `, ${unanswered} without answer` : ''}`,
      );
    }
    const own = p99.get(ours.name) ?? Number.NaN;
    for (const { name } of rivals) {
      const isLargest = at.startsWith('100,000');
      const aim = name === 'prom-client' ? (isLargest ? 1 / 20 : undefined) : 1;
      figures.push({
        ...{ piece: 'scrape', at, unit: 'share', value: own / (p99.get(name) ?? Number.NaN) },
        what: `${load}: p99 of ours, of ${name}’s`,
        ...(aim === undefined ? {} : { aim, limit: aim * 2 }),
      });
    }
  }
  return figures;
}

function scrapes(client: ChildProcess, command: ScrapeCommand): Promise<ScrapeAnswer> {
  return new Promise((resolve, reject) => {
    client.once('message', (answer: { readonly value?: ScrapeAnswer; readonly error?: string }) =>
      answer.value === undefined ? reject(new Error(answer.error)) : resolve(answer.value),
    );
    client.send(command);
  });
}

async function servePromClient(page: string): Promise<Served> {
  const file = path.join(scratchFolder(), 'page.txt');
  writeFileSync(file, page);
  const child = fork(inRepository('bench/scale/scrape-rival.ts'), [file], { execArgv: ['--import', 'tsx'] });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message: { readonly port: number }) => resolve(message.port));
    child.once('exit', () => reject(new Error('the prom-client server ended')));
  });
  return {
    ...{ name: 'prom-client', url: `http://127.0.0.1:${port}/metrics`, pid: child.pid ?? 0 },
    stop: () => ended(child),
  };
}

const exporterProgram = 'prometheus-postgres-exporter';

/** What its users do for facts of each index: a query of their own, which it runs for each scrape. */
const exporterQueries = (rows: number): string => `index_facts:
  query: |
    select current_database() as datname, s.schemaname, s.relname, s.indexrelname, s.idx_scan as scans, s.idx_tup_read as tuples_read,
      s.idx_tup_fetch as tuples_fetched, io.idx_blks_read as blocks_read, io.idx_blks_hit as blocks_hit,
      pg_relation_size(s.indexrelid) as size_bytes, c.reltuples as entries, c.relpages as pages,
      i.indisvalid::int as is_valid, i.indisunique::int as is_unique
    from pg_stat_user_indexes s join pg_statio_user_indexes io using (indexrelid) join pg_class c on c.oid = s.indexrelid
    join pg_index i on i.indexrelid = s.indexrelid order by s.indexrelid limit ${rows}
  metrics:
${[
  ...['datname', 'schemaname', 'relname', 'indexrelname'].map((name) => [name, 'LABEL'] as const),
  ...['scans', 'tuples_read', 'tuples_fetched', 'blocks_read', 'blocks_hit'].map(
    (name) => [name, 'COUNTER'] as const,
  ),
  ...['size_bytes', 'entries', 'pages', 'is_valid', 'is_unique'].map((name) => [name, 'GAUGE'] as const),
]
  .map(([name, usage]) => `    - ${name}:\n        usage: "${usage}"\n        description: "${name}"`)
  .join('\n')}
`;

/** postgres_exporter on the same database; undefined where it is not installed. */
async function servePostgresExporter(
  { server, database }: Surroundings,
  rows: number,
): Promise<Served | undefined> {
  if (spawnSync(exporterProgram, ['--version'], { stdio: 'ignore' }).error !== undefined) return undefined;
  const file = path.join(scratchFolder(), 'queries.yaml');
  writeFileSync(file, exporterQueries(rows));
  const port = await freePort();
  const child = spawn(
    exporterProgram,
    [
      '--disable-default-metrics',
      '--disable-settings-metrics',
      '--no-collector.database',
      '--no-collector.bgwriter',
      `--extend.query-path=${file}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { PATH: process.env.PATH, DATA_SOURCE_NAME: `${server.watcherUrl(database)}?sslmode=disable` },
    },
  );
  const url = `http://127.0.0.1:${port}/metrics`;
  const deadline = Date.now() + 60_000;
  for (;;) {
    const text = await fetch(url).then(
      (response) => response.text(),
      () => '',
    );
    if (text.includes('index_facts_scans{')) break;
    if (Date.now() > deadline)
      throw new Error(`${exporterProgram} shows no series:\n${text.slice(0, 2_000)}`);
    await delay(200);
  }
  return { name: 'postgres_exporter', url, pid: child.pid ?? 0, stop: () => ended(child) };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  await exited;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0));
    });
  });
}
