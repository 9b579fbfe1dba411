import type { NodeName } from '../../model/ids.ts';

interface Counter {
  readonly indexOid: number;
  readonly scansTotal: number;
}

interface Pending {
  readonly scans: number;
  /** Samples since it was noted. */
  readonly samples: number;
}

/**
 * A server shows scans some time after they were made (at most a second, or when the connection ends), so that what is known to be our
 * own may be missing from the next sample. After so many samples it will not come any more: a connection that broke took it along. To wait
 * for ever would be to take somebody else's use for ours.
 */
const samplesMax = 2;

/** Scans of indexes that were our own and that no sample has shown yet, by node and oid of the index. */
export class OwnScans {
  readonly #pending = new Map<NodeName, Map<number, Pending>>();
  /** What each counter was in the last sample. */
  readonly #last = new Map<NodeName, readonly Counter[]>();

  note(node: NodeName, scans: ReadonlyMap<number, number>): void {
    const pending = this.#pending.get(node) ?? new Map<number, Pending>();
    for (const [oid, count] of scans)
      pending.set(oid, { scans: (pending.get(oid)?.scans ?? 0) + count, samples: 0 });
    this.#pending.set(node, pending);
  }

  /** How many of the scans in a new sample were our own, by oid of the index. */
  settle(node: NodeName, counters: readonly Counter[]): ReadonlyMap<number, number> {
    const before = this.#last.get(node) ?? [];
    this.#last.set(node, counters);
    const own = new Map<number, number>();
    const pending = this.#pending.get(node);
    if (pending === undefined || pending.size === 0) return own;
    const [now, last] = [totalsOf(counters, pending), totalsOf(before, pending)];
    for (const [oid, { scans, samples }] of pending) {
      const [total, known] = [now.get(oid) ?? 0, last.get(oid) ?? 0];
      // A counter that fell began anew.
      const shown = Math.min(scans, total < known ? total : total - known);
      if (shown > 0) own.set(oid, shown);
      if (shown === scans || samples + 1 >= samplesMax) pending.delete(oid);
      else pending.set(oid, { scans: scans - shown, samples: samples + 1 });
    }
    return own;
  }

  /** What no sample has shown yet, for a restart in between; empty where there is nothing. */
  unsettled(node: NodeName): ReadonlyMap<number, number> {
    return new Map([...(this.#pending.get(node) ?? [])].map(([oid, { scans }]) => [oid, scans]));
  }
}

const totalsOf = (
  counters: readonly Counter[],
  wanted: ReadonlyMap<number, unknown>,
): ReadonlyMap<number, number> =>
  new Map(
    counters
      .filter(({ indexOid }) => wanted.has(indexOid))
      .map(({ indexOid, scansTotal }) => [indexOid, scansTotal]),
  );
