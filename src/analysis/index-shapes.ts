import type { IndexFact, OperatorClassFact } from '../collectors/inventory.ts';
import type { IndexKey, IndexView, TableView } from './catalogue.ts';
import { canonicalPredicate, splitExpressions, splitExpressionTexts } from './expression.ts';

/** What an index is made of, read from its fact and its table's columns. */
export type IndexShape = Pick<IndexView, 'keys' | 'included' | 'predicate'>;

/**
 * The shapes of the indexes of one catalogue. Indexes that look alike share theirs: tenants and partitions have thousands of the same.
 */
export class Shapes {
  readonly #operatorClasses: ReadonlyMap<number, OperatorClassFact>;
  readonly #known = new Map<string, IndexShape>();

  constructor(operatorClasses: readonly OperatorClassFact[]) {
    this.#operatorClasses = new Map(operatorClasses.map((fact) => [fact.operatorClassOid, fact]));
  }

  of(fact: IndexFact, table: TableView): IndexShape {
    const names = fact.columnNumbers.map((number) => (number === 0 ? '' : columnName(table, number)));
    const described = JSON.stringify([
      ...[fact.keyCount, fact.columnNumbers, names, fact.operatorClasses, fact.collations, fact.keyOptions],
      ...[fact.expressions, fact.predicate],
    ]);
    const known = this.#known.get(described);
    if (known !== undefined) return known;
    const shape: IndexShape = {
      keys: keysOf(fact, table, this.#operatorClasses),
      included: names.slice(fact.keyCount),
      predicate: fact.predicate === null ? undefined : canonicalPredicate(fact.predicate),
    };
    this.#known.set(described, shape);
    return shape;
  }
}

function keysOf(
  fact: IndexFact,
  table: TableView,
  operatorClasses: ReadonlyMap<number, OperatorClassFact>,
): readonly IndexKey[] {
  const expressions = fact.expressions === null ? [] : [...splitExpressions(fact.expressions)];
  const texts = fact.expressions === null ? [] : [...splitExpressionTexts(fact.expressions)];
  return fact.columnNumbers.slice(0, fact.keyCount).map((number, place) => {
    const option = fact.keyOptions[place] ?? 0;
    return {
      text: number === 0 ? (expressions.shift() ?? '(unknown expression)') : columnName(table, number),
      expressionSql: number === 0 ? (texts.shift() ?? null) : null,
      columnNumber: number === 0 ? null : number,
      operatorClass: operatorClasses.get(fact.operatorClasses[place] ?? 0),
      collation: fact.collations[place] ?? 0,
      isDescending: (option & 1) !== 0,
      isNullsFirst: (option & 2) !== 0,
    };
  });
}

/** The name of a table's column by its number; a stand-in where the column is not known. */
export const columnName = (table: TableView, number: number): string =>
  table.columns.get(number)?.columnName ?? `(column ${number})`;
