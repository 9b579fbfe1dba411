import { linksOf, reasons } from './finding-alerts.ts';
import { one, span, targetLabels } from './promql.ts';
import type { AlertingRule } from './rules.ts';
import type { AlertSettings } from './settings.ts';

/** One alert for each server while anything is open. Its labels never change, so that Alertmanager repeats it by its clock alone. */
export function digest(settings: AlertSettings): AlertingRule {
  const name = 'IndexwardenDigest';
  const wait = settings.digest.for;
  const counted = one(`${targetLabels}, kind, severity, origin`, 'pgindex_findings');
  const byKind = counted.replace('pgindex_findings', 'pgindex_findings{server=%q}');
  const reclaimable = one(targetLabels, 'pgindex_reclaimable_total_bytes{server=%q}');
  const top = settings.shared.topMax.kind === 'number' ? settings.shared.topMax.number : 5;
  return {
    comment: reasons([wait]).join('\n'),
    alert: name,
    expr: `sum by (server) (${counted}) > 0`,
    for: span(wait),
    labels: { severity: 'info' },
    annotations: {
      summary: `{{ $value }} findings are open on {{ $labels.server }}{{ with printf \`sum(${reclaimable})\` $labels.server | query }}, {{ . | first | value | humanize1024 }}B could be freed{{ end }}`,
      description: `The report has them in order, with the SQL. Most of them are of these kinds:{{ range printf \`topk(${top}, sum by (kind) (${byKind}))\` $labels.server | query }}\n- {{ .Labels.kind }}: {{ .Value }}{{ end }}`,
      ...linksOf(name, settings, 'indexwarden-fleet', 'server'),
    },
  };
}
