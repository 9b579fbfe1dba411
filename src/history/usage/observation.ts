import { statisticsSince } from '../../analysis/usage-window.ts';
import type { NodeName } from '../../model/ids.ts';
import { dayMs } from '../../model/units.ts';
import type { IndexSubject, TableSubject } from '../subjects.ts';
import type { BreakReason } from './epoch.ts';
import type { UsageHistory } from './history.ts';
import { type IndexState, noSlot, recentDays, type StartReason, type UsageState } from './state.ts';

/** What one node knows of the use of one index. Times are in milliseconds since the epoch. */
export interface IndexObservation {
  readonly node: NodeName;
  /** From here to {@link observedToMs} nothing can have escaped: every use in between shows in {@link lastUsedAtMs}. */
  readonly observedSinceMs: number;
  readonly observedToMs: number;
  /** How much newer the node's newest sample is, in which the index was not; 0 where it was. */
  readonly missingForMs: number;
  /** Why the window begins where it does. */
  readonly beganBy: StartReason | BreakReason;
  /** Samples in the window. */
  readonly samples: number;
  /** When an index of this name and definition was first seen; it may be older only if that was in the first look of all. */
  readonly firstSeenMs: number;
  /** Whether the window is the first there ever was: nothing is known against the counters being as old as they say. */
  readonly isFromFirstLook: boolean;
  /** The last use, or the sample that showed it; null where none was seen. May lie before the window. */
  readonly lastUsedAtMs: number | null;
  readonly rebuiltAtMs: number | null;
  /** What the server itself counts; undefined for a partitioned index, whose parts count. */
  readonly counters: ServerCounters | undefined;
}

export interface ServerCounters {
  readonly scansTotal: number;
  readonly tuplesReadTotal: number;
  readonly tuplesFetchedTotal: number;
  readonly lastScanAtMs: number | null;
  /** Since when they count: the latest of all reset times; undefined where none is known. */
  readonly sinceMs: number | undefined;
}

/** What is remembered of an index; undefined where it was never seen on this node. */
export function usageOfIndex({ state }: UsageHistory, subject: IndexSubject): IndexObservation | undefined {
  const index = state.indexes.get(subject);
  if (index === undefined) return undefined;
  const isNodes = state.sinceAtMs >= index.sinceAtMs;
  const sinceSample = isNodes ? state.sinceSample : index.sinceSample;
  return {
    node: state.node,
    observedSinceMs: isNodes ? state.sinceAtMs : index.sinceAtMs,
    observedToMs: index.missingSinceMs ?? state.lastAtMs,
    missingForMs: index.missingSinceMs === null ? 0 : state.lastAtMs - index.missingSinceMs,
    beganBy: (isNodes ? state.breaks.at(-1)?.reason : undefined) ?? index.startReason,
    samples: state.sample - sinceSample + 1,
    firstSeenMs: index.firstSeenAtMs,
    isFromFirstLook:
      state.breaksTotal === 0 &&
      index.startReason === 'first-sight' &&
      index.firstSeenAtMs === state.startedAtMs,
    lastUsedAtMs: index.lastUsedAtMs,
    rebuiltAtMs: index.rebuiltAtMs,
    counters: countersOf(state, index),
  };
}

function countersOf(state: UsageState, index: IndexState): ServerCounters | undefined {
  // A partitioned index has no oid here, since it has no counters.
  if (index.oid === 0 || state.epoch === undefined) return undefined;
  const { sinceMs } = statisticsSince(state.epoch);
  const ownMs = index.statsResetAtMs ?? undefined;
  return {
    scansTotal: index.scans,
    tuplesReadTotal: index.tuplesRead,
    tuplesFetchedTotal: index.tuplesFetched,
    lastScanAtMs: index.lastScanAtMs,
    sinceMs: sinceMs === undefined || ownMs === undefined ? (sinceMs ?? ownMs) : Math.max(sinceMs, ownMs),
  };
}

/** What one node knows of reads and writes of one table. Standbys count no writes. */
export interface TableObservation {
  readonly node: NodeName;
  readonly isPrimary: boolean;
  readonly firstSeenMs: number;
  readonly observedSinceMs: number;
  readonly observedToMs: number;
  readonly lastReadAtMs: number | null;
  /** Rows deleted. */
  readonly lastDeletedAtMs: number | null;
  /** Rows updated that were not HOT: a key that changes is always among them. */
  readonly lastUpdatedAtMs: number | null;
}

export function usageOfTable({ state }: UsageHistory, subject: TableSubject): TableObservation | undefined {
  const table = state.tables.get(subject);
  if (table === undefined) return undefined;
  return {
    node: state.node,
    isPrimary: state.epoch?.isInRecovery === false,
    firstSeenMs: table.firstSeenAtMs,
    observedSinceMs: Math.max(state.sinceAtMs, table.sinceAtMs),
    observedToMs: table.missingSinceMs ?? state.lastAtMs,
    lastReadAtMs: table.lastReadAtMs,
    lastDeletedAtMs: table.lastDeletedAtMs,
    lastUpdatedAtMs: table.lastUpdatedAtMs,
  };
}

/** Uses of an index on one of the last {@link recentDays} days (UTC); 0 also where nothing was seen of the day. */
export function usesOn({ state }: UsageHistory, subject: IndexSubject, day: number): number {
  return ringValue(state, state.indexes.get(subject)?.slot, day);
}

export interface TableDayCounts {
  /** Sequential scans, and scans of the table's indexes. */
  readonly reads: number;
  readonly sequentialScans: number;
  /** Rows inserted and deleted, and updated but for HOT. */
  readonly rowsWritten: number;
}

/** What happened to a table on one of the last {@link recentDays} days (UTC). */
export function tableCountsOn({ state }: UsageHistory, subject: TableSubject, day: number): TableDayCounts {
  const table = state.tables.get(subject);
  return {
    reads: ringValue(state, table?.readsSlot, day),
    sequentialScans: ringValue(state, table?.sequentialSlot, day),
    rowsWritten: ringValue(state, table?.writesSlot, day),
  };
}

/** How much of a day (UTC) lies between samples that belong together, 0 to 1. */
export const coverageOf = ({ state }: UsageHistory, day: number): number =>
  Math.min(1, (state.nodeDays.get(day)?.coveredMs ?? 0) / dayMs);

function ringValue(state: UsageState, slot: number | undefined, day: number): number {
  const today = Math.floor(state.lastAtMs / dayMs);
  if (slot === undefined || slot === noSlot || day > today || day <= today - recentDays) return 0;
  return state.rings.get(slot, day);
}
