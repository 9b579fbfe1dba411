import {
  BytesIEC,
  CountsPerSecond,
  DateTimeFromNow,
  PercentUnit,
  Short,
} from '@grafana/grafana-foundation-sdk/units';
import { families } from '../../src/metrics/families.ts';
import { findingKinds } from '../../src/model/finding.ts';
import { type DashboardSource, rebuilds } from './dashboard.ts';
import {
  bySeverityOverTime,
  findingOf,
  findingRows,
  newFindings,
  notJudged,
  notJudgedByKind,
  ofIndexesWith,
  ofSeverity,
  reclaimable,
} from './findings.ts';
import { documentation, findingOfRow, indexOfRowHere, kindOfRow, kindOfSeries, uids } from './links.ts';
import { bars, coloured, facts, graph, number, rows, severityColours } from './panels.ts';
import { planChanges, probeRow } from './probe-panels.ts';
import { asTime, byIndex, byTable, once, rateOnce, oneDatabase as scope, select } from './queries.ts';
import { databaseVariables } from './variables.ts';

const join = `on (${byIndex.join(', ')})`;
const withFinding = (severity: string): string =>
  `${join} ${select(families.finding, scope, `severity="${severity}"`)}`;
const size = once(families.indexSize, scope);

/** An index in the columns that lead to it. */
const indexColumns = ['schemaname', 'relname', 'indexrelname'] as const;

/** Sizes of indexes with findings of a kind, with what the finding says of itself. */
const sizesWith = (kinds: Parameters<typeof findingOf>[1]): string =>
  `${findingOf(scope, kinds, [...byIndex, 'kind', 'confidence', 'finding_id'])} * ${join} group_left () ${size}`;

/** One database: what is wrong with its indexes and what to do. */
export const database: DashboardSource = {
  uid: uids.database,
  title: 'indexwarden / Database',
  description: 'One database: its findings, where its index bytes are, and what is missing.',
  from: 'now-24h',
  variables: databaseVariables(),
  annotations: [rebuilds(scope), planChanges(scope)],
  rows: [
    {
      title: 'Now',
      panels: [
        number({
          title: 'Facts read',
          description:
            'When the newest facts were read. If that is long ago, collection fails: the Daemon dashboard says which collector and why.',
          width: 3,
          unit: DateTimeFromNow,
          empty: 'never',
          expr: asTime(once(families.snapshotTimestamp, scope)),
        }),
        number({
          title: 'Usage counted since',
          description:
            'Since when the server’s usage counters count. After a reset, “unused” has to be observed anew before it means anything.',
          width: 3,
          unit: DateTimeFromNow,
          empty: 'unknown',
          expr: asTime(once(families.statisticsReset, scope)),
        }),
        ofSeverity('critical', scope, 3),
        ofSeverity('warning', scope, 3),
        ofSeverity('info', scope, 3),
        newFindings(scope, 3),
        notJudged(scope, 3),
        reclaimable(scope, 3),
      ],
    },
    {
      title: 'Findings',
      panels: [
        findingRows({
          title: 'Open findings',
          description:
            'Click the id for evidence, fix and rollback, the kind for what it means, the index for its history. “indexwarden plan” prints all fixes as one ordered script.',
          width: 24,
          height: 12,
          scope,
        }),
        bySeverityOverTime(scope, 8),
        notJudgedByKind(scope, 8),
        facts({
          title: 'Nodes whose use is counted',
          description:
            'An index is unused only if every node agrees. Configure replicas that are “unconfigured”, and mend nodes that are unreachable or the wrong ones.',
          width: 8,
          height: 8,
          unit: Short,
          queries: [{ expr: once(families.usageNodes, scope), legend: '{{state}}' }],
        }),
      ],
    },
    {
      title: 'Space',
      panels: [
        coloured(
          graph({
            title: 'Index bytes by worst finding',
            description:
              'Each index once, by the gravest finding that is open on it. “sound” has none; “not listed” is what has no series of its own, see metrics.maxIndexSeries.',
            width: 12,
            unit: BytesIEC,
            isStacked: true,
            queries: [
              { expr: `sum (${size} and ${withFinding('critical')})`, legend: 'critical' },
              {
                expr: `sum ((${size} and ${withFinding('warning')}) unless ${withFinding('critical')})`,
                legend: 'warning',
              },
              {
                expr: `sum ((${size} and ${withFinding('info')}) unless ${join} ${select(families.finding, scope, 'severity=~"critical|warning"')})`,
                legend: 'info',
              },
              { expr: `sum (${size} unless ${join} ${select(families.finding, scope)})`, legend: 'sound' },
              { expr: `sum (${once(families.otherSize, scope)})`, legend: 'not listed' },
            ],
          }),
          { ...severityColours, sound: 'green', 'not listed': 'gray' },
        ),
        bars({
          title: 'Index bytes by kind of finding',
          description:
            'Size of the indexes on which a finding of the kind is open. An index with two findings is in two bars: do not add them up.',
          width: 12,
          unit: BytesIEC,
          expr: `sort_desc (sum by (kind) (${once(families.finding, scope, { by: [...byIndex, 'kind'] })} * ${join} group_left () ${size}))`,
          legend: '{{kind}}',
          links: [kindOfSeries],
        }),
        rows({
          title: 'Largest indexes',
          description: 'Click an index for its size, use and bloat over time.',
          width: 12,
          labels: indexColumns,
          columns: [{ name: 'size', expr: `topk (20, ${size})`, unit: BytesIEC }],
          linksOf: { indexrelname: [indexOfRowHere] },
          sortBy: 'size',
        }),
        graph({
          title: 'Indexes and tables',
          description:
            'Bytes of all indexes and of all tables. Indexes that outgrow their tables are over-indexed, bloated or unused: see the rows below.',
          width: 12,
          unit: BytesIEC,
          queries: [
            {
              expr: `sum (${size}) + sum (${once(families.otherSize, scope)})`,
              legend: 'indexes',
            },
            {
              expr: `sum (${once(families.tableSize, scope)}) + sum (${once(families.otherTableSize, scope)})`,
              legend: 'tables',
            },
          ],
        }),
      ],
    },
    {
      title: 'Unused, duplicate and bloated',
      panels: [
        rows({
          title: 'Unused indexes',
          description:
            'Not used by any configured node since the day shown. Read the caveats of the finding, then drop with its printed SQL: the way back is printed beside it.',
          width: 12,
          labels: [...indexColumns, 'confidence', 'finding_id'],
          columns: [
            { name: 'size', expr: sizesWith(['unused-index']), unit: BytesIEC },
            {
              name: 'unused since',
              expr: ofIndexesWith(asTime(once(families.unusedSince, scope)), scope, ['unused-index']),
              unit: DateTimeFromNow,
            },
          ],
          linksOf: { indexrelname: [indexOfRowHere], finding_id: [findingOfRow] },
          sortBy: 'size',
        }),
        rows({
          title: 'Duplicate and redundant indexes',
          description:
            'Covered by another index that stays; the finding says by which. Drop these first: no query loses anything.',
          width: 12,
          labels: [...indexColumns, 'kind', 'confidence', 'finding_id'],
          columns: [
            { name: 'size', expr: sizesWith(['duplicate-index', 'redundant-index']), unit: BytesIEC },
          ],
          linksOf: { kind: [kindOfRow], indexrelname: [indexOfRowHere], finding_id: [findingOfRow] },
          sortBy: 'size',
        }),
        rows({
          title: 'Bloat',
          description:
            'What a rebuild would free, and how that is known. Rebuild what is measured and large; an estimate of low confidence wants a measurement first. Up to 28 % is natural where keys come in random order.',
          width: 24,
          labels: [...indexColumns, 'method', 'confidence'],
          columns: [
            {
              name: 'bloat',
              expr: `topk (20, ${once(families.bloatBytes, scope)} > 0) * ${join} group_left (method, confidence) ${once(families.bloatInfo, scope)}`,
              unit: BytesIEC,
            },
            {
              name: 'ratio',
              expr: `${once(families.bloatRatio, scope)} and ${join} topk (20, ${once(families.bloatBytes, scope)} > 0)`,
              unit: PercentUnit,
            },
            {
              name: 'size',
              expr: `${size} and ${join} topk (20, ${once(families.bloatBytes, scope)} > 0)`,
              unit: BytesIEC,
            },
          ],
          linksOf: { indexrelname: [indexOfRowHere] },
          sortBy: 'bloat',
        }),
      ],
    },
    {
      title: 'Missing',
      panels: [
        findingRows({
          title: 'Missing indexes and keys',
          description:
            'Foreign keys without an index, indexes that a manifest expects, tables without a primary key. The finding prints the CREATE INDEX CONCURRENTLY.',
          width: 12,
          height: 9,
          scope,
          kinds: findingKinds.filter(
            (kind) => kind.startsWith('missing-') || kind === 'unindexed-foreign-key',
          ),
          labels: ['severity', 'kind', 'schemaname', 'relname', 'confidence', 'finding_id'],
        }),
        rows({
          title: 'Rows read by sequential scans',
          description:
            'Tables that are read from end to end the most. Large ones that few rows are wanted of may lack an index: look at their queries in pg_stat_statements.',
          width: 12,
          height: 9,
          labels: ['schemaname', 'relname'],
          columns: [
            {
              name: 'rows per second',
              expr: `topk (20, ${rateOnce(families.tableSequentialRowsRead, scope)} > 0)`,
              unit: CountsPerSecond,
            },
            {
              name: 'rows',
              expr: `${once(families.tableRows, scope)} and on (${byTable.join(', ')}) topk (20, ${rateOnce(families.tableSequentialRowsRead, scope)} > 0)`,
              unit: Short,
            },
          ],
          linksOf: {
            relname: [
              documentation('detectors/missing-expected-index', 'Declare the index that it should have'),
            ],
          },
          sortBy: 'rows per second',
        }),
      ],
    },
    probeRow(scope),
  ],
};
