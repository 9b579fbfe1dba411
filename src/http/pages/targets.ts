import type { CollectorRun, Generation, MeasuringFacts } from '../../findings/generation.ts';
import { targetKey } from '../../model/ids.ts';
import { counted, humaneBytes } from '../../model/units.ts';
import { safeLine } from '../../report/text.ts';
import {
  factsHtml,
  joined,
  linkHtml,
  listHtml,
  noticeHtml,
  paragraphHtml,
  statementsHtml,
  tableHtml,
} from './components.ts';
import { type Html, nothing, template } from './html.ts';
import {
  aPage,
  type MeasuringBudget,
  type PageHandler,
  type PageRequest,
  type PageSources,
} from './serve.ts';
import {
  badgeHtml,
  bytesHtml,
  countHtml,
  durationHtml,
  nameHtml,
  sentenceHtml,
  targetHtml,
  timeHtml,
  upHtml,
} from './words.ts';

/** `/targets`: each database, each collector, when it ran, what came of it, and what is missing. */
export function targetsPage(sources: PageSources): PageHandler {
  return (request) => {
    const generations = sources
      .generations()
      .toSorted((a, b) => (targetKey(a.target) < targetKey(b.target) ? -1 : 1));
    const waitingFor = sources.waitingFor();
    return aPage({
      title: 'Targets',
      place: '/targets',
      content: joined([
        heading({}),
        request.query.get('collecting') === 'yes'
          ? noticeHtml('info', 'Collecting: what comes of it stands here in a moment. Load the page again.')
          : nothing,
        waitingFor.length === 0
          ? nothing
          : noticeHtml(
              'info',
              joined(['Still waiting for:', listHtml(waitingFor.slice(0, 20).map(sentenceHtml))]),
            ),
        generations.length === 0
          ? paragraphHtml('Nothing has been collected yet.')
          : joined([
              generations.length < 2 ? nothing : contents(generations),
              collectForm(request, undefined, 'Collect everything now'),
            ]),
        ...generations.map((generation, place) => targetSection(generation, place + 1, sources, request)),
      ]),
    });
  };
}

const heading = template<object>('<h1>Targets</h1>\n');

const contents = (generations: readonly Generation[]): Html =>
  listHtml(
    generations.map((generation, place) =>
      joined([
        linkHtml(`#target-${place + 1}`, targetHtml(generation.target)),
        ' ',
        upHtml(generation.isUp, { up: 'up', down: 'down' }),
      ]),
    ),
  );

function targetSection(
  generation: Generation,
  number: number,
  sources: PageSources,
  request: PageRequest,
): Html {
  const { target, isUp, error, catalogue, snapshot, window, missingPermissions, inconclusive } = generation;
  const { server } = catalogue;
  const count = (facts: readonly unknown[], outcome: { readonly kind: string } | undefined): Html =>
    countHtml(outcome?.kind === 'collected' ? facts.length : null);
  return section({
    id: `target-${number}`,
    name: targetHtml(target),
    content: joined([
      badges({ badges: [upHtml(isUp, { up: 'up', down: 'down' })] }),
      error === null
        ? nothing
        : noticeHtml('critical', joined(['Not reached at the last look: ', sentenceHtml(error)])),
      factsHtml([
        ['PostgreSQL', server?.version ?? 'unknown'],
        ['Role', server === undefined ? 'unknown' : server.isInRecovery ? 'standby' : 'primary'],
        ['Collects as', server === undefined ? 'unknown' : nameHtml(server.roleName)],
        ['Tables', count(catalogue.tables, snapshot.outcomes.tables)],
        ['Indexes', count(catalogue.indexes, snapshot.outcomes.indexes)],
        ['Use is counted since', server === undefined ? 'unknown' : timeHtml(window?.sinceMs)],
        ['Published', timeHtml(generation.publishedAtMs)],
        [
          'Open findings',
          linkHtml(
            `/findings?${new URLSearchParams({ ...target })}`,
            countHtml(generation.findings.filter(({ state }) => state === 'open').length),
          ),
        ],
      ]),
      collectForm(request, target, 'Collect now'),
      subheading({ title: 'Collectors' }),
      runsTable(generation, number, sources),
      nodesHtml(generation, number),
      subheading({ title: 'Missing rights' }),
      missingPermissions.length === 0
        ? paragraphHtml(isUp ? 'None.' : 'Not known while it cannot be reached.')
        : joined(
            missingPermissions.map(({ facts, permission, isOptional, grant }, place) =>
              joined([
                paragraphHtml(
                  joined([
                    badgeHtml(
                      isOptional ? 'info' : 'warning',
                      isOptional ? '●' : '▲',
                      isOptional ? 'optional' : 'missing',
                    ),
                    ' ',
                    sentenceHtml(`${permission}: without it, ${facts} cannot be seen.`),
                  ]),
                ),
                statementsHtml(
                  `grant-${number}-${place + 1}`,
                  `Grant ${place + 1} for target ${number}`,
                  grant,
                ),
              ]),
            ),
          ),
      subheading({ title: 'Not judged' }),
      inconclusive.length === 0
        ? paragraphHtml(
            isUp ? 'Everything that is enabled was judged.' : 'Nothing was judged at the last look.',
          )
        : undecidedTable(generation, number),
      measuringHtml(generation.measuring, sources.measuringBudgetOf(target.server)),
    ]),
  });
}

const section = template<{ readonly id: string; readonly name: Html; readonly content: Html }>(
  `<section aria-labelledby="<%= it.id %>">
<h2 id="<%= it.id %>"><%= it.name %></h2>
<%= it.content %>
</section>
`,
);
const subheading = template<{ readonly title: string }>('<h3><%= it.title %></h3>\n');
const badges = template<{ readonly badges: readonly Html[] }>('<div class="badges"><%= it.badges %></div>\n');

const runBadges: Readonly<Record<CollectorRun['state'], Html>> = {
  collected: badgeHtml('good', '✓', 'collected'),
  skipped: badgeHtml('plain', '–', 'skipped'),
  failed: badgeHtml('critical', '✗', 'failed'),
};

const runsTable = ({ runs }: Generation, number: number, { nextRunAtMs }: PageSources): Html =>
  tableHtml({
    label: `Collectors of target ${number}`,
    columns: [
      { title: 'Collector' },
      { title: 'State' },
      { title: 'Last success' },
      { title: 'Duration', isNumber: true },
      { title: 'Facts', isNumber: true },
      { title: 'Next run' },
      { title: 'What is wrong', isWide: true },
    ],
    rows: runs.map((run) => [
      run.name,
      runBadges[run.state],
      run.lastSuccessAtMs === null ? 'never' : timeHtml(run.lastSuccessAtMs),
      run.state === 'skipped' ? '' : durationHtml(run.durationMs),
      run.state === 'collected' ? countHtml(run.facts) : '',
      timeHtml(nextRunAtMs(run.name)),
      joined([
        run.reason === null ? nothing : sentenceHtml(run.reason),
        run.skippedRelations === 0
          ? nothing
          : ` ${counted(run.skippedRelations, 'relation')} left out, since locked`,
      ]),
    ]),
  });

function nodesHtml({ nodes, unknownReplicas }: Generation, number: number): Html {
  return joined([
    subheading({ title: 'Nodes' }),
    tableHtml({
      label: `Nodes of target ${number}`,
      columns: [
        { title: 'Node', isName: true },
        { title: 'Role' },
        { title: 'State' },
        { title: 'Why', isWide: true },
      ],
      rows: nodes.map(({ node, role, state, reason }) => [
        nameHtml(node),
        role,
        upHtml(state === 'observed', { up: 'observed', down: state }),
        reason === null ? '' : sentenceHtml(reason),
      ]),
    }),
    unknownReplicas.length === 0
      ? nothing
      : noticeHtml(
          'warning',
          joined([
            'The primary knows replicas that nobody configured; an index may be used there alone: ',
            sentenceHtml(unknownReplicas.slice(0, 10).map(safeLine).join(', ')),
          ]),
        ),
  ]);
}

const undecidedTable = ({ inconclusive }: Generation, number: number): Html =>
  tableHtml({
    label: `Not judged on target ${number}`,
    columns: [{ title: 'Kind' }, { title: 'Why', isWide: true }, { title: 'Relations', isWide: true }],
    rows: inconclusive.map(({ kind, reason, relations }) => [
      kind,
      sentenceHtml(reason),
      relations === undefined
        ? 'all'
        : sentenceHtml(
            `${relations.slice(0, 5).join(', ')}${relations.length > 5 ? ` and ${relations.length - 5} more` : ''}`,
          ),
    ]),
  });

function measuringHtml(measuring: MeasuringFacts | undefined, budget: MeasuringBudget | undefined): Html {
  if (measuring === undefined)
    return joined([
      subheading({ title: 'Measuring' }),
      paragraphHtml('Nothing is measured here: sizes are compared with estimates.'),
    ]);
  return joined([
    subheading({ title: 'Measuring' }),
    factsHtml([
      ['Read so far', bytesHtml(measuring.measuredBytesTotal)],
      ['Indexes that wait', countHtml(measuring.waiting)],
      ...(budget === undefined
        ? []
        : [
            [
              'Budget of the server',
              `${humaneBytes(Math.round(budget.bytesPerSecond * 60))} a minute`,
            ] as const,
            ['Read ahead of it', bytesHtml(Math.round(budget.debtBytes))] as const,
          ]),
      ...[...measuring.outcomes].map(([outcome, many]) => [`Outcome: ${outcome}`, countHtml(many)] as const),
    ]),
  ]);
}

const collectForm = (
  { access }: PageRequest,
  target: { readonly server: string; readonly datname: string } | undefined,
  label: string,
): Html => (access.isAdministrator ? form({ csrf: access.csrfToken, target, label }) : nothing);
const form = template<{
  readonly csrf: string | undefined;
  readonly target: { readonly server: string; readonly datname: string } | undefined;
  readonly label: string;
}>(`<form method="post" action="/targets/collect">
<% if (it.csrf) { %><input type="hidden" name="csrf" value="<%= it.csrf %>"><% } %>
<% if (it.target) { %><input type="hidden" name="server" value="<%= it.target.server %>"><input type="hidden" name="datname" value="<%= it.target.datname %>"><% } %>
<p><button type="submit" class="plain"><%= it.label %></button></p>
</form>`);
