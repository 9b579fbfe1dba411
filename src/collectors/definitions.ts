import { z } from 'zod';
import { defineCollector, indexOid } from './define.ts';

const definitionFact = z.strictObject({
  indexOid,
  definition: z.string().nullable(),
  constraintName: z.string().nullable(),
  constraintDefinition: z.string().nullable(),
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
