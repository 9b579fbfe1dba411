import type { Generation } from '../findings/generation.ts';
import { type Finding, severities } from '../model/finding.ts';
import { targetKey } from '../model/ids.ts';
import { counted, humaneBytes } from '../model/units.ts';
import { rankFindings } from '../report/actions.ts';
import { compileTemplate, pageLayout } from './layout.ts';

const shownFindings = 10;

/** The first page: what is watched, whether it answers, and what matters most. */
export function landingPage(generations: readonly Generation[], version: string): string {
  return pageLayout({ title: 'Overview', contentHtml: renderContent(contentOf(generations, version)) });
}

/** Names of databases, tables and indexes stand in `bdi`, so that right-to-left ones disturb nothing around them. */
const renderContent =
  compileTemplate<Content>(`<h1>indexwarden <span class="dim"><%= it.version %></span></h1>
<% if (it.targets.length === 0) { %>
<p>Nothing has been collected yet. This page fills as soon as the first collection has been judged.</p>
<% } else { %>
<h2>Targets</h2>
<div class="scroll"><table>
<thead><tr><th>Target</th><th>State</th><th>Version</th><th class="number">Open findings</th><th>Not judged</th><th>As of</th></tr></thead>
<tbody>
<% for (const target of it.targets) { %>
<tr><td class="wide"><bdi><%= target.name %></bdi></td><td class="wide"><span class="state"><%= target.state %></span><% if (target.error) { %><br><span class="dim"><bdi><%= target.error %></bdi></span><% } %></td><td><%= target.version %></td><td class="number"><%= target.open %></td><td><%= target.inconclusive %></td><td><time datetime="<%= target.publishedAt %>"><%= target.publishedAt %></time></td></tr>
<% } %>
</tbody>
</table></div>
<h2>Findings</h2>
<p><%= it.summary %></p>
<% if (it.findings.length > 0) { %>
<div class="scroll"><table>
<thead><tr><th>Severity</th><th>Finding</th><th>Target</th><th class="number">Reclaimable</th><th>Read more</th></tr></thead>
<tbody>
<% for (const finding of it.findings) { %>
<tr><td><%= finding.severity %></td><td class="wide"><a href="/api/v1/findings/<%= finding.id %>"><bdi><%= finding.title %></bdi></a></td><td class="wide"><bdi><%= finding.target %></bdi></td><td class="number"><%= finding.reclaimable %></td><td><a href="<%= finding.docs %>"><%= finding.kind %></a></td></tr>
<% } %>
</tbody>
</table></div>
<% } %>
<% } %>
<h2>Elsewhere</h2>
<ul>
<li><a href="/api/v1/findings?state=open">Open findings</a>, <a href="/api/v1/events">events</a> and <a href="/api/v1/targets">targets</a> as JSON</li>
<li><a href="/metrics">Metrics</a> for Prometheus</li>
<li><a href="/docs/">Documentation</a></li>
</ul>
`);

interface Content {
  readonly version: string;
  readonly summary: string;
  readonly targets: readonly TargetRow[];
  readonly findings: readonly FindingRow[];
}

interface TargetRow {
  readonly name: string;
  readonly state: string;
  readonly error: string | null;
  readonly version: string;
  readonly open: number;
  readonly inconclusive: string;
  readonly publishedAt: string;
}

interface FindingRow {
  readonly id: string;
  readonly kind: string;
  readonly severity: string;
  readonly title: string;
  readonly target: string;
  readonly reclaimable: string;
  readonly docs: string;
}

function contentOf(generations: readonly Generation[], version: string): Content {
  const open = generations.flatMap(({ findings }) => findings.filter(({ state }) => state === 'open'));
  // What has to be mended now comes first, however few bytes it holds.
  const ranked = rankFindings(open).toSorted((a, b) => Number(isCritical(b)) - Number(isCritical(a)));
  return {
    version,
    summary: summaryOf(generations, open),
    targets: [...generations]
      .sort((a, b) => (targetKey(a.target) < targetKey(b.target) ? -1 : 1))
      .map(targetRow),
    findings: ranked.slice(0, shownFindings).map(findingRow),
  };
}

const isCritical = (finding: Finding): boolean => finding.severity === 'critical';

/** Never "no findings" alone while something could not be looked at. */
function summaryOf(generations: readonly Generation[], open: readonly Finding[]): string {
  const counts = [...severities]
    .reverse()
    .map((severity) => `${open.filter((finding) => finding.severity === severity).length} ${severity}`);
  const bytes = generations.reduce((sum, generation) => sum + generation.reclaimableTotalBytes, 0);
  const reclaimable = bytes > 0 ? ` ${humaneBytes(bytes)} can be reclaimed.` : '';
  const unsure = generations.filter((generation) => kindsNotJudged(generation) > 0).length;
  const caveat =
    unsure === 0
      ? ''
      : ` Not everything could be judged on ${unsure} of ${counted(generations.length, 'target')}: see the table above.`;
  return `${counted(open.length, 'open finding')}: ${counts.join(', ')}.${reclaimable}${caveat}`;
}

const kindsNotJudged = ({ inconclusive }: Generation): number =>
  new Set(inconclusive.map((verdict) => verdict.kind)).size;

function targetRow(generation: Generation): TargetRow {
  const unsure = kindsNotJudged(generation);
  return {
    name: targetKey(generation.target),
    state: generation.isUp ? 'up' : 'down',
    error: generation.error,
    version: generation.catalogue.server?.version ?? 'unknown',
    open: generation.findings.filter((finding) => finding.state === 'open').length,
    inconclusive: unsure === 0 ? 'all judged' : counted(unsure, 'kind'),
    publishedAt: new Date(generation.publishedAtMs).toISOString(),
  };
}

const findingRow = (finding: Finding): FindingRow => ({
  id: finding.id,
  kind: finding.kind,
  severity: finding.severity,
  title: finding.title,
  target: `${finding.server}/${finding.datname}`,
  reclaimable: finding.impact.reclaimableBytes > 0 ? humaneBytes(finding.impact.reclaimableBytes) : '',
  docs: finding.docs,
});
