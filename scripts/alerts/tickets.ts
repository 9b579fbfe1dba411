import type { FindingAlert } from './finding-alerts.ts';
import {
  amount,
  findingLabels,
  indexLabels,
  newFindings,
  one,
  seconds,
  span,
  tableLabels,
  targetLabels,
} from './promql.ts';
import type { AlertSettings } from './settings.ts';

const ticket = { severity: 'warning', hasBytes: true } as const;

/** What is done in the next days. Of findings only those that are not of the baseline, by way of the recorded ones. */
export function tickets({ tickets: settings, shared }: AlertSettings): readonly FindingAlert[] {
  return [
    ...aboutWaste(settings, span(shared.rateWindow)),
    ...aboutBuilds(settings),
    ...aboutWhatIsMissing(settings),
  ];
}

function aboutWaste(settings: AlertSettings['tickets'], window: string): readonly FindingAlert[] {
  const { unusedIndex, duplicateIndex, bloatedIndex, indexGrowth } = settings;
  const unused = `${newFindings}{kind="unused-index", confidence="likely", severity!="info"}`;
  const duplicates = `${newFindings}{kind="duplicate-index"}`;
  const written = ['inserted', 'updated', 'deleted']
    .map((what) => `rate(pgindex_table_rows_${what}_total[${window}])`)
    .join(' + ');
  return [
    {
      ...ticket,
      name: 'IndexwardenUnusedIndex',
      what: 'Unused indexes',
      description:
        'No node has used them for as long as the policy asks, and their tables were read as usual. Drop them by the SQL of the findings, or say why they stay.',
      wait: unusedIndex.for,
      thresholds: [unusedIndex.bytesMin, unusedIndex.shareMin],
      expr: one(
        findingLabels,
        `
  ${unused} >= ${amount(unusedIndex.bytesMin)}
  or
  ${unused}
  >= on (${targetLabels}) group_left () (${amount(unusedIndex.shareMin)} * indexwarden:index_size:bytes)
`,
      ),
    },
    {
      ...ticket,
      name: 'IndexwardenDuplicateIndex',
      what: 'Duplicate indexes',
      description:
        'Each of them costs every write and serves nothing that its twin does not. The findings say which one stays, and have the SQL.',
      wait: duplicateIndex.for,
      thresholds: [duplicateIndex.bytesMin, duplicateIndex.tableWritesPerSecondMin],
      expr: one(
        findingLabels,
        `
  ${duplicates} >= ${amount(duplicateIndex.bytesMin)}
  or
  ${duplicates}
  and on (${tableLabels}) (
    ${one(tableLabels, written)}
    >= ${amount(duplicateIndex.tableWritesPerSecondMin)}
  )
`,
      ),
    },
    {
      ...ticket,
      name: 'IndexwardenBloatedIndex',
      what: 'Bloated indexes (bytes that a rebuild would free)',
      description:
        'Measured, or calibrated by an earlier measurement, for a whole day. Rebuild them concurrently by the SQL of the findings, in a quiet hour and with the free disk that it names.',
      wait: bloatedIndex.for,
      thresholds: [bloatedIndex.bytesMin, bloatedIndex.ratioMin],
      expr: `${one(indexLabels, 'pgindex_bloat_bytes')} >= ${amount(bloatedIndex.bytesMin)}
and on (${indexLabels}) (${one(indexLabels, 'pgindex_bloat_ratio')} >= ${amount(bloatedIndex.ratioMin)})
and on (${indexLabels}) pgindex_bloat_info{method=~"measured|calibrated"}
and on (${indexLabels}) ${newFindings}{kind="bloated-index", confidence!="possible"}`,
    },
    {
      ...ticket,
      name: 'IndexwardenIndexGrowth',
      what: 'Indexes that take half as much again for each row as a week ago',
      description:
        'Something began then: updates of the key, deletes of whole ranges, a transaction or slot that holds back vacuum. A rebuild alone only starts it anew.',
      wait: indexGrowth.for,
      thresholds: [indexGrowth.bytesMin],
      expr: one(findingLabels, `${newFindings}{kind="index-growth"} >= ${amount(indexGrowth.bytesMin)}`),
    },
  ];
}

function aboutBuilds(settings: AlertSettings['tickets']): readonly FindingAlert[] {
  const { invalidIndex, longBuild, unattachedPartitions } = settings;
  return [
    {
      ...ticket,
      name: 'IndexwardenInvalidIndex',
      what: 'Invalid indexes that nobody is building',
      description:
        'Left over from a build, rebuild or drop that failed or was cancelled. They serve no query, and most of them slow every write. The findings say which to drop and which to build again.',
      wait: invalidIndex.for,
      thresholds: [],
      expr: `${one(findingLabels, `${newFindings}{kind="invalid-index", severity!="info"}`)}
unless on (${indexLabels}) indexwarden:finding:bytes{alert="IndexwardenIndexLost"}`,
    },
    {
      ...ticket,
      name: 'IndexwardenPartitionsUnattached',
      what: 'Partitioned indexes that still wait for their partitions',
      description:
        'Made with ON ONLY, and invalid until an index of each partition is attached. Build and attach the missing ones, or drop the parent.',
      hasBytes: false,
      wait: unattachedPartitions.for,
      thresholds: [unattachedPartitions.unattachedFor],
      expr: `${one(findingLabels, `${newFindings}{kind="invalid-index", severity="info"}`)}
and on (${indexLabels}) pgindex_info{partitioned="true", valid="false"}
and on (${targetLabels}, finding_id) (
  time() - ${one(`${targetLabels}, finding_id`, 'pgindex_finding_first_seen_timestamp_seconds')}
  > ${seconds(unattachedPartitions.unattachedFor)}
)`,
    },
    {
      ...ticket,
      name: 'IndexwardenBuildTooLong',
      what: 'Databases with an index build that does not end',
      description:
        'All that time it holds back vacuum in its database. See whether it makes progress or waits for somebody.',
      hasBytes: false,
      wait: longBuild.for,
      thresholds: [longBuild.buildTimeMax],
      // There are no bytes to say of a build.
      expr: `(time() - min by (${targetLabels}) (pgindex_oldest_build_start_timestamp_seconds) > ${seconds(longBuild.buildTimeMax)}) * 0
unless on (${targetLabels}) indexwarden:target:down`,
    },
  ];
}

function aboutWhatIsMissing(settings: AlertSettings['tickets']): readonly FindingAlert[] {
  const { missingExpectedIndex, unindexedForeignKey } = settings;
  const keys = one(findingLabels, `${newFindings}{kind="unindexed-foreign-key", severity!="info"}`);
  return [
    {
      ...ticket,
      name: 'IndexwardenMissingExpectedIndex',
      what: 'Tables without an index that a manifest expects with priority 1',
      description:
        'The manifest and the database do not agree. Run the migration that creates it, or correct the manifest.',
      hasBytes: false,
      wait: missingExpectedIndex.for,
      thresholds: [],
      expr: one(findingLabels, `${newFindings}{kind="missing-expected-index", severity!="info"}`),
    },
    {
      ...ticket,
      name: 'IndexwardenUnindexedForeignKey',
      what: 'Large tables with a foreign key that no index supports (bytes of the tables)',
      description:
        'Rows of the referenced table are deleted, and each delete reads one of these tables as a whole. Create the index by the SQL of the findings.',
      wait: unindexedForeignKey.for,
      thresholds: [unindexedForeignKey.tableRowsMin],
      expr: `(
  ${keys} + on (${tableLabels}) group_left () ${one(tableLabels, 'pgindex_table_size_bytes')}
  or
  ${keys}
)
and on (${tableLabels}) (${one(tableLabels, 'pgindex_table_rows')} >= ${amount(unindexedForeignKey.tableRowsMin)})
and on (${targetLabels}, finding_id) (${one(`${targetLabels}, finding_id`, 'pgindex_finding_parent_rows_deleted_total')} > 0)`,
    },
  ];
}
