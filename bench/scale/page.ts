import { readFileSync, writeFileSync } from 'node:fs';
import { inRepository } from '../../test/support/repository.ts';
import { type Figure, pieces } from './figure.ts';
import { aimOf, cellOf, gridOf, titles } from './table.ts';

const page = 'docs/performance.md';
const begin = '<!-- results: written by npm run bench:scale -- --write -->';
const end = '<!-- end of results -->';

/** Puts the results into the page, over those of the last run. */
export function writeResults(figures: readonly Figure[], about: readonly string[]): void {
  const file = inRepository(page);
  writeFileSync(file, withResults(readFileSync(file, 'utf8'), figures, about));
}

/**
 * The page with the tables of the pieces that were measured; those of others stay. `about` is what was measured on, and is replaced
 * when passes were measured.
 */
export function withResults(before: string, figures: readonly Figure[], about: readonly string[]): string {
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`${page} has no place for results: ${begin} … ${end}`);
  const [aboutBefore = '', ...sections] = before.slice(from + begin.length, to).split(/^(?=### )/m);
  const tables = pieces.flatMap((piece) => {
    const own = figures.filter((figure) => figure.piece === piece);
    const heading = `### ${titles[piece]}\n`;
    return own.length > 0 ? tableOf(heading, own) : (sections.find((text) => text.startsWith(heading)) ?? []);
  });
  const arePassesNew = figures.some(({ piece }) => piece === 'floor' || piece === 'steady');
  const measuredOn = arePassesNew ? about.map((line) => `- ${line}`).join('\n') : aboutBefore;
  const results = [measuredOn, ...tables].map((text) => text.trim()).join('\n\n');
  return `${before.slice(0, from)}${begin}\n\n${results}\n\n${before.slice(to)}`;
}

function tableOf(heading: string, figures: readonly Figure[]): string {
  const { columns, rows } = gridOf(figures);
  return [
    heading,
    `| | ${columns.join(' | ')} | aim |`,
    `|---|${columns.map(() => '---:').join('|')}|---:|`,
    ...rows.map(([what, cells]) => `| ${[what, ...cells.map(cellOf), aimOf(cells)].join(' | ')} |`),
  ].join('\n');
}
