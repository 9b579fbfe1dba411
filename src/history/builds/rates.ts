import { z } from 'zod';
import { MiB, secondMs } from '../../model/units.ts';

export interface BuildSettings {
  /** So many builds of an access method are remembered; the oldest go first. */
  readonly keptMax: number;
  /** A smaller index tells nothing: its build is mostly other things than writing it. */
  readonly bytesMin: number;
  /** The longest that a build may have taken over the shortest; what is less sure is not learned from. */
  readonly spreadMax: number;
}

export const defaultBuildSettings: BuildSettings = { keptMax: 9, bytesMin: 16 * MiB, spreadMax: 3 };

const watchedBuild = z.strictObject({
  /** When it was seen to be over. */
  atMs: z.number(),
  bytes: z.number().positive(),
  /** Between these lies the time that it worked; what it waited for other transactions is not part of it. */
  leastMs: z.number().positive(),
  mostMs: z.number().positive(),
  isConcurrent: z.boolean(),
});
/** One build that was watched to its end: how much it wrote, and how long that took. */
export type WatchedBuild = z.infer<typeof watchedBuild>;

const kept = z.strictObject({ builds: z.array(watchedBuild) });

/** By access method, oldest first. */
export type BuildRates = ReadonlyMap<string, readonly WatchedBuild[]>;

/** How fast indexes of one access method are built, and how many builds say so. */
export interface MeasuredSpeed {
  readonly bytesPerSecond: number;
  readonly builds: number;
}

/**
 * The median over the builds remembered: one that ran on a busy night, or beside three others, moves it little. What is printed builds
 * concurrently, which reads the table twice: where such builds were watched, the others do not count. Undefined where none was.
 */
export function measuredSpeed(
  rates: BuildRates | undefined,
  accessMethod: string,
): MeasuredSpeed | undefined {
  const all = rates?.get(accessMethod) ?? [];
  const concurrent = all.filter(({ isConcurrent }) => isConcurrent);
  const builds = concurrent.length > 0 ? concurrent : all;
  if (builds.length === 0) return undefined;
  return { bytesPerSecond: median(builds.map(bytesPerSecond)), builds: builds.length };
}

/** In the middle of what it may have been, as a factor: off by the root of the spread at most. */
const bytesPerSecond = ({ bytes, leastMs, mostMs }: WatchedBuild): number =>
  (bytes * secondMs) / Math.sqrt(leastMs * mostMs);

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** Whether a build tells a speed. */
export const isTelling = (
  { bytes, leastMs, mostMs }: Pick<WatchedBuild, 'bytes' | 'leastMs' | 'mostMs'>,
  { bytesMin, spreadMax }: BuildSettings,
): boolean => bytes >= bytesMin && leastMs > 0 && mostMs <= spreadMax * leastMs;

/** What is remembered once one more was watched. Concurrent builds and others do not push each other out. */
export function withBuild(
  rates: BuildRates,
  accessMethod: string,
  build: WatchedBuild,
  { keptMax }: BuildSettings,
): BuildRates {
  const all = [...(rates.get(accessMethod) ?? []), build];
  const surplus = all.filter(({ isConcurrent }) => isConcurrent === build.isConcurrent).slice(0, -keptMax);
  return new Map(rates).set(
    accessMethod,
    all.filter((one) => !surplus.includes(one)),
  );
}

/** As a record of the store. */
export const recordOf = (builds: readonly WatchedBuild[]): unknown => ({ builds });

/** Records of a store by access method; what does not fit is from another version or damaged, and is left out. */
export function ratesFrom(records: ReadonlyMap<string, unknown>): {
  readonly rates: BuildRates;
  readonly dropped: readonly string[];
} {
  const rates = new Map<string, readonly WatchedBuild[]>();
  const dropped: string[] = [];
  for (const [accessMethod, record] of records) {
    const parsed = kept.safeParse(record);
    if (parsed.success) rates.set(accessMethod, parsed.data.builds);
    else dropped.push(accessMethod);
  }
  return { rates, dropped };
}
