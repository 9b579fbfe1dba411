import type { IndexScan } from './bloat.ts';
import {
  builtPages,
  heapPointerBytes,
  type LeafContents,
  linePointerBytes,
  naturalPages,
} from './btree-pages.ts';
import type { BtreeShape } from './btree-shape.ts';
import type { ColumnEstimate } from './column-estimate.ts';
import type { Expectation } from './expectation.ts';
import { expectedGroup } from './posting-groups.ts';
import { type MergedScan, remergedFromHistory, remergedFromScan, sizeFromScan, thinned } from './remerge.ts';

export interface BtreeScanInput {
  readonly shape: BtreeShape;
  readonly scan: IndexScan;
  readonly blockBytes: number;
  /** Live rows over live and dead ones when it was scanned. */
  readonly liveShare: number;
  readonly isPartial: boolean;
  /** What column statistics say of a rebuild; undefined where they are too old to be asked. */
  readonly columns: ColumnEstimate | undefined;
  /** What it held right after a rebuild; undefined where nobody has looked. */
  readonly fresh: MergedScan | undefined;
}

/** Bytes of one heap pointer in posting lists that are as long as they get: 6, and the tuple around them. */
const mergedPointerBytes = 6.15;
/**
 * Size of a B-tree after a rebuild, from what pgstattuple counted in it at the moment of the scan; no column statistics needed. Counts
 * include entries of rows that are dead but not vacuumed, which a rebuild leaves out; high keys and inner pages are not counted.
 */
export function expectFromScan(input: BtreeScanInput): Expectation {
  const { scan, shape } = input;
  if (!(scan.tupleCount > 0)) return whole(input, 1, 1, 1);
  const live = scan.liveEntries ?? undefined;
  const pointers = live === undefined ? pointersAtMost(input) : pointersOf(input, live);
  if (!shape.deduplicates || pointers === undefined) return expectPlain(input, live);
  if (input.fresh !== undefined || scan.tupleCount < 0.9 * pointers)
    return expectMerged(input, pointers, live ?? pointers);
  return expectPlain(input, live);
}

/** Posting lists play no part, or vanish with the rebuild. */
function expectPlain(input: BtreeScanInput, live: number | undefined): Expectation {
  const { scan, shape } = input;
  const count = scan.tupleCount;
  const kept = liveShareOfEntries(input, count, live);
  const bytes = scan.tupleBytes + linePointerBytes * count;
  const isUniform = scan.tupleBytes % count === 0 && (scan.tupleBytes / count) % 8 === 0;
  const plain: LeafContents = { items: count * kept, bytes: bytes * kept, isUniform, posting: undefined };
  const hidden = live === undefined || shape.deduplicates || input.isPartial ? 0 : live - count;
  if (!shape.mayHoldPostingLists || hidden <= 0.02 * count) return contentsOf(input, plain);
  // Inserts have merged equal keys (NULLs, in a unique index): each pointer becomes a tuple of its own again.
  const single = shape.splitTupleBytes + linePointerBytes;
  const split: LeafContents = {
    items: live ?? count,
    bytes: bytes + hidden * (single - mergedPointerBytes),
    isUniform: false,
    posting: undefined,
  };
  return whole(input, pagesOf(input, split), pagesOf(input, plain), pagesOf(input, split));
}

/** Equal keys share tuples, before and after. `pointers` are all that the index holds, `live` those whose rows are alive. */
function expectMerged(input: BtreeScanInput, pointers: number, live: number): Expectation {
  const { scan, shape, fresh } = input;
  const found: MergedScan = { tuples: scan.tupleCount, tupleBytes: scan.tupleBytes, pointers };
  const kept = Math.min(1, live / pointers);
  const fill = 1 - scan.freeBytes / scan.sizeBytes;
  const freshFill = shape.fillFactor / 100;
  const isFresh = kept === 1 && fill >= 0.97 * freshFill && fill <= 1.05 * freshFill;
  const size = shape.fixedTupleBytes ?? sizeFromScan(fresh ?? found);
  const all =
    fresh !== undefined
      ? remergedFromHistory(found, fresh, size)
      : remergedFromScan(found, size, { isFresh, isExact: shape.fixedTupleBytes !== undefined });
  const left = thinned(all, pointers, kept, size);
  const items = left.groups * expectedGroup(Math.max(1, (pointers * kept) / left.groups), size).items;
  const contents = (bytes: number): LeafContents => ({
    items: (items * bytes) / left.bytes,
    bytes,
    isUniform: false,
    posting: { baseBytes: size },
  });
  const told = fresh === undefined ? statisticsPages(input, pagesOf(input, contents(left.most))) : undefined;
  const pages = told ?? pagesOf(input, contents(left.bytes));
  return {
    ...whole(input, pages, pagesOf(input, contents(left.least)), pagesOf(input, contents(left.most))),
    naturalBytes: naturalPages(contents(left.bytes), shape.fillFactor, input.blockBytes) * input.blockBytes,
  };
}

/**
 * Pointers that the index holds: those of live rows, and of dead ones as far as tuples and bytes bear out that they are still there. Where
 * the index cannot hold more than the live rows, the counters' dead rows have left it already.
 */
function pointersOf(input: BtreeScanInput, live: number): number {
  const { scan } = input;
  const least = Math.max(scan.tupleCount, pointersAtLeast(input));
  if (input.liveShare >= 0.98 || least <= 1.1 * live) return Math.max(live, scan.tupleCount);
  return Math.max(scan.tupleCount, live / input.liveShare);
}

/** Pointers that so many tuples of so many bytes hold if every tuple is a posting list. */
const pointersAtLeast = ({ scan, shape }: BtreeScanInput): number =>
  (scan.tupleBytes - (shape.baseTupleBytes + 3) * scan.tupleCount) / heapPointerBytes;

/** Where the rows are not known, keys of fixed width still tell about how many pointers there are. */
function pointersAtMost(input: BtreeScanInput): number | undefined {
  return input.shape.fixedTupleBytes === undefined
    ? undefined
    : Math.max(input.scan.tupleCount, pointersAtLeast(input));
}

/**
 * Pages by column statistics, or those of the posting lists as they are if that is less: statistics see how far equal keys merge, the
 * scan what there is at most. Undefined where they are not to be believed: skewed columns, columns that depend on each other.
 */
function statisticsPages(input: BtreeScanInput, unmerged: number): number | undefined {
  const { columns } = input;
  if (columns?.kind !== 'expected' || columns.isHeavyTailed || input.isPartial) return undefined;
  const told = columns.expectation.expectedBytes / input.blockBytes;
  if (columns.isUpperBound && told >= unmerged) return undefined;
  return Math.min(told, unmerged);
}

/**
 * Of the entries found, the share whose rows are alive. Entries beyond the live rows are dead only as far as the counters know of
 * dead rows: else it is the count of rows that is too low.
 */
function liveShareOfEntries(input: BtreeScanInput, count: number, live: number | undefined): number {
  if (live === undefined) return input.liveShare;
  if (input.isPartial) return count <= 1.1 * live ? 1 : input.liveShare;
  return Math.min(1, Math.max(live / count, 0.97 * input.liveShare));
}

function contentsOf(input: BtreeScanInput, contents: LeafContents): Expectation {
  const pages = pagesOf(input, contents);
  const { fillFactor } = input.shape;
  return {
    ...whole(input, pages, pages * 0.99, pages * 1.01),
    naturalBytes: naturalPages(contents, fillFactor, input.blockBytes) * input.blockBytes,
  };
}

const pagesOf = (input: BtreeScanInput, contents: LeafContents): number =>
  builtPages(contents, input.shape.fillFactor, input.blockBytes);

const whole = (input: BtreeScanInput, pages: number, least: number, most: number): Expectation => ({
  expectedBytes: pages * input.blockBytes,
  leastBytes: Math.min(pages, least) * input.blockBytes,
  mostBytes: Math.max(pages, most) * input.blockBytes,
});
