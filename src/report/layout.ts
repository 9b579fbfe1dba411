import { stripVTControlCharacters } from 'node:util';
import { displayWidth } from './text.ts';

/**
 * Joins cells of lines already wrapped into columns, two spaces apart, without borders; trailing space goes. By hand,
 * since table libraries measure every cell again and take a second for a thousand findings, which is all that a
 * check may take beside reading the catalogue. Expects safe text, which our own colours may surround.
 */
export function columnsOf(rows: readonly (readonly string[])[]): readonly string[] {
  const split = rows.map((row) => row.map((cell) => cell.split('\n')));
  const widths: number[] = [];
  for (const row of split) {
    for (const [column, lines] of row.entries())
      widths[column] = Math.max(widths[column] ?? 0, ...lines.map(shownWidth));
  }
  return split.flatMap((row) => {
    const height = Math.max(1, ...row.map((lines) => lines.length));
    return Array.from({ length: height }, (_, line) =>
      widths
        .map((width, column) => padded(row[column]?.[line] ?? '', width))
        .join('  ')
        .trimEnd(),
    );
  });
}

const shownWidth = (text: string): number => displayWidth(stripVTControlCharacters(text));

const padded = (text: string, width: number): string =>
  `${text}${' '.repeat(Math.max(0, width - shownWidth(text)))}`;
