import {
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  TextBoxVariableBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import type { Family } from '../../src/metrics/families/declare.ts';
import { families } from '../../src/metrics/families.ts';
import { oneDatabase, oneTable, type Scope, select } from './queries.ts';

export type Variable = DatasourceVariableBuilder | QueryVariableBuilder | TextBoxVariableBuilder;

/** What every panel asks: the Prometheus that the reader chose. */
export const datasource = { type: 'prometheus', uid: '${datasource}' };

/** Where the daemon's own page is, unless the reader says otherwise. */
export const usualDaemonUrl = 'http://localhost:10187';

const datasourceVariable = new DatasourceVariableBuilder('datasource')
  .label('Data source')
  .type('prometheus');

const jobVariable = labelValues('job', {
  label: 'Job',
  of: families.buildInfo,
  within: [],
  description: 'Scrape jobs of the daemon. Choose one if databases are scraped by several jobs.',
})
  .multi(true)
  .includeAll(true)
  .allValue('.+');

const daemonVariable = new TextBoxVariableBuilder('daemon')
  .label('Daemon')
  .description('Where the page of the daemon is; links to findings and documentation begin with it.')
  .defaultValue(usualDaemonUrl)
  .current({ text: usualDaemonUrl, value: usualDaemonUrl })
  .options([{ selected: true, text: usualDaemonUrl, value: usualDaemonUrl }]);

const ofJob: Scope = ['job=~"$job"'];
const ofServer: Scope = [...ofJob, 'server=~"$server"'];

/** For dashboards over many databases. */
export const fleetVariables = (): readonly Variable[] => [
  datasourceVariable,
  jobVariable,
  ...[
    labelValues('server', { label: 'Server', of: families.targetUp, within: ofJob }),
    labelValues('datname', { label: 'Database', of: families.targetUp, within: ofServer }),
  ].map((variable) => variable.multi(true).includeAll(true).allValue('.+')),
  daemonVariable,
];

/** For dashboards about one database. */
export const databaseVariables = (): readonly Variable[] => [
  datasourceVariable,
  jobVariable,
  labelValues('server', { label: 'Server', of: families.targetUp, within: ofJob }),
  labelValues('datname', { label: 'Database', of: families.targetUp, within: oneDatabase.slice(0, -1) }),
  daemonVariable,
];

/** For dashboards about one index. */
export const indexVariables = (): readonly Variable[] => [
  ...databaseVariables().filter((variable) => variable !== daemonVariable),
  labelValues('schemaname', { label: 'Schema', of: families.indexInfo, within: oneDatabase }),
  labelValues('relname', { label: 'Table', of: families.indexInfo, within: oneTable.slice(0, -1) }),
  labelValues('indexrelname', { label: 'Index', of: families.indexInfo, within: oneTable }),
  daemonVariable,
];

/** For dashboards about the daemon itself. */
export const daemonVariables = (): readonly Variable[] => [
  datasourceVariable,
  jobVariable,
  labelValues('instance', { label: 'Instance', of: families.buildInfo, within: ofJob })
    .multi(true)
    .includeAll(true)
    .allValue('.+'),
  daemonVariable,
];

interface LabelValues {
  readonly label: string;
  /** The family whose label values are the choices. */
  readonly of: Family;
  readonly within: Scope;
  readonly description?: string;
}

/** Asked anew whenever the time range changes, so that what came later can be chosen. */
function labelValues(name: string, { label, of, within, description }: LabelValues): QueryVariableBuilder {
  const series = within.length === 0 ? of.name : select(of, within);
  const query = `label_values(${series}, ${name})`;
  const variable = new QueryVariableBuilder(name)
    .label(label)
    .datasource(datasource)
    .definition(query)
    .query({ query, refId: `values-of-${name}` })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);
  return description === undefined ? variable : variable.description(description);
}
