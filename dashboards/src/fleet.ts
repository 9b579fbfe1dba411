import { MappingType } from '@grafana/grafana-foundation-sdk/dashboard';
import { BytesIEC, DateTimeFromNow, Short } from '@grafana/grafana-foundation-sdk/units';
import { families } from '../../src/metrics/families.ts';
import type { DashboardSource } from './dashboard.ts';
import {
  byOriginOverTime,
  bySeverityOverTime,
  newFindings,
  notJudged,
  notJudgedByKind,
  ofSeverity,
  reclaimable,
} from './findings.ts';
import { databaseOfRow, kindOfSeries, uids } from './links.ts';
import { bars, graph, number, rows } from './panels.ts';
import { asTime, byTarget, once, chosenDatabases as scope } from './queries.ts';
import { fleetVariables } from './variables.ts';

const sizes = `sum (${once(families.indexSize, scope)}) + sum (${once(families.otherSize, scope)})`;
const sizesBy = (labels: readonly string[]): string => {
  const by = labels.join(', ');
  return `sum by (${by}) (${once(families.indexSize, scope)}) + sum by (${by}) (${once(families.otherSize, scope)})`;
};
const findingsOf = (severity: string): string =>
  `sum by (${byTarget.join(', ')}) (${once(families.findings, scope, { where: [`severity="${severity}"`] })})`;

/** Every database of every server: where to look first. */
export const fleet: DashboardSource = {
  uid: uids.fleet,
  title: 'indexwarden / Fleet',
  description: 'All databases that are watched: findings, reclaimable bytes and what could not be judged.',
  from: 'now-24h',
  variables: fleetVariables(),
  annotations: [],
  rows: [
    {
      title: 'Now',
      panels: [
        number({
          title: 'Databases',
          description:
            'Databases that the daemon watches. If one is missing, look at the daemon’s configuration.',
          width: 3,
          unit: Short,
          expr: `count (${once(families.targetUp, scope)})`,
        }),
        number({
          title: 'Not reached',
          description:
            'Databases that could not be reached at the last attempt. What is shown of them is old: see “facts read” in the table below, and the log of the daemon.',
          width: 3,
          unit: Short,
          expr: `count (${once(families.targetUp, scope)} == 0)`,
          redFrom: 1,
        }),
        ofSeverity('critical', scope, 3),
        ofSeverity('warning', scope, 3),
        newFindings(scope, 3),
        notJudged(scope, 3),
        reclaimable(scope, 3),
        number({
          title: 'Index bytes',
          description:
            'Size of all indexes. “unknown” means that the size of one could not be read, since it was locked.',
          width: 3,
          unit: BytesIEC,
          empty: 'unknown',
          expr: sizes,
        }),
      ],
    },
    {
      title: 'Databases',
      panels: [
        rows({
          title: 'All databases',
          description:
            'Click a database for its findings. “facts read” that is old means that collection fails.',
          width: 24,
          height: 9,
          labels: [...byTarget],
          columns: [
            { name: 'up', expr: once(families.targetUp, scope), unit: 'none' },
            {
              name: 'facts read',
              expr: asTime(once(families.snapshotTimestamp, scope)),
              unit: DateTimeFromNow,
            },
            { name: 'critical', expr: findingsOf('critical'), unit: Short },
            { name: 'warning', expr: findingsOf('warning'), unit: Short },
            { name: 'info', expr: findingsOf('info'), unit: Short },
            { name: 'reclaimable', expr: once(families.reclaimableTotal, scope), unit: BytesIEC },
            { name: 'index bytes', expr: sizesBy(byTarget), unit: BytesIEC },
          ],
          linksOf: { server: [databaseOfRow], datname: [databaseOfRow] },
          sortBy: 'reclaimable',
        }).overrideByName('up', [
          {
            id: 'mappings',
            value: [
              {
                type: MappingType.ValueToText,
                options: { '0': { text: 'no', color: 'red' }, '1': { text: 'yes', color: 'green' } },
              },
            ],
          },
        ]),
      ],
    },
    {
      title: 'Findings',
      panels: [
        bars({
          title: 'Open findings by kind',
          description: 'What there is most of. Click a kind for what it means and how to mend it.',
          width: 8,
          unit: Short,
          expr: `sort_desc (sum by (kind) (${once(families.findings, scope)}) > 0)`,
          legend: '{{kind}}',
          links: [kindOfSeries],
        }),
        bySeverityOverTime(scope, 8),
        byOriginOverTime(scope, 8),
        notJudgedByKind(scope, 12),
        bars({
          title: 'Muted findings by kind',
          description:
            'Findings that somebody muted, in the configuration, over the API or by a comment on the index. Go through them now and then: reasons expire.',
          width: 12,
          unit: Short,
          expr: `sort_desc (sum by (kind) (${once(families.mutedFindings, scope)}))`,
          legend: '{{kind}}',
        }),
      ],
    },
    {
      title: 'Space',
      panels: [
        graph({
          title: 'Reclaimable bytes over time',
          description:
            'What following the open findings would free. It should fall: if it rises for weeks, nobody works on the findings.',
          width: 12,
          unit: BytesIEC,
          isStacked: true,
          queries: [
            { expr: `sum by (server) (${once(families.reclaimableTotal, scope)})`, legend: '{{server}}' },
          ],
        }),
        graph({
          title: 'Index bytes over time',
          description: 'Size of all indexes. Compare its slope with that of your data.',
          width: 12,
          unit: BytesIEC,
          isStacked: true,
          queries: [{ expr: sizesBy(['server']), legend: '{{server}}' }],
        }),
        bars({
          title: 'Reclaimable bytes by database',
          description: 'The ten databases with the most to gain.',
          width: 12,
          unit: BytesIEC,
          expr: `sort_desc (topk (10, ${once(families.reclaimableTotal, scope)} > 0))`,
          legend: '{{datname}} on {{server}}',
        }),
        bars({
          title: 'Reclaimable bytes by kind',
          description:
            'What findings of each kind would free. Kinds overlap, an unused index may be bloated as well: do not add them up.',
          width: 12,
          unit: BytesIEC,
          expr: `sort_desc (sum by (kind) (${once(families.reclaimable, scope)}) > 0)`,
          legend: '{{kind}}',
          links: [kindOfSeries],
        }),
      ],
    },
  ],
};
