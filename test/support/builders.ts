import type { Bloat } from '../../src/analysis/bloat/bloat.ts';
import {
  buildCatalogue,
  type Catalogue,
  type IndexView,
  type TableView,
} from '../../src/analysis/catalogue.ts';
import { usageWindow } from '../../src/analysis/usage-window.ts';
import type { IndexBuildFact, InvalidIndexFact } from '../../src/collectors/builds.ts';
import type { ColumnStatisticsFact, ColumnVisibilityFact } from '../../src/collectors/column-statistics.ts';
import type { DefinitionFact } from '../../src/collectors/definitions.ts';
import type { CollectorName, FactFor } from '../../src/collectors/index.ts';
import type {
  CollationFact,
  ColumnFact,
  ConstraintFact,
  ExpectedColumnFact,
  IndexFact,
  OperatorClassFact,
  TableFact,
} from '../../src/collectors/inventory.ts';
import type { ReplicaFact, ServerFact } from '../../src/collectors/server.ts';
import type { RelationSizeFact } from '../../src/collectors/sizes.ts';
import type { Snapshot } from '../../src/collectors/snapshot.ts';
import type { StatementFact } from '../../src/collectors/statements.ts';
import type { IndexUsageFact, TableUsageFact } from '../../src/collectors/usage.ts';
import type {
  CollectorRun,
  Generation,
  MeasuringFacts,
  MissingPermission,
} from '../../src/findings/generation.ts';
import type { Expectation } from '../../src/model/expectation.ts';
import type { Finding, Inconclusive } from '../../src/model/finding.ts';
import {
  type CollationOid,
  type ConstraintOid,
  type IndexOid,
  type NodeName,
  nodeName,
  type OperatorClassOid,
  type OperatorFamilyOid,
  type TableOid,
  type TargetId,
} from '../../src/model/ids.ts';
import { type Outcome, whyMissing } from '../../src/model/outcome.ts';
import { dayMs, MiB } from '../../src/model/units.ts';

/*
 * Facts as the collectors yield them, small enough to read in a test. Every builder takes what the test is about and fills in
 * an ordinary rest; views are joined by the real catalogue, so that a test cannot build what production would not.
 */

/** "Now" of every built snapshot: 2026-03-01 12:00 UTC. */
export const takenAtMs = Date.UTC(2026, 2, 1, 12);
/** Since when the counters of every built server count: sixty days before {@link takenAtMs}. */
export const statisticsSinceMs = takenAtMs - 60 * dayMs;

/** Only the row parser makes branded oids; tests stand in for it here. */
export const tableOid = (oid: number): TableOid => oid as TableOid;
export const indexOid = (oid: number): IndexOid => oid as IndexOid;
export const constraintOid = (oid: number): ConstraintOid => oid as ConstraintOid;
export const operatorClassOid = (oid: number): OperatorClassOid => oid as OperatorClassOid;
export const operatorFamilyOid = (oid: number): OperatorFamilyOid => oid as OperatorFamilyOid;
export const collationOid = (oid: number): CollationOid => oid as CollationOid;

/** The collation that columns of type text have unless told otherwise. */
export const defaultCollation = collationOid(100);
export const noCollation = collationOid(0);

/** The table that index, column and usage facts belong to unless told otherwise. */
export const ordersOid = tableOid(16_400);
export const ordersIndexOid = indexOid(16_410);

export const aTableFact = (overrides: Partial<TableFact> = {}): TableFact => ({
  tableOid: ordersOid,
  schemaname: 'public',
  relname: 'orders',
  relkind: 'r',
  persistence: 'p',
  isPartition: false,
  parentOid: null,
  hasChildren: false,
  estimatedRows: 100_000,
  relpages: 1_280,
  replicaIdentity: 'd',
  hasRowSecurity: false,
  toastOid: null,
  options: [],
  ...overrides,
});

export const aColumnFact = (overrides: Partial<ColumnFact> = {}): ColumnFact => ({
  tableOid: ordersOid,
  attributeNumber: 1,
  columnName: 'id',
  typeName: 'integer',
  isNotNull: false,
  lengthBytes: 4,
  generated: '',
  ...overrides,
});

/**
 * A plain, valid B-tree on the table's first column. `columnNumbers` decides the rest where it is not given: one operator class
 * (int4_ops), collation and option for each key, and `keyCount` from the number of columns.
 */
export function anIndexFact(overrides: Partial<IndexFact> = {}): IndexFact {
  const columnNumbers = overrides.columnNumbers ?? [1];
  const keyCount = overrides.keyCount ?? columnNumbers.length;
  const perKey = <T>(value: T): T[] => Array.from({ length: keyCount }, () => value);
  return {
    indexOid: ordersIndexOid,
    tableOid: ordersOid,
    indexrelname: 'orders_id_idx',
    relkind: 'i',
    accessMethod: 'btree',
    isUnique: false,
    isPrimary: false,
    isExclusion: false,
    isImmediate: true,
    nullsNotDistinct: false,
    isValid: true,
    isReady: true,
    isLive: true,
    isClustered: false,
    isReplicaIdentity: false,
    keyCount,
    columnNumbers,
    operatorClasses: perKey(int4Ops.operatorClassOid),
    collations: perKey(noCollation),
    keyOptions: perKey(0),
    storedLengths: columnNumbers.map(() => 4),
    storedAlignments: columnNumbers.map(() => 4),
    operatorClassOptions: [],
    isDefinitionKnown: true,
    expressions: null,
    predicate: null,
    hasExpressions: (overrides.expressions ?? null) !== null,
    hasPredicate: (overrides.predicate ?? null) !== null,
    parentIndexOid: null,
    estimatedEntries: 100_000,
    relpages: 276,
    relfilenode: overrides.indexOid ?? ordersIndexOid,
    options: [],
    constraintOid: null,
    constraintName: null,
    constraintType: null,
    isDeferrable: false,
    isConstraintLocal: true,
    referencingForeignKeys: 0,
    comment: null,
    searchPathFunctions: [],
    ...overrides,
  };
}

/** A foreign key `orders.customer_id → customers.id` on integers, column 2 to column 1, checked at once. */
export function aConstraintFact(overrides: Partial<ConstraintFact> = {}): ConstraintFact {
  const columnNumbers = overrides.columnNumbers ?? [2];
  return {
    constraintOid: constraintOid(16_490),
    constraintName: 'orders_customer_id_fkey',
    tableOid: ordersOid,
    referencedTableOid: tableOid(16_500),
    referencedIndexOid: null,
    referencedSchemaname: 'public',
    referencedRelname: 'customers',
    columnNumbers,
    referencedColumnNumbers: columnNumbers.map((_, place) => place + 1),
    isDeferrable: false,
    isValidated: true,
    isEnforced: true,
    onDelete: 'a',
    onUpdate: 'a',
    equalityPositions: columnNumbers.map((_, place) => place + 1),
    equalityFamilies: columnNumbers.map(() => int4Ops.operatorFamilyOid),
    ...overrides,
  };
}

/** A thousand calls of 250 ms that return one row each, counted as long as everything else. */
export const aStatementFact = (overrides: Partial<StatementFact> = {}): StatementFact => ({
  queryId: '-4711',
  callsTotal: 1_000,
  executionMsTotal: 250_000,
  executionMsMax: 900,
  rowsTotal: 1_000,
  blockReadMsTotal: 0,
  countedSinceMs: statisticsSinceMs,
  isCut: false,
  queryText: 'select * from orders where a = $1',
  ...overrides,
});

/** Used: 1,200 scans, the last an hour ago. */
export const anIndexUsageFact = (overrides: Partial<IndexUsageFact> = {}): IndexUsageFact => ({
  indexOid: ordersIndexOid,
  scansTotal: 1_200,
  tuplesReadTotal: 3_600,
  tuplesFetchedTotal: 2_400,
  lastScanAtMs: takenAtMs - 3_600_000,
  statsResetAtMs: null,
  blocksReadTotal: 40,
  blocksHitTotal: 5_000,
  ...overrides,
});

export const aTableUsageFact = (overrides: Partial<TableUsageFact> = {}): TableUsageFact => ({
  tableOid: ordersOid,
  sequentialScansTotal: 12,
  sequentialRowsReadTotal: 1_200_000,
  indexScansTotal: 9_000,
  rowsInsertedTotal: 120_000,
  rowsUpdatedTotal: 30_000,
  rowsHotUpdatedTotal: 18_000,
  rowsNewPageUpdatedTotal: 4_000,
  rowsDeletedTotal: 20_000,
  liveRows: 100_000,
  deadRows: 250,
  rowsChangedSinceAnalyze: 400,
  lastAnalyzedAtMs: takenAtMs - dayMs,
  lastVacuumedAtMs: takenAtMs - dayMs,
  lastSequentialScanAtMs: takenAtMs - 7_200_000,
  statsResetAtMs: null,
  ...overrides,
});

export const aSizeFact = (overrides: Partial<RelationSizeFact> = {}): RelationSizeFact => ({
  relationOid: ordersIndexOid,
  sizeBytes: 10 * MiB,
  relpages: 1_280,
  estimatedEntries: 100_000,
  ...overrides,
});

/** A column of distinct values without NULLs. */
export const aColumnStatisticsFact = (
  overrides: Partial<ColumnStatisticsFact> = {},
): ColumnStatisticsFact => ({
  tableOid: ordersOid,
  attributeNumber: 1,
  nullFraction: 0,
  averageWidthBytes: 4,
  distinctValues: -1,
  commonFrequencies: [],
  ...overrides,
});

/** A primary of version 17 whose counters have counted for sixty days, seen by a role with pg_monitor. */
export const aServerFact = (overrides: Partial<ServerFact> = {}): ServerFact => ({
  versionNum: 170_010,
  version: '17.10',
  isInRecovery: false,
  systemIdentifier: '7300000000000000001',
  timelineId: 1,
  serverAddress: null,
  standbyName: null,
  databaseOid: 16_384,
  datname: 'shop',
  serverNowAtMs: takenAtMs,
  startedAtMs: statisticsSinceMs - dayMs,
  databaseStatsResetAtMs: statisticsSinceMs,
  bgwriterStatsResetAtMs: statisticsSinceMs - dayMs,
  archiverStatsResetAtMs: statisticsSinceMs - dayMs,
  trackCounts: true,
  blockSizeBytes: 8_192,
  autovacuum: true,
  autovacuumAnalyzeThresholdRows: 50,
  autovacuumAnalyzeScaleFactor: 0.1,
  logMinDurationStatement: '-1',
  roleName: 'indexwarden',
  hasPgMonitor: true,
  hasReadAllStats: true,
  hasReadAllSettings: true,
  backendPid: 4_242,
  extensions: ['plpgsql'],
  hasColumnStatisticsView: false,
  ...overrides,
});

export const anOperatorClassFact = (overrides: Partial<OperatorClassFact> = {}): OperatorClassFact => ({
  operatorClassOid: operatorClassOid(1_978),
  operatorClassName: 'int4_ops',
  schemaname: 'pg_catalog',
  operatorFamilyOid: operatorFamilyOid(1_976),
  accessMethod: 'btree',
  isDefault: true,
  inputTypeName: 'integer',
  equalImage: 'always',
  ...overrides,
});

const operatorClass = (
  name: string,
  oid: number,
  family: number,
  inputTypeName: string,
  rest: Partial<OperatorClassFact> = {},
): OperatorClassFact =>
  anOperatorClassFact({
    operatorClassOid: operatorClassOid(oid),
    operatorClassName: name,
    operatorFamilyOid: operatorFamilyOid(family),
    inputTypeName,
    // Only B-trees have the support function that says so.
    equalImage: rest.accessMethod === undefined ? 'always' : 'never',
    ...rest,
  });

/** Of one family with int8_ops, as in PostgreSQL; varchar_ops is a second name for text_ops. */
export const int4Ops = operatorClass('int4_ops', 1_978, 1_976, 'integer');
export const int8Ops = operatorClass('int8_ops', 3_124, 1_976, 'bigint');
export const textOps = operatorClass('text_ops', 3_126, 1_994, 'text', { equalImage: 'by-collation' });
export const varcharOps = operatorClass('varchar_ops', 10_035, 1_994, 'text', {
  isDefault: false,
  equalImage: 'by-collation',
});
export const textPatternOps = operatorClass('text_pattern_ops', 4_217, 2_095, 'text', {
  isDefault: false,
  equalImage: 'by-collation',
});
export const uuidOps = operatorClass('uuid_ops', 10_065, 2_968, 'uuid');
export const dateOps = operatorClass('date_ops', 3_122, 434, 'date');
export const timestamptzOps = operatorClass('timestamptz_ops', 3_127, 434, 'timestamp with time zone');
export const boolOps = operatorClass('bool_ops', 10_008, 424, 'boolean');
export const hashInt4Ops = operatorClass('int4_ops', 10_030, 1_977, 'integer', { accessMethod: 'hash' });
export const hashTextOps = operatorClass('text_ops', 10_037, 1_995, 'text', { accessMethod: 'hash' });
export const ginJsonbOps = operatorClass('jsonb_ops', 10_094, 4_036, 'jsonb', { accessMethod: 'gin' });
export const ginJsonbPathOps = operatorClass('jsonb_path_ops', 10_095, 4_037, 'jsonb', {
  accessMethod: 'gin',
  isDefault: false,
});
export const gistInetOps = operatorClass('inet_ops', 10_096, 3_550, 'inet', { accessMethod: 'gist' });
export const brinInt4Ops = operatorClass('int4_minmax_ops', 10_106, 4_054, 'integer', {
  accessMethod: 'brin',
});

/** What {@link aSnapshot} holds unless told otherwise. */
export const commonOperatorClasses: readonly OperatorClassFact[] = [
  int4Ops,
  int8Ops,
  textOps,
  varcharOps,
  textPatternOps,
  uuidOps,
  dateOps,
  timestamptzOps,
  boolOps,
  hashInt4Ops,
  hashTextOps,
  ginJsonbOps,
  ginJsonbPathOps,
  gistInetOps,
  brinInt4Ops,
];

/** Facts by collector. A collector that is not named was collected and found nothing, but for the server and operator classes. */
export interface Facts {
  readonly server?: ServerFact;
  readonly replicas?: readonly ReplicaFact[];
  readonly tables?: readonly TableFact[];
  readonly columns?: readonly ColumnFact[];
  readonly indexes?: readonly IndexFact[];
  readonly constraints?: readonly ConstraintFact[];
  readonly operatorClasses?: readonly OperatorClassFact[];
  readonly collations?: readonly CollationFact[];
  readonly expectedColumns?: readonly ExpectedColumnFact[];
  readonly statements?: readonly StatementFact[];
  readonly candidateColumns?: readonly ExpectedColumnFact[];
  readonly indexUsage?: readonly IndexUsageFact[];
  readonly tableUsage?: readonly TableUsageFact[];
  readonly relationSizes?: readonly RelationSizeFact[];
  readonly columnStatistics?: readonly ColumnStatisticsFact[];
  readonly columnVisibility?: ColumnVisibilityFact;
  readonly indexBuilds?: readonly IndexBuildFact[];
  readonly invalidIndexes?: readonly InvalidIndexFact[];
  /** Outcomes that are not "collected a second ago": a failure, a skip, facts of another time. */
  readonly outcomes?: Snapshot['outcomes'];
  /** Collectors that have not run yet. */
  readonly missing?: readonly CollectorName[];
  readonly target?: TargetId;
  readonly node?: NodeName;
  readonly takenAtMs?: number;
}

export const collected = <Fact>(
  facts: readonly Fact[],
  overrides: Partial<Extract<Outcome<Fact>, { kind: 'collected' }>> = {},
): Outcome<Fact> => ({
  kind: 'collected',
  facts,
  collectedAtMs: takenAtMs,
  durationMs: 12,
  skippedRelations: [],
  ...overrides,
});

export const failed = (
  message: string,
  kind: 'TargetUnavailable' | 'QueryTimeout' | 'QueryFailed' = 'QueryFailed',
): Outcome<never> => ({
  kind: 'failed',
  error: { kind, message },
  collectedAtMs: takenAtMs,
  durationMs: 34,
});

export const notPermitted = (message: string, grant: string): Outcome<never> => ({
  kind: 'failed',
  error: { kind: 'NotPermitted', message, sqlstate: '42501', grant },
  collectedAtMs: takenAtMs,
  durationMs: 5,
});

export const skipped = (reason: string, remedy?: string): Outcome<never> => ({
  kind: 'skipped',
  reason,
  ...(remedy === undefined ? {} : { remedy }),
  collectedAtMs: takenAtMs,
});

export const aTarget = (overrides: Partial<TargetId> = {}): TargetId => ({
  server: 'main',
  datname: 'shop',
  ...overrides,
});

export function aSnapshot(facts: Facts = {}): Snapshot {
  const at = facts.takenAtMs ?? takenAtMs;
  const whole = <Fact>(list: readonly Fact[]): Outcome<Fact> => collected(list, { collectedAtMs: at });
  const outcomes: Snapshot['outcomes'] = {
    server: whole([facts.server ?? aServerFact()]),
    replicas: whole(facts.replicas ?? []),
    tables: whole(facts.tables ?? []),
    columns: whole(facts.columns ?? []),
    indexes: whole(facts.indexes ?? []),
    constraints: whole(facts.constraints ?? []),
    'operator-classes': whole(facts.operatorClasses ?? commonOperatorClasses),
    collations: whole(facts.collations ?? []),
    'expected-columns': whole(facts.expectedColumns ?? []),
    statements: whole(facts.statements ?? []),
    'candidate-columns': whole(facts.candidateColumns ?? []),
    'index-usage': whole(facts.indexUsage ?? []),
    'table-usage': whole(facts.tableUsage ?? []),
    'relation-sizes': whole(facts.relationSizes ?? []),
    'column-statistics': whole(facts.columnStatistics ?? []),
    'column-visibility': whole([facts.columnVisibility ?? { userColumns: 0, visibleColumns: 0 }]),
    'index-builds': whole(facts.indexBuilds ?? []),
    'invalid-indexes': whole(facts.invalidIndexes ?? []),
    ...facts.outcomes,
  };
  const missing = new Set<string>(facts.missing ?? []);
  return {
    target: facts.target ?? aTarget(),
    node: facts.node ?? nodeName('primary'),
    takenAtMs: at,
    outcomes: Object.fromEntries(Object.entries(outcomes).filter(([name]) => !missing.has(name))),
  };
}

export const aCatalogue = (
  facts: Facts = {},
  isWatched: (schemaname: string) => boolean = () => true,
): Catalogue => buildCatalogue(aSnapshot(facts), isWatched);

/** One column of a {@link DescribedTable}: `'id'` is an integer, `{ name, type: 'text' }` says otherwise. */
export type DescribedColumn =
  | string
  | { readonly name: string; readonly type?: DescribedType; readonly isNotNull?: boolean };
export type DescribedType =
  | 'integer'
  | 'bigint'
  | 'text'
  | 'uuid'
  | 'date'
  | 'timestamptz'
  | 'boolean'
  | 'jsonb'
  | 'inet';

export interface DescribedIndex {
  readonly name: string;
  /** Columns in key order, `'b DESC'`, `'b NULLS FIRST'` and `'b DESC NULLS LAST'` as in SQL; `'lower(name)'` is an expression. */
  readonly keys: readonly string[];
  readonly include?: readonly string[];
  readonly where?: string;
  /** Unused when 0; unknown when null. */
  readonly scans?: number | null;
  readonly sizeBytes?: number | null;
  readonly usage?: Partial<IndexUsageFact>;
  /** Anything else of the fact: `{ isUnique: true }`, `{ accessMethod: 'hash' }`, `{ operatorClasses: […] }`. */
  readonly fact?: Partial<IndexFact>;
}

export interface DescribedForeignKey {
  readonly name?: string;
  readonly columns: readonly string[];
  readonly references: string;
  readonly fact?: Partial<ConstraintFact>;
}

export interface DescribedTable {
  readonly name: string;
  readonly schema?: string;
  readonly columns: readonly DescribedColumn[];
  readonly rows?: number | null;
  /** The table with its TOAST table; unknown when null. */
  readonly sizeBytes?: number | null;
  readonly indexes?: readonly DescribedIndex[];
  readonly foreignKeys?: readonly DescribedForeignKey[];
  /** Null: no counters were seen. */
  readonly usage?: Partial<TableUsageFact> | null;
  readonly fact?: Partial<TableFact>;
}

/**
 * The facts of tables told by name: `factsOf([{ name: 'orders', columns: ['id', 'a'], indexes: [{ name: 'i', keys: ['a'] }] }])`.
 * Oids are the tables' places (10,000, 20,000, …) and, below them, their indexes' (10,001, …), so that "older" is "earlier".
 */
export function factsOf(described: readonly DescribedTable[], more: Facts = {}): Facts {
  const tableOids = new Map(
    described.flatMap(({ schema = 'public', name }, place) => [
      // By its name alone too, for foreign keys: one in the same schema is found first.
      [name, tableOid((place + 1) * 10_000)] as const,
      [`${schema}.${name}`, tableOid((place + 1) * 10_000)] as const,
    ]),
  );
  const tables: TableFact[] = [];
  const columns: ColumnFact[] = [];
  const indexes: IndexFact[] = [];
  const constraints: ConstraintFact[] = [];
  const indexUsage: IndexUsageFact[] = [];
  const tableUsage: TableUsageFact[] = [];
  const relationSizes: RelationSizeFact[] = [];
  for (const table of described) {
    const schema = table.schema ?? 'public';
    const oid = oidOf(tableOids, `${schema}.${table.name}`);
    const rows = table.rows === undefined ? 100_000 : table.rows;
    tables.push(
      aTableFact({
        tableOid: oid,
        schemaname: schema,
        relname: table.name,
        estimatedRows: rows,
        ...table.fact,
      }),
    );
    const ownColumns = table.columns.map((column, place) => columnOf(oid, column, place + 1));
    columns.push(...ownColumns);
    if (table.usage !== null)
      tableUsage.push(aTableUsageFact({ tableOid: oid, liveRows: rows ?? 0, ...table.usage }));
    if (table.sizeBytes !== null && table.fact?.relkind !== 'p')
      relationSizes.push(aSizeFact({ relationOid: oid, sizeBytes: table.sizeBytes ?? 64 * MiB }));
    for (const [place, index] of (table.indexes ?? []).entries()) {
      const fact = indexOf(index, ownColumns, oid, indexOid(oid + place + 1));
      indexes.push(fact);
      if (fact.relkind === 'I') continue;
      if (index.scans !== null)
        indexUsage.push(
          anIndexUsageFact({ indexOid: fact.indexOid, ...usageOf(index.scans), ...index.usage }),
        );
      if (index.sizeBytes !== null)
        relationSizes.push(aSizeFact({ relationOid: fact.indexOid, sizeBytes: index.sizeBytes ?? 10 * MiB }));
    }
    for (const [place, key] of (table.foreignKeys ?? []).entries()) {
      constraints.push(
        aConstraintFact({
          constraintOid: constraintOid(oid + 5_000 + place),
          constraintName: key.name ?? `${table.name}_${key.columns.join('_')}_fkey`,
          tableOid: oid,
          referencedTableOid:
            tableOids.get(`${schema}.${key.references}`) ?? oidOf(tableOids, key.references),
          referencedRelname: key.references,
          columnNumbers: key.columns.map((name) => numberOf(ownColumns, name)),
          ...key.fact,
        }),
      );
    }
  }
  return {
    ...{ tables, columns, indexes, constraints, indexUsage, tableUsage, relationSizes },
    expectedColumns: columns.map(expectedColumnOf),
    candidateColumns: columns.map(expectedColumnOf),
    ...more,
  };
}

/** As the columns of a table that an expectation names are read. */
const expectedColumnOf = (column: ColumnFact): ExpectedColumnFact => ({
  tableOid: column.tableOid,
  attributeNumber: column.attributeNumber,
  columnName: column.columnName,
  typeName: column.typeName,
  lengthBytes: column.lengthBytes,
  isVirtual: column.generated === 'v',
  collationOid: column.typeName === 'text' ? defaultCollation : noCollation,
  operatorClassTypes: [column.typeName],
});

/** An index expected on `orders(a)`; keys as in {@link DescribedIndex}, expressions in brackets: `'(lower(name))'`. */
export function anExpectation({
  keys = ['a'],
  ...overrides
}: Partial<Omit<Expectation, 'keys'>> & { readonly keys?: readonly string[] } = {}): Expectation {
  return {
    name: 'idx_orders_a',
    schemaname: 'public',
    relname: 'orders',
    method: 'btree',
    keys: keys.map((key) => {
      const { text, option } = parseKey(key, []);
      const expression = /^\((.*)\)$/s.exec(text)?.[1];
      return {
        kind: expression === undefined ? 'column' : 'expression',
        text: expression ?? text,
        isDescending: (option & 1) !== 0,
        isNullsFirst: (option & 2) !== 0,
      };
    }),
    include: [],
    isUnique: false,
    nullsNotDistinct: false,
    priority: 1,
    queries: [],
    alternatives: [],
    manifest: 'expectations/shop.yaml',
    ...overrides,
  };
}

const usageOf = (scans: number | undefined): Partial<IndexUsageFact> =>
  scans === 0
    ? { scansTotal: 0, tuplesReadTotal: 0, tuplesFetchedTotal: 0, lastScanAtMs: null }
    : scans === undefined
      ? {}
      : { scansTotal: scans, tuplesReadTotal: scans * 3, tuplesFetchedTotal: scans * 2 };

const types: Readonly<
  Record<
    DescribedType,
    { readonly typeName: string; readonly lengthBytes: number; readonly btree: OperatorClassFact }
  >
> = {
  integer: { typeName: 'integer', lengthBytes: 4, btree: int4Ops },
  bigint: { typeName: 'bigint', lengthBytes: 8, btree: int8Ops },
  text: { typeName: 'text', lengthBytes: -1, btree: textOps },
  uuid: { typeName: 'uuid', lengthBytes: 16, btree: uuidOps },
  date: { typeName: 'date', lengthBytes: 4, btree: dateOps },
  timestamptz: { typeName: 'timestamp with time zone', lengthBytes: 8, btree: timestamptzOps },
  boolean: { typeName: 'boolean', lengthBytes: 1, btree: boolOps },
  // Neither has a B-tree class here: tests index them with GIN and GiST.
  jsonb: { typeName: 'jsonb', lengthBytes: -1, btree: ginJsonbOps },
  inet: { typeName: 'inet', lengthBytes: -1, btree: gistInetOps },
};

function columnOf(oid: TableOid, column: DescribedColumn, attributeNumber: number): ColumnFact {
  const described = typeof column === 'string' ? { name: column } : column;
  const { typeName, lengthBytes } = types[described.type ?? 'integer'];
  return aColumnFact({
    tableOid: oid,
    attributeNumber,
    columnName: described.name,
    typeName,
    lengthBytes,
    isNotNull: described.isNotNull ?? false,
  });
}

function indexOf(
  index: DescribedIndex,
  columns: readonly ColumnFact[],
  table: TableOid,
  oid: IndexOid,
): IndexFact {
  const keys = index.keys.map((key) => parseKey(key, columns));
  const isColumn = (key: DescribedKey): key is DescribedKey & { column: ColumnFact } =>
    key.column !== undefined;
  const expressions = keys.filter((key) => !isColumn(key)).map((key) => key.text);
  const method = index.fact?.accessMethod ?? 'btree';
  return anIndexFact({
    indexOid: oid,
    tableOid: table,
    indexrelname: index.name,
    keyCount: keys.length,
    columnNumbers: [
      ...keys.map((key) => key.column?.attributeNumber ?? 0),
      ...(index.include ?? []).map((name) => numberOf(columns, name)),
    ],
    operatorClasses: keys.map((key) => classOf(key.column, method).operatorClassOid),
    collations: keys.map((key) =>
      key.column === undefined || key.column.typeName === 'text' ? defaultCollation : noCollation,
    ),
    keyOptions: keys.map((key) => key.option),
    expressions: expressions.length === 0 ? null : expressions.join(', '),
    predicate: index.where ?? null,
    ...index.fact,
  });
}

function classOf(column: ColumnFact | undefined, method: string): OperatorClassFact {
  const type = Object.values(types).find((candidate) => candidate.typeName === column?.typeName);
  const btree = type?.btree ?? textOps;
  if (method === 'btree') return btree;
  const fitting = commonOperatorClasses.find(
    (candidate) => candidate.accessMethod === method && candidate.inputTypeName === btree.inputTypeName,
  );
  return fitting ?? btree;
}

interface DescribedKey {
  readonly text: string;
  readonly column: ColumnFact | undefined;
  /** As in pg_index.indoption: bit 0 descending, bit 1 nulls first. */
  readonly option: number;
}

function parseKey(key: string, columns: readonly ColumnFact[]): DescribedKey {
  const parts = /^(.*?)(?:\s+(ASC|DESC))?(?:\s+NULLS\s+(FIRST|LAST))?$/s.exec(key);
  const text = parts?.[1] ?? key;
  const isDescending = parts?.[2] === 'DESC';
  const isNullsFirst = parts?.[3] === undefined ? isDescending : parts[3] === 'FIRST';
  return {
    text,
    column: columns.find((column) => column.columnName === text),
    option: (isDescending ? 1 : 0) | (isNullsFirst ? 2 : 0),
  };
}

function numberOf(columns: readonly ColumnFact[], name: string): number {
  const column = columns.find((candidate) => candidate.columnName === name);
  if (column === undefined) throw new Error(`the described table has no column ${name}`);
  return column.attributeNumber;
}

function oidOf(oids: ReadonlyMap<string, TableOid>, name: string): TableOid {
  const oid = oids.get(name);
  if (oid === undefined) throw new Error(`no table ${name} is described`);
  return oid;
}

/** The joined catalogue of tables told by name; see {@link factsOf}. */
export const aCatalogueOf = (described: readonly DescribedTable[], more: Facts = {}): Catalogue =>
  aCatalogue(factsOf(described, more));

/** The one index of that name; a test that misspells it fails here and says so. */
export function indexNamed(catalogue: Catalogue, name: string): IndexView {
  const index = catalogue.indexes.find((candidate) => candidate.name === name);
  if (index === undefined) throw new Error(`no index ${name} in the catalogue`);
  return index;
}

export function tableNamed(catalogue: Catalogue, relname: string): TableView {
  const table = catalogue.tables.find((candidate) => candidate.relname === relname);
  if (table === undefined) throw new Error(`no table ${relname} in the catalogue`);
  return table;
}

/** One table with three integer columns `id`, `a`, `b` and no indexes. */
export const aTable = (overrides: Partial<DescribedTable> = {}): TableView => {
  const described = { name: 'orders', columns: ['id', 'a', 'b'], ...overrides };
  return tableNamed(aCatalogueOf([described]), described.name);
};

/** One index on `orders(id, a, b)`: `anIndex({ accessMethod: 'hash' })`, `anIndex({ isUnique: true }, { keys: ['a', 'b DESC'] })`. */
export const anIndex = (
  fact: Partial<IndexFact> = {},
  described: Partial<DescribedIndex> = {},
  table: Partial<DescribedTable> = {},
): IndexView => {
  const index = { name: fact.indexrelname ?? 'orders_id_idx', keys: ['id'], ...described, fact };
  const catalogue = aCatalogueOf([
    { name: 'orders', columns: ['id', 'a', 'b'], ...table, indexes: [...(table.indexes ?? []), index] },
  ]);
  return indexNamed(catalogue, index.name);
};

/** An open duplicate that is new; ids count up by themselves only where the test gives them. */
export const aFinding = (overrides: Partial<Finding> = {}): Finding => ({
  id: '00112233445566aa',
  kind: 'duplicate-index',
  severity: 'warning',
  confidence: 'proven',
  state: 'open',
  origin: 'new',
  server: 'main',
  datname: 'shop',
  schemaname: 'public',
  relname: 'orders',
  indexrelname: 'orders_a_idx1',
  columns: ['a'],
  related: [
    {
      schemaname: 'public',
      indexrelname: 'orders_a_idx',
      role: 'keep',
      why: 'it is the one that is used (1200 scans against 0)',
    },
  ],
  title: 'public.orders_a_idx1 duplicates orders_a_idx',
  evidence: { sizeBytes: 10 * MiB, scansTotal: 0 },
  caveats: [],
  impact: { reclaimableBytes: 10 * MiB },
  fix: {
    sql: 'DROP INDEX CONCURRENTLY public.orders_a_idx1;',
    rollbackSql: 'CREATE INDEX CONCURRENTLY orders_a_idx1 ON public.orders USING btree (a);',
    lock: 'SHARE UPDATE EXCLUSIVE on public.orders',
    rebuildSeconds: 4,
    notes: '',
    preflightSql: null,
    verifySql: null,
  },
  firstSeen: new Date(takenAtMs - dayMs).toISOString(),
  lastSeen: new Date(takenAtMs).toISOString(),
  docs: '/docs/detectors/duplicate-index.md',
  ...overrides,
});

export const anInconclusive = (overrides: Partial<Inconclusive> = {}): Inconclusive => ({
  kind: 'null-heavy-index',
  server: 'main',
  datname: 'shop',
  reason: 'column statistics are not visible to indexwarden; run: GRANT pg_read_all_data TO indexwarden',
  ...overrides,
});

export const aMissingPermission = (overrides: Partial<MissingPermission> = {}): MissingPermission => ({
  isOptional: false,
  permission: 'column-statistics',
  facts: 'planner statistics of columns',
  grant: 'GRANT SELECT ON indexwarden.column_statistics TO indexwarden;',
  ...overrides,
});

export interface DescribedGeneration {
  readonly publishedAtMs?: number;
  readonly facts?: Facts;
  readonly findings?: readonly Finding[];
  readonly inconclusive?: readonly Inconclusive[];
  readonly missingPermissions?: readonly MissingPermission[];
  readonly target?: TargetId;
  readonly number?: number;
  readonly isUp?: boolean;
  readonly error?: string | null;
  readonly runs?: readonly CollectorRun[];
  /** By the index's name. */
  readonly bloat?: Readonly<Record<string, Bloat>>;
  readonly measuring?: MeasuringFacts;
  readonly rebuilds?: Generation['rebuilds'];
  readonly lost?: ReadonlySet<string>;
  readonly nodes?: Generation['nodes'];
  readonly unknownReplicas?: readonly string[];
  readonly usage?: Generation['usage'];
  readonly probes?: Generation['probes'];
}

/** A generation as it is published from the described facts: catalogue, window and runs follow from the snapshot. */
export function aGeneration(described: DescribedGeneration = {}): Generation {
  const target = described.target ?? described.facts?.target ?? aTarget();
  const snapshot = aSnapshot({ ...described.facts, target });
  const catalogue = buildCatalogue(snapshot, () => true);
  const findings = described.findings ?? [];
  const open = findings.filter((finding) => finding.state === 'open');
  return {
    target,
    number: described.number ?? 1,
    publishedAtMs: described.publishedAtMs ?? snapshot.takenAtMs + 1_500,
    isUp: described.isUp ?? true,
    error: described.error ?? null,
    ...(described.probes && { probes: described.probes }),
    snapshot,
    catalogue,
    window: catalogue.server && usageWindow(catalogue.server, snapshot.node, snapshot.takenAtMs),
    nodes: described.nodes ?? [{ node: snapshot.node, role: 'primary', state: 'observed', reason: null }],
    unknownReplicas: described.unknownReplicas ?? [],
    usage: described.usage,
    bloat: bloatByOid(catalogue, described.bloat),
    ...(described.measuring === undefined ? {} : { measuring: described.measuring }),
    ...(described.rebuilds === undefined ? {} : { rebuilds: described.rebuilds }),
    findings,
    ...(described.lost === undefined ? {} : { lost: described.lost }),
    inconclusive: described.inconclusive ?? [],
    runs: described.runs ?? runsOf(snapshot),
    missingPermissions: described.missingPermissions ?? [],
    reclaimableTotalBytes: open.reduce((sum, finding) => sum + finding.impact.reclaimableBytes, 0),
  };
}

/** Measured an hour ago, without doubt: 10 MiB of which 4 are bloat. */
export const aBloat = (overrides: Partial<Bloat> = {}): Bloat => ({
  method: 'measured',
  confidence: 'high',
  sizeBytes: 10 * MiB,
  expectedSizeBytes: 6 * MiB,
  wastedBytes: 4 * MiB,
  ratio: 0.4,
  low: 0.4,
  high: 0.4,
  naturalFillBytes: 0,
  measuredAtMs: takenAtMs - 3_600_000,
  reason: null,
  improvement: null,
  ...overrides,
});

/** Nothing could be said, and why. */
export const anUnknownBloat = (reason: string, improvement: string | null = null): Bloat =>
  aBloat({
    method: 'unknown',
    confidence: 'none',
    expectedSizeBytes: null,
    wastedBytes: null,
    ratio: null,
    low: null,
    high: null,
    naturalFillBytes: null,
    measuredAtMs: null,
    reason,
    improvement,
  });

/** Answers told by the index's name, by its oid. */
export const bloatByOid = (
  catalogue: Catalogue,
  byName: Readonly<Record<string, Bloat>> = {},
): ReadonlyMap<IndexOid, Bloat> =>
  new Map(Object.entries(byName).map(([name, bloat]) => [indexNamed(catalogue, name).oid, bloat]));

/** What the scheduler would have noted of each outcome; a failed collector never succeeded. */
export function runsOf(snapshot: Snapshot): readonly CollectorRun[] {
  // Keys of the mapped type are collector names; Object.entries forgets it.
  const outcomes = Object.entries(snapshot.outcomes) as [CollectorName, Outcome<FactFor<CollectorName>>][];
  return outcomes.map(([name, outcome]) => ({
    name,
    state: outcome.kind,
    ranAtMs: outcome.collectedAtMs,
    durationMs: outcome.kind === 'skipped' ? 0 : outcome.durationMs,
    lastSuccessAtMs: outcome.kind === 'collected' ? outcome.collectedAtMs : null,
    reason: whyMissing(outcome) ?? null,
    errorKind: outcome.kind === 'failed' ? outcome.error.kind : null,
    facts: outcome.kind === 'collected' ? outcome.facts.length : 0,
    skippedRelations: outcome.kind === 'collected' ? outcome.skippedRelations.length : 0,
  }));
}

/** As the server says of an index that has nothing out of the ordinary. */
export const aDefinition = (
  overrides: Partial<DefinitionFact> & Pick<DefinitionFact, 'indexOid'>,
): DefinitionFact => ({
  definition: null,
  constraintName: null,
  constraintDefinition: null,
  constraintComment: null,
  tablespaceName: null,
  targetedColumns: [],
  statisticsTargets: [],
  ...overrides,
});
