import { type Collector, variantFor } from '../collectors/define.ts';
import type { Outcome } from '../model/outcome.ts';
import { quoteIdentifier } from '../plan/sql.ts';
import { readAroundLocks } from './bisect.ts';
import { collectionError } from './errors.ts';
import { readQuery } from './queries.ts';
import { parseFacts } from './rows.ts';
import type { Rows, Session } from './session.ts';

export interface RunOptions {
  readonly versionNum: number;
  readonly roleName: string | undefined;
  readonly statementTimeoutMs: number;
  /** How long the search for locked relations may take. */
  readonly bisectionBudgetMs: number;
  readonly rowsMax: number;
  readonly rowsPerSlice: number;
  /** Values for the query's parameters before the bounds. */
  readonly values?: readonly unknown[];
  /** What `{schema}` stands for in the query: where an extension is, which may be anywhere. */
  readonly schemaname?: string;
  /** The relations that can block; by default all that pg_class knows. */
  readonly candidates?: readonly number[];
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/**
 * Runs one collector once and says what came of it; never throws for what a server or an operator can cause. Each statement
 * has a short read-only transaction of its own.
 */
export async function runCollector<Fact>(
  session: Session,
  collector: Collector<string, Fact>,
  options: RunOptions,
): Promise<Outcome<Fact>> {
  const startedAtMs = options.now();
  const { schemaname } = options;
  const text = readQuery(variantFor(collector, options.versionNum).file);
  const sql =
    schemaname === undefined ? text : text.replaceAll('{schema}', () => quoteIdentifier(schemaname));
  const ask = (text: string, values: readonly unknown[]): Promise<Rows> =>
    session.transaction(options, (statement) => statement(text, values));
  try {
    const values = options.values ?? [];
    const read =
      collector.bounds === 'none'
        ? { ...(await ask(sql, values)), skipped: [] }
        : await readAroundLocks({
            read: (from, to, mayOpen) => ask(sql, [...values, from, to, mayOpen]),
            candidates: async () => options.candidates ?? (await relationOids(ask)),
            budgetMs: options.bisectionBudgetMs,
            now: options.now,
          });
    const durationMs = options.now() - startedAtMs;
    if (read.rows.length > options.rowsMax) {
      const message = `${collector.name}: ${read.rows.length} rows are more than limits.rowsMax (${options.rowsMax}); raise it or watch fewer schemas`;
      return {
        kind: 'failed',
        error: { kind: 'QueryFailed', message },
        collectedAtMs: startedAtMs,
        durationMs,
      };
    }
    const facts = await parseFacts(collector.name, read, collector.fact, options.rowsPerSlice);
    if (!facts.ok) return { kind: 'failed', error: facts.error, collectedAtMs: startedAtMs, durationMs };
    const locked = facts.value.map((fact) => collector.lockedRelation(fact)).filter((oid) => oid !== null);
    return {
      kind: 'collected',
      facts: facts.value,
      collectedAtMs: startedAtMs,
      durationMs,
      skippedRelations: [...new Set([...read.skipped, ...locked])],
    };
  } catch (caught) {
    const durationMs = options.now() - startedAtMs;
    const error = options.signal.aborted
      ? ({ kind: 'Cancelled', message: `${collector.name}: cancelled` } as const)
      : collectionError(caught, collector.name, { roleName: options.roleName });
    return { kind: 'failed', error, collectedAtMs: startedAtMs, durationMs };
  }
}

async function relationOids(
  ask: (text: string, values: readonly unknown[]) => Promise<Rows>,
): Promise<readonly number[]> {
  const { rows } = await ask(readQuery('relation-oids.sql'), []);
  return rows.map(([oid]) => Number(oid));
}
