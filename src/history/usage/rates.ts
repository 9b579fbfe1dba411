import type { TableView } from '../../analysis/catalogue.ts';
import { tableSubject } from '../subjects.ts';
import { tableOnNodes, type UsageAcrossNodes } from './across.ts';
import { lastDayOf } from './history.ts';
import { coverageOf, type TableDayCounts, tableCountsOn, usesOn } from './observation.ts';
import { dayOf, recentDays } from './state.ts';

/** A day counts as seen when this much of it was observed on every node: a collection missed here and there does not matter. */
const wholeRatio = 0.9;
const weekDays = 7;
/** The weeks before, whose same weekdays say what is usual. */
const weeksBefore = 4;
/** Below this share of what is usual a table is not read as usual. */
const usualRatioMin = 0.5;

/** The last whole day (UTC) that every node has passed: yesterday. -1 where nothing was observed. */
export function lastWholeDay({ nodes }: UsageAcrossNodes): number {
  const days = nodes.flatMap(({ history }) => (history === undefined ? [] : [lastDayOf(history) - 1]));
  return days.length === 0 ? -1 : Math.min(...days);
}

/** Whether a day (UTC) was observed on all nodes. */
export const isWhole = ({ nodes }: UsageAcrossNodes, day: number): boolean =>
  nodes.length > 0 &&
  nodes.every(({ history }) => history !== undefined && coverageOf(history, day) >= wholeRatio);

/** Uses of an index on a day, on all nodes together. */
export const usesAcross = ({ nodes }: UsageAcrossNodes, subject: string, day: number): number =>
  nodes.reduce((sum, { history }) => sum + (history === undefined ? 0 : usesOn(history, subject, day)), 0);

/** Reads and writes of a table on a day, on all nodes together. */
export function tableAcross({ nodes }: UsageAcrossNodes, table: TableView, day: number): TableDayCounts {
  const subject = tableSubject(table);
  let [reads, sequentialScans, rowsWritten] = [0, 0, 0];
  for (const { history } of nodes) {
    if (history === undefined) continue;
    const counts = tableCountsOn(history, subject, day);
    reads += counts.reads;
    sequentialScans += counts.sequentialScans;
    rowsWritten += counts.rowsWritten;
  }
  return { reads, sequentialScans, rowsWritten };
}

/** Days at hand of which everything is known, newest first, up to the last whole one. */
export function wholeDays(usage: UsageAcrossNodes, fromDay = 0): readonly number[] {
  const last = lastWholeDay(usage);
  return Array.from({ length: recentDays - 1 }, (_, age) => last - age).filter(
    (day) => day >= fromDay && isWhole(usage, day),
  );
}

/** What is usual on a day's weekday: the median of the same weekdays of the weeks before; undefined where none was observed. */
export function usualOn(
  usage: UsageAcrossNodes,
  day: number,
  countOn: (day: number) => number,
  fromDay = 0,
): number | undefined {
  const before = Array.from({ length: weeksBefore }, (_, week) => day - (week + 1) * weekDays)
    .filter((candidate) => candidate >= fromDay && isWhole(usage, candidate))
    .map(countOn)
    .sort((a, b) => a - b);
  if (before.length === 0) return undefined;
  const middle = Math.floor(before.length / 2);
  const [low = 0, high = 0] = [before[before.length % 2 === 0 ? middle - 1 : middle], before[middle]];
  return (low + high) / 2;
}

/** Whether a table is read as it usually is, which alone makes it mean something that one of its indexes is not. */
export type ReadActivity =
  | { readonly kind: 'as-usual'; readonly readsPerDay: number | null; readonly usualPerDay: number | null }
  | { readonly kind: 'quiet'; readonly readsPerDay: number; readonly usualPerDay: number }
  | { readonly kind: 'unread' };

/**
 * Compares the last week with the same weekdays of up to four weeks before: reads of all nodes, days that were observed. Below half
 * of that the table is quiet. Before there are weeks to compare with, any read in the window will do.
 */
export function readActivity(usage: UsageAcrossNodes, table: TableView, sinceMs: number): ReadActivity {
  const seen = tableOnNodes(usage, table);
  const isRead = seen.some(({ lastReadAtMs }) => lastReadAtMs !== null && lastReadAtMs > sinceMs);
  if (!isRead) return { kind: 'unread' };
  const readsOn = (day: number): number => tableAcross(usage, table, day).reads;
  const fromDay = dayOf(Math.max(...seen.map(({ firstSeenMs }) => firstSeenMs))) + 1;
  const last = lastWholeDay(usage);
  let [reads, usual, days] = [0, 0, 0];
  for (let day = last; day > last - weekDays; day--) {
    if (day < fromDay || !isWhole(usage, day)) continue;
    const usually = usualOn(usage, day, readsOn, fromDay);
    if (usually === undefined) continue;
    reads += readsOn(day);
    usual += usually;
    days += 1;
  }
  if (days === 0) return { kind: 'as-usual', readsPerDay: null, usualPerDay: null };
  const [readsPerDay, usualPerDay] = [reads / days, usual / days];
  return reads < usual * usualRatioMin
    ? { kind: 'quiet', readsPerDay, usualPerDay }
    : { kind: 'as-usual', readsPerDay, usualPerDay };
}
