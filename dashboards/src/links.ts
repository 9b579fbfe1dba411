import { DashboardLinkBuilder, DashboardLinkType } from '@grafana/grafana-foundation-sdk/dashboard';

/** The tag of all our dashboards; each links to the others by it. */
export const tag = 'indexwarden';

/** Names that never change: links, bookmarks and `dashboard_url` annotations hold them. */
export const uids = {
  fleet: 'indexwarden-fleet',
  database: 'indexwarden-database',
  index: 'indexwarden-index',
  maintenance: 'indexwarden-maintenance',
  daemon: 'indexwarden-daemon',
} as const;

/** As it stands in a panel's JSON. */
export interface DataLink {
  readonly title: string;
  readonly url: string;
  readonly targetBlank?: boolean;
}

/** What every link between dashboards hands on. */
const shared = '${__url_time_range}&${datasource:queryparam}&${job:queryparam}&${daemon:queryparam}';

/** A column of the row that is clicked, as a variable of the dashboard that opens. */
const fromRow = (name: string): string => `var-${name}=\${__data.fields.${name}:percentencode}`;
const fromVariable = (name: string): string => `\${${name}:queryparam}`;

const toDashboard = (uid: string, title: string, variables: readonly string[]): DataLink => ({
  title,
  url: `/d/${uid}?${[shared, ...variables].join('&')}`,
});

/** From a table over many databases; its rows have the columns server and datname. */
export const databaseOfRow = toDashboard(uids.database, 'Open the database', [
  fromRow('server'),
  fromRow('datname'),
]);

const indexColumns = ['schemaname', 'relname', 'indexrelname'].map(fromRow);

export const indexOfRow = toDashboard(uids.index, 'Open the index', [
  ...['server', 'datname'].map(fromRow),
  ...indexColumns,
]);

/** From a table about the database that the variables choose. */
export const indexOfRowHere = toDashboard(uids.index, 'Open the index', [
  ...['server', 'datname'].map(fromVariable),
  ...indexColumns,
]);

export const findingOfRow: DataLink = {
  title: 'Evidence, fix and rollback',
  url: '${daemon:raw}/api/v1/findings/${__data.fields.finding_id:percentencode}',
  targetBlank: true,
};

export const kindOfRow: DataLink = {
  title: 'What this kind of finding means',
  url: '${daemon:raw}/docs/detectors/${__data.fields.kind:percentencode}',
  targetBlank: true,
};

/** From a panel whose series are kinds. */
export const kindOfSeries: DataLink = {
  title: 'What this kind of finding means',
  url: '${daemon:raw}/docs/detectors/${__field.labels.kind:percentencode}',
  targetBlank: true,
};

/** A page of the product's documentation, by its path below docs/ and without its ending. */
export const documentation = (page: string, title: string): DataLink => ({
  title,
  url: `\${daemon:raw}/docs/${page}`,
  targetBlank: true,
});

/** Over every dashboard: the others, the daemon's page and its documentation. */
export const topLinks: readonly DashboardLinkBuilder[] = [
  new DashboardLinkBuilder('indexwarden dashboards')
    .type(DashboardLinkType.Dashboards)
    .tags([tag])
    .includeVars(true)
    .keepTime(true),
  new DashboardLinkBuilder('Daemon’s page')
    .type(DashboardLinkType.Link)
    .icon('external link')
    .tooltip('Targets, findings and what could not be judged')
    .url('${daemon:raw}/')
    .targetBlank(true),
  new DashboardLinkBuilder('Documentation')
    .type(DashboardLinkType.Link)
    .icon('doc')
    .tooltip('Every kind of finding, every metric, every setting')
    .url('${daemon:raw}/docs/')
    .targetBlank(true),
];
