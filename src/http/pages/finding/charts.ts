import type { Generation } from '../../../findings/generation.ts';
import type { Finding } from '../../../model/finding.ts';
import { sectionHtml } from '../components.ts';
import { type Html, nothing } from '../html.ts';
import { indexCharts, noCharts, tableCharts } from '../relation/charts.ts';
import type { PageSources } from '../serve.ts';

/** Size, scans and bloat of what the finding is about, over the history; nothing where that is not there now. */
export async function findingCharts(
  { knowledge }: PageSources,
  finding: Finding,
  generation: Generation,
): Promise<Html> {
  const { past } = knowledge;
  const { indexes, tables } = generation.catalogue;
  const { schemaname, relname, indexrelname } = finding;
  const index = indexes.find(
    ({ name, table }) =>
      name === indexrelname && table.schemaname === schemaname && table.relname === relname,
  );
  if (index !== undefined) {
    const timeline = await past.ofIndex(generation, index, past.daysMax);
    return sectionHtml(
      'charts',
      'The index over time',
      timeline.ok ? indexCharts(timeline.value, 'chart-') : noCharts(timeline.error.message),
    );
  }
  const table = tables.find((one) => one.schemaname === schemaname && one.relname === relname);
  if (table === undefined) return nothing;
  const timeline = await past.ofTable(generation, table, past.daysMax);
  return sectionHtml(
    'charts',
    'The table over time',
    timeline.ok ? tableCharts(timeline.value, 'chart-') : noCharts(timeline.error.message),
  );
}
