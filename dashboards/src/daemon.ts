import {
  BytesIEC,
  CountsPerSecond,
  DateTimeFromNow,
  PercentUnit,
  Seconds,
  Short,
} from '@grafana/grafana-foundation-sdk/units';
import { families } from '../../src/metrics/families.ts';
import type { DashboardSource } from './dashboard.ts';
import { documentation, uids } from './links.ts';
import { bars, graph, number, rows, words } from './panels.ts';
import { asTime, byTarget, once, chosenDaemons as scope, select } from './queries.ts';
import { daemonVariables } from './variables.ts';

/** Of families without labels of their own: one series for each daemon. */
const perDaemon = (family: Parameters<typeof once>[0]): string => once(family, scope, { by: ['instance'] });
const rate = (family: Parameters<typeof once>[0], by: readonly string[]): string =>
  `sum by (${by.join(', ')}) (rate(${select(family, scope)}[$__rate_interval]))`;

const collectorColumns = [...byTarget, 'collector'] as const;

/** Whether the watcher itself is well: collections, permissions, store, event loop. */
export const daemon: DashboardSource = {
  uid: uids.daemon,
  title: 'indexwarden / Daemon',
  description:
    'The daemon itself: collections and their errors, permissions, store, page, event loop, memory.',
  from: 'now-6h',
  variables: daemonVariables(),
  annotations: [],
  rows: [
    {
      title: 'Now',
      panels: [
        words({
          title: 'Version',
          description: 'Version of indexwarden and of the Node.js it runs on. Upgrade if the daemons differ.',
          width: 4,
          unit: 'none',
          empty: 'no daemon',
          expr: once(families.buildInfo, scope),
          legend: '{{version}} on Node.js {{node_version}}',
        }),
        number({
          title: 'Started',
          description:
            'When the daemon was started. If that keeps moving, it is being restarted: see its log and its memory.',
          width: 4,
          unit: DateTimeFromNow,
          empty: 'no daemon',
          expr: asTime(`min (${perDaemon(families.processStartTime)})`),
        }),
        number({
          title: 'Reloads that failed',
          description:
            'Daemons that run on an older configuration since the newest could not be loaded. The log names every problem of the file.',
          width: 4,
          unit: Short,
          expr: `count (${perDaemon(families.reloadSuccessful)} == 0)`,
          redFrom: 1,
        }),
        number({
          title: 'Configuration loaded',
          description: 'When the configuration in force was loaded. Send SIGHUP after a change.',
          width: 4,
          unit: DateTimeFromNow,
          empty: 'no daemon',
          expr: asTime(`min (${perDaemon(families.reloadTimestamp)})`),
        }),
        number({
          title: 'Collectors failing',
          description:
            'Runs whose newest attempt failed, over all databases. The table below says which and why.',
          width: 4,
          unit: Short,
          expr: `count (${once(families.collectorSuccess, scope)} == 0)`,
          redFrom: 1,
        }),
        number({
          title: 'Permissions missing',
          description:
            'Rights that the role lacks. The daemon’s page has the exact GRANT for each; what they would show is unknown until then.',
          width: 4,
          unit: Short,
          links: [documentation('grants', 'What the role needs')],
          expr: `count (${once(families.permissionMissing, scope)})`,
          redFrom: 1,
        }),
      ],
    },
    {
      title: 'Collections',
      panels: [
        graph({
          title: 'Duration of collections',
          description:
            'How long the last run of each collector took, the longest over all databases. If one nears its statement timeout, the server is busy or the catalogue is large.',
          width: 12,
          unit: Seconds,
          queries: [
            {
              expr: `max by (collector) (${once(families.collectorDuration, scope)})`,
              legend: '{{collector}}',
            },
          ],
        }),
        graph({
          title: 'Collectors that succeeded',
          description:
            'Share of the databases on which the newest run of each collector succeeded. Below 1, see the errors beside.',
          width: 12,
          unit: PercentUnit,
          max: 1,
          queries: [
            {
              expr: `avg by (collector) (${once(families.collectorSuccess, scope)})`,
              legend: '{{collector}}',
            },
          ],
        }),
        rows({
          title: 'Last success of each collector',
          description:
            'The oldest first. What a collector reads is as old as this; compare with its schedule in the configuration.',
          width: 12,
          height: 10,
          labels: collectorColumns,
          columns: [
            {
              name: 'last success',
              expr: asTime(once(families.collectorLastSuccess, scope)),
              unit: DateTimeFromNow,
            },
            { name: 'duration', expr: once(families.collectorDuration, scope), unit: Seconds },
          ],
          sortBy: 'last success',
          isAscending: true,
        }),
        rows({
          title: 'Errors',
          description:
            'Collectors whose newest run failed, with the kind of error. NotPermitted wants a GRANT; QueryTimeout a look at what the server was busy with; TargetUnavailable a reachable server.',
          width: 12,
          height: 5,
          labels: [...collectorColumns, 'error'],
          columns: [{ name: 'failing', expr: once(families.collectorError, scope), unit: Short }],
          sortBy: 'collector',
          isAscending: true,
        }),
        rows({
          title: 'Which permissions are missing',
          description: 'What the role may not read. Run the GRANT that the daemon’s page prints.',
          width: 12,
          height: 5,
          labels: [...byTarget, 'permission'],
          columns: [{ name: 'missing', expr: once(families.permissionMissing, scope), unit: Short }],
          linksOf: { permission: [documentation('grants', 'What the role needs')] },
          sortBy: 'permission',
          isAscending: true,
        }),
        bars({
          title: 'Relations skipped',
          description:
            'Relations that were left out since somebody held or wanted a lock on them. What is shown of them is unknown; it comes back by itself.',
          width: 12,
          unit: Short,
          expr: `sum by (collector) (${once(families.skippedRelations, scope)}) > 0`,
          legend: '{{collector}}',
          yellowFrom: 1,
        }),
        rows({
          title: 'Collectors skipped',
          description:
            'Collectors that have nothing to read on a server, for want of an extension or a version. No failure; the daemon’s page says why.',
          width: 12,
          labels: collectorColumns,
          columns: [{ name: 'skipped', expr: `${once(families.collectorSkipped, scope)} == 1`, unit: Short }],
          sortBy: 'collector',
          isAscending: true,
        }),
      ],
    },
    {
      title: 'Store and webhooks',
      panels: [
        number({
          title: 'Store in trouble',
          description:
            'Daemons whose last write to storage.path failed. What is learned is lost at the next restart: look at the disk and at the rights of the folder.',
          width: 4,
          height: 8,
          unit: Short,
          expr: `count (${perDaemon(families.storeUp)} == 0)`,
          redFrom: 1,
          links: [documentation('storage', 'How the store works')],
        }),
        graph({
          title: 'Store',
          description:
            'Size of the file, its write-ahead log included. It grows with indexes and days and then stays.',
          width: 10,
          unit: BytesIEC,
          empty: 'no storage.path is set',
          queries: [{ expr: perDaemon(families.storeSize), legend: '{{instance}}' }],
        }),
        number({
          title: 'Last write',
          description:
            'When something was last written to the store. Older than the slowest schedule means that writing stopped.',
          width: 4,
          height: 8,
          unit: DateTimeFromNow,
          empty: 'no storage.path is set',
          expr: asTime(`min (${perDaemon(families.storeLastWrite)})`),
        }),
        graph({
          title: 'Webhook deliveries',
          description:
            'Messages by what became of them. Anything but delivered wants a look at the receiver and at the log.',
          width: 6,
          unit: CountsPerSecond,
          empty: 'no webhooks',
          queries: [
            {
              expr: rate(families.webhookDeliveries, ['webhook', 'outcome']),
              legend: '{{webhook}}: {{outcome}}',
            },
          ],
        }),
      ],
    },
    {
      title: 'The metrics page',
      panels: [
        graph({
          title: 'Series',
          description:
            'Series on the page of metrics. Keep it below sample_limit of the scrape, which fails as a whole above.',
          width: 8,
          unit: Short,
          queries: [{ expr: perDaemon(families.expositionSeries), legend: '{{instance}}' }],
        }),
        graph({
          title: 'Size',
          description: 'Size of the page, uncompressed. Lower metrics.maxIndexSeries if Prometheus suffers.',
          width: 8,
          unit: BytesIEC,
          queries: [{ expr: perDaemon(families.expositionBytes), legend: '{{instance}}' }],
        }),
        graph({
          title: 'Without series of their own',
          description:
            'Indexes, tables and findings that are only counted in sums because of the budget of series. Raise metrics.maxIndexSeries if you miss them.',
          width: 8,
          unit: Short,
          queries: [
            {
              expr: `sum (${once(families.indexes, scope, { where: ['exported="false"'] })})`,
              legend: 'indexes',
            },
            {
              expr: `sum (${once(families.tables, scope, { where: ['exported="false"'] })})`,
              legend: 'tables',
            },
            {
              expr: `sum (${once(families.findingSeries, scope, { where: ['exported="false"'] })})`,
              legend: 'findings',
            },
          ],
        }),
      ],
    },
    {
      title: 'Process',
      panels: [
        graph({
          title: 'Event loop delay',
          description:
            'The 99th percentile and the longest since the page before. Above a second, scrapes wait: shard the targets over more daemons.',
          width: 8,
          unit: Seconds,
          queries: [
            { expr: perDaemon(families.nodeEventLoopLagP99), legend: '{{instance}} p99' },
            { expr: perDaemon(families.nodeEventLoopLagMax), legend: '{{instance}} longest' },
          ],
        }),
        graph({
          title: 'Memory',
          description:
            'Resident memory and used heap. If it climbs without end, report it with the number of indexes watched.',
          width: 8,
          unit: BytesIEC,
          queries: [
            { expr: perDaemon(families.processResidentMemory), legend: '{{instance}} resident' },
            { expr: perDaemon(families.nodeHeapUsed), legend: '{{instance}} heap' },
          ],
        }),
        graph({
          title: 'CPU',
          description: 'Processor seconds per second. Peaks at each collection are usual; a plateau is not.',
          width: 8,
          unit: PercentUnit,
          queries: [{ expr: rate(families.processCpu, ['instance']), legend: '{{instance}}' }],
        }),
        graph({
          title: 'Garbage collection',
          description:
            'Share of the time that is spent collecting garbage. Above 0.1 the heap is too small for what is watched.',
          width: 12,
          unit: PercentUnit,
          queries: [
            {
              expr: `sum by (instance, kind) (rate(${families.nodeGcDuration.name}_sum{${scope.join(', ')}}[$__rate_interval]))`,
              legend: '{{instance}} {{kind}}',
            },
          ],
        }),
        graph({
          title: 'File descriptors',
          description:
            'Open ones. They follow the connections to databases and clients; near the limit, raise it.',
          width: 12,
          unit: Short,
          queries: [{ expr: perDaemon(families.processOpenFds), legend: '{{instance}}' }],
        }),
      ],
    },
  ],
};
