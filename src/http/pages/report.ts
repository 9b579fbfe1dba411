import { humaneDuration } from '../../model/units.ts';
import { usualWindow, windowMsOf } from '../api/report.ts';
import { badRequest } from '../problem.ts';
import { joined, noticeHtml, paragraphHtml, sectionHtml } from './components.ts';
import { type Html, nothing, template } from './html.ts';
import { aPage, aProblem, type PageHandler, type PageSources } from './serve.ts';

const windows = ['7d', '30d', '90d', '365d'] as const;

/** `/report`: the report to read, to print and to take away. It is made when it is asked for. */
export function reportPage({ generations, waitingFor }: PageSources): PageHandler {
  return ({ query }) => {
    const since = query.get('since') ?? usualWindow;
    const windowMs = windowMsOf(since);
    if (windowMs === undefined) return aProblem(badRequest('since must be a time to look back, such as 30d'));
    const waiting = waitingFor().length;
    return aPage({
      title: 'Report',
      place: '/report',
      content: joined([
        heading({}),
        generations().length === 0
          ? paragraphHtml('Nothing has been collected yet, so there is nothing to report.')
          : joined([
              waiting > 0
                ? noticeHtml(
                    'info',
                    'Not everything has been looked at for the first time yet: the report says what is missing.',
                  )
                : nothing,
              choice({ windows: windowOptions(since) }),
              links(since, humaneDuration(windowMs)),
            ]),
        sectionHtml('contents', 'What is in it', contents({})),
      ]),
    });
  };
}

const heading = template<object>(
  '<h1>Report</h1>\n<p>Everything about all indexes in one document, from the newest look at each database and what is kept: for a review, a ticket, or somebody who has no access here.</p>\n',
);

const windowOptions = (since: string) => {
  const known: readonly string[] = windows;
  return [...(known.includes(since) ? [] : [since]), ...windows].map((value) => ({
    value,
    words: humaneDuration(windowMsOf(value) ?? 0),
    isChosen: value === since,
  }));
};

const choice = template<{ readonly windows: ReturnType<typeof windowOptions> }>(
  `<form method="get" action="/report" class="narrow"><div class="row"><p><label for="report-since">Look back</label><select id="report-since" name="since"><% for (const option of it.windows) { %><option value="<%= option.value %>"<% if (option.isChosen) { %> selected<% } %>><%= option.words %></option><% } %></select></p><button type="submit" class="plain">Set</button></div></form>
`,
);

function links(since: string, words: string): Html {
  const path = (format: string, isDownload: boolean): string =>
    `/api/v1/report?${new URLSearchParams({ format, since, ...(isDownload ? { download: 'true' } : {}) })}`;
  return sectionHtml(
    'read',
    `The report, of the last ${words}`,
    linkList({
      read: path('html', false),
      html: path('html', true),
      markdown: path('markdown', true),
      json: path('json', true),
    }),
  );
}
const linkList = template<{
  readonly read: string;
  readonly html: string;
  readonly markdown: string;
  readonly json: string;
}>(`<p class="row"><a class="button" href="<%= it.read %>">Read it, with charts</a> <a class="button plain" href="<%= it.html %>" download>Download HTML</a> <a class="button plain" href="<%= it.markdown %>" download>Download Markdown</a> <a class="button plain" href="<%= it.json %>" download>Download JSON</a></p>
<p class="dim">The page prints well. Of a large fleet it takes some seconds to make; the same is made by <code>indexwarden report</code> without a daemon.</p>
`);

const contents = template<object>(`<ul>
<li>The few actions that give most, and what they give.</li>
<li>Tables and indexes with sizes and use; duplicates, disuse, bloat, missing indexes and foreign keys.</li>
<li>Settings, what is due for ANALYZE or REINDEX, what changed.</li>
<li>What could not be seen: nothing that was not looked at is reported as healthy.</li>
</ul>
<p><a href="/docs/report.md">What each section rests on</a>.</p>
`);
