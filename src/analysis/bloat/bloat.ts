/**
 * How an answer came about: `measured` from a scan of the index by pgstattuple, `calibrated` from the bytes per entry that it
 * had right after a rebuild or at its last scan, `estimated` from column statistics and the definition alone, `unknown` when
 * nothing can be said (`reason` says why; BRIN, where the question makes no sense, is among these).
 */
export type BloatMethod = 'measured' | 'calibrated' | 'estimated' | 'unknown';

export type BloatConfidence = 'high' | 'medium' | 'low' | 'none';

/** What pgstattuple counted in one index, and what else was known at that moment. */
export interface IndexScan {
  /** Start of the scan, in milliseconds since the epoch. */
  readonly atMs: number;
  /** `table_len`: the size of the main fork in bytes. */
  readonly sizeBytes: number;
  /** Entries, posting lists counted once; GiST and B-tree. */
  readonly tupleCount: number;
  readonly tupleBytes: number;
  readonly freeBytes: number;
  /** Live entries that the index should hold, as estimated when it was scanned (`liveEntries`); null where nothing was known. */
  readonly liveEntries: number | null;
  /** The counts that `liveEntries` was made of (`liveCounts`). Without them a scan is read with today's. */
  readonly counts?: LiveCounts;
  /** Hash indexes, from pgstathashindex, which reads the same pages as pgstattuple and says more of them. */
  readonly hash?: HashPages;
}

/** What planner and counters knew of an index and its table at one moment. Kept with a scan or baseline, to compare with later. */
export interface LiveCounts {
  /** The index's reltuples; -1 or 0 where they were never counted. */
  readonly reltuples: number;
  /** Live rows of the table; null where nothing was known. */
  readonly tableRows: number | null;
  /** Live rows over live and dead ones, 0 to 1. */
  readonly liveShare: number;
}

/** Kinds of pages of a hash index, as pgstathashindex counts them; `tupleCount` of the scan is its `live_items`. */
export interface HashPages {
  readonly bucketPages: number;
  readonly overflowPages: number;
  readonly bitmapPages: number;
  readonly unusedPages: number;
}

/** An index as it was right after a rebuild, or, for want of one, at its last scan. What is expected later is in proportion. */
export interface BloatBaseline {
  readonly atMs: number;
  /** Size that a rebuild would have had at that moment, in bytes. */
  readonly expectedBytes: number;
  readonly liveEntries: number;
  /** The counts of that moment (`liveCounts`), as with a scan. */
  readonly counts?: LiveCounts;
  /** GiST: tuple bytes over size right after a rebuild, if it was scanned then. */
  readonly freshDensity: number | null;
  /** B-tree: what pgstattuple counted right after a rebuild, if it was scanned then: how far equal keys merge. */
  readonly fresh?: { readonly tupleCount: number; readonly tupleBytes: number };
  readonly source: 'rebuild' | 'scan';
}

/** Pages that the free-space map of an index lists as free, for the methods that pgstattuple refuses. */
export interface FreeSpace {
  readonly atMs: number;
  readonly freeBytes: number;
  /** GIN: pages of the pending list, which the map lists as free once they are flushed. */
  readonly pendingPages: number | null;
}

/** What is known of one index besides the catalogue. */
export interface BloatKnowledge {
  readonly scan?: IndexScan;
  readonly baseline?: BloatBaseline;
  readonly freeSpace?: FreeSpace;
}

/** The answer for one index: how large it is, how large a rebuild would leave it, how sure that is. */
export interface Bloat {
  readonly method: BloatMethod;
  readonly confidence: BloatConfidence;
  /** All forks, now; null where it could not be read. */
  readonly sizeBytes: number | null;
  /** Size after a rebuild, never above the size there is; null when unknown, as are the next four. */
  readonly expectedSizeBytes: number | null;
  /** `sizeBytes - expectedSizeBytes`. */
  readonly wastedBytes: number | null;
  /** `wastedBytes / sizeBytes`, 0 to 1. */
  readonly ratio: number | null;
  /** Bounds of the ratio, 0 to 1, `low <= ratio <= high`. */
  readonly low: number | null;
  readonly high: number | null;
  /** The part of `wastedBytes` that keys inserted in random order will take again soon after a rebuild (pages filled to 69 %). */
  readonly naturalFillBytes: number | null;
  /** Time of the scan or baseline it rests on; null for an estimate. */
  readonly measuredAtMs: number | null;
  /** Why nothing is known, or what weakens the answer; null when there is nothing to say. */
  readonly reason: string | null;
  /** What would make the answer better: a grant, an extension, a measurement; null when nothing would. */
  readonly improvement: string | null;
}
