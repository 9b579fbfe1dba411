import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BloatKnowledge } from '../../../src/analysis/bloat/bloat.ts';
import { estimateBloat } from '../../../src/analysis/bloat/estimate.ts';
import type { IndexFact } from '../../../src/collectors/inventory.ts';
import {
  aCatalogue,
  anIndexFact,
  aServerFact,
  aSizeFact,
  aTableFact,
  indexOid,
  tableOid,
  takenAtMs,
} from '../../support/builders.ts';
import { aBaseline, aScan, bloatOf, type DescribedBloat, page } from './described.ts';

const method = (accessMethod: string, fact: Partial<IndexFact> = {}): DescribedBloat => ({
  index: { fact: { accessMethod, ...fact } },
});

describe('GiST', () => {
  /** 60,000 addresses: 16 bytes each, and 46 % full right after a build. */
  const scan = aScan({ pages: 510, tupleBytes: 960_000 });

  test('is as dense as it was right after its rebuild', () => {
    const baseline = aBaseline({ expectedBytes: 255 * page, freshDensity: 960_000 / (255 * page) });
    const bloat = bloatOf({ ...method('gist'), pages: 510 }, { scan, baseline });
    expect(bloat.ratio).toBeCloseTo(0.5, 2);
    expect(bloat).toMatchObject({ method: 'measured', confidence: 'high' });
  });

  test('is a guess within wide bounds where that was not seen', () => {
    const bloat = bloatOf({ ...method('gist'), pages: 255 }, { scan: { ...scan, sizeBytes: 255 * page } });
    expect(bloat.confidence).toBe('low');
    expect(bloat.ratio).toBeLessThan(0.3);
    expect(bloat.low).toBeLessThan(0.05);
    expect(bloat.high! - bloat.low!).toBeGreaterThan(0.2);
    expect(bloat.reason).toContain('has not been seen');
  });

  test('is in proportion to its last rebuild without a scan, and unknown without either', () => {
    expect(bloatOf({ ...method('gist'), pages: 332 }, { baseline: aBaseline() })).toMatchObject({
      method: 'calibrated',
      ratio: 0.5,
    });
    expect(bloatOf(method('gist')).method).toBe('unknown');
  });

  test('leaves dead rows out', () => {
    const dead = aScan({
      pages: 255,
      liveEntries: 24_000,
      counts: { reltuples: 24_000, tableRows: 24_000, liveShare: 0.4 },
    });
    const baseline = aBaseline({ freshDensity: 960_000 / (255 * page) });
    expect(
      bloatOf({ ...method('gist'), rows: 24_000, pages: 255 }, { scan: dead, baseline }).ratio,
    ).toBeCloseTo(0.6, 2);
  });
});

describe('GIN', () => {
  test('keeps most of its size when rows go: their keys stay', () => {
    const baseline = aBaseline({ expectedBytes: 359 * page });
    // 40 % of the rows left: REINDEX gives 179 pages, a plain proportion would be 144.
    const { expectedSizeBytes } = bloatOf({ ...method('gin'), rows: 24_000, pages: 359 }, { baseline });
    expect(expectedSizeBytes! / page).toBeCloseTo(179, -1);
  });

  test('without history, pages of the flushed pending list that the map lists', () => {
    const freeSpace = { atMs: takenAtMs, freeBytes: 440 * page, pendingPages: 0 };
    // Grown with fastupdate: 55 % free, REINDEX from 800 pages to 361.
    const bloat = bloatOf({ ...method('gin'), pages: 800 }, { freeSpace });
    expect(bloat).toMatchObject({ method: 'measured', confidence: 'low' });
    expect(bloat.ratio).toBeCloseTo(0.5, 1);
  });

  test('a map that lists next to nothing says nothing', () => {
    const freeSpace = { atMs: takenAtMs, freeBytes: 4 * page, pendingPages: 0 };
    const bloat = bloatOf({ ...method('gin'), pages: 800 }, { freeSpace });
    expect(bloat).toMatchObject({ method: 'unknown', ratio: null });
    expect(bloat.improvement).toContain('REINDEX');
    expect(bloatOf(method('gin')).method).toBe('unknown');
  });

  test('a pending list is merged by a rebuild', () => {
    const freeSpace = { atMs: takenAtMs, freeBytes: 0, pendingPages: 400 };
    expect(bloatOf({ ...method('gin'), pages: 800 }, { freeSpace }).ratio).toBeGreaterThan(0.1);
  });

  test('a rebuild that comes out larger wastes nothing', () => {
    expect(bloatOf({ ...method('gin'), pages: 100 }, { baseline: aBaseline() })).toMatchObject({
      ratio: 0,
      wastedBytes: 0,
    });
  });
});

describe('SP-GiST', () => {
  const point = method('spgist', { storedLengths: [16], storedAlignments: [8] });

  test('is in proportion to its last rebuild', () => {
    expect(bloatOf({ ...point, pages: 332 }, { baseline: aBaseline() }).ratio).toBeCloseTo(0.5, 2);
  });

  test('pages that the map lists are gone whatever the rows say', () => {
    const freeSpace = { atMs: takenAtMs, freeBytes: 300 * page, pendingPages: null };
    const bloat = bloatOf(
      { ...point, pages: 400 },
      { baseline: aBaseline({ expectedBytes: 380 * page }), freeSpace },
    );
    expect(bloat.ratio).toBe(0.75);
  });

  test('of keys of fixed width their width is better than nothing', () => {
    // REINDEX gives 332 pages for 60,000 points.
    const bloat = bloatOf({ ...point, pages: 702 });
    expect(bloat.expectedSizeBytes! / page).toBeCloseTo(332, -1);
    expect(bloat).toMatchObject({ method: 'estimated', confidence: 'low' });
  });

  test('of texts nothing is known', () => {
    expect(bloatOf(method('spgist', { storedLengths: [-1] })).method).toBe('unknown');
  });
});

describe('unknown, because', () => {
  test.each<[string, DescribedBloat, RegExp]>([
    ['BRIN', method('brin'), /not applicable/],
    ['another access method', method('rum'), /access method rum/],
    ['invalid', method('btree', { isValid: false }), /not valid/],
    ['not ready', method('btree', { isReady: false }), /not valid/],
    ['a size that could not be read', { pages: null }, /size could not be read/],
    [
      'no count of rows',
      { index: { fact: { estimatedEntries: -1 } }, table: { rows: null, usage: null } },
      /how many rows/,
    ],
  ])('%s', (_, described, reason) => {
    const bloat = bloatOf(described);
    expect(bloat).toMatchObject({ method: 'unknown', ratio: null, expectedSizeBytes: null });
    expect(bloat.reason).toMatch(reason);
  });
});

test('an index of no bytes wastes none', () => {
  expect(bloatOf({ pages: 0 })).toMatchObject({
    ratio: 0,
    wastedBytes: 0,
    expectedSizeBytes: 0,
    reason: null,
  });
});

describe('what would improve the answer', () => {
  const server = (overrides: Parameters<typeof aServerFact>[0]) => ({
    facts: { server: aServerFact(overrides) },
  });

  test('the extension, then the right to use it, then a measurement', () => {
    expect(bloatOf({}).improvement).toBe(
      'install pgstattuple in database shop, so that it can be measured: CREATE EXTENSION pgstattuple;',
    );
    const installed = { extensions: ['pgstattuple'] };
    expect(bloatOf(server({ ...installed, hasPgMonitor: false, roleName: 'Odd "one"' })).improvement).toBe(
      'allow measurements: GRANT pg_stat_scan_tables TO "Odd ""one""";',
    );
    expect(bloatOf(server(installed)).improvement).toContain('--measure');
  });

  test('nothing, where it is as good as it can be', () => {
    expect(bloatOf({}, { scan: aScan() }).improvement).toBeNull();
  });
});

describe('a partitioned index', () => {
  const parent = tableOid(100);
  const partitionedIndex = indexOid(101);
  const catalogueWith = (...pages: readonly number[]) =>
    aCatalogue({
      tables: [
        aTableFact({ tableOid: parent, relkind: 'p', relname: 'whole', estimatedRows: null }),
        ...pages.map((_, place) =>
          aTableFact({
            tableOid: tableOid(200 + place),
            relname: `part${place}`,
            isPartition: true,
            parentOid: parent,
            estimatedRows: 60_000,
          }),
        ),
      ],
      indexes: [
        anIndexFact({
          indexOid: partitionedIndex,
          tableOid: parent,
          relkind: 'I',
          indexrelname: 'whole_i',
          estimatedEntries: 0,
        }),
        ...pages.map((_, place) =>
          anIndexFact({
            indexOid: indexOid(300 + place),
            tableOid: tableOid(200 + place),
            indexrelname: `part${place}_i`,
            parentIndexOid: partitionedIndex,
            estimatedEntries: 60_000,
          }),
        ),
      ],
      relationSizes: pages.map((size, place) =>
        aSizeFact({ relationOid: 300 + place, sizeBytes: size * page }),
      ),
    });
  const wholeOf = (
    catalogue: ReturnType<typeof catalogueWith>,
    knowledgeOf: (name: string) => BloatKnowledge,
  ) =>
    estimateBloat(catalogue.indexesByOid.get(partitionedIndex)!, {
      catalogue,
      knowledge: {},
      nowMs: takenAtMs,
      knowledgeOf: (index) => knowledgeOf(index.name),
    });

  test('is the sum of its leaves', () => {
    const bloat = wholeOf(catalogueWith(166, 400), (name) => ({
      scan: aScan({ pages: name === 'part0_i' ? 166 : 400 }),
    }));
    expect(bloat).toMatchObject({
      method: 'measured',
      confidence: 'high',
      sizeBytes: 566 * page,
      expectedSizeBytes: 332 * page,
      wastedBytes: 234 * page,
    });
    expect(bloat.ratio).toBeCloseTo(234 / 566, 6);
  });

  test('is as sure as the least sure of them', () => {
    const bloat = wholeOf(catalogueWith(400, 400), (name) =>
      name === 'part0_i' ? { scan: aScan() } : { baseline: aBaseline() },
    );
    expect(bloat).toMatchObject({ method: 'calibrated', confidence: 'medium' });
  });

  test('is unknown when one of them is, and says which', () => {
    const bloat = wholeOf(catalogueWith(166, 400), (name) =>
      name === 'part0_i' ? { scan: aScan({ pages: 166 }) } : {},
    );
    expect(bloat).toMatchObject({ method: 'unknown', ratio: null, sizeBytes: 566 * page });
    expect(bloat.reason).toMatch(/^of its partition part1_i: /);
  });

  test('is unknown without partitions', () => {
    expect(wholeOf(catalogueWith(), () => ({})).reason).toBe('it has no partitions');
  });
});

describe('odd counts', () => {
  const odd = fc.oneof(
    fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 1, 1e-9, 1e300, Number.MAX_SAFE_INTEGER),
    fc.double({ min: 0, max: 1e10, noNaN: true }),
  );
  const scan = fc.record({
    atMs: fc.constant(takenAtMs),
    sizeBytes: odd,
    tupleCount: odd,
    tupleBytes: odd,
    freeBytes: odd,
    liveEntries: fc.oneof(odd, fc.constant(null)),
    counts: fc.record({
      reltuples: odd,
      tableRows: fc.oneof(odd, fc.constant(null)),
      liveShare: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    hash: fc.record({ bucketPages: odd, overflowPages: odd, bitmapPages: odd, unusedPages: odd }),
  });
  const baseline = fc.record({
    atMs: fc.constant(takenAtMs),
    expectedBytes: odd,
    liveEntries: odd,
    freshDensity: fc.oneof(odd, fc.constant(null)),
    fresh: fc.record({ tupleCount: odd, tupleBytes: odd }),
    source: fc.constantFrom('rebuild' as const, 'scan' as const),
  });
  const freeSpace = fc.record({
    atMs: fc.constant(takenAtMs),
    freeBytes: odd,
    pendingPages: fc.oneof(odd, fc.constant(null)),
  });

  test('give a ratio between 0 and 1 within its bounds, or unknown with a reason, and never an exception', () => {
    fc.assert(
      fc.property(
        fc.record({ scan, baseline, freeSpace }, { requiredKeys: [] }),
        fc.record({
          accessMethod: fc.constantFrom('btree', 'hash', 'gist', 'gin', 'spgist', 'brin', 'rum'),
          estimatedEntries: fc.constantFrom(-1, 0, 100, 1e9),
          isUnique: fc.boolean(),
          options: fc.constantFrom<string[]>(
            [],
            ['fillfactor=10'],
            ['fillfactor=x'],
            ['deduplicate_items=0'],
          ),
          storedLengths: fc.constantFrom<number[]>([4], [-1], [-2], []),
        }),
        fc.constantFrom(0, 1, 2, 400, 1e6),
        fc.constantFrom(0, 1, 60_000, 1e9),
        (knowledge, fact, pages, rows) => {
          const bloat = bloatOf({ index: { fact }, pages, rows }, knowledge as BloatKnowledge);
          if (bloat.method === 'unknown') {
            expect(bloat.reason).not.toBeNull();
            expect(bloat.ratio).toBeNull();
            return;
          }
          const { ratio, low, high, sizeBytes, expectedSizeBytes, wastedBytes, naturalFillBytes } = bloat;
          expect(ratio).toBeGreaterThanOrEqual(0);
          expect(ratio).toBeLessThanOrEqual(1);
          expect(low).toBeLessThanOrEqual(ratio!);
          expect(high).toBeGreaterThanOrEqual(ratio!);
          expect(high).toBeLessThanOrEqual(1);
          expect(expectedSizeBytes).toBeLessThanOrEqual(sizeBytes!);
          expect(wastedBytes).toBe(sizeBytes! - expectedSizeBytes!);
          if (naturalFillBytes !== null) expect(naturalFillBytes).toBeLessThanOrEqual(wastedBytes!);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
