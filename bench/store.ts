import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { deflateRawSync } from 'node:zlib';
import { nodeName } from '../src/model/ids.ts';
import { dayMs, GiB, humaneBytes, humaneCount } from '../src/model/units.ts';
import { openSqliteStore } from '../src/store/sqlite-store.ts';
import type { Store } from '../src/store/store.ts';

/*
 * `npm run bench:store`: what a year and more of one node's usage takes on disk, how long writing one collection takes, and for how
 * long the main thread is held up. The blobs are made here, like packed counters: variable-length integers whose sizes are spread
 * evenly over the orders of magnitude.
 */

const { values } = parseArgs({
  options: {
    indexes: { type: 'string', default: '100000' },
    days: { type: 'string', default: '400' },
    /** Collections between two folds: a day of one every five minutes. */
    collections: { type: 'string', default: '288' },
  },
});
const indexes = Number(values.indexes);
const days = Number(values.days);
const collections = Number(values.collections);

const target = { server: 'main', datname: 'shop' };
const node = nodeName('primary');
const today = 20_800;
/** The bounds, which this is to be compared with. */
const limits = { tenthBytes: 500 * 1024 * 1024, wholeBytes: GiB, writeMs: 1_000 };

/** A generator of its own, so that each run has the same blobs. */
let seed = 1;
const random = (): number => {
  seed = (seed * 1_664_525 + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
};

function pushVarint(bytes: number[], value: number): void {
  let rest = Math.floor(value);
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
}

/** For each active index the distance to the one before, and counters of 1 to 10^digits: about a third of a byte for each digit. */
function packed(active: number, share: number, digits: readonly number[]): Uint8Array {
  const bytes: number[] = [];
  for (let n = 0; n < active; n += 1) {
    pushVarint(bytes, 1 + random() * 2 * (1 / share - 1));
    for (const digit of digits) pushVarint(bytes, 10 ** (random() * digit));
  }
  return Uint8Array.from(bytes);
}

/** Scans, entries read, rows fetched, and when it was last used. */
const dayRecord = (active: number, share: number): Uint8Array => packed(active, share, [5, 7, 7, 5]);
const collection = (active: number, share: number): Uint8Array => packed(active, share, [3, 4, 4]);
const checkpoint = (): Uint8Array => packed(indexes, 1, [9, 11, 11, 7, 7, 5]);

interface Times {
  readonly median: number;
  readonly worst: number;
}

function timesOf(all: readonly number[]): Times {
  const sorted = [...all].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)] ?? 0, worst: sorted.at(-1) ?? 0 };
}

const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;

/** Does the work, and measures the longest time for which nothing else could be done in this thread. */
async function withBlocks<T>(
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly blockMs: number }> {
  const resolution = 1;
  const monitor = monitorEventLoopDelay({ resolution });
  monitor.enable();
  await delay(20);
  monitor.reset();
  const result = await work();
  await delay(20);
  monitor.disable();
  return { result, blockMs: monitor.max / 1e6 };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function measure(share: number, limitBytes: number): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'indexwarden-bench-'));
  const file = path.join(folder, 'indexwarden.db');
  const active = Math.round(indexes * share);
  const open = (): Promise<Store> =>
    openSqliteStore({
      file: { path: file, busyTimeoutMs: 5_000, synchronous: 'normal', checkTimeLimitMs: 60_000 },
      retention: {
        usageDays: days + 1,
        eventsForMs: days * dayMs,
        eventsMax: 100_000,
        bytesMax: 4 * GiB,
      },
      now: () => today * dayMs,
    });
  try {
    let store = await open();
    let rawBytes = 0;
    const folds: number[] = [];
    for (let day = today - days; day < today; day += 1) {
      const [whole, record] = [checkpoint(), dayRecord(active, share)];
      rawBytes += record.byteLength;
      folds.push(
        await timed(() => store.foldUsage(target, node, { checkpoint: whole, days: [{ day, record }] })),
      );
    }
    const blobs = Array.from({ length: 8 }, () => collection(active, share));
    const { result: appends, blockMs } = await withBlocks(async () => {
      const times: number[] = [];
      for (let n = 0; n < collections; n += 1) {
        const blob = blobs[n % blobs.length]!;
        rawBytes += blob.byteLength;
        times.push(await timed(() => store.appendUsage(target, node, blob)));
      }
      return times;
    });
    const fullBytes = (await store.status()).sizeBytes ?? 0;
    rawBytes += checkpoint().byteLength;
    await store.close();
    const closedBytes = statSync(file).size;

    let openMs = await timed(async () => {
      store = await open();
    });
    const { result: readMs, blockMs: readBlockMs } = await withBlocks(() =>
      timed(async () => {
        await store.usageOf(target, node);
        await store.usageDaysOf(target, node, today - 30, today);
      }),
    );
    await store.close();

    const append = timesOf(appends);
    const fold = timesOf(folds);
    const perDay = dayRecord(active, share).byteLength;
    openMs = Math.round(openMs);
    const verdict = (isGood: boolean): string => (isGood ? 'ok' : 'TOO MUCH');
    console.log(`
${humaneCount(indexes)} indexes, ${share * 100} % active, ${days} days, ${collections} collections since the last fold
  a day's record           ${humaneBytes(perDay)} (${(perDay / active).toFixed(1)} bytes for an active index), a collection ${humaneBytes(blobs[0]!.byteLength)}
  in memory                ${humaneBytes(rawBytes)}
  file with its log        ${humaneBytes(fullBytes)} (${(fullBytes / rawBytes).toFixed(2)} of that), closed ${humaneBytes(closedBytes)}; limit ${humaneBytes(limitBytes)}: ${verdict(fullBytes <= limitBytes)}
  writing one collection   median ${ms(append.median)}, longest ${ms(append.worst)}; limit ${ms(limits.writeMs)}: ${verdict(append.worst < limits.writeMs)}
  folding a day            median ${ms(fold.median)}, longest ${ms(fold.worst)}
  main thread held up      ${ms(blockMs)} at most while collections were written
  opening, with its check  ${ms(openMs)}
  reading state and 30 days ${ms(readMs)}, main thread held up ${ms(readBlockMs)} at most`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function measureCompression(): void {
  console.log('\ncompression of one blob (deflate without header)');
  for (const [name, blob] of [
    ['day, a tenth active', dayRecord(indexes / 10, 0.1)],
    ['day, all active', dayRecord(indexes, 1)],
    ['checkpoint', checkpoint()],
  ] as const)
    for (const level of [1, 3, 6, 9]) {
      const start = performance.now();
      const size = deflateRawSync(blob, { level }).byteLength;
      const tookMs = performance.now() - start;
      console.log(
        `  ${name.padEnd(20)} level ${level}: ${(size / blob.byteLength).toFixed(3)} of ${humaneBytes(blob.byteLength)} in ${ms(tookMs)}`,
      );
    }
}

measureCompression();
await measure(0.1, limits.tenthBytes);
await measure(1, limits.wholeBytes);
