import type { InvalidIndexFact } from '../collectors/builds.ts';
import type { ColumnStatisticsFact } from '../collectors/column-statistics.ts';
import { type CollectorName, collectorNames, type FactFor } from '../collectors/index.ts';
import type {
  CollationFact,
  ColumnFact,
  ConstraintFact,
  ExpectedColumnFact,
  IndexFact,
  OperatorClassFact,
  TableFact,
} from '../collectors/inventory.ts';
import type { ServerFact } from '../collectors/server.ts';
import type { Snapshot } from '../collectors/snapshot.ts';
import type { StatementFact } from '../collectors/statements.ts';
import type { IndexUsageFact, TableUsageFact } from '../collectors/usage.ts';
import type { IndexOid, TableOid } from '../model/ids.ts';
import { whyMissing } from '../model/outcome.ts';
import { err, ok, type Result } from '../model/result.ts';
import { canonicalPredicate, splitExpressions, splitExpressionTexts } from './expression.ts';

/** One key column or expression of an index, in key order, with everything that is part of the index's identity. */
export interface IndexKey {
  /** A column's name, or the expression's canonical text. */
  readonly text: string;
  /** The expression as the server prints it; null for a column. */
  readonly expressionSql: string | null;
  /** The column's number, or null for an expression. */
  readonly columnNumber: number | null;
  readonly operatorClass: OperatorClassFact | undefined;
  readonly collation: number;
  readonly isDescending: boolean;
  readonly isNullsFirst: boolean;
}

/** An index with what is known of it. What was not collected is undefined, never zero. */
export interface IndexView {
  readonly fact: IndexFact;
  readonly oid: IndexOid;
  readonly name: string;
  readonly table: TableView;
  readonly keys: readonly IndexKey[];
  readonly included: readonly string[];
  /** Canonical predicate of a partial index; undefined for a full one. */
  readonly predicate: string | undefined;
  /** Of its expressions, whose statistics belong to the index: by place among its columns, from 1. */
  readonly statistics: ReadonlyMap<number, ColumnStatisticsFact>;
  /** The sum of its leaves for a partitioned index. */
  readonly usage: IndexUsageFact | undefined;
  readonly sizeBytes: number | undefined;
  /** The partitioned index it is attached to. */
  readonly parent: IndexView | undefined;
  /** Indexes attached to it, on the direct partitions. */
  readonly children: readonly IndexView[];
}

export interface ForeignKeyView {
  readonly fact: ConstraintFact;
  readonly name: string;
  readonly table: TableView;
  /** The referenced table; undefined when it lies outside what is watched. */
  readonly referenced: TableView | undefined;
  readonly columns: readonly string[];
}

export interface TableView {
  readonly fact: TableFact;
  readonly oid: TableOid;
  readonly schemaname: string;
  readonly relname: string;
  readonly columns: ReadonlyMap<number, ColumnFact>;
  readonly statistics: ReadonlyMap<number, ColumnStatisticsFact>;
  readonly indexes: readonly IndexView[];
  readonly foreignKeys: readonly ForeignKeyView[];
  readonly referencedBy: readonly ForeignKeyView[];
  readonly usage: TableUsageFact | undefined;
  /** The table with its TOAST table, without its indexes; the sum of the leaves for a partitioned table. */
  readonly sizeBytes: number | undefined;
  /** All forks of the table alone, without its TOAST table; undefined for a partitioned one. */
  readonly heapBytes: number | undefined;
  /** Best estimate of live rows; undefined where neither the planner nor the counters know. */
  readonly rows: number | undefined;
  readonly parent: TableView | undefined;
  readonly partitions: readonly TableView[];
}

/** All facts of one snapshot, joined by oid once and shared by every detector. Immutable. */
export interface Catalogue {
  readonly tables: readonly TableView[];
  readonly indexes: readonly IndexView[];
  readonly foreignKeys: readonly ForeignKeyView[];
  readonly operatorClasses: readonly OperatorClassFact[];
  /** By oid; only those that indexes use, and the default. */
  readonly collations: ReadonlyMap<number, CollationFact>;
  /** All columns of the tables that expectations name, and of those that are read sequentially most. */
  readonly expectedColumns: ReadonlyMap<TableOid, readonly ExpectedColumnFact[]>;
  /** The costliest statements of pg_stat_statements, or why they are not known. */
  readonly statements: Result<readonly StatementFact[], string>;
  readonly server: ServerFact | undefined;
  readonly indexesByOid: ReadonlyMap<IndexOid, IndexView>;
  readonly invalid: ReadonlyMap<IndexOid, InvalidIndexFact>;
  /** When each collector's facts were read, for those that were. */
  readonly collectedAtMs: ReadonlyMap<CollectorName, number>;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type DraftTable = Mutable<TableView> & {
  indexes: IndexView[];
  foreignKeys: ForeignKeyView[];
  referencedBy: ForeignKeyView[];
  partitions: TableView[];
  columns: Map<number, ColumnFact>;
  statistics: Map<number, ColumnStatisticsFact>;
};
type DraftIndex = Mutable<IndexView> & {
  children: IndexView[];
  statistics: Map<number, ColumnStatisticsFact>;
};

/**
 * Joins the snapshot's facts. `isWatched` says whether a schema is: relations of others are left out, though foreign keys may
 * point at them. O(n) in the number of facts, but for sorting.
 */
export function buildCatalogue(snapshot: Snapshot, isWatched: (schemaname: string) => boolean): Catalogue {
  const facts = <Name extends CollectorName>(name: Name): readonly FactFor<Name>[] => {
    const outcome = snapshot.outcomes[name];
    // The outcome stored under a collector's name holds that collector's facts; the mapped type cannot say so.
    return outcome?.kind === 'collected' ? (outcome.facts as readonly FactFor<Name>[]) : [];
  };
  const sizes = new Map(
    facts('relation-sizes').map((fact) => [fact.relationOid, fact.sizeBytes ?? undefined]),
  );
  const operatorClasses = new Map(facts('operator-classes').map((fact) => [fact.operatorClassOid, fact]));
  const indexUsage = new Map(facts('index-usage').map((fact) => [fact.indexOid, fact]));
  const tableUsage = new Map(facts('table-usage').map((fact) => [fact.tableOid, fact]));

  const tables = new Map<TableOid, DraftTable>();
  for (const fact of facts('tables')) {
    if (!isWatched(fact.schemaname)) continue;
    const usage = tableUsage.get(fact.tableOid);
    const sizeBytes = tableSize(fact, sizes);
    tables.set(fact.tableOid, {
      fact,
      oid: fact.tableOid,
      schemaname: fact.schemaname,
      relname: fact.relname,
      columns: new Map(),
      statistics: new Map(),
      indexes: [],
      foreignKeys: [],
      referencedBy: [],
      usage,
      sizeBytes,
      heapBytes: sizes.get(fact.tableOid),
      rows: estimateRows(fact, usage, sizeBytes),
      parent: undefined,
      partitions: [],
    });
  }
  for (const fact of facts('columns')) tables.get(fact.tableOid)?.columns.set(fact.attributeNumber, fact);

  const indexes = new Map<IndexOid, DraftIndex>();
  for (const fact of facts('indexes')) {
    const table = tables.get(fact.tableOid);
    if (table === undefined) continue;
    const index: DraftIndex = {
      fact,
      oid: fact.indexOid,
      name: fact.indexrelname,
      table,
      keys: keysOf(fact, table, operatorClasses),
      included: fact.columnNumbers.slice(fact.keyCount).map((number) => columnName(table, number)),
      predicate: fact.predicate === null ? undefined : canonicalPredicate(fact.predicate),
      statistics: new Map(),
      usage: indexUsage.get(fact.indexOid),
      sizeBytes: sizes.get(fact.indexOid),
      parent: undefined,
      children: [],
    };
    indexes.set(fact.indexOid, index);
    table.indexes.push(index);
  }
  for (const fact of facts('column-statistics')) {
    // The owner is a table or, for expressions, an index; both are relations, whose oids are from one range.
    const owner = tables.get(fact.tableOid) ?? indexes.get(Number(fact.tableOid) as IndexOid);
    owner?.statistics.set(fact.attributeNumber, fact);
  }
  linkPartitions(tables, indexes);
  const expectedColumns = wholeColumns([...facts('candidate-columns'), ...facts('expected-columns')]);

  const foreignKeys: ForeignKeyView[] = [];
  for (const fact of facts('constraints')) {
    const table = tables.get(fact.tableOid);
    if (table === undefined) continue;
    const referenced = tables.get(fact.referencedTableOid);
    const columns = fact.columnNumbers.map((number) => columnName(table, number));
    const key: ForeignKeyView = { fact, name: fact.constraintName, table, referenced, columns };
    foreignKeys.push(key);
    table.foreignKeys.push(key);
    referenced?.referencedBy.push(key);
  }
  return {
    tables: [...tables.values()],
    indexes: [...indexes.values()],
    foreignKeys,
    operatorClasses: facts('operator-classes'),
    collations: new Map(facts('collations').map((fact) => [fact.collationOid, fact])),
    expectedColumns,
    statements: statementsOf(snapshot),
    server: facts('server')[0],
    indexesByOid: indexes,
    invalid: new Map(facts('invalid-indexes').map((fact) => [fact.indexOid, fact])),
    collectedAtMs: new Map(
      collectorNames.flatMap((name) => {
        const outcome = snapshot.outcomes[name];
        return outcome?.kind === 'collected' ? [[name, outcome.collectedAtMs] as const] : [];
      }),
    ),
  };
}

/** By table, in the order of their numbers; of a column that was read twice the later fact. */
function wholeColumns(
  facts: readonly ExpectedColumnFact[],
): ReadonlyMap<TableOid, readonly ExpectedColumnFact[]> {
  const byTable = new Map<TableOid, Map<number, ExpectedColumnFact>>();
  for (const fact of facts) {
    const columns = byTable.get(fact.tableOid) ?? new Map<number, ExpectedColumnFact>();
    columns.set(fact.attributeNumber, fact);
    byTable.set(fact.tableOid, columns);
  }
  return new Map([...byTable].map(([oid, columns]) => [oid, [...columns.values()]]));
}

function statementsOf({ outcomes }: Snapshot): Catalogue['statements'] {
  const { statements } = outcomes;
  return statements?.kind === 'collected'
    ? ok(statements.facts)
    : err(whyMissing(statements) ?? 'not collected yet');
}

function tableSize(fact: TableFact, sizes: ReadonlyMap<number, number | undefined>): number | undefined {
  const heap = sizes.get(fact.tableOid);
  const toast = fact.toastOid === null ? 0 : sizes.get(fact.toastOid);
  return heap === undefined || toast === undefined ? undefined : heap + toast;
}

/**
 * Both the planner's count and the counters' can only be stale low in the way that matters (a count after a bulk load that
 * nobody analysed, live rows lost with a statistics reset), so the larger stands. A file of no bytes holds no rows.
 */
function estimateRows(
  fact: TableFact,
  usage: TableUsageFact | undefined,
  sizeBytes: number | undefined,
): number | undefined {
  if (fact.relkind === 'p') return undefined;
  const known = [fact.estimatedRows ?? 0, usage?.liveRows ?? 0].filter((rows) => rows > 0);
  if (known.length > 0) return Math.max(...known);
  if (fact.estimatedRows !== null || sizeBytes === 0) return 0;
  return undefined;
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

const columnName = (table: TableView, number: number): string =>
  table.columns.get(number)?.columnName ?? `(column ${number})`;

/** Hangs partitions below their parents and sums sizes, rows and counters up to every partitioned relation. */
function linkPartitions(tables: Map<TableOid, DraftTable>, indexes: Map<IndexOid, DraftIndex>): void {
  for (const table of tables.values()) {
    const parent =
      table.fact.isPartition && table.fact.parentOid !== null ? tables.get(table.fact.parentOid) : undefined;
    if (parent === undefined) continue;
    table.parent = parent;
    parent.partitions.push(table);
  }
  for (const index of indexes.values()) {
    const parent = index.fact.parentIndexOid === null ? undefined : indexes.get(index.fact.parentIndexOid);
    if (parent === undefined) continue;
    index.parent = parent;
    parent.children.push(index);
  }
  const summedTables = new Set<TableView>();
  const sumTable = (table: DraftTable): void => {
    if (table.fact.relkind !== 'p' || summedTables.has(table)) return;
    summedTables.add(table);
    // Every partition is one of the drafts of this very map.
    const parts = table.partitions as DraftTable[];
    for (const part of parts) sumTable(part);
    table.sizeBytes = sum(parts.map((part) => part.sizeBytes));
    table.rows = sum(parts.map((part) => part.rows));
    table.usage = sumTableUsage(
      table.oid,
      parts.map((part) => part.usage),
    );
  };
  for (const table of tables.values()) sumTable(table);
  const summedIndexes = new Set<IndexView>();
  const sumIndex = (index: DraftIndex): void => {
    if (index.fact.relkind !== 'I' || summedIndexes.has(index)) return;
    summedIndexes.add(index);
    const parts = index.children as DraftIndex[];
    for (const part of parts) sumIndex(part);
    index.sizeBytes = sum(parts.map((part) => part.sizeBytes));
    index.usage = sumIndexUsage(
      index.oid,
      parts.map((part) => part.usage),
    );
  };
  for (const index of indexes.values()) sumIndex(index);
}

/** The sum, or undefined when one of the parts is unknown: a sum of what happened to be visible would read as the whole. */
function sum(parts: readonly (number | undefined)[]): number | undefined {
  let total = 0;
  for (const part of parts) {
    if (part === undefined) return undefined;
    total += part;
  }
  return total;
}

const latest = (instants: readonly (number | null)[]): number | null => {
  const known = instants.filter((instant) => instant !== null);
  return known.length === 0 ? null : Math.max(...known);
};
const earliest = (instants: readonly (number | null)[]): number | null => {
  const known = instants.filter((instant) => instant !== null);
  return known.length < instants.length || known.length === 0 ? null : Math.min(...known);
};

function sumIndexUsage(
  oid: IndexOid,
  parts: readonly (IndexUsageFact | undefined)[],
): IndexUsageFact | undefined {
  const known = parts.filter((part) => part !== undefined);
  if (known.length < parts.length) return undefined;
  const total = (pick: (part: IndexUsageFact) => number) =>
    known.reduce((sofar, part) => sofar + pick(part), 0);
  return {
    indexOid: oid,
    scansTotal: total((part) => part.scansTotal),
    tuplesReadTotal: total((part) => part.tuplesReadTotal),
    tuplesFetchedTotal: total((part) => part.tuplesFetchedTotal),
    lastScanAtMs: latest(known.map((part) => part.lastScanAtMs)),
    statsResetAtMs: latest(known.map((part) => part.statsResetAtMs)),
    blocksReadTotal: total((part) => part.blocksReadTotal),
    blocksHitTotal: total((part) => part.blocksHitTotal),
  };
}

function sumTableUsage(
  oid: TableOid,
  parts: readonly (TableUsageFact | undefined)[],
): TableUsageFact | undefined {
  const known = parts.filter((part) => part !== undefined);
  if (known.length < parts.length) return undefined;
  const total = (pick: (part: TableUsageFact) => number) =>
    known.reduce((sofar, part) => sofar + pick(part), 0);
  return {
    tableOid: oid,
    sequentialScansTotal: total((part) => part.sequentialScansTotal),
    sequentialRowsReadTotal: total((part) => part.sequentialRowsReadTotal),
    indexScansTotal: total((part) => part.indexScansTotal),
    rowsInsertedTotal: total((part) => part.rowsInsertedTotal),
    rowsUpdatedTotal: total((part) => part.rowsUpdatedTotal),
    rowsHotUpdatedTotal: total((part) => part.rowsHotUpdatedTotal),
    rowsNewPageUpdatedTotal: sum(known.map((part) => part.rowsNewPageUpdatedTotal ?? undefined)) ?? null,
    rowsDeletedTotal: total((part) => part.rowsDeletedTotal),
    liveRows: total((part) => part.liveRows),
    deadRows: total((part) => part.deadRows),
    rowsChangedSinceAnalyze: total((part) => part.rowsChangedSinceAnalyze),
    lastAnalyzedAtMs: earliest(known.map((part) => part.lastAnalyzedAtMs)),
    lastVacuumedAtMs: earliest(known.map((part) => part.lastVacuumedAtMs)),
    lastSequentialScanAtMs: latest(known.map((part) => part.lastSequentialScanAtMs)),
    statsResetAtMs: latest(known.map((part) => part.statsResetAtMs)),
  };
}
