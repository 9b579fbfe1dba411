import {
  BytesIEC,
  BytesPerSecondIEC,
  CountsPerSecond,
  DateTimeFromNow,
  PercentUnit,
  Short,
} from '@grafana/grafana-foundation-sdk/units';
import { families } from '../../src/metrics/families.ts';
import { type DashboardSource, rebuilds } from './dashboard.ts';
import { findingOf, reclaimable } from './findings.ts';
import { documentation, findingOfRow, indexOfRow, uids } from './links.ts';
import { bars, graph, number, rows } from './panels.ts';
import { asTime, byIndex, byTable, once, rateOnce, chosenDatabases as scope, select } from './queries.ts';
import { fleetVariables } from './variables.ts';

const join = `on (${byIndex.join(', ')})`;
const ofTable = `on (${byTable.join(', ')})`;
const waste = once(families.bloatBytes, scope);
/** Indexes whose bloat is worth a look, for tables that name them. */
const worst = `topk (20, ${waste} > 0)`;
const how = once(families.bloatInfo, scope);
/** The budget is one for all databases of a server. */
const ofServer = ['job=~"$job"', 'server=~"$server"'];

/** What to rebuild and analyse, how well bloat is known, and what measuring it costs. */
export const maintenance: DashboardSource = {
  uid: uids.maintenance,
  title: 'indexwarden / Maintenance',
  description: 'Waste over time, how it is known, the budget for measuring, rebuilds, and stale statistics.',
  from: 'now-7d',
  variables: fleetVariables(),
  annotations: [rebuilds(scope)],
  rows: [
    {
      title: 'Waste',
      panels: [
        number({
          title: 'Bloat',
          description:
            'Bytes that rebuilding every index would free. Rebuild the few at the top of the table below, not all.',
          width: 6,
          unit: BytesIEC,
          empty: 'unknown',
          expr: `sum (${waste})`,
        }),
        number({
          title: 'Bloat of all index bytes',
          description:
            'Share of the bytes of all indexes whose bloat is known. A quarter is natural; worth doing is what stands out in the table below.',
          width: 6,
          unit: PercentUnit,
          empty: 'unknown',
          expr: `sum (${waste}) / sum (${once(families.indexSize, scope)} and ${join} ${waste})`,
          yellowFrom: 0.3,
          redFrom: 0.5,
        }),
        reclaimable(scope, 6),
        number({
          title: 'Builds running',
          description:
            'CREATE INDEX and REINDEX commands that run now. One that is there for a day may wait for an old transaction.',
          width: 6,
          unit: Short,
          empty: 'unknown',
          expr: `sum (${once(families.builds, scope)})`,
        }),
        graph({
          title: 'Bloat over time',
          description:
            'Falls at each rebuild, which is marked. What is back within days is natural fill: stop rebuilding it.',
          width: 12,
          unit: BytesIEC,
          isStacked: true,
          queries: [{ expr: `sum by (server, datname) (${waste})`, legend: '{{datname}} on {{server}}' }],
        }),
        graph({
          title: 'Bloat by how it is known',
          description:
            'Measured and calibrated answers can be acted on; estimated ones want a measurement: install pgstattuple in the database, see the documentation.',
          width: 12,
          unit: BytesIEC,
          isStacked: true,
          links: [documentation('bloat', 'How bloat is known')],
          queries: [
            {
              expr: `sum by (method) (${waste} * ${join} group_left (method, confidence) ${how})`,
              legend: '{{method}}',
            },
          ],
        }),
        rows({
          title: 'What to rebuild first',
          description:
            'REINDEX INDEX CONCURRENTLY, in this order, when disk and replication have room for the size. The finding of a bloated index prints the whole of it.',
          width: 24,
          height: 10,
          labels: ['server', 'datname', 'schemaname', 'relname', 'indexrelname', 'method', 'confidence'],
          columns: [
            {
              name: 'bloat',
              expr: `${worst} * ${join} group_left (method, confidence) ${how}`,
              unit: BytesIEC,
            },
            {
              name: 'ratio',
              expr: `${once(families.bloatRatio, scope)} and ${join} ${worst}`,
              unit: PercentUnit,
            },
            { name: 'size', expr: `${once(families.indexSize, scope)} and ${join} ${worst}`, unit: BytesIEC },
          ],
          linksOf: { indexrelname: [indexOfRow] },
          sortBy: 'bloat',
        }),
      ],
    },
    {
      title: 'Measured or estimated',
      panels: [
        bars({
          title: 'Index bytes by how their bloat is known',
          description:
            'If most is estimated or unknown, install pgstattuple, grant its functions, or raise the budget below.',
          width: 8,
          unit: BytesIEC,
          empty: 'unknown',
          expr: `sort_desc (sum by (method) (${how} * ${join} group_left () ${once(families.indexSize, scope)}))`,
          legend: '{{method}}',
          links: [documentation('bloat', 'How bloat is known')],
        }),
        rows({
          title: 'Oldest measurements',
          description:
            'Indexes that were measured longest ago. The queue takes them up by size and age; if this falls behind, raise bloat.budgetPerMinute.',
          width: 8,
          labels: ['server', 'datname', 'indexrelname'],
          columns: [
            {
              name: 'measured',
              expr: asTime(`bottomk (20, ${once(families.bloatMeasured, scope)})`),
              unit: DateTimeFromNow,
            },
          ],
          sortBy: 'measured',
          isAscending: true,
        }),
        number({
          title: 'Waiting to be measured',
          description:
            'Indexes in the queue. Steady or falling is fine; a queue that grows for days wants a larger budget.',
          width: 8,
          height: 8,
          unit: Short,
          empty: 'nothing is measured',
          expr: `sum (${once(families.measurementsWaiting, scope)})`,
        }),
        graph({
          title: 'Read to measure, and the budget',
          description:
            'Bytes of indexes read per second, against what bloat.budgetPerMinute allows on each server.',
          width: 8,
          unit: BytesPerSecondIEC,
          empty: 'nothing is measured',
          queries: [
            {
              expr: `sum by (server) (${rateOnce(families.measuredBytes, scope)})`,
              legend: 'read on {{server}}',
            },
            { expr: once(families.measurementBudget, ofServer), legend: 'budget of {{server}}' },
          ],
        }),
        graph({
          title: 'Debt of the budget',
          description:
            'Bytes that were read ahead of the budget, as a large index has to be; nothing more is measured before they are paid for.',
          width: 8,
          unit: BytesIEC,
          empty: 'nothing is measured',
          queries: [{ expr: once(families.measurementDebt, ofServer), legend: '{{server}}' }],
        }),
        graph({
          title: 'Measurements by outcome',
          description:
            'measured is what it is for; gave-way means that somebody waited for the index, and is right. not-permitted and extension-missing want a grant or CREATE EXTENSION.',
          width: 8,
          unit: CountsPerSecond,
          empty: 'nothing is measured',
          isStacked: true,
          queries: [
            { expr: `sum by (outcome) (${rateOnce(families.measurements, scope)})`, legend: '{{outcome}}' },
          ],
        }),
      ],
    },
    {
      title: 'Rebuilds',
      panels: [
        rows({
          title: 'Rebuilds seen',
          description:
            'When the last rebuild of an index was noticed. Compare its bloat before and after on the Index dashboard.',
          width: 12,
          labels: ['server', 'datname', 'schemaname', 'relname', 'indexrelname'],
          columns: [
            {
              name: 'rebuilt',
              expr: asTime(`topk (20, ${once(families.lastRebuild, scope)})`),
              unit: DateTimeFromNow,
            },
          ],
          linksOf: { indexrelname: [indexOfRow] },
          sortBy: 'rebuilt',
        }),
        graph({
          title: 'Builds over time',
          description:
            'CREATE INDEX and REINDEX commands over time. A plateau of hours is a large index, or a build that waits for an old transaction.',
          width: 12,
          unit: Short,
          empty: 'unknown',
          queries: [
            {
              expr: `sum by (server, datname) (${once(families.builds, scope)})`,
              legend: '{{datname}} on {{server}}',
            },
          ],
        }),
      ],
    },
    {
      title: 'Statistics',
      panels: [
        rows({
          title: 'Stale statistics',
          description:
            'Tables whose planner statistics are missing or old. Run the printed ANALYZE, and see why autovacuum did not.',
          width: 12,
          labels: ['server', 'datname', 'schemaname', 'relname', 'severity', 'finding_id'],
          columns: [
            {
              name: 'rows',
              expr: `${findingOf(scope, ['stale-statistics'], [...byTable, 'severity', 'finding_id'])} * ${ofTable} group_left () ${once(families.tableRows, scope)}`,
              unit: Short,
            },
          ],
          linksOf: { finding_id: [findingOfRow] },
          sortBy: 'rows',
        }),
        rows({
          title: 'Analysed longest ago',
          description:
            'Tables of a thousand rows and more, by when they were last analysed. Old is fine where nothing changes.',
          width: 12,
          labels: ['server', 'datname', 'schemaname', 'relname'],
          columns: [
            {
              name: 'analysed',
              expr: asTime(
                `bottomk (20, ${once(families.tableLastAnalyze, scope)} and ${ofTable} ${select(families.tableRows, scope)} >= 1000)`,
              ),
              unit: DateTimeFromNow,
            },
          ],
          sortBy: 'analysed',
          isAscending: true,
        }),
        graph({
          title: 'Planner statistics that the role can see',
          description:
            'Share of the columns of user tables. Below 1, estimates of bloat and selectivity are blind in part: docs/grants.md has a narrow view that shows them without data values.',
          width: 24,
          height: 6,
          unit: PercentUnit,
          empty: 'unknown',
          max: 1,
          links: [documentation('grants', 'What the role may see')],
          queries: [
            { expr: once(families.columnStatisticsVisible, scope), legend: '{{datname}} on {{server}}' },
          ],
        }),
      ],
    },
  ],
};
