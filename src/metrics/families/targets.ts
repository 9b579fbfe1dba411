import { type Family, ofTarget } from './declare.ts';

/** Of the families that hold what has no series of its own. */
const meanwhile = "while they had no series of their own, since the daemon's start";

/** Of targets and their collections. */
export const targetFamilies = {
  targetUp: ofTarget('indexwarden_target_up', {
    type: 'gauge',
    help: 'Whether the last attempt to reach the database succeeded (1) or not (0).',
  }),
  generationTimestamp: ofTarget('indexwarden_generation_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'When what is shown of the target was published; failed attempts publish too.',
  }),
  snapshotTimestamp: ofTarget('indexwarden_snapshot_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'When the newest facts that are shown of the target were read; absent while there are none.',
  }),
  collectorSuccess: ofTarget('indexwarden_collector_success', {
    type: 'gauge',
    labels: ['collector'],
    help: 'Whether the last run of the collector succeeded; absent where it was skipped, which is no failure.',
  }),
  collectorSkipped: ofTarget('indexwarden_collector_skipped', {
    type: 'gauge',
    labels: ['collector'],
    help: 'Whether the last run of the collector was skipped because the server lacks what it reads; the targets list of the API says why.',
  }),
  collectorError: ofTarget('indexwarden_collector_error', {
    type: 'gauge',
    labels: ['collector', 'error'],
    help: 'Always 1: the last run of the collector failed with this kind of error.',
  }),
  collectorDuration: ofTarget('indexwarden_collector_duration_seconds', {
    type: 'gauge',
    unit: 'seconds',
    labels: ['collector'],
    help: 'How long the last run of the collector took; absent where it was skipped.',
  }),
  collectorLastSuccess: ofTarget('indexwarden_collector_last_success_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    labels: ['collector'],
    help: 'When the collector last succeeded; absent before the first success.',
  }),
  collectorInterval: ofTarget('indexwarden_collector_interval_seconds', {
    type: 'gauge',
    unit: 'seconds',
    labels: ['collector'],
    help: 'Longest time from one run of the collector to the next by its schedule; absent where it does not run again.',
  }),
  skippedRelations: ofTarget('indexwarden_skipped_relations', {
    type: 'gauge',
    labels: ['collector'],
    help: 'Relations that the last successful run of the collector left out because they were locked; what is shown of them is unknown, never zero.',
  }),
  permissionMissing: ofTarget('indexwarden_permission_missing', {
    type: 'gauge',
    labels: ['permission'],
    help: 'Always 1: a right that the role lacks. The targets list of the API has the GRANT that mends it.',
  }),
  statisticsReset: ofTarget('pgindex_statistics_reset_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'Since when the usage counters count: the latest of all reset times of the node; absent where none is known.',
  }),
  builds: ofTarget('pgindex_builds', {
    type: 'gauge',
    help: 'CREATE INDEX and REINDEX commands that are running in the database.',
  }),
  oldestBuild: ofTarget('pgindex_oldest_build_start_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'When the longest-running of these commands was started; absent while none runs.',
  }),
  columnStatisticsVisible: ofTarget('pgindex_column_statistics_visible_ratio', {
    type: 'gauge',
    unit: 'ratio',
    help: 'Share of the columns of user tables whose planner statistics the role can see, 0 to 1. Read hourly by default.',
  }),
  indexes: ofTarget('pgindex_indexes', {
    type: 'gauge',
    labels: ['exported'],
    help: 'Indexes that have series of their own (exported="true") and that do not because of metrics.maxIndexSeries; partitions count as part of their root index.',
  }),
  tables: ofTarget('pgindex_tables', {
    type: 'gauge',
    labels: ['exported'],
    help: 'Tables that have series of their own (exported="true") and that do not because of metrics.maxTableSeries; partitions count as part of their root table.',
  }),
  otherSize: ofTarget('pgindex_other_size_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Size of the indexes without series of their own, together; absent where one of the sizes is unknown.',
  }),
  otherScans: ofTarget('pgindex_other_scans_total', {
    type: 'counter',
    help: `Scans of indexes ${meanwhile}.`,
  }),
  otherTuplesRead: ofTarget('pgindex_other_tuples_read_total', {
    type: 'counter',
    help: `Index entries returned by scans of indexes ${meanwhile}.`,
  }),
  otherTuplesFetched: ofTarget('pgindex_other_tuples_fetched_total', {
    type: 'counter',
    help: `Live table rows fetched by simple scans of indexes ${meanwhile}.`,
  }),
  otherBlocksRead: ofTarget('pgindex_other_blocks_read_total', {
    type: 'counter',
    behind: 'metrics.blockIo',
    help: `Blocks read from outside PostgreSQL's buffers, of indexes ${meanwhile}.`,
  }),
  otherBlocksHit: ofTarget('pgindex_other_blocks_hit_total', {
    type: 'counter',
    behind: 'metrics.blockIo',
    help: `Blocks found in PostgreSQL's buffers, of indexes ${meanwhile}.`,
  }),
  otherTableSize: ofTarget('pgindex_other_table_size_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Size of the tables without series of their own, together; absent where one of the sizes is unknown.',
  }),
  otherTableSequentialScans: ofTarget('pgindex_other_table_sequential_scans_total', {
    type: 'counter',
    help: `Sequential scans of tables ${meanwhile}.`,
  }),
  otherTableSequentialRowsRead: ofTarget('pgindex_other_table_sequential_rows_read_total', {
    type: 'counter',
    help: `Rows that sequential scans read of tables ${meanwhile}.`,
  }),
  otherTableIndexScans: ofTarget('pgindex_other_table_index_scans_total', {
    type: 'counter',
    help: `Index scans of tables ${meanwhile}.`,
  }),
  otherTableRowsInserted: ofTarget('pgindex_other_table_rows_inserted_total', {
    type: 'counter',
    help: `Rows inserted into tables ${meanwhile}.`,
  }),
  otherTableRowsUpdated: ofTarget('pgindex_other_table_rows_updated_total', {
    type: 'counter',
    help: `Rows updated of tables ${meanwhile}, HOT updates included.`,
  }),
  otherTableRowsHotUpdated: ofTarget('pgindex_other_table_rows_hot_updated_total', {
    type: 'counter',
    help: `Rows updated without new index entries (HOT), of tables ${meanwhile}.`,
  }),
  otherTableRowsDeleted: ofTarget('pgindex_other_table_rows_deleted_total', {
    type: 'counter',
    help: `Rows deleted from tables ${meanwhile}.`,
  }),
  measuredBytes: ofTarget('indexwarden_measured_bytes_total', {
    type: 'counter',
    unit: 'bytes',
    help: 'Bytes of indexes that were read to measure their bloat.',
  }),
  measurements: ofTarget('indexwarden_measurements_total', {
    type: 'counter',
    labels: ['outcome'],
    help: 'Attempts to measure an index: measured, or why not (gave-way: somebody waited for us; locked, busy, timeout, conflict, invalid, gone and the like).',
  }),
  measurementsWaiting: ofTarget('indexwarden_measurements_waiting', {
    type: 'gauge',
    help: 'Indexes that are to be measured and have not been yet.',
  }),
  usageNodes: ofTarget('pgindex_usage_nodes', {
    type: 'gauge',
    labels: ['state'],
    help: 'Nodes by what is known of their use of indexes: observed, unreachable, another-cluster, promoted (the last two are mistakes of the configuration), and unconfigured: replicas that the primary sees and nobody configured.',
  }),
} as const satisfies Readonly<Record<string, Family>>;
