import type { IndexFact, OperatorClassFact } from '../collectors/inventory.ts';
import type { CollationOid, IndexOid, OperatorClassOid, OperatorFamilyOid } from '../model/ids.ts';
import type { Catalogue, IndexKey, IndexView, TableView } from './catalogue.ts';

/** An index that somebody thinks of creating: a B-tree on columns in ascending order, unless told otherwise. */
export interface HypotheticalIndex {
  readonly table: TableView;
  readonly name: string;
  readonly columns: readonly string[];
}

/**
 * The index as the catalogue would show it once it is valid, with the operator classes and collations that it would get by default,
 * so that it can be compared with those that exist. Undefined where a column is not known. `place` tells it from others: indexes
 * that do not exist have negative oids.
 */
export function hypotheticalIndex(
  { table, name, columns }: HypotheticalIndex,
  { operatorClasses }: Pick<Catalogue, 'operatorClasses'>,
  place: number,
): IndexView | undefined {
  const keys: IndexKey[] = [];
  for (const text of columns) {
    const column = [...table.columns.values()].find(({ columnName }) => columnName === text);
    if (column === undefined) return undefined;
    const columnNumber = column.attributeNumber;
    const known = knownKey(table, columnNumber);
    keys.push({
      text,
      expressionSql: null,
      columnNumber,
      operatorClass: known?.operatorClass ?? defaultClass(column.typeName, operatorClasses),
      collation: known?.collation ?? 0,
      isDescending: false,
      isNullsFirst: false,
    });
  }
  // Oids are made by the parser of rows; no row has a negative one.
  const oid = -place as IndexOid;
  return {
    fact: factOf(table, name, oid, keys),
    oid,
    name,
    table,
    keys,
    included: [],
    predicate: undefined,
    statistics: new Map(),
    usage: undefined,
    sizeBytes: undefined,
    parent: undefined,
    children: [],
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

/**
 * The default class for a column's type. Domains, enums and arrays have none under their own name: for these a class is made up
 * that equals nothing but itself on the same type.
 */
function defaultClass(typeName: string, operatorClasses: readonly OperatorClassFact[]): OperatorClassFact {
  const bare = typeName.replace(/\(.*?\)/, '');
  const wanted = standIns.get(bare) ?? bare;
  const found = operatorClasses.find(
    (candidate) =>
      candidate.isDefault && candidate.accessMethod === 'btree' && candidate.inputTypeName === wanted,
  );
  return (
    found ?? {
      operatorClassOid: -1 as OperatorClassOid,
      operatorClassName: 'default',
      schemaname: 'pg_catalog',
      operatorFamilyOid: -1 as OperatorFamilyOid,
      accessMethod: 'btree',
      isDefault: true,
      inputTypeName: typeName,
      equalImage: 'never',
    }
  );
}

function factOf(table: TableView, name: string, oid: IndexOid, keys: readonly IndexKey[]): IndexFact {
  return {
    indexOid: oid,
    tableOid: table.oid,
    indexrelname: name,
    relkind: table.fact.relkind === 'p' ? 'I' : 'i',
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
    keyCount: keys.length,
    columnNumbers: keys.map((key) => key.columnNumber ?? 0),
    operatorClasses: keys.map((key) => key.operatorClass?.operatorClassOid ?? (0 as OperatorClassOid)),
    collations: keys.map((key) => key.collation as CollationOid),
    keyOptions: keys.map(() => 0),
    storedLengths: [],
    storedAlignments: [],
    operatorClassOptions: [],
    isDefinitionKnown: true,
    expressions: null,
    predicate: null,
    hasExpressions: false,
    hasPredicate: false,
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
