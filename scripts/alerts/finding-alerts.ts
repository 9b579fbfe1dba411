import { alerted, span } from './promql.ts';
import type { AlertingRule, RecordingRule, Severity } from './rules.ts';
import type { AlertSettings, Measure } from './settings.ts';

/** An alert about findings: what it is about is recorded first, then counted for each server. */
export interface FindingAlert {
  readonly name: string;
  readonly severity: Extract<Severity, 'critical' | 'warning'>;
  /** Finds what it is about: one series for each index or table, its value in bytes. */
  readonly expr: string;
  readonly wait: Extract<Measure, { kind: 'duration' }>;
  /** The thresholds in the expression, whose reasons are said in the file. */
  readonly thresholds: readonly Measure[];
  /** What they are, for the summary: `Unused indexes`. */
  readonly what: string;
  /** What it means and what to do, in a sentence or two. */
  readonly description: string;
  /** Whether the bytes say something about the urgency. */
  readonly hasBytes: boolean;
}

export function recordingOf({ name, expr, thresholds, what }: FindingAlert): RecordingRule {
  return {
    comment: [`${what}.`, ...reasons(thresholds)].join('\n'),
    record: alerted,
    labels: { alert: name },
    expr,
  };
}

/**
 * Counted for each server, so that five hundred findings are one alert. A ticket looks back over the bridge; a page does not,
 * since its wait may be as short as that, but is kept firing over it.
 */
export function alertOf(alert: FindingAlert, settings: AlertSettings): AlertingRule {
  const { name, severity, wait, what, hasBytes } = alert;
  const { bridge, keepFiring, topMax } = settings.shared;
  const isPage = severity === 'critical';
  const seen = (matchers: string): string => {
    const selector = `${alerted}{alert="${name}"${matchers}}`;
    return isPage ? selector : `last_over_time(${selector}[${span(bridge)}])`;
  };
  const ofServer = seen(',server=%q');
  const sum = queryOf(`sum(${ofServer})`);
  const total = hasBytes ? `{{ with ${sum} }}, {{ . | first | value | humanize1024 }}B{{ end }}` : '';
  const bytes = hasBytes ? ', {{ .Value | humanize1024 }}B' : '';
  const place =
    '{{ .Labels.datname }}: {{ .Labels.schemaname }}.{{ or .Labels.indexrelname .Labels.relname }} on {{ .Labels.relname }}';
  const list = `{{ range ${queryOf(`topk(${topMax.kind === 'number' ? topMax.number : 5}, ${ofServer})`)} }}\n- ${place}${bytes}{{ end }}`;
  return {
    comment: reasons([wait]).join('\n'),
    alert: name,
    expr: `count by (server) (${seen('')})`,
    for: span(wait),
    ...(isPage ? { keep_firing_for: span(keepFiring) } : {}),
    labels: { severity },
    annotations: {
      summary: `${what} on {{ $labels.server }}: {{ $value }}${total}`,
      description: `${alert.description} The first of them:${list}`,
      ...linksOf(name, settings, 'indexwarden-database', 'server'),
    },
  };
}

/** A query in a template, for the server of the alert; `%q` in the expression is its name. */
const queryOf = (expr: string): string => `printf \`${expr}\` $labels.server | query`;

/** Where people read on: runbook and dashboard, with what is known of the place. */
export function linksOf(
  name: string,
  { runbookBaseUrl, dashboardBaseUrl }: AlertSettings,
  dashboard: string,
  label?: 'server',
): Pick<AlertingRule['annotations'], 'runbook_url' | 'dashboard_url'> {
  const place = label === undefined ? '' : `?var-${label}={{ urlquery $labels.${label} }}`;
  return {
    runbook_url: `${runbookBaseUrl}/${name}`,
    dashboard_url: `${dashboardBaseUrl}/${dashboard}${place}`,
  };
}

/** `1h: because …`, one for each measure. */
export const reasons = (measures: readonly Measure[]): readonly string[] =>
  measures.map((measure) => `${written(measure)}: ${measure.reason}`);

const sizes: readonly (readonly [string, number])[] = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
];

function written(measure: Measure): string {
  switch (measure.kind) {
    case 'duration':
      return span(measure);
    case 'bytes': {
      const [unit, size] = sizes.find(([, bytes]) => measure.bytes % bytes === 0) ?? ['B', 1];
      return `${measure.bytes / size} ${unit}`;
    }
    case 'rows':
      return `${measure.rows} rows`;
    case 'number':
      return String(measure.number);
  }
}
