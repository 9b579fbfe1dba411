import type { Bloat } from '../analysis/bloat/bloat.ts';
import type { Catalogue, IndexView, TableView } from '../analysis/catalogue.ts';
import type { UsageWindow } from '../analysis/usage-window.ts';
import type { DefinitionFact } from '../collectors/definitions.ts';
import type { CollectorName } from '../collectors/index.ts';
import type { Snapshot } from '../collectors/snapshot.ts';
import type { Remedy } from '../detectors/draft.ts';
import type { SizePoint } from '../history/bloat/memory.ts';
import type { ProbeState } from '../history/probes/memory.ts';
import type { TableSizePoint } from '../history/tables/sizes.ts';
import type { UsageAcrossNodes } from '../history/usage/across.ts';
import type { Finding, Inconclusive } from '../model/finding.ts';
import type { IndexOid, NodeName, TargetId } from '../model/ids.ts';
import type { ExpectedStatus } from './expected-status.ts';

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

/** One configured node, and whether it can be read. */
export interface NodeStatus {
  readonly node: NodeName;
  readonly role: 'primary' | 'standby';
  /** `another-cluster` and `promoted` are mistakes of the configuration. */
  readonly state: 'observed' | 'unreachable' | 'another-cluster' | 'promoted';
  /** Why it is not observed; null where it is. */
  readonly reason: string | null;
}

/** What became of measuring the indexes of one target since it is watched. */
export interface MeasuringFacts {
  readonly measuredBytesTotal: number;
  /** Indexes measured, and not measured by reason: `measured`, `locked`, `timeout` and the like. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** Indexes that are to be measured and have not been yet. */
  readonly waiting: number;
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
  /** The configured nodes, the primary first. */
  readonly nodes: readonly NodeStatus[];
  /** Replicas seen by the primary that are no configured node, by the names it knows them by. */
  readonly unknownReplicas: readonly string[];
  /** What is remembered of use on them; undefined in a single look. */
  readonly usage: UsageAcrossNodes | undefined;
  /** How large each index is and would be after a rebuild; partitioned indexes by the sum of their leaves. */
  readonly bloat: ReadonlyMap<IndexOid, Bloat>;
  /** When the last rebuild of an index was noticed, in ms since the epoch; only of those that were seen to be rebuilt. */
  readonly rebuilds?: ReadonlyMap<IndexOid, number>;
  /** Sizes by day, as far back as they are remembered; absent in a single look. Of indexes on disk: a partitioned one has none. */
  readonly sizes?: {
    readonly ofIndex: (index: IndexView) => readonly SizePoint[];
    readonly ofTable: (table: TableView) => readonly TableSizePoint[];
  };
  /** Undefined where nothing is measured. */
  readonly measuring?: MeasuringFacts;
  /** Findings of every state, sorted by benefit over risk. */
  readonly findings: readonly Finding[];
  /** What the SQL of the findings was printed from, by their ids: of those that this look found. */
  readonly remedies?: ReadonlyMap<string, Remedy>;
  /** The server's definitions that the SQL needed, by index oid. */
  readonly definitions?: ReadonlyMap<number, DefinitionFact>;
  /** Ids of the open findings about indexes that were seen valid and are not any more. */
  readonly lost?: ReadonlySet<string>;
  readonly inconclusive: readonly Inconclusive[];
  /** What came of each expected index, in the order of the manifests; absent where there are none. */
  readonly expectations?: readonly ExpectedStatus[];
  /** What is known of each probe, in the order of the manifests; absent where there are none. */
  readonly probes?: readonly ProbeState[];
  readonly runs: readonly CollectorRun[];
  readonly missingPermissions: readonly MissingPermission[];
  /** Bytes that following the open findings would free, each index counted once. */
  readonly reclaimableTotalBytes: number;
}
