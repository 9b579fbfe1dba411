import { eventKinds, type KeptEvent } from '../../model/event.ts';
import { safeLine } from '../../report/text.ts';
import { eventFilters, readEvents } from '../api/events.ts';
import { createQueryReader } from '../api/list.ts';
import { badRequest } from '../problem.ts';
import { joined, linkHtml, noticeHtml, tableHtml } from './components.ts';
import { withoutEmpty } from './findings/asked.ts';
import { type Html, nothing, template } from './html.ts';
import { aPage, aProblem, type PageHandler, type PageSources } from './serve.ts';
import { nameHtml, sentenceHtml, targetHtml, timeHtml } from './words.ts';

const pageSize = 50;

/** `/events`: the diary, newest first. */
export function eventsPage({ generations, diary, now, log }: PageSources): PageHandler {
  const read = createQueryReader('events', eventFilters, { pageSizeMax: pageSize });
  return async ({ query }) => {
    const canonical = withoutEmpty(query);
    if (canonical.size !== query.size)
      return { kind: 'redirect', to: canonical.size === 0 ? '/events' : `/events?${canonical}` };
    const asked = read(query);
    if (!asked.ok) return aProblem(badRequest(asked.error));
    const page = await readEvents(diary, { ...asked.value, limit: pageSize }).catch((caught: unknown) => {
      log.error({ event: 'diary-unread', error: String(caught) }, 'events could not be read for a page');
      return undefined;
    });
    if (page === undefined) return aProblem(diaryUnread);
    const targets = generations().map(({ target }) => target);
    const isFirst = !query.has('cursor');
    const isFiltered = [...query.keys()].some((name) => name !== 'cursor');
    return aPage({
      title: 'Events',
      place: '/events',
      content: joined([
        heading({ now: timeHtml(now()) }),
        filterForm({
          fields: [
            field('server', 'Server', [...new Set(targets.map(({ server }) => server))], query),
            field('datname', 'Database', [...new Set(targets.map(({ datname }) => datname))], query),
            field('kind', 'Kind', eventKinds, query),
          ],
          isFiltered,
        }),
        listed({
          follow: isFirst ? `/api/v1/events/stream${canonical.size === 0 ? '' : `?${canonical}`}` : undefined,
          kinds: eventKinds.join(' '),
          content:
            page.events.length === 0
              ? emptyHtml(isFiltered, page.next !== undefined)
              : eventsTable(page.events),
        }),
        pager({
          first: isFirst ? undefined : `/events${withCursor(query, undefined)}`,
          next: page.next === undefined ? undefined : `/events${withCursor(query, page.next)}`,
        }),
      ]),
    });
  };
}

const diaryUnread = {
  status: 503,
  title: 'The diary cannot be read now',
  detail: "events are kept in the daemon's store, which did not answer",
};

function withCursor(query: URLSearchParams, cursor: string | undefined): string {
  const next = withoutEmpty(query);
  if (cursor === undefined) next.delete('cursor');
  else next.set('cursor', cursor);
  return next.size === 0 ? '' : `?${next}`;
}

const heading = template<{ readonly now: Html }>(
  '<h1>Events</h1>\n<p>What happened to findings, indexes, statistics and nodes, newest first. As of <%= it.now %>.</p>\n',
);

interface Field {
  readonly name: string;
  readonly label: string;
  readonly options: readonly { readonly value: string; readonly shown: string; readonly isChosen: boolean }[];
}

function field(name: string, label: string, values: readonly string[], query: URLSearchParams): Field {
  const chosen = query.get(name) ?? '';
  const all = values.includes(chosen) || chosen === '' ? values : [...values, chosen];
  return {
    name,
    label,
    options: ['', ...all].map((value) => ({
      value,
      shown: value === '' ? 'any' : safeLine(value),
      isChosen: value === chosen,
    })),
  };
}

const filterForm = template<{ readonly fields: readonly Field[]; readonly isFiltered: boolean }>(
  `<form class="filters" method="get" action="/events" role="search" aria-label="Events">
<% for (const field of it.fields) { %>
<div><label for="filter-<%= field.name %>"><%= field.label %></label>
<select id="filter-<%= field.name %>" name="<%= field.name %>"><% for (const option of field.options) { %><option value="<%= option.value %>"<% if (option.isChosen) { %> selected<% } %>><%= option.shown %></option><% } %></select></div>
<% } %>
<div class="row"><button type="submit">Show</button><% if (it.isFiltered) { %> <a href="/events">Show all</a><% } %></div>
</form>
`,
);

const listed = template<{
  readonly follow: string | undefined;
  readonly kinds: string;
  readonly content: Html;
}>(
  '<div id="events"<% if (it.follow) { %> data-follow="<%= it.follow %>" data-kinds="<%= it.kinds %>"<% } %>>\n<%= it.content %>\n</div>\n',
);

const eventsTable = (events: readonly KeptEvent[]): Html =>
  tableHtml({
    label: 'Events',
    columns: [
      { title: 'When' },
      { title: 'Kind', isName: true },
      { title: 'What happened', isWide: true },
      { title: 'Database', isName: true },
      { title: 'Node', isName: true },
    ],
    rows: events.map((event) => [
      timeHtml(event.atMs),
      event.kind,
      event.findingId === null
        ? sentenceHtml(shortened(event.title))
        : linkHtml(`/findings/${encodeURIComponent(event.findingId)}`, sentenceHtml(shortened(event.title))),
      targetHtml(event),
      event.node === null ? nothing : nameHtml(event.node),
    ]),
  });

const titleCharactersMax = 300;
const shortened = (title: string): string =>
  title.length <= titleCharactersMax ? title : `${title.slice(0, titleCharactersMax)}…`;

const emptyHtml = (isFiltered: boolean, hasMore: boolean): Html =>
  noticeHtml(
    'info',
    hasMore
      ? 'Nothing among the newest events fits; older ones are on the next page.'
      : isFiltered
        ? 'No event fits what is asked for.'
        : 'Nothing has happened since this daemon keeps a diary: that begins with its first look.',
  );

const pager = template<{ readonly first: string | undefined; readonly next: string | undefined }>(
  `<% if (it.first || it.next) { %><nav aria-label="Pages"><p class="row">
<% if (it.first) { %><a href="<%= it.first %>">Newest events</a><% } %>
<% if (it.next) { %><a href="<%= it.next %>" rel="next">Older events</a><% } %>
</p></nav><% } %>`,
);
