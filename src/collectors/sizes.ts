import { z } from 'zod';
import { cadence, count, defineCollector } from './define.ts';

const relationSizeFact = z.strictObject({
  relationOid: z.number().int(),
  /** All forks; null when the relation was locked or dropped while we looked. */
  sizeBytes: count.nullable(),
  relpages: z.number().int(),
});
export type RelationSizeFact = z.infer<typeof relationSizeFact>;

export const relationSizes = defineCollector({
  name: 'relation-sizes',
  description: 'Size on disk of tables, TOAST tables and indexes.',
  fact: relationSizeFact,
  lockedRelation: (fact) => (fact.sizeBytes === null ? fact.relationOid : null),
  bounds: 'oid-range',
  schedule: cadence.everyFiveMinutes,
});
