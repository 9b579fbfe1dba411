import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AccumulatedCounters, type Leaf, type Round } from '../../src/metrics/accumulated.ts';
import { atOnce } from '../../src/model/sliced.ts';

interface Usage {
  readonly scans: number;
}

const leaf = (name: string, scans: number | undefined, rest: Partial<Leaf<Usage>> = {}): Leaf<Usage> => ({
  oid: name.charCodeAt(0),
  name,
  root: name,
  isPartition: false,
  usage: scans === undefined ? undefined : { scans },
  ...rest,
});

const partOf = (root: string) => ({ root, isPartition: true });

/** One round in which all leaves are there that are named. */
function advance(
  counters: AccumulatedCounters<Usage>,
  round: Omit<Round<Usage>, 'leaves' | 'present'> & { readonly leaves: readonly Leaf<Usage>[] },
): void {
  atOnce(counters.advance({ ...round, present: new Set(round.leaves.map(({ oid }) => oid)) }));
}

/** The others' counter after each round of leaves; `exported` are the names with series of their own in each. */
function others(
  rounds: readonly (readonly Leaf<Usage>[])[],
  exported: readonly (readonly string[])[] = [],
  isComplete: (round: number) => boolean = () => true,
): readonly number[] {
  const counters = new AccumulatedCounters<Usage>([({ scans }) => scans]);
  return rounds.map((leaves, round) => {
    advance(counters, {
      leaves,
      roots: new Set(leaves.map(({ root }) => root)),
      exported: new Set(exported[round] ?? []),
      isComplete: isComplete(round),
    });
    return counters.others[0] ?? -1;
  });
}

describe('what has no series of its own', () => {
  test('counts from 0, whatever PostgreSQL has counted before', () => {
    expect(others([[leaf('a', 900)], [leaf('a', 903)], [leaf('a', 903)]])).toEqual([0, 3, 3]);
  });

  test('does not count what an index with series of its own counts', () => {
    expect(others([[leaf('a', 1)], [leaf('a', 5)]], [['a'], ['a']])).toEqual([0, 0]);
  });

  test('counts the round in which an index gets its series or loses them: its own series show only one end', () => {
    const scans = [[leaf('a', 10)], [leaf('a', 11)], [leaf('a', 13)], [leaf('a', 17)]];
    expect(others(scans, [['a'], [], ['a'], ['a']])).toEqual([0, 1, 3, 3]);
  });

  test('does not fall when an index is dropped', () => {
    expect(others([[leaf('a', 1), leaf('b', 1)], [leaf('a', 4), leaf('b', 1)], [leaf('b', 2)]])).toEqual([
      0, 3, 4,
    ]);
  });

  test('does not take the life of a new index for what happened since the last look', () => {
    expect(
      others([[leaf('a', 1)], [leaf('a', 1), leaf('b', 5000)], [leaf('a', 1), leaf('b', 5001)]]),
    ).toEqual([0, 0, 1]);
  });

  test('goes on over REINDEX CONCURRENTLY, which gives another oid', () => {
    expect(others([[leaf('a', 100)], [leaf('a', 104, { oid: 7 })]])).toEqual([0, 4]);
  });

  test('goes on over a rename, and over two indexes that change names', () => {
    expect(others([[leaf('a', 100)], [leaf('b', 104, { oid: 97 })]])).toEqual([0, 4]);
    const swapped = [leaf('b', 11, { oid: 97 }), leaf('a', 2001, { oid: 98 })];
    expect(others([[leaf('a', 10), leaf('b', 2000)], swapped])).toEqual([0, 2]);
  });

  test('does not mistake a new index under the name of a renamed one for it', () => {
    const renamed = [leaf('old', 101, { oid: 97 }), leaf('a', 5, { oid: 200 })];
    expect(
      others([[leaf('a', 100)], renamed, [...renamed.map((each) => ({ ...each, usage: { scans: 102 } }))]]),
    ).toEqual([0, 1, 1 + 1 + 97]);
  });

  test('counts from 0 again where PostgreSQL resets its statistics', () => {
    expect(others([[leaf('a', 100)], [leaf('a', 3)]])).toEqual([0, 3]);
  });

  test('misses nothing of an index that could not be read for a while', () => {
    expect(others([[leaf('a', 100)], [leaf('a', undefined)], [leaf('a', 109)]])).toEqual([0, 0, 9]);
    expect(others([[leaf('a', 100)], [], [leaf('a', 109)]], [], (round) => round !== 1)).toEqual([0, 0, 9]);
  });
});

describe('a partitioned index', () => {
  const rooted = (rounds: readonly (readonly Leaf<Usage>[])[]): readonly number[] => {
    const counters = new AccumulatedCounters<Usage>([({ scans }) => scans]);
    return rounds.map((leaves) => {
      advance(counters, { leaves, roots: new Set(['root']), exported: new Set(['root']), isComplete: true });
      return counters.ofRoot('root')[0] ?? -1;
    });
  };

  test('is the work of its partitions, and does not fall when one is dropped or all are', () => {
    const [a, b] = [partOf('root'), partOf('root')];
    expect(
      rooted([
        [leaf('a', 10, a), leaf('b', 500, b)],
        [leaf('a', 12, a), leaf('b', 501, b)],
        [leaf('a', 13, a)],
        [],
      ]),
    ).toEqual([0, 3, 4, 4]);
  });

  test('does not rise by what an attached partition has counted before', () => {
    expect(
      rooted([
        [leaf('a', 1, partOf('root'))],
        [leaf('a', 2, partOf('root')), leaf('b', 700, partOf('root'))],
      ]),
    ).toEqual([0, 1]);
  });
});

/** What happens between two looks: to which index, how much each is used, and which have series of their own afterwards. */
const aRound = fc.record({
  fate: fc.constantFrom('nothing', 'drop', 'create', 'rebuild', 'rename'),
  scans: fc.array(fc.nat(4), { minLength: 16, maxLength: 16 }),
  exported: fc.array(fc.boolean(), { minLength: 16, maxLength: 16 }),
});

test('own series and the others together count what PostgreSQL counted, through drops, rebuilds, renames and changes of budget', () => {
  fc.assert(
    fc.property(fc.array(aRound, { maxLength: 40 }), (rounds) => {
      const counters = new AccumulatedCounters<Usage>([({ scans }) => scans]);
      let created = 0;
      const create = () => {
        created += 1;
        return { oid: created, name: `index ${created}`, scans: 100 * created };
      };
      let indexes = [create(), create(), create()];
      const shown = new Map<string, number>();
      let counted = 0;
      let seen = 0;
      let othersBefore = 0;
      for (const [number, { fate, scans, exported }] of rounds.entries()) {
        if (fate === 'drop') indexes = indexes.slice(1);
        const [first] = indexes;
        if (first !== undefined && fate === 'rebuild') first.oid = 1_000 + number;
        if (first !== undefined && fate === 'rename') first.name = `renamed ${number}`;
        for (const [place, index] of indexes.entries()) {
          const difference = number === 0 ? 0 : (scans[place % 16] ?? 0);
          index.scans += difference;
          counted += difference;
        }
        if (fate === 'create') indexes = [...indexes, create()];
        const own = new Set(indexes.filter((_, place) => exported[place % 16]).map(({ name }) => name));
        advance(counters, {
          leaves: indexes.map((index) => leaf(index.name, index.scans, { oid: index.oid })),
          roots: new Set(indexes.map(({ name }) => name)),
          exported: own,
          isComplete: true,
        });
        // As increase() does: a series counts from its first sample on.
        for (const name of [...shown.keys()]) if (!own.has(name)) shown.delete(name);
        for (const { name, scans: now } of indexes) {
          if (!own.has(name)) continue;
          seen += now - (shown.get(name) ?? now);
          shown.set(name, now);
        }
        const [others = 0] = counters.others;
        expect(others).toBeGreaterThanOrEqual(othersBefore);
        seen += others - othersBefore;
        othersBefore = others;
        expect(seen).toBe(counted);
      }
    }),
    { numRuns: 300 },
  );
});
