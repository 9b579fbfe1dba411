import type { FreeSpace, IndexScan } from '../../analysis/bloat/bloat.ts';
import { measuredRebuildBytes } from '../../analysis/bloat/estimate.ts';
import type { Catalogue, IndexView } from '../../analysis/catalogue.ts';
import { type IndexMemory, knowledgeOf } from './memory.ts';
import { deadShare, isFreshScanDue } from './queue.ts';

/**
 * What is remembered after an index was scanned. The scan becomes the baseline that later answers are in proportion to, unless there is
 * one from a rebuild: that is the truth, and a scan right after it tells how the access method packs this very index when it is new.
 */
export function withScan(
  memory: IndexMemory,
  index: IndexView,
  scan: IndexScan,
  catalogue: Catalogue,
): IndexMemory {
  const dead = deadShare(index);
  const { baseline, sizeAtScanBytes: _, deadShareAtScan: __, ...rest } = memory;
  const scanned: IndexMemory = {
    ...rest,
    scan,
    ...(index.sizeBytes === undefined ? {} : { sizeAtScanBytes: index.sizeBytes }),
    ...(dead === undefined ? {} : { deadShareAtScan: dead }),
  };
  if (baseline?.source === 'rebuild') {
    const isFresh = isFreshScanDue(index, memory, catalogue, scan.atMs) && scan.sizeBytes > 0;
    return { ...scanned, baseline: isFresh ? withFresh(baseline, index, scan) : baseline };
  }
  const known = baseline === undefined ? scanned : { ...scanned, baseline };
  const input = { knowledge: knowledgeOf(known), catalogue, nowMs: scan.atMs };
  const expectedBytes = measuredRebuildBytes(index, input);
  if (expectedBytes === undefined || scan.liveEntries === null || scan.liveEntries <= 0) return known;
  return {
    ...scanned,
    baseline: {
      atMs: scan.atMs,
      expectedBytes,
      liveEntries: scan.liveEntries,
      ...(scan.counts === undefined ? {} : { counts: scan.counts }),
      freshDensity: null,
      source: 'scan',
    },
  };
}

/** The baseline of a rebuild with what a scan shows of the index while it is new. */
const withFresh = (
  baseline: NonNullable<IndexMemory['baseline']>,
  { fact }: IndexView,
  { tupleCount, tupleBytes, sizeBytes }: IndexScan,
): NonNullable<IndexMemory['baseline']> =>
  fact.accessMethod === 'gist'
    ? { ...baseline, freshDensity: Math.min(1, tupleBytes / sizeBytes) }
    : { ...baseline, fresh: { tupleCount, tupleBytes } };

/** What is remembered after the free-space map of an index was read. */
export const withFreeSpace = (memory: IndexMemory, index: IndexView, freeSpace: FreeSpace): IndexMemory => ({
  ...memory,
  freeSpace,
  ...(index.sizeBytes === undefined ? {} : { freeSpaceSizeBytes: index.sizeBytes }),
});
