import type { Catalogue } from '../analysis/catalogue.ts';
import type { UsageWindow } from '../analysis/usage-window.ts';
import type { CollectorName } from '../collectors/index.ts';
import type { Snapshot } from '../collectors/snapshot.ts';
import type { Finding, Inconclusive } from '../model/finding.ts';
import type { TargetId } from '../model/ids.ts';

/** The last run of one collector on one target, as `/metrics`, the API and the page show it. Times in ms since the epoch. */
export interface CollectorRun {
  readonly name: CollectorName;
  readonly state: 'collected' | 'skipped' | 'failed';
  readonly ranAtMs: number;
  readonly durationMs: number;
  readonly lastSuccessAtMs: number | null;
  /** Why it was skipped or failed, for the operator; null when collected. */
  readonly reason: string | null;
  /** The `kind` of the collection error when it failed. */
  readonly errorKind: string | null;
  readonly facts: number;
  readonly skippedRelations: number;
}

/** A right the role lacks, what cannot be seen without it, and the statement that mends it. */
export interface MissingPermission {
  readonly permission: string;
  /** Whether the program is made to do without it: said where people look, but no reason for an alert. */
  readonly isOptional: boolean;
  readonly facts: string;
  readonly grant: string;
}

/** What was published from one evaluation of one target: everything that outputs show of it. Immutable. */
export interface Generation {
  readonly target: TargetId;
  /** Grows by one with each generation of a target. */
  readonly number: number;
  readonly publishedAtMs: number;
  /** Whether the last attempt to reach the database succeeded. */
  readonly isUp: boolean;
  /** Why it is not up, without secrets; null when it is. */
  readonly error: string | null;
  readonly snapshot: Snapshot;
  /** The facts joined; only what was collected is in it. */
  readonly catalogue: Catalogue;
  readonly window: UsageWindow | undefined;
  /** Findings of every state, sorted by benefit over risk. */
  readonly findings: readonly Finding[];
  readonly inconclusive: readonly Inconclusive[];
  readonly runs: readonly CollectorRun[];
  readonly missingPermissions: readonly MissingPermission[];
  /** Bytes that following the open findings would free, each index counted once. */
  readonly reclaimableTotalBytes: number;
}
