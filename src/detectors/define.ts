import type { z } from 'zod';
import type { Bloat } from '../analysis/bloat/bloat.ts';
import type { Catalogue, IndexView } from '../analysis/catalogue.ts';
import type { ExpectationState } from '../analysis/expectation.ts';
import type { ReadStatement } from '../analysis/sql/conditions.ts';
import type { UsageWindow } from '../analysis/usage-window.ts';
import type { CollectorName } from '../collectors/index.ts';
import type { Snapshot } from '../collectors/snapshot.ts';
import type { SizePoint } from '../history/bloat/memory.ts';
import type { ProbeState } from '../history/probes/memory.ts';
import type { UsageAcrossNodes } from '../history/usage/across.ts';
import type { FindingKind } from '../model/finding.ts';
import type { IndexOid } from '../model/ids.ts';
import type { Policy, Topology } from '../model/policy.ts';
import type { Sliced } from '../model/sliced.ts';
import { minuteMs } from '../model/units.ts';
import type { Draft, Unjudged } from './draft.ts';

export interface DetectorInput<Settings> {
  readonly catalogue: Catalogue;
  /** Since when the counters of this node count. */
  readonly window: UsageWindow;
  readonly settings: Settings;
  /** Settings of another detector, where two share a decision and must not contradict each other. */
  readonly settingsOf: <Other>(detector: Pick<Detector<Other>, 'id' | 'settings'>) => Other;
  readonly policyFor: (schemaname: string) => Policy;
  readonly topology: Topology;
  /** Newest snapshots of the configured standbys that can be read: what differs from node to node, and only that. */
  readonly standbys: readonly Snapshot[];
  /** How large each index is and would be after a rebuild; empty where nobody estimated it. */
  readonly bloat: ReadonlyMap<IndexOid, Bloat>;
  /** One size a day of each index, oldest first; none where nothing is remembered yet. */
  readonly sizesOf: (index: IndexView) => readonly SizePoint[];
  /** What is remembered of use, on every configured node; undefined in a single look, which remembers nothing. */
  readonly usage: UsageAcrossNodes | undefined;
  /** What manifests say should be there, compared with what is; empty where there is no manifest. */
  readonly expectations: readonly ExpectationState[];
  /** What a statement filters on; undefined for every text where nobody loaded the parser. */
  readonly readStatement: ReadStatement;
  /** What is known of each declared query; empty where no manifest declares one. */
  readonly probes: readonly ProbeState[];
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
 * how far apart in time their facts may lie; `uses` the collectors whose facts change what it says, or what is said of rights it
 * lacks, but that it can do without (those that every finding is weighed by need not be named). It does not read the clock, log,
 * query or throw for bad data, and pauses (`yield`) between the relations that it goes through.
 */
export interface Detector<Settings = unknown> {
  readonly id: FindingKind;
  /** What the finding says, as a heading. */
  readonly title: string;
  readonly needs: readonly CollectorName[];
  readonly uses: readonly CollectorName[];
  readonly maxSkewMs: number;
  /** It judges by what is remembered alone: in a single look it does not take part, and is not inconclusive either. */
  readonly needsHistory: boolean;
  readonly settings: z.ZodType<Settings>;
  // A method, so that detectors with settings of their own fit into one list; the caller validates by `settings`.
  evaluate(input: DetectorInput<Settings>): Sliced<Verdict>;
}

/** Collectors run every five minutes at most by default; three missed runs of one of them are more than a skew. */
const defaultMaxSkewMs = 20 * minuteMs;

export function defineDetector<Settings>(
  declaration: Omit<Detector<Settings>, 'maxSkewMs' | 'uses' | 'needsHistory'> & {
    readonly maxSkewMs?: number;
    readonly needsHistory?: boolean;
    readonly uses?: readonly CollectorName[];
  },
): Detector<Settings> {
  return { maxSkewMs: defaultMaxSkewMs, uses: [], needsHistory: false, ...declaration };
}
