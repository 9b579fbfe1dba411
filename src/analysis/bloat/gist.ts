import type { IndexView } from '../catalogue.ts';
import type { BloatBaseline, IndexScan } from './bloat.ts';
import { fillFactorOf } from './btree-shape.ts';
import { about, type Expectation } from './expectation.ts';

/**
 * Tuple bytes over size that a GiST index has right after a build, where nobody has measured it: it depends on the operator class
 * (how well its picksplit packs pages), hence the wide share by which it may be wrong.
 */
const freshDensityDefault = 0.5;
const freshDensityDoubt = 0.35;
/** What a measured density is worth: the same data packed twice differs by this share. */
const learnedDoubt = 0.03;
const fillFactorDefault = 90;

/** Expected size in bytes from a scan: its tuples, without those of dead rows, packed as densely as a build packs them. */
export function expectGist(
  index: IndexView,
  scan: IndexScan,
  input: {
    readonly baseline: BloatBaseline | undefined;
    readonly liveShare: number;
    readonly blockBytes: number;
  },
): Expectation {
  const learned = input.baseline?.freshDensity ?? null;
  const isLearned = learned !== null && learned > 0 && learned <= 1;
  const density = isLearned
    ? learned
    : (freshDensityDefault * fillFactorOf(index, fillFactorDefault)) / fillFactorDefault;
  const kept = keptShare(scan, input.liveShare);
  const expected = Math.max(input.blockBytes, (scan.tupleBytes * kept) / density);
  return about(expected, isLearned ? learnedDoubt : freshDensityDoubt);
}

export const knowsFreshDensity = (baseline: BloatBaseline | undefined): boolean =>
  baseline?.freshDensity !== null && baseline?.freshDensity !== undefined;

function keptShare(scan: IndexScan, liveShare: number): number {
  if (scan.liveEntries === null || !(scan.tupleCount > 0)) return liveShare;
  return Math.min(1, Math.max(scan.liveEntries / scan.tupleCount, 0.97 * liveShare));
}
