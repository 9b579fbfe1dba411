import { bloatedIndex } from './bloated-index/detector.ts';
import { collationDrift } from './collation-drift/detector.ts';
import type { Detector } from './define.ts';
import { duplicateIndex } from './duplicate-index/detector.ts';
import { highReadRatioIndex } from './high-read-ratio-index/detector.ts';
import { hotBlockingIndex } from './hot-blocking-index/detector.ts';
import { indexGrowth } from './index-growth/detector.ts';
import { invalidIndex } from './invalid-index/detector.ts';
import { lowSelectivityIndex } from './low-selectivity-index/detector.ts';
import { missingExpectedIndex } from './missing-expected-index/detector.ts';
import { missingIndexCandidate } from './missing-index-candidate/detector.ts';
import { missingPrimaryKey } from './missing-primary-key/detector.ts';
import { nullHeavyIndex } from './null-heavy-index/detector.ts';
import { overIndexedTable } from './over-indexed-table/detector.ts';
import { oversizedIndex } from './oversized-index/detector.ts';
import { probePlanRegression } from './probe-plan-regression/detector.ts';
import { rarelyUsedIndex } from './rarely-used-index/detector.ts';
import { redundantIndex } from './redundant-index/detector.ts';
import { slowProbe } from './slow-probe/detector.ts';
import { staleStatistics } from './stale-statistics/detector.ts';
import { stoppedBeingUsed } from './stopped-being-used/detector.ts';
import { unexpectedIndex } from './unexpected-index/detector.ts';
import { unindexedForeignKey } from './unindexed-foreign-key/detector.ts';
import { unusedIndex } from './unused-index/detector.ts';

/** The roll call of detectors, in the order in which people should read of them. */
export const detectors: readonly Detector[] = [
  invalidIndex,
  collationDrift,
  duplicateIndex,
  redundantIndex,
  unusedIndex,
  rarelyUsedIndex,
  stoppedBeingUsed,
  missingExpectedIndex,
  unindexedForeignKey,
  missingIndexCandidate,
  missingPrimaryKey,
  bloatedIndex,
  indexGrowth,
  oversizedIndex,
  highReadRatioIndex,
  lowSelectivityIndex,
  nullHeavyIndex,
  overIndexedTable,
  hotBlockingIndex,
  staleStatistics,
  unexpectedIndex,
  slowProbe,
  probePlanRegression,
];
