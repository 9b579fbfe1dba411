import { type Html, template } from './html.ts';
import { blockText } from './words.ts';

/*
 * Parts that pages are put together from.
 */

export interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
  /** A column of sentences, which needs room. */
  readonly isWide?: boolean;
  /** A column of names, which break nowhere by themselves. */
  readonly isName?: boolean;
}

export interface Table {
  /** What it holds, for those who cannot see where it stands; also the name of the region that scrolls. */
  readonly label: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly (Html | string)[])[];
  /** On a narrow screen rows become `cards`, or the table scrolls sideways. Cards by preset. */
  readonly narrow?: 'cards' | 'scroll';
  readonly id?: string;
}

/** A table whose roles are written out, since a browser forgets them where a row is shown as a card. */
const cardsTable =
  template<Table>(`<table role="table" class="cards"<% if (it.id) { %> id="<%= it.id %>"<% } %> aria-label="<%= it.label %>">
<thead role="rowgroup"><tr role="row"><% for (const column of it.columns) { %><th role="columnheader" scope="col"<% if (column.isNumber) { %> class="number"<% } %>><%= column.title %></th><% } %></tr></thead>
<tbody role="rowgroup">
<% for (const row of it.rows) { %>
<tr role="row"><% row.forEach((cell, place) => { const column = it.columns[place]; %><td role="cell" data-label="<%= column.title %>"<% if (column.isNumber) { %> class="number"<% } else if (column.isWide) { %> class="wide"<% } else if (column.isName) { %> class="named"<% } %>><%= cell %></td><% }) %></tr>
<% } %>
</tbody>
</table>`);
const scrollingTable =
  template<Table>(`<div class="scroll" role="region" aria-label="<%= it.label %>" tabindex="0"><table<% if (it.id) { %> id="<%= it.id %>"<% } %>>
<thead><tr><% for (const column of it.columns) { %><th scope="col"<% if (column.isNumber) { %> class="number"<% } %>><%= column.title %></th><% } %></tr></thead>
<tbody>
<% for (const row of it.rows) { %>
<tr><% row.forEach((cell, place) => { const column = it.columns[place]; %><td<% if (column.isNumber) { %> class="number"<% } else if (column.isWide) { %> class="wide"<% } else if (column.isName) { %> class="named"<% } %>><%= cell %></td><% }) %></tr>
<% } %>
</tbody>
</table></div>`);
export const tableHtml = (table: Table): Html =>
  table.narrow === 'scroll' ? scrollingTable(table) : cardsTable(table);

/** Terms and what is known of them. */
export const factsHtml = (facts: readonly (readonly [string, Html | string])[]): Html => factList({ facts });
const factList = template<{ readonly facts: readonly (readonly [string, Html | string])[] }>(
  '<dl class="facts"><% for (const [term, value] of it.facts) { %><div><dt><%= term %></dt><dd><%= value %></dd></div><% } %></dl>',
);

export const listHtml = (items: readonly (Html | string)[]): Html => list({ items });
const list = template<{ readonly items: readonly (Html | string)[] }>(
  '<ul><% for (const item of it.items) { %><li><%= item %></li><% } %></ul>',
);

export const linkHtml = (href: string, content: Html | string): Html => link({ href, content });
const link = template<{ readonly href: string; readonly content: Html | string }>(
  '<a href="<%= it.href %>"><%= it.content %></a>',
);

/** Several pieces after one another. */
export const joined = (parts: readonly (Html | string)[]): Html => pieces({ parts });
const pieces = template<{ readonly parts: readonly (Html | string)[] }>('<%= it.parts %>');

/** Something that stands out: what could not be seen, what went wrong, what to do first. */
export const noticeHtml = (sort: 'info' | 'warning' | 'critical', content: Html | string): Html =>
  notice({ sort, content });
const notice = template<{ readonly sort: string; readonly content: Html | string }>(
  '<div class="notice <%= it.sort %>"><%= it.content %></div>',
);

export const paragraphHtml = (content: Html | string): Html => paragraph({ content });
const paragraph = template<{ readonly content: Html | string }>('<p><%= it.content %></p>');

/** A section with a heading that can be linked to. `id` is ours, and unique on its page. */
export const sectionHtml = (id: string, title: string, content: Html | string): Html =>
  section({ id, title, content });
const section = template<{ readonly id: string; readonly title: string; readonly content: Html | string }>(
  `<section aria-labelledby="<%= it.id %>">
<h2 id="<%= it.id %>"><%= it.title %></h2>
<%= it.content %>
</section>
`,
);

/**
 * Statements to take away: text that can be selected, and a button where scripts run. The button copies what is meant, also where
 * hidden characters are shown as escapes.
 */
export function statementsHtml(id: string, label: string, sql: string): Html {
  const shown = blockText(sql);
  return statements({ id, label, shown, verbatim: shown === sql ? undefined : sql });
}
const statements = template<{
  readonly id: string;
  readonly label: string;
  readonly shown: string;
  readonly verbatim: string | undefined;
}>(`<div class="statements">
<% if (it.verbatim !== undefined) { %><p class="dim">This holds hidden characters, shown as escapes: take it by the button, or from the API.</p><% } %>
<button type="button" class="copy" data-copy="<%= it.id %>"<% if (it.verbatim !== undefined) { %> data-text="<%= it.verbatim %>"<% } %>>Copy<span class="hidden-text"> <%= it.label %></span></button>
<pre id="<%= it.id %>" tabindex="0" role="region" aria-label="<%= it.label %>"><code><%= it.shown %></code></pre>
</div>`);
