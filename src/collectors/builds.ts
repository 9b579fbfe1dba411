import { z } from 'zod';
import { cadence, count, defineCollector, indexOid, instantMs, tableOid } from './define.ts';

const indexBuildFact = z.strictObject({
  backendPid: z.number().int(),
  tableOid: tableOid.nullable(),
  indexOid: indexOid.nullable(),
  command: z.string(),
  phase: z.string(),
  blocksDone: count,
  blocksTotal: count,
  tuplesDone: count,
  tuplesTotal: count,
  /** When the command was sent. */
  startedAtMs: instantMs,
});
export type IndexBuildFact = z.infer<typeof indexBuildFact>;

export const indexBuilds = defineCollector({
  name: 'index-builds',
  description: 'Running CREATE INDEX and REINDEX commands.',
  fact: indexBuildFact,
  schedule: cadence.everyMinute,
});

const invalidIndexFact = z.strictObject({
  indexOid,
  isValid: z.boolean(),
  isReady: z.boolean(),
  isLive: z.boolean(),
  isBuilding: z.boolean(),
  seesBuilds: z.boolean(),
  isWorkedOn: z.boolean(),
  partitions: count.nullable(),
  attachedPartitions: count.nullable(),
  invalidPartitionIndexes: count.nullable(),
});
export type InvalidIndexFact = z.infer<typeof invalidIndexFact>;

/** The second look at indexes that the inventory showed as invalid; taken at least a second after it. */
export const invalidIndexes = defineCollector({
  name: 'invalid-indexes',
  description: 'Second look at indexes seen invalid, and at whoever works on them.',
  fact: invalidIndexFact,
  schedule: cadence.everyFiveMinutes,
});
