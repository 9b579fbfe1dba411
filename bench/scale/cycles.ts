import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type pg from 'pg';
import { median } from '../spec/statistics.ts';
import { execMsPerDay } from './cadence.ts';
import { withClient } from './catalogue.ts';
import { type Blocks, daemonDocument, MeasuredDaemon, type NodeStart, type Pass } from './daemon.ts';
import type { Figure } from './figure.ts';
import { FloorReader } from './floor.ts';
import type { FloorAnswer } from './floor-client.ts';
import { type CpuProfile, during, readProfile, timeByComponent, topCalls, topFunctions } from './profile.ts';
import { cpuMsOf, resetStatements, type ServerCost, statementsCost } from './server-cost.ts';
import { columnOf, type Surroundings } from './surroundings.ts';

interface Measured {
  readonly wallMs: number;
  /** Of the process that asked. */
  readonly cpuMs: number;
  /** Of the server's process that answered; undefined where the system does not tell. */
  readonly serverCpuMs: number | undefined;
  readonly cost: ServerCost;
}

interface Side {
  readonly first: Measured[];
  readonly steady: Measured[];
}

/** Steady passes beside each first one. */
const steadyPerRun = 3;

/** What the measured daemon calls its server. */
export const serverName = 'bench';

export const daemonOn = (
  { server, database }: Pick<Surroundings, 'server' | 'database'>,
  further: Readonly<Record<string, unknown>> = {},
  from?: 'watched' | 'profiled',
  start?: NodeStart,
): MeasuredDaemon =>
  new MeasuredDaemon(
    daemonDocument([{ name: serverName, url: server.watcherUrl(database), databases: [database] }], further),
    from,
    start,
  );

/** Reads a hundredth of the tables, so that the next pass finds other counters. */
export async function touch(superuser: pg.Client, round: number): Promise<void> {
  await superuser.query('select public.read_some($1)', [round]);
}

/** The floor and the passes in turn, so that whatever else the machine does meets both. */
export async function measureCycles(
  around: Surroundings,
): Promise<{ readonly figures: readonly Figure[]; readonly lines: readonly string[] }> {
  const { server, database, runs, log } = around;
  const floor: Side = { first: [], steady: [] };
  const passes: Side = { first: [], steady: [] };
  const starts: { readonly ms: number; readonly passMs: number }[] = [];
  const execDays: number[] = [];
  let last: Pass | undefined;
  await withBoth(around, async (superuser, toucher) => {
    for (let run = 0; run < runs; run += 1) {
      const reader = new FloorReader();
      const daemonUrl = server.watcherUrl(database);
      floor.first.push(await floorRead(superuser, reader, daemonUrl, true));
      await resetStatements(superuser);
      const daemon = daemonOn(around);
      try {
        last = await daemon.firstPass();
        starts.push({ ms: last.generation.atMs - daemon.startedAtMs, passMs: last.wallMs });
        passes.first.push(await measured(superuser, last, 0));
        for (let round = 0; round < steadyPerRun; round += 1) {
          await touch(toucher, run * steadyPerRun + round);
          floor.steady.push(await floorRead(superuser, reader, daemonUrl, false));
          await resetStatements(superuser);
          const cpuBefore = await backendCpu(superuser);
          last = await daemon.pass();
          passes.steady.push(await measured(superuser, last, cpuBefore));
          execDays.push(await execMsPerDay(superuser, 1));
        }
        for (const problem of daemon.problems) log(`  ${problem}`);
      } finally {
        await daemon.stop();
        reader.close();
      }
      log(`  run ${run + 1}: ${tellRun(floor, passes)}`);
    }
  });
  const at = columnOf(around.size);
  const figures: Figure[] = [
    ...figuresOf('floor', around.size, floor.first, passes.first),
    ...figuresOf('steady', around.size, floor.steady, passes.steady),
  ];
  figures.push(coldStart(at, starts), cadenceShare(at, around.size, execDays, passes.steady));
  const generation = last?.generation;
  const lines = [
    `${around.facts.indexes} indexes on ${around.facts.tables} tables; ${generation?.findings ?? 0} findings, ${generation?.inconclusive ?? 0} inconclusive`,
    `collectors of the last pass: ${generation?.runs.map(({ name, durationMs, facts }) => `${name} ${Math.round(durationMs)} ms (${facts})`).join(', ') ?? ''}`,
  ];
  return { figures, lines };
}

/** What a start may take beside its first pass. */
const startAimMs = 2_000;

function coldStart(at: string, starts: readonly { readonly ms: number; readonly passMs: number }[]): Figure {
  const aim = (startAimMs + median(starts.map(({ passMs }) => passMs))) / 1e3;
  return {
    ...{ piece: 'floor', at, what: 'start of the process to first facts served', unit: 's' },
    ...{ value: median(starts.map(({ ms }) => ms)) / 1e3, aim, limit: 2 * aim },
  };
}

/** What the default schedules take of one core of the server in the long run; the aim is for 10,000 indexes. */
const cadenceAim = { share: 0.005, indexes: 10_000 } as const;

function cadenceShare(
  at: string,
  size: number,
  execMs: readonly number[],
  passes: readonly Measured[],
): Figure {
  // Execution is wall time: of a server that had to wait for a core only the CPU counts.
  const busy = median(
    passes.map(({ serverCpuMs, cost }) => Math.min(1, (serverCpuMs ?? cost.execMs) / cost.execMs)),
  );
  return {
    ...{ piece: 'steady', at, what: 'PostgreSQL at default cadence, of one core', unit: 'share' },
    value: (median(execMs) * busy) / 86_400_000,
    ...(size > cadenceAim.indexes ? {} : { aim: cadenceAim.share, limit: 2 * cadenceAim.share }),
  };
}

/** Superusers' connections: to where statements are counted, and to the wide database. */
const withBoth = <T>(
  { server, database }: Surroundings,
  work: (superuser: pg.Client, toucher: pg.Client) => Promise<T>,
): Promise<T> =>
  withClient(server.superuserUrl(), (superuser) =>
    withClient(server.superuserUrl(database), (toucher) => work(superuser, toucher)),
  );

function tellRun(floor: Side, passes: Side): string {
  const ms = (all: readonly Measured[]): string => Math.round(all.at(-1)?.wallMs ?? 0).toString();
  return `floor ${ms(floor.first)} ms, first pass ${ms(passes.first)} ms; then floor ${ms(floor.steady)} ms, pass ${ms(passes.steady)} ms`;
}

async function floorRead(
  superuser: pg.Client,
  reader: FloorReader,
  url: string,
  isFresh: boolean,
): Promise<Measured> {
  await resetStatements(superuser);
  const pidBefore = isFresh ? undefined : reader.lastPid;
  const before = pidBefore === undefined ? 0 : cpuMsOf(pidBefore);
  const answer: FloorAnswer = await reader.read(url, isFresh);
  const after = cpuMsOf(answer.serverPid);
  return {
    wallMs: answer.wallMs,
    cpuMs: answer.cpuMs,
    serverCpuMs: after === undefined || before === undefined ? undefined : after - before,
    cost: await statementsCost(superuser),
  };
}

async function measured(superuser: pg.Client, pass: Pass, before: number | undefined): Promise<Measured> {
  const after = await backendCpu(superuser);
  return {
    wallMs: pass.wallMs,
    cpuMs: pass.cpuMs,
    serverCpuMs: after === undefined || before === undefined ? undefined : after - before,
    cost: await statementsCost(superuser),
  };
}

/** CPU of the daemon's connections so far. */
async function backendCpu(superuser: pg.Client): Promise<number | undefined> {
  const { rows } = await superuser.query<{ pid: number }>(
    `select pid from pg_stat_activity where application_name = 'indexwarden'`,
  );
  const used = rows.map(({ pid }) => cpuMsOf(pid));
  return used.some((one) => one === undefined)
    ? undefined
    : used.reduce<number>((sum, one) => sum + (one ?? 0), 0);
}

/** What a pass was to cost at most, in reads of the floor. */
const aims = { floor: 2.5, steady: 1.1 } as const;

function figuresOf(
  piece: 'floor' | 'steady',
  size: number,
  floor: readonly Measured[],
  passes: readonly Measured[],
): readonly Figure[] {
  const at = columnOf(size);
  const of = (all: readonly Measured[], value: (one: Measured) => number | undefined): number =>
    median(all.flatMap((one) => value(one) ?? []));
  const ratio = (value: (one: Measured) => number): number =>
    median(passes.map((pass, place) => value(pass) / value(floor[place]!)));
  const seconds = (what: string, ms: number): Figure => ({ piece, what, at, value: ms / 1e3, unit: 's' });
  const name = piece === 'floor' ? 'first pass' : 'pass';
  return [
    seconds(
      'floor',
      of(floor, ({ wallMs }) => wallMs),
    ),
    seconds(
      name,
      of(passes, ({ wallMs }) => wallMs),
    ),
    {
      ...{ piece, at, what: `${name} / floor`, unit: 'times' },
      value: ratio(({ wallMs }) => wallMs),
      // Of fewer indexes what every pass has to do is the larger part.
      ...(size < 100_000 ? {} : { aim: aims[piece], limit: aims[piece] * 1.6 }),
    },
    seconds(
      'CPU of the floor’s client',
      of(floor, ({ cpuMs }) => cpuMs),
    ),
    seconds(
      'CPU of the daemon',
      of(passes, ({ cpuMs }) => cpuMs),
    ),
    seconds(
      'CPU of PostgreSQL, floor',
      of(floor, ({ serverCpuMs }) => serverCpuMs),
    ),
    seconds(
      `CPU of PostgreSQL, ${name}`,
      of(passes, ({ serverCpuMs }) => serverCpuMs),
    ),
    {
      ...{ piece, at, what: 'CPU of both, pass / floor', unit: 'times' },
      value: ratio(({ cpuMs, serverCpuMs }) => cpuMs + (serverCpuMs ?? 0)),
    },
    seconds(
      'PostgreSQL’s own time, floor',
      of(floor, ({ cost }) => cost.execMs),
    ),
    seconds(
      `PostgreSQL’s own time, ${name}`,
      of(passes, ({ cost }) => cost.execMs),
    ),
    { piece, at, what: 'buffers, floor', unit: 'count', value: of(floor, ({ cost }) => cost.buffers) },
    { piece, at, what: `buffers, ${name}`, unit: 'count', value: of(passes, ({ cost }) => cost.buffers) },
    {
      piece,
      at,
      what: `statements, ${name}`,
      unit: 'count',
      value: of(passes, ({ cost }) => cost.statements),
    },
  ];
}

export interface ProfiledPass {
  readonly pass: 'first' | 'steady';
  readonly profile: CpuProfile;
  readonly file: string;
  readonly blocks: Blocks;
}

/** Profiles of a first and of a steady pass, in files of the folder; what held up the event loop meanwhile. */
export async function profilePasses(around: Surroundings, folder: string): Promise<readonly ProfiledPass[]> {
  const { server, database, size } = around;
  mkdirSync(folder, { recursive: true });
  const finish = async (daemon: MeasuredDaemon, pass: ProfiledPass['pass']): Promise<ProfiledPass> => {
    const blocks = await daemon.ask('unwatch');
    const file = path.resolve(folder, `${pass}-${size}.cpuprofile`);
    await daemon.ask('unprofile', { file });
    return { pass, file, blocks, profile: readProfile(file) };
  };
  return withClient(server.superuserUrl(database), async (superuser) => {
    const first = daemonOn(around, {}, 'profiled');
    const profiled: ProfiledPass[] = [];
    try {
      await first.firstPass();
      profiled.push(await finish(first, 'first'));
      await first.pass();
      await touch(superuser, 1);
      await first.ask('profile', { intervalUs: 500 });
      // After the profiler, whose start holds up the loop itself.
      await first.ask('watch');
      await first.pass();
      profiled.push(await finish(first, 'steady'));
    } finally {
      await first.stop();
    }
    return profiled;
  });
}

/** What a profile says, for people: the share of each component, the functions that took most, and who held up the event loop. */
export function tellProfile({ pass, profile, blocks }: ProfiledPass): readonly string[] {
  const components = [...timeByComponent(profile)].sort((a, b) => b[1] - a[1]);
  const busy = components.reduce((sum, [name, ms]) => sum + (name === 'idle' ? 0 : ms), 0);
  const ms = (value: number): string => `${value.toFixed(0).padStart(7)} ms`;
  return [
    `${pass} pass, main thread: ${busy.toFixed(0)} ms busy`,
    ...components.map(
      ([name, value]) =>
        `  ${ms(value)} ${name === 'idle' ? '    ' : `${((100 * value) / busy).toFixed(0).padStart(3)}%`}  ${name}`,
    ),
    '  by calls (with what they call):',
    ...topCalls(profile, 40).map(([label, value]) => `  ${ms(value)}  ${label}`),
    '  by the functions themselves:',
    ...topFunctions(profile, 30).map(([label, value]) => `  ${ms(value)}  ${label}`),
    `  the event loop was held up for ${blocks.longestMs.toFixed(0)} ms at most; the longest:`,
    ...blocks.blocks.slice(0, 12).map(
      (block) =>
        `  ${ms(block.ms)}  ${during(profile, block.endUs, block.ms)
          .map(([label, value]) => `${label} ${value.toFixed(0)}`)
          .join(' · ')}`,
    ),
  ];
}
