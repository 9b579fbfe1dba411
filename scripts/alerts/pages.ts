import type { FindingAlert } from './finding-alerts.ts';
import {
  amount,
  findingLabels,
  indexLabels,
  one,
  seconds,
  span,
  tableLabels,
  targetLabels,
  unlessDown,
} from './promql.ts';
import type { AlertSettings } from './settings.ts';

/** What wakes people: losses only. None of them selects an origin, since a loss is never part of a baseline. */
export function pages({ pages: settings, shared }: AlertSettings): readonly FindingAlert[] {
  const { lostIndex, slowProbe, stoppedBeingUsed: stopped, collationDrift } = settings;
  const window = span(shared.rateWindow);
  const since = span(stopped.unusedFor);
  const lostSize = one(indexLabels, 'pgindex_lost_index_table_size_bytes');
  return [
    {
      name: 'IndexwardenIndexLost',
      severity: 'critical',
      what: 'Indexes that worked and are invalid now',
      description:
        'Queries no longer use them, and nobody is building them. A unique one may no longer keep duplicates out. Build them again: each finding has the SQL.',
      hasBytes: true,
      wait: lostIndex.for,
      thresholds: [lostIndex.tableBytesMin, lostIndex.tableScansPerSecondMin, shared.rateWindow],
      expr: `(
  ${lostSize} >= ${amount(lostIndex.tableBytesMin)}
  or
  (${lostSize} or ${one(indexLabels, 'pgindex_lost_index')} * 0)
  and on (${tableLabels}) (
    ${one(tableLabels, `rate(pgindex_table_index_scans_total[${window}]) + rate(pgindex_table_sequential_scans_total[${window}])`)}
    >= ${amount(lostIndex.tableScansPerSecondMin)}
  )
)
${unlessDown}`,
    },
    {
      name: 'IndexwardenProbeTooSlow',
      severity: 'critical',
      what: 'Probes that take more than twice their target',
      description:
        'Queries that somebody declared worth waking up for have been too slow in three runs within fifteen minutes. The finding shows the plan then and now.',
      hasBytes: false,
      wait: slowProbe.for,
      thresholds: [],
      expr: `${one(findingLabels, 'pgindex_finding{kind="slow-probe", severity="critical"}')} * 0
${unlessDown}`,
    },
    {
      name: 'IndexwardenIndexStoppedBeingUsed',
      severity: 'critical',
      what: 'Busy indexes that nothing uses any more, on tables now read whole',
      description:
        'On no node have they been used for a quarter of an hour, while their tables are read whole ten times as often as usual. Find what changed: a release, statistics, a setting of the planner.',
      hasBytes: true,
      wait: stopped.for,
      thresholds: [
        stopped.usedDaysMin,
        stopped.scansPerSecondMin,
        stopped.unusedFor,
        stopped.tableBytesMin,
        stopped.sequentialScansFactor,
        stopped.sequentialScansMin,
        stopped.countersFreshFor,
      ],
      expr: `${one(indexLabels, 'pgindex_size_bytes')}
and on (${indexLabels}) (round(${one(indexLabels, 'pgindex_recent_use_ratio')} * 7) >= ${amount(stopped.usedDaysMin)})
and on (${indexLabels}) (${one(indexLabels, 'pgindex_usual_scans_per_second')} >= ${amount(stopped.scansPerSecondMin)})
and on (${indexLabels}) (time() - ${one(indexLabels, 'pgindex_unused_since_timestamp_seconds')} >= ${seconds(stopped.unusedFor)})
and on (${tableLabels}) (${one(tableLabels, 'pgindex_table_size_bytes')} >= ${amount(stopped.tableBytesMin)})
and on (${tableLabels}) (
  ${one(tableLabels, `rate(pgindex_table_sequential_scans_total[${since}])`)}
  >= ${amount(stopped.sequentialScansFactor)} * ${one(tableLabels, 'pgindex_table_usual_sequential_scans_per_second')}
)
and on (${tableLabels}) (${one(tableLabels, `increase(pgindex_table_sequential_scans_total[${since}])`)} >= ${amount(stopped.sequentialScansMin)})
and on (${targetLabels}) (
  time() - ${one(targetLabels, 'indexwarden_collector_last_success_timestamp_seconds{collector="index-usage"}')}
  < ${seconds(stopped.countersFreshFor)}
)
${unlessDown}`,
    },
    {
      name: 'IndexwardenCollationDrift',
      severity: 'critical',
      what: 'Unique indexes sorted by another version of their collation',
      description:
        'On a node the library that sorts texts has changed. Searches can miss rows there, and duplicates can get in. First look for duplicates, then rebuild, then record the new version: each finding has the SQL in that order.',
      hasBytes: true,
      wait: collationDrift.for,
      thresholds: [],
      expr: `(
  ${one(findingLabels, 'pgindex_finding{kind="collation-drift", severity="critical"}')}
  * on (${indexLabels}) group_left ()
  ${one(indexLabels, 'pgindex_size_bytes')}
  or
  ${one(findingLabels, 'pgindex_finding{kind="collation-drift", severity="critical"}')} * 0
)
${unlessDown}`,
    },
  ];
}
