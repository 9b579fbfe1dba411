import { execFileSync } from 'node:child_process';
import path from 'node:path';
import type pg from 'pg';
import { KiB, MiB } from '../../src/model/units.ts';
import { median } from '../spec/statistics.ts';
import { age } from './aged.ts';
import { withClient } from './catalogue.ts';
import { daemonOn, serverName, touch } from './cycles.ts';
import type { MeasuredDaemon, NodeStart } from './daemon.ts';
import { type Figure, slope } from './figure.ts';
import { scratchFolder } from './server.ts';
import { columnOf, type Surroundings } from './surroundings.ts';

/** So many steady passes; a catalogue as wide as to take seconds for each has fewer. */
const passesFor = (size: number): number => (size <= 1_000 ? 200 : size <= 10_000 ? 60 : 20);

/**
 * As the image and the unit start Node.js. The lower the limit of its heap, the less V8 lets it grow beyond what is used; what is young is
 * collected in 4 MiB instead of 16; and blocks of malloc from 128 KiB on go back to the system when they are freed, where its own idea of
 * that bound grows with each of them.
 */
export const shippedStart: NodeStart = {
  options: ['--max-old-space-size=1024', '--max-semi-space-size=4'],
  env: { MALLOC_MMAP_THRESHOLD_: String(128 * KiB) },
};

/**
 * What the process takes after the start, at its peak and after passes; how the heap grows from pass to pass; and what is left of it
 * where Node.js is started as it is shipped, with a store of one day and of forty.
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
    const shipped = await measureOne(
      daemonOn(around, {}, undefined, shippedStart),
      superuser,
      Math.ceil(passes / 2),
    );
    const aged = await measureOne(await daemonOfForty(around), superuser, Math.ceil(passes / 4));
    const grown = slope(usual.heaps);
    return [
      row('RSS of Node.js alone', bareNodeRss()),
      row('RSS when it listens', usual.listening.rss),
      row('heap in use when it listens', usual.listening.heapInUse),
      row('RSS after the first pass', usual.firstRss),
      row('RSS at its peak, all passes', usual.rssPeak, aimBytes),
      row('heap in use after the passes', usual.heapInUse),
      row('outside the heap after the passes', usual.external),
      row('as shipped: RSS when it listens', shipped.listening.rss),
      row('as shipped: RSS at its peak', shipped.rssPeak, aimBytes),
      {
        ...{ piece: 'memory', at, what: 'as shipped: CPU of a pass / of one by default', unit: 'times' },
        value: shipped.passCpuMs / usual.passCpuMs,
      },
      row('as shipped, after forty days: heap in use', aged.heapInUse),
      row('as shipped, after forty days: RSS at its peak', aged.rssPeak, aimBytes),
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

/** A daemon that has watched for forty days, as far as its store knows. */
async function daemonOfForty(around: Surroundings): Promise<MeasuredDaemon> {
  const file = path.join(scratchFolder(), 'store.db');
  const further = { storage: { path: file } };
  const young = daemonOn(around, further);
  await young.firstPass();
  await young.stop();
  await age(file, { server: serverName, datname: around.database });
  return daemonOn(around, further, undefined, shippedStart);
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
