import type { Config } from '../config/config.ts';
import type { Detector } from '../detectors/define.ts';
import { collectorsFor } from '../detectors/evaluate.ts';
import type { Generation } from '../findings/generation.ts';
import { systemClock } from '../scheduler/clock.ts';
import { memoryStore, type Store } from '../store/store.ts';
import type { FleetMeasuring } from './bloat/target-bloat.ts';
import { Fleet } from './fleet.ts';
import type { WatchLog } from './target-watcher.ts';

export interface SingleLookOptions {
  readonly config: Config;
  readonly detectors: readonly Detector[];
  /** Those of the detectors whose facts are read; all, if absent. */
  readonly judging?: readonly Detector[];
  readonly docsBaseUrl: string;
  readonly measuring?: FleetMeasuring;
  /** What was kept between looks, to judge by; without it the look knows only what servers count themselves. */
  readonly remembered?: Store;
  readonly log: WatchLog;
  readonly signal: AbortSignal;
}

/**
 * Lets `work` look at every configured target with a fleet that keeps nothing, and stops it afterwards. One that was interrupted has
 * nothing to say and returns nothing; the caller sees the signal.
 */
export async function lookOnce(
  { judging, measuring, remembered, signal, ...options }: SingleLookOptions,
  work: (fleet: Fleet) => Promise<readonly Generation[]>,
): Promise<readonly Generation[]> {
  const fleet = new Fleet({
    ...options,
    collectors: collectorsFor(judging ?? options.detectors),
    store: remembered ?? memoryStore(),
    remembers: remembered !== undefined,
    clock: systemClock,
    publish: () => {},
    ...(measuring === undefined ? {} : { measuring }),
  });
  const stop = (): void => void fleet.stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await work(fleet);
  } catch (caught) {
    if (signal.aborted) return [];
    throw caught;
  } finally {
    signal.removeEventListener('abort', stop);
    await fleet.stop();
  }
}
