import { readFileSync, writeFileSync } from 'node:fs';
import { inRepository } from '../../test/support/repository.ts';
import { type Figure, pieces } from './figure.ts';
import { aimOf, cellOf, gridOf, titles } from './table.ts';

const page = 'docs/performance.md';
const begin = '<!-- results: written by npm run bench:scale -- --write -->';
const end = '<!-- end of results -->';

/** The tables of all pieces as Markdown. */
export function resultsMarkdown(figures: readonly Figure[], about: readonly string[]): string {
  const tables = pieces.flatMap((piece) => {
    const { columns, rows } = gridOf(figures.filter((figure) => figure.piece === piece));
    if (rows.length === 0) return [];
    return [
      `### ${titles[piece]}`,
      '',
      `| | ${columns.join(' | ')} | aim |`,
      `|---|${columns.map(() => '---:').join('|')}|---:|`,
      ...rows.map(([what, cells]) => `| ${[what, ...cells.map(cellOf), aimOf(cells)].join(' | ')} |`),
      '',
    ];
  });
  return [...about.map((line) => `- ${line}`), '', ...tables].join('\n');
}

/** Puts the results into the page, over those of the last run. */
export function writeResults(markdown: string): void {
  const file = inRepository(page);
  const before = readFileSync(file, 'utf8');
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`${page} has no place for results: ${begin} … ${end}`);
  writeFileSync(file, `${before.slice(0, from)}${begin}\n\n${markdown}\n${before.slice(to)}`);
}
