import type { Generation } from '../../../findings/generation.ts';
import type { Finding } from '../../../model/finding.ts';
import { type Html, nothing } from '../html.ts';
import type { PageSources } from '../serve.ts';

/** Size, scans and bloat of what the finding is about, over the history; nothing where no history is kept. */
export async function findingCharts(
  _sources: PageSources,
  _finding: Finding,
  _generation: Generation,
): Promise<Html> {
  return nothing;
}
