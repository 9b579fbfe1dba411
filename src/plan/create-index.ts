import type { IndexView, TableView } from '../analysis/catalogue.ts';
import { isUsable } from '../analysis/index-identity.ts';
import type { Fix } from '../model/finding.ts';
import { humaneBytes } from '../model/units.ts';
import {
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
  readonly notes: string | undefined;
}

/**
 * A new B-tree on columns: concurrently, and on a partitioned table ON ONLY the parent, then concurrently on each partition, then
 * attached; where some partitions have one of their own, only on the others. The way back drops it.
 */
export function createIndex(index: NewIndex, context: FixContext): Fix {
  const { table, notes } = index;
  if (lacksSafeConcurrentBuild(context.versionNum)) return noSql(joined([notes, unsafeConcurrentBuild]));
  const bytes = estimateBytes(table, index.columns);
  return {
    ...scripts(index, context),
    lock: 'SHARE UPDATE EXCLUSIVE on the table: blocks no reads and no writes, waits for older transactions',
    rebuildSeconds: bytes === undefined ? null : Math.ceil(bytes / context.rebuildBytesPerSecond),
    notes: joined([
      notes,
      bytes === undefined ? undefined : `The index will take about ${humaneBytes(bytes)}.`,
      'If the build fails it leaves an invalid index of that name: drop it before trying again.',
    ]),
    preflightSql: concurrentPreflight({
      schemaname: table.schemaname,
      relname: table.relname,
      neededBytes: bytes,
    }),
  };
}

function scripts(index: NewIndex, context: FixContext): Pick<Fix, 'sql' | 'rollbackSql' | 'verifySql'> {
  const { table, columns } = index;
  const newName = (on: TableView): string =>
    context.names.reserve(on.schemaname, wantedIndexName(on.relname, columns));
  if (table.fact.relkind !== 'p') {
    const name = newName(table);
    return {
      sql: `${createOn(table, name, columns, 'CONCURRENTLY ')};`,
      rollbackSql: `DROP INDEX CONCURRENTLY ${qualified(table.schemaname, name)};`,
      verifySql: verifyValid(table.schemaname, name),
    };
  }
  const leaves = leavesOf(table);
  const lacking = leaves.filter((leaf) => !leaf.indexes.some((own) => beginsWith(own, columns)));
  if (lacking.length > 0 && lacking.length < leaves.length) {
    const made = lacking.map((leaf) => ({ leaf, name: newName(leaf) }));
    return {
      sql: made.map(({ leaf, name: own }) => `${createOn(leaf, own, columns, 'CONCURRENTLY ')};`).join('\n'),
      rollbackSql: made
        .map(({ leaf, name: own }) => `DROP INDEX CONCURRENTLY ${qualified(leaf.schemaname, own)};`)
        .join('\n'),
      verifySql: verifyAllValid(made.map(({ leaf, name: own }) => [leaf.schemaname, own])),
    };
  }
  const name = newName(table);
  return {
    sql: createTree(index, name, newName),
    rollbackSql: commentedOut(
      `SET lock_timeout = '500ms';\nDROP INDEX ${qualified(table.schemaname, name)};`,
    ),
    verifySql: verifyValid(table.schemaname, name),
  };
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

function createOn(table: TableView, name: string, columns: readonly string[], how: string): string {
  const target = qualified(table.schemaname, table.relname);
  return `CREATE INDEX ${how}${quoteIdentifier(name)} ON ${target} (${columns.map(quoteIdentifier).join(', ')})`;
}

function createTree(
  { table: top, columns }: NewIndex,
  topName: string,
  newName: (on: TableView) => string,
): string {
  const lines: string[] = [];
  const build = (table: TableView, name: string): void => {
    if (table.fact.relkind !== 'p') {
      lines.push(`${createOn(table, name, columns, 'CONCURRENTLY ')};`);
      return;
    }
    const target = qualified(table.schemaname, table.relname);
    lines.push(
      `CREATE INDEX ${quoteIdentifier(name)} ON ONLY ${target} (${columns.map(quoteIdentifier).join(', ')});`,
    );
    for (const part of table.partitions) {
      const partName = newName(part);
      build(part, partName);
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

/** Rough size of the new index, for disk and time; undefined where the row count is unknown. */
function estimateBytes(table: TableView, columns: readonly string[]): number | undefined {
  if (table.rows === undefined) return undefined;
  const facts = [...table.columns.values()].filter((column) => columns.includes(column.columnName));
  const width = facts.reduce((total, column) => {
    const average = table.statistics.get(column.attributeNumber)?.averageWidthBytes;
    return total + (column.lengthBytes > 0 ? column.lengthBytes : (average ?? unknownWidthBytes));
  }, 0);
  const aligned = Math.ceil(width / 8) * 8;
  return Math.ceil((table.rows * (aligned + entryOverheadBytes)) / leafFill);
}
