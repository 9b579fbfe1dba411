import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  RowBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { families } from '../../src/metrics/families.ts';
import { tag, topLinks } from './links.ts';
import type { PanelBuilder } from './panels.ts';
import { asTime, byIndex, once, type Scope } from './queries.ts';
import { datasource, type Variable } from './variables.ts';

/** Panels under one heading. */
export interface Row {
  readonly title: string;
  readonly panels: readonly PanelBuilder[];
}

export interface DashboardSource {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Variable[];
  readonly annotations: readonly AnnotationQueryBuilder[];
  readonly rows: readonly Row[];
  /** Where its time range begins: `now-6h`. */
  readonly from: string;
}

/** Puts a dashboard together in the classic model, which Grafana 10 and later load from files and by import. */
export function buildDashboard(source: DashboardSource): Dashboard {
  const builder = new DashboardBuilder(source.title)
    .uid(source.uid)
    .description(source.description)
    .tags([tag])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: source.from, to: 'now' })
    .refresh('1m')
    .variables([...source.variables])
    .annotations([...source.annotations])
    .links([...topLinks]);
  for (const row of source.rows) {
    builder.withRow(new RowBuilder(row.title));
    for (const panel of row.panels) builder.withPanel(panel);
  }
  return finished(builder.build());
}

/**
 * The SDK numbers nothing, and a row or panel without a number of its own gets lost when Grafana converts the file. `placement`
 * would hide links and annotations in a menu that only the newest Grafana has.
 */
function finished(dashboard: Dashboard): Dashboard {
  for (const [place, panel] of (dashboard.panels ?? []).entries()) panel.id = place + 1;
  for (const one of [...(dashboard.links ?? []), ...(dashboard.annotations?.list ?? [])])
    delete one.placement;
  return dashboard;
}

/** A line in every graph where an index was rebuilt: sizes fall there for a reason. */
export const rebuilds = (scope: Scope): AnnotationQueryBuilder =>
  timesOf(asTime(once(families.lastRebuild, scope, { by: byIndex })))
    .name('Rebuilds')
    .iconColor('green')
    .titleFormat('index rebuilt')
    .textFormat('{{indexrelname}} on {{schemaname}}.{{relname}} in {{datname}}')
    .tagKeys('server,datname');

/** An annotation at the times that are the values of an expression, in ms. */
export const timesOf = (expr: string): AnnotationQueryBuilder =>
  new AnnotationQueryBuilder().datasource(datasource).enable(true).expr(expr).useValueForTime(true);
