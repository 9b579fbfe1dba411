import { z } from 'zod';
import type { BloatBaseline, BloatKnowledge, IndexScan } from '../../analysis/bloat/bloat.ts';
import type { IndexView } from '../../analysis/catalogue.ts';
import { PackedPoints, type PointFormat, packedPoints } from '../packed-points.ts';

const count = z.number().nonnegative();
const instant = z.number();

const counts = z.strictObject({
  reltuples: z.number(),
  tableRows: count.nullable(),
  liveShare: z.number().min(0).max(1),
});

const scan = z.strictObject({
  atMs: instant,
  sizeBytes: count,
  tupleCount: count,
  tupleBytes: count,
  freeBytes: count,
  liveEntries: count.nullable(),
  counts: counts.optional(),
  hash: z
    .strictObject({ bucketPages: count, overflowPages: count, bitmapPages: count, unusedPages: count })
    .optional(),
});

const baseline = z.strictObject({
  atMs: instant,
  expectedBytes: count,
  liveEntries: count,
  counts: counts.optional(),
  freshDensity: z.number().min(0).max(1).nullable(),
  fresh: z.strictObject({ tupleCount: count, tupleBytes: count }).optional(),
  source: z.enum(['rebuild', 'scan']),
});

const freeSpace = z.strictObject({ atMs: instant, freeBytes: count, pendingPages: count.nullable() });

/** How a ratio came about that is remembered, in the order of the stored number. */
const methods = ['measured', 'calibrated'] as const;

const sizePoint = z.strictObject({
  atMs: instant,
  sizeBytes: count,
  liveEntries: count,
  /** The share of it that a rebuild would have freed, 0 to 1, where that was more than an estimate. Records of before have none. */
  bloat: z.strictObject({ ratio: z.number().min(0).max(1), method: z.enum(methods) }).optional(),
});
/** How large an index was on one day, how many rows it served and, where that is known, how bloated it was. */
export type SizePoint = z.infer<typeof sizePoint>;

const sizeFormat: PointFormat<SizePoint> = {
  width: 5,
  numbersOf: ({ atMs, sizeBytes, liveEntries, bloat }) => [
    atMs,
    sizeBytes,
    liveEntries,
    bloat?.ratio ?? null,
    bloat === undefined ? null : methods.indexOf(bloat.method),
  ],
  pointOf: ([atMs, sizeBytes, liveEntries, ratio, method]) => ({
    ...{ atMs: atMs ?? 0, sizeBytes: sizeBytes ?? 0, liveEntries: liveEntries ?? 0 },
    ...(typeof ratio !== 'number' || typeof method !== 'number'
      ? {}
      : { bloat: { ratio, method: methods[method] ?? 'calibrated' } }),
  }),
};

/** Oldest first. */
export const sizesOf = (points: readonly SizePoint[]): PackedPoints<SizePoint> =>
  PackedPoints.of(sizeFormat, points);

const look = z.strictObject({
  atMs: instant,
  oid: z.number().int(),
  relfilenode: z.number().int(),
  /** All forks; null where it was never known. */
  sizeBytes: count.nullable(),
  /** The size at the look before: catalogue and sizes are read one after the other, and a rebuild may come in between. */
  sizeBeforeBytes: count.nullable(),
  liveEntries: count.nullable(),
  /** First seen right after it was built, but not how large: whether that makes a baseline is open until its size can be read. */
  isNew: z.boolean().optional(),
});

/**
 * What is remembered of one index from look to look and from run to run. Kept as JSON; a record that does not fit this schema is
 * from another version or damaged, and is forgotten.
 */
export const indexMemory = z.strictObject({
  look,
  scan: scan.optional(),
  /** Size with all forks when it was scanned; the scan itself counts the main fork. */
  sizeAtScanBytes: count.optional(),
  /** Dead rows over all rows of the table when it was scanned. */
  deadShareAtScan: z.number().min(0).max(1).optional(),
  /** Size and entries when the free-space map was read. */
  freeSpace: freeSpace.optional(),
  freeSpaceSizeBytes: count.optional(),
  baseline: baseline.optional(),
  /** When the last rebuild was noticed. */
  rebuiltAtMs: instant.optional(),
  /** One a day, oldest first; as a list of points in JSON. */
  sizes: z.union([packedPoints<SizePoint>(), z.array(sizePoint).max(64).transform(sizesOf)]),
});
export type IndexMemory = z.output<typeof indexMemory>;

/** By {@link memoryKey}. */
export type BloatMemory = ReadonlyMap<string, IndexMemory>;

/** By names and not by oid, since REINDEX CONCURRENTLY gives another oid to what is still the same index. */
export const memoryKey = ({ names }: IndexView): string => names.path;

/** The part of it that the estimate looks at. */
export function knowledgeOf(memory: IndexMemory | undefined): BloatKnowledge {
  if (memory === undefined) return {};
  return {
    ...(memory.scan === undefined ? {} : { scan: scanOf(memory.scan) }),
    ...(memory.baseline === undefined ? {} : { baseline: baselineOf(memory.baseline) }),
    ...(memory.freeSpace === undefined ? {} : { freeSpace: memory.freeSpace }),
  };
}

/** Without the keys that are undefined, which the type tells from absent ones. */
function scanOf({ counts: counted, hash, ...rest }: NonNullable<IndexMemory['scan']>): IndexScan {
  return {
    ...rest,
    ...(counted === undefined ? {} : { counts: counted }),
    ...(hash === undefined ? {} : { hash }),
  };
}

const baselineOf = ({
  counts: counted,
  fresh,
  ...rest
}: NonNullable<IndexMemory['baseline']>): BloatBaseline => ({
  ...rest,
  ...(counted === undefined ? {} : { counts: counted }),
  ...(fresh === undefined ? {} : { fresh }),
});

/** A record of a store as memory; undefined where it does not fit. */
export const indexMemoryOf = (record: unknown): IndexMemory | undefined => indexMemory.safeParse(record).data;

/** What was read from a store by {@link indexMemoryOf}; what did not fit is left out and counted. */
export function memoryFrom(records: ReadonlyMap<string, IndexMemory | undefined>): {
  readonly memory: BloatMemory;
  readonly dropped: readonly string[];
} {
  const memory = new Map<string, IndexMemory>();
  const dropped: string[] = [];
  for (const [key, record] of records) {
    if (record === undefined) dropped.push(key);
    else memory.set(key, record);
  }
  return { memory, dropped };
}
