import { expect, test } from 'vitest';
import { type BisectOptions, readAroundLocks } from '../../src/postgres/bisect.ts';

const blocked = (): Error =>
  Object.assign(new Error('canceling statement due to lock timeout'), { code: '55P03' });

interface Scene {
  /** One read as `from-to`, with `closed` where no relation may be opened. */
  readonly reads: string[];
  readonly options: BisectOptions;
}

/** A query over relations of which some are locked; each read takes as long as one step of the clock. */
function scene(oids: readonly number[], locked: readonly number[], budgetMs = 1_000_000): Scene {
  const reads: string[] = [];
  let nowMs = 0;
  const options: BisectOptions = {
    read: async (from, to, mayOpen) => {
      reads.push(`${from}-${to}${mayOpen ? '' : ' closed'}`);
      nowMs += 1;
      const inRange = oids.filter((oid) => oid >= from && oid <= to);
      if (mayOpen && inRange.some((oid) => locked.includes(oid))) throw blocked();
      return { names: ['oid', 'known'], rows: inRange.map((oid) => [oid, mayOpen]) };
    },
    candidates: async () => oids,
    budgetMs,
    now: () => nowMs,
  };
  return { reads, options };
}

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => 20_000 + at * 3);

test('where nothing blocks it is one read, and nobody asks for the candidates', async () => {
  const { reads, options } = scene(range(1_000), []);
  const read = await readAroundLocks({ ...options, candidates: () => Promise.reject(new Error('asked')) });
  expect(read.rows).toHaveLength(1_000);
  expect(read.skipped).toEqual([]);
  expect(reads).toEqual(['0-4294967295']);
});

test.each([
  ['the first', [0]],
  ['the last', [999]],
  ['one in the middle', [500]],
  ['neighbours', [499, 500]],
  ['every tenth', Array.from({ length: 100 }, (_, at) => at * 10)],
  ['all', Array.from({ length: 1_000 }, (_, at) => at)],
])(
  '%s of 1,000 locked: exactly those are not opened, and every relation has its row, in order',
  async (_, places) => {
    const oids = range(1_000);
    const locked = places.map((place) => oids[place] ?? 0);
    const read = await readAroundLocks(scene(oids, locked).options);
    expect(read.skipped).toEqual(locked);
    expect(read.rows).toEqual(oids.map((oid) => [oid, !locked.includes(oid)]));
  },
);

test('one lock costs about two reads for each halving', async () => {
  const oids = range(1_024);
  const { reads, options } = scene(oids, [oids[77] ?? 0]);
  await readAroundLocks(options);
  expect(reads.length).toBeLessThanOrEqual(2 + 2 * 10);
});

test('a lock that has gone meanwhile costs nothing but the second read', async () => {
  const oids = range(100);
  const { options } = scene(oids, []);
  let isFirst = true;
  const read = await readAroundLocks({
    ...options,
    read: (from, to, mayOpen) => {
      if (!isFirst) return options.read(from, to, mayOpen);
      isFirst = false;
      return Promise.reject(blocked());
    },
  });
  expect(read.skipped).toEqual([]);
  expect(read.rows).toHaveLength(100);
});

test('past the budget the rest is read without being opened: nothing goes missing', async () => {
  const oids = range(1_000);
  const locked = oids.filter((_, at) => at % 10 === 0);
  const { reads, options } = scene(oids, locked, 20);
  const read = await readAroundLocks(options);
  expect(read.rows.map(([oid]) => oid)).toEqual(oids);
  expect(read.skipped).toEqual(expect.arrayContaining([...locked]));
  // Each further read is one that cannot block.
  expect(reads.slice(22).filter((asked) => !asked.endsWith('closed'))).toEqual([]);
});

test('without a budget it gives up at once: two reads that cannot block', async () => {
  const { reads, options } = scene(range(10), [20_003], 0);
  const read = await readAroundLocks(options);
  expect(reads).toEqual(['0-4294967295', '20000-20012 closed', '20015-20027 closed']);
  expect(read.skipped).toEqual(range(10));
});

test('a relation that was dropped since the candidates were listed is no reason to fail', async () => {
  const { options } = scene(range(10), [20_003]);
  const read = await readAroundLocks({ ...options, candidates: async () => [...range(10), 30_000] });
  expect(read.rows).toHaveLength(10);
});

test('another error is not taken for a lock', async () => {
  const { options } = scene(range(10), []);
  const failure = Object.assign(new Error('division by zero'), { code: '22012' });
  await expect(readAroundLocks({ ...options, read: () => Promise.reject(failure) })).rejects.toBe(failure);
});
