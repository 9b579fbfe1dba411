import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import {
  BigValueTextMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TableSortByFieldStateBuilder,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizOrientation,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type DynamicConfigValue,
  FieldColorBuilder,
  FieldColorModeId,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import type { DataLink } from './links.ts';
import { datasource } from './variables.ts';

export type PanelBuilder =
  | stat.PanelBuilder
  | table.PanelBuilder
  | timeseries.PanelBuilder
  | bargauge.PanelBuilder;

interface Described {
  readonly title: string;
  /** What it shows, and what to do about it. */
  readonly description: string;
  /** Grid columns of 24. */
  readonly width: number;
  /** Rows of the grid. */
  readonly height?: number;
  readonly unit: string;
  /** What an empty panel says: "none" where that is good news, "unknown" where it is not. */
  readonly empty?: string;
  readonly links?: readonly DataLink[];
}

/** From which value on a number is yellow or red; without, it has no colour of its own. */
interface Coloured {
  readonly yellowFrom?: number;
  readonly redFrom?: number;
  readonly mappings?: readonly ValueMapping[];
}

interface Query {
  readonly expr: string;
  readonly legend: string;
}

const statHeight = 4;
const usualHeight = 8;

/** One number, as it is now. */
export function number(panel: Described & Coloured & { readonly expr: string }): stat.PanelBuilder {
  return described(new stat.PanelBuilder(), panel, statHeight)
    .withTarget(instant(panel.expr, 'A'))
    .reduceOptions(lastValue())
    .thresholds(thresholds(panel))
    .mappings([...(panel.mappings ?? [])]);
}

/** Numbers as text, one for each series: what an attribute or a time is. */
export function facts(
  panel: Described & Coloured & { readonly queries: readonly Query[] },
): stat.PanelBuilder {
  const builder = described(new stat.PanelBuilder(), panel, statHeight)
    .reduceOptions(lastValue())
    .orientation(VizOrientation.Auto)
    .thresholds(thresholds(panel))
    .mappings([...(panel.mappings ?? [])]);
  for (const [place, { expr, legend }] of panel.queries.entries())
    builder.withTarget(instant(expr, refId(place)).legendFormat(legend));
  return builder;
}

/** The names of series rather than their values: for `_info` metrics. */
export function words(panel: Described & Query): stat.PanelBuilder {
  return facts({ ...panel, queries: [panel] }).textMode(BigValueTextMode.Name);
}

/** One bar for each series, as it is now, the longest first. */
export function bars(panel: Described & Coloured & Query): bargauge.PanelBuilder {
  return described(new bargauge.PanelBuilder(), panel, usualHeight)
    .withTarget(instant(panel.expr, 'A').legendFormat(panel.legend))
    .reduceOptions(lastValue())
    .orientation(VizOrientation.Horizontal)
    .min(0)
    .thresholds(thresholds(panel));
}

export interface Graph extends Described {
  readonly queries: readonly Query[];
  readonly isStacked?: boolean;
  readonly max?: number;
}

/** Series over time. */
export function graph(panel: Graph): timeseries.PanelBuilder {
  const builder = described(new timeseries.PanelBuilder(), panel, usualHeight)
    .min(0)
    .fillOpacity(panel.isStacked === true ? 40 : 0)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .calcs([]),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
  if (panel.isStacked === true) builder.stacking(new StackingConfigBuilder().mode(StackingMode.Normal));
  if (panel.max !== undefined) builder.max(panel.max);
  for (const [place, { expr, legend }] of panel.queries.entries())
    builder.withTarget(
      new DataqueryBuilder()
        .datasource(datasource)
        .expr(expr)
        .range()
        .legendFormat(legend)
        .refId(refId(place)),
    );
  return builder;
}

/** A column of a table that holds values: what the query counts, under a name of its own. */
export interface Column {
  readonly name: string;
  readonly expr: string;
  readonly unit: string;
}

export interface Rows extends Omit<Described, 'unit' | 'links'> {
  /** Label columns, in this order; others are left out. */
  readonly labels: readonly string[];
  readonly columns: readonly Column[];
  /** Links of label columns. */
  readonly linksOf?: Readonly<Record<string, readonly DataLink[]>>;
  readonly sortBy: string;
  readonly isAscending?: boolean;
}

/** A table: the rows are the series of the first query, joined with those of the others by the labels that they share. */
export function rows(panel: Rows): table.PanelBuilder {
  const builder = described(new table.PanelBuilder(), { ...panel, unit: 'none' }, usualHeight)
    .filterable(true)
    .sortBy([new TableSortByFieldStateBuilder().displayName(panel.sortBy).desc(panel.isAscending !== true)]);
  for (const [place, { expr }] of panel.columns.entries())
    builder.withTarget(instant(expr, refId(place)).format(PromQueryFormat.Table));
  const isJoined = panel.columns.length > 1;
  if (isJoined) builder.withTransformation({ id: 'merge', options: {} });
  const valueNames = panel.columns.map(({ name }, place) => [
    isJoined ? `Value #${refId(place)}` : 'Value',
    name,
  ]);
  const order = [...panel.labels, ...valueNames.map(([value = '']) => value)];
  builder.withTransformation({
    id: 'organize',
    options: {
      excludeByName: { Time: true },
      indexByName: Object.fromEntries(order.map((name, place) => [name, place])),
      renameByName: Object.fromEntries(valueNames),
    },
  });
  for (const { name, unit } of panel.columns) builder.overrideByName(name, [{ id: 'unit', value: unit }]);
  for (const [label, links] of Object.entries(panel.linksOf ?? {}))
    builder.overrideByName(label, [{ id: 'links', value: links }]);
  return builder;
}

interface AnyPanel<Builder> {
  title(title: string): Builder;
}

/** What all panels have in common. */
function described<
  Builder extends AnyPanel<Builder> & {
    description(text: string): Builder;
    datasource(ref: typeof datasource): Builder;
    span(width: number): Builder;
    height(rows: number): Builder;
    unit(unit: string): Builder;
    noValue(text: string): Builder;
    overrideByName(name: string, properties: DynamicConfigValue[]): Builder;
    overrideByRegexp(pattern: string, properties: DynamicConfigValue[]): Builder;
  },
>(builder: Builder, panel: Described, usual: number): Builder {
  const { title, description, width, height = usual, unit, empty = 'none', links = [] } = panel;
  const common = builder
    .title(title)
    .description(description)
    .datasource(datasource)
    .span(width)
    .height(height)
    .unit(unit)
    .noValue(empty);
  return links.length === 0 ? common : common.overrideByRegexp('.*', [{ id: 'links', value: links }]);
}

const refId = (place: number): string => String.fromCharCode('A'.charCodeAt(0) + place);

const instant = (expr: string, id: string): DataqueryBuilder =>
  new DataqueryBuilder().datasource(datasource).expr(expr).instant().refId(id);

const lastValue = (): ReduceDataOptionsBuilder =>
  new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false);

function thresholds({ yellowFrom, redFrom }: Coloured): ThresholdsConfigBuilder {
  const isColoured = yellowFrom !== undefined || redFrom !== undefined;
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps([
      { value: null, color: isColoured ? 'green' : 'blue' },
      ...(yellowFrom === undefined ? [] : [{ value: yellowFrom, color: 'yellow' }]),
      ...(redFrom === undefined ? [] : [{ value: redFrom, color: 'red' }]),
    ]);
}

/** Series keep their colour from panel to panel: red is critical everywhere. */
export const coloured = (builder: timeseries.PanelBuilder, colours: Readonly<Record<string, string>>) => {
  for (const [series, colour] of Object.entries(colours))
    builder.overrideByName(series, [
      { id: 'color', value: new FieldColorBuilder().mode(FieldColorModeId.Fixed).fixedColor(colour).build() },
    ]);
  return builder;
};

export const severityColours = { critical: 'red', warning: 'orange', info: 'blue' } as const;
