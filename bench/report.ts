import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import pg from 'pg';
import { loadConfig } from '../src/config/load.ts';
import { installBinaries } from '../src/demo/binaries.ts';
import { startEmbeddedServer } from '../src/demo/embedded-server.ts';
import { neededCollectors } from '../src/detectors/evaluate.ts';
import { detectors } from '../src/detectors/index.ts';
import { dayMs } from '../src/model/units.ts';
import { buildReport } from '../src/report/document/document.ts';
import { reportHtml } from '../src/report/document/html.ts';
import { reportJson } from '../src/report/document/json.ts';
import { reportMarkdown } from '../src/report/document/markdown.ts';
import { checkOnce } from '../src/watch/check.ts';
import { declarations } from '../src/watch/declarations.ts';

/*
 * npm run bench:report [-- --indexes N] [--url URL] [--check] [--short]
 *
 * How long a report takes beside the collection it rests on. A database of many indexes is looked at once, as `check` does; then the
 * report is built and told in each format. --url takes an empty database of yours, which is filled; without it an embedded server is
 * started. --check ends with exit code 1 where building and telling one format takes more than three seconds of CPU.
 */

const { values } = parseArgs({
  options: {
    indexes: { type: 'string' },
    url: { type: 'string' },
    check: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
  },
});

const secondsMax = 3;
const indexesPerTable = 8;
const indexes = Number(values.indexes ?? (values.short ? 800 : 10_000));
const log = (line: string): void => void process.stderr.write(`${line}\n`);

/** Tables of eight indexes each: a key, copies, prefixes, expressions, partial ones and a GIN index, so that most detectors have work. */
async function fill(url: string, tables: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (let first = 0; first < tables; first += 100) {
      const statements = Array.from({ length: Math.min(100, tables - first) }, (_, place) => {
        const table = `table_${first + place}`;
        return `create table ${table} (id int primary key, a int, b int, c text, d jsonb, parent int references ${first + place === 0 ? table : 'table_0'});
          create index ${table}_a on ${table} (a); create index ${table}_a_copy on ${table} (a);
          create index ${table}_a_b on ${table} (a, b); create index ${table}_lower on ${table} (lower(c));
          create index ${table}_part on ${table} (b) where c = 'open'; create index ${table}_gin on ${table} using gin (d);
          create unique index ${table}_c on ${table} (c, id);
          insert into ${table} select g, g % 7, g, 'x' || g, '{}', null from generate_series(1, 20) g;`;
      });
      await client.query(statements.join('\n'));
    }
    await client.query('vacuum analyze');
  } finally {
    await client.end();
  }
}

interface Cost {
  readonly what: string;
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
}

/** The median of some runs, by CPU; other work on the machine then matters less. */
async function cost<T>(
  what: string,
  runs: number,
  work: () => T | Promise<T>,
): Promise<{ readonly value: T; readonly cost: Cost }> {
  const costs: Cost[] = [];
  let value: T | undefined;
  for (let run = 0; run < runs; run++) {
    const [cpu, wall] = [process.cpuUsage(), performance.now()];
    value = await work();
    const used = process.cpuUsage(cpu);
    costs.push({
      what,
      wallSeconds: (performance.now() - wall) / 1e3,
      cpuSeconds: (used.user + used.system) / 1e6,
    });
  }
  const median = costs.sort((a, b) => a.cpuSeconds - b.cpuSeconds)[Math.floor(runs / 2)];
  if (median === undefined || value === undefined) throw new Error('there was at least one run');
  return { value, cost: median };
}

const server = values.url === undefined ? await startServer() : undefined;
try {
  const url = values.url ?? server?.url ?? '';
  log(`filling a database with ${indexes} indexes …`);
  await fill(url, Math.ceil(indexes / indexesPerTable));
  const loaded = loadConfig({ ...declarations, env: {}, command: { url, unusedAfter: '0d' } });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  const { config } = loaded.value;
  const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const look = await cost('one look (collection and verdicts)', 3, () =>
    checkOnce({
      config,
      detectors,
      only: [],
      docsBaseUrl: '',
      log: quiet,
      signal: new AbortController().signal,
    }),
  );
  const generations = look.value;
  const build = await cost('report: facts', 5, () =>
    buildReport({
      generations,
      nowMs: Date.now(),
      toolVersion: '0',
      windowMs: 30 * dayMs,
      history: { kind: 'none', reason: 'none is kept' },
      needed: neededCollectors(detectors),
      judging: new Set(detectors.map(({ id }) => id)),
      redactLiterals: false,
    }),
  );
  const formats = [
    await cost('report: Markdown', 5, () => reportMarkdown(build.value)),
    await cost('report: HTML', 5, () => reportHtml(build.value)),
    await cost('report: JSON', 5, () => reportJson(build.value)),
  ];
  const table = new Table({
    head: ['what', 'CPU s', 'wall s', 'of the look', 'characters'],
    style: { head: [], border: [] },
  });
  const line = ({ what, cpuSeconds, wallSeconds }: Cost, size?: number): string[] => [
    what,
    cpuSeconds.toFixed(2),
    wallSeconds.toFixed(2),
    `${((cpuSeconds / look.cost.cpuSeconds) * 100).toFixed(0)} %`,
    size === undefined ? '' : size.toLocaleString('en-US'),
  ];
  table.push(line(look.cost), line(build.cost), ...formats.map((one) => line(one.cost, one.value.length)));
  const dearest = build.cost.cpuSeconds + Math.max(...formats.map((one) => one.cost.cpuSeconds));
  const [generation] = generations;
  process.stdout.write(
    `${generation?.catalogue.indexes.length} indexes, ${generation?.findings.length} findings\n${table.toString()}\nbeside the look, the dearest format takes ${dearest.toFixed(2)} s of CPU (bound: ${secondsMax} s)\n`,
  );
  if (values.check && dearest > secondsMax) process.exitCode = 1;
} finally {
  await server?.stop();
}

async function startServer(): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const binaries = await installBinaries(17);
  if (binaries.kind === 'missing') throw new Error(binaries.remedy);
  const started = await startEmbeddedServer({ binaries });
  return { url: started.superuserUrl('postgres'), stop: () => started.stop() };
}
