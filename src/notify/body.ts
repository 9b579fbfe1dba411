import { createHmac, hash } from 'node:crypto';
import type { EventKind } from '../model/event.ts';
import { assertNever } from '../model/result.ts';
import { counted, humaneBytes } from '../model/units.ts';
import type { Message } from './message.ts';

export type Format = 'json' | 'slack';

/** The text that is posted. It holds names and facts of indexes, nothing of how they are reached. */
export function bodyOf(message: Message, format: Format): string {
  switch (format) {
    case 'json':
      return JSON.stringify(jsonOf(message));
    case 'slack':
      return JSON.stringify({ text: slackText(message), mrkdwn: false });
    default:
      return assertNever(format);
  }
}

/** Raised when a key of the JSON body changes its meaning or goes; not when one is added. */
const bodyVersion = 1;

function jsonOf({ firstAtMs, lastAtMs, ...message }: Message): object {
  return {
    version: bodyVersion,
    ...message,
    title: headline({ firstAtMs, lastAtMs, ...message }),
    firstAt: new Date(firstAtMs).toISOString(),
    lastAt: new Date(lastAtMs).toISOString(),
  };
}

/** What a message tells of when it tells of one and of more. */
const subjects: Readonly<Record<EventKind, readonly [one: string, more: string]>> = {
  'finding-opened': ['new finding', 'new findings'],
  'findings-opened-together': ['new finding', 'new findings'],
  'finding-resolved': ['finding resolved', 'findings resolved'],
  'finding-reopened': ['finding is back', 'findings are back'],
  'finding-worsened': ['finding has become worse', 'findings have become worse'],
  'mute-set': ['finding muted', 'findings muted'],
  'mute-lifted': ['finding no longer muted', 'findings no longer muted'],
  'mute-expired': ['mute expired', 'mutes expired'],
  'index-created': ['index created', 'indexes created'],
  'index-dropped': ['index dropped', 'indexes dropped'],
  'index-changed': ['index changed', 'indexes changed'],
  'index-rebuilt': ['index rebuilt', 'indexes rebuilt'],
  'index-used-again': ['index is used again', 'indexes are used again'],
  'index-stopped-being-used': ['index is no longer used', 'indexes are no longer used'],
  'statistics-reset': ['reset of statistics', 'resets of statistics'],
  'observation-gap': ['gap in what was observed', 'gaps in what was observed'],
  'node-lost': ['node lost', 'nodes lost'],
  'node-returned': ['node is back', 'nodes are back'],
  'probe-plan-changed': ['watched query with another plan', 'watched queries with other plans'],
};

/** `main: 3 new findings, duplicate-index (warning), 1.2 GiB could be freed`. */
export function headline({ server, event, kind, severity, count, reclaimableBytes }: Message): string {
  const [one, more] = subjects[event];
  const about = kind === null ? '' : `, ${kind}${severity === null ? '' : ` (${severity})`}`;
  const isToFree = reclaimableBytes > 0 && event !== 'finding-resolved';
  const freed = isToFree ? `, ${humaneBytes(reclaimableBytes)} could be freed` : '';
  return `${server}: ${counted(count, one, more)}${about}${freed}`;
}

/** Slack refuses texts above 40,000 characters and cuts at 4,000; a title is never longer than a few names. */
const titleCharactersMax = 400;

function slackText(message: Message): string {
  const lines = message.top.map(({ datname, title }) => `• ${datname}: ${plain(title)}`);
  const others = message.count - message.top.length;
  const rest = others > 0 ? [`… and ${counted(others, 'other')}`] : [];
  return [plain(headline(message)), ...lines.map(plainLine), ...rest].join('\n');
}

/** Names come from strangers: one line, and nothing that Slack would take for a mention, a link or a channel. */
const plain = (text: string): string => {
  const line = text.replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ');
  return line.length > titleCharactersMax ? `${line.slice(0, titleCharactersMax - 1)}…` : line;
};

const plainLine = (line: string): string =>
  line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/**
 * Headers of one attempt. The signature is HMAC-SHA256 over `<timestamp>.<body>`, in hex, so that a receiver can refuse what is
 * forged or old; the delivery's id stays the same over all attempts, so that it can pass over what it has seen.
 */
export function headersOf(
  body: string,
  signingKey: string | undefined,
  atMs: number,
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(atMs / 1_000));
  return {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
    'User-Agent': 'indexwarden',
    'X-Indexwarden-Delivery': hash('sha256', body).slice(0, 32),
    'X-Indexwarden-Timestamp': timestamp,
    ...(signingKey === undefined
      ? {}
      : { 'X-Indexwarden-Signature': `v1=${signatureOf(body, signingKey, timestamp)}` }),
  };
}

export const signatureOf = (body: string, signingKey: string, timestamp: string): string =>
  createHmac('sha256', signingKey).update(`${timestamp}.${body}`).digest('hex');
