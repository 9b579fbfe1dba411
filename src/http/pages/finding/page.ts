import type { Generation } from '../../../findings/generation.ts';
import type { KeptEvent } from '../../../model/event.ts';
import type { Finding, Fix } from '../../../model/finding.ts';
import type { Mute } from '../../../model/mute.ts';
import { humaneDuration, secondMs } from '../../../model/units.ts';
import { factsInWords } from '../../../report/evidence.ts';
import { safeLine } from '../../../report/text.ts';
import { notFound } from '../../problem.ts';
import {
  factsHtml,
  joined,
  linkHtml,
  listHtml,
  noticeHtml,
  paragraphHtml,
  sectionHtml,
  statementsHtml,
  tableHtml,
} from '../components.ts';
import { type Html, nothing, template } from '../html.ts';
import { indexPathOf, tablePathOf } from '../relation/paths.ts';
import { aPage, aProblem, type PageHandler, type PageRequest, type PageSources } from '../serve.ts';
import {
  badgeHtml,
  codeHtml,
  confidenceHtml,
  confidenceMeaning,
  nameHtml,
  originMeaning,
  sentenceHtml,
  severityHtml,
  stateHtml,
  targetHtml,
  timeHtml,
} from '../words.ts';
import { findingCharts } from './charts.ts';
import { comparisonHtml } from './compare.ts';
import { createGuides, type Guide } from './guide.ts';
import { muteFormHtml } from './mute-form.ts';

/** Events that are looked through for those of one finding; older ones are in the diary. */
const eventsRead = 1_000;
const eventsShown = 20;

/** `/findings/{id}`: everything about one finding, from what it is to the statement that mends it. */
export function findingPage(sources: PageSources): PageHandler {
  const guideOf = createGuides(sources.options.docsDirectory);
  return async (request) => {
    const found = findFinding(sources.generations(), request.param('id'));
    if (found === undefined) return aProblem(unknownFinding);
    const { finding, generation } = found;
    const [events, mutes, charts] = await Promise.all([
      eventsAbout(sources, finding),
      sources.diary.mutes(),
      findingCharts(sources, finding, generation),
    ]);
    const content = contentOf({
      finding,
      generation,
      events,
      charts,
      request,
      guide: guideOf(finding.kind),
      mute: mutes.find(({ findingId }) => findingId === finding.id),
      redactLiterals: sources.options.redactLiterals,
    });
    return aPage({ title: titleOf(finding), place: '/findings', isPlaceItself: false, content });
  };
}

export const unknownFinding = notFound(
  'no finding has this id now; findings that were resolved long ago are forgotten',
);

export function findFinding(
  generations: readonly Generation[],
  id: string,
): { readonly finding: Finding; readonly generation: Generation } | undefined {
  for (const generation of generations) {
    const finding = generation.findings.find((candidate) => candidate.id === id);
    if (finding !== undefined) return { finding, generation };
  }
  return undefined;
}

/** For the browser's tab: what it is and where, without a sentence. */
const titleOf = ({ kind, schemaname, relname, indexrelname }: Finding): string =>
  `${kind}: ${shortened(safeLine(`${schemaname}.${indexrelname ?? relname}`))}`;
const shortened = (text: string): string => (text.length > 120 ? `${text.slice(0, 120)}…` : text);

interface Shown {
  readonly finding: Finding;
  readonly generation: Generation;
  readonly events: readonly KeptEvent[];
  readonly charts: Html;
  readonly request: PageRequest;
  readonly guide: Guide;
  readonly mute: Mute | undefined;
  readonly redactLiterals: boolean;
}

function contentOf(shown: Shown): Html {
  const { finding, generation, guide, events, charts, request, mute } = shown;
  const comparison = comparisonHtml(finding, generation, shown);
  const missing = finding.related.filter(
    ({ schemaname, indexrelname }) =>
      !generation.catalogue.indexes.some(
        ({ name, table }) => name === indexrelname && table.schemaname === schemaname,
      ),
  );
  return joined([
    head(finding, generation),
    standing(finding, generation, mute),
    beside({
      left: joined([
        sectionHtml('sure', 'How sure this is', sureHtml(finding)),
        sectionHtml('impact', 'What it costs', factTable('Impact', finding.impact)),
      ]),
      right: sectionHtml('fix', 'The fix', fixHtml(finding.fix)),
    }),
    guide.meaning === undefined ? nothing : sectionHtml('meaning', 'What it means', guide.meaning),
    sectionHtml('evidence', 'Evidence', factTable('Evidence', finding.evidence)),
    charts,
    comparison === nothing && missing.length === 0
      ? nothing
      : sectionHtml(
          'related',
          'Indexes side by side',
          joined([
            comparison,
            missing.length === 0
              ? nothing
              : listHtml(
                  missing.map(({ schemaname, indexrelname, why }) =>
                    joined([nameHtml(`${schemaname}.${indexrelname}`), ': ', sentenceHtml(why)]),
                  ),
                ),
          ]),
        ),
    sectionHtml('change', 'What would change this verdict', changeHtml(finding, guide)),
    guide.confirming === undefined ? nothing : sectionHtml('confirm', 'How to confirm it', guide.confirming),
    sectionHtml(
      'mute',
      mute === undefined ? 'Mute it' : 'Its mute',
      muteFormHtml(finding, mute, { access: request.access, nowMs: request.nowMs }),
    ),
    sectionHtml('history', 'What happened to it', historyHtml(events)),
  ]);
}

const beside = template<{ readonly left: Html; readonly right: Html }>(
  '<div class="beside"><div><%= it.left %></div><div><%= it.right %></div></div>\n',
);

const sureHtml = (finding: Finding): Html =>
  joined([
    paragraphHtml(joined([confidenceHtml(finding.confidence), ` ${confidenceMeaning[finding.confidence]}.`])),
    finding.caveats.length === 0
      ? paragraphHtml('Nothing is known that could make it wrong here.')
      : joined([
          paragraphHtml('What could make it wrong here:'),
          listHtml(finding.caveats.map(sentenceHtml)),
        ]),
  ]);

/** Linked where it is still there. */
function tableOf(finding: Finding, { catalogue }: Generation): Html {
  const { schemaname, relname } = finding;
  const isThere = catalogue.tables.some((one) => one.schemaname === schemaname && one.relname === relname);
  const name = nameHtml(`${schemaname}.${relname}`);
  return isThere ? linkHtml(tablePathOf(finding), name) : name;
}
function indexOf({ server, datname, schemaname }: Finding, name: string, { catalogue }: Generation): Html {
  const isThere = catalogue.indexes.some((one) => one.name === name && one.table.schemaname === schemaname);
  return isThere
    ? linkHtml(indexPathOf({ server, datname }, schemaname, name), nameHtml(name))
    : nameHtml(name);
}

function head(finding: Finding, generation: Generation): Html {
  const { severity, kind, origin, docs, indexrelname, columns } = finding;
  return joined([
    heading({ title: sentenceHtml(finding.title) }),
    badges({
      badges: [
        severityHtml(severity),
        confidenceHtml(finding.confidence),
        stateHtml(finding.state),
        badgeHtml('plain', origin === 'new' ? '✦' : '◷', origin),
      ],
    }),
    factsHtml([
      ['Database', targetHtml(finding)],
      ['Table', tableOf(finding, generation)],
      ...(indexrelname === null ? [] : [['Index', indexOf(finding, indexrelname, generation)] as const]),
      ...(columns.length === 0 ? [] : [['Columns', nameHtml(columns.join(', '))] as const]),
      ['Kind', linkHtml(docs, kind)],
      ['First seen', joined([timeHtml(finding.firstSeen), originNote({ note: originMeaning[origin] })])],
      ['Last seen', timeHtml(finding.lastSeen)],
      ...(finding.renamedFrom === undefined
        ? []
        : [['Renamed from', nameHtml(finding.renamedFrom)] as const]),
      ...(finding.reopened === undefined ? [] : [['Came back', `${finding.reopened} times`] as const]),
      ['Id', codeHtml(finding.id)],
    ]),
  ]);
}
const originNote = template<{ readonly note: string }>(' <span class="dim"><%= it.note %></span>');
const heading = template<{ readonly title: Html }>('<h1><%= it.title %></h1>\n');
const badges = template<{ readonly badges: readonly Html[] }>(
  '<div class="badges"><% for (const badge of it.badges) { %><%= badge %> <% } %></div>\n',
);

/** What has to be known before anything of it is believed: that it is over, muted, or not looked at any more. */
function standing(finding: Finding, generation: Generation, mute: Mute | undefined): Html {
  const { state, muted, resolvedAt, kind } = finding;
  const undecided = generation.inconclusive.find(
    (verdict) => verdict.kind === kind && verdict.relations === undefined,
  );
  return joined([
    state === 'resolved'
      ? noticeHtml(
          'info',
          joined([
            'Resolved: a look at ',
            timeHtml(resolvedAt ?? finding.lastSeen),
            ' no longer found it. What stands below is how it was.',
          ]),
        )
      : nothing,
    muted === undefined
      ? nothing
      : noticeHtml(
          'info',
          joined([
            'Muted by ',
            sentenceHtml(muted.by),
            muted.until === null ? '' : sentenceHtml(` until ${muted.until}`),
            ': ',
            sentenceHtml(muted.reason),
          ]),
        ),
    mute !== undefined && state === 'open'
      ? noticeHtml('info', 'A mute is set; it holds from the next evaluation on.')
      : nothing,
    generation.isUp
      ? nothing
      : noticeHtml(
          'warning',
          joined([
            'The database could not be reached at the last look: ',
            sentenceHtml(generation.error ?? 'it does not answer'),
            '. What stands below is from ',
            timeHtml(finding.lastSeen),
            '.',
          ]),
        ),
    undecided === undefined
      ? nothing
      : noticeHtml(
          'warning',
          joined(['This kind could not be judged at the last look: ', sentenceHtml(undecided.reason), '.']),
        ),
  ]);
}

function factTable(label: string, facts: Finding['evidence']): Html {
  const words = factsInWords(facts);
  if (words.length === 0) return paragraphHtml('Nothing beyond what the title says.');
  return tableHtml({
    label,
    columns: [{ title: 'Fact' }, { title: 'Value', isWide: true }],
    rows: words.map(({ label: fact, value }) => [fact, valueHtml({ value })]),
    narrow: 'cards',
  });
}
const valueHtml = template<{ readonly value: string }>('<bdi><%= it.value %></bdi>');

/** Above half an hour a rollback is no quick way out. */
const rehearseAboveSeconds = 1_800;

function fixHtml({ sql, rollbackSql, preflightSql, verifySql, lock, rebuildSeconds, notes }: Fix): Html {
  const facts: readonly (readonly [string, Html | string])[] = [
    ...(lock === null ? [] : [['What it locks', sentenceHtml(lock)] as const]),
    ...(rebuildSeconds === null
      ? []
      : [
          [
            'Building it anew would take',
            `about ${humaneDuration(rebuildSeconds * secondMs)}${rebuildSeconds > rehearseAboveSeconds ? ': rehearse first' : ''}`,
          ] as const,
        ]),
  ];
  const note = notes === '' ? nothing : paragraphHtml(sentenceHtml(notes));
  if (sql === null)
    return joined([
      paragraphHtml('There is no statement that is safe to print without a person who looks first.'),
      note,
      factsHtml(facts),
    ]);
  const step = (id: string, title: string, statements: string | null): Html =>
    statements === null ? nothing : joined([subheading({ title }), statementsHtml(id, title, statements)]);
  return joined([
    note,
    factsHtml(facts),
    step('sql-preflight', 'First: look, and stop if it complains', preflightSql),
    step('sql-fix', preflightSql === null ? 'Run this' : 'Then: run this', sql),
    step('sql-verify', 'Afterwards: must return true', verifySql),
    step('sql-rollback', 'To undo it', rollbackSql),
  ]);
}
const subheading = template<{ readonly title: string }>('<h3><%= it.title %></h3>\n');

const changeHtml = (finding: Finding, { changes }: Guide): Html =>
  joined([
    changes ?? nothing,
    listHtml([
      ...(finding.caveats.length === 0 ? [] : ['Any of what could make it wrong turning out to be so.']),
      finding.fix.verifySql === null
        ? 'A later look that no longer finds what the evidence says resolves it.'
        : 'A later look that no longer finds it resolves it; the statement above then returns true.',
    ]),
  ]);

async function eventsAbout({ diary }: PageSources, finding: Finding): Promise<readonly KeptEvent[]> {
  const { server, datname, schemaname, indexrelname, id } = finding;
  const events = await diary.eventsOf({ target: { server, datname }, limit: eventsRead });
  return events
    .filter(
      (event) =>
        event.findingId === id ||
        (event.findingId === null &&
          indexrelname !== null &&
          event.indexrelname === indexrelname &&
          event.schemaname === schemaname),
    )
    .slice(0, eventsShown);
}

function historyHtml(events: readonly KeptEvent[]): Html {
  const more = paragraphHtml(linkHtml('/events', 'All events'));
  if (events.length === 0)
    return joined([paragraphHtml('The newest events of this database hold nothing about it.'), more]);
  return joined([
    tableHtml({
      label: 'Events of this finding',
      columns: [{ title: 'When' }, { title: 'What' }, { title: 'Event', isWide: true }],
      rows: events.map(({ atMs, kind, title }) => [timeHtml(atMs), kind, sentenceHtml(title)]),
    }),
    more,
  ]);
}
