import type { IndexView, TableView } from '../analysis/catalogue.ts';
import { isUsable } from '../analysis/index-identity.ts';
import type { Fix } from '../model/finding.ts';
import { humaneBytes } from '../model/units.ts';
import {
  buildTime,
  type FixContext,
  joined,
  lacksSafeConcurrentBuild,
  noSql,
  unsafeConcurrentBuild,
} from './context.ts';
import { wantedIndexName } from './names.ts';
import { concurrentPreflight, verifyAllValid, verifyValid } from './preflight.ts';
import { commentedOut, qualified, quoteIdentifier } from './sql.ts';

export interface NewIndex {
  readonly table: TableView;
  readonly columns: readonly string[];
  /** What is known of the columns; what the table's facts hold of them, where absent. */
  readonly columnFacts?: readonly { readonly attributeNumber: number; readonly lengthBytes: number }[];
  readonly notes: string | undefined;
}

/** An index in SQL, but for its name and its table. */
export interface IndexShape {
  readonly isUnique: boolean;
  readonly accessMethod: string;
  /** What stands behind the table: `USING gin (a) WHERE …`. */
  readonly body: string;
  readonly nameOn: (table: TableView) => string;
  /** An index of a partition that is the same and belongs to no partitioned one: it is attached instead of built anew. */
  readonly existingOn?: (table: TableView) => IndexView | undefined;
  /** What it will take; undefined where that cannot be told. */
  readonly bytes: number | undefined;
  readonly notes: string | undefined;
}

/**
 * A new B-tree on columns: concurrently, and on a partitioned table ON ONLY the parent, then concurrently on each partition, then
 * attached; where some partitions have one of their own, only on the others. The way back drops it.
 */
export function createIndex({ table, columns, columnFacts, notes }: NewIndex, context: FixContext): Fix {
  const facts =
    columnFacts ?? [...table.columns.values()].filter((column) => columns.includes(column.columnName));
  const shape: IndexShape = {
    isUnique: false,
    accessMethod: 'btree',
    body: `(${columns.map(quoteIdentifier).join(', ')})`,
    nameOn: (on) => wantedIndexName(on.relname, columns),
    bytes: estimateBytes(table, facts),
    notes,
  };
  const leaves = leavesOf(table);
  const lacking = leaves.filter((leaf) => !leaf.indexes.some((own) => beginsWith(own, columns)));
  const isPartly = table.fact.relkind === 'p' && lacking.length > 0 && lacking.length < leaves.length;
  return createShape(isPartly ? lacking : [table], shape, context);
}

/** The index on each of the tables, a tree of partitions being one. */
export function createShape(tables: readonly TableView[], shape: IndexShape, context: FixContext): Fix {
  const { notes, bytes } = shape;
  const time = buildTime(bytes, shape.accessMethod, context);
  const [first] = tables;
  if (lacksSafeConcurrentBuild(context.versionNum) || first === undefined)
    return noSql(joined([notes, unsafeConcurrentBuild]));
  const made = tables.map((table) => ({ table, name: newName(table, shape, context) }));
  return {
    sql: made.map(({ table, name }) => create(table, name, shape, context)).join('\n'),
    rollbackSql: made.map(({ table, name }) => dropOf(table, name)).join('\n'),
    lock: 'SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes, waits for older transactions',
    rebuildSeconds: time.seconds,
    notes: joined([
      notes,
      bytes === undefined ? undefined : `The index will take about ${humaneBytes(bytes)}.`,
      bytes !== undefined && time.isMeasured ? `The time goes by ${time.goesBy}.` : undefined,
      'If the build fails it leaves an invalid index of that name: drop it before trying again.',
    ]),
    preflightSql: concurrentPreflight({
      schemaname: first.schemaname,
      relname: first.relname,
      neededBytes: bytes,
    }),
    verifySql:
      made.length === 1
        ? made.map(({ table, name }) => verifyValid(table.schemaname, name)).join('')
        : verifyAllValid(made.map(({ table, name }) => [table.schemaname, name])),
  };
}

const newName = (table: TableView, shape: IndexShape, { names }: FixContext): string =>
  names.reserve(table.schemaname, shape.nameOn(table));

const create = (table: TableView, name: string, shape: IndexShape, context: FixContext): string =>
  table.fact.relkind === 'p'
    ? createTree(table, name, shape, context)
    : `${createOn(table, name, shape, 'CONCURRENTLY')};`;

function dropOf(table: TableView, name: string): string {
  const index = qualified(table.schemaname, name);
  return table.fact.relkind === 'p'
    ? commentedOut(`SET lock_timeout = '500ms';\nDROP INDEX ${index};`)
    : `DROP INDEX CONCURRENTLY ${index};`;
}

const leavesOf = (table: TableView): readonly TableView[] =>
  table.fact.relkind === 'p' ? table.partitions.flatMap(leavesOf) : [table];

/** Whether the partition has its own index on the columns already: a second one would only be a copy. */
const beginsWith = (index: IndexView, columns: readonly string[]): boolean =>
  isUsable(index) &&
  index.fact.accessMethod === 'btree' &&
  !index.fact.hasPredicate &&
  columns.every((column) =>
    index.keys.slice(0, columns.length).some((key) => key.columnNumber !== null && key.text === column),
  );

function createOn(
  table: TableView,
  name: string,
  shape: IndexShape,
  how: 'CONCURRENTLY' | 'ON ONLY',
): string {
  const unique = shape.isUnique ? 'UNIQUE ' : '';
  const head =
    how === 'CONCURRENTLY'
      ? `INDEX CONCURRENTLY ${quoteIdentifier(name)} ON`
      : `INDEX ${quoteIdentifier(name)} ON ONLY`;
  return `CREATE ${unique}${head} ${qualified(table.schemaname, table.relname)} ${shape.body}`;
}

function createTree(top: TableView, topName: string, shape: IndexShape, context: FixContext): string {
  const lines: string[] = [];
  const build = (table: TableView, name: string): void => {
    if (table.fact.relkind !== 'p') {
      lines.push(`${createOn(table, name, shape, 'CONCURRENTLY')};`);
      return;
    }
    lines.push(`${createOn(table, name, shape, 'ON ONLY')};`);
    for (const part of table.partitions) {
      const existing = shape.existingOn?.(part);
      const partName = existing?.name ?? newName(part, shape, context);
      if (existing === undefined) build(part, partName);
      lines.push(
        `ALTER INDEX ${qualified(table.schemaname, name)} ATTACH PARTITION ${qualified(part.schemaname, partName)};`,
      );
    }
  };
  build(top, topName);
  return lines.join('\n');
}

/** Bytes of a B-tree entry beside its key: tuple header and line pointer. */
const entryOverheadBytes = 12;
/** Leaf pages are filled to nine tenths. */
const leafFill = 0.9;
/** Of a column whose width nobody told: a uuid. */
const unknownWidthBytes = 16;

/** Rough size of a new B-tree on the columns, for disk and time; undefined where the row count is unknown. */
export function estimateBytes(
  table: TableView,
  columns: readonly { readonly attributeNumber: number; readonly lengthBytes: number }[],
): number | undefined {
  if (table.rows === undefined) return undefined;
  const width = columns.reduce((total, column) => {
    const average = table.statistics.get(column.attributeNumber)?.averageWidthBytes;
    return total + (column.lengthBytes > 0 ? column.lengthBytes : (average ?? unknownWidthBytes));
  }, 0);
  const aligned = Math.ceil(width / 8) * 8;
  return Math.ceil((table.rows * (aligned + entryOverheadBytes)) / leafFill);
}
