import { z } from 'zod';
import type { Catalogue, TableView } from '../../analysis/catalogue.ts';
import type { Sliced } from '../../model/sliced.ts';
import { dayMs } from '../../model/units.ts';
import { sizePointsMax } from '../bloat/observe.ts';
import { PackedPoints, type PointFormat, packedPoints } from '../packed-points.ts';

const unknownable = z.number().nonnegative().nullable();

const tableSizePoint = z.strictObject({
  atMs: z.number(),
  /** With its TOAST table, without its indexes. */
  sizeBytes: unknownable,
  /** Of all the indexes that it had then. */
  indexBytes: unknownable,
  rows: unknownable,
});
/** How large a table and its indexes were on one day. */
export type TableSizePoint = z.infer<typeof tableSizePoint>;

const tableSizeFormat: PointFormat<TableSizePoint> = {
  width: 4,
  numbersOf: ({ atMs, sizeBytes, indexBytes, rows }) => [atMs, sizeBytes, indexBytes, rows],
  pointOf: ([atMs, sizeBytes, indexBytes, rows]) => ({
    ...{ atMs: atMs ?? 0, sizeBytes: sizeBytes ?? null },
    ...{ indexBytes: indexBytes ?? null, rows: rows ?? null },
  }),
};

/** One a day, oldest first; as a list of points in JSON. */
export type DailyTableSizes = PackedPoints<TableSizePoint>;
const noSizes: DailyTableSizes = PackedPoints.of(tableSizeFormat, []);
const tableSizes = z.union([
  packedPoints<TableSizePoint>(),
  z
    .array(tableSizePoint)
    .max(64)
    .transform((points) => PackedPoints.of(tableSizeFormat, points)),
]);

/** By {@link tableSizesKey}. */
export type TableSizesMemory = ReadonlyMap<string, DailyTableSizes>;

export const tableSizesKey = ({ names }: TableView): string => names.path;

/** A record of a store as memory; undefined where it does not fit. */
export const tableSizesOf = (record: unknown): DailyTableSizes | undefined =>
  tableSizes.safeParse(record).data;

/** What was read from a store by {@link tableSizesOf}; what did not fit is of another version or damaged, and is forgotten. */
export function tableSizesFrom(records: ReadonlyMap<string, DailyTableSizes | undefined>): {
  readonly memory: TableSizesMemory;
  readonly dropped: readonly string[];
} {
  const memory = new Map<string, DailyTableSizes>();
  const dropped: string[] = [];
  for (const [key, record] of records) {
    if (record === undefined) dropped.push(key);
    else memory.set(key, record);
  }
  return { memory, dropped };
}

/**
 * Notes the sizes of a day once, of as many days as are remembered of indexes. Tables that are gone are forgotten when `isWhole`: when
 * what is not in the catalogue does not exist, rather than was locked. Pure.
 */
export function* observeTableSizes(
  before: TableSizesMemory,
  { tables }: Catalogue,
  atMs: number,
  isWhole: boolean,
): Sliced<{
  readonly memory: TableSizesMemory;
  readonly changes: ReadonlyMap<string, DailyTableSizes | undefined>;
}> {
  const memory = new Map(isWhole ? [] : before);
  const changes = new Map<string, DailyTableSizes | undefined>();
  const day = Math.floor(atMs / dayMs);
  for (const table of tables) {
    yield;
    const key = tableSizesKey(table);
    const known = before.get(key) ?? noSizes;
    const last = known.newest;
    const isNoted = last !== undefined && Math.floor(last.atMs / dayMs) >= day;
    const point = isNoted ? undefined : pointOf(table, atMs);
    if (point === undefined) {
      if (!known.isEmpty) memory.set(key, known);
      continue;
    }
    const sizes = known.with(point, sizePointsMax);
    memory.set(key, sizes);
    changes.set(key, sizes);
  }
  if (isWhole) for (const key of before.keys()) if (!memory.has(key)) changes.set(key, undefined);
  return { memory, changes };
}

/** Undefined where nothing of it is known yet: a later look of the day may know more. */
function pointOf(table: TableView, atMs: number): TableSizePoint | undefined {
  const { sizeBytes, rows } = table;
  if (sizeBytes === undefined) return undefined;
  let indexBytes: number | null = 0;
  for (const index of table.indexes) {
    if (index.sizeBytes === undefined || indexBytes === null) indexBytes = null;
    else indexBytes += index.sizeBytes;
  }
  return { atMs, sizeBytes, indexBytes, rows: rows ?? null };
}
