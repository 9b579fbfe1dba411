/**
 * Pages that CREATE INDEX would write for a B-tree. Sources: nbtsort.c (`_bt_buildadd`, `_bt_sort_dedup_finish_pending`), nbtree.h and the
 * manual, "B-Tree Indexes: Implementation". Bytes and counts throughout; block size as the server has it.
 */

/** What the leaf level holds after a build. */
export interface LeafContents {
  /** Index tuples; a posting list counts once. */
  readonly items: number;
  /** Their bytes, with the 4-byte line pointer of each. */
  readonly bytes: number;
  /** All tuples have the same size, so that pages fill in whole steps. */
  readonly isUniform: boolean;
  /** Posting lists merge equal keys; `baseBytes` is the size of the key part that a pivot keeps. */
  readonly posting: { readonly baseBytes: number } | undefined;
}

/** Line pointer of an index tuple: ItemIdData. */
export const linePointerBytes = 4;
/** Header of an index tuple: IndexTupleData, and the same with its bitmap of nulls, aligned. */
export const tupleHeaderBytes = 8;
export const tupleHeaderWithNullsBytes = 16;
/** One heap pointer in a posting list: ItemPointerData. */
export const heapPointerBytes = 6;

/** Page header (24), special space of a B-tree page (16), the line pointer of the high key (4), and one that PageGetFreeSpace withholds (4). */
const leafOverheadBytes = 48;
/** Internal pages are filled to 70 % (BTREE_NONLEAF_FILLFACTOR). */
const innerFill = 0.7;
/** The longest posting list of a build with its line pointer, and the average size from which nearly all are that long. */
const fullListBytes = 812;
const fullListsFromBytes = 600;
/** Truncation cuts pivots down to the columns that tell pages apart; wide keys rarely need all of themselves. */
const pivotBytesMax = 200;

/** MAXALIGN on every platform that PostgreSQL is built for in 64 bits. */
export const aligned = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/** Pages of the whole index: leaves, the levels above them, the metapage. One page for an index of nothing; NaN for what is no count. */
export function builtPages(contents: LeafContents, fillFactor: number, blockBytes: number): number {
  if (contents.items <= 0 || contents.bytes <= 0) return 1;
  const leaves = Math.max(1, Math.ceil(leafPages(contents, fillFactor, blockBytes)));
  const tupleBytes = contents.bytes / contents.items;
  const pivotBytes = Math.min(
    contents.posting === undefined ? tupleBytes : contents.posting.baseBytes + 12,
    pivotBytesMax,
  );
  return leaves + innerPages(leaves, pivotBytes, blockBytes) + 1;
}

/** Leaf pages, as a fraction; see `builtPages`. */
export function leafPages(contents: LeafContents, fillFactor: number, blockBytes: number): number {
  return contents.items / itemsPerLeaf(contents, fillFactor, blockBytes);
}

/**
 * Tuples on one leaf. A page is closed when its free space has fallen below the share that the fill factor reserves; the tuple that
 * did it moves on and leaves a truncated copy as the high key. The build frees what truncation saves of a posting list, so that
 * pages that end in one may fill further.
 */
function itemsPerLeaf(contents: LeafContents, fillFactor: number, blockBytes: number): number {
  const tupleBytes = contents.bytes / contents.items;
  const usable = blockBytes - leafOverheadBytes;
  const reserved = Math.floor((blockBytes * (100 - fillFactor)) / 100);
  // Tuples of different sizes leave half a tuple free on average.
  const stepped = (count: number): number => (contents.isUniform ? Math.floor(count) : count - 0.5);
  if (contents.posting === undefined) {
    const perLeaf =
      fillFactor < 100
        ? stepped((usable - reserved) / tupleBytes)
        : stepped((usable + linePointerBytes) / tupleBytes) - 1;
    return Math.max(1, perLeaf);
  }
  // Nearly all lists are as long as they get: the few shorter ones count for their share of one.
  const areFull = tupleBytes >= fullListsFromBytes;
  const listBytes = areFull ? Math.max(tupleBytes, fullListBytes) : tupleBytes;
  const truncated = Math.max(0, listBytes - (contents.posting.baseBytes + 12));
  const byFillFactor = (usable - Math.max(0, reserved - truncated)) / listBytes;
  // The last tuple moves on to the next page and leaves its high key: room for one less.
  const byRoom = (usable - 8) / listBytes;
  const perLeaf = areFull
    ? (Math.min(Math.floor(byFillFactor), Math.floor(byRoom) - 1) * listBytes) / tupleBytes
    : Math.min(byFillFactor - 0.5, tupleBytes < 300 ? byRoom - 0.5 : Math.floor(byRoom) - 1);
  return Math.max(1, perLeaf);
}

function innerPages(leaves: number, pivotBytes: number, blockBytes: number): number {
  const fanOut = Math.max(2, Math.floor(((blockBytes - 68) * innerFill) / pivotBytes));
  let total = 0;
  for (let level = leaves; level > 1; total += level) level = Math.ceil(level / fanOut);
  return total;
}

/** Fill of leaf pages that keys inserted in random order settle at: ln 2. */
export const naturalFill = 0.69;

/** Pages of the index once random inserts have split its leaves down to their natural fill. At least those of the fresh build. */
export function naturalPages(contents: LeafContents, fillFactor: number, blockBytes: number): number {
  const fresh = builtPages(contents, fillFactor, blockBytes);
  const filled = contents.bytes / (naturalFill * (blockBytes - leafOverheadBytes));
  return Math.max(
    fresh,
    Math.ceil(filled) + (fresh - Math.ceil(leafPages(contents, fillFactor, blockBytes))),
  );
}
