import { type Family, ofFinding } from './declare.ts';

/** Of findings. */
export const findingFamilies = {
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
  findingParentRowsDeleted: ofFinding('pgindex_finding_parent_rows_deleted_total', {
    type: 'counter',
    labels: ['finding_id'],
    help: 'Rows deleted on this node from the table that an unindexed foreign key refers to; join on finding_id with pgindex_finding. Absent where they are not counted.',
  }),
  lostIndex: ofFinding('pgindex_lost_index', {
    type: 'gauge',
    labels: ['schemaname', 'relname', 'indexrelname'],
    help: 'Always 1: the index was seen valid, is invalid now, and nobody builds it or works on it. Muted findings have none.',
  }),
  lostIndexTableSize: ofFinding('pgindex_lost_index_table_size_bytes', {
    type: 'gauge',
    unit: 'bytes',
    labels: ['schemaname', 'relname', 'indexrelname'],
    help: 'Size of the table of such an index, with TOAST; of a partition its own. Absent where it is unknown.',
  }),
} as const satisfies Readonly<Record<string, Family>>;
