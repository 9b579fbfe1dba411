import type { Config } from '../config/config.ts';
import type { Detector } from '../detectors/define.ts';
import type { Generation } from '../findings/generation.ts';
import type { FindingKind } from '../model/finding.ts';
import { systemClock } from '../scheduler/clock.ts';
import { memoryStore } from '../store/store.ts';
import { Fleet } from './fleet.ts';
import type { WatchLog } from './target-watcher.ts';

export interface CheckOptions {
  readonly config: Config;
  readonly detectors: readonly Detector[];
  /** Kinds to judge; all, if empty. */
  readonly only: readonly FindingKind[];
  readonly docsBaseUrl: string;
  readonly log: WatchLog;
  readonly signal: AbortSignal;
}

/** Looks at every configured target once and returns what was found, targets that could not be reached included. */
export async function checkOnce(options: CheckOptions): Promise<readonly Generation[]> {
  const { config, only, docsBaseUrl, log, signal } = options;
  const fleet = new Fleet({
    config,
    detectors: options.detectors.filter((detector) => only.length === 0 || only.includes(detector.id)),
    docsBaseUrl,
    store: memoryStore(),
    clock: systemClock,
    log,
    publish: () => {},
  });
  const stop = (): void => void fleet.stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await fleet.runOnce();
  } catch (caught) {
    // A check that was interrupted has nothing to say; the caller sees the signal.
    if (signal.aborted) return [];
    throw caught;
  } finally {
    signal.removeEventListener('abort', stop);
    await fleet.stop();
  }
}
