import type { IndexView } from '../../analysis/catalogue.ts';
import type { Config } from '../../config/config.ts';
import { matcherOf } from '../../config/globs.ts';
import { bloatedIndex } from '../../detectors/bloated-index/detector.ts';
import type { Detector } from '../../detectors/define.ts';
import type { Generation } from '../../findings/generation.ts';
import { targetKey } from '../../model/ids.ts';
import { systemClock } from '../../scheduler/clock.ts';
import { lookOnce } from '../single-look.ts';
import type { WatchLog } from '../target-watcher.ts';
import { MeasurementBudgets } from './budget.ts';
import type { FleetMeasuring } from './target-bloat.ts';

export interface BloatOptions {
  readonly config: Config;
  /** Whether indexes are read; otherwise only the catalogue is. */
  readonly isMeasured: boolean;
  readonly isAsked: (index: IndexView) => boolean;
  /** Told of each index that was tried: how many are done, and how many there are as far as is known. */
  readonly onProgress: (done: number, total: number, indexrelname: string) => void;
  readonly log: WatchLog;
  readonly signal: AbortSignal;
}

/** Whether an index is one of those named, alone or behind its schema; all are where nobody named any. */
export function indexFilter(patterns: readonly string[]): (index: IndexView) => boolean {
  const matchers = patterns.map(matcherOf);
  return ({ name, table }) =>
    matchers.length === 0 ||
    matchers.some((matches) => matches(name) || matches(`${table.schemaname}.${name}`));
}

/**
 * What is known of the bloat of every index of every configured target, after one look and, if asked for, measuring all that can be
 * measured. Nothing is kept.
 */
export async function bloatOnce(options: BloatOptions): Promise<readonly Generation[]> {
  const { config, isMeasured, isAsked, onProgress, log, signal } = options;
  const left = new Map<string, number>();
  let done = 0;
  const measuring: FleetMeasuring = {
    budgets: new MeasurementBudgets(systemClock),
    isWanted: ({ index }) => isAsked(index),
    onMeasured: (target, { index }, _outcome, rest) => {
      done += 1;
      left.set(targetKey(target), rest);
      const total = done + [...left.values()].reduce((sum, count) => sum + count, 0);
      onProgress(done, total, index.name);
    },
  };
  // The list takes detectors of any settings; this one's own are its schema's presets.
  const detectors = [bloatedIndex as Detector];
  const looking = { config, detectors, docsBaseUrl: '', log, signal };
  return lookOnce({ ...looking, ...(isMeasured ? { measuring } : {}) }, async (fleet) => {
    const looked = await fleet.runOnce();
    return isMeasured && !signal.aborted ? fleet.measureAll() : looked;
  });
}
