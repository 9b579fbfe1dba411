import type { Sliced } from '../model/sliced.ts';

/**
 * Counters of relations that share one series: the partitions of a root, and everything without series of its own. A sum of
 * PostgreSQL's counters falls whenever a relation leaves it (dropped, detached, given series of its own), and Prometheus would
 * take the fall for a reset and the rest for new work. So differences are added up, from 0 at the daemon's start.
 */
export interface Leaf<Fact> {
  readonly oid: number;
  /** Schema and name: REINDEX CONCURRENTLY gives another oid and carries the counters over. */
  readonly name: string;
  /** Name of the relation whose series it is part of: its own, or its root's. */
  readonly root: string;
  readonly isPartition: boolean;
  /** Undefined where it could not be read. */
  readonly usage: Fact | undefined;
}

/** What one generation knows of all leaves. */
export interface Round<Fact> {
  readonly leaves: Iterable<Leaf<Fact>>;
  /** Knows the oids of all leaves. */
  readonly present: Known<number>;
  readonly roots: Known<string>;
  readonly exported: ReadonlySet<string>;
  readonly isComplete: boolean;
}

/** A set, or a map by what is in it. */
type Known<Key> = Pick<ReadonlySet<Key>, 'has'>;

export type CounterOf<Fact> = (usage: Fact) => number | null;

interface Seen<Fact> {
  readonly name: string;
  usage: Fact;
}

export class AccumulatedCounters<Fact> {
  readonly #counters: readonly CounterOf<Fact>[];
  readonly #byOid = new Map<number, Seen<Fact>>();
  readonly #oidOf = new Map<string, number>();
  readonly #roots = new Map<string, number[]>();
  readonly #others: number[];
  #exported: ReadonlySet<string> = new Set<string>();

  constructor(counters: readonly CounterOf<Fact>[]) {
    this.#counters = counters;
    this.#others = counters.map(() => 0);
  }

  /**
   * Adds what the leaves have counted since they were last seen. What is first seen counts from then on. `isComplete` says
   * that what is not among `leaves` and `roots` does not exist; otherwise it is remembered. `exported` are the roots with series
   * of their own now: what was counted while a relation had none, before or after, goes to the others.
   */
  *advance({ leaves, present, roots, exported, isComplete }: Round<Fact>): Sliced<void> {
    for (const leaf of leaves) {
      yield;
      if (leaf.usage === undefined) continue;
      const before = this.#lastSeen(leaf, present);
      if (before?.usage === leaf.usage) continue;
      const hasOwn = exported.has(leaf.root) && this.#exported.has(leaf.root);
      if (before !== undefined) this.#count(leaf, before.usage, leaf.usage, hasOwn);
      if (before !== undefined && before === this.#byOid.get(leaf.oid) && before.name === leaf.name) {
        before.usage = leaf.usage;
        continue;
      }
      if (before !== undefined && before.name !== leaf.name) this.#oidOf.delete(before.name);
      this.#byOid.set(leaf.oid, { name: leaf.name, usage: leaf.usage });
      this.#oidOf.set(leaf.name, leaf.oid);
    }
    this.#exported = new Set(exported);
    if (isComplete) yield* this.#forget(roots, present);
  }

  /** Of a root's partitions together, since the daemon's start, in the order of the counters. */
  ofRoot(root: string): readonly number[] {
    return this.#roots.get(root) ?? this.#counters.map(() => 0);
  }

  /** Of everything while it had no series of its own, since the daemon's start, in the order of the counters. */
  get others(): readonly number[] {
    return this.#others;
  }

  #lastSeen(leaf: Leaf<Fact>, present: Known<number>): Seen<Fact> | undefined {
    const itself = this.#byOid.get(leaf.oid);
    if (itself !== undefined) return itself;
    const oid = this.#oidOf.get(leaf.name);
    // Under its name before; unless that one lives on under another name, and the name was given to a new relation.
    return oid === undefined || present.has(oid) ? undefined : this.#byOid.get(oid);
  }

  #count(leaf: Leaf<Fact>, before: Fact, now: Fact, hasOwn: boolean): void {
    let root = this.#roots.get(leaf.root);
    if (root === undefined && leaf.isPartition) {
      root = this.#counters.map(() => 0);
      this.#roots.set(leaf.root, root);
    }
    for (const [place, counterOf] of this.#counters.entries()) {
      const from = counterOf(before) ?? 0;
      const to = counterOf(now) ?? from;
      // A counter that fell was reset, and counts from 0 since.
      const difference = to >= from ? to - from : to;
      if (root !== undefined) root[place] = (root[place] ?? 0) + difference;
      if (!hasOwn) this.#others[place] = (this.#others[place] ?? 0) + difference;
    }
  }

  *#forget(roots: Known<string>, present: Known<number>): Sliced<void> {
    for (const [oid, { name }] of this.#byOid) {
      yield;
      if (present.has(oid)) continue;
      this.#byOid.delete(oid);
      if (this.#oidOf.get(name) === oid) this.#oidOf.delete(name);
    }
    for (const root of this.#roots.keys()) if (!roots.has(root)) this.#roots.delete(root);
  }
}
