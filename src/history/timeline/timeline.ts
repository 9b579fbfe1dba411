import type { IndexView } from '../../analysis/catalogue.ts';
import type { KeptEvent } from '../../model/event.ts';
import type { NodeName } from '../../model/ids.ts';
import { dayMs } from '../../model/units.ts';
import { leavesOf } from '../bloat/answers.ts';
import type { SizePoint } from '../bloat/memory.ts';
import type { TableSizePoint } from '../tables/sizes.ts';
import type { IndexDay, TableDay } from '../usage/day-record.ts';
import { dayOf } from '../usage/state.ts';
import type { DayRange, ObservedDay, UsageByDay } from './usage-days.ts';

/*
 * What is known of the past, day by day, for charts and the API. Every day of the range is there; what is not known of it is null, so that
 * it is drawn as a gap.
 */

/** Of one day (UTC, counted from the epoch) and one index. */
export interface IndexTimelineDay {
  readonly day: number;
  readonly sizeBytes: number | null;
  readonly bloat: { readonly ratio: number; readonly method: 'measured' | 'calibrated' } | null;
  /** Uses on all nodes, on the day that showed them: the first after a gap holds those of the gap. Null unless all are known. */
  readonly scans: number | null;
  /** How much of the day was watched, on the node that was watched least; null where one was not. */
  readonly observedMs: number | null;
}

export interface IndexTimeline {
  readonly days: readonly IndexTimelineDay[];
  /** Uses per node, in the order of the days. */
  readonly nodes: readonly { readonly node: NodeName; readonly scans: readonly (number | null)[] }[];
  readonly events: readonly KeptEvent[];
  /** Whether there is more than was read: older days are unknown for that reason alone, or events are missing. */
  readonly isCut: boolean;
}

export interface TableTimelineDay {
  readonly day: number;
  readonly sizeBytes: number | null;
  readonly indexBytes: number | null;
  readonly rows: number | null;
  /** Scans of the table and of its indexes on all nodes; null unless all are known. */
  readonly reads: number | null;
  readonly sequentialScans: number | null;
  /** On the primary, as the others. */
  readonly rowsInserted: number | null;
  readonly rowsUpdatedNotHot: number | null;
  readonly rowsDeleted: number | null;
  readonly observedMs: number | null;
}

export interface TableTimeline {
  readonly days: readonly TableTimelineDay[];
  readonly nodes: readonly { readonly node: NodeName; readonly reads: readonly (number | null)[] }[];
  readonly events: readonly KeptEvent[];
  readonly isCut: boolean;
}

/** What was read of the past, besides sizes. */
export interface ReadPast<Day> {
  readonly range: DayRange;
  /** Every configured node, the primary first. */
  readonly usage: readonly UsageByDay<Day>[];
  readonly events: readonly KeptEvent[];
  readonly isCut: boolean;
}

/** Assembles the past of an index. `sizesOf` answers for indexes on disk; a partitioned one is as large as its parts together. Pure. */
export function indexTimeline(
  index: IndexView,
  { range, usage, events, isCut }: ReadPast<IndexDay>,
  sizesOf: (index: IndexView) => readonly SizePoint[],
): IndexTimeline {
  const sizes = leavesOf(index).map((leaf) => byDay(sizesOf(leaf)));
  const days = daysOf(range);
  return {
    days: days.map((day) => {
      const watched = usage.map((node) => node.days.get(day));
      return {
        day,
        ...sizeOn(sizes.map((points) => points.get(day))),
        scans: sumOf(watched, (counts) => counts.uses),
        observedMs: leastOf(watched),
      };
    }),
    nodes: usage.map((of) => ({
      node: of.node,
      scans: days.map((day) => sumOf([of.days.get(day)], (counts) => counts.uses)),
    })),
    events,
    isCut,
  };
}

/** Assembles the past of a table. Pure. */
export function tableTimeline(
  { range, usage, events, isCut }: ReadPast<TableDay>,
  sizes: readonly TableSizePoint[],
): TableTimeline {
  const points = byDay(sizes);
  const days = daysOf(range);
  return {
    days: days.map((day) => {
      const point = points.get(day);
      const watched = usage.map((node) => node.days.get(day));
      // Standbys count no writes: what the primary says is all there is.
      const primary = watched.slice(0, 1);
      return {
        day,
        sizeBytes: point?.sizeBytes ?? null,
        indexBytes: point?.indexBytes ?? null,
        rows: point?.rows ?? null,
        reads: sumOf(watched, (counts) => counts.reads),
        sequentialScans: sumOf(watched, (counts) => counts.sequentialScans),
        rowsInserted: sumOf(primary, (counts) => counts.rowsInserted),
        rowsUpdatedNotHot: sumOf(primary, (counts) => counts.rowsUpdatedNotHot),
        rowsDeleted: sumOf(primary, (counts) => counts.rowsDeleted),
        observedMs: leastOf(watched),
      };
    }),
    nodes: usage.map((of) => ({
      node: of.node,
      reads: days.map((day) => sumOf([of.days.get(day)], (counts) => counts.reads)),
    })),
    events,
    isCut,
  };
}

/** As ISO 8601: `2026-03-01`. */
export const dayText = (day: number): string => new Date(day * dayMs).toISOString().slice(0, 10);

export const daysOf = ({ fromDay, toDay }: DayRange): readonly number[] =>
  Array.from({ length: Math.max(0, toDay - fromDay + 1) }, (_, place) => fromDay + place);

const byDay = <Point extends { readonly atMs: number }>(
  points: readonly Point[],
): ReadonlyMap<number, Point> => new Map(points.map((point) => [dayOf(point.atMs), point]));

/** Of all parts together; unknown where one of them is. */
function sizeOn(points: readonly (SizePoint | undefined)[]): Pick<IndexTimelineDay, 'sizeBytes' | 'bloat'> {
  const known = points.filter((point) => point !== undefined);
  if (points.length === 0 || known.length < points.length) return { sizeBytes: null, bloat: null };
  const sizeBytes = known.reduce((total, point) => total + point.sizeBytes, 0);
  const measured = known.flatMap((point) => (point.bloat === undefined ? [] : [{ point, ...point.bloat }]));
  if (measured.length < known.length) return { sizeBytes, bloat: null };
  const wasted = measured.reduce((total, { point, ratio }) => total + ratio * point.sizeBytes, 0);
  const method = measured.every((one) => one.method === 'measured') ? 'measured' : 'calibrated';
  return { sizeBytes, bloat: { ratio: sizeBytes === 0 ? 0 : wasted / sizeBytes, method } };
}

function sumOf<Day>(
  watched: readonly (ObservedDay<Day> | undefined)[],
  pick: (counts: Day) => number,
): number | null {
  let total = 0;
  for (const day of watched) {
    if (day === undefined) return null;
    total += day.counts === undefined ? 0 : pick(day.counts);
  }
  return watched.length === 0 ? null : total;
}

function leastOf(watched: readonly (ObservedDay<unknown> | undefined)[]): number | null {
  let least: number | null = null;
  for (const day of watched) {
    if (day === undefined) return null;
    least = Math.min(least ?? day.coveredMs, day.coveredMs);
  }
  return least;
}
