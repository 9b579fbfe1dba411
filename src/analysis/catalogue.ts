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
import { atOnce, type Sliced, slicedMap } from '../model/sliced.ts';
import { columnName, Shapes } from './index-shapes.ts';
import { RelationNames } from './relation-names.ts';

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
  readonly names: RelationNames;
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
  readonly names: RelationNames;
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
  /** As they were collected: whoever has the same list need not compare its members. */
  readonly columnFacts: readonly ColumnFact[];
  /** By oid; only those that indexes use, and the default. */
  readonly collations: ReadonlyMap<number, CollationFact>;
  /** All columns of the tables that expectations name, and of those that are read sequentially most. */
  readonly expectedColumns: ReadonlyMap<TableOid, readonly ExpectedColumnFact[]>;
  /** The costliest statements of pg_stat_statements, or why they are not known. */
  readonly statements: Result<readonly StatementFact[], string>;
  readonly server: ServerFact | undefined;
  readonly tablesByOid: ReadonlyMap<TableOid, TableView>;
  readonly indexesByOid: ReadonlyMap<IndexOid, IndexView>;
  readonly invalid: ReadonlyMap<IndexOid, InvalidIndexFact>;
  /** When each collector's facts were read, for those that were. */
  readonly collectedAtMs: ReadonlyMap<CollectorName, number>;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type DraftTable = Mutable<TableView>;
type DraftIndex = Mutable<IndexView>;

const none: readonly never[] = [];
const noStatistics: ReadonlyMap<number, never> = new Map<number, never>();

/** A list of a view with one item more. Most views have nothing on most lists and share the empty one. */
function longer<Item>(list: readonly Item[], item: Item): readonly Item[] {
  if (list === none) return [item];
  // A list that is not the shared one was made here, for this view alone.
  (list as Item[]).push(item);
  return list;
}

/** {@link catalogueInSlices} in one go. */
export const buildCatalogue = (snapshot: Snapshot, isWatched: (schemaname: string) => boolean): Catalogue =>
  atOnce(catalogueInSlices(snapshot, isWatched));

/**
 * Joins the snapshot's facts. `isWatched` says whether a schema is: relations of others are left out, though foreign keys may
 * point at them. O(n) in the number of facts, but for sorting. What `previous` made of facts that are the same objects is taken over
 * and not made again: names, keys, predicates.
 */
export function* catalogueInSlices(
  snapshot: Snapshot,
  isWatched: (schemaname: string) => boolean,
  previous?: Catalogue,
): Sliced<Catalogue> {
  const facts = <Name extends CollectorName>(name: Name): readonly FactFor<Name>[] => {
    const outcome = snapshot.outcomes[name];
    // The outcome stored under a collector's name holds that collector's facts; the mapped type cannot say so.
    return outcome?.kind === 'collected' ? (outcome.facts as readonly FactFor<Name>[]) : none;
  };
  const sizes = yield* slicedMap(facts('relation-sizes'), (fact) => [
    fact.relationOid,
    fact.sizeBytes ?? undefined,
  ]);
  const indexUsage = yield* slicedMap(facts('index-usage'), (fact) => [fact.indexOid, fact]);
  const tableUsage = yield* slicedMap(facts('table-usage'), (fact) => [fact.tableOid, fact]);

  const tables = new Map<TableOid, DraftTable>();
  for (const fact of facts('tables')) {
    yield;
    const { tableOid: oid, schemaname, relname } = fact;
    if (!isWatched(schemaname)) continue;
    const before = previous?.tablesByOid.get(oid)?.names;
    const usage = tableUsage.get(oid);
    const sizeBytes = tableSize(fact, sizes);
    tables.set(oid, {
      fact,
      oid,
      schemaname,
      relname,
      names: before?.isOf(schemaname, relname) ? before : new RelationNames(schemaname, relname),
      columns: noColumns,
      statistics: noStatistics,
      indexes: none,
      foreignKeys: none,
      referencedBy: none,
      usage,
      sizeBytes,
      heapBytes: sizes.get(oid),
      rows: estimateRows(fact, usage, sizeBytes),
      parent: undefined,
      partitions: none,
    });
  }
  const isSameColumns = previous?.columnFacts === facts('columns');
  yield* hangColumns(facts('columns'), tables, isSameColumns ? previous : undefined);

  const shapes = new Shapes(facts('operator-classes'));
  const areShapesKnown = isSameColumns && previous.operatorClasses === facts('operator-classes');
  const indexes = new Map<IndexOid, DraftIndex>();
  for (const fact of facts('indexes')) {
    yield;
    const table = tables.get(fact.tableOid);
    if (table === undefined) continue;
    const { indexOid: oid, indexrelname } = fact;
    const before = previous?.indexesByOid.get(oid);
    const names = before?.names;
    const isNamedAlike = names?.isOf(table.schemaname, table.relname, indexrelname) === true;
    const isKnown = before?.fact === fact && areShapesKnown;
    const shape = isKnown ? before : shapes.of(fact, table);
    const index: DraftIndex = {
      fact,
      oid,
      name: indexrelname,
      names: isNamedAlike ? names : new RelationNames(table.schemaname, table.relname, indexrelname),
      table,
      keys: shape.keys,
      included: shape.included,
      predicate: shape.predicate,
      statistics: noStatistics,
      usage: indexUsage.get(oid),
      sizeBytes: sizes.get(oid),
      parent: undefined,
      children: none,
    };
    indexes.set(oid, index);
    table.indexes = longer(table.indexes, index);
  }
  for (const fact of facts('column-statistics')) {
    yield;
    // The owner is a table or, for expressions, an index; both are relations, whose oids are from one range.
    const owner = tables.get(fact.tableOid) ?? indexes.get(Number(fact.tableOid) as IndexOid);
    if (owner === undefined) continue;
    if (owner.statistics === noStatistics) owner.statistics = new Map([[fact.attributeNumber, fact]]);
    else (owner.statistics as Map<number, ColumnStatisticsFact>).set(fact.attributeNumber, fact);
  }
  yield* linkPartitions(tables, indexes);
  const expectedColumns = wholeColumns([...facts('candidate-columns'), ...facts('expected-columns')]);

  const foreignKeys: ForeignKeyView[] = [];
  for (const fact of facts('constraints')) {
    yield;
    const table = tables.get(fact.tableOid);
    if (table === undefined) continue;
    const referenced = tables.get(fact.referencedTableOid);
    const columns = fact.columnNumbers.map((number) => columnName(table, number));
    const key: ForeignKeyView = { fact, name: fact.constraintName, table, referenced, columns };
    foreignKeys.push(key);
    table.foreignKeys = longer(table.foreignKeys, key);
    if (referenced !== undefined) referenced.referencedBy = longer(referenced.referencedBy, key);
  }
  return {
    tables: [...tables.values()],
    indexes: [...indexes.values()],
    foreignKeys,
    operatorClasses: facts('operator-classes'),
    columnFacts: facts('columns'),
    collations: new Map(facts('collations').map((fact) => [fact.collationOid, fact])),
    expectedColumns,
    statements: statementsOf(snapshot),
    server: facts('server')[0],
    tablesByOid: tables,
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

const noColumns: ReadonlyMap<number, ColumnFact> = new Map();

/** Gives each table its columns, by number; those of `same`, which was made of the same facts, as they are. */
function* hangColumns(
  facts: readonly ColumnFact[],
  tables: ReadonlyMap<TableOid, DraftTable>,
  same: Catalogue | undefined,
): Sliced<void> {
  if (same !== undefined) {
    for (const table of tables.values()) {
      yield;
      const before = same.tablesByOid.get(table.oid);
      if (before !== undefined) table.columns = before.columns;
    }
  }
  for (const fact of facts) {
    yield;
    const table = tables.get(fact.tableOid);
    if (table === undefined || (same?.tablesByOid.has(fact.tableOid) ?? false)) continue;
    if (table.columns === noColumns) table.columns = new Map([[fact.attributeNumber, fact]]);
    else (table.columns as Map<number, ColumnFact>).set(fact.attributeNumber, fact);
  }
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

/** Hangs partitions below their parents and sums sizes, rows and counters up to every partitioned relation. */
function* linkPartitions(
  tables: Map<TableOid, DraftTable>,
  indexes: Map<IndexOid, DraftIndex>,
): Sliced<void> {
  for (const table of tables.values()) {
    yield;
    const parent =
      table.fact.isPartition && table.fact.parentOid !== null ? tables.get(table.fact.parentOid) : undefined;
    if (parent === undefined) continue;
    table.parent = parent;
    parent.partitions = longer(parent.partitions, table);
  }
  for (const index of indexes.values()) {
    yield;
    const parent = index.fact.parentIndexOid === null ? undefined : indexes.get(index.fact.parentIndexOid);
    if (parent === undefined) continue;
    index.parent = parent;
    parent.children = longer(parent.children, index);
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
  for (const table of tables.values()) {
    yield;
    sumTable(table);
  }
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
  for (const index of indexes.values()) {
    yield;
    sumIndex(index);
  }
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
