import type { Sliced } from '../../model/sliced.ts';
import { minuteMs } from '../../model/units.ts';
import type { IndexSubject, TableSubject } from '../subjects.ts';
import { type BreakReason, whyBroken } from './epoch.ts';
import type { IndexCounters, NodeEpoch, TableCounters, UsageSample } from './sample.ts';
import type { IndexState, StartReason, TableState, UsageState } from './state.ts';

/**
 * What one sample changes of the memory: decided here, carried out by `apply`, kept as a collection, and carried out again when the
 * history is opened. What did not move is not in it.
 */
export interface ChangeSet {
  /** Counts up by one; a hole shows that a collection was lost. */
  readonly sample: number;
  readonly atMs: number;
  readonly epoch: NodeEpoch;
  /** Why the node's window starts anew; absent when it goes on. */
  readonly broke?: BreakReason;
  readonly indexes: readonly IndexChange[];
  readonly tables: readonly TableChange[];
  /** Ids of what the sample no longer holds. */
  readonly missing: readonly number[];
}

interface Change {
  /** Undefined for what is new; it then has a subject. */
  readonly id: number | undefined;
  readonly oid: number;
  readonly statsResetAtMs: number | null;
}

export interface IndexChange extends Change {
  /** What it is called, for what is new. */
  readonly subject: IndexSubject | undefined;
  /** For what is new, or has moved in its partition tree. */
  readonly place: { readonly table: TableSubject; readonly top: IndexSubject | undefined } | undefined;
  readonly scans: number;
  readonly tuplesRead: number;
  readonly tuplesFetched: number;
  readonly lastScanAtMs: number | null;
  /** Uses and tuples since the sample before; 0 where that is not known. */
  readonly uses: number;
  readonly tuples: number;
  /** Why its own window starts anew. */
  readonly restarted?: StartReason;
  /** A new oid that is the same index: rebuilt. */
  readonly isRebuilt: boolean;
}

export interface TableChange extends Change {
  readonly subject: TableSubject | undefined;
  readonly place: { readonly top: TableSubject | undefined } | undefined;
  readonly sequentialScans: number;
  readonly inserted: number;
  readonly updatedNotHot: number;
  readonly deleted: number;
  /** Since the sample before; 0 where that is not known. */
  readonly read: number;
  readonly insertedNow: number;
  readonly updatedNow: number;
  readonly deletedNow: number;
  readonly isRestarted: boolean;
}

/**
 * Over so short a time a new oid with counters that did not fall is the same index, rebuilt by REINDEX CONCURRENTLY, which carries
 * them over; and what a part of a partitioned index did before it went is taken to be known. Over a longer one nobody can tell a
 * rebuilt index from one that was dropped and made again after use.
 */
export const shortMs = 15 * minuteMs;

/** Compares a sample with the memory. It must be later than the last one, unless the clock was set back for good. */
export function* compare(state: UsageState, sample: UsageSample, maxGapMs: number): Sliced<ChangeSet> {
  const before = state.epoch === undefined ? undefined : { atMs: state.lastAtMs, epoch: state.epoch };
  const broke = before && whyBroken(before, sample, maxGapMs);
  const look: Look = {
    state,
    atMs: sample.atMs,
    number: state.sample + 1,
    maxGapMs,
    broke,
    hasCountersOfBefore: broke === undefined || broke === 'gap' || broke === 'clock',
    byOid: undefined,
    unexplained: false,
    returned: new Set(),
  };
  // Loops, since there may be a hundred thousand of them and hardly one has changed.
  const tables: TableChange[] = [];
  for (const counters of sample.tables) {
    yield;
    const changed = compareTable(look, counters);
    if (changed !== undefined) tables.push(changed);
  }
  const indexes: IndexChange[] = [];
  for (const counters of sample.indexes) {
    yield;
    const changed = compareIndex(look, counters);
    if (changed !== undefined) indexes.push(changed);
  }
  const missing: number[] = [];
  for (const index of state.indexes.values()) {
    yield;
    if (isMissing(look, index)) missing.push(index.id);
  }
  for (const table of state.tables.values()) {
    yield;
    if (isMissing(look, table)) missing.push(table.id);
  }
  const reason = broke ?? (look.unexplained ? 'counter-fell' : undefined);
  return {
    sample: look.number,
    atMs: sample.atMs,
    epoch: sample.epoch,
    ...(reason === undefined ? {} : { broke: reason }),
    indexes: [...indexes, ...[...look.returned].map((top) => returnedTop(look, top))],
    tables,
    missing,
  };
}

interface Look {
  readonly state: UsageState;
  readonly atMs: number;
  readonly number: number;
  readonly maxGapMs: number;
  readonly broke: BreakReason | undefined;
  /** Whether the counters go on counting from where they were: so it is after a gap, not after a reset. */
  readonly hasCountersOfBefore: boolean;
  byOid: Map<number, IndexState> | undefined;
  /** A counter fell, and nothing says why: then any other may have been wiped as well. */
  unexplained: boolean;
  /** Partitioned indexes that have parts again. */
  readonly returned: Set<IndexState>;
}

const isMissing = (
  look: Look,
  { seenInSample, missingSinceMs }: Pick<IndexState, 'seenInSample' | 'missingSinceMs'>,
): boolean => seenInSample !== look.number && missingSinceMs === null;

/** What changed of one index; undefined where nothing did, or it is not known which it is. */
function compareIndex(look: Look, now: IndexCounters): IndexChange | undefined {
  const { state, atMs } = look;
  const known = now.subject === undefined ? knownByOid(look, now.oid) : state.indexes.get(now.subject);
  const top = now.top === undefined ? undefined : state.indexes.get(now.top);
  if (top !== undefined) {
    top.seenInSample = look.number;
    if (top.missingSinceMs !== null) look.returned.add(top);
  }
  if (known === undefined) return now.subject === undefined ? undefined : firstSight(now, now.subject);
  known.seenInSample = look.number;
  const hasMoved =
    known.table?.subject !== now.table || (now.subject !== undefined && known.top?.subject !== now.top);
  const isSame =
    known.scans === now.scansTotal &&
    known.tuplesRead === now.tuplesReadTotal &&
    known.tuplesFetched === now.tuplesFetchedTotal &&
    known.lastScanAtMs === now.lastScanAtMs &&
    known.statsResetAtMs === now.statsResetAtMs &&
    known.oid === now.oid;
  if (isSame && !hasMoved && known.missingSinceMs === null) return undefined;

  const lastAtMs = known.missingSinceMs ?? state.lastAtMs;
  const fate = fateOf(look, known, now, lastAtMs);
  const { uses, tuples } = fate.isCounted ? since(known, now, fate.isFromZero) : { uses: 0, tuples: 0 };
  return {
    id: known.id,
    subject: undefined,
    oid: now.oid,
    place: hasMoved
      ? { table: now.table, top: now.subject === undefined ? known.top?.subject : now.top }
      : undefined,
    scans: now.scansTotal,
    tuplesRead: now.tuplesReadTotal,
    tuplesFetched: now.tuplesFetchedTotal,
    lastScanAtMs: now.lastScanAtMs,
    statsResetAtMs: now.statsResetAtMs,
    uses,
    tuples,
    ...(fate.restarted === undefined ? {} : { restarted: fate.restarted }),
    isRebuilt: fate.isRebuilt,
  };

  /** What became of the index between its last sample and this one. */
  function fateOf(
    { broke, hasCountersOfBefore, maxGapMs }: Look,
    index: IndexState,
    counters: IndexCounters,
    last: number,
  ): Fate {
    if (!hasCountersOfBefore) return { ...lived, isCounted: false };
    const spanMs = Math.abs(atMs - last);
    const isSameOid = counters.oid === index.oid;
    const fell = hasFallen(index, counters);
    // A time that is gone is no reset: a rebuilt index begins without one.
    const isReset = counters.statsResetAtMs !== null && counters.statsResetAtMs !== index.statsResetAtMs;
    if (!isSameOid && (fell || spanMs > shortMs))
      return { ...lived, restarted: 'made-again', isFromZero: true };
    if (isReset) return { ...lived, restarted: 'own-reset', isFromZero: true };
    if (last < state.sinceAtMs) return { ...lived, restarted: 'not-seen', isCounted: !fell };
    if (fell) {
      look.unexplained = true;
      return { ...lived, isFromZero: true };
    }
    if (broke === undefined && spanMs > maxGapMs) return { ...lived, restarted: 'not-seen' };
    return { ...lived, isRebuilt: !isSameOid };
  }
}

interface Fate {
  readonly restarted?: StartReason;
  /** Whether what was counted since the last sample is known at all. */
  readonly isCounted: boolean;
  /** Whether all that the counters hold was counted since then: they began anew. */
  readonly isFromZero: boolean;
  readonly isRebuilt: boolean;
}

const lived: Fate = { isCounted: true, isFromZero: false, isRebuilt: false };

const hasFallen = (index: IndexState, now: IndexCounters): boolean =>
  now.scansTotal < index.scans ||
  now.tuplesReadTotal < index.tuplesRead ||
  now.tuplesFetchedTotal < index.tuplesFetched;

/** Any of the counters that moved is a use, unless our own scans explain it. A use that no scan was counted for counts as one. */
function since(
  index: IndexState,
  now: IndexCounters,
  isFromZero: boolean,
): { readonly uses: number; readonly tuples: number } {
  const scans = now.scansTotal - (isFromZero ? 0 : index.scans);
  const tuples = now.tuplesReadTotal - (isFromZero ? 0 : index.tuplesRead);
  const fetched = now.tuplesFetchedTotal - (isFromZero ? 0 : index.tuplesFetched);
  const own = Math.min(now.ownScans ?? 0, scans);
  if (own > 0) return scans > own ? { uses: scans - own, tuples } : { uses: 0, tuples: 0 };
  const wasScanned = now.lastScanAtMs !== null && now.lastScanAtMs > (index.lastScanAtMs ?? 0);
  const isUsed = scans > 0 || tuples > 0 || fetched > 0 || (wasScanned && !isFromZero);
  return { uses: isUsed ? Math.max(1, scans) : 0, tuples };
}

/** What the counters hold at first sight was counted at times nobody knows: it is no use in the window. */
const firstSight = (now: IndexCounters, subject: IndexSubject): IndexChange => ({
  id: undefined,
  subject,
  oid: now.oid,
  place: { table: now.table, top: now.top },
  scans: now.scansTotal,
  tuplesRead: now.tuplesReadTotal,
  tuplesFetched: now.tuplesFetchedTotal,
  lastScanAtMs: now.lastScanAtMs,
  statsResetAtMs: now.statsResetAtMs,
  uses: 0,
  tuples: 0,
  isRebuilt: false,
});

/** A partitioned index that had no part for a while: what its parts did after they were last seen is not known. */
function returnedTop({ state, atMs, maxGapMs }: Look, top: IndexState): IndexChange {
  const lastAtMs = top.missingSinceMs ?? state.lastAtMs;
  const wasAway = lastAtMs < state.sinceAtMs || Math.abs(atMs - lastAtMs) > maxGapMs;
  return {
    id: top.id,
    subject: undefined,
    oid: 0,
    place: undefined,
    scans: 0,
    tuplesRead: 0,
    tuplesFetched: 0,
    lastScanAtMs: null,
    statsResetAtMs: null,
    uses: 0,
    tuples: 0,
    ...(wasAway ? { restarted: 'not-seen' as const } : {}),
    isRebuilt: false,
  };
}

function knownByOid(look: Look, oid: number): IndexState | undefined {
  look.byOid ??= new Map([...look.state.indexes.values()].map((index) => [index.oid, index]));
  return look.byOid.get(oid);
}

function compareTable(look: Look, now: TableCounters): TableChange | undefined {
  const { state } = look;
  const known = state.tables.get(now.subject);
  const top = now.top === undefined ? undefined : state.tables.get(now.top);
  if (top !== undefined) top.seenInSample = look.number;
  if (known !== undefined) known.seenInSample = look.number;
  const hasMoved = known?.top?.subject !== now.top;
  const isSame =
    known !== undefined &&
    known.oid === now.oid &&
    known.sequentialScans === now.sequentialScansTotal &&
    known.inserted === now.rowsInsertedTotal &&
    known.updatedNotHot === now.rowsUpdatedNotHotTotal &&
    known.deleted === now.rowsDeletedTotal &&
    known.statsResetAtMs === now.statsResetAtMs;
  if (isSame && !hasMoved && known.missingSinceMs === null) return undefined;

  const counters = {
    oid: now.oid,
    sequentialScans: now.sequentialScansTotal,
    inserted: now.rowsInsertedTotal,
    updatedNotHot: now.rowsUpdatedNotHotTotal,
    deleted: now.rowsDeletedTotal,
    statsResetAtMs: now.statsResetAtMs,
  };
  const nothing = { read: 0, insertedNow: 0, updatedNow: 0, deletedNow: 0, isRestarted: false };
  if (known === undefined)
    return { id: undefined, subject: now.subject, place: { top: now.top }, ...counters, ...nothing };
  const change = {
    id: known.id,
    subject: undefined,
    place: hasMoved ? { top: now.top } : undefined,
    ...counters,
  };
  if (!look.hasCountersOfBefore) return { ...change, ...nothing };
  const isReset = counters.statsResetAtMs !== null && counters.statsResetAtMs !== known.statsResetAtMs;
  const isAnother = known.oid !== counters.oid || isReset;
  const fell =
    counters.sequentialScans < known.sequentialScans ||
    counters.inserted < known.inserted ||
    counters.updatedNotHot < known.updatedNotHot ||
    counters.deleted < known.deleted;
  const lastAtMs = known.missingSinceMs ?? state.lastAtMs;
  const wasAway = lastAtMs < state.sinceAtMs || Math.abs(look.atMs - lastAtMs) > look.maxGapMs;
  if (fell && !isAnother && lastAtMs >= state.sinceAtMs) look.unexplained = true;
  const base = isAnother || fell ? noCounts : known;
  return {
    ...change,
    read: counters.sequentialScans - base.sequentialScans,
    insertedNow: counters.inserted - base.inserted,
    updatedNow: counters.updatedNotHot - base.updatedNotHot,
    deletedNow: counters.deleted - base.deleted,
    isRestarted: isAnother || wasAway,
  };
}

const noCounts: Pick<TableState, 'sequentialScans' | 'inserted' | 'updatedNotHot' | 'deleted'> = {
  sequentialScans: 0,
  inserted: 0,
  updatedNotHot: 0,
  deleted: 0,
};
