import { codeOf, lockNotAvailable } from './errors.ts';
import type { Rows } from './session.ts';

export const lowestOid = 0;
export const highestOid = 4_294_967_295;

export interface BisectOptions {
  /** Runs the query over one range of oids; throws SQLSTATE 55P03 when a relation in it is locked. */
  readonly read: (fromOid: number, toOid: number) => Promise<Rows>;
  /** The oids in question, ascending; asked for only once something has blocked. */
  readonly candidates: () => Promise<readonly number[]>;
  readonly budgetMs: number;
  readonly now: () => number;
}

export interface BisectedRows extends Rows {
  /** Relations left out because they, or others that could no longer be told apart from them in time, were locked. */
  readonly skipped: readonly number[];
}

/**
 * Reads everything in one go and, when a lock is in the way, halves the set until the relations that block are found: error
 * 55P03 names none. What the budget does not suffice for is skipped, so that one locked relation never costs the others their
 * facts and many never hold up the collector.
 */
export async function readAroundLocks(options: BisectOptions): Promise<BisectedRows> {
  const whole = await attempt(options, lowestOid, highestOid);
  if (whole !== undefined) return { ...whole, skipped: [] };

  const deadline = options.now() + options.budgetMs;
  const oids = await options.candidates();
  const pending: (readonly number[])[] = halves(oids);
  const skipped: number[] = [];
  let names: readonly string[] = [];
  const rows: (readonly unknown[])[] = [];
  for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
    const first = part.at(0);
    const last = part.at(-1);
    if (first === undefined || last === undefined) continue;
    if (options.now() >= deadline) {
      skipped.push(...part);
      continue;
    }
    const read = await attempt(options, first, last);
    if (read !== undefined) {
      names = read.names;
      for (const row of read.rows) rows.push(row);
    } else if (part.length === 1) {
      skipped.push(first);
    } else {
      // Breadth first: the large free halves are read before the budget goes into cornering the last lock.
      pending.push(...halves(part));
    }
  }
  return { names, rows, skipped };
}

async function attempt(options: BisectOptions, from: number, to: number): Promise<Rows | undefined> {
  try {
    return await options.read(from, to);
  } catch (caught) {
    if (codeOf(caught) === lockNotAvailable) return undefined;
    throw caught;
  }
}

function halves(oids: readonly number[]): (readonly number[])[] {
  const middle = Math.ceil(oids.length / 2);
  return [oids.slice(0, middle), oids.slice(middle)];
}
