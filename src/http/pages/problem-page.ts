import type { Problem } from '../problem.ts';
import { template } from './html.ts';
import { renderPage } from './page.ts';
import { sentenceHtml } from './words.ts';

const content = template<{
  readonly title: string;
  readonly detail: unknown;
  readonly advice: string;
  readonly status: number;
  readonly requestId: string;
}>(`<h1><%= it.title %></h1>
<p><%= it.detail %></p>
<p><%= it.advice %></p>
<p class="row"><a class="button" href="/">Overview</a> <a class="button plain" href="/findings">Findings</a> <a class="button plain" href="/docs/">Documentation</a></p>
<p class="dim">Status <%= it.status %>, request <code><%= it.requestId %></code>: the daemon's log has it under this id.</p>
`);

/** An error for somebody in front of a browser: what happened, and what to do. */
export function problemPage(problem: Problem, requestId: string): string {
  const { status, title, detail } = problem;
  return renderPage({
    title,
    content: content({
      title,
      detail: sentenceHtml(sentenceOf(detail)),
      advice: adviceFor(status),
      status,
      requestId,
    }),
  });
}

function adviceFor(status: number): string {
  switch (status) {
    case 400:
      return 'Go back and change what was asked for, or begin again from one of these pages.';
    case 401:
    case 403:
      return 'Sign in as somebody who may do this, or ask who runs this daemon.';
    case 404:
      return 'The link may be old: findings that were resolved long ago are forgotten, and databases come and go.';
    case 429:
      return 'Wait as long as it says, then load the page again.';
    case 503:
      return "Load the page again in a minute. If this stays, the daemon's log says why.";
    default:
      return status >= 500
        ? 'Load the page again. If this stays, report it with the request below.'
        : 'Begin again from one of these pages.';
  }
}

const sentenceOf = (detail: string): string => {
  const text = detail.replace(/^./u, (first) => first.toUpperCase());
  return /[.!?]$/.test(text) ? text : `${text}.`;
};
