import { z } from 'zod';
import {
  cadence,
  collationOid,
  constraintOid,
  count,
  defineCollector,
  indexOid,
  operatorClassOid,
  operatorFamilyOid,
  tableOid,
} from './define.ts';

const tableFact = z.strictObject({
  tableOid,
  schemaname: z.string(),
  relname: z.string(),
  relkind: z.enum(['r', 'm', 'p']),
  persistence: z.enum(['p', 'u']),
  isPartition: z.boolean(),
  parentOid: tableOid.nullable(),
  hasChildren: z.boolean(),
  estimatedRows: count.nullable(),
  relpages: z.number().int(),
  replicaIdentity: z.enum(['d', 'n', 'f', 'i']),
  hasRowSecurity: z.boolean(),
  toastOid: z.number().int().nullable(),
  options: z.array(z.string()),
});
export type TableFact = z.infer<typeof tableFact>;

export const tables = defineCollector({
  name: 'tables',
  description: 'User tables, materialized views and partitioned tables.',
  fact: tableFact,
  schedule: cadence.everyFiveMinutes,
});

const columnFact = z.strictObject({
  tableOid,
  attributeNumber: z.number().int(),
  columnName: z.string(),
  typeName: z.string(),
  isNotNull: z.boolean(),
  lengthBytes: z.number().int(),
  generated: z.enum(['', 's', 'v']),
});
export type ColumnFact = z.infer<typeof columnFact>;

export const columns = defineCollector({
  name: 'columns',
  description: 'Columns that take part in indexes or foreign keys.',
  fact: columnFact,
  schedule: cadence.everyFiveMinutes,
});

const indexFact = z.strictObject({
  indexOid,
  tableOid,
  indexrelname: z.string(),
  relkind: z.enum(['i', 'I']),
  accessMethod: z.string(),
  isUnique: z.boolean(),
  isPrimary: z.boolean(),
  isExclusion: z.boolean(),
  isImmediate: z.boolean(),
  nullsNotDistinct: z.boolean(),
  isValid: z.boolean(),
  isReady: z.boolean(),
  isLive: z.boolean(),
  isClustered: z.boolean(),
  isReplicaIdentity: z.boolean(),
  keyCount: z.number().int().positive(),
  columnNumbers: z.array(z.number().int()),
  operatorClasses: z.array(operatorClassOid),
  collations: z.array(collationOid),
  keyOptions: z.array(z.number().int()),
  /** Of each key and included column as the index stores it: bytes, -1 for variable length, -2 for a C string. */
  storedLengths: z.array(z.number().int()),
  /** Bytes: 1, 2, 4 or 8. */
  storedAlignments: z.array(z.number().int()),
  operatorClassOptions: z.array(z.string()),
  isDefinitionKnown: z.boolean(),
  expressions: z.string().nullable(),
  predicate: z.string().nullable(),
  hasExpressions: z.boolean(),
  hasPredicate: z.boolean(),
  parentIndexOid: indexOid.nullable(),
  estimatedEntries: z.number(),
  relpages: z.number().int(),
  relfilenode: z.number().int(),
  options: z.array(z.string()),
  constraintOid: constraintOid.nullable(),
  constraintName: z.string().nullable(),
  constraintType: z.enum(['p', 'u', 'x']).nullable(),
  isDeferrable: z.boolean(),
  isConstraintLocal: z.boolean(),
  referencingForeignKeys: z.number().int().nonnegative(),
  comment: z.string().nullable(),
  searchPathFunctions: z.array(z.string()),
});
export type IndexFact = z.infer<typeof indexFact>;

export const indexes = defineCollector({
  name: 'indexes',
  description: 'Indexes of user tables: keys, flags, predicates, constraints and what depends on them.',
  fact: indexFact,
  lockedRelation: (fact) => (fact.isDefinitionKnown ? null : fact.indexOid),
  bounds: 'oid-range',
  schedule: cadence.everyFiveMinutes,
});

const constraintFact = z.strictObject({
  constraintOid,
  constraintName: z.string(),
  tableOid,
  referencedTableOid: tableOid,
  referencedIndexOid: indexOid.nullable(),
  referencedSchemaname: z.string(),
  referencedRelname: z.string(),
  columnNumbers: z.array(z.number().int()),
  referencedColumnNumbers: z.array(z.number().int()),
  isDeferrable: z.boolean(),
  isValidated: z.boolean(),
  isEnforced: z.boolean(),
  onDelete: z.enum(['a', 'r', 'c', 'n', 'd']),
  onUpdate: z.enum(['a', 'r', 'c', 'n', 'd']),
  equalityPositions: z.array(z.number().int()),
  equalityFamilies: z.array(operatorFamilyOid),
});
export type ConstraintFact = z.infer<typeof constraintFact>;

export const constraints = defineCollector({
  name: 'constraints',
  description: 'Foreign keys, with the operators their checks search by.',
  fact: constraintFact,
  schedule: cadence.everyFiveMinutes,
});

const operatorClassFact = z.strictObject({
  operatorClassOid,
  operatorClassName: z.string(),
  schemaname: z.string(),
  operatorFamilyOid,
  accessMethod: z.string(),
  isDefault: z.boolean(),
  inputTypeName: z.string(),
  /** Whether equal values are the same bytes, so that a B-tree may keep one key for all of them. */
  equalImage: z.enum(['always', 'by-collation', 'never']),
});
export type OperatorClassFact = z.infer<typeof operatorClassFact>;

export const operatorClasses = defineCollector({
  name: 'operator-classes',
  description: 'Operator classes, their families and access methods.',
  fact: operatorClassFact,
  schedule: cadence.everyFiveMinutes,
});

const collationFact = z.strictObject({
  collationOid,
  schemaname: z.string(),
  collationName: z.string(),
  /** The database's own default collation, with the provider and versions of the database. */
  isDatabaseDefault: z.boolean(),
  provider: z.enum(['b', 'c', 'i']),
  isDeterministic: z.boolean(),
  /** Version of the provider's rules when the collation was made or last refreshed; null where none is kept. */
  recordedVersion: z.string().nullable(),
  actualVersion: z.string().nullable(),
});
export type CollationFact = z.infer<typeof collationFact>;

export const collations = defineCollector({
  name: 'collations',
  description: 'Collations that indexes use, with their recorded and actual versions.',
  fact: collationFact,
  variants: [
    { fromVersion: 0, file: 'collations.sql' },
    { fromVersion: 150_000, file: 'collations.pg15.sql' },
  ],
  schedule: cadence.hourly,
});

const expectedColumnFact = z.strictObject({
  tableOid,
  attributeNumber: z.number().int(),
  columnName: z.string(),
  /** Without modifiers; of a domain the type below it. */
  typeName: z.string(),
  lengthBytes: z.number().int(),
  isVirtual: z.boolean(),
  /** 0 where the type has none. */
  collationOid,
  /** The types whose operator classes the column can have, the one that decides first. */
  operatorClassTypes: z.array(z.string()),
});
export type ExpectedColumnFact = z.infer<typeof expectedColumnFact>;

/** Asked for the tables that expectations name, which are its two parameters: schemas and, at the same places, tables. */
export const expectedColumns = defineCollector({
  name: 'expected-columns',
  description: 'All columns of the tables that expectations name.',
  fact: expectedColumnFact,
  schedule: cadence.everyFiveMinutes,
});
