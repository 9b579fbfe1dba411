/**
 * Every metric family there is, declared once: exposition, `docs/metrics.md` and the tests of alerts and dashboards all read this
 * list. Families appear on the page in this order.
 */
export interface Family {
  /** The name of its samples (of a histogram: their common prefix). */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'info';
  /** Ends the name (before `_total`); OpenMetrics wants it said. */
  readonly unit?: 'bytes' | 'seconds' | 'ratio';
  readonly help: string;
  readonly labels: readonly string[];
  /** What there is one series for: the cost of the family. */
  readonly per: Scope;
  /** The version that exported it first. */
  readonly since: string;
  /** The setting that turns it on, for families that are off by default. */
  readonly behind?: string;
}

export type Scope = 'index' | 'table' | 'finding' | 'target' | 'daemon' | 'process';

const targetLabels = ['server', 'datname'] as const;
const tableLabels = [...targetLabels, 'schemaname', 'relname'] as const;
const indexLabels = [...tableLabels, 'indexrelname'] as const;
const since = '0.1.0';

const ofIndex = (name: string, rest: Rest): Family => declare(name, 'index', indexLabels, rest);
const ofTable = (name: string, rest: Rest): Family => declare(name, 'table', tableLabels, rest);
const ofFinding = (name: string, rest: Rest): Family => declare(name, 'finding', targetLabels, rest);
const ofTarget = (name: string, rest: Rest): Family => declare(name, 'target', targetLabels, rest);
const ofDaemon = (name: string, rest: Rest): Family => declare(name, 'daemon', [], rest);
const ofProcess = (name: string, rest: Rest): Family => declare(name, 'process', [], rest);

type Rest = Pick<Family, 'type' | 'help' | 'unit' | 'behind'> & { readonly labels?: readonly string[] };

function declare(name: string, per: Scope, shared: readonly string[], rest: Rest): Family {
  return { ...rest, name, per, since, labels: [...shared, ...(rest.labels ?? [])] };
}

export const families = {
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
  findings: ofFinding('pgindex_findings', {
    type: 'gauge',
    labels: ['kind', 'severity', 'origin'],
    help: 'Open findings. 0 is only said of kinds that were judged in full; of an inconclusive kind only what was found is counted.',
  }),
  mutedFindings: ofFinding('pgindex_muted_findings', {
    type: 'gauge',
    labels: ['kind', 'severity'],
    help: 'Findings that somebody muted.',
  }),
  inconclusive: ofFinding('pgindex_inconclusive', {
    type: 'gauge',
    labels: ['kind'],
    help: 'Always 1: findings of this kind could not be judged on the target, or on some of its relations. The targets list of the API says why.',
  }),
  inconclusiveRelations: ofFinding('pgindex_inconclusive_relations', {
    type: 'gauge',
    labels: ['kind'],
    help: 'Relations on which findings of this kind could not be judged; absent where that is the whole target.',
  }),
  reclaimable: ofFinding('pgindex_reclaimable_bytes', {
    type: 'gauge',
    unit: 'bytes',
    labels: ['kind'],
    help: 'Bytes that the open findings of a kind would free. Kinds overlap: do not add them up, see pgindex_reclaimable_total_bytes.',
  }),
  reclaimableTotal: ofFinding('pgindex_reclaimable_total_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Bytes that all open findings together would free, each index counted once.',
  }),
  findingSeries: ofFinding('pgindex_finding_series', {
    type: 'gauge',
    labels: ['exported'],
    help: 'Open findings that have a series of their own (exported="true") and that do not because of metrics.maxFindingSeries.',
  }),
  finding: ofFinding('pgindex_finding', {
    type: 'gauge',
    labels: [
      'schemaname',
      'relname',
      'indexrelname',
      'kind',
      'severity',
      'confidence',
      'origin',
      'finding_id',
    ],
    help: 'Always 1: an open finding. indexrelname is empty where it is about a table or a constraint; finding_id leads to it in the API.',
  }),
  findingFirstSeen: ofFinding('pgindex_finding_first_seen_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    labels: ['finding_id'],
    help: 'When an open finding was first seen; join on finding_id with pgindex_finding.',
  }),

  indexInfo: ofIndex('pgindex_info', {
    type: 'info',
    labels: [
      'access_method',
      'unique',
      'primary',
      'valid',
      'ready',
      'live',
      'partial',
      'expression',
      'partitioned',
      'constraint',
    ],
    help: 'Always 1: what the index is. constraint is primary_key, unique, exclusion or none.',
  }),
  indexSize: ofIndex('pgindex_size_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Size of the index on disk, all forks; of a partitioned index all its partitions. Read every five minutes by default.',
  }),
  expectedSize: ofIndex('pgindex_expected_size_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Size that the index would have after a rebuild; absent where that is unknown. pgindex_bloat_info says how it is known.',
  }),
  bloatBytes: ofIndex('pgindex_bloat_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Bytes that a rebuild of the index would free; absent where that is unknown.',
  }),
  bloatRatio: ofIndex('pgindex_bloat_ratio', {
    type: 'gauge',
    unit: 'ratio',
    help: 'Share of the index that a rebuild would free, 0 to 1; absent where that is unknown. Up to 0.28 is natural where keys come in random order.',
  }),
  bloatInfo: ofIndex('pgindex_bloat_info', {
    type: 'info',
    labels: ['method', 'confidence'],
    help: 'Always 1: how the bloat of the index is known. method is measured, calibrated, estimated or unknown; confidence is high, medium, low or none.',
  }),
  bloatMeasured: ofIndex('pgindex_bloat_measured_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'When what is known of the bloat of the index was measured; absent where it is only estimated. Of a partitioned index the partition that waited longest.',
  }),
  unusedSince: ofIndex('pgindex_unused_since_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'Since when no configured node has used the index, as far as it was observed: the last use seen, or the start of the observation. Absent while a configured node cannot be read.',
  }),
  observationStart: ofIndex('pgindex_observation_start_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'Since when use of the index has been observed on every configured node without a break. A reset, a gap or a failover begins it anew.',
  }),
  indexScans: ofIndex('pgindex_scans_total', {
    type: 'counter',
    help: 'Scans of the index on this node. Planning may add to it: the planner reads the end points of an index.',
  }),
  indexTuplesRead: ofIndex('pgindex_tuples_read_total', {
    type: 'counter',
    help: 'Index entries returned by scans of the index on this node.',
  }),
  indexTuplesFetched: ofIndex('pgindex_tuples_fetched_total', {
    type: 'counter',
    help: 'Live table rows fetched by simple scans of the index on this node.',
  }),
  indexLastScan: ofIndex('pgindex_last_scan_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'When the index was last scanned on this node; absent before version 16 of PostgreSQL and where it never was.',
  }),
  indexBlocksRead: ofIndex('pgindex_blocks_read_total', {
    type: 'counter',
    behind: 'metrics.blockIo',
    help: 'Blocks of the index that had to be read into shared buffers on this node.',
  }),
  indexBlocksHit: ofIndex('pgindex_blocks_hit_total', {
    type: 'counter',
    behind: 'metrics.blockIo',
    help: 'Blocks of the index that were found in shared buffers on this node.',
  }),

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

  buildInfo: ofDaemon('indexwarden_build_info', {
    type: 'info',
    labels: ['version', 'node_version'],
    help: 'Always 1: the version of indexwarden and of the Node.js it runs on.',
  }),
  reloadSuccessful: ofDaemon('indexwarden_config_last_reload_successful', {
    type: 'gauge',
    help: 'Whether the last attempt to load the configuration succeeded (1) or the one before is still in force (0).',
  }),
  reloadTimestamp: ofDaemon('indexwarden_config_last_reload_success_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'When the configuration in force was loaded.',
  }),
  measurementBudget: ofDaemon('indexwarden_measurement_budget_bytes_per_second', {
    type: 'gauge',
    labels: ['server'],
    help: 'Bytes of indexes that may be read in a second to measure bloat, over all databases of the server (bloat.budgetPerMinute).',
  }),
  measurementDebt: ofDaemon('indexwarden_measurement_debt_bytes', {
    type: 'gauge',
    unit: 'bytes',
    labels: ['server'],
    help: 'Bytes that were read ahead of the budget; nothing more is measured on the server before they are paid for.',
  }),
  webhookDeliveries: ofDaemon('indexwarden_webhook_deliveries_total', {
    type: 'counter',
    labels: ['webhook', 'outcome'],
    help: 'Messages to webhooks by what became of them: delivered, rejected by the receiver, failed after all attempts, dropped because too many waited, abandoned at the end of the daemon or on a reload.',
  }),
  storeUp: ofDaemon('indexwarden_store_up', {
    type: 'gauge',
    help: 'Whether what is learned is kept on disk: 1 if the last write to storage.path succeeded, 0 if it failed. Absent where no path is set and history is lost at each restart.',
  }),
  storeSize: ofDaemon('indexwarden_store_size_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Size of the file at storage.path, its write-ahead log included; absent without one.',
  }),
  storeLastWrite: ofDaemon('indexwarden_store_last_write_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'When something was last written to the file at storage.path; absent without one.',
  }),
  expositionSeries: ofDaemon('indexwarden_exposition_series', {
    type: 'gauge',
    help: 'Series on this page, this one included; compare with sample_limit.',
  }),
  expositionBytes: ofDaemon('indexwarden_exposition_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Size of this page in the text format, uncompressed.',
  }),

  processCpu: ofProcess('process_cpu_seconds_total', {
    type: 'counter',
    unit: 'seconds',
    help: 'User and system CPU time spent by the daemon.',
  }),
  processCpuUser: ofProcess('process_cpu_user_seconds_total', {
    type: 'counter',
    unit: 'seconds',
    help: 'User CPU time spent by the daemon.',
  }),
  processCpuSystem: ofProcess('process_cpu_system_seconds_total', {
    type: 'counter',
    unit: 'seconds',
    help: 'System CPU time spent by the daemon.',
  }),
  processStartTime: ofProcess('process_start_time_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'When the daemon was started, in seconds since the epoch.',
  }),
  processResidentMemory: ofProcess('process_resident_memory_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Resident memory of the daemon.',
  }),
  processVirtualMemory: ofProcess('process_virtual_memory_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Virtual memory of the daemon; on Linux only.',
  }),
  processOpenFds: ofProcess('process_open_fds', {
    type: 'gauge',
    help: 'File descriptors the daemon has open; on Linux only.',
  }),
  processMaxFds: ofProcess('process_max_fds', {
    type: 'gauge',
    help: 'File descriptors the daemon may have open; on Linux only.',
  }),
  nodeVersion: ofProcess('nodejs_version_info', {
    type: 'info',
    labels: ['version', 'major', 'minor', 'patch'],
    help: 'Always 1: the version of Node.js.',
  }),
  nodeHeapTotal: ofProcess('nodejs_heap_size_total_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Heap that Node.js has reserved.',
  }),
  nodeHeapUsed: ofProcess('nodejs_heap_size_used_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Heap that Node.js uses.',
  }),
  nodeExternalMemory: ofProcess('nodejs_external_memory_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Memory outside the heap that Node.js uses, buffers of this page included.',
  }),
  nodeActiveResources: ofProcess('nodejs_active_resources', {
    type: 'gauge',
    labels: ['type'],
    help: 'What keeps the event loop alive, by type.',
  }),
  nodeEventLoopLag: ofProcess('nodejs_eventloop_lag_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'Delay of the event loop when the page before was made.',
  }),
  nodeEventLoopLagMean: ofProcess('nodejs_eventloop_lag_mean_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'Mean delay of the event loop since the page before was made.',
  }),
  nodeEventLoopLagMax: ofProcess('nodejs_eventloop_lag_max_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'Longest delay of the event loop since the page before was made.',
  }),
  nodeEventLoopLagP99: ofProcess('nodejs_eventloop_lag_p99_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: '99th percentile of the delays of the event loop since the page before was made.',
  }),
  nodeGcDuration: ofProcess('nodejs_gc_duration_seconds', {
    type: 'histogram',
    unit: 'seconds',
    labels: ['kind'],
    help: 'Duration of garbage collections, by kind.',
  }),
} as const satisfies Readonly<Record<string, Family>>;

export const allFamilies: readonly Family[] = Object.values(families);
