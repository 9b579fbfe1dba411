import { type Config, detectorSettingsOf } from '../config/config.ts';
import type { Problem } from '../config/problems.ts';
import type { Detector } from '../detectors/define.ts';
import type { Generation } from '../findings/generation.ts';
import type { FindingKind } from '../model/finding.ts';
import type { Store } from '../store/store.ts';
import { lookOnce } from './single-look.ts';
import type { WatchLog } from './target-watcher.ts';

export interface CheckOptions {
  readonly config: Config;
  readonly detectors: readonly Detector[];
  /** Kinds to judge; all, if empty. */
  readonly only: readonly FindingKind[];
  readonly docsBaseUrl: string;
  readonly log: WatchLog;
  readonly signal: AbortSignal;
  /** What was kept between looks, to judge by; without it the look knows only what servers count themselves. */
  readonly remembered?: Store;
}

/**
 * Looks at every configured target once and returns what was found, targets that could not be reached included. Only collectors
 * that the judging detectors need or use are run: what nobody asked about neither costs time nor can fail.
 */
export async function checkOnce(options: CheckOptions): Promise<readonly Generation[]> {
  const { config, only, docsBaseUrl, log, signal } = options;
  const detectors = options.detectors.filter((detector) => only.length === 0 || only.includes(detector.id));
  const judging = detectors.filter((detector) => detectorSettingsOf(config, detector.id).enabled);
  return lookOnce(
    {
      config,
      detectors,
      judging,
      docsBaseUrl,
      log,
      signal,
      ...(options.remembered === undefined ? {} : { remembered: options.remembered }),
    },
    (fleet) => fleet.runOnce(),
  );
}

/** Configured standbys that are none of their primary's: mistakes of the configuration that only the servers can show. */
export function misconfiguredNodes(generations: readonly Generation[]): readonly Problem[] {
  const problems = generations.flatMap(({ target, nodes }) =>
    nodes
      .filter(({ state }) => state === 'another-cluster' || state === 'promoted')
      .map(
        ({ node, reason }): Problem => ({
          path: 'servers[].standbys',
          value: `${node} of server ${target.server}`,
          message: reason ?? 'it is no standby of this primary',
          hint: 'each node of a server shares one system identifier, and one of them is the primary',
        }),
      ),
  );
  // Every database of a server shows the same.
  return [...new Map(problems.map((problem) => [problem.value, problem])).values()];
}
