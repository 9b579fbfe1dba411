import { describe, expect, it } from 'vitest';
import type { Bloat } from '../../../src/analysis/bloat/bloat.ts';
import { type IndexMemory, memoryKey, sizesOf } from '../../../src/history/bloat/memory.ts';
import {
  defaultQueueSettings,
  type Means,
  measurementQueue,
  type QueueSettings,
  type Wanted,
} from '../../../src/history/bloat/queue.ts';
import { dayMs, GiB, hourMs, MiB } from '../../../src/model/units.ts';
import {
  aBloat,
  aCatalogueOf,
  bloatByOid,
  type DescribedIndex,
  type DescribedTable,
  indexNamed,
  takenAtMs,
} from '../../support/builders.ts';

interface Scene {
  readonly indexes: readonly DescribedIndex[];
  readonly table?: Partial<DescribedTable>;
  readonly memory?: Readonly<Record<string, Partial<IndexMemory>>>;
  readonly bloat?: Readonly<Record<string, Bloat>>;
  readonly means?: readonly Means[];
  readonly settings?: Partial<QueueSettings>;
  readonly putOff?: readonly string[];
}

function queueOf(scene: Scene): readonly Wanted[] {
  const columns = [
    'id',
    'a',
    'b',
    { name: 'doc', type: 'jsonb' as const },
    { name: 'net', type: 'inet' as const },
  ];
  const catalogue = aCatalogueOf([{ name: 'orders', columns, ...scene.table, indexes: scene.indexes }]);
  const memory = new Map(
    Object.entries(scene.memory ?? {}).map(([name, known]) => [
      memoryKey(indexNamed(catalogue, name)),
      { look, sizes: sizesOf([]), ...known },
    ]),
  );
  const putOff = new Set((scene.putOff ?? []).map((name) => memoryKey(indexNamed(catalogue, name))));
  return measurementQueue(
    {
      catalogue,
      memory,
      bloat: bloatByOid(catalogue, scene.bloat),
      nowMs: takenAtMs,
      means: new Set(scene.means ?? ['scan', 'free-space']),
      isPutOff: (key) => putOff.has(key),
    },
    { ...defaultQueueSettings, ...scene.settings },
  );
}

const look: IndexMemory['look'] = {
  atMs: takenAtMs,
  oid: 10_001,
  relfilenode: 1,
  sizeBytes: 10 * MiB,
  sizeBeforeBytes: null,
  liveEntries: 100_000,
};
const index = (name: string, more: Partial<DescribedIndex> = {}): DescribedIndex => ({
  name,
  keys: ['a'],
  ...more,
});
/** As if `orders_a` of 10 MiB with 100,000 rows had been scanned two hours ago. */
const scanned = (more: Partial<IndexMemory> = {}, scan: Partial<NonNullable<IndexMemory['scan']>> = {}) => ({
  orders_a: {
    scan: {
      atMs: takenAtMs - 2 * hourMs,
      sizeBytes: 10 * MiB,
      tupleCount: 100_000,
      tupleBytes: 1_600_000,
      freeBytes: 0,
      liveEntries: 100_000,
      ...scan,
    },
    sizeAtScanBytes: 10 * MiB,
    deadShareAtScan: 0,
    ...more,
  },
});
const orders = [index('orders_a')];
const occasions = (queue: readonly Wanted[]) =>
  queue.map(({ index: { name }, occasion }) => `${name} ${occasion}`);

describe('what is measured', () => {
  it('is what never was, by the means that fit', () => {
    const queue = queueOf({
      indexes: [
        index('btree'),
        index('gist', { keys: ['net'], fact: { accessMethod: 'gist' } }),
        index('hash', { fact: { accessMethod: 'hash' } }),
        index('gin', { keys: ['doc'], fact: { accessMethod: 'gin' } }),
        index('spgist', { keys: ['net'], fact: { accessMethod: 'spgist' } }),
        index('brin', { fact: { accessMethod: 'brin' } }),
      ],
    });
    expect(new Map(queue.map((wanted) => [wanted.index.name, wanted.means]))).toEqual(
      new Map([
        ['btree', 'scan'],
        ['gist', 'scan'],
        ['hash', 'scan'],
        ['gin', 'free-space'],
        ['spgist', 'free-space'],
      ]),
    );
    // The free-space map is a small part of the index.
    expect(queue.find(({ means }) => means === 'scan')?.costBytes).toBe(10 * MiB);
    expect(queue.find(({ means }) => means === 'free-space')?.costBytes).toBeLessThan(8_192);
  });

  it('is only what there are means for', () => {
    const indexes = [index('btree'), index('gin', { keys: ['doc'], fact: { accessMethod: 'gin' } })];
    expect(occasions(queueOf({ indexes, means: ['free-space'] }))).toEqual(['gin never-measured']);
    expect(queueOf({ indexes, means: [] })).toEqual([]);
  });

  it.each<[string, Partial<DescribedIndex>]>([
    ['an invalid index', { fact: { isValid: false } }],
    ['one that is not ready', { fact: { isReady: false } }],
    ['one whose size is unknown', { sizeBytes: null }],
    ['an empty file', { sizeBytes: 0 }],
    ['one above the cap', { sizeBytes: 8 * GiB + 1 }],
  ])('is not %s', (_, more) => {
    expect(queueOf({ indexes: [index('orders_a', more)] })).toEqual([]);
  });

  it('is not what was put off', () => {
    expect(queueOf({ indexes: orders, putOff: ['orders_a'] })).toEqual([]);
  });
});

describe('measuring again', () => {
  it('waits while nothing has changed', () => {
    expect(queueOf({ indexes: orders, memory: scanned() })).toEqual([]);
  });

  it.each<[string, Partial<Scene>, string]>([
    [
      'the size moved by more than a tenth',
      { indexes: [index('orders_a', { sizeBytes: 11.1 * MiB })] },
      'size-moved',
    ],
    ['it shrank', { indexes: [index('orders_a', { sizeBytes: 8.9 * MiB })] }, 'size-moved'],
    [
      'the entries moved by more than a tenth',
      { table: { rows: 112_000, usage: { rowsInsertedTotal: 0 } } },
      'entries-moved',
    ],
    ['dead rows crossed a fifth', { table: { usage: { liveRows: 100_000, deadRows: 26_000 } } }, 'dead-rows'],
    ['it is more than seven days old', { memory: scanned({}, { atMs: takenAtMs - 7 * dayMs - 1 }) }, 'old'],
  ])('is due when %s', (_, change, occasion) => {
    expect(occasions(queueOf({ indexes: orders, memory: scanned(), ...change }))).toEqual([
      `orders_a ${occasion}`,
    ]);
  });

  it.each<[string, Partial<Scene>]>([
    ['the size moved by less', { indexes: [index('orders_a', { sizeBytes: 10.9 * MiB })] }],
    [
      'dead rows were as many then',
      {
        table: { usage: { liveRows: 100_000, deadRows: 26_000 } },
        memory: scanned({ deadShareAtScan: 0.21 }),
      },
    ],
    [
      'a free-space map makes the file larger than what was scanned',
      { memory: scanned({}, { sizeBytes: 8 * MiB }) },
    ],
  ])('is not due when %s', (_, change) => {
    expect(queueOf({ indexes: orders, memory: scanned(), ...change })).toEqual([]);
  });

  it('follows the settings', () => {
    const settings = { remeasureAfterMs: hourMs };
    expect(occasions(queueOf({ indexes: orders, memory: scanned(), settings }))).toEqual(['orders_a old']);
  });

  it('of a free-space map goes by its own last time', () => {
    const indexes = [index('orders_a', { keys: ['doc'], fact: { accessMethod: 'gin' } })];
    const read = {
      freeSpace: { atMs: takenAtMs - hourMs, freeBytes: 0, pendingPages: 0 },
      freeSpaceSizeBytes: 10 * MiB,
    };
    expect(queueOf({ indexes, memory: { orders_a: read } })).toEqual([]);
    const grown = { ...read, freeSpaceSizeBytes: 5 * MiB };
    expect(occasions(queueOf({ indexes, memory: { orders_a: grown } }))).toEqual(['orders_a size-moved']);
  });
});

describe('the order', () => {
  const sized = (name: string, sizeBytes: number): DescribedIndex => index(name, { sizeBytes });

  it('is by size where nothing else is known, by name among equals', () => {
    const indexes = [sized('c', MiB), sized('b', 5 * MiB), sized('a', MiB)];
    expect(queueOf({ indexes }).map(({ index: { name } }) => name)).toEqual(['b', 'a', 'c']);
  });

  it('puts a smaller index that nothing is known of before a larger one whose answer is nearly sure', () => {
    const indexes = [sized('sure', 30 * MiB), sized('unknown', 20 * MiB)];
    const bloat = { sure: aBloat({ low: 0.38, high: 0.42 }) };
    expect(queueOf({ indexes, bloat }).map(({ index: { name } }) => name)).toEqual(['unknown', 'sure']);
  });

  it('puts a wide interval before a narrow one', () => {
    const indexes = [sized('narrow', 12 * MiB), sized('wide', 10 * MiB)];
    const bloat = { narrow: aBloat({ low: 0.3, high: 0.4 }), wide: aBloat({ low: 0, high: 0.9 }) };
    expect(queueOf({ indexes, bloat }).map(({ index: { name } }) => name)).toEqual(['wide', 'narrow']);
  });

  it('begins with a GiST index that was just rebuilt, while it is as dense as it will ever be', () => {
    const gist = index('gist', { keys: ['net'], fact: { accessMethod: 'gist' }, sizeBytes: MiB });
    const baseline = {
      atMs: takenAtMs - hourMs / 2,
      expectedBytes: MiB,
      liveEntries: 100_000,
      freshDensity: null,
      source: 'rebuild' as const,
    };
    const memory = { gist: { ...scanned().orders_a, sizeAtScanBytes: MiB, baseline } };
    expect(occasions(queueOf({ indexes: [sized('large', GiB), gist], memory }))).toEqual([
      'gist rebuilt',
      'large never-measured',
    ]);
    const learned = { gist: { ...memory.gist, baseline: { ...baseline, freshDensity: 0.75 } } };
    expect(occasions(queueOf({ indexes: [gist], memory: learned }))).toEqual([]);
    const late = { gist: { ...memory.gist, baseline: { ...baseline, atMs: takenAtMs - 2 * hourMs } } };
    expect(occasions(queueOf({ indexes: [gist], memory: late }))).toEqual([]);
  });

  it('begins with a B-tree that was just rebuilt, if equal keys share tuples in it', () => {
    const baseline = {
      ...{ atMs: takenAtMs - hourMs / 2, expectedBytes: MiB, liveEntries: 100_000 },
      ...{ freshDensity: null, source: 'rebuild' as const },
    };
    const small = (fact: DescribedIndex['fact'] = {}) => index('small', { sizeBytes: MiB, fact });
    const queue = (one: DescribedIndex, more: object = {}) =>
      occasions(queueOf({ indexes: [one], memory: { small: { baseline: { ...baseline, ...more } } } }));
    expect(queue(small())).toEqual(['small rebuilt']);
    expect(queue(small({ isUnique: true }))).toEqual(['small never-measured']);
    expect(queue(small(), { fresh: { tupleCount: 9, tupleBytes: 999 } })).toEqual(['small never-measured']);
    expect(queue(small(), { atMs: takenAtMs - 2 * hourMs })).toEqual(['small never-measured']);
  });
});
