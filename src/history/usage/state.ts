import type { NodeName } from '../../model/ids.ts';
import { dayMs, minuteMs } from '../../model/units.ts';
import { type IndexSubject, namesIn, type TableSubject } from '../subjects.ts';
import { DayRings } from './day-rings.ts';
import type { BreakReason } from './epoch.ts';
import type { NodeEpoch } from './sample.ts';

/** So many days, today included, are at hand without reading day records: five weeks before one that is judged, to the weekday. */
export const recentDays = 42;

/** The day of a moment, counted from the epoch in UTC. */
export const dayOf = (atMs: number): number => Math.floor(atMs / dayMs);

/** Why an index's window began later than its node's. The order is that of the stored number. */
export const startReasons = ['first-sight', 'own-reset', 'made-again', 'not-seen', 'part-lost'] as const;
export type StartReason = (typeof startReasons)[number];

/** No slot of the day rings. */
export const noSlot = -1;

/*
 * The memory of one node, changed in place by `apply` alone. Small objects rather than immutable maps: there may be a hundred
 * thousand of them, and a sample comes every minute.
 */

/** What both kinds of subjects have. */
interface Subject {
  /** Never given again, also when the subject is forgotten: day records go by it. */
  readonly id: number;
  oid: number;
  statsResetAtMs: number | null;
  firstSeenAtMs: number;
  /** Its own window; the node's may be later still. */
  sinceAtMs: number;
  /** The last sample that held it, where the newest does not. */
  missingSinceMs: number | null;
  /** The day that the `today` numbers are of. */
  today: number;
  /** The sample that last held it; not kept. */
  seenInSample: number;
}

export interface IndexState extends Subject {
  readonly subject: IndexSubject;
  table: TableState | undefined;
  top: IndexState | undefined;
  scans: number;
  tuplesRead: number;
  tuplesFetched: number;
  lastScanAtMs: number | null;
  sinceSample: number;
  startReason: StartReason;
  /** Not later than this it was last used; null where no use was ever seen. */
  lastUsedAtMs: number | null;
  rebuiltAtMs: number | null;
  /** Uses by day. */
  slot: number;
  todayUses: number;
  todayTuples: number;
  /** Minutes of the day. */
  todayFirst: number;
  todayLast: number;
}

export interface TableState extends Subject {
  readonly subject: TableSubject;
  top: TableState | undefined;
  sequentialScans: number;
  inserted: number;
  updatedNotHot: number;
  deleted: number;
  lastReadAtMs: number | null;
  lastDeletedAtMs: number | null;
  lastUpdatedAtMs: number | null;
  readsSlot: number;
  sequentialSlot: number;
  writesSlot: number;
  todayReads: number;
  todaySequential: number;
  todayInserted: number;
  todayUpdated: number;
  todayDeleted: number;
}

/** A break of the node's window: what happened between two samples is not known. */
export interface WindowBreak {
  readonly reason: BreakReason;
  /** The last sample before it. */
  readonly fromMs: number;
  /** The first after it: from here on the window is whole again. */
  readonly toMs: number;
}

export interface NodeDay {
  /** How much of the day lies between samples that belong together. */
  readonly coveredMs: number;
  readonly samples: number;
}

export interface UsageState {
  readonly node: NodeName;
  /** Samples so far; 0 before the first. */
  sample: number;
  lastAtMs: number;
  epoch: NodeEpoch | undefined;
  /** The very first sample. */
  startedAtMs: number;
  sinceAtMs: number;
  sinceSample: number;
  /** Newest last; the oldest are forgotten, `breaksTotal` counts all. */
  breaks: WindowBreak[];
  breaksTotal: number;
  readonly nodeDays: Map<number, NodeDay>;
  readonly indexes: Map<IndexSubject, IndexState>;
  readonly tables: Map<TableSubject, TableState>;
  nextId: number;
  readonly rings: DayRings;
}

export const emptyState = (node: NodeName): UsageState => ({
  node,
  sample: 0,
  lastAtMs: 0,
  epoch: undefined,
  startedAtMs: 0,
  sinceAtMs: 0,
  sinceSample: 0,
  breaks: [],
  breaksTotal: 0,
  nodeDays: new Map(),
  indexes: new Map(),
  tables: new Map(),
  nextId: 0,
  rings: new DayRings(recentDays),
});

export const newIndex = (id: number, subject: IndexSubject, atMs: number): IndexState => ({
  id,
  subject,
  oid: 0,
  statsResetAtMs: null,
  firstSeenAtMs: atMs,
  sinceAtMs: atMs,
  missingSinceMs: null,
  today: -1,
  seenInSample: 0,
  table: undefined,
  top: undefined,
  scans: 0,
  tuplesRead: 0,
  tuplesFetched: 0,
  lastScanAtMs: null,
  sinceSample: 0,
  startReason: 'first-sight',
  lastUsedAtMs: null,
  rebuiltAtMs: null,
  slot: noSlot,
  todayUses: 0,
  todayTuples: 0,
  todayFirst: 0,
  todayLast: 0,
});

export const newTable = (id: number, subject: TableSubject, atMs: number): TableState => ({
  id,
  subject,
  oid: 0,
  statsResetAtMs: null,
  firstSeenAtMs: atMs,
  sinceAtMs: atMs,
  missingSinceMs: null,
  today: -1,
  seenInSample: 0,
  top: undefined,
  sequentialScans: 0,
  inserted: 0,
  updatedNotHot: 0,
  deleted: 0,
  lastReadAtMs: null,
  lastDeletedAtMs: null,
  lastUpdatedAtMs: null,
  readsSlot: noSlot,
  sequentialSlot: noSlot,
  writesSlot: noSlot,
  todayReads: 0,
  todaySequential: 0,
  todayInserted: 0,
  todayUpdated: 0,
  todayDeleted: 0,
});

/** The state of a subject, made if it is new. Partitioned parents come into being with their first part. */
export function indexAt(state: UsageState, subject: IndexSubject, atMs: number): IndexState {
  const known = state.indexes.get(subject);
  if (known !== undefined) return known;
  const made = newIndex(state.nextId++, subject, atMs);
  made.sinceSample = state.sample;
  state.indexes.set(subject, made);
  return made;
}

export function tableAt(state: UsageState, subject: TableSubject, atMs: number): TableState {
  const known = state.tables.get(subject);
  if (known !== undefined) return known;
  const made = newTable(state.nextId++, subject, atMs);
  state.tables.set(subject, made);
  return made;
}

/** Counts uses of an index, and of what it is a part of, and the reads of the table that they are. */
export function countUses(
  state: UsageState,
  index: IndexState,
  uses: number,
  tuples: number,
  atMs: number,
): void {
  noteUse(state, index, uses, tuples, atMs);
  if (index.top !== undefined) noteUse(state, index.top, uses, tuples, atMs);
  if (index.table !== undefined) countReads(state, index.table, uses, 0, atMs);
}

function noteUse(state: UsageState, index: IndexState, uses: number, tuples: number, atMs: number): void {
  const day = dayOf(atMs);
  const minute = Math.floor((atMs % dayMs) / minuteMs);
  if (index.today !== day) {
    index.today = day;
    index.todayUses = 0;
    index.todayTuples = 0;
    index.todayFirst = minute;
  }
  index.todayUses += uses;
  index.todayTuples += tuples;
  index.todayLast = minute;
  index.lastUsedAtMs = atMs;
  if (index.slot === noSlot) index.slot = state.rings.allocate();
  state.rings.set(index.slot, day, index.todayUses);
}

/** Counts reads of a table and of what it is a part of; `sequential` of them read it whole. */
export function countReads(
  state: UsageState,
  table: TableState,
  byIndex: number,
  sequential: number,
  atMs: number,
): void {
  for (const each of table.top === undefined ? [table] : [table, table.top]) {
    beginDay(each, dayOf(atMs));
    each.todayReads += byIndex + sequential;
    each.todaySequential += sequential;
    each.lastReadAtMs = atMs;
    if (each.readsSlot === noSlot) each.readsSlot = state.rings.allocate();
    state.rings.set(each.readsSlot, each.today, each.todayReads);
    if (sequential === 0) continue;
    if (each.sequentialSlot === noSlot) each.sequentialSlot = state.rings.allocate();
    state.rings.set(each.sequentialSlot, each.today, each.todaySequential);
  }
}

export interface Writes {
  readonly inserted: number;
  readonly updatedNotHot: number;
  readonly deleted: number;
}

export function countWrites(state: UsageState, table: TableState, writes: Writes, atMs: number): void {
  for (const each of table.top === undefined ? [table] : [table, table.top]) {
    beginDay(each, dayOf(atMs));
    each.todayInserted += writes.inserted;
    each.todayUpdated += writes.updatedNotHot;
    each.todayDeleted += writes.deleted;
    if (writes.updatedNotHot > 0) each.lastUpdatedAtMs = atMs;
    if (writes.deleted > 0) each.lastDeletedAtMs = atMs;
    if (each.writesSlot === noSlot) each.writesSlot = state.rings.allocate();
    const all = each.todayInserted + each.todayUpdated + each.todayDeleted;
    state.rings.set(each.writesSlot, each.today, all);
  }
}

function beginDay(table: TableState, day: number): void {
  if (table.today === day) return;
  table.today = day;
  table.todayReads = 0;
  table.todaySequential = 0;
  table.todayInserted = 0;
  table.todayUpdated = 0;
  table.todayDeleted = 0;
}

/** The names of a subject, for what is told of it. */
export const namesOf = (index: IndexState): ReturnType<typeof namesIn> => namesIn(index.subject);
