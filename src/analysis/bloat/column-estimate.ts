import type { ColumnStatisticsFact } from '../../collectors/column-statistics.ts';
import type { IndexView } from '../catalogue.ts';
import {
  aligned,
  builtPages,
  type LeafContents,
  linePointerBytes,
  naturalPages,
  tupleHeaderBytes,
  tupleHeaderWithNullsBytes,
} from './btree-pages.ts';
import type { BtreeShape } from './btree-shape.ts';
import { about, type Expectation } from './expectation.ts';
import { expectedGroup, group, type Leaves, poissonGroup } from './posting-groups.ts';

/** Why column statistics say nothing of an index, or what they say. */
export type ColumnEstimate =
  | {
      readonly kind: 'expected';
      readonly expectation: Expectation;
      /** Many values are rare and a few are not: n_distinct is then too low by far, and the size expected with it. */
      readonly isHeavyTailed: boolean;
      /** Columns may depend on each other, so that there are fewer distinct keys than their product. */
      readonly isUpperBound: boolean;
    }
  | { readonly kind: 'missing'; readonly column: string };

/** How far the size of a rebuild may be from what statistics say; they are samples. */
const doubt = 0.15;
/** Varlena values up to this length have a header of one byte and are not aligned. */
const shortVarlenaBytes = 127;
/** More nullable columns than this are laid out as if they had no NULLs: every further one doubles the work. */
const nullableColumnsMax = 6;

interface KeyColumn {
  readonly length: number;
  readonly alignment: number;
  readonly statistics: ColumnStatisticsFact;
  readonly nullFraction: number;
}

/**
 * Size of a B-tree after a rebuild from its columns' statistics and the number of entries alone. Sources: index_form_tuple and
 * heap_compute_data_size (indextuple.c, heaptuple.c), nbtdedup.c; groups of equal keys as in a Poisson process. A sample's n_distinct and
 * average width bound what it can be worth.
 */
export function expectFromColumns(
  index: IndexView,
  shape: BtreeShape,
  entries: number,
  blockBytes: number,
): ColumnEstimate {
  const columns: KeyColumn[] = [];
  for (const [place, number] of index.fact.columnNumbers.entries()) {
    const statistics = number === 0 ? index.statistics.get(place + 1) : index.table.statistics.get(number);
    if (statistics === undefined) {
      const name = number === 0 ? 'an expression' : index.table.columns.get(number)?.columnName;
      return { kind: 'missing', column: name ?? `column ${number}` };
    }
    const hasNone = number !== 0 && excludesNulls(index, number);
    columns.push({
      length: index.fact.storedLengths[place] ?? -1,
      alignment: index.fact.storedAlignments[place] ?? 1,
      statistics,
      nullFraction: hasNone ? 0 : statistics.nullFraction,
    });
  }
  const contents = shape.deduplicates
    ? mergedContents(columns, entries, index.table.rows ?? entries, shape)
    : plainContents(columns, entries);
  const size = builtPages(contents, shape.fillFactor, blockBytes) * blockBytes;
  return {
    kind: 'expected',
    expectation: {
      ...about(size, doubt),
      naturalBytes: naturalPages(contents, shape.fillFactor, blockBytes) * blockBytes,
    },
    isHeavyTailed: shape.deduplicates && columns.length === 1 && columns.every(isHeavyTailed),
    isUpperBound: shape.deduplicates && columns.length > 1,
  };
}

/** `WHERE a IS NOT NULL` and the column's own NOT NULL leave no NULLs in the index. */
function excludesNulls(index: IndexView, number: number): boolean {
  const column = index.table.columns.get(number);
  if (column === undefined) return false;
  return column.isNotNull || index.predicate?.includes(`${column.columnName} IS NOT NULL`) === true;
}

/** Each combination of NULL and present columns, with its probability; NULLs of different columns are taken for independent. */
function* layouts(columns: readonly KeyColumn[]): Generator<{
  readonly share: number;
  readonly present: readonly KeyColumn[];
}> {
  const nullable = columns.filter((column) => column.nullFraction > 0).slice(0, nullableColumnsMax);
  for (let bits = 0; bits < 2 ** nullable.length; bits += 1) {
    const isNull = (column: KeyColumn) => {
      const place = nullable.indexOf(column);
      return place >= 0 && (bits & (1 << place)) !== 0;
    };
    let share = 1;
    for (const column of nullable) share *= isNull(column) ? column.nullFraction : 1 - column.nullFraction;
    if (share > 0) yield { share, present: columns.filter((column) => !isNull(column)) };
  }
}

/** Sizes that tuples of a layout have, header and padding included, with their probabilities. */
function tupleSizes(
  present: readonly KeyColumn[],
  hasNulls: boolean,
): readonly (readonly [share: number, bytes: number])[] {
  const header = hasNulls ? tupleHeaderWithNullsBytes : tupleHeaderBytes;
  const variable = present.filter((column) => column.length < 0);
  const spread = variable.length === 0 ? [[1, 0] as const] : widthSpread(variable);
  const sizes = new Map<number, number>();
  for (const [share, deviation] of spread) {
    let bytes = header;
    for (const column of present) bytes = placed(bytes, column, deviation / Math.max(1, variable.length));
    sizes.set(aligned(bytes), (sizes.get(aligned(bytes)) ?? 0) + share);
  }
  return [...sizes].map(([bytes, share]) => [share, bytes]);
}

function placed(bytes: number, column: KeyColumn, deviation: number): number {
  if (column.length > 0) return Math.ceil(bytes / column.alignment) * column.alignment + column.length;
  const width = Math.max(1, column.statistics.averageWidthBytes + deviation);
  // A long value has a header of four bytes, which its average width counts.
  const start = width > shortVarlenaBytes && column.length === -1 ? Math.ceil(bytes / 4) * 4 : bytes;
  return start + width;
}

/** How values of variable width lie around their average: short ones (numbers, addresses) close, others within half an alignment. */
function widthSpread(
  variable: readonly KeyColumn[],
): readonly (readonly [share: number, deviation: number])[] {
  if (variable.every((column) => column.statistics.averageWidthBytes <= 12))
    return [
      [0.25, -1],
      [0.5, 0],
      [0.25, 1],
    ];
  return [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5].map((deviation) => [1 / 8, deviation]);
}

function plainContents(columns: readonly KeyColumn[], entries: number): LeafContents {
  let bytes = 0;
  const sizes = new Set<number>();
  for (const { share, present } of layouts(columns)) {
    for (const [part, size] of tupleSizes(present, present.length < columns.length)) {
      bytes += entries * share * part * (size + linePointerBytes);
      sizes.add(size);
    }
  }
  return { items: entries, bytes, isUniform: sizes.size === 1, posting: undefined };
}

function mergedContents(
  columns: readonly KeyColumn[],
  entries: number,
  tableRows: number,
  shape: BtreeShape,
): LeafContents {
  const sizes = new Set<number>();
  const total = { items: 0, bytes: 0 };
  const add = (groups: number, leaves: Leaves): void => {
    total.items += groups * leaves.items;
    total.bytes += groups * leaves.bytes;
  };
  const combinations = [...layouts(columns)];
  const [only] = columns;
  for (const { share, present } of combinations) {
    const rows = entries * share;
    for (const [part, size] of tupleSizes(present, present.length < columns.length)) {
      sizes.add(size);
      if (present.length === 0) add(part, group(rows, size));
      else if (columns.length === 1 && only !== undefined) {
        // Frequencies are shares of the table's rows, of which an index without NULLs holds fewer.
        const { nullFraction } = only.statistics;
        const scale = only.nullFraction < nullFraction ? 1 / (1 - nullFraction) : 1;
        const commonFrequencies = only.statistics.commonFrequencies.map((frequency) => frequency * scale);
        for (const frequency of commonFrequencies) add(part, group(entries * frequency, size));
        const commonShare = commonFrequencies.reduce((sum, frequency) => sum + frequency, 0);
        const rest = Math.max(0, entries * (share - commonShare));
        const others = Math.max(1, distinctValues(only, tableRows) - commonFrequencies.length);
        const groups = Math.min(others, rest);
        if (rest > 0) add(part * groups, expectedGroup(rest / groups, size));
      } else {
        const distinct = present.reduce((product, column) => product * distinctValues(column, tableRows), 1);
        // Keys that no row has are no groups: with more combinations than rows most rows are alone.
        const mean = rows / distinct;
        add(part * distinct, poissonGroup(mean, size));
      }
    }
  }
  // Where hardly any key occurs twice, pages fill as without posting lists.
  const areSingle = total.items > 0.99 * entries;
  return {
    items: total.items,
    bytes: total.bytes,
    isUniform: areSingle && sizes.size === 1,
    posting: areSingle ? undefined : { baseBytes: shape.baseTupleBytes },
  };
}

function distinctValues(column: KeyColumn, tableRows: number): number {
  const { distinctValues: distinct } = column.statistics;
  return Math.max(1, distinct < 0 ? -distinct * tableRows : distinct);
}

function isHeavyTailed(column: KeyColumn): boolean {
  const { commonFrequencies, distinctValues: distinct, nullFraction } = column.statistics;
  if (commonFrequencies.length === 0 || distinct <= 0) return false;
  const rest = 1 - nullFraction - commonFrequencies.reduce((sum, frequency) => sum + frequency, 0);
  const others = distinct - commonFrequencies.length;
  return rest > 0.05 && (others <= 0 || Math.min(...commonFrequencies) > (5 * rest) / others);
}
