import Table from 'cli-table3';
import { type Figure, isMet, type Piece, told } from './figure.ts';

export const titles: Readonly<Record<Piece, string>> = {
  floor: 'First pass against the floor',
  steady: 'Steady pass against the floor',
  scrape: 'Scrapes',
  memory: 'Memory',
  heap: 'What is in the heap',
  loop: 'Event loop',
  fleet: 'Fleet',
  shapes: 'Detectors on unusual shapes',
};

/** Rows and columns in the order in which they were measured. */
export function gridOf(figures: readonly Figure[]): {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly [what: string, cells: readonly (Figure | undefined)[]])[];
} {
  const columns = [...new Set(figures.map(({ at }) => at))];
  const whats = [...new Set(figures.map(({ what }) => what))];
  return {
    columns,
    rows: whats.map((what) => [
      what,
      columns.map((at) => figures.find((figure) => figure.what === what && figure.at === at)),
    ]),
  };
}

export function cellOf(figure: Figure | undefined): string {
  if (figure === undefined || Number.isNaN(figure.value)) return '–';
  const met = isMet(figure);
  const verdict = met === undefined ? '' : met ? ' (met)' : ' (NOT met)';
  return `${told(figure.value, figure.unit)}${verdict}`;
}

/** What a row was to be, where all of its columns were to be the same; with several, each. */
export function aimOf(cells: readonly (Figure | undefined)[]): string {
  const aims = cells.flatMap((figure) =>
    figure?.aim === undefined ? [] : [`≤ ${told(figure.aim, figure.unit)}`],
  );
  return [...new Set(aims)].join(' / ');
}

export function printed(piece: Piece, figures: readonly Figure[]): string {
  const { columns, rows } = gridOf(figures);
  const table = new Table({
    head: [titles[piece], ...columns, 'aim'],
    style: { head: [], border: [], compact: true },
  });
  for (const [what, cells] of rows) table.push([what, ...cells.map(cellOf), aimOf(cells)]);
  return table.toString();
}
