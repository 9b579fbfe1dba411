import { z } from 'zod';
import { cadence, defineCollector } from './define.ts';
import type { ServerFact } from './server.ts';

const fingerprintsFact = z.strictObject({
  relations: z.string(),
  columns: z.string(),
  indexes: z.string(),
  constraints: z.string(),
  parents: z.string(),
  schemas: z.string(),
  types: z.string(),
  functions: z.string(),
  languages: z.string(),
  operators: z.string(),
  operatorClasses: z.string(),
  familyOperators: z.string(),
  familyFunctions: z.string(),
  accessMethods: z.string(),
  casts: z.string(),
  collations: z.string(),
  enumLabels: z.string(),
  searchConfigurations: z.string(),
  searchDictionaries: z.string(),
  comments: z.string(),
  extensionMembers: z.string(),
  settings: z.string(),
});
export type FingerprintsFact = z.infer<typeof fingerprintsFact>;

/** Read before an inventory that may not have to be read; not scheduled. */
export const catalogueFingerprints = defineCollector({
  name: 'catalogue-fingerprints',
  description: 'Whether anything changed in the catalogues that the inventory is read from.',
  fact: fingerprintsFact,
  schedule: cadence.everyFiveMinutes,
});

/** The collectors whose facts are in the catalogue and nowhere else; what they rest on, beside relations and their schemas. */
const restsOn = {
  tables: ['parents', 'extensionMembers'],
  columns: ['columns', 'indexes', 'constraints', 'types'],
  // Whatever may be named in an expression, a predicate or, of the same indexes, a definition.
  indexes: [
    'indexes',
    'columns',
    'constraints',
    'parents',
    'comments',
    'extensionMembers',
    'accessMethods',
    'operatorClasses',
    'operators',
    'functions',
    'languages',
    'types',
    'casts',
    'collations',
    'enumLabels',
    'searchConfigurations',
    'searchDictionaries',
    'settings',
  ],
  constraints: ['constraints', 'familyOperators'],
  'operator-classes': ['operatorClasses', 'accessMethods', 'familyFunctions', 'functions', 'types'],
} as const satisfies Readonly<Record<string, readonly (keyof FingerprintsFact)[]>>;

export type InventoryName = keyof typeof restsOn;

export const inventoryNames = Object.keys(restsOn) as readonly InventoryName[];

/**
 * What must be as it was for the facts of a collector to be what they were: the catalogues that they rest on, the very server, its
 * start (a crash may take transactions back and give their numbers out again), the database and the role.
 */
export function fingerprintOf(name: InventoryName, facts: FingerprintsFact, server: ServerFact): string {
  return JSON.stringify([
    server.systemIdentifier,
    server.timelineId,
    server.versionNum,
    server.startedAtMs,
    server.bgwriterStatsResetAtMs,
    server.archiverStatsResetAtMs,
    server.databaseOid,
    server.roleName,
    facts.relations,
    facts.schemas,
    ...restsOn[name].map((catalogue) => facts[catalogue]),
  ]);
}
