import type { ExpectedColumnFact, IndexFact, OperatorClassFact } from '../collectors/inventory.ts';
import type { IndexOid, OperatorClassOid, OperatorFamilyOid } from '../model/ids.ts';
import type { Catalogue, IndexKey, IndexView, TableView } from './catalogue.ts';
import { RelationNames } from './relation-names.ts';

/** What an index would be that does not exist: the one model of it, whoever thinks of creating it. */
export interface HypotheticalShape {
  readonly table: TableView;
  readonly name: string;
  /** Indexes that do not exist are told apart by 0 and negative oids. */
  readonly oid: IndexOid;
  readonly accessMethod: string;
  readonly keys: readonly IndexKey[];
  readonly included: readonly { readonly columnName: string; readonly attributeNumber: number }[];
  /** The expressions among its keys as they were written; their canonical texts, where absent. */
  readonly expressions?: readonly string[];
  /** In canonical form. */
  readonly predicate: string | undefined;
  readonly isUnique: boolean;
  readonly nullsNotDistinct: boolean;
}

/** The index as the catalogue would show it once it is valid, so that it can be compared with those that exist. */
export function hypotheticalView(shape: HypotheticalShape): IndexView {
  return {
    fact: factOf(shape),
    oid: shape.oid,
    name: shape.name,
    names: new RelationNames(shape.table.schemaname, shape.table.relname, shape.name),
    table: shape.table,
    keys: shape.keys,
    included: shape.included.map(({ columnName }) => columnName),
    predicate: shape.predicate,
    statistics: new Map(),
    usage: undefined,
    sizeBytes: undefined,
    parent: undefined,
    children: [],
  };
}

/** A B-tree on columns in ascending order, with the operator classes and collations that it would get by default. */
export interface PlainIndex {
  readonly table: TableView;
  readonly name: string;
  readonly columns: readonly string[];
}

/** Undefined where a column is not known. `place` tells it from others that do not exist either. */
export function hypotheticalIndex(
  { table, name, columns }: PlainIndex,
  catalogue: Pick<Catalogue, 'operatorClasses' | 'expectedColumns'>,
  place: number,
): IndexView | undefined {
  const keys = columns.map((text) => plainKey(text, table, catalogue)).filter((key) => key !== undefined);
  if (keys.length < columns.length) return undefined;
  return hypotheticalView({
    table,
    name,
    // Oids are made by the parser of rows; no row has a negative one.
    oid: -place as IndexOid,
    accessMethod: 'btree',
    keys,
    included: [],
    predicate: undefined,
    isUnique: false,
    nullsNotDistinct: false,
  });
}

function plainKey(
  text: string,
  table: TableView,
  catalogue: Pick<Catalogue, 'operatorClasses' | 'expectedColumns'>,
): IndexKey | undefined {
  const column = columnNamed(text, table, catalogue);
  if (column === undefined) return undefined;
  const known = knownKey(table, column.attributeNumber);
  return {
    text,
    expressionSql: null,
    columnNumber: column.attributeNumber,
    operatorClass:
      known?.operatorClass ??
      defaultClass(column.types, 'btree', catalogue.operatorClasses) ??
      classOfItsOwn(column.types[0] ?? text),
    collation: known?.collation ?? column.collationOid,
    isDescending: false,
    isNullsFirst: false,
  };
}

interface PlainColumn extends Pick<ExpectedColumnFact, 'attributeNumber' | 'collationOid'> {
  readonly types: readonly string[];
}

/** Whole facts where the table's columns were read; else what is known of those that take part in an index or key. */
function columnNamed(
  name: string,
  table: TableView,
  { expectedColumns }: Pick<Catalogue, 'expectedColumns'>,
): PlainColumn | undefined {
  const whole = expectedColumns.get(table.oid)?.find(({ columnName }) => columnName === name);
  if (whole !== undefined) return { ...whole, types: whole.operatorClassTypes };
  const column = [...table.columns.values()].find(({ columnName }) => columnName === name);
  if (column === undefined) return undefined;
  const bare = column.typeName.replace(/\(.*?\)/, '');
  return {
    attributeNumber: column.attributeNumber,
    collationOid: 0 as PlainColumn['collationOid'],
    types: [standIns.get(bare) ?? bare],
  };
}

/** How an existing B-tree of the table keeps the column, if it does so by default: a new one would do the same. */
const knownKey = (table: TableView, columnNumber: number): IndexKey | undefined =>
  table.indexes
    .filter((index) => index.fact.accessMethod === 'btree')
    .flatMap((index) => index.keys)
    .find((key) => key.columnNumber === columnNumber && key.operatorClass?.isDefault === true);

/** Types that have no operator class of their own name but use that of another. */
const standIns: ReadonlyMap<string, string> = new Map([
  ['character varying', 'text'],
  ['cidr', 'inet'],
]);

/** The default class of the first of the types that has one; undefined where none has. */
export function defaultClass(
  types: readonly string[],
  accessMethod: string,
  operatorClasses: readonly OperatorClassFact[],
): OperatorClassFact | undefined {
  for (const typeName of types) {
    const found = operatorClasses.find(
      (one) => one.isDefault && one.accessMethod === accessMethod && one.inputTypeName === typeName,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Domains, enums and arrays have none under their own name: one is made up that equals nothing but itself on the same type. */
const classOfItsOwn = (typeName: string): OperatorClassFact => ({
  operatorClassOid: -1 as OperatorClassOid,
  operatorClassName: 'default',
  schemaname: 'pg_catalog',
  operatorFamilyOid: -1 as OperatorFamilyOid,
  accessMethod: 'btree',
  isDefault: true,
  inputTypeName: typeName,
  equalImage: 'never',
});

function factOf(shape: HypotheticalShape): IndexFact {
  const { table, name, oid, accessMethod, keys, included, predicate, isUnique, nullsNotDistinct } = shape;
  const { expressions = keys.filter((key) => key.columnNumber === null).map((key) => key.text) } = shape;
  return {
    indexOid: oid,
    tableOid: table.oid,
    indexrelname: name,
    relkind: table.fact.relkind === 'p' ? 'I' : 'i',
    accessMethod,
    isUnique,
    isPrimary: false,
    isExclusion: false,
    isImmediate: true,
    nullsNotDistinct,
    isValid: true,
    isReady: true,
    isLive: true,
    isClustered: false,
    isReplicaIdentity: false,
    keyCount: keys.length,
    columnNumbers: [
      ...keys.map((key) => key.columnNumber ?? 0),
      ...included.map(({ attributeNumber }) => attributeNumber),
    ],
    // What is only needed to read the server's rows stays empty: keys hold their classes and collations themselves.
    operatorClasses: [],
    collations: [],
    keyOptions: [],
    storedLengths: [],
    storedAlignments: [],
    operatorClassOptions: [],
    isDefinitionKnown: true,
    expressions: expressions.length === 0 ? null : expressions.join(', '),
    predicate: predicate ?? null,
    hasExpressions: expressions.length > 0,
    hasPredicate: predicate !== undefined,
    parentIndexOid: null,
    estimatedEntries: 0,
    relpages: 0,
    relfilenode: 0,
    options: [],
    constraintOid: null,
    constraintName: null,
    constraintType: null,
    isDeferrable: false,
    isConstraintLocal: true,
    referencingForeignKeys: 0,
    comment: null,
    searchPathFunctions: [],
  };
}
