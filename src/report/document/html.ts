import { createHash } from 'node:crypto';
import { Eta } from 'eta/core';
import { targetKey } from '../../model/ids.ts';
import { assertNever } from '../../model/result.ts';
import { counted } from '../../model/units.ts';
import { barsSvg } from '../chart/bars.ts';
import { isShownVerbatim, safeBlock, safeLine } from '../text.ts';
import type { Block, Inline, Text } from './blocks.ts';
import { type ReportDocument, titleOf } from './document.ts';
import type { WrittenSection } from './section.ts';
import { stylesheet } from './stylesheet.ts';
import { provenance, unreadWords } from './words.ts';

/**
 * The report as one HTML page: nothing is loaded, nothing runs, and its own policy says so. Every tag is closed, so that tools for XML
 * read it too. What is in it is escaped by the templates, and made harmless before.
 */
export function reportHtml(report: ReportDocument): string {
  const isOneOfMany = report.databases.length > 1;
  const drawing: Drawing = { charts: 0 };
  const chapter = (sections: readonly WrittenSection[], prefix: string, level: number): readonly Written[] =>
    sections.map(({ id, title, blocks }) => ({
      id: `${prefix}${id}`,
      title,
      level,
      contentHtml: blocksHtml(blocks, level + 1, drawing),
    }));
  const front = chapter(report.front, '', 2);
  const databases = report.databases.map((database, place) => {
    const prefix = isOneOfMany ? `db${place + 1}-` : '';
    return {
      id: `db${place + 1}`,
      title: isOneOfMany ? safeLine(targetKey(database)) : '',
      unread: database.unread === null ? '' : unreadWords(safeLine(database.unread)),
      sections: database.unread === null ? chapter(database.sections, prefix, isOneOfMany ? 3 : 2) : [],
    };
  });
  return page({
    title: safeLine(titleOf(report)),
    provenance: provenance(report),
    policy: reportPolicy,
    style: stylesheet,
    front,
    databases,
    back: chapter(report.back, '', 2),
  });
}

/** How many charts were drawn: their ids are unique on the page. */
interface Drawing {
  charts: number;
}

interface Written {
  readonly id: string;
  readonly title: string;
  readonly level: number;
  readonly contentHtml: string;
}

interface Page {
  readonly title: string;
  readonly provenance: string;
  readonly policy: string;
  readonly style: string;
  readonly front: readonly Written[];
  readonly databases: readonly {
    readonly id: string;
    readonly title: string;
    readonly unread: string;
    readonly sections: readonly Written[];
  }[];
  readonly back: readonly Written[];
}

/** What the page may load and do: its own looks, and nothing else. Whoever serves it says the same in a header. */
export const reportPolicy = `default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-${createHash('sha256').update(stylesheet).digest('base64')}'`;

function template<Data extends object>(text: string): (data: Data) => string {
  const eta = new Eta({ autoEscape: true });
  const compiled = eta.compile(text);
  return (data) => eta.render(compiled, data);
}

const sections = (list: string): string => `<% for (const section of ${list}) { %>
<section id="<%= section.id %>">
<h<%= section.level %>><%= section.title %></h<%= section.level %>>
<%~ section.contentHtml %>
</section>
<% } %>`;

const links = (list: string): string =>
  `<% for (const section of ${list}) { %><li><a href="#<%= section.id %>"><%= section.title %></a></li><% } %>`;

const page = template<Page>(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="<%= it.policy %>"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light"/>
<meta name="referrer" content="no-referrer"/>
<title><%= it.title %></title>
<style><%~ it.style %></style>
</head>
<body>
<header>
<h1><bdi><%= it.title %></bdi></h1>
<p class="dim"><%= it.provenance %></p>
</header>
<nav aria-label="Contents"><ul>
${links('it.front')}
<% for (const database of it.databases) { %>
<% if (database.title !== '') { %><li><a href="#<%= database.id %>"><bdi><%= database.title %></bdi></a></li><% } else { %>${links('database.sections')}<% } %>
<% } %>
${links('it.back')}
</ul></nav>
<main>
${sections('it.front')}
<% for (const database of it.databases) { %>
<% if (database.title !== '') { %><h2 class="database" id="<%= database.id %>"><bdi><%= database.title %></bdi></h2><% } %>
<% if (database.unread !== '') { %><p><%= database.unread %></p><% } %>
${sections('database.sections')}
<% } %>
${sections('it.back')}
</main>
</body>
</html>
`);

const blocksHtml = (blocks: readonly Block[], level: number, drawing: Drawing): string =>
  blocks.map((block) => blockHtml(block, level, drawing)).join('\n');

function blockHtml(block: Block, level: number, drawing: Drawing): string {
  switch (block.kind) {
    case 'paragraph':
      return wrapHtml({ tag: 'p', contentHtml: inlineHtml(block.text) });
    case 'heading':
      return wrapHtml({ tag: `h${level}`, contentHtml: inlineHtml(block.text) });
    case 'list':
      return listHtml({
        tag: block.isOrdered === true ? 'ol' : 'ul',
        itemsHtml: block.items.map(inlineHtml),
      });
    case 'table':
      return tableHtml({
        columns: block.columns.map(({ title, isNumber }) => ({ title, isNumber: isNumber === true })),
        rows: block.rows.map((cells) =>
          cells.map((cell, place) => ({
            contentHtml: inlineHtml(cell),
            isNumber: block.columns[place]?.isNumber === true,
          })),
        ),
        more:
          block.leftOut === undefined
            ? ''
            : `And ${counted(block.leftOut.count, 'more', 'more')} ${block.leftOut.what}: --format json has them all.`,
      });
    case 'chart':
      drawing.charts += 1;
      return figureHtml({ title: block.chart.title, svg: barsSvg(block.chart, `chart${drawing.charts}`) });
    case 'sql':
      return sqlHtml({ sql: safeBlock(block.sql), isVerbatim: isShownVerbatim(block.sql) });
    case 'details':
      return detailsHtml({
        summaryHtml: inlineHtml(block.summary),
        contentHtml: blocksHtml(block.blocks, level, drawing),
      });
    default:
      return assertNever(block);
  }
}

const wrapHtml = template<{ readonly tag: string; readonly contentHtml: string }>(
  '<<%~ it.tag %>><%~ it.contentHtml %></<%~ it.tag %>>',
);
const listHtml = template<{ readonly tag: string; readonly itemsHtml: readonly string[] }>(
  '<<%~ it.tag %>><% for (const html of it.itemsHtml) { %><li><%~ html %></li><% } %></<%~ it.tag %>>',
);
const tableHtml = template<{
  readonly columns: readonly { readonly title: string; readonly isNumber: boolean }[];
  readonly rows: readonly (readonly { readonly contentHtml: string; readonly isNumber: boolean }[])[];
  readonly more: string;
}>(`<div class="scroll"><table>
<thead><tr><% for (const column of it.columns) { %><th scope="col"<% if (column.isNumber) { %> class="number"<% } %>><%= column.title %></th><% } %></tr></thead>
<tbody>
<% for (const row of it.rows) { %>
<tr><% for (const cell of row) { %><td<% if (cell.isNumber) { %> class="number"<% } %>><%~ cell.contentHtml %></td><% } %></tr>
<% } %>
</tbody>
</table></div>
<% if (it.more !== '') { %><p class="dim"><%= it.more %></p><% } %>`);
const figureHtml = template<{ readonly title: string; readonly svg: string }>(
  '<figure><figcaption><%= it.title %></figcaption><%~ it.svg %></figure>',
);
const sqlHtml = template<{ readonly sql: string; readonly isVerbatim: boolean }>(
  '<% if (!it.isVerbatim) { %><p class="dim">This holds hidden characters, shown as escapes: take the statement from --format json.</p><% } %><pre><code><%= it.sql %></code></pre>',
);
const detailsHtml = template<{ readonly summaryHtml: string; readonly contentHtml: string }>(
  '<details open="open"><summary><%~ it.summaryHtml %></summary><%~ it.contentHtml %></details>',
);

/** Names stand in `bdi`, so that right-to-left ones disturb nothing around them. */
const partsHtml = template<{ readonly parts: readonly { readonly kind: string; readonly text: string }[] }>(
  `<% for (const part of it.parts) { %><% if (part.kind === 'name') { %><bdi class="name"><%= part.text %></bdi><% } else if (part.kind === 'code') { %><code><%= part.text %></code><% } else if (part.kind === 'strong') { %><strong><%= part.text %></strong><% } else { %><%= part.text %><% } %><% } %>`,
);

function inlineHtml(text: Text): string {
  const parts: readonly Inline[] = typeof text === 'string' ? [text] : text;
  return partsHtml({
    parts: parts.map((part) =>
      typeof part === 'string'
        ? { kind: 'text', text: safeLine(part) }
        : { kind: part.kind, text: part.text === '' ? '(empty)' : safeLine(part.text) },
    ),
  });
}
