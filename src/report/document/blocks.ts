import type { BarChart } from '../chart/bars.ts';

/** A piece of a line. What is not a plain string is a name or a statement that strangers may have chosen. */
export type Inline = string | { readonly kind: 'name' | 'code' | 'strong'; readonly text: string };

/** One line of text. */
export type Text = string | readonly Inline[];

export interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
}

/** What a section says, in a form that every format can show. Made from the section's facts and nothing else. */
export type Block =
  | { readonly kind: 'paragraph'; readonly text: Text }
  | { readonly kind: 'list'; readonly items: readonly Text[]; readonly isOrdered?: boolean }
  | {
      readonly kind: 'table';
      readonly columns: readonly Column[];
      readonly rows: readonly (readonly Text[])[];
      /** Rows that were left out, and what they are: `indexes`. */
      readonly leftOut?: { readonly count: number; readonly what: string };
    }
  | { readonly kind: 'chart'; readonly chart: BarChart }
  | { readonly kind: 'sql'; readonly sql: string }
  | { readonly kind: 'heading'; readonly text: Text }
  /** Folded where the format can fold. */
  | { readonly kind: 'details'; readonly summary: Text; readonly blocks: readonly Block[] };

export const name = (text: string): Inline => ({ kind: 'name', text });
export const code = (text: string): Inline => ({ kind: 'code', text });
export const strong = (text: string): Inline => ({ kind: 'strong', text });

export const paragraph = (...text: readonly Inline[]): Block => ({ kind: 'paragraph', text });
export const list = (items: readonly Text[]): Block => ({ kind: 'list', items });
export const heading = (text: Text): Block => ({ kind: 'heading', text });

/** Rows that a person reads; JSON has them all. */
export const rowsShownMax = 100;

/**
 * A table of the first rows, `!` before a column's title for one of numbers; nothing where there are no rows.
 */
export function table<Row>(
  titles: readonly string[],
  rows: readonly Row[],
  cells: (row: Row) => readonly Text[],
  { what = 'rows', max = rowsShownMax }: { readonly what?: string; readonly max?: number } = {},
): readonly Block[] {
  if (rows.length === 0) return [];
  const left = rows.length - max;
  return [
    {
      kind: 'table',
      columns: titles.map((title) =>
        title.startsWith('!') ? { title: title.slice(1), isNumber: true } : { title },
      ),
      rows: rows.slice(0, max).map(cells),
      ...(left > 0 ? { leftOut: { count: left, what } } : {}),
    },
  ];
}

/** A table that is folded away where it is long. */
export function foldedTable<Row>(
  summary: Text,
  titles: readonly string[],
  rows: readonly Row[],
  cells: (row: Row) => readonly Text[],
  options: { readonly what?: string; readonly max?: number } = {},
): readonly Block[] {
  const blocks = table(titles, rows, cells, options);
  return rows.length > foldedAbove ? [{ kind: 'details', summary, blocks }] : blocks;
}

const foldedAbove = 25;

/** A chart; nothing where it would compare nothing. */
export const chart = (bars: BarChart): readonly Block[] =>
  bars.bars.filter(({ value }) => value > 0).length < 2 ? [] : [{ kind: 'chart', chart: bars }];
