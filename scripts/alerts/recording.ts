import type { FindingAlert } from './finding-alerts.ts';
import { reasons, recordingOf } from './finding-alerts.ts';
import {
  amount,
  findingLabels,
  indexLabels,
  newFindings,
  one,
  seconds,
  span,
  targetDown,
  targetLabels,
  unlessDown,
} from './promql.ts';
import type { RecordingRule, RuleFile } from './rules.ts';
import type { AlertSettings } from './settings.ts';

const findingsShown = one(`${findingLabels}, kind, severity, confidence`, 'pgindex_finding{origin="new"}');

/** What several alerts share, in the order in which they read it. */
const shared: readonly RecordingRule[] = [
  {
    comment:
      'Databases that no daemon can reach. Nothing else is said of them: a database that is down is its own alert.',
    record: targetDown,
    expr: `${one(targetLabels, 'indexwarden_target_up')} == 0`,
  },
  {
    comment: 'Databases that a daemon reaches, for comparison with what is missing in them.',
    record: 'indexwarden:target:up',
    expr: `${one(targetLabels, 'indexwarden_target_up')} == 1`,
  },
  {
    comment: 'Bytes of all indexes of a database, those without series of their own included.',
    record: 'indexwarden:index_size:bytes',
    expr: `sum by (${targetLabels}) (${one(indexLabels, 'pgindex_size_bytes')})
+ on (${targetLabels})
${one(targetLabels, 'pgindex_other_size_bytes')}`,
  },
  {
    comment:
      'Findings that are not of the baseline, or that speak again, with the size of their index; 0 where that is unknown or they\nare about a table.',
    record: newFindings,
    expr: `(
  ${findingsShown}
  * on (${indexLabels}) group_left ()
  ${one(indexLabels, 'pgindex_size_bytes')}
  or
  ${findingsShown} * 0
)
${unlessDown}`,
  },
];

export function recordingFile(settings: AlertSettings, alerts: readonly FindingAlert[]): RuleFile {
  return {
    name: 'recording',
    about: 'What the alerts read. Prometheus needs this file for the others to work.',
    groups: [
      // Rules of a group run one after the other: each reads what those above it have just recorded.
      {
        name: 'indexwarden-recording',
        rules: [...shared, ...alerts.map(recordingOf), ...collections(settings), ...facts(settings)],
      },
    ],
  };
}

const collectorLabels = `${targetLabels}, collector`;

function collections({ daemon: { collectionStale } }: AlertSettings): readonly RecordingRule[] {
  const { intervalsMax, ageMin } = collectionStale;
  return [
    {
      comment: [
        'Collections that are older than so many of their own intervals, by their age. Not of a database that is down, nor of a',
        'collector that the server gives nothing to read.',
        ...reasons([intervalsMax, ageMin]),
      ].join('\n'),
      record: 'indexwarden:collection:stale_seconds',
      expr: `(
  time() - ${one(collectorLabels, 'indexwarden_collector_last_success_timestamp_seconds')}
  > on (${collectorLabels})
  clamp_min(${amount(intervalsMax)} * ${one(collectorLabels, 'indexwarden_collector_interval_seconds')}, ${seconds(ageMin)})
)
${unlessDown}
unless on (${collectorLabels}) (${one(collectorLabels, 'indexwarden_collector_skipped')} == 1)`,
    },
  ];
}

/** Facts that could be read and cannot be any more: remembered by reading back what was recorded before. */
function facts({ daemon: { factLost } }: AlertSettings): readonly RecordingRule[] {
  const { lookback, rememberedFor } = factLost;
  const factLabels = `${targetLabels}, fact`;
  // A primary that has become a standby shows no replicas, and without an inventory there is no second look: nothing is lost by that.
  const skipped = `${one(collectorLabels, 'indexwarden_collector_skipped{collector!~"replicas|invalid-indexes"}')} == 1
    and on (${collectorLabels}) indexwarden_collector_last_success_timestamp_seconds`;
  const visible = 'pgindex_column_statistics_visible_ratio';
  return [
    {
      comment:
        'What cannot be read: rights that the role lacks, collectors that succeeded once and are skipped now, column statistics of\nwhich some were visible and none is.',
      record: 'indexwarden:fact:missing',
      expr: `${one(
        factLabels,
        `
  label_replace(indexwarden_permission_missing, "fact", "$1", "permission", "(.+)")
  or
  label_replace(
    ${skipped},
    "fact", "$1", "collector", "(.+)"
  )
  or
  label_replace(
    ${one(targetLabels, visible)} == 0
    and on (${targetLabels}) (
      max_over_time(${visible}[${span(lookback)}]) > 0
      or
      last_over_time(indexwarden:fact:lost{fact="column_statistics"}[${span(rememberedFor)}])
    ),
    "fact", "column_statistics", "", ""
  )
`,
      )}
${unlessDown}`,
    },
    {
      comment: [
        'Of these, what was there before: missing less often than the database was up lately, or lost already.',
        ...reasons([lookback, rememberedFor]),
      ].join('\n'),
      record: 'indexwarden:fact:lost',
      expr: `indexwarden:fact:missing
and on (${factLabels}) (
  count_over_time(indexwarden:fact:missing[${span(lookback)}])
  < on (${targetLabels}) group_left ()
  count_over_time(indexwarden:target:up[${span(lookback)}])
  or
  last_over_time(indexwarden:fact:lost[${span(rememberedFor)}])
)`,
    },
  ];
}
