/*
 * The vocabulary of the bench of the two specifications: a claim is a number that one of them states, a measurement is what came of
 * asking a server, and a verdict is what the two say of each other.
 */

export type SpecDocument = 'residency' | 'backtest';

/** Titles of the two documents, as their first lines have them. */
export const specTitles: Readonly<Record<SpecDocument, string>> = {
  residency: 'Database Index Optimization Report (Residency Scheduler)',
  backtest: 'PostgreSQL Query Performance Optimization Research (backtest metadata)',
};

/** One number of a document. */
export interface Claim {
  /** Unique over both documents, and stable: `backtest.pagination.cursor-speedup`. */
  readonly id: string;
  readonly document: SpecDocument;
  /** The heading it stands under, as the document has it. */
  readonly section: string;
  /** In our own words, with the number. */
  readonly claim: string;
  readonly answer: Answer;
}

export type Answer =
  /** Not for measuring: a threshold, a calendar, an assumption, arithmetic. With what it is, and where it lives. */
  | { readonly kind: 'no-claim'; readonly why: string }
  | {
      readonly kind: 'measured';
      /** Names of measurements; the claim is judged by all of them. */
      readonly by: readonly string[];
      readonly expects: Expects;
    };

/** What the document expects of a measurement. Percent and milliseconds as the document states them. */
export type Expects =
  /** Percent of the time that goes, from before to after. */
  | { readonly kind: 'gain'; readonly from: number; readonly to: number }
  /** Percent of time that is added, from before to after. */
  | { readonly kind: 'cost'; readonly from: number; readonly to: number }
  /** Time before over time after. */
  | { readonly kind: 'speedup'; readonly from: number; readonly to: number }
  /** How long it takes: no longer than `toMs`, and no shorter than `fromMs` if the document's range is to fit. */
  | { readonly kind: 'takes'; readonly fromMs: number; readonly toMs: number; readonly side: Side }
  /** How long it took on the authors' machine and data, which a bench can only be compared with. */
  | { readonly kind: 'took'; readonly fromMs: number; readonly toMs: number; readonly side: Side }
  | { readonly kind: 'below'; readonly ms: number; readonly side: Side }
  | { readonly kind: 'above'; readonly ms: number; readonly side: Side }
  /** A number of another unit, between two bounds; `dependsOn` where it was told of data that is not here. */
  | { readonly kind: 'figure'; readonly from: number; readonly to: number; readonly dependsOn?: string }
  /** That a statement can be run at all. */
  | { readonly kind: 'possible' };

/** Of a comparison the state that is meant; of a single timing there is only one. */
export type Side = 'before' | 'after';

/** Times of one statement. */
export interface Timing {
  readonly medianMs: number;
  /** Nearest rank: one of the times, never between two. */
  readonly p95Ms: number;
  readonly runs: number;
  /** Blocks that the last run touched, found in memory or read; undefined where nobody counted. */
  readonly blocks?: number;
  /** Short form of the plan: node types and indexes. */
  readonly plan: string;
}

export type Measurement =
  | {
      readonly kind: 'compared';
      readonly label: string;
      readonly before: Timing;
      readonly after: Timing;
      /** Time after over time before, the median of the pairs that ran one behind the other: load that comes and goes is in both. */
      readonly ratio: number;
    }
  | { readonly kind: 'timed'; readonly label: string; readonly timing: Timing }
  | {
      readonly kind: 'figure';
      readonly label: string;
      readonly value: number;
      /** `MB`, `%`, `×`, `s`, or what is counted. */
      readonly unit: string;
      readonly plan?: string;
    }
  | { readonly kind: 'refused'; readonly label: string; readonly why: string }
  | { readonly kind: 'done'; readonly label: string };

export type Verdict =
  | { readonly kind: 'holds'; readonly note?: string }
  | { readonly kind: 'does not hold'; readonly note?: string }
  | { readonly kind: 'depends'; readonly on: string }
  | { readonly kind: 'no claim'; readonly why: string }
  /** The measurement failed: the run is not complete. */
  | { readonly kind: 'not measured'; readonly why: string };

/** A claim beside what was found. */
export interface Row {
  readonly claim: Claim;
  readonly measurements: readonly Measurement[];
  readonly verdict: Verdict;
}
