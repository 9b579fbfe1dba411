import { z } from 'zod';
import { defineCollector, indexOid } from './define.ts';

const definitionFact = z.strictObject({
  indexOid,
  definition: z.string().nullable(),
  constraintName: z.string().nullable(),
  constraintDefinition: z.string().nullable(),
  constraintComment: z.string().nullable(),
  /** Null for that of the database. */
  tablespaceName: z.string().nullable(),
  /** Columns of the index, from 1, that have a statistics target of their own, and at the same places these. */
  targetedColumns: z.array(z.number().int()),
  statisticsTargets: z.array(z.number().int()),
});
export type DefinitionFact = z.infer<typeof definitionFact>;

/** Read on demand for the indexes of open findings; it has no schedule of its own. */
export const definitions = defineCollector({
  name: 'definitions',
  description: "The server's own definitions of indexes that findings print.",
  fact: definitionFact,
  bounds: 'oid-range',
  schedule: '',
});
