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
