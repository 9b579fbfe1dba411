import { type Collector, variantFor } from '../collectors/define.ts';
import type { CollectionError, Outcome } from '../model/outcome.ts';
import { ok } from '../model/result.ts';
import { quoteIdentifier } from '../plan/sql.ts';
import { readAroundLocks } from './bisect.ts';
import { collectionError } from './errors.ts';
import { readQuery } from './queries.ts';
import { FactReader } from './rows.ts';
import type { EachRow, Rows, Session } from './session.ts';

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
 * has a short read-only transaction of its own. Facts of `before`, the last outcome, are taken again for rows that say the same.
 */
export async function runCollector<Fact>(
  session: Session,
  collector: Collector<string, Fact>,
  options: RunOptions,
  before?: Outcome<Fact>,
): Promise<Outcome<Fact>> {
  const startedAtMs = options.now();
  // The host's clock may be set back meanwhile.
  const elapsedMs = (): number => Math.max(0, options.now() - startedAtMs);
  const { schemaname } = options;
  const text = readQuery(variantFor(collector, options.versionNum).file);
  const sql =
    schemaname === undefined ? text : text.replaceAll('{schema}', () => quoteIdentifier(schemaname));
  const ask = (text: string, values: readonly unknown[], each?: EachRow): Promise<Rows> =>
    session.transaction(options, (statement) => statement(text, values, each));
  const known = before?.kind === 'collected' ? before.facts : [];
  let unfit: CollectionError | undefined;
  let rowCount = 0;
  /** Each time anew: what was read before a lock was run into does not count. */
  const readFacts = async (values: readonly unknown[]): Promise<Rows<Fact>> => {
    let reader: FactReader<Fact> | undefined;
    let count = 0;
    const take: EachRow = (row, names) => {
      count += 1;
      if (count > options.rowsMax) return;
      reader ??= new FactReader(collector.name, names, collector.fact, known);
      reader.add(row);
    };
    const { names, rows } = await ask(sql, values, take);
    for (const row of rows) take(row, names);
    rowCount = Math.max(rowCount, count);
    const facts = reader?.facts ?? ok([]);
    if (!facts.ok) unfit ??= facts.error;
    return { names, rows: facts.ok ? facts.value : [] };
  };
  const failed = (error: CollectionError): Outcome<Fact> => ({
    kind: 'failed',
    error,
    collectedAtMs: startedAtMs,
    durationMs: elapsedMs(),
  });
  try {
    const values = options.values ?? [];
    const read =
      collector.bounds === 'none'
        ? { ...(await readFacts(values)), skipped: [] }
        : await readAroundLocks({
            read: (from, to, mayOpen) => readFacts([...values, from, to, mayOpen]),
            candidates: async () => options.candidates ?? (await relationOids(ask)),
            budgetMs: options.bisectionBudgetMs,
            now: options.now,
          });
    const durationMs = elapsedMs();
    rowCount = Math.max(rowCount, read.rows.length);
    if (rowCount > options.rowsMax) {
      const message = `${collector.name}: ${rowCount} rows are more than limits.rowsMax (${options.rowsMax}); raise it or watch fewer schemas`;
      return failed({ kind: 'QueryFailed', message });
    }
    if (unfit !== undefined) return failed(unfit);
    const locked: number[] = [];
    for (const fact of read.rows) {
      const oid = collector.lockedRelation(fact);
      if (oid !== null) locked.push(oid);
    }
    return {
      kind: 'collected',
      facts: read.rows,
      collectedAtMs: startedAtMs,
      durationMs,
      skippedRelations: [...new Set([...read.skipped, ...locked])],
    };
  } catch (caught) {
    const error = options.signal.aborted
      ? ({ kind: 'Cancelled', message: `${collector.name}: cancelled` } as const)
      : collectionError(caught, collector.name, { roleName: options.roleName });
    return failed(error);
  }
}

async function relationOids(
  ask: (text: string, values: readonly unknown[]) => Promise<Rows>,
): Promise<readonly number[]> {
  const { rows } = await ask(readQuery('relation-oids.sql'), []);
  return rows.map(([oid]) => Number(oid));
}
