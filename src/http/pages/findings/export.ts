import { once } from 'node:events';
import { setImmediate as otherWork } from 'node:timers/promises';
import type { RequestHandler, Response } from 'express';
import type { Finding } from '../../../model/finding.ts';
import { safeBlock } from '../../../report/text.ts';
import { badRequest, sendProblem } from '../../problem.ts';
import { queryOf } from '../../query.ts';
import type { PageSources } from '../serve.ts';
import { admits, readAsked } from './asked.ts';
import { createSorter } from './order.ts';

type Sorter = ReturnType<typeof createSorter>;

/** Findings that are written in one go, before others get their turn. */
const atOnce = 200;

/** `/findings.csv` and `/findings.json`: all findings that the same address without the ending lists. */
export function exportFindings(
  { generations, now }: PageSources,
  format: 'csv' | 'json',
  sorted: Sorter = createSorter(),
): RequestHandler {
  return async (request, response) => {
    const asked = readAsked(queryOf(request.url));
    if (!asked.ok) return sendProblem(response, badRequest(asked.error));
    const list = sorted(generations(), asked.value.sort, asked.value.isGrouped)
      .map(({ finding }) => finding)
      .filter(admits(asked.value));
    // Nothing of what is asked for goes into the name: it may hold anything.
    const day = new Date(now()).toISOString().slice(0, 10);
    response.set({
      'Cache-Control': 'no-store',
      'Content-Disposition': `attachment; filename="indexwarden-findings-${day}.${format}"`,
    });
    if (format === 'csv') {
      response.type('text/csv; charset=utf-8');
      await write(response, list, { start: csvLine(csvColumns.map(([title]) => title)), end: '' }, csvOf);
    } else {
      response.type('application/json');
      await write(response, list, { start: '[\n', end: '\n]\n' }, jsonOf);
    }
  };
}

async function write(
  response: Response,
  findings: readonly Finding[],
  around: { readonly start: string; readonly end: string },
  lineOf: (finding: Finding, place: number) => string,
): Promise<void> {
  response.write(around.start);
  for (let from = 0; from < findings.length && !response.destroyed; from += atOnce) {
    const lines = findings.slice(from, from + atOnce).map((finding, place) => lineOf(finding, from + place));
    // A slow reader is waited for; one that has gone is not.
    if (!response.write(lines.join('')))
      await Promise.race([once(response, 'drain'), once(response, 'close')]);
    await otherWork();
  }
  response.end(around.end);
}

const jsonOf = (finding: Finding, place: number): string =>
  `${place === 0 ? '' : ',\n'}${JSON.stringify(finding)}`;

const csvColumns: readonly (readonly [string, (finding: Finding) => string | number | null])[] = [
  ['id', ({ id }) => id],
  ['kind', ({ kind }) => kind],
  ['severity', ({ severity }) => severity],
  ['confidence', ({ confidence }) => confidence],
  ['state', ({ state }) => state],
  ['origin', ({ origin }) => origin],
  ['server', ({ server }) => server],
  ['datname', ({ datname }) => datname],
  ['schemaname', ({ schemaname }) => schemaname],
  ['relname', ({ relname }) => relname],
  ['indexrelname', ({ indexrelname }) => indexrelname],
  ['title', ({ title }) => title],
  ['reclaimable_bytes', ({ impact }) => impact.reclaimableBytes],
  ['first_seen', ({ firstSeen }) => firstSeen],
  ['last_seen', ({ lastSeen }) => lastSeen],
  ['fix_sql', ({ fix }) => fix.sql],
  ['caveats', ({ caveats }) => caveats.join(' | ')],
];

const csvOf = (finding: Finding): string => csvLine(csvColumns.map(([, read]) => read(finding)));

const csvLine = (values: readonly (string | number | null)[]): string =>
  `${values.map(csvCell).join(',')}\r\n`;

/** What a spreadsheet would take for a formula, also behind spaces and in the wide forms of Asian keyboards. */
const formula = /^[\s\uFEFF]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20\t\r|%]/u;

/** A cell (RFC 4180). What would be a formula gets an apostrophe in front, which makes it text; hidden characters become visible. */
export function csvCell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const shown = safeBlock(value);
  return `"${(formula.test(shown) ? `'${shown}` : shown).replaceAll('"', '""')}"`;
}
