import {
  BytesIEC,
  CountsPerSecond,
  DateTimeFromNow,
  PercentUnit,
  Short,
} from '@grafana/grafana-foundation-sdk/units';
import { families } from '../../src/metrics/families.ts';
import { type DashboardSource, rebuilds } from './dashboard.ts';
import { findingRows } from './findings.ts';
import { documentation, uids } from './links.ts';
import { graph, number, words } from './panels.ts';
import { planChanges } from './probe-panels.ts';
import {
  asTime,
  byIndex,
  byTable,
  increaseOnce,
  once,
  rateOnce,
  oneIndex as scope,
  oneTable as table,
  targetsOf,
} from './queries.ts';
import { indexVariables } from './variables.ts';

/** A rate over a rate, which is nothing where nothing happened. */
const over = (counted: string, by: string): string => `${counted} / (${by} > 0)`;

/** One index: is it used, is it as small as it could be, what does it cost its table. */
export const indexDetails: DashboardSource = {
  uid: uids.index,
  title: 'indexwarden / Index',
  description: 'One index: size against the size after a rebuild, use, bloat, and the writes of its table.',
  from: 'now-7d',
  variables: indexVariables(),
  annotations: [rebuilds(scope), planChanges(targetsOf(scope))],
  rows: [
    {
      title: 'Now',
      panels: [
        number({
          title: 'Size',
          description: 'All forks on disk; of a partitioned index all its partitions.',
          width: 4,
          unit: BytesIEC,
          empty: 'unknown',
          expr: once(families.indexSize, scope),
        }),
        number({
          title: 'Bloat',
          description:
            'Share that a rebuild would free. Up to 28 % is natural where keys come in random order; above, REINDEX INDEX CONCURRENTLY if the bytes are worth it.',
          width: 4,
          unit: PercentUnit,
          empty: 'unknown',
          expr: once(families.bloatRatio, scope),
          yellowFrom: 0.3,
          redFrom: 0.5,
        }),
        words({
          title: 'Bloat is known by',
          description:
            'How the bloat is known and how sure that is. An estimate of low confidence is no reason to rebuild: let it be measured first.',
          width: 4,
          unit: 'none',
          empty: 'unknown',
          expr: once(families.bloatInfo, scope),
          legend: '{{method}}, {{confidence}} confidence',
          links: [documentation('bloat', 'How bloat is known')],
        }),
        number({
          title: 'Last use seen',
          description:
            'When the index was last scanned on this node, from version 16 of PostgreSQL on. Planning alone can count as a use.',
          width: 4,
          unit: DateTimeFromNow,
          empty: 'unknown',
          expr: asTime(once(families.indexLastScan, scope)),
        }),
        number({
          title: 'Unused since',
          description:
            'Since when no configured node has used it, as far as it was observed. Drop it only when this covers your slowest business cycle.',
          width: 4,
          unit: DateTimeFromNow,
          empty: 'unknown',
          expr: asTime(once(families.unusedSince, scope)),
        }),
        number({
          title: 'Observed since',
          description:
            'Since when its use has been observed without a break. Shorter than a month says little.',
          width: 4,
          unit: DateTimeFromNow,
          empty: 'unknown',
          expr: asTime(once(families.observationStart, scope)),
        }),
        number({
          title: 'Scans in this time range',
          description:
            'If this is 0 over a month that saw a month’s end, the index is a candidate to be dropped.',
          width: 4,
          unit: Short,
          empty: 'unknown',
          expr: increaseOnce(families.indexScans, scope),
        }),
        words({
          title: 'What it is',
          description: 'Access method and constraint. An index that enforces a constraint is never unused.',
          width: 8,
          unit: 'none',
          empty: 'unknown',
          expr: once(families.indexInfo, scope, { by: [...byIndex, 'access_method', 'constraint'] }),
          legend: '{{access_method}}, constraint: {{constraint}}',
        }),
        number({
          title: 'Not valid',
          description:
            'Says “invalid” where the index is not valid: it is written to and not used. Its finding has the SQL that mends it.',
          width: 4,
          unit: Short,
          expr: `count (${once(families.indexInfo, scope, { where: ['valid="false"'] })})`,
          redFrom: 1,
        }),
        number({
          title: 'Last rebuild seen',
          description:
            'When a rebuild was last noticed. Bloat that is back soon after wants another fillfactor or fewer updates.',
          width: 4,
          unit: DateTimeFromNow,
          expr: asTime(once(families.lastRebuild, scope)),
        }),
        number({
          title: 'Measured',
          description: 'When its bloat was last measured; none where it is only estimated.',
          width: 4,
          unit: DateTimeFromNow,
          expr: asTime(once(families.bloatMeasured, scope)),
        }),
      ],
    },
    {
      title: 'Findings',
      panels: [
        findingRows({
          title: 'Open findings about this index',
          description: 'Click the id for evidence, fix and rollback, the kind for what it means.',
          width: 24,
          height: 6,
          scope,
          labels: ['severity', 'kind', 'indexrelname', 'confidence', 'origin', 'finding_id'],
        }),
      ],
    },
    {
      title: 'Size and bloat',
      panels: [
        graph({
          title: 'Size and size after a rebuild',
          description:
            'The gap is what a rebuild would free. A gap that opens again quickly after each rebuild is natural fill.',
          width: 12,
          unit: BytesIEC,
          empty: 'unknown',
          queries: [
            { expr: once(families.indexSize, scope), legend: 'size' },
            { expr: once(families.expectedSize, scope), legend: 'after a rebuild' },
          ],
        }),
        graph({
          title: 'Bloat over time',
          description:
            'Share of the index that a rebuild would free, with how it is known: a jump where the method changes is a better answer, not a change of the index.',
          width: 12,
          unit: PercentUnit,
          empty: 'unknown',
          max: 1,
          queries: [
            {
              expr: `${once(families.bloatRatio, scope)} * on (${byIndex.join(', ')}) group_left (method, confidence) ${once(families.bloatInfo, scope)}`,
              legend: '{{method}}, {{confidence}} confidence',
            },
          ],
        }),
      ],
    },
    {
      title: 'Use',
      panels: [
        graph({
          title: 'Scans',
          description:
            'Scans per second on this node. An index that falls to nothing lost its query: see what was deployed.',
          width: 12,
          unit: CountsPerSecond,
          empty: 'unknown',
          queries: [{ expr: rateOnce(families.indexScans, scope), legend: 'scans' }],
        }),
        graph({
          title: 'Entries per scan',
          description:
            'Index entries read, and live rows fetched, by each scan. Many read for few fetched: the leading column selects little, or dead entries wait for vacuum.',
          width: 12,
          unit: Short,
          empty: 'no scans',
          queries: [
            {
              expr: over(rateOnce(families.indexTuplesRead, scope), rateOnce(families.indexScans, scope)),
              legend: 'entries read',
            },
            {
              expr: over(rateOnce(families.indexTuplesFetched, scope), rateOnce(families.indexScans, scope)),
              legend: 'rows fetched',
            },
          ],
        }),
      ],
    },
    {
      title: 'Its table',
      panels: [
        graph({
          title: 'Writes to the table',
          description:
            'Each row inserted, and each update that is not HOT, writes to every index of the table: this is what an unused index costs.',
          width: 12,
          unit: CountsPerSecond,
          empty: 'unknown',
          isStacked: true,
          queries: [
            { expr: rateOnce(families.tableRowsInserted, table), legend: 'inserted' },
            { expr: rateOnce(families.tableRowsUpdated, table), legend: 'updated' },
            { expr: rateOnce(families.tableRowsDeleted, table), legend: 'deleted' },
          ],
        }),
        graph({
          title: 'HOT share of updates',
          description:
            'Updates that wrote to no index. Low on a table with many updates: an index on a column that changes stands in the way, or pages have no room (lower the table’s fillfactor).',
          width: 6,
          unit: PercentUnit,
          empty: 'no updates',
          max: 1,
          queries: [
            {
              expr: over(
                rateOnce(families.tableRowsHotUpdated, table),
                rateOnce(families.tableRowsUpdated, table),
              ),
              legend: 'HOT',
            },
          ],
        }),
        graph({
          title: 'Scans of the table',
          description: 'Sequential scans against scans of any of its indexes.',
          width: 6,
          unit: CountsPerSecond,
          empty: 'unknown',
          queries: [
            { expr: rateOnce(families.tableSequentialScans, table), legend: 'sequential' },
            { expr: rateOnce(families.tableIndexScans, table, byTable), legend: 'by index' },
          ],
        }),
      ],
    },
  ],
};
