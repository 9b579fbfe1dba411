import { filesBelow, readText } from '../support/repository.ts';

/*
 * The committed dashboards, read as Grafana's classic model: only what the tests look at.
 */

export interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly datasource: DatasourceRef;
  readonly instant?: boolean;
  readonly range?: boolean;
  readonly format?: string;
  readonly legendFormat?: string;
}

export interface DatasourceRef {
  readonly type: string;
  readonly uid: string;
}

export interface Link {
  readonly title: string;
  readonly url?: string;
  readonly type?: string;
  readonly tags?: readonly string[];
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: DatasourceRef;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly panels?: readonly Panel[];
  readonly targets?: readonly Target[];
  readonly options?: { readonly reduceOptions?: { readonly calcs?: readonly string[] } };
  readonly transformations?: readonly { readonly id: string; readonly options: Organized }[];
  readonly fieldConfig?: {
    readonly defaults: { readonly unit?: string; readonly noValue?: string };
    readonly overrides: readonly {
      readonly matcher: { readonly id: string; readonly options: string };
      readonly properties: readonly { readonly id: string; readonly value: unknown }[];
    }[];
  };
}

interface Organized {
  readonly excludeByName?: Readonly<Record<string, boolean>>;
  readonly indexByName?: Readonly<Record<string, number>>;
  readonly renameByName?: Readonly<Record<string, string>>;
}

export interface Variable {
  readonly type: string;
  readonly name: string;
  readonly label: string;
  readonly query: string | { readonly query: string };
  readonly datasource?: DatasourceRef;
  readonly multi: boolean;
  readonly includeAll: boolean;
  readonly allValue?: string;
  readonly refresh?: number;
}

export interface Annotation {
  readonly name: string;
  readonly expr: string;
  readonly datasource: DatasourceRef;
  readonly useValueForTime?: boolean;
  readonly titleFormat?: string;
  readonly textFormat?: string;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly editable: boolean;
  readonly schemaVersion: number;
  readonly tags: readonly string[];
  readonly links: readonly Link[];
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: { readonly list: readonly Annotation[] };
}

export const dashboardPaths = filesBelow('dashboards').filter((file) =>
  /^dashboards\/[^/]+\.json$/.test(file),
);

/** By their file. */
export const dashboards: ReadonlyMap<string, Dashboard> = new Map(
  // The structural tests hold its shape.
  dashboardPaths.map((file) => [file, JSON.parse(readText(file)) as Dashboard]),
);

/** Panels that show something: rows are headings. */
export const shownPanels = ({ panels }: Dashboard): readonly Panel[] =>
  panels.filter(({ type }) => type !== 'row');

/** The query of a variable; undefined where it asks nothing. */
export const queryOf = ({ type, query }: Variable): string | undefined =>
  type !== 'query' ? undefined : typeof query === 'string' ? query : query.query;

/** Links of a panel's fields, with those columns that they hang on; undefined is every field. */
export const fieldLinks = (panel: Panel): readonly { readonly column: string; readonly link: Link }[] =>
  (panel.fieldConfig?.overrides ?? []).flatMap(({ matcher, properties }) =>
    properties
      .filter(({ id }) => id === 'links')
      .flatMap(({ value }) => (value as readonly Link[]).map((link) => ({ column: matcher.options, link }))),
  );

/** Something that asks Prometheus, and where it stands. */
export interface Expression {
  readonly dashboard: Dashboard;
  /** `Fleet / Open findings by kind A`: for messages and tables. */
  readonly place: string;
  readonly kind: 'panel' | 'variable' | 'annotation';
  readonly panel?: Panel;
  readonly target?: Target;
  /** As Grafana has it, variables included. */
  readonly text: string;
  /** What stands for the variables of a label_values query. */
  readonly label?: string;
}

/** `label_values(series, label)`, whose series are PromQL. */
export const labelValues = /^label_values\((?<series>.+), (?<label>\w+)\)$/;

const shortTitle = ({ title }: Dashboard): string => title.replace('indexwarden / ', '');

/** Every expression of every panel, variable and annotation. */
export const expressions: readonly Expression[] = [...dashboards.values()].flatMap((dashboard) => [
  ...shownPanels(dashboard).flatMap((panel) =>
    (panel.targets ?? []).map((target) => ({
      dashboard,
      place: `${shortTitle(dashboard)} / ${panel.title}${(panel.targets ?? []).length > 1 ? ` ${target.refId}` : ''}`,
      kind: 'panel' as const,
      panel,
      target,
      text: target.expr,
    })),
  ),
  ...dashboard.templating.list.flatMap((variable) => {
    const { series, label } = labelValues.exec(queryOf(variable) ?? '')?.groups ?? {};
    if (series === undefined || label === undefined) return [];
    const place = `${shortTitle(dashboard)} / variable ${variable.name}`;
    return [{ dashboard, place, kind: 'variable' as const, text: series, label }];
  }),
  ...dashboard.annotations.list.map(({ name, expr }) => ({
    dashboard,
    place: `${shortTitle(dashboard)} / annotation ${name}`,
    kind: 'annotation' as const,
    text: expr,
  })),
]);
