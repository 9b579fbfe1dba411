import { type Family, ofIndex } from './declare.ts';

/** Of single indexes. */
export const indexFamilies = {
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
    help: 'Size that the index would have after a rebuild, at most the size it has; absent where that is unknown. pgindex_bloat_info says how it is known.',
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
  lastRebuild: ofIndex('pgindex_last_rebuild_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'When the last rebuild of the index was noticed: a new file of another size. Absent where none has been seen yet.',
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
  recentUse: ofIndex('pgindex_recent_use_ratio', {
    type: 'gauge',
    unit: 'ratio',
    help: 'Share of the last seven whole days (UTC) on which any configured node used the index, 0 to 1; a day that was not observed counts as one without use.',
  }),
  usualScans: ofIndex('pgindex_usual_scans_per_second', {
    type: 'gauge',
    help: 'Scans of the index on all configured nodes, as a mean over those of the last seven whole days (UTC) on which it was used.',
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
} as const satisfies Readonly<Record<string, Family>>;
