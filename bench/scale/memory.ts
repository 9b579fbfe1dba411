import { execFileSync } from 'node:child_process';
import type pg from 'pg';
import { MiB } from '../../src/model/units.ts';
import { median } from '../spec/statistics.ts';
import { withClient } from './catalogue.ts';
import { daemonOn, touch } from './cycles.ts';
import type { MeasuredDaemon } from './daemon.ts';
import { type Figure, slope } from './figure.ts';
import { columnOf, type Surroundings } from './surroundings.ts';

/** So many steady passes; a catalogue as wide as to take seconds for each has fewer. */
const passesFor = (size: number): number => (size <= 1_000 ? 200 : size <= 10_000 ? 60 : 20);

/** As the image and the unit start Node.js: the lower the limit, the less V8 lets a heap grow beyond what is used. */
export const shippedOption = '--max-old-space-size=1024';

/**
 * What the process takes after the start, at its peak and after passes; how the heap grows from pass to pass; and what is left of it
 * where Node.js is started as it is shipped.
 */
export async function measureMemory(around: Surroundings): Promise<readonly Figure[]> {
  const { server, database, size } = around;
  const at = columnOf(size);
  const aimBytes = size <= 1_000 ? 120 * MiB : 350 * MiB;
  const passes = passesFor(size);
  const row = (what: string, value: number, aim?: number): Figure => ({
    ...{ piece: 'memory', at, what, value, unit: 'bytes' },
    ...(aim === undefined ? {} : { aim, limit: aim * 4 }),
  });
  return withClient(server.superuserUrl(database), async (superuser) => {
    const usual = await measureOne(daemonOn(around), superuser, passes);
    const shipped = await measureOne(daemonOn(around, {}, undefined, [shippedOption]), superuser, passes / 2);
    const grown = slope(usual.heaps);
    return [
      row('RSS of Node.js alone', bareNodeRss()),
      row('RSS when it listens', usual.listening.rss),
      row('heap in use when it listens', usual.listening.heapInUse),
      row('RSS after the first pass', usual.firstRss),
      row('RSS at its peak, all passes', usual.rssPeak, aimBytes),
      row('heap in use after the passes', usual.heapInUse),
      row('outside the heap after the passes', usual.external),
      row(`RSS at its peak, node ${shippedOption}`, shipped.rssPeak, aimBytes),
      {
        ...{ piece: 'memory', at, what: `CPU of a pass, node ${shippedOption} / without`, unit: 'times' },
        value: shipped.passCpuMs / usual.passCpuMs,
      },
      { piece: 'memory', at, what: 'passes', value: passes, unit: 'count' },
      row('heap’s slope a pass, second half', grown),
      {
        ...{ piece: 'memory', at, what: 'that slope, of the heap', unit: 'share' },
        value: grown / usual.heapInUse,
        aim: 0.001,
        limit: 0.005,
      },
    ];
  });
}

/** Bytes, but for the CPU time. */
interface Taken {
  readonly listening: { readonly rss: number; readonly heapInUse: number };
  readonly firstRss: number;
  readonly rssPeak: number;
  readonly passCpuMs: number;
  /** After each pass of the second half, collected. */
  readonly heaps: readonly number[];
  readonly heapInUse: number;
  readonly external: number;
}

/**
 * In the first half of the passes V8 collects when it wants to, and the peak is of that half. In the second, garbage is collected after
 * each pass: what is kept for the first time is growth and no leak, so only this half tells of leaks.
 */
async function measureOne(daemon: MeasuredDaemon, superuser: pg.Client, passes: number): Promise<Taken> {
  try {
    await daemon.listening();
    const { rss } = await daemon.ask('memory');
    const listening = { rss, heapInUse: (await daemon.ask('memory', { gc: true })).heapUsed };
    await daemon.firstPass();
    const firstRss = (await daemon.ask('memory')).rss;
    const cpuMs: number[] = [];
    const half = Math.ceil(passes / 2);
    const pass = async (round: number): Promise<void> => {
      if (round % 5 === 0) await touch(superuser, round);
      cpuMs.push((await daemon.pass()).cpuMs);
    };
    for (let round = 0; round < half; round += 1) await pass(round);
    const { rssPeak } = await daemon.ask('memory');
    const passCpuMs = median(cpuMs);
    const heaps: number[] = [];
    for (let round = half; round < passes; round += 1) {
      await pass(round);
      heaps.push((await daemon.ask('memory', { gc: true })).heapUsed);
    }
    const { heapUsed, external } = await daemon.ask('memory', { gc: true });
    return { listening, firstRss, rssPeak, passCpuMs, heaps, heapInUse: heapUsed, external };
  } finally {
    await daemon.stop();
  }
}

const bareNodeRss = (): number =>
  Number(
    execFileSync(process.execPath, ['-e', 'process.stdout.write(String(process.memoryUsage().rss))'], {
      env: {},
    }),
  );
