import type { Catalogue, IndexView, TableView } from '../../analysis/catalogue.ts';
import { defaultClass } from '../../analysis/hypothetical-index.ts';
import { isUsable } from '../../analysis/index-identity.ts';
import { distinctValues } from '../low-selectivity-index/detector.ts';
import { type Argument, columnsOf } from './arguments.ts';

/** Index columns that serve a statement, and the share of the table's rows that those compared by equality leave. */
export interface Chosen {
  readonly columns: readonly string[];
  /** 0 to 1; undefined where the planner statistics do not say. */
  readonly matchedShare: number | undefined;
}

/** A longer index serves few statements more and is written to just as often. */
const columnsMax = 3;
/** So few rows are read as quickly as sorted: no further column is needed. */
const fewRows = 10;

/**
 * The columns of an index that would serve the statement: those compared by equality first, the ones with the most distinct values
 * before others and only as many as it takes, then one of a range or of the order; undefined where there is none to begin with.
 */
export function chooseColumns(
  { equality, range, join, order }: Argument,
  table: TableView,
  catalogue: Catalogue,
): Chosen | undefined {
  const isIndexable = indexable(table, catalogue);
  const equal = (equality.length > 0 ? equality : join).filter(isIndexable);
  const shares = new Map(equal.map((column) => [column, shareOf(column, table, catalogue)]));
  const bySelectivity = equal.toSorted((a, b) => (shares.get(a) ?? 1) - (shares.get(b) ?? 1));
  const columns: string[] = [];
  let share: number | undefined = equal.length === 0 ? undefined : 1;
  const isEnough = (): boolean => share !== undefined && share * (table.rows ?? Infinity) <= fewRows;
  for (const column of bySelectivity) {
    if (columns.length >= columnsMax || isEnough()) break;
    const own = shares.get(column);
    columns.push(column);
    share = share === undefined || own === undefined ? undefined : share * own;
  }
  const next = [...range, ...order.slice(0, 1)].filter(
    (column) => isIndexable(column) && !columns.includes(column),
  )[0];
  if (
    next !== undefined &&
    columns.length < columnsMax &&
    !isEnough() &&
    (equal.length > 0 || range.length > 0)
  )
    columns.push(next);
  return columns.length === 0 ? undefined : { columns, matchedShare: share };
}

/** Whether a B-tree can hold the column: virtual generated ones and types without an order cannot be indexed by one. */
function indexable(table: TableView, catalogue: Catalogue): (column: string) => boolean {
  const columns = new Map(columnsOf(table, catalogue).map((column) => [column.columnName, column]));
  return (name) => {
    const column = columns.get(name);
    return (
      column !== undefined &&
      !column.isVirtual &&
      defaultClass(column.operatorClassTypes, 'btree', catalogue.operatorClasses) !== undefined
    );
  };
}

/** The share of the rows that have one value of the column, on average; undefined where the planner statistics do not say. */
export function shareOf(column: string, table: TableView, catalogue: Catalogue): number | undefined {
  const number = columnsOf(table, catalogue).find(({ columnName }) => columnName === column)?.attributeNumber;
  const statistics = number === undefined ? undefined : table.statistics.get(number);
  const distinct = statistics === undefined ? undefined : distinctValues(statistics, table.rows ?? 0);
  return distinct === undefined || distinct <= 0 || statistics === undefined
    ? undefined
    : (1 - statistics.nullFraction) / distinct;
}

/** The commonest value's share of the rows; undefined where nothing is known of it. */
export function commonestShare(column: string, table: TableView, catalogue: Catalogue): number | undefined {
  const number = columnsOf(table, catalogue).find(({ columnName }) => columnName === column)?.attributeNumber;
  const frequencies = number === undefined ? undefined : table.statistics.get(number)?.commonFrequencies;
  return frequencies === undefined || frequencies.length === 0 ? undefined : Math.max(...frequencies);
}

/**
 * An index that the statement can use already, so that it is not why the table is read sequentially: one that begins with a column it
 * compares by equality and that leaves few rows, or with its range, or with the order that a LIMIT stops early in. Conditions of
 * partial indexes are taken to hold: better silent than wrong.
 */
export function servingIndex(
  argument: Argument,
  table: TableView,
  catalogue: Catalogue,
  matchedShareMax: number,
): IndexView | undefined {
  const { equality, range, join, order } = argument;
  const equal = equality.length > 0 ? equality : join;
  const isSelective = (column: string): boolean =>
    (shareOf(column, table, catalogue) ?? 0) <= matchedShareMax;
  return indexesFor(table).find((index) => {
    const names = index.keys.map((key) => (key.columnNumber === null ? undefined : key.text));
    const searchable = index.fact.accessMethod === 'gin' ? names : names.slice(0, 1);
    return searchable.some(
      (name) =>
        name !== undefined &&
        ((equal.includes(name) && (index.fact.isUnique || isSelective(name))) ||
          (equal.length === 0 && range.includes(name)) ||
          order[0] === name),
    );
  });
}

/** Usable indexes of the table; of a partitioned one those of its first leaf as well, as it may have been indexed piece by piece. */
function indexesFor(table: TableView): readonly IndexView[] {
  const own = table.indexes.filter(isUsable);
  const [first] = table.partitions;
  return first === undefined ? own : [...own, ...indexesFor(first)];
}

/** Whether an index holds an expression or another method's key of the column, which may serve what a plain B-tree does not. */
export const mayServeExpressions = (column: string, table: TableView): boolean =>
  indexesFor(table).some((index) =>
    index.keys.some(
      (key) =>
        (key.columnNumber === null && key.text.includes(column)) ||
        (key.text === column &&
          (index.fact.accessMethod !== 'btree' || key.operatorClass?.isDefault === false)),
    ),
  );
