import { z } from 'zod';
import { cadence, count, defineCollector } from './define.ts';

const relationSizeFact = z.strictObject({
  relationOid: z.number().int(),
  /** All forks; null when the relation was locked or dropped while we looked. */
  sizeBytes: count.nullable(),
  relpages: z.number().int(),
  /** Rows or entries as VACUUM or ANALYZE last counted them: -1 where they never did, 0 on 13. */
  estimatedEntries: z.number(),
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
