import { z } from 'zod';
import { bytes, count, findingId, instant, objectId, ofTable, unknownable } from './values.ts';

const bloat = z.strictObject({
  sizeBytes: unknownable(bytes),
  expectedSizeBytes: unknownable(bytes),
  wastedBytes: unknownable(bytes),
  ratio: unknownable(z.number()),
  low: unknownable(z.number()),
  high: unknownable(z.number()),
  naturalFillBytes: unknownable(bytes),
  method: z.enum(['measured', 'calibrated', 'estimated', 'unknown']),
  confidence: z.enum(['high', 'medium', 'low', 'none']),
  reason: unknownable(z.string()),
  improvement: unknownable(z.string()),
  measuredAt: unknownable(instant),
});

const key = z.strictObject({
  text: z.string(),
  isExpression: z.boolean(),
  operatorClass: unknownable(z.string()),
  isDescending: z.boolean(),
  isNullsFirst: z.boolean(),
});

export const indexSchema = z
  .strictObject({
    id: objectId,
    ...ofTable,
    indexrelname: z.string(),
    accessMethod: z.string(),
    shape: z.string(),
    keys: z.array(key),
    included: z.array(z.string()),
    predicate: unknownable(z.string()),
    isUnique: z.boolean(),
    isPrimary: z.boolean(),
    isExclusion: z.boolean(),
    nullsNotDistinct: z.boolean(),
    constraintName: unknownable(z.string()),
    isReplicaIdentity: z.boolean(),
    isClustered: z.boolean(),
    isValid: z.boolean(),
    isReady: z.boolean(),
    isLive: z.boolean(),
    isPartitioned: z.boolean(),
    parentIndexrelname: unknownable(z.string()),
    sizeBytes: unknownable(bytes),
    scansTotal: unknownable(count),
    tuplesReadTotal: unknownable(count),
    tuplesFetchedTotal: unknownable(count),
    lastScanAt: unknownable(instant),
    bloat: unknownable(bloat),
    findings: z.array(findingId),
  })
  .meta({
    id: 'Index',
    description: 'An index with what is known of it; partitions have entries of their own.',
  });

export const tableSchema = z
  .strictObject({
    id: objectId,
    ...ofTable,
    relationKind: z.enum(['table', 'materialized view', 'partitioned table']),
    isUnlogged: z.boolean(),
    parentRelname: unknownable(z.string()),
    partitions: count,
    rows: unknownable(z.number()),
    sizeBytes: unknownable(bytes),
    indexes: z.array(z.string()),
    indexBytes: unknownable(bytes),
    foreignKeys: z.array(z.string()),
    sequentialScansTotal: unknownable(count),
    indexScansTotal: unknownable(count),
    rowsInsertedTotal: unknownable(count),
    rowsUpdatedTotal: unknownable(count),
    rowsHotUpdatedTotal: unknownable(count),
    rowsDeletedTotal: unknownable(count),
    lastAnalyzedAt: unknownable(instant),
    lastVacuumedAt: unknownable(instant),
    findings: z.array(findingId),
  })
  .meta({ id: 'Table', description: 'A table with what is known of it.' });

const observation = z.strictObject({
  node: z.string(),
  observedSince: unknownable(instant),
  observedTo: unknownable(instant),
  lastUsedAt: unknownable(instant),
  scansTotal: unknownable(count),
  reason: unknownable(z.string()).meta({ description: 'Why the node could not be read; null where it was.' }),
});

/** One index, with more than lists have. */
export const indexDetailSchema = z
  .strictObject({
    ...indexSchema.shape,
    tableId: objectId,
    definition: unknownable(z.string()).meta({
      description: "The server's own; it is read for the indexes that open findings print SQL for.",
    }),
    options: z.array(z.string()),
    comment: unknownable(z.string()),
    foreignKeys: z.array(z.string()).meta({ description: 'Foreign keys of its table that it supports.' }),
    nodes: z.array(observation).meta({ description: 'What is remembered of its use on each node.' }),
  })
  .meta({ id: 'IndexDetail', description: 'Everything that is known of one index.' });

const foreignKey = z.strictObject({
  name: z.string(),
  schemaname: z.string(),
  relname: z.string(),
  columns: z.array(z.string()),
  referencedSchemaname: z.string(),
  referencedRelname: z.string(),
  tableId: objectId.meta({ description: 'The table that holds the key.' }),
  referencedTableId: unknownable(objectId).meta({ description: 'Null where it is not watched.' }),
  onDelete: z.string(),
  onUpdate: z.string(),
  supportedBy: z.array(z.string()).meta({ description: 'Indexes by which its rows are found.' }),
});

const named = z.strictObject({ id: objectId, schemaname: z.string(), relname: z.string() });

/** One table, with all of its indexes. */
export const tableDetailSchema = z
  .strictObject({
    ...tableSchema.shape,
    indexDetails: z.array(indexSchema),
    alignment: z
      .array(
        z.strictObject({
          indexId: objectId,
          indexrelname: z.string(),
          keys: z.array(z.string()),
          sharedKeys: count,
          overlaps: z.array(z.strictObject({ indexId: objectId, indexrelname: z.string(), keys: count })),
        }),
      )
      .meta({
        description:
          'Its indexes, those with the same leading keys next to each other, and how many keys they share.',
      }),
    foreignKeyDetails: z.array(foreignKey),
    referencedBy: z.array(foreignKey),
    parent: unknownable(named),
    partitionTables: z.array(named).meta({ description: 'The first thousand of its direct partitions.' }),
  })
  .meta({ id: 'TableDetail', description: 'Everything that is known of one table, its indexes included.' });
