import type { TableView } from '../analysis/catalogue.ts';
import type { ServerFact } from '../collectors/server.ts';

/** On 13 a partitioned table's row count is 0 whether or not it was analysed. */
const versionCountingPartitioned = 140_000;

/**
 * Why there are no planner statistics of an index's column, as far as can be told, and what would mend it. PostgreSQL hides rows
 * of pg_stats from a role that may not read the column, without an error: silence there is not "never analysed". Where the
 * narrow view is installed nothing is hidden, and silence means that ANALYZE has not seen the column. The sentence names no
 * column, so that a thousand indexes share one reason.
 */
export function whyStatisticsAbsent(table: TableView, server: ServerFact | undefined): string {
  const isAllVisible = server?.hasColumnStatisticsView === true;
  if (table.fact.relkind === 'p' && (isAllVisible || isTreeNeverAnalysed(table, server)))
    return 'the partitioned table was never analysed as a whole, which autovacuum does not do; run ANALYZE on it';
  if (wasNeverAnalysed(table)) return 'the table was never analysed; run ANALYZE on it';
  if (isAllVisible)
    return 'its column has no planner statistics: ANALYZE has not seen it yet, or its statistics target is 0';
  return 'planner statistics of its column are not visible to this role (or there are none yet); create the view of deploy/column-statistics-view.sql, or grant select on the table';
}

/** The planner's row count is made by VACUUM, ANALYZE and CREATE INDEX: without one, and without a recorded ANALYZE, none ran. */
const wasNeverAnalysed = (table: TableView): boolean =>
  table.fact.relkind !== 'p' &&
  table.fact.estimatedRows === null &&
  table.usage !== undefined &&
  table.usage.lastAnalyzedAtMs === null;

const isTreeNeverAnalysed = (table: TableView, server: ServerFact | undefined): boolean =>
  table.fact.estimatedRows === null && (server?.versionNum ?? 0) >= versionCountingPartitioned;
