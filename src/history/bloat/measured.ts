import type { FreeSpace, IndexScan } from '../../analysis/bloat/bloat.ts';
import { estimateBloat } from '../../analysis/bloat/estimate.ts';
import type { Catalogue, IndexView } from '../../analysis/catalogue.ts';
import { type IndexMemory, knowledgeOf } from './memory.ts';
import { deadShare, isFreshDensityDue } from './queue.ts';

/**
 * What is remembered after an index was scanned. The scan becomes the baseline that later answers are in proportion to, but for GiST with
 * one from a rebuild, which knows how densely the operator class packs; a scan right after that rebuild is what tells it.
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
  if (baseline?.source === 'rebuild' && index.fact.accessMethod === 'gist') {
    const isFresh = isFreshDensityDue(index, memory, scan.atMs) && scan.sizeBytes > 0;
    const freshDensity = isFresh ? Math.min(1, scan.tupleBytes / scan.sizeBytes) : baseline.freshDensity;
    return { ...scanned, baseline: { ...baseline, freshDensity } };
  }
  const known = baseline === undefined ? scanned : { ...scanned, baseline };
  const answer = estimateBloat(index, { knowledge: knowledgeOf(known), catalogue, nowMs: scan.atMs });
  if (answer.method !== 'measured' || answer.expectedSizeBytes === null) return known;
  if (scan.liveEntries === null || scan.liveEntries <= 0) return known;
  return {
    ...scanned,
    baseline: {
      atMs: scan.atMs,
      expectedBytes: answer.expectedSizeBytes,
      liveEntries: scan.liveEntries,
      ...(scan.counts === undefined ? {} : { counts: scan.counts }),
      freshDensity: null,
      source: 'scan',
    },
  };
}

/** What is remembered after the free-space map of an index was read. */
export const withFreeSpace = (memory: IndexMemory, index: IndexView, freeSpace: FreeSpace): IndexMemory => ({
  ...memory,
  freeSpace,
  ...(index.sizeBytes === undefined ? {} : { freeSpaceSizeBytes: index.sizeBytes }),
});
