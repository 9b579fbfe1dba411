import type { Policy } from '../model/policy.ts';
import { dayMs } from '../model/units.ts';
import type { Config } from './config.ts';
import { matcherOf } from './globs.ts';
import type { PolicyOverride } from './schema.ts';

/** A verdict of disuse is not `likely` before it has seen a month's end, with some slack. */
const monthMs = 35 * dayMs;

/**
 * The policy of one schema. Key by key the most specific word wins: command line, then the server's overrides
 * (database and schema named, schema, database; names before patterns; later before earlier), the server, all.
 */
export function policyFor(config: Config, server: string, database: string, schema: string): Policy {
  const configured = config.servers.find((candidate) => candidate.name === server);
  const scoped = (configured?.policyOverrides ?? [])
    .filter((entry) => holds(entry.database, database) && holds(entry.schema, schema))
    .map((entry) => ({ policy: entry.policy, rank: rankOf(entry, database, schema) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ policy }) => policy);
  return merge(config.policy, [configured?.policy ?? {}, ...scoped, config.policyFlags]);
}

/** `policyFor` one database that remembers its answers, for callers that ask once per index. Make a new one after a reload. */
export function policyLookup(config: Config, server: string, database: string): (schema: string) => Policy {
  const known = new Map<string, Policy>();
  return (schema) => {
    const policy = known.get(schema) ?? policyFor(config, server, database, schema);
    known.set(schema, policy);
    return policy;
  };
}

const holds = (pattern: string | undefined, name: string): boolean =>
  pattern === undefined || matcherOf(pattern)(name);

/** Weights by powers of two: a schema outweighs a database, whether named or matched; then exact names count. */
function rankOf(
  entry: { readonly database?: string | undefined; readonly schema?: string | undefined },
  database: string,
  schema: string,
): number {
  return (
    (entry.schema === undefined ? 0 : 8) +
    (entry.database === undefined ? 0 : 4) +
    (entry.schema === schema ? 2 : 0) +
    (entry.database === database ? 1 : 0)
  );
}

function merge(base: Config['policy'], overrides: readonly PolicyOverride[]): Policy {
  let merged = base;
  for (const override of overrides) merged = { ...merged, ...present(override) };
  return {
    unusedAfterMs: merged.unusedAfter.ms,
    likelyAfterMs: Math.max(monthMs, ...merged.business_cycles.map(({ length }) => length.ms)),
    minSizeBytes: merged.minSize.bytes,
    minRows: merged.minRows,
    minRowsForWarning: merged.minRowsForWarning,
    rebuildBytesPerSecond: merged.rebuildBytesPerSecond.bytes,
  };
}

/** Only the keys that are set: an absent one must not overwrite. */
function present(override: PolicyOverride): Partial<Config['policy']> {
  // Removing undefined values from an object of optional keys yields a Partial; Object.fromEntries forgets the keys.
  return Object.fromEntries(Object.entries(override).filter(([, value]) => value !== undefined)) as Partial<
    Config['policy']
  >;
}
