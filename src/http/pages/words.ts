import type { Confidence, Finding, FindingState, Origin, Severity } from '../../model/finding.ts';
import { humaneBytes, humaneCount, humaneDuration } from '../../model/units.ts';
import { safeBlock, safeLine } from '../../report/text.ts';
import { Html, template } from './html.ts';

/*
 * Values in words: every page says sizes, times and names in the same way, and what is unknown is never a number.
 */

const unknownHtml = new Html('<span class="dim">unknown</span>');

/** A name from a database: hidden characters are shown as escapes, and right-to-left ones disturb nothing around them. */
export const nameHtml = (text: string): Html => namedHtml({ text: text === '' ? '(empty)' : safeLine(text) });
const namedHtml = template<{ readonly text: string }>('<bdi class="name"><%= it.text %></bdi>');

/** A sentence that may hold names from a database. */
export const sentenceHtml = (text: string): Html => sentence({ text: safeLine(text) });
const sentence = template<{ readonly text: string }>('<bdi><%= it.text %></bdi>');

/** Code on one line. */
export const codeHtml = (text: string): Html => code({ text: safeLine(text) });
const code = template<{ readonly text: string }>('<code><bdi><%= it.text %></bdi></code>');

/** `server/database`. */
export const targetHtml = (of: { readonly server: string; readonly datname: string }): Html =>
  nameHtml(`${of.server}/${of.datname}`);

/** Lines of code, their hidden characters made visible. */
export const blockText = (text: string): string => safeBlock(text);

export const bytesHtml = (bytes: number | null | undefined): Html =>
  bytes === null || bytes === undefined
    ? unknownHtml
    : exact({ shown: humaneBytes(bytes), title: `${humaneCount(bytes)} bytes` });
export const countHtml = (count: number | null | undefined): Html =>
  count === null || count === undefined
    ? unknownHtml
    : exact({ shown: humaneCount(count), title: String(count) });
export const durationHtml = (spanMs: number | null | undefined): Html =>
  spanMs === null || spanMs === undefined
    ? unknownHtml
    : exact({ shown: humaneDuration(spanMs), title: `${humaneCount(spanMs)} ms` });
const exact = template<{ readonly shown: string; readonly title: string }>(
  '<span title="<%= it.title %>"><%= it.shown %></span>',
);

/** An instant: in UTC as it stands, in the viewer's zone where scripts run; UTC stays in its title. */
export function timeHtml(at: number | string | null | undefined): Html {
  if (at === null || at === undefined) return unknownHtml;
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return unknownHtml;
  const iso = date.toISOString();
  return time({ iso, shown: `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC` });
}
const time = template<{ readonly iso: string; readonly shown: string }>(
  '<time datetime="<%= it.iso %>" title="<%= it.iso.slice(0, 19).replace("T", " ") %> UTC"><%= it.shown %></time>',
);

const severityMarks: Readonly<Record<Severity, string>> = { critical: '◆', warning: '▲', info: '●' };
/** A word and a shape of its own beside the colour. */
export const severityHtml = (severity: Severity): Html =>
  badge({ sort: severity, mark: severityMarks[severity], word: severity });
const confidenceMarks: Readonly<Record<Confidence, string>> = {
  proven: '●●●',
  likely: '●●○',
  possible: '●○○',
};
export const confidenceHtml = (confidence: Confidence): Html =>
  badge({ sort: 'plain', mark: confidenceMarks[confidence], word: confidence });
export const stateHtml = (state: FindingState): Html =>
  badge({ sort: 'plain', mark: { open: '○', muted: '–', resolved: '✓' }[state], word: state });
/** Whether something answers. */
export const upHtml = (isUp: boolean, words: { readonly up: string; readonly down: string }): Html =>
  badge({ sort: isUp ? 'good' : 'critical', mark: isUp ? '✓' : '✗', word: isUp ? words.up : words.down });
/** A badge with a shape and a word; `plain`, `good`, `info`, `warning` and `critical` have colours. */
export const badgeHtml = (sort: 'plain' | 'good' | Severity, mark: string, word: string): Html =>
  badge({ sort, mark, word });
const badge = template<{ readonly sort: string; readonly mark: string; readonly word: string }>(
  '<span class="badge <%= it.sort %>"><span aria-hidden="true"><%= it.mark %></span> <%= it.word %></span>',
);

/** What a confidence means, for somebody who has to act on it. */
export const confidenceMeaning: Readonly<Record<Confidence, string>> = {
  proven: 'it follows from the structure of the database, and does not depend on how long it was watched',
  likely: 'the counters and the time they cover speak for it; a rare use may have been missed',
  possible: 'something that would settle it could not be seen, or has not been watched long enough',
};
export const originMeaning: Readonly<Record<Origin, string>> = {
  baseline: 'there at the first look',
  new: 'came after the first look',
};

/** Where the page of a finding is. */
export const findingPath = ({ id }: Pick<Finding, 'id'>): string => `/findings/${encodeURIComponent(id)}`;
