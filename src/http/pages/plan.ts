import { z } from 'zod';
import type { Generation } from '../../findings/generation.ts';
import type { Finding } from '../../model/finding.ts';
import { targetKey } from '../../model/ids.ts';
import { counted, MiB } from '../../model/units.ts';
import { type PlanScope, planScopes } from '../../plan/script/actions.ts';
import type { Plan } from '../../plan/script/plan.ts';
import { isCommentedOut, minute, summaryOf, titleOf } from '../../plan/script/words.ts';
import { rankFindings } from '../../report/actions.ts';
import { safeLine } from '../../report/text.ts';
import { type Asked, createParameterReader } from '../api/asked.ts';
import { planParameters } from '../api/fact-operations.ts';
import type { Parameter } from '../api/operations.ts';
import { askedPlan, planFormats, planProblem, planText } from '../api/plan.ts';
import { badRequest } from '../problem.ts';
import {
  joined,
  linkHtml,
  listHtml,
  noticeHtml,
  paragraphHtml,
  sectionHtml,
  statementsHtml,
} from './components.ts';
import { type Html, nothing, template } from './html.ts';
import { aPage, aProblem, type PageAnswer, type PageHandler, type PageSources } from './serve.ts';
import { bytesHtml, confidenceHtml, findingPath, sentenceHtml, severityHtml, targetHtml } from './words.ts';

/** Findings to choose from: their ids have to fit into an address. */
const choicesMax = 200;
/** A longer script is for a file. */
const shownCharactersMax = MiB / 4;

const scopeWords: Readonly<Record<PlanScope, string>> = {
  all: 'everything',
  drop: 'drops',
  create: 'indexes to create',
  reindex: 'rebuilds',
};

const formatWords: Readonly<Record<(typeof planFormats)[number], string>> = {
  sql: 'SQL, for psql or any other client',
  alembic: 'a migration for Alembic',
  json: 'data for programs',
};

/** `/plan`: choose findings of one database, and get the script that mends them. It works by links and a form alone. */
export function planPage({ generations, knowledge }: PageSources): PageHandler {
  const read = createParameterReader([
    ...planParameters.filter(({ name }) => name !== 'download' && name !== 'phase'),
    buttonOf('make'),
    buttonOf('every'),
  ]);
  return ({ query }): PageAnswer => {
    // An empty field of the form is one that nobody filled in.
    const filled = new URLSearchParams([...query].filter(([, value]) => value !== ''));
    const parsed = read(filled);
    if (!parsed.ok) return aProblem(badRequest(parsed.error));
    const asked = parsed.value;
    const all = generations();
    const chosen = new Set(asked.texts('finding'));
    const generation = databaseOf(all, asked, chosen);
    const isWanted = chosen.size > 0 || asked.text('every') !== undefined;
    const isMissing = !isWanted && asked.text('make') !== undefined;
    const made = isWanted ? madeHtml({ knowledge }, asked, generation) : undefined;
    if (made !== undefined && 'kind' in made) return made;
    return aPage({
      title: 'Plan',
      place: '/plan',
      content: joined([
        heading({}),
        isMissing ? noticeHtml('warning', 'No finding was chosen: tick some below, or take all.') : nothing,
        made ?? nothing,
        all.length === 0
          ? paragraphHtml('Nothing has been collected yet, so there is nothing to plan.')
          : choiceHtml(all, generation, chosen, asked),
      ]),
    });
  };
}

/** What a button of the form says when it is pressed. */
const buttonOf = (name: string): Parameter => ({
  name,
  in: 'query',
  description: '',
  schema: z.literal('1', { error: 'is a button, whose value is 1' }),
});

const heading = template<object>(
  '<h1>Plan</h1>\n<p>An ordered script with checks and the way back, for one database. Nothing is run from here: take it, have it reviewed, and run it where you run such things. <a href="/docs/plan.md">How to read and to run it</a>.</p>\n',
);

/** The database that is asked for, the one that the chosen findings are of, or the one with most to do. */
function databaseOf(
  generations: readonly Generation[],
  asked: Asked,
  chosen: ReadonlySet<string>,
): Generation | undefined {
  const sorted = generations.toSorted((a, b) => (targetKey(a.target) < targetKey(b.target) ? -1 : 1));
  const target = asked.text('target');
  return (
    sorted.find((one) => target !== undefined && asSent(targetKey(one.target)) === asSent(target)) ??
    sorted.find(({ findings }) => findings.some(({ id }) => chosen.has(id))) ??
    // The one with most to do, as long as it can be reached.
    sorted.toSorted((a, b) => Number(b.isUp) - Number(a.isUp) || open(b).length - open(a).length)[0]
  );
}

/** Forms send every line break as CR LF, and names may hold any. */
const asSent = (text: string): string => text.replaceAll(/\r\n|\r|\n/g, '\n');

/** What a plan can be made of: open, with a statement. */
const open = ({ findings }: Generation): readonly Finding[] =>
  rankFindings(findings.filter(({ state, fix }) => state === 'open' && fix.sql !== null));

function madeHtml(
  { knowledge }: Pick<PageSources, 'knowledge'>,
  asked: Asked,
  generation: Generation | undefined,
): Html | Extract<PageAnswer, { readonly kind: 'problem' }> {
  const isEvery = asked.text('every') !== undefined;
  // Findings say themselves which database they are of.
  const isNamed = isEvery || asked.text('target') !== undefined;
  const target = isNamed && generation !== undefined ? targetKey(generation.target) : undefined;
  const made = askedPlan(knowledge, {
    ...asked,
    text: (name) => (name === 'target' ? target : asked.text(name)),
    texts: (name) => (name === 'finding' && isEvery ? [] : asked.texts(name)),
  });
  if (!made.ok) return { kind: 'problem', problem: planProblem(made.error) };
  const plan = made.value;
  const format = planFormats.find((word) => word === asked.text('format')) ?? 'sql';
  const text = planText(plan, format, asked.text('downRevision'));
  return sectionHtml(
    'script',
    'The script',
    joined([
      paragraphHtml(sentenceHtml(`Plan ${plan.id} for ${plan.server}/${plan.datname}: ${summaryOf(plan)}.`)),
      paragraphHtml(
        `Made from the look of ${minute(plan.madeAtMs)}. It may be run until ${minute(plan.expiresAtMs)}, and stops in any other database and where something is no longer as it was.`,
      ),
      downloads(asked, plan),
      stepsHtml(plan),
      leftOutHtml(plan),
      text.length > shownCharactersMax
        ? paragraphHtml('It is too long to be shown here: download it.')
        : statementsHtml('sql-script', 'Script', text),
    ]),
  );
}

function downloads(asked: Asked, plan: Plan): Html {
  const query = new URLSearchParams([
    ...(asked.text('every') === undefined ? asked.texts('finding') : []).map((id): [string, string] => [
      'finding',
      id,
    ]),
    ['target', `${plan.server}/${plan.datname}`],
    ['for', plan.request.scope],
    ...asked.texts('downRevision').map((revision): [string, string] => ['downRevision', revision]),
  ]);
  return downloadLinks({
    links: planFormats.map((format) => ({
      path: `/api/v1/plan?${query}&format=${format}&download=true`,
      words: `Download as ${formatWords[format]}`,
      isFirst: format === (asked.text('format') ?? 'sql'),
    })),
  });
}
const downloadLinks = template<{
  readonly links: readonly { readonly path: string; readonly words: string; readonly isFirst: boolean }[];
}>(
  '<p class="row"><% for (const link of it.links) { %><a class="button<% if (!link.isFirst) { %> plain<% } %>" href="<%= link.path %>" download><%= link.words %></a> <% } %></p>\n',
);

function stepsHtml(plan: Plan): Html {
  if (plan.steps.length === 0)
    return noticeHtml(
      'info',
      'There is nothing to do in it: what was chosen is left out below, with the reason.',
    );
  return joined([
    subheading({ title: 'Its steps' }),
    steps({
      steps: plan.steps.map((step) => ({
        title: linkHtml(findingPath(step.finding), sentenceHtml(titleOf(step))),
        aside: isCommentedOut(step)
          ? step.batch?.notBeforeMs === undefined
            ? 'printed for reading only'
            : `not before ${minute(step.batch.notBeforeMs)}`
          : '',
        freed: step.estimate.freedBytes > 0 ? bytesHtml(step.estimate.freedBytes) : undefined,
      })),
    }),
  ]);
}
const subheading = template<{ readonly title: string }>('<h3><%= it.title %></h3>\n');
const steps = template<{
  readonly steps: readonly {
    readonly title: Html;
    readonly aside: string;
    readonly freed: Html | undefined;
  }[];
}>(
  '<ol><% for (const step of it.steps) { %><li><%= step.title %><% if (step.freed) { %>, frees <%= step.freed %><% } %><% if (step.aside !== \'\') { %> <span class="dim">(<%= step.aside %>)</span><% } %></li><% } %></ol>\n',
);

function leftOutHtml({ leftOut, undecided }: Plan): Html {
  const rows = [...leftOut, ...undecided];
  if (rows.length === 0) return nothing;
  const item = ({ finding, reason }: (typeof rows)[number]): Html =>
    joined([linkHtml(findingPath(finding), sentenceHtml(finding.title)), ': ', sentenceHtml(reason)]);
  return leftOutList({
    summary: `Left out: ${counted(rows.length, 'finding')}`,
    list: listHtml(rows.slice(0, choicesMax).map(item)),
  });
}
const leftOutList = template<{ readonly summary: string; readonly list: Html }>(
  '<details open><summary><%= it.summary %></summary><%= it.list %></details>\n',
);

/** What there is to choose from, of one database; what was chosen stays chosen. */
function choiceHtml(
  generations: readonly Generation[],
  generation: Generation | undefined,
  chosen: ReadonlySet<string>,
  asked: Asked,
): Html {
  if (generation === undefined) return nothing;
  const findings = open(generation);
  const others = generations
    .filter((one) => one !== generation)
    .toSorted((a, b) => (targetKey(a.target) < targetKey(b.target) ? -1 : 1));
  return sectionHtml(
    'choose',
    'Choose findings',
    joined([
      paragraphHtml(joined(['Of ', targetHtml(generation.target), ', by benefit over risk.'])),
      others.length === 0
        ? nothing
        : paragraphHtml(
            joined([
              'Other databases: ',
              ...others.flatMap((one, place) => [
                place === 0 ? '' : ', ',
                linkHtml(
                  `/plan?${new URLSearchParams({ target: targetKey(one.target) })}`,
                  joined([targetHtml(one.target), ` (${open(one).length})`]),
                ),
              ]),
            ]),
          ),
      !generation.isUp
        ? noticeHtml(
            'warning',
            'The database could not be reached at the last look: there is no plan for it now.',
          )
        : findings.length === 0
          ? paragraphHtml('No open finding of this database has a statement that mends it.')
          : form({
              target: targetKey(generation.target),
              scopes: planScopes.map((value) => ({
                value,
                words: scopeWords[value],
                isChosen: value === (asked.text('for') ?? 'all'),
              })),
              formats: planFormats.map((value) => ({
                value,
                words: formatWords[value],
                isChosen: value === (asked.text('format') ?? 'sql'),
              })),
              findings: findings.slice(0, choicesMax).map((finding) => ({
                id: finding.id,
                title: sentenceHtml(finding.title),
                label: safeLine(finding.title),
                path: findingPath(finding),
                kind: finding.kind,
                severity: severityHtml(finding.severity),
                confidence: confidenceHtml(finding.confidence),
                bytes:
                  finding.impact.reclaimableBytes > 0
                    ? bytesHtml(finding.impact.reclaimableBytes)
                    : undefined,
                isChosen: chosen.has(finding.id),
              })),
              more: Math.max(0, findings.length - choicesMax),
              all: counted(findings.length, 'finding'),
            }),
    ]),
  );
}

interface Option {
  readonly value: string;
  readonly words: string;
  readonly isChosen: boolean;
}

const form = template<{
  readonly target: string;
  readonly scopes: readonly Option[];
  readonly formats: readonly Option[];
  readonly findings: readonly {
    readonly id: string;
    readonly title: Html;
    readonly label: string;
    readonly path: string;
    readonly kind: string;
    readonly severity: Html;
    readonly confidence: Html;
    readonly bytes: Html | undefined;
    readonly isChosen: boolean;
  }[];
  readonly more: number;
  readonly all: string;
}>(`<form method="get" action="/plan#script">
<input type="hidden" name="target" value="<%= it.target %>">
<div class="filters">
<p><label for="plan-for">What of them</label><select id="plan-for" name="for"><% for (const option of it.scopes) { %><option value="<%= option.value %>"<% if (option.isChosen) { %> selected<% } %>><%= option.words %></option><% } %></select></p>
<p><label for="plan-format">As</label><select id="plan-format" name="format"><% for (const option of it.formats) { %><option value="<%= option.value %>"<% if (option.isChosen) { %> selected<% } %>><%= option.words %></option><% } %></select></p>
</div>
<p class="row"><button type="submit" name="make" value="1">Script for those chosen below</button> <button type="submit" class="plain" name="every" value="1">Script for all, <%= it.all %></button></p>
<fieldset class="choices"><legend>Findings</legend>
<ul>
<% for (const finding of it.findings) { %>
<li><input type="checkbox" id="choose-<%= finding.id %>" name="finding" value="<%= finding.id %>"<% if (finding.isChosen) { %> checked<% } %>><div><label for="choose-<%= finding.id %>"><%= finding.title %></label><div class="badges"><%= finding.severity %> <%= finding.confidence %> <% if (finding.bytes) { %><strong><%= finding.bytes %></strong> <% } %><a href="<%= finding.path %>"><%= finding.kind %><span class="hidden-text">: <%= finding.label %></span></a></div></div></li>
<% } %>
</ul></fieldset>
<% if (it.more > 0) { %><p>And <%= it.more %> more, which only the script for all holds.</p><% } %>
<p class="row"><button type="submit" name="make" value="1">Script for those chosen above</button></p>
</form>`);
