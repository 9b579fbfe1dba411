import type { Generation } from '../../../findings/generation.ts';
import { type Finding, findingKinds, severities } from '../../../model/finding.ts';
import { counted, humaneBytes, humaneCount } from '../../../model/units.ts';
import { safeLine } from '../../../report/text.ts';
import { badRequest } from '../../problem.ts';
import { joined, linkHtml, noticeHtml, tableHtml } from '../components.ts';
import { type Html, nothing, template } from '../html.ts';
import { perGenerations } from '../memo.ts';
import { aPage, aProblem, type PageHandler, type PageSources } from '../serve.ts';
import { type Unseen, unseenHtml, unseenOf } from '../unseen.ts';
import {
  bytesHtml,
  confidenceHtml,
  findingPath,
  nameHtml,
  sentenceHtml,
  severityHtml,
  stateHtml,
  targetHtml,
  timeHtml,
} from '../words.ts';
import {
  type AskedFindings,
  admits,
  changed,
  origins,
  readAsked,
  type Sort,
  sorts,
  states,
  withoutEmpty,
} from './asked.ts';
import { createSorter, type Placed, type Slice, sliceOf, tableKey } from './order.ts';
import { reclaimableBytes } from './reclaimable.ts';

export const pageSize = 50;
/** With more names than these a list to choose from is longer than a field to type into. */
const choicesMax = 50;

/** `/findings`: everything that was found, by what the address asks for. */
export function findingsPage({ generations }: PageSources): PageHandler {
  const sorted = createSorter();
  const choicesOf = perGenerations(choicesIn);
  return ({ query }) => {
    const asked = readAsked(query);
    if (!asked.ok) return aProblem(badRequest(asked.error));
    const canonical = withoutEmpty(query);
    if (canonical.size !== query.size)
      return { kind: 'redirect', to: canonical.size === 0 ? '/findings' : `/findings?${canonical}` };
    const all = generations();
    const found = sorted(all, asked.value.sort, asked.value.isGrouped).filter(({ finding }) =>
      admits(asked.value)(finding),
    );
    const scope = `page:findings?${changed(query, {})}`;
    const slice = sliceOf(found, scope, asked.value.cursor, pageSize);
    if (!slice.ok) return aProblem(badRequest(`the place in the list ${slice.error}`));
    return aPage({
      title: 'Findings',
      place: '/findings',
      content: contentOf({
        query,
        asked: asked.value,
        found,
        slice: slice.value,
        unseen: unseenOf(all.filter(({ target }) => isAskedTarget(asked.value, target))),
        isEmptyYet: all.length === 0,
        choices: choicesOf(all),
      }),
    });
  };
}

const isAskedTarget = (
  { server, datname }: AskedFindings,
  target: { readonly server: string; readonly datname: string },
): boolean =>
  (server.length === 0 || server.includes(target.server)) &&
  (datname.length === 0 || datname.includes(target.datname));

interface Listed {
  readonly query: URLSearchParams;
  readonly asked: AskedFindings;
  readonly found: readonly Placed[];
  readonly slice: Slice;
  readonly unseen: readonly Unseen[];
  readonly isEmptyYet: boolean;
  readonly choices: Choices;
}

function contentOf(listed: Listed): Html {
  const { query, asked, found, slice, unseen } = listed;
  const shown = slice.shown.map(({ finding }) => finding);
  return joined([
    heading({}),
    filterForm(formOf(listed)),
    found.length === 0
      ? emptyHtml(listed)
      : joined([
          summary({
            text: summaryText(found, slice),
            csv: `/findings.csv?${changed(query, {})}`,
            json: `/findings.json?${changed(query, {})}`,
          }),
          asked.isGrouped ? groupsHtml(shown, asked) : findingsTable('Findings', shown, asked),
          pagerHtml(query, slice),
        ]),
    found.length > 0 && unseen.length > 0
      ? noticeHtml('info', someUnseen({ many: counted(unseen.length, 'thing') }))
      : nothing,
  ]);
}

const heading = template<object>('<h1>Findings</h1>\n');
const someUnseen = template<{ readonly many: string }>(
  '<p>This is not all there may be: <a href="/#unseen"><%= it.many %> could not be seen or judged</a>.</p>',
);
const summary = template<{ readonly text: string; readonly csv: string; readonly json: string }>(
  '<p class="row"><span><%= it.text %></span> <span>Take them away as <a href="<%= it.csv %>" download>CSV</a> or <a href="<%= it.json %>" download>JSON</a></span></p>\n',
);

function summaryText(found: readonly Placed[], { before, shown }: Slice): string {
  const totalBytes = reclaimableBytes(found.map(({ finding }) => finding));
  const which =
    shown.length === found.length
      ? counted(found.length, 'finding')
      : `${humaneCount(before + 1)} to ${humaneCount(before + shown.length)} of ${counted(found.length, 'finding')}`;
  return totalBytes > 0
    ? `${which}; following the SQL of all of them frees ${humaneBytes(totalBytes)}.`
    : `${which}.`;
}

function emptyHtml({ asked, unseen, isEmptyYet }: Listed): Html {
  if (isEmptyYet)
    return noticeHtml(
      'info',
      'Nothing has been collected yet. The first findings are here when the first collection has been judged.',
    );
  const what = asked.isFiltered
    ? 'No finding fits what is asked for.'
    : unseen.length > 0
      ? 'Nothing is open among what could be judged.'
      : 'Nothing is open: everything that is watched was judged.';
  return joined([
    noticeHtml(
      'info',
      emptyNotice({ what, isFiltered: asked.isFiltered, isCut: asked.cursor !== undefined }),
    ),
    unseen.length === 0 ? nothing : noticeHtml('warning', joined([notSeen({}), unseenHtml(unseen, 8)])),
  ]);
}
const emptyNotice = template<{
  readonly what: string;
  readonly isFiltered: boolean;
  readonly isCut: boolean;
}>(
  '<p><%= it.what %><% if (it.isFiltered) { %> <a href="/findings">Show all open findings</a> or <a href="/findings?state=any">those of every state</a>.<% } %></p>',
);
const notSeen = template<object>('<p><strong>What could not be looked at says nothing:</strong></p>');

function findingsTable(label: string, findings: readonly Finding[], asked: AskedFindings): Html {
  const isStateShown = asked.state === 'any';
  return tableHtml({
    label,
    columns: [
      { title: 'Severity' },
      { title: 'Finding', isWide: true },
      { title: 'Database', isName: true },
      { title: 'Confidence' },
      ...(isStateShown ? [{ title: 'State' }] : []),
      { title: 'Can be reclaimed', isNumber: true },
      { title: 'First seen' },
    ],
    rows: findings.map((finding) => [
      severityHtml(finding.severity),
      joined([
        linkHtml(findingPath(finding), sentenceHtml(shortened(finding.title))),
        kindOf({ kind: finding.kind }),
      ]),
      targetHtml(finding),
      confidenceHtml(finding.confidence),
      ...(isStateShown ? [stateHtml(finding.state)] : []),
      finding.impact.reclaimableBytes > 0 ? bytesHtml(finding.impact.reclaimableBytes) : '',
      timeHtml(finding.firstSeen),
    ]),
  });
}

const kindOf = template<{ readonly kind: string }>(' <span class="dim"><%= it.kind %></span>');

/** A page of the list has a bounded size whatever things are called; the finding's own page has the whole title. */
const titleCharactersMax = 300;
const shortened = (title: string): string =>
  title.length <= titleCharactersMax ? title : `${title.slice(0, titleCharactersMax)}…`;

function groupsHtml(findings: readonly Finding[], asked: AskedFindings): Html {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) {
    const group = groups.get(tableKey(finding));
    if (group === undefined) groups.set(tableKey(finding), [finding]);
    else group.push(finding);
  }
  return joined(
    [...groups.values()].flatMap((group, place) => {
      const [first] = group;
      if (first === undefined) return [];
      const name = `${first.schemaname}.${first.relname}`;
      return [
        groupHeading({
          id: `table-${place + 1}`,
          name: nameHtml(name),
          target: targetHtml(first),
          many: counted(group.length, 'finding'),
        }),
        findingsTable(`Findings of table ${place + 1}`, group, asked),
      ];
    }),
  );
}
const groupHeading = template<{
  readonly id: string;
  readonly name: Html;
  readonly target: Html;
  readonly many: string;
}>(
  '<h2 id="<%= it.id %>"><%= it.name %> <span class="dim">in <%= it.target %>, <%= it.many %></span></h2>\n',
);

function pagerHtml(query: URLSearchParams, { previous, next, before }: Slice): Html {
  if (previous === undefined && next === undefined) return nothing;
  const to = (cursor: string | undefined): string | undefined =>
    cursor === undefined ? undefined : `/findings?${changed(query, { cursor })}`;
  return pager({
    first: before > 0 ? `/findings?${changed(query, {})}` : undefined,
    previous: to(previous),
    next: to(next),
  });
}
const pager = template<{
  readonly first: string | undefined;
  readonly previous: string | undefined;
  readonly next: string | undefined;
}>(`<nav aria-label="Pages"><p class="row">
<% if (it.first) { %><a href="<%= it.first %>">First page</a><% } %>
<% if (it.previous) { %><a href="<%= it.previous %>" rel="prev">Previous page</a><% } %>
<% if (it.next) { %><a href="<%= it.next %>" rel="next">Next page</a><% } %>
</p></nav>`);

interface Choices {
  readonly servers: readonly string[];
  readonly datnames: readonly string[];
  readonly schemas: readonly string[];
}

/** Names to choose from. */
function choicesIn(generations: readonly Generation[]): Choices {
  const named = (namesOf: (generation: Generation) => readonly string[]): readonly string[] =>
    [...new Set(generations.flatMap(namesOf))].sort();
  return {
    servers: named(({ target }) => [target.server]),
    datnames: named(({ target }) => [target.datname]),
    schemas: named(({ findings }) => findings.map(({ schemaname }) => schemaname)),
  };
}

interface Field {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  /** What there is to choose from; undefined: a field to type into. */
  readonly options: readonly { readonly value: string; readonly shown: string }[] | undefined;
}

const sortWords: Readonly<Record<Sort, string>> = {
  benefit: 'benefit over risk',
  severity: 'severity',
  size: 'size',
  age: 'newest first',
};

function formOf({ asked, choices, query }: Listed): {
  readonly fields: readonly Field[];
  readonly isFiltered: boolean;
  readonly kept: readonly (readonly [string, string])[];
} {
  const words = (values: readonly string[], any = 'any'): Field['options'] => [
    { value: '', shown: any },
    ...values.map((value) => ({ value, shown: safeLine(value) })),
  ];
  const names = (values: readonly string[]): Field['options'] =>
    values.length > choicesMax ? undefined : words(values);
  const one = (values: readonly string[]): string => values[0] ?? '';
  const fields: readonly Field[] = [
    { name: 'text', label: 'Text in title or name', value: asked.text, options: undefined },
    { name: 'server', label: 'Server', value: one(asked.server), options: names(choices.servers) },
    { name: 'datname', label: 'Database', value: one(asked.datname), options: names(choices.datnames) },
    { name: 'schemaname', label: 'Schema', value: one(asked.schemaname), options: names(choices.schemas) },
    { name: 'kind', label: 'Kind', value: one(asked.kind), options: words([...findingKinds].sort()) },
    {
      name: 'severity',
      label: 'Severity',
      value: one(asked.severity),
      options: words([...severities].reverse()),
    },
    { name: 'origin', label: 'Origin', value: one(asked.origin), options: words(origins) },
    {
      name: 'state',
      label: 'State',
      value: asked.state === 'open' ? '' : asked.state,
      options: states.map((state) => ({ value: state === 'open' ? '' : state, shown: state })),
    },
    {
      name: 'sort',
      label: 'Sort by',
      value: asked.sort === 'benefit' ? '' : asked.sort,
      options: sorts.map((sort) => ({ value: sort === 'benefit' ? '' : sort, shown: sortWords[sort] })),
    },
    {
      name: 'group',
      label: 'Group',
      value: asked.isGrouped ? 'table' : '',
      options: [
        { value: '', shown: 'not at all' },
        { value: 'table', shown: 'by table' },
      ],
    },
  ];
  // A link may ask for a table, or for several values; the form keeps what it has no field for.
  const shown = new Set(fields.map(({ name }) => name));
  const kept = [...query].filter(
    ([name, value]) =>
      value !== '' && name !== 'cursor' && (!shown.has(name) || query.getAll(name).indexOf(value) > 0),
  );
  return { fields, isFiltered: asked.isFiltered, kept };
}

const filterForm = template<
  ReturnType<typeof formOf>
>(`<form class="filters" method="get" action="/findings" role="search" aria-label="Findings">
<% for (const field of it.fields) { %>
<div><label for="filter-<%= field.name %>"><%= field.label %></label>
<% if (field.options) { %><select id="filter-<%= field.name %>" name="<%= field.name %>"><% for (const option of field.options) { %><option value="<%= option.value %>"<% if (option.value === field.value) { %> selected<% } %>><%= option.shown %></option><% } %></select><% } else { %><input id="filter-<%= field.name %>" name="<%= field.name %>" value="<%= field.value %>" maxlength="256"><% } %></div>
<% } %>
<% for (const [name, value] of it.kept) { %><input type="hidden" name="<%= name %>" value="<%= value %>"><% } %>
<div class="row"><button type="submit">Show</button><% if (it.isFiltered) { %> <a href="/findings">Show all</a><% } %></div>
</form>
`);
