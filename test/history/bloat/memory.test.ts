import { describe, expect, it } from 'vitest';
import type { Bloat } from '../../../src/analysis/bloat/bloat.ts';
import { estimateBloat } from '../../../src/analysis/bloat/estimate.ts';
import type { Catalogue } from '../../../src/analysis/catalogue.ts';
import type { ColumnStatisticsFact } from '../../../src/collectors/column-statistics.ts';
import {
  addWholes,
  type EstimateBasis,
  type Hindrance,
  hindered,
  hourOf,
  isSameBasis,
} from '../../../src/history/bloat/answers.ts';
import { withFreeSpace, withScan } from '../../../src/history/bloat/measured.ts';
import {
  type BloatMemory,
  type IndexMemory,
  indexMemoryOf,
  knowledgeOf,
  memoryFrom,
  memoryKey,
  sizesOf,
} from '../../../src/history/bloat/memory.ts';
import type { IndexOid } from '../../../src/model/ids.ts';
import { atOnce } from '../../../src/model/sliced.ts';
import { hourMs, MiB } from '../../../src/model/units.ts';
import {
  aCatalogueOf,
  aColumnStatisticsFact,
  type DescribedIndex,
  type DescribedTable,
  indexNamed,
  indexOid,
  tableOid,
  takenAtMs,
} from '../../support/builders.ts';

const memoryRead = (records: readonly (readonly [string, unknown])[]): ReturnType<typeof memoryFrom> =>
  memoryFrom(new Map(records.map(([key, record]) => [key, indexMemoryOf(record)])));

const look: IndexMemory['look'] = {
  atMs: takenAtMs,
  oid: 10_001,
  relfilenode: 1,
  sizeBytes: 10 * MiB,
  sizeBeforeBytes: null,
  liveEntries: 100_000,
};
const scene = (index: Partial<DescribedIndex> = {}) => {
  const catalogue = aCatalogueOf([
    {
      name: 'orders',
      columns: ['id', 'a', { name: 'net', type: 'inet' }],
      indexes: [{ name: 'i', keys: ['a'], ...index }],
    },
  ]);
  return { catalogue, index: indexNamed(catalogue, 'i') };
};
const scan = {
  atMs: takenAtMs,
  sizeBytes: 10 * MiB,
  tupleCount: 100_000,
  tupleBytes: 1_600_000,
  freeBytes: 7 * MiB,
  liveEntries: 100_000,
  counts: { reltuples: 100_000, tableRows: 100_000, liveShare: 1 },
};

describe('records of the store', () => {
  const whole: IndexMemory = {
    look,
    scan: { ...scan, hash: { bucketPages: 1, overflowPages: 2, bitmapPages: 1, unusedPages: 0 } },
    sizeAtScanBytes: 10 * MiB,
    deadShareAtScan: 0.01,
    freeSpace: { atMs: takenAtMs, freeBytes: 8_192, pendingPages: null },
    freeSpaceSizeBytes: MiB,
    baseline: {
      ...{ atMs: 1, expectedBytes: 2, liveEntries: 3, freshDensity: 0.7, source: 'rebuild' },
      fresh: { tupleCount: 3, tupleBytes: 48 },
    },
    sizes: sizesOf([{ atMs: 1, sizeBytes: 2, liveEntries: 3 }]),
  };

  it('survive being written as JSON', () => {
    const read = memoryRead([['k', JSON.parse(JSON.stringify(whole))]]);
    expect(read.dropped).toEqual([]);
    expect(JSON.parse(JSON.stringify(read.memory.get('k')))).toEqual(JSON.parse(JSON.stringify(whole)));
  });

  it('of the version before, which kept less of a baseline, are read as they are', () => {
    const { fresh: _, ...before } = whole.baseline ?? {};
    const older = { ...whole, baseline: before };
    const read = memoryRead([['k', older]]);
    expect(read.dropped).toEqual([]);
    expect(knowledgeOf(read.memory.get('k')).baseline).toEqual(before);
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['text', 'x'],
    ['without a look', { ...whole, look: undefined }],
    ['of a later version', { ...whole, mood: 'good' }],
    ['with a size that is none', { ...whole, look: { ...look, sizeBytes: -1 } }],
    ['with a density above 1', { ...whole, baseline: { ...whole.baseline, freshDensity: 7 } }],
  ])('are forgotten when they are %s, and cost the others nothing', (_, bad) => {
    const read = memoryRead([
      ['bad', bad],
      ['good', whole],
    ]);
    expect([...read.memory.keys()]).toEqual(['good']);
    expect(read.dropped).toEqual(['bad']);
  });

  it('go by names, which may hold anything', () => {
    const odd = (schema: string, name: string) =>
      memoryKey(
        indexNamed(
          aCatalogueOf([{ name: 't', schema, columns: ['a'], indexes: [{ name, keys: ['a'] }] }]),
          name,
        ),
      );
    expect(odd('a","t', 'b')).not.toBe(odd('a', '","t","b'));
  });
});

describe('after a measurement', () => {
  it('a B-tree is known by its scan, and by what it should be in proportion to its entries', () => {
    const { index, catalogue } = scene();
    const memory = withScan({ look, sizes: sizesOf([]) }, index, scan, catalogue);
    const expected = estimateBloat(index, {
      knowledge: { scan },
      catalogue,
      nowMs: takenAtMs,
    }).expectedSizeBytes;
    expect(expected).toBeGreaterThan(MiB);
    expect(memory).toMatchObject({
      scan,
      sizeAtScanBytes: 10 * MiB,
      baseline: { atMs: takenAtMs, expectedBytes: expected, liveEntries: 100_000, source: 'scan' },
    });
    expect(memory.deadShareAtScan).toBeCloseTo(250 / 100_250);
  });

  const fresh = {
    atMs: takenAtMs - hourMs / 2,
    expectedBytes: 10 * MiB,
    liveEntries: 100_000,
    freshDensity: null,
    source: 'rebuild' as const,
  };
  const gist = { keys: ['net'], fact: { accessMethod: 'gist' } };

  it('a GiST index that was just rebuilt has shown how dense it is packed', () => {
    const { index, catalogue } = scene(gist);
    const memory = withScan(
      { look, sizes: sizesOf([]), baseline: fresh },
      index,
      { ...scan, tupleBytes: 7 * MiB },
      catalogue,
    );
    expect(memory.baseline).toEqual({ ...fresh, freshDensity: 0.7 });
    // A later scan of the same file knows no better.
    const later = withScan(
      memory,
      index,
      { ...scan, atMs: takenAtMs + hourMs, tupleBytes: 3 * MiB },
      catalogue,
    );
    expect(later.baseline).toEqual(memory.baseline);
  });

  it('an older rebuild tells nothing of the density any more, and stays what is compared with', () => {
    const { index, catalogue } = scene(gist);
    const old = { ...fresh, atMs: takenAtMs - 5 * hourMs };
    expect(withScan({ look, sizes: sizesOf([]), baseline: old }, index, scan, catalogue).baseline).toEqual(
      old,
    );
  });

  /** Ten rows for each key, in posting lists as a build makes them. */
  const merged = {
    ...scan,
    tupleCount: 10_000,
    tupleBytes: 10_000 * 80,
    freeBytes: MiB / 10,
    sizeBytes: MiB,
  };
  const young = { ...fresh, expectedBytes: 10 * MiB, atMs: takenAtMs - hourMs / 4 };

  it('a B-tree that was just rebuilt has shown how far equal keys merge', () => {
    const { index, catalogue } = scene();
    const memory = withScan({ look, sizes: sizesOf([]), baseline: young }, index, merged, catalogue);
    expect(memory.baseline).toEqual({ ...young, fresh: { tupleCount: 10_000, tupleBytes: 800_000 } });
    expect(knowledgeOf(memory).baseline?.fresh).toEqual({ tupleCount: 10_000, tupleBytes: 800_000 });
  });

  it('a later scan of a B-tree leaves what its rebuild showed alone', () => {
    const { index, catalogue } = scene();
    const first = withScan({ look, sizes: sizesOf([]), baseline: young }, index, merged, catalogue);
    const grown = { ...merged, atMs: takenAtMs + hourMs, tupleCount: 30_000, tupleBytes: 1_400_000 };
    const later = withScan(first, index, grown, catalogue);
    expect(later.baseline).toEqual(first.baseline);
    expect(later.scan).toEqual(grown);
    // Nor does one that came too late to see it new take the place of the rebuild.
    const old = { ...young, atMs: takenAtMs - 5 * hourMs };
    expect(withScan({ look, sizes: sizesOf([]), baseline: old }, index, merged, catalogue).baseline).toEqual(
      old,
    );
  });

  it('a B-tree without posting lists has nothing to show, and keeps the baseline of its rebuild', () => {
    const { index, catalogue } = scene({ fact: { isUnique: true } });
    expect(withScan({ look, sizes: sizesOf([]), baseline: young }, index, scan, catalogue).baseline).toEqual(
      young,
    );
  });

  it('an index that a rebuild would make larger is remembered as what the rebuild would be', () => {
    const { index, catalogue } = scene({ sizeBytes: MiB });
    const tight = { ...scan, sizeBytes: MiB, tupleBytes: 1_600_000, freeBytes: 0 };
    const { baseline } = withScan({ look, sizes: sizesOf([]) }, index, tight, catalogue);
    const answer = estimateBloat(index, { knowledge: { scan: tight }, catalogue, nowMs: takenAtMs });
    expect(answer).toMatchObject({ sizeBytes: MiB, expectedSizeBytes: MiB, wastedBytes: 0, ratio: 0 });
    expect(baseline?.expectedBytes).toBeGreaterThan(2 * MiB);
  });

  it('an unknown number of entries makes no baseline', () => {
    const { index, catalogue } = scene();
    expect(
      withScan({ look, sizes: sizesOf([]) }, index, { ...scan, liveEntries: null }, catalogue).baseline,
    ).toBeUndefined();
  });

  it('the free-space map is kept with the size it was read at', () => {
    const { index } = scene({ fact: { accessMethod: 'gin' } });
    const freeSpace = { atMs: takenAtMs, freeBytes: 8_192, pendingPages: 3 };
    expect(withFreeSpace({ look, sizes: sizesOf([]) }, index, freeSpace)).toMatchObject({
      freeSpace,
      freeSpaceSizeBytes: 10 * MiB,
    });
    expect(knowledgeOf(withFreeSpace({ look, sizes: sizesOf([]) }, index, freeSpace))).toEqual({ freeSpace });
  });
});

/** As they are put together for a pass. */
function bloatOf(
  catalogue: Catalogue,
  memory: BloatMemory,
  hindrance: () => Hindrance | undefined,
  nowMs: number,
) {
  const leaves = new Map<IndexOid, Bloat>();
  for (const index of catalogue.indexes) {
    if (index.fact.relkind === 'I') continue;
    const knowledge = knowledgeOf(memory.get(memoryKey(index)));
    leaves.set(index.oid, hindered(estimateBloat(index, { knowledge, catalogue, nowMs }), hindrance()));
  }
  atOnce(addWholes(catalogue, leaves));
  return leaves;
}

describe('what an estimate is made of', () => {
  const table = { name: 'orders', columns: ['id', 'a'] };
  const basisOf = (
    index: Partial<DescribedIndex> = {},
    more: Partial<DescribedTable> = {},
    statistics: readonly ColumnStatisticsFact[] = [],
    nowMs = takenAtMs,
  ): EstimateBasis => {
    const indexes = [{ name: 'i', keys: ['a'], ...index }];
    const catalogue = aCatalogueOf([{ ...table, indexes, ...more }], { columnStatistics: statistics });
    return { index: indexNamed(catalogue, 'i'), hour: hourOf(nowMs) };
  };
  const statistics = (more: Partial<ColumnStatisticsFact> = {}) => [
    aColumnStatisticsFact({ tableOid: tableOid(10_000), attributeNumber: 2, ...more }),
  ];

  it('is the same as long as nothing of it changed', () => {
    const later = basisOf({ scans: 7 }, { usage: { sequentialScansTotal: 99 } }, [], takenAtMs + 60_000);
    expect(isSameBasis(basisOf(), later)).toBe(true);
    expect(isSameBasis(basisOf({}, {}, statistics()), basisOf({}, {}, statistics()))).toBe(true);
  });

  it.each<[string, EstimateBasis]>([
    ['the size', basisOf({ sizeBytes: 11 * MiB })],
    ['the file', basisOf({ fact: { relfilenode: 7 } })],
    ['the fill factor', basisOf({ fact: { options: ['fillfactor=70'] } })],
    ['the number of entries', basisOf({ fact: { estimatedEntries: 7 } })],
    ['that it is valid', basisOf({ fact: { isValid: false } })],
    ['the rows', basisOf({}, { rows: 7 })],
    ['dead rows', basisOf({}, { usage: { deadRows: 7 } })],
    ['the statistics of its column', basisOf({}, {}, statistics())],
    ['the hour', basisOf({}, {}, [], takenAtMs + hourMs)],
  ])('changes with %s', (_, basis) => {
    expect(isSameBasis(basisOf(), basis)).toBe(false);
  });
});

describe('the answers', () => {
  it('say what keeps an index from being measured, unless it was', () => {
    const { catalogue, index } = scene();
    const hindrance = { reason: 'it is locked', improvement: 'wait' };
    const blind = bloatOf(catalogue, new Map(), () => hindrance, takenAtMs).get(index.oid);
    expect(blind?.reason).toContain('it is locked');
    expect(blind?.improvement).toBe('wait');
    const memory = new Map([
      [memoryKey(index), withScan({ look, sizes: sizesOf([]) }, index, scan, catalogue)],
    ]);
    expect(bloatOf(catalogue, memory, () => hindrance, takenAtMs).get(index.oid)).toMatchObject({
      method: 'measured',
      confidence: 'high',
      reason: null,
    });
  });

  it('of a partitioned index are the sum of its leaves, and unknown where one of them is', () => {
    const leaf = (name: string, oid: number) => ({
      name,
      keys: ['a'],
      fact: { parentIndexOid: indexOid(10_001), indexOid: indexOid(oid) },
    });
    const catalogue = aCatalogueOf([
      {
        name: 'whole',
        columns: ['a'],
        fact: { relkind: 'p' },
        indexes: [{ name: 'i', keys: ['a'], fact: { relkind: 'I' } }],
      },
      { name: 'one', columns: ['a'], indexes: [leaf('one_i', 20_001)] },
      { name: 'two', columns: ['a'], indexes: [leaf('two_i', 30_001)] },
    ]);
    const known = (name: string) => {
      const index = indexNamed(catalogue, name);
      return [memoryKey(index), withScan({ look, sizes: sizesOf([]) }, index, scan, catalogue)] as const;
    };
    const top = indexNamed(catalogue, 'i').oid;
    const both = bloatOf(catalogue, new Map([known('one_i'), known('two_i')]), () => undefined, takenAtMs);
    const part = both.get(indexNamed(catalogue, 'one_i').oid)?.wastedBytes ?? 0;
    expect(part).toBeGreaterThan(0);
    expect(both.get(top)).toMatchObject({ method: 'measured', sizeBytes: 20 * MiB, wastedBytes: 2 * part });
    const half = bloatOf(catalogue, new Map([known('one_i')]), () => undefined, takenAtMs);
    expect(half.get(top)).toMatchObject({ method: 'unknown', wastedBytes: null });
    expect(half.get(top)?.reason).toContain('two_i');
  });
});
