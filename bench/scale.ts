import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { inRepository } from '../test/support/repository.ts';
import { measureCycles, profilePasses, tellProfile } from './scale/cycles.ts';
import { type Figure, isMet, type Piece, pieces, told } from './scale/figure.ts';
import { flameGraph } from './scale/flame-graph.ts';
import { measureFleet } from './scale/fleet.ts';
import { measureHeap } from './scale/heap.ts';
import { measureLoop } from './scale/loop.ts';
import { measureMemory } from './scale/memory.ts';
import { writeResults } from './scale/page.ts';
import { measureScrapes } from './scale/scrape.ts';
import { startBenchServer, wideDatabase } from './scale/server.ts';
import { measureShapes } from './scale/shapes.ts';
import { columnOf, type Surroundings } from './scale/surroundings.ts';
import { printed, titles } from './scale/table.ts';

/*
 * npm run bench:scale [-- --indexes 1000,10000,100000] [--pg 17] [--only floor,steady,scrape,memory,heap,loop,fleet,shapes] [--runs N]
 *   [--full] [--data FOLDER] [--profile FOLDER] [--check] [--write]
 *
 * What a pass of the daemon costs beside the bare read of the catalogue, on wide catalogues that are built for it, in ratios of what was
 * measured in turn on the same machine. The daemon is the built one, in a process of its own, with a store in a file.
 *
 * --full has shapes that are large enough to be timed, 50,000 partitions among them, which takes minutes to build.
 * --data keeps the server's files in a folder for the next run; --profile writes CPU profiles and what they say; --check ends with exit
 * code 1 where something is far beyond its aim; --write puts the tables of what was measured into docs/performance.md.
 */

const { values } = parseArgs({
  options: {
    indexes: { type: 'string', default: '1000,10000,100000' },
    pg: { type: 'string', default: '17' },
    only: { type: 'string', default: pieces.join(',') },
    runs: { type: 'string' },
    data: { type: 'string' },
    profile: { type: 'string' },
    full: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});

const log = (line: string): void => void process.stderr.write(`${line}\n`);
const sizes = values.indexes.split(',').map(Number);
if (sizes.some((size) => !Number.isInteger(size) || size < 1))
  throw new RangeError('--indexes takes whole numbers');
const only = new Set(values.only.split(','));
for (const name of only)
  if (!(pieces as readonly string[]).includes(name))
    throw new RangeError(`--only: no ${name}; there are ${pieces.join(', ')}`);
const isWanted = (piece: Piece): boolean => only.has(piece);

const built = spawnSync(process.execPath, [inRepository('scripts/prepare.mjs'), '--required'], {
  stdio: ['ignore', 2, 2],
});
if (built.status !== 0) throw new Error('dist cannot be built');

/** Pages of all sizes are made on one catalogue: the one nearest to what the budgets are meant for. */
const scraped = sizes.toSorted((a, b) => Math.abs(Math.log(a / 10_000)) - Math.abs(Math.log(b / 10_000)))[0];

const figures: Figure[] = [];
/** What was measured on, for the page: nothing of the machine but its cores. */
const about = [
  `PostgreSQL ${values.pg}, Node.js ${process.versions.node}, ${availableParallelism()} cores for daemon, server and clients together`,
];
const server = await startBenchServer(
  Number(values.pg),
  values.data === undefined ? undefined : path.resolve(values.data),
);
try {
  for (const size of sizes) {
    const { database, facts } = await wideDatabase(server, size, log);
    const runs = Number(values.runs ?? (size > 10_000 ? 3 : 5));
    const around: Surroundings = { server, size, database, facts, runs, log };
    if (values.profile !== undefined) {
      const folder = values.profile;
      for (const profiled of await profilePasses(around, folder)) {
        const lines = tellProfile(profiled);
        writeFileSync(profiled.file.replace(/cpuprofile$/, 'txt'), `${lines.join('\n')}\n`);
        log(lines.join('\n'));
        const name = `${path.basename(path.resolve(folder))}-${path.basename(profiled.file, '.cpuprofile')}.svg`;
        const title = `${profiled.pass} pass at ${size.toLocaleString('en-US')} indexes`;
        const images = values.write ? inRepository('docs/images/performance') : folder;
        writeFileSync(path.join(images, name), flameGraph(profiled.profile, title));
      }
      continue;
    }
    if (isWanted('floor') || isWanted('steady')) {
      log(`${size} indexes: passes`);
      const { figures: measured, lines } = await measureCycles(around);
      figures.push(...measured.filter(({ piece }) => isWanted(piece)));
      for (const line of lines) log(`  ${line}`);
      about.push(lines[0] ?? '');
    }
    if (isWanted('loop')) {
      log(`${size} indexes: event loop`);
      figures.push(...(await measureLoop(around)));
    }
    if (isWanted('memory')) {
      log(`${size} indexes: memory`);
      figures.push(...(await measureMemory(around)));
    }
    if (isWanted('heap')) {
      log(`${size} indexes: heap`);
      figures.push(...(await measureHeap(around)));
    }
    if (isWanted('scrape') && size === scraped) {
      log(`${size} indexes: scrapes`);
      figures.push(...(await measureScrapes(around)));
    }
  }
  if (isWanted('fleet') && values.profile === undefined) figures.push(...(await measureFleet(server, log)));
  if (isWanted('shapes') && values.profile === undefined)
    figures.push(...(await measureShapes(server, values.full, log)));
  const growth = isWanted('floor') ? growthOf(figures) : undefined;
  if (growth !== undefined) figures.push(growth);
  report(figures);
} finally {
  await server.close();
}

/** How much more a first pass takes with ten times as many indexes: the two largest sizes, where they are so far apart. */
function growthOf(all: readonly Figure[]): Figure | undefined {
  const [small, large] = sizes.toSorted((a, b) => a - b).slice(-2);
  if (small === undefined || large === undefined || large / small !== 10) return undefined;
  const secondsAt = (size: number): number =>
    all.find(({ what, at }) => what === 'first pass' && at === columnOf(size))?.value ?? Number.NaN;
  return {
    ...{ piece: 'floor', at: columnOf(large), unit: 'times', aim: 11, limit: 15 },
    what: 'first pass, growth from a tenth of the indexes',
    value: secondsAt(large) / secondsAt(small),
  };
}

function report(all: readonly Figure[]): void {
  for (const piece of pieces) {
    const own = all.filter((figure) => figure.piece === piece);
    if (own.length > 0) console.log(printed(piece, own));
  }
  for (const { piece, what, at, value, unit, aim = 0 } of all.filter((figure) => isMet(figure) === false))
    log(`not met: ${titles[piece]}: ${what}, ${at}: ${told(value, unit)}, the aim is ${told(aim, unit)}`);
  if (values.write && all.length > 0) writeResults(all, about);
  if (values.check && all.some(({ value, limit }) => limit !== undefined && value > limit))
    process.exitCode = 1;
}
