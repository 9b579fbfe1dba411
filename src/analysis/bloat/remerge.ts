import { linePointerBytes } from './btree-pages.ts';
import { expectedGroup, poissonMean } from './posting-groups.ts';

/*
 * How far a rebuild merges the equal keys of a B-tree. Inserts put single tuples beside the posting list of their key; they are merged
 * only when the page runs full, so that an index that has grown or was updated holds fragments. How many of its single tuples are
 * fragments, and how many are keys that occur once, is the question here.
 */

/** What a scan found of an index with posting lists. */
export interface MergedScan {
  /** Tuples; a posting list counts once. */
  readonly tuples: number;
  /** Without line pointers. */
  readonly tupleBytes: number;
  /** Rows that the tuples point to. */
  readonly pointers: number;
}

/** Bytes by which a pointer in a posting list is dearer than in a tuple of its own, padding of the list included. */
const listedPointerBytes = 9;
/** Of all pointers, the share of surplus single tuples below which there are no fragments: what the distribution of keys may do. */
const surplusShareMin = 0.015;

/** Half of MAXALIGN: the widths of a column's values lie in one step of the alignment or in two. */
const halfAlignmentBytes = 4;
/** Keys of variable width may also differ in width: surplus tuples count for less. */
const variableShare = 0.75;

export interface Remerged {
  /** Groups of equal keys after a rebuild. */
  readonly groups: number;
  /** Bytes of leaf tuples with their line pointers. */
  readonly bytes: number;
  /** Bounds of `bytes`: every surplus tuple is a fragment; none is. */
  readonly least: number;
  readonly most: number;
}

/**
 * From one scan. `size` is that of a tuple with a single pointer. Tuples and pointers together say how large groups are if nothing is
 * fragmented (a Poisson process without its zero) and so how many bytes that would take. Fewer bytes mean more single tuples than that:
 * fragments, or a long tail of rare keys. Where posting lists are long the tail is unlikely. A size that follows from the scan itself
 * is raised to the next multiple of half the alignment: most keys of such columns are about as long as each other.
 */
export function remergedFromScan(
  scan: MergedScan,
  fromSize: number,
  known: { readonly isFresh: boolean; readonly isExact: boolean },
): Remerged {
  const { tuples, pointers } = scan;
  const size =
    known.isExact || known.isFresh ? fromSize : Math.ceil(fromSize / halfAlignmentBytes) * halfAlignmentBytes;
  const bytes = scan.tupleBytes + linePointerBytes * tuples;
  const whole: Remerged = { groups: tuples, bytes, least: bytes, most: bytes };
  if (tuples >= pointers) return whole;
  const mean = pointers / tuples;
  const pure = tuples * expectedGroup(mean, size).bytes;
  const surplus = (pure - bytes) / listedPointerBytes;
  if (surplus <= surplusShareMin * pointers) return whole;
  const singles = Math.min(tuples - 1, pureSingles(tuples, pointers) + surplus);
  const lists = tuples - singles;
  const listLength = (pointers - singles) / lists;
  const least = Math.min(bytes, groupsBytes(lists, pointers, size));
  const singleShare = singles / pointers;
  const believed = known.isExact
    ? listLength > shortListLength
      ? beliefIn(singleShare, 0.6)
      : 1
    : variableShare * beliefIn(singleShare, 0.5);
  const fragmented = known.isFresh ? 0 : believed * fragmentedShare(listLength);
  return {
    groups: lists + (tuples - lists) * (1 - fragmented),
    bytes: bytes - fragmented * (bytes - least),
    least,
    most: bytes,
  };
}

/**
 * From a scan and what the same index was right after a rebuild: the same keys in the proportions that they had then. Rows that came
 * since bring new keys or more of the old ones; the middle is taken, and no more keys than there are tuples.
 */
export function remergedFromHistory(scan: MergedScan, fresh: MergedScan, size: number): Remerged {
  const bytes = scan.tupleBytes + linePointerBytes * scan.tuples;
  const growth = scan.pointers / fresh.pointers;
  const lambda = poissonMean(Math.max(1, fresh.pointers / fresh.tuples));
  const occurring = (mean: number): number => -Math.expm1(-mean);
  const sameKeys =
    lambda > 0 ? (fresh.tuples * occurring(lambda * growth)) / occurring(lambda) : fresh.tuples * growth;
  const newKeys = fresh.tuples * growth;
  const expected = growth > 1 ? Math.sqrt(sameKeys * newKeys) : sameKeys;
  // What the keys' distribution did to the rebuilt index, beside that of equally likely ones, it does again.
  const freshBytes = fresh.tupleBytes + linePointerBytes * fresh.tuples;
  const skew = freshBytes / groupsBytes(fresh.tuples, fresh.pointers, size);
  const bytesOf = (groups: number): number =>
    Math.min(bytes, skew * groupsBytes(Math.min(groups, scan.tuples), scan.pointers, size));
  const groups = Math.min(expected, scan.tuples);
  return {
    groups,
    bytes: bytesOf(expected),
    least: bytesOf(Math.min(sameKeys, newKeys)),
    most: bytesOf(Math.max(sameKeys, newKeys)),
  };
}

/** Bytes of so many groups of equal keys. */
export function groupsBytes(groups: number, pointers: number, size: number): number {
  return groups * expectedGroup(Math.max(1, pointers / groups), size).bytes;
}

/** Groups and bytes that are left when only `share` of the pointers is, each as likely as the others. */
export function thinned(remerged: Remerged, pointers: number, share: number, size: number): Remerged {
  if (share >= 1) return remerged;
  const lambda = poissonMean(Math.max(1, pointers / remerged.groups));
  const survive = lambda > 0 ? Math.expm1(-lambda * share) / Math.expm1(-lambda) : share;
  const before = groupsBytes(remerged.groups, pointers, size);
  const factor = groupsBytes(remerged.groups * survive, pointers * share, size) / before;
  return {
    groups: remerged.groups * survive,
    bytes: remerged.bytes * factor,
    least: remerged.least * factor,
    most: remerged.most * factor,
  };
}

/** Keys that occur once among as many groups of a Poisson process. */
function pureSingles(groups: number, pointers: number): number {
  return pointers * Math.exp(-poissonMean(pointers / groups));
}

/** Beside lists of up to so many rows, most tuples may be fragments of keys that have no list yet. */
const shortListLength = 3;

/**
 * Pages are merged whenever they run full, so that fragments cannot be most of an index with long lists: where they seem to be (`most` of
 * all pointers), a few keys with many rows stand beside many that occur once, or the size of a tuple was told wrongly.
 */
const beliefIn = (singleShare: number, most: number): number =>
  Math.min(1, Math.max(0, (most - singleShare) / 0.3));

/**
 * Of surplus single tuples, the share that a rebuild merges, by the length of the posting lists beside them: found on the
 * tuning set (docs/bloat.md). Beside short lists they may as well be keys that occur once; beside the longest there is
 * often one value (NULL, a default) for most rows and a different one for each of the others.
 */
const fragmentedShares: readonly (readonly [listLength: number, share: number])[] = [
  [2, 0.25],
  [4, 0.55],
  [8, 0.55],
  [16, 0.9],
  [60, 0.9],
  [130, 0.6],
];

function fragmentedShare(listLength: number): number {
  let [lowLength, lowShare] = [0, 0.25];
  for (const [length, share] of fragmentedShares) {
    if (listLength <= length) {
      const way = length === lowLength ? 1 : Math.max(0, (listLength - lowLength) / (length - lowLength));
      return lowShare + way * (share - lowShare);
    }
    lowLength = length;
    lowShare = share;
  }
  return lowShare;
}

/**
 * Size of a tuple with a single pointer where keys have no fixed width: what the scan adds up to if there are no fragments.
 */
export function sizeFromScan(scan: MergedScan): number {
  const { tuples, pointers } = scan;
  const mean = pointers / tuples;
  const bytes = scan.tupleBytes + linePointerBytes * tuples;
  let low = 16;
  let high = 2_700;
  for (let step = 0; step < 40; step += 1) {
    const middle = (low + high) / 2;
    if (tuples * expectedGroup(mean, middle).bytes < bytes) low = middle;
    else high = middle;
  }
  return low;
}
