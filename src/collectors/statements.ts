import { z } from 'zod';
import { cadence, count, defineCollector, instantMs } from './define.ts';
import { expectedColumns } from './inventory.ts';

const statementFact = z.strictObject({
  /** The server's own number for it, which is the same for every constant in it; text, since it exceeds 53 bits. */
  queryId: z.string(),
  callsTotal: count,
  executionMsTotal: count,
  /** The longest call. */
  executionMsMax: count,
  /** Rows returned or changed. */
  rowsTotal: count,
  /** Time of reading blocks that were not cached; 0 where the server does not measure it. */
  blockReadMsTotal: count,
  countedSinceMs: instantMs,
  /** Whether the text is longer than what was read of it. */
  isCut: z.boolean(),
  /** With `$1`, `$2` in the place of constants. */
  queryText: z.string(),
});
export type StatementFact = z.infer<typeof statementFact>;

/**
 * Read from the extension pg_stat_statements, by the version of its SQL objects (1.9 is 1009) and not by the server's; where it is
 * not installed that is a fact, and the outcome is skipped. Its parameters are how many statements, and how much of their texts.
 */
export const statements = defineCollector({
  name: 'statements',
  description: 'The costliest statements with a WHERE clause, where pg_stat_statements is installed.',
  fact: statementFact,
  variants: [
    { fromVersion: 0, file: 'statements.sql' },
    { fromVersion: 1_008, file: 'statements.ext1.8.sql' },
    { fromVersion: 1_009, file: 'statements.ext1.9.sql' },
    { fromVersion: 1_011, file: 'statements.ext1.11.sql' },
  ],
  // The server hands out every text it keeps; what is worth an index is so an hour later as well.
  schedule: cadence.hourly,
});

/** `1.11` as the number that the variants are told apart by: 1011. Undefined for what is no version. */
export function extensionVersionNum(version: string): number | undefined {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return major === undefined ? undefined : Number(major) * 1_000 + Number(minor);
}

const statementsSourceFact = z.strictObject({
  schemaname: z.string(),
  extensionVersion: z.string(),
  /** Whether this role may use the schema. */
  isReachable: z.boolean(),
  isReadable: z.boolean(),
  /** Whether the library was preloaded, without which reading the view is an error. */
  isLoaded: z.boolean(),
});

/** Where the extension is and whether this role can read it; not scheduled, asked right before. */
export const statementsSource = defineCollector({
  name: 'statements-source',
  description: 'Where pg_stat_statements is installed.',
  fact: statementsSourceFact,
  schedule: cadence.hourly,
});

/** The same facts as those of `expected-columns`, of the tables that are read sequentially most. */
export const candidateColumns = defineCollector({
  name: 'candidate-columns',
  description: 'All columns of the tables that are read sequentially most.',
  fact: expectedColumns.fact,
  variants: expectedColumns.variants,
  schedule: cadence.hourly,
});
