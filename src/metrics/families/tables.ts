import { type Family, ofTable } from './declare.ts';

/** Of single tables. */
export const tableFamilies = {
  tableSize: ofTable('pgindex_table_size_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Size of the table with TOAST and without its indexes; of a partitioned table all its partitions. Read every five minutes by default.',
  }),
  tableRows: ofTable('pgindex_table_rows', {
    type: 'gauge',
    help: 'Estimated live rows of the table; absent where neither the planner nor the counters know.',
  }),
  tableSequentialScans: ofTable('pgindex_table_sequential_scans_total', {
    type: 'counter',
    help: 'Sequential scans of the table on this node.',
  }),
  tableSequentialRowsRead: ofTable('pgindex_table_sequential_rows_read_total', {
    type: 'counter',
    help: 'Rows that sequential scans of the table read on this node.',
  }),
  tableUsualSequentialScans: ofTable('pgindex_table_usual_sequential_scans_per_second', {
    type: 'gauge',
    help: 'Sequential scans of the table on all configured nodes, as a mean over those of the last seven whole days (UTC) that were observed; absent where none was.',
  }),
  tableIndexScans: ofTable('pgindex_table_index_scans_total', {
    type: 'counter',
    help: 'Index scans of the table on this node.',
  }),
  tableRowsInserted: ofTable('pgindex_table_rows_inserted_total', {
    type: 'counter',
    help: 'Rows inserted into the table.',
  }),
  tableRowsUpdated: ofTable('pgindex_table_rows_updated_total', {
    type: 'counter',
    help: 'Rows of the table updated, HOT updates included.',
  }),
  tableRowsHotUpdated: ofTable('pgindex_table_rows_hot_updated_total', {
    type: 'counter',
    help: 'Rows of the table updated without new index entries (HOT).',
  }),
  tableRowsDeleted: ofTable('pgindex_table_rows_deleted_total', {
    type: 'counter',
    help: 'Rows deleted from the table.',
  }),
  tableLastAnalyze: ofTable('pgindex_table_last_analyze_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'When the table was last analysed, by hand or by autovacuum; of a partitioned table the partition that waited longest. Absent where it never was.',
  }),
} as const satisfies Readonly<Record<string, Family>>;
