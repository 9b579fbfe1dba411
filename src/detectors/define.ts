import type { z } from 'zod';
import type { Catalogue } from '../analysis/catalogue.ts';
import type { UsageWindow } from '../analysis/usage-window.ts';
import type { CollectorName } from '../collectors/index.ts';
import type { FindingKind } from '../model/finding.ts';
import type { Policy, Topology } from '../model/policy.ts';
import { minuteMs } from '../model/units.ts';
import type { Draft, Unjudged } from './draft.ts';

export interface DetectorInput<Settings> {
  readonly catalogue: Catalogue;
  /** Since when the counters of this node count. */
  readonly window: UsageWindow;
  readonly settings: Settings;
  readonly policyFor: (schemaname: string) => Policy;
  readonly topology: Topology;
  /** The snapshot's `takenAtMs`: the only clock a detector knows. */
  readonly nowMs: number;
}

export interface Verdict {
  readonly findings: readonly Draft[];
  /** Why nothing could be judged on this target, though the facts were collected. */
  readonly inconclusive?: string;
  /** Relations that could not be judged though the facts were collected (locked, no counters, statistics not visible). */
  readonly unjudged?: readonly Unjudged[];
}

/**
 * A pure rule over the catalogue of one target. `needs` names the collectors without whose facts it is inconclusive; `maxSkewMs`
 * how far apart in time their facts may lie. It does not read the clock, log, query or throw for bad data.
 */
export interface Detector<Settings = unknown> {
  readonly id: FindingKind;
  /** What the finding says, as a heading. */
  readonly title: string;
  readonly needs: readonly CollectorName[];
  readonly maxSkewMs: number;
  readonly settings: z.ZodType<Settings>;
  // A method, so that detectors with settings of their own fit into one list; the caller validates by `settings`.
  evaluate(input: DetectorInput<Settings>): Verdict;
}

/** Collectors run every five minutes at most by default; three missed runs of one of them are more than a skew. */
const defaultMaxSkewMs = 20 * minuteMs;

export function defineDetector<Settings>(
  declaration: Omit<Detector<Settings>, 'maxSkewMs'> & { readonly maxSkewMs?: number },
): Detector<Settings> {
  return { maxSkewMs: defaultMaxSkewMs, ...declaration };
}
