import type { NodeName } from '../../model/ids.ts';
import { decodeDay, type IndexDay, type TableDay } from '../usage/day-record.ts';
import type { UsageHistory } from '../usage/history.ts';
import { dayOf } from '../usage/state.ts';

/** Days counted from the epoch in UTC, both included. */
export interface DayRange {
  readonly fromDay: number;
  readonly toDay: number;
}

/** What one node saw of one index or table on the days that it watched: a day that is not in it is unknown. */
export interface UsageByDay<Day> {
  readonly node: NodeName;
  readonly days: ReadonlyMap<number, ObservedDay<Day>>;
}

export interface ObservedDay<Day> {
  /** How much of the day lies between samples that belong together. */
  readonly coveredMs: number;
  /** Undefined: it was watched, and nothing happened. */
  readonly counts: Day | undefined;
}

/** An index or table in the memory of one node, as far as its days are asked for. */
export interface WatchedSubject {
  readonly kind: 'index' | 'table';
  readonly id: number;
  /** Before this day nothing is known of it, whatever a record says of its id. */
  readonly firstDay: number;
  /** After this day it was not seen any more. */
  readonly lastDay: number;
  /** Before this day it may have been out of sight: that it was not counted does not say that nothing happened. */
  readonly quietFromDay: number;
}

/** What is asked for in day records; undefined where the node never saw it. */
export function watchedSubject(
  { state }: UsageHistory,
  kind: WatchedSubject['kind'],
  subject: string,
): WatchedSubject | undefined {
  const known = (kind === 'index' ? state.indexes : state.tables).get(subject);
  if (known === undefined) return undefined;
  const { id, firstSeenAtMs, missingSinceMs, sinceAtMs } = known;
  const firstDay = dayOf(firstSeenAtMs);
  // Resets of its counters are noticed, and what was counted before them stands.
  const isAlwaysSeen =
    sinceAtMs <= firstSeenAtMs || ('startReason' in known && known.startReason === 'own-reset');
  return {
    kind,
    id,
    firstDay,
    lastDay: dayOf(missingSinceMs ?? state.lastAtMs),
    quietFromDay: isAlwaysSeen ? firstDay : dayOf(sinceAtMs) + 1,
  };
}

/** One day record, as far as it is about one subject; undefined where the day is unknown. Throws `DamagedBlob` where it is no record. */
export function indexDayIn(record: Uint8Array, subject: WatchedSubject): ObservedDay<IndexDay> | undefined {
  const { day, coveredMs, indexes } = decodeDay(record, (id) => id === subject.id);
  return observed(subject, day, coveredMs, indexes[0]);
}

/** The same of a table. */
export function tableDayIn(record: Uint8Array, subject: WatchedSubject): ObservedDay<TableDay> | undefined {
  const { day, coveredMs, tables } = decodeDay(record, (id) => id === subject.id);
  return observed(subject, day, coveredMs, tables[0]);
}

function observed<Day>(
  { firstDay, lastDay, quietFromDay }: WatchedSubject,
  day: number,
  coveredMs: number,
  counts: Day | undefined,
): ObservedDay<Day> | undefined {
  // A first sample alone says nothing of its day: it counts from there on.
  if (coveredMs === 0 || day < firstDay || day > lastDay) return undefined;
  return counts === undefined && day < quietFromDay ? undefined : { coveredMs, counts };
}

/** The day that has not ended, which no record holds yet. */
export function indexToday({ state }: UsageHistory, subject: string): ObservedDay<IndexDay> | undefined {
  const today = dayOf(state.lastAtMs);
  const index = state.indexes.get(subject);
  const coveredMs = state.nodeDays.get(today)?.coveredMs ?? 0;
  if (index === undefined || coveredMs === 0 || dayOf(index.missingSinceMs ?? state.lastAtMs) < today)
    return undefined;
  if (index.today !== today) return { coveredMs, counts: undefined };
  const { id, todayUses: uses, todayTuples: tuplesRead, todayFirst, todayLast } = index;
  return {
    coveredMs,
    counts: { id, uses, tuplesRead, firstMinute: todayFirst, lastMinute: todayLast },
  };
}

/** The same of a table. */
export function tableToday({ state }: UsageHistory, subject: string): ObservedDay<TableDay> | undefined {
  const today = dayOf(state.lastAtMs);
  const table = state.tables.get(subject);
  const coveredMs = state.nodeDays.get(today)?.coveredMs ?? 0;
  if (table === undefined || coveredMs === 0 || dayOf(table.missingSinceMs ?? state.lastAtMs) < today)
    return undefined;
  if (table.today !== today) return { coveredMs, counts: undefined };
  return {
    coveredMs,
    counts: {
      id: table.id,
      reads: table.todayReads,
      sequentialScans: table.todaySequential,
      rowsInserted: table.todayInserted,
      rowsUpdatedNotHot: table.todayUpdated,
      rowsDeleted: table.todayDeleted,
    },
  };
}
