import { z } from 'zod';
import { cadence, count, defineCollector, tableOid } from './define.ts';

const columnStatisticsFact = z.strictObject({
  /** The table's oid; an index's for the statistics of its expressions. */
  tableOid,
  attributeNumber: z.number().int(),
  nullFraction: z.number().min(0).max(1),
  averageWidthBytes: count,
  /** As in pg_stats: a count, or minus a share of the rows. 0 is unknown. */
  distinctValues: z.number(),
  commonFrequencies: z.array(z.number()),
});
export type ColumnStatisticsFact = z.infer<typeof columnStatisticsFact>;

export const columnStatistics = defineCollector({
  name: 'column-statistics',
  description: 'Planner statistics of columns, as far as the role may see them; no data values.',
  fact: columnStatisticsFact,
  schedule: cadence.hourly,
});

/** The same facts read through the optional narrow view; the runner takes it where the view exists. */
export const columnStatisticsView = defineCollector({
  name: 'column-statistics',
  description: columnStatistics.description,
  fact: columnStatisticsFact,
  variants: [{ fromVersion: 0, file: 'column-statistics.view.sql' }],
  schedule: cadence.hourly,
});

const columnVisibilityFact = z.strictObject({
  userColumns: count,
  visibleColumns: count,
});
export type ColumnVisibilityFact = z.infer<typeof columnVisibilityFact>;

export const columnVisibility = defineCollector({
  name: 'column-visibility',
  description: 'Of how many columns of user tables the planner statistics can be seen.',
  fact: columnVisibilityFact,
  schedule: cadence.hourly,
});
