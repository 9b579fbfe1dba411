import type { IndexView } from '../catalogue.ts';
import type { IndexScan } from './bloat.ts';
import { fillFactorOf } from './btree-shape.ts';
import type { Expectation } from './expectation.ts';

/*
 * Size of a hash index after CREATE INDEX. Sources: hashpage.c (`_hash_init`), hashutil.c (`_hash_spareindex`), hashinsert.c. Tuples hold
 * a hash value, never the key, so that all are of one size.
 */

const fillFactorDefault = 75;
/** Header, hash value and line pointer of a tuple, aligned. */
const tupleBytes = 20;
/** Tuples per bucket that PostgreSQL never goes below. */
const fillMin = 10;
/** From this many buckets on they double in four steps. */
const phasedFrom = 512;
const metaPages = 1;
/** Page header and the special space of a hash page. */
const pageOverheadBytes = 40;
/** Keys that occur a few times make buckets a little less even than different ones. */
const passingTolerance = 1.5;
const bitmapPages = 1;

/**
 * Buckets for so many tuples: the smallest number that the file may have. `perBucket` tuples go into one bucket, by fill factor.
 */
export function bucketsFor(tuples: number, fillFactor: number, blockBytes: number): number {
  const perBucket = Math.max(fillMin, Math.floor((blockBytes * fillFactor) / 100 / tupleBytes));
  const wanted = Math.ceil(tuples / perBucket);
  if (wanted <= 2) return 2;
  const power = 2 ** Math.ceil(Math.log2(wanted));
  if (power <= phasedFrom) return power;
  const step = power / 8;
  return power / 2 + Math.ceil((wanted - power / 2) / step) * step;
}

/**
 * Expected size in bytes; undefined where the rows are not known. The build sizes the index by the planner's count of the table's
 * rows, dead ones and those that a predicate or NULL leaves out included, and splits buckets if more arrive than it thought.
 * Overflow pages of long chains of equal keys stay: as many as pgstathashindex found, else none.
 */
export function expectHash(
  index: IndexView,
  input: {
    readonly liveShare: number;
    readonly entries: number | undefined;
    readonly scan: IndexScan | undefined;
    readonly blockBytes: number;
  },
): Expectation | undefined {
  const { blockBytes, scan, entries } = input;
  const fillFactor = fillFactorOf(index, fillFactorDefault);
  const planned = plannedRows(index, blockBytes) ?? entries;
  if (planned === undefined) return undefined;
  const buckets = Math.max(
    bucketsFor(planned, fillFactor, blockBytes),
    bucketsFor(entries ?? 0, fillFactor, blockBytes),
  );
  const overflow = scan === undefined ? 0 : chainPages(scan, input.liveShare, blockBytes);
  const pages = metaPages + bitmapPages + buckets;
  const sizeOf = (count: number) => Math.round(count) * blockBytes;
  return {
    expectedBytes: sizeOf(pages + overflow),
    leastBytes: sizeOf(pages),
    // Without a scan nobody knows how long the chains of equal keys are.
    mostBytes: scan?.hash === undefined ? Number.MAX_SAFE_INTEGER : sizeOf(pages + overflow),
  };
}

/**
 * Overflow pages that a rebuild will have as well: those of equal keys. While buckets double one after the other, the ones whose turn has
 * not come hold up to twice their share and overflow too: as many pages as that are no chains, since a rebuild splits all in advance.
 */
function chainPages(scan: IndexScan, liveShare: number, blockBytes: number): number {
  if (scan.hash === undefined) return 0;
  const { bucketPages, overflowPages } = scan.hash;
  if (!(bucketPages > 0) || !(overflowPages > 0) || scan.tupleCount <= 0) return 0;
  const perPage = Math.floor((blockBytes - pageOverheadBytes) / tupleBytes);
  const half = 2 ** Math.floor(Math.log2(bucketPages));
  const unsplit = half - (bucketPages - half);
  // Tuples of a bucket that was not split yet, were all keys different.
  const load = scan.tupleCount / half;
  const passing =
    unsplit * overflowOf(load, perPage) + 2 * (bucketPages - half) * overflowOf(load / 2, perPage);
  const kept = scan.liveEntries === null ? liveShare : Math.min(1, scan.liveEntries / scan.tupleCount);
  return overflowPages <= passing * passingTolerance + 2 ? 0 : overflowPages * kept;
}

/** Overflow pages of one bucket, on average, that holds so many tuples: of each page, the chance that it is needed (normal approximation). */
function overflowOf(tuples: number, perPage: number): number {
  let pages = 0;
  for (let page = 1; page <= 64; page += 1) {
    const chance = 1 / (1 + Math.exp((-1.702 * (tuples - page * perPage)) / Math.sqrt(Math.max(1, tuples))));
    pages += chance;
    if (chance < 0.001) break;
  }
  return pages;
}

/** `estimate_rel_size`: rows per page when they were last counted, times the pages that there are now. */
function plannedRows(index: IndexView, blockBytes: number): number | undefined {
  const { estimatedRows, relpages } = index.table.fact;
  const { heapBytes } = index.table;
  if (estimatedRows === null || relpages <= 0 || heapBytes === undefined) return undefined;
  return (estimatedRows / relpages) * heapPages(heapBytes / blockBytes, relpages);
}

/** Pages of the main fork: the free-space map has three pages at least and one for 4,000, the visibility map one for 32,000. */
function heapPages(allPages: number, relpages: number): number {
  const maps = 3 + Math.floor(allPages / 4_000) + 1 + Math.floor(allPages / 32_000);
  return relpages <= allPages && relpages >= allPages - maps ? relpages : allPages - maps;
}
