import { z } from 'zod';
import { cadence, count, defineCollector, indexOid, instantMs, tableOid } from './define.ts';

const indexUsageFact = z.strictObject({
  indexOid,
  scansTotal: count,
  tuplesReadTotal: count,
  tuplesFetchedTotal: count,
  lastScanAtMs: instantMs,
  statsResetAtMs: instantMs,
  blocksReadTotal: count,
  blocksHitTotal: count,
});
export type IndexUsageFact = z.infer<typeof indexUsageFact>;

export const indexUsage = defineCollector({
  name: 'index-usage',
  description: 'Scans, tuples and blocks of each index on this node.',
  fact: indexUsageFact,
  variants: [
    { fromVersion: 0, file: 'index-usage.sql' },
    { fromVersion: 160_000, file: 'index-usage.pg16.sql' },
    { fromVersion: 190_000, file: 'index-usage.pg19.sql' },
  ],
  schedule: cadence.everyMinute,
});

const tableUsageFact = z.strictObject({
  tableOid,
  sequentialScansTotal: count,
  sequentialRowsReadTotal: count,
  indexScansTotal: count,
  rowsInsertedTotal: count,
  rowsUpdatedTotal: count,
  rowsHotUpdatedTotal: count,
  /** Updates whose new version went to another page, so that they could not be HOT; null before 16. */
  rowsNewPageUpdatedTotal: count.nullable(),
  rowsDeletedTotal: count,
  liveRows: count,
  deadRows: count,
  rowsChangedSinceAnalyze: count,
  lastAnalyzedAtMs: instantMs,
  lastVacuumedAtMs: instantMs,
  lastSequentialScanAtMs: instantMs,
  statsResetAtMs: instantMs,
});
export type TableUsageFact = z.infer<typeof tableUsageFact>;

export const tableUsage = defineCollector({
  name: 'table-usage',
  description: 'Reads, writes and maintenance of each table on this node.',
  fact: tableUsageFact,
  variants: [
    { fromVersion: 0, file: 'table-usage.sql' },
    { fromVersion: 160_000, file: 'table-usage.pg16.sql' },
    { fromVersion: 190_000, file: 'table-usage.pg19.sql' },
  ],
  schedule: cadence.everyMinute,
});
