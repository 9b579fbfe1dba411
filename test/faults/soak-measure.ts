import { readdirSync } from 'node:fs';

/** What a daemon holds after a number of cycles, when what can be let go of was let go of. */
export interface Sample {
  readonly cycle: number;
  readonly heapBytes: number;
  readonly rssBytes: number;
  /** Timers, sockets, threads and the like that keep the process busy. */
  readonly handles: number;
  /** Files and sockets that the process has open. */
  readonly descriptors: number;
  /** Sessions of ours, counted on the server. */
  readonly connections: number;
}

/** Measures this process. Needs `--expose-gc`, and /proc. */
export function measure(cycle: number, connections: number): Sample {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('run it with node --expose-gc');
  gc();
  gc();
  const { heapUsed, rss } = process.memoryUsage();
  return {
    cycle,
    heapBytes: heapUsed,
    rssBytes: rss,
    handles: process.getActiveResourcesInfo().length,
    descriptors: readdirSync('/proc/self/fd').length,
    connections,
  };
}

/** How a quantity went over the later part of a run, when caches are warm. */
export interface Trend {
  readonly first: number;
  readonly last: number;
  readonly least: number;
  readonly most: number;
  /** Growth for each thousand cycles, by least squares. */
  readonly perThousand: number;
}

/** Of the samples, the share at the beginning in which memory fills up as it should. */
const warmShare = 0.4;

export function trendOf(samples: readonly Sample[], of: (sample: Sample) => number): Trend {
  const warm = samples.slice(Math.floor(samples.length * warmShare));
  const values = warm.map(of);
  const [first, last] = [values[0], values.at(-1)];
  if (first === undefined || last === undefined) throw new Error('there is no sample');
  const mean = (numbers: readonly number[]): number =>
    numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  const cycles = warm.map(({ cycle }) => cycle);
  const [meanCycle, meanValue] = [mean(cycles), mean(values)];
  const covariance = warm.reduce(
    (sum, sample) => sum + (sample.cycle - meanCycle) * (of(sample) - meanValue),
    0,
  );
  const variance = cycles.reduce((sum, cycle) => sum + (cycle - meanCycle) ** 2, 0);
  return {
    ...{ first, last, least: Math.min(...values), most: Math.max(...values) },
    perThousand: variance === 0 ? 0 : (covariance / variance) * 1_000,
  };
}
