/** The kinds of findings: also the detector's folder, its documentation page and its settings' key. */
export const findingKinds = [
  'invalid-index',
  'collation-drift',
  'duplicate-index',
  'redundant-index',
  'unused-index',
  'rarely-used-index',
  'stopped-being-used',
  'unindexed-foreign-key',
  'missing-primary-key',
  'oversized-index',
  'high-read-ratio-index',
  'low-selectivity-index',
  'null-heavy-index',
  'over-indexed-table',
  'hot-blocking-index',
  'stale-statistics',
  'bloated-index',
  'index-growth',
  'missing-expected-index',
  'unexpected-index',
  'missing-index-candidate',
  'slow-probe',
  'probe-plan-regression',
] as const;
export type FindingKind = (typeof findingKinds)[number];

export const severities = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof severities)[number];

export type Confidence = 'proven' | 'likely' | 'possible';
export type FindingState = 'open' | 'muted' | 'resolved';
export type Origin = 'baseline' | 'new';

/** A typed fact in a finding's evidence; units are in the key's name (`sizeBytes`, `statisticsAgeSeconds`). */
export type Evidence = { readonly [fact: string]: EvidenceValue };
export type EvidenceValue =
  | string
  | number
  | boolean
  | null
  | readonly EvidenceValue[]
  | { readonly [fact: string]: EvidenceValue };

export interface RelatedIndex {
  readonly schemaname: string;
  readonly indexrelname: string;
  readonly role: 'keep' | 'drop' | 'supports' | 'overlaps';
  readonly why: string;
}

/**
 * SQL a person may run. `sql` runs as it stands, statement by statement, after `preflightSql`; null where there
 * is nothing safe to print, and `notes` says why. `rollbackSql` undoes it; `verifySql` returns true when it took.
 */
export interface Fix {
  readonly sql: string | null;
  readonly rollbackSql: string | null;
  readonly lock: string | null;
  readonly rebuildSeconds: number | null;
  readonly notes: string;
  readonly preflightSql: string | null;
  readonly verifySql: string | null;
}

export interface Finding {
  /** 16 hex digits of sha256 over kind, server, datname, schemaname, relname and subject. */
  readonly id: string;
  readonly kind: FindingKind;
  readonly severity: Severity;
  readonly confidence: Confidence;
  readonly state: FindingState;
  readonly origin: Origin;
  readonly server: string;
  readonly datname: string;
  readonly schemaname: string;
  readonly relname: string;
  readonly indexrelname: string | null;
  readonly columns: readonly string[];
  readonly related: readonly RelatedIndex[];
  readonly title: string;
  readonly evidence: Evidence;
  readonly caveats: readonly string[];
  readonly impact: { readonly reclaimableBytes: number; readonly [name: string]: number };
  readonly fix: Fix;
  /** ISO 8601, UTC. */
  readonly firstSeen: string;
  readonly lastSeen: string;
  /** How often it came back soon after it was resolved; absent where it never did. */
  readonly reopened?: number;
  /** `schema.table.index` (or `schema.table`) as it was called before; its first sight and origin are those of that name. */
  readonly renamedFrom?: string;
  /** When it was found to be gone; only where it is resolved. */
  readonly resolvedAt?: string;
  readonly docs: string;
  /** Why it is muted, when it is. */
  readonly muted?: { readonly reason: string; readonly until: string | null; readonly by: string };
}

/** A detector that could not judge a target, or some of its relations: never "no findings". */
export interface Inconclusive {
  readonly kind: FindingKind;
  readonly server: string;
  readonly datname: string;
  readonly reason: string;
  /** Relations the reason applies to; absent when it is the whole target. */
  readonly relations?: readonly string[];
}
