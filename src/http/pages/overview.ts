import type { Generation } from '../../findings/generation.ts';
import { type Finding, type Origin, severities } from '../../model/finding.ts';
import { targetKey } from '../../model/ids.ts';
import { counted, humaneBytes } from '../../model/units.ts';
import { type FewActions, fewActions, rankFindings } from '../../report/actions.ts';
import { joined, linkHtml, noticeHtml, paragraphHtml, sectionHtml, tableHtml } from './components.ts';
import { reclaimableBytes } from './findings/reclaimable.ts';
import { type Html, nothing, template } from './html.ts';
import { perGenerations } from './memo.ts';
import { aPage, type PageHandler, type PageSources } from './serve.ts';
import { unseenHtml, unseenOf } from './unseen.ts';
import {
  bytesHtml,
  confidenceHtml,
  countHtml,
  findingPath,
  sentenceHtml,
  severityHtml,
  targetHtml,
  timeHtml,
  upHtml,
} from './words.ts';

const shownMax = 10;

/** The first page: what to do first, what is watched, and what could not be seen. */
export function overviewPage({ generations, waitingFor }: PageSources): PageHandler {
  const lastOf = perGenerations(lasting);
  return () => {
    const all = generations();
    const content = all.length === 0 ? emptyContent(waitingFor()) : contentOf(lastOf(all), waitingFor());
    return aPage({ title: 'Overview', place: '/', content });
  };
}

const emptyContent = (waitingFor: readonly string[]): Html =>
  joined([
    heading({}),
    noticeHtml('info', nothingYet({ waitingFor: waitingFor.slice(0, 20).map(sentenceHtml) })),
  ]);
const heading = template<object>('<h1>Overview</h1>\n');
const nothingYet = template<{
  readonly waitingFor: readonly Html[];
}>(`<p>Nothing has been collected yet. This page fills as soon as the first collection has been judged, which takes seconds as a rule.</p>
<% if (it.waitingFor.length > 0) { %><p>Waiting for:</p><ul><% for (const what of it.waitingFor) { %><li><%= what %></li><% } %></ul><% } %>`);

/** What stays the same until the next generation. */
interface Lasting {
  readonly tiles: Html;
  readonly sections: Html;
}

const contentOf = ({ tiles: first, sections }: Lasting, waitingFor: readonly string[]): Html =>
  joined([
    heading({}),
    first,
    waitingFor.length === 0
      ? nothing
      : noticeHtml(
          'info',
          paragraphHtml(sentenceHtml(`Still waiting for ${waitingFor.slice(0, 5).join(', ')}.`)),
        ),
    sections,
  ]);

function lasting(generations: readonly Generation[]): Lasting {
  const open = generations.flatMap(({ findings }) => findings.filter(({ state }) => state === 'open'));
  const unseen = unseenOf(generations);
  const actions = fewActions(open);
  const reclaimable = generations.reduce((sum, generation) => sum + generation.reclaimableTotalBytes, 0);
  return {
    tiles: joined([
      tiles({
        open: countHtml(open.length),
        bySeverity: [...severities].reverse().map((severity) => ({
          severity,
          count: countHtml(open.filter((finding) => finding.severity === severity).length),
        })),
        fresh: countHtml(open.filter(({ origin }) => origin === 'new').length),
        reclaimable: bytesHtml(reclaimable),
        summary: summaryOf(generations, open),
      }),
      unseen.length === 0
        ? nothing
        : noticeHtml('warning', unseenNotice({ many: counted(unseen.length, 'thing') })),
    ]),
    sections: joined([
      sectionHtml('first', 'What to do first', firstThings(open, actions, unseen.length > 0)),
      sectionHtml('targets', 'Targets', targetsTable(generations)),
      sectionHtml('counts', 'Open findings by severity and origin', countsTable(open)),
      sectionHtml(
        'unseen',
        'What could not be seen',
        unseen.length === 0
          ? paragraphHtml('Everything that is enabled could be read and judged.')
          : unseenHtml(unseen),
      ),
    ]),
  };
}

const tiles = template<{
  readonly open: Html;
  readonly bySeverity: readonly { readonly severity: string; readonly count: Html }[];
  readonly fresh: Html;
  readonly reclaimable: Html;
  readonly summary: string;
}>(`<p><%= it.summary %></p>
<ul class="tiles">
<li><strong><%= it.open %></strong> <a href="/findings">open findings</a></li>
<% for (const { severity, count } of it.bySeverity) { %>
<li><strong><%= count %></strong> <a href="/findings?severity=<%= severity %>"><%= severity %></a></li>
<% } %>
<li><strong><%= it.fresh %></strong> <a href="/findings?origin=new">new since the first look</a></li>
<li><strong><%= it.reclaimable %></strong> can be reclaimed</li>
</ul>
`);

const unseenNotice = template<{ readonly many: string }>(
  '<p><strong>Not everything could be looked at.</strong> No finding about something that was not seen is no good news: <a href="#unseen"><%= it.many %> could not be seen or judged</a>.</p>',
);

/** Never "no findings" alone while something could not be looked at. */
function summaryOf(generations: readonly Generation[], open: readonly Finding[]): string {
  const counts = [...severities]
    .reverse()
    .map((severity) => `${open.filter((finding) => finding.severity === severity).length} ${severity}`);
  const unsure = generations.filter(({ isUp, inconclusive }) => !isUp || inconclusive.length > 0).length;
  const caveat =
    unsure === 0
      ? ''
      : ` Not everything could be judged on ${unsure} of ${counted(generations.length, 'target')}.`;
  return `${counted(open.length, 'open finding')}: ${counts.join(', ')}.${caveat}`;
}

/** Critical findings, then the actions that give most; where nothing is to be reclaimed, the findings that rank highest. */
function firstThings(open: readonly Finding[], actions: FewActions, isSomethingUnseen: boolean): Html {
  if (open.length === 0) {
    return paragraphHtml(
      isSomethingUnseen
        ? 'Nothing is open among what could be judged.'
        : 'Nothing is open: everything that is watched was judged, and nothing was found.',
    );
  }
  const critical = rankFindings(open.filter(({ severity }) => severity === 'critical'));
  const few = actions.actions.filter(({ severity }) => severity !== 'critical');
  const rest = critical.length + few.length > 0 ? few : rankFindings(open);
  const shown = [...critical, ...rest].slice(0, shownMax);
  const lead = leadFor(actions, Math.max(0, few.length + critical.length - shownMax));
  return joined([
    critical.length === 0
      ? nothing
      : noticeHtml(
          'critical',
          `${counted(critical.length, 'critical finding')} to act on now, before anything else.`,
        ),
    paragraphHtml(lead),
    actionList({ actions: shown.map(actionView) }),
    paragraphHtml(linkHtml('/findings', `All ${counted(open.length, 'open finding')}`)),
  ]);
}

function leadFor({ actions, all, bytes, totalBytes, reviewBytes }: FewActions, notShown: number): string {
  if (actions.length === 0) return 'These rank highest by benefit over risk.';
  const those =
    notShown > 0
      ? `${actions.length} actions give`
      : actions.length === 1
        ? 'This action gives'
        : `These ${actions.length} actions give`;
  const review = reviewBytes > 0 ? ` Another ${humaneBytes(reviewBytes)} need a person's review first.` : '';
  const cut = notShown > 0 ? ' The first of them:' : '';
  return `${those} ${humaneBytes(bytes)} of the ${humaneBytes(totalBytes)} that ${counted(all.length, 'action')} can reclaim.${review}${cut}`;
}

const actionView = (finding: Finding) => ({
  path: findingPath(finding),
  title: sentenceHtml(finding.title),
  target: targetHtml(finding),
  severity: severityHtml(finding.severity),
  confidence: confidenceHtml(finding.confidence),
  bytes: finding.impact.reclaimableBytes > 0 ? bytesHtml(finding.impact.reclaimableBytes) : undefined,
  hasSql: finding.fix.sql !== null,
});
const actionList = template<{
  readonly actions: readonly ReturnType<typeof actionView>[];
}>(`<ol class="actions">
<% for (const action of it.actions) { %>
<li><a href="<%= action.path %>"><%= action.title %></a>
<div class="badges"><%= action.severity %> <%= action.confidence %> <span class="dim"><%= action.target %></span><% if (action.bytes) { %> <strong><%= action.bytes %></strong><% } %> <span class="dim"><%= action.hasSql ? 'with SQL' : 'needs a review' %></span></div></li>
<% } %>
</ol>`);

function targetsTable(generations: readonly Generation[]): Html {
  return tableHtml({
    label: 'Targets',
    columns: [
      { title: 'Target', isWide: true },
      { title: 'State' },
      { title: 'PostgreSQL' },
      { title: 'Open findings', isNumber: true },
      { title: 'Can be reclaimed', isNumber: true },
      { title: 'Not judged' },
      { title: 'As of' },
    ],
    rows: generations
      .toSorted((a, b) => (targetKey(a.target) < targetKey(b.target) ? -1 : 1))
      .map((generation) => {
        const kinds = new Set(generation.inconclusive.map(({ kind }) => kind)).size;
        const query = new URLSearchParams({ ...generation.target });
        return [
          linkHtml(`/findings?${query}`, targetHtml(generation.target)),
          joined([
            upHtml(generation.isUp, { up: 'up', down: 'down' }),
            generation.error === null ? nothing : joined([' ', sentenceHtml(generation.error)]),
          ]),
          generation.catalogue.server?.version ?? 'unknown',
          countHtml(generation.findings.filter(({ state }) => state === 'open').length),
          bytesHtml(generation.reclaimableTotalBytes),
          kinds === 0 ? 'all judged' : counted(kinds, 'kind'),
          timeHtml(generation.publishedAtMs),
        ];
      }),
  });
}

const origins: readonly (readonly [Origin, string])[] = [
  ['new', 'New'],
  ['baseline', 'There at the first look'],
];

function countsTable(open: readonly Finding[]): Html {
  return tableHtml({
    label: 'Open findings by severity and origin',
    columns: [
      { title: 'Severity' },
      ...origins.map(([, title]) => ({ title, isNumber: true })),
      { title: 'Can be reclaimed', isNumber: true },
    ],
    rows: [...severities].reverse().map((severity) => {
      const those = open.filter((finding) => finding.severity === severity);
      return [
        severityHtml(severity),
        ...origins.map(([origin]) =>
          linkHtml(
            `/findings?${new URLSearchParams({ severity, origin })}`,
            countHtml(those.filter((finding) => finding.origin === origin).length),
          ),
        ),
        bytesHtml(reclaimableBytes(those)),
      ];
    }),
  });
}
