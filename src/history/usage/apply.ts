import type { Sliced } from '../../model/sliced.ts';
import { dayMs } from '../../model/units.ts';
import { DamagedBlob } from './bytes.ts';
import type { ChangeSet, IndexChange, TableChange } from './changes.ts';
import { shortMs } from './changes.ts';
import {
  countReads,
  countUses,
  countWrites,
  dayOf,
  type IndexState,
  indexAt,
  noSlot,
  recentDays,
  type StartReason,
  type TableState,
  tableAt,
  type UsageState,
} from './state.ts';

/** Breaks that are remembered one by one. */
const breaksMax = 50;

/**
 * Carries a change out on the memory, and decides nothing: so that what was kept, carried out again in order, gives the same
 * memory. `byId` finds what has an id; whoever applies many changes keeps it between them. `endDay` is called, with the memory as it
 * was, when the first sample of another day comes. It pauses before it changes anything, and where there was nothing before that
 * somebody could look at half changed. Throws {@link DamagedBlob} where the change is not the next one or names what is
 * not there.
 */
export function* apply(
  state: UsageState,
  change: ChangeSet,
  byId: SubjectsById,
  endDay: (day: number) => Sliced<void>,
): Sliced<void> {
  if (change.sample !== state.sample + 1) throw new DamagedBlob('a collection before it is missing');
  const { atMs } = change;
  const isFirst = state.sample === 0;
  const lastAtMs = state.lastAtMs;
  if (!isFirst) {
    if (change.broke === 'clock') turnBack(state, atMs);
    else if (change.broke === undefined) cover(state, lastAtMs, Math.min(atMs, endOfDay(lastAtMs)));
    yield* beginDays(state, dayOf(lastAtMs), dayOf(atMs), endDay);
    if (change.broke === undefined && atMs > endOfDay(lastAtMs)) cover(state, endOfDay(lastAtMs), atMs);
  }
  state.sample = change.sample;
  state.lastAtMs = atMs;
  state.epoch = change.epoch;
  noteSample(state, atMs);
  if (isFirst) {
    state.startedAtMs = atMs;
    state.sinceAtMs = atMs;
    state.sinceSample = change.sample;
  } else if (change.broke !== undefined) {
    state.sinceAtMs = atMs;
    state.sinceSample = change.sample;
    state.breaks = [...state.breaks, { reason: change.broke, fromMs: lastAtMs, toMs: atMs }].slice(
      -breaksMax,
    );
    state.breaksTotal += 1;
  }
  for (const table of change.tables) {
    if (isFirst) yield;
    applyTable(state, table, byId, atMs);
  }
  for (const index of change.indexes) {
    if (isFirst) yield;
    applyIndex(state, index, byId, lastAtMs);
  }
  for (const id of change.missing) {
    const index = byId.indexes.get(id);
    const subject = index ?? byId.tables.get(id);
    if (subject === undefined) throw new DamagedBlob('it names what is not there');
    subject.missingSinceMs = lastAtMs;
    if (index?.top !== undefined && atMs - lastAtMs > shortMs) restart(state, index.top, 'part-lost', atMs);
  }
}

/** What ids stand for: those of indexes and tables are from one row of numbers. */
export interface SubjectsById {
  readonly indexes: Map<number, IndexState>;
  readonly tables: Map<number, TableState>;
}

export const subjectsById = (state: UsageState): SubjectsById => ({
  indexes: new Map([...state.indexes.values()].map((index) => [index.id, index])),
  tables: new Map([...state.tables.values()].map((table) => [table.id, table])),
});

function applyIndex(state: UsageState, change: IndexChange, byId: SubjectsById, lastAtMs: number): void {
  const atMs = state.lastAtMs;
  const isNew = change.id === undefined;
  const index = isNew ? namedIndex(state, change.subject, byId, atMs) : byId.indexes.get(change.id);
  if (index === undefined) throw new DamagedBlob('it names an index that is not there');
  const wasMissing = index.missingSinceMs !== null;
  index.missingSinceMs = null;
  if (change.uses > 0) countUses(state, index, change.uses, change.tuples, atMs);
  if (change.place !== undefined) {
    index.table = namedTable(state, change.place.table, byId, atMs);
    const top = change.place.top === undefined ? undefined : namedIndex(state, change.place.top, byId, atMs);
    if (top !== undefined && top !== index.top) joinTop(index, change, top, isNew, atMs);
    index.top = top;
  }
  if (change.restarted !== undefined) {
    restart(state, index, change.restarted, atMs);
    if (change.restarted === 'made-again') index.firstSeenAtMs = atMs;
    // Of a part that was made again only what it did before it went is not known, and of one that was missing that has been said;
    // unless a reset of its own hides what it did since.
    const isKnown =
      change.restarted === 'made-again' &&
      change.statsResetAtMs === null &&
      (wasMissing || atMs - lastAtMs <= shortMs);
    if (index.top !== undefined && !isKnown) restart(state, index.top, change.restarted, atMs);
  }
  if (change.isRebuilt) index.rebuiltAtMs = atMs;
  index.oid = change.oid;
  index.scans = change.scans;
  index.tuplesRead = change.tuplesRead;
  index.tuplesFetched = change.tuplesFetched;
  index.lastScanAtMs = change.lastScanAtMs;
  index.statsResetAtMs = change.statsResetAtMs;
}

/** A part that was used before it was a part, or before anybody saw it, may have been used just then. */
function joinTop(
  index: IndexState,
  { scans, tuplesRead, statsResetAtMs }: IndexChange,
  top: IndexState,
  isNew: boolean,
  atMs: number,
): void {
  // What came together with it was all before its window.
  if (top.firstSeenAtMs === atMs) return;
  const mayBeUsedAtMs = isNew ? atMs : (index.lastUsedAtMs ?? index.firstSeenAtMs);
  // A reset of its own hides whether it was.
  const mayBeUsed = scans > 0 || tuplesRead > 0 || statsResetAtMs !== null;
  if (mayBeUsed) top.lastUsedAtMs = Math.max(top.lastUsedAtMs ?? 0, mayBeUsedAtMs);
}

function restart(state: UsageState, index: IndexState, reason: StartReason, atMs: number): void {
  index.sinceAtMs = atMs;
  index.sinceSample = state.sample;
  index.startReason = reason;
}

function applyTable(state: UsageState, change: TableChange, byId: SubjectsById, atMs: number): void {
  const table =
    change.id === undefined ? namedTable(state, change.subject, byId, atMs) : byId.tables.get(change.id);
  if (table === undefined) throw new DamagedBlob('it names a table that is not there');
  table.missingSinceMs = null;
  if (change.read > 0) countReads(state, table, 0, change.read, atMs);
  const { insertedNow: inserted, updatedNow: updatedNotHot, deletedNow: deleted } = change;
  if (inserted + updatedNotHot + deleted > 0)
    countWrites(state, table, { inserted, updatedNotHot, deleted }, atMs);
  if (change.place !== undefined)
    table.top = change.place.top === undefined ? undefined : namedTable(state, change.place.top, byId, atMs);
  if (change.isRestarted) {
    table.sinceAtMs = atMs;
    if (table.top !== undefined) table.top.sinceAtMs = atMs;
  }
  table.oid = change.oid;
  table.sequentialScans = change.sequentialScans;
  table.inserted = change.inserted;
  table.updatedNotHot = change.updatedNotHot;
  table.deleted = change.deleted;
  table.statsResetAtMs = change.statsResetAtMs;
}

function namedIndex(
  state: UsageState,
  subject: string | undefined,
  { indexes }: SubjectsById,
  atMs: number,
): IndexState | undefined {
  if (subject === undefined) return undefined;
  const index = indexAt(state, subject, atMs);
  indexes.set(index.id, index);
  index.seenInSample = state.sample;
  return index;
}

function namedTable(
  state: UsageState,
  subject: string | undefined,
  { tables }: SubjectsById,
  atMs: number,
): TableState | undefined {
  if (subject === undefined) return undefined;
  const table = tableAt(state, subject, atMs);
  tables.set(table.id, table);
  table.seenInSample = state.sample;
  table.missingSinceMs = null;
  return table;
}

const endOfDay = (atMs: number): number => (dayOf(atMs) + 1) * dayMs;

/** Notes that the time between two moments lies between samples that belong together. */
function cover(state: UsageState, fromMs: number, toMs: number): void {
  for (let at = fromMs; at < toMs; ) {
    const end = Math.min(toMs, endOfDay(at));
    const known = state.nodeDays.get(dayOf(at));
    state.nodeDays.set(dayOf(at), {
      coveredMs: (known?.coveredMs ?? 0) + end - at,
      samples: known?.samples ?? 0,
    });
    at = end;
  }
}

function noteSample(state: UsageState, atMs: number): void {
  const known = state.nodeDays.get(dayOf(atMs));
  state.nodeDays.set(dayOf(atMs), { coveredMs: known?.coveredMs ?? 0, samples: (known?.samples ?? 0) + 1 });
}

function* beginDays(
  state: UsageState,
  last: number,
  today: number,
  endDay: (day: number) => Sliced<void>,
): Sliced<void> {
  if (today <= last) return;
  yield* endDay(last);
  for (let day = Math.max(last + 1, today - recentDays + 1); day <= today; day++) state.rings.clearDay(day);
  for (const day of state.nodeDays.keys()) if (day <= today - recentDays) state.nodeDays.delete(day);
  releaseQuiet(state, today);
}

/** Gives up the rows of days in which there is nothing left to remember. */
function releaseQuiet(state: UsageState, today: number): void {
  const isLongAgo = (atMs: number | null): boolean => atMs === null || dayOf(atMs) <= today - recentDays;
  const release = (slot: number): number => {
    if (slot !== noSlot) state.rings.release(slot);
    return noSlot;
  };
  for (const index of state.indexes.values())
    if (index.slot !== noSlot && isLongAgo(index.lastUsedAtMs)) index.slot = release(index.slot);
  for (const table of state.tables.values()) {
    if (table.readsSlot !== noSlot && isLongAgo(table.lastReadAtMs)) {
      table.readsSlot = release(table.readsSlot);
      table.sequentialSlot = release(table.sequentialSlot);
    }
    if (table.writesSlot !== noSlot && state.rings.isEmpty(table.writesSlot))
      table.writesSlot = release(table.writesSlot);
  }
}

/** The clock was set back for good: nothing lies in the future, and what days held is given up, since they come again. */
function turnBack(state: UsageState, atMs: number): void {
  const past = (at: number | null): number | null => (at === null ? null : Math.min(at, atMs));
  for (const index of state.indexes.values()) {
    index.firstSeenAtMs = Math.min(index.firstSeenAtMs, atMs);
    index.sinceAtMs = Math.min(index.sinceAtMs, atMs);
    index.lastUsedAtMs = past(index.lastUsedAtMs);
    index.rebuiltAtMs = past(index.rebuiltAtMs);
    index.missingSinceMs = past(index.missingSinceMs);
    index.today = -1;
  }
  for (const table of state.tables.values()) {
    table.firstSeenAtMs = Math.min(table.firstSeenAtMs, atMs);
    table.sinceAtMs = Math.min(table.sinceAtMs, atMs);
    table.lastReadAtMs = past(table.lastReadAtMs);
    table.lastDeletedAtMs = past(table.lastDeletedAtMs);
    table.lastUpdatedAtMs = past(table.lastUpdatedAtMs);
    table.missingSinceMs = past(table.missingSinceMs);
    table.today = -1;
  }
  state.startedAtMs = Math.min(state.startedAtMs, atMs);
  state.rings.clear();
  state.nodeDays.clear();
}
