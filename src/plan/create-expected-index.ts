import type { TableView } from '../analysis/catalogue.ts';
import { type ExpectedIndex, isSatisfiedBy } from '../analysis/expected-index.ts';
import type { Expectation, ExpectedKey } from '../model/expectation.ts';
import type { Fix } from '../model/finding.ts';
import { type FixContext, joined } from './context.ts';
import { createShape, estimateBytes } from './create-index.ts';
import { portableSql, quoteIdentifier } from './sql.ts';

export interface NewExpectedIndex {
  readonly table: TableView;
  readonly expectation: Expectation;
  readonly expected: ExpectedIndex;
  readonly notes?: string;
}

/** The index that a manifest expects, by the manifest's definition and, where that is free, under its name. */
export function createExpectedIndex(
  { table, expectation, expected, notes }: NewExpectedIndex,
  context: FixContext,
): Fix {
  const { columns, view } = expected;
  const isBtree = expectation.method === 'btree';
  const isPartial = expectation.predicate !== undefined;
  return createShape(
    [table],
    {
      isUnique: expectation.isUnique,
      accessMethod: expectation.method,
      body: bodyOf(expectation),
      nameOn: (on) => (on === table ? expectation.name : `${expectation.name}_${on.relname}`),
      existingOn: (part) =>
        part.indexes.find(
          (index) =>
            index.parent === undefined &&
            isSatisfiedBy({ ...expected, view: { ...view, table: part } }, index),
        ),
      bytes: columns === undefined || !isBtree ? undefined : estimateBytes(table, columns),
      notes: joined([
        notes,
        isPartial ? 'Its size is estimated for the whole table; a partial index takes less.' : undefined,
        `Run ANALYZE on the table afterwards if it was not analysed lately, so that the planner weighs the new index by present numbers.`,
      ]),
    },
    context,
  );
}

/** `USING gin (a jsonb_path_ops) INCLUDE (b) WHERE …` */
function bodyOf(expectation: Expectation): string {
  const { method, keys, include, predicate, nullsNotDistinct } = expectation;
  return [
    method === 'btree' ? '' : `USING ${method}`,
    `(${keys.map(keySql).join(', ')})`,
    include.length === 0 ? '' : `INCLUDE (${include.map(quoteIdentifier).join(', ')})`,
    nullsNotDistinct ? 'NULLS NOT DISTINCT' : '',
    predicate === undefined ? '' : `WHERE ${portableSql(predicate)}`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

function keySql(key: ExpectedKey): string {
  const nulls = key.isNullsFirst === key.isDescending ? '' : `NULLS ${key.isNullsFirst ? 'FIRST' : 'LAST'}`;
  return [
    key.kind === 'column' ? quoteIdentifier(key.text) : `(${portableSql(key.text)})`,
    key.collation === undefined ? '' : `COLLATE ${quoteIdentifier(key.collation)}`,
    (key.operatorClass ?? '')
      .split('.')
      .filter((name) => name !== '')
      .map(quoteIdentifier)
      .join('.'),
    key.isDescending ? 'DESC' : '',
    nulls,
  ]
    .filter((part) => part !== '')
    .join(' ');
}
