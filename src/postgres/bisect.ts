import { codeOf, lockNotAvailable } from './errors.ts';
import type { Rows } from './session.ts';

export const lowestOid = 0;
export const highestOid = 4_294_967_295;

export interface BisectOptions<Row = readonly unknown[]> {
  /**
   * Runs the query over one range of oids; throws SQLSTATE 55P03 when a relation in it is locked. With `mayOpen` false it opens none,
   * so that no lock is in its way, and the facts that need an open relation are missing from its rows.
   */
  readonly read: (fromOid: number, toOid: number, mayOpen: boolean) => Promise<Rows<Row>>;
  /** The oids in question, ascending; asked for only once something has blocked. */
  readonly candidates: () => Promise<readonly number[]>;
  readonly budgetMs: number;
  readonly now: () => number;
}

export interface BisectedRows<Row = readonly unknown[]> extends Rows<Row> {
  /** Relations not opened because they, or others that could no longer be told apart from them in time, were locked. */
  readonly skipped: readonly number[];
}

/**
 * Reads everything in one go and, when a lock is in the way, halves the set until the relations that block are found: error
 * 55P03 names none. What the budget does not suffice for is read without being opened, so that one locked relation never costs the
 * others their facts, many never hold up the collector, and none goes missing: an index that was not listed would read as one that
 * is not there.
 */
export async function readAroundLocks<Row>(options: BisectOptions<Row>): Promise<BisectedRows<Row>> {
  const whole = await attempt(options, lowestOid, highestOid);
  if (whole !== undefined) return { ...whole, skipped: [] };

  const deadline = options.now() + options.budgetMs;
  const pending: (readonly number[])[] = halves(await options.candidates());
  const skipped: number[] = [];
  const parts: { readonly first: number; readonly read: Rows<Row> }[] = [];
  for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
    const first = part.at(0);
    const last = part.at(-1);
    if (first === undefined || last === undefined) continue;
    const read = options.now() < deadline ? await attempt(options, first, last) : undefined;
    if (read !== undefined) {
      parts.push({ first, read });
    } else if (part.length === 1 || options.now() >= deadline) {
      skipped.push(...part);
      parts.push({ first, read: await options.read(first, last, false) });
    } else {
      // Breadth first: the large free halves are read before the budget goes into cornering the last lock.
      pending.push(...halves(part));
    }
  }
  parts.sort((a, b) => a.first - b.first);
  return {
    names: parts[0]?.read.names ?? [],
    rows: parts.flatMap(({ read }) => read.rows),
    skipped: skipped.sort((a, b) => a - b),
  };
}

async function attempt<Row>(
  options: BisectOptions<Row>,
  from: number,
  to: number,
): Promise<Rows<Row> | undefined> {
  try {
    return await options.read(from, to, true);
  } catch (caught) {
    if (codeOf(caught) === lockNotAvailable) return undefined;
    throw caught;
  }
}

function halves(oids: readonly number[]): (readonly number[])[] {
  const middle = Math.ceil(oids.length / 2);
  return [oids.slice(0, middle), oids.slice(middle)];
}
