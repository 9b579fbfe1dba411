import { z } from 'zod';
import type {
  CollationOid,
  ConstraintOid,
  IndexOid,
  OperatorClassOid,
  OperatorFamilyOid,
  TableOid,
} from '../model/ids.ts';

/** A file of `queries/` and the first server version (as `server_version_num`) that it is written for. */
export interface QueryVariant {
  readonly fromVersion: number;
  readonly file: string;
}

/**
 * One SQL file and the typed facts it yields. A declaration: it opens no connection.
 *
 * `bounds` is `oid-range` where the query opens relations and so can run into locks. Its last three parameters are then the lowest
 * oid, the highest oid, and whether it may open relations: the runner halves the range around a relation that blocks, and reads
 * what it cannot free of locks in time without opening it, the facts that need an open relation left null.
 */
export interface Collector<Name extends string = string, Fact = unknown> {
  readonly name: Name;
  readonly description: string;
  readonly variants: readonly QueryVariant[];
  readonly fact: z.ZodType<Fact>;
  readonly bounds: 'none' | 'oid-range';
  /** node-cron expression; seconds first where there are six fields. */
  readonly schedule: string;
  readonly statementTimeoutMs: number;
  /** The relation that a fact says was locked, so that something about it is unknown; null when nothing is. */
  readonly lockedRelation: (fact: Fact) => number | null;
}

export type FactOf<C> = C extends Collector<string, infer Fact> ? Fact : never;

/** Fills in what most collectors share: no bounds, 30 s for a statement. */
export function defineCollector<const Name extends string, Fact>(declaration: {
  readonly name: Name;
  readonly description: string;
  readonly fact: z.ZodType<Fact>;
  readonly schedule: string;
  readonly variants?: readonly QueryVariant[];
  readonly bounds?: 'none' | 'oid-range';
  readonly statementTimeoutMs?: number;
  readonly lockedRelation?: (fact: Fact) => number | null;
}): Collector<Name, Fact> {
  return {
    name: declaration.name,
    description: declaration.description,
    fact: declaration.fact,
    schedule: declaration.schedule,
    variants: declaration.variants ?? [{ fromVersion: 0, file: `${declaration.name}.sql` }],
    bounds: declaration.bounds ?? 'none',
    statementTimeoutMs: declaration.statementTimeoutMs ?? 30_000,
    lockedRelation: declaration.lockedRelation ?? (() => null),
  };
}

/** The variant for a server: the last whose `fromVersion` the server has reached. */
export function variantFor(
  collector: Pick<Collector, 'name' | 'variants'>,
  versionNum: number,
): QueryVariant {
  const fitting = collector.variants.filter((variant) => variant.fromVersion <= versionNum);
  const chosen = fitting.at(-1);
  if (chosen === undefined)
    throw new Error(`${collector.name} has no query for server version ${versionNum}`);
  return chosen;
}

/** Checked as the number that it is: whose it is only the type says. */
const oid = <Oid extends number>(): z.ZodType<Oid> =>
  z.number().int().nonnegative() as unknown as z.ZodType<Oid>;
export const tableOid = oid<TableOid>();
export const indexOid = oid<IndexOid>();
export const constraintOid = oid<ConstraintOid>();
export const operatorClassOid = oid<OperatorClassOid>();
export const operatorFamilyOid = oid<OperatorFamilyOid>();
export const collationOid = oid<CollationOid>();
export const count = z.number().nonnegative();
/** Milliseconds since the epoch, or null where the server does not know. */
export const instantMs = z.number().nullable();

/** How often what can be re-read is re-read, by what it costs and how fast it changes. */
export const cadence = {
  everyMinute: '0 * * * * *',
  everyFiveMinutes: '15 */5 * * * *',
  hourly: '30 7 * * * *',
} as const;
