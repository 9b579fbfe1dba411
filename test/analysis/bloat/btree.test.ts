import { describe, expect, test } from 'vitest';
import type { IndexScan } from '../../../src/analysis/bloat/bloat.ts';
import {
  aColumnStatisticsFact,
  anOperatorClassFact,
  collationOid,
  tableOid,
  takenAtMs,
  textOps,
} from '../../support/builders.ts';
import { aBaseline, aScan, bloatOf, type DescribedBloat, page } from './described.ts';

/** Keys of numeric: equal values may be different bytes (1.0, 1.00), so that they are never merged. */
const numericOps = anOperatorClassFact({ equalImage: 'never' });
const unmerged = { operatorClasses: [numericOps] };
const ratioOf = (described: DescribedBloat, scan: Partial<Parameters<typeof aScan>[0]> = {}) =>
  bloatOf(described, { scan: aScan(scan) }).ratio ?? Number.NaN;

/** Figures of pgstattuple and sizes after REINDEX from PostgreSQL 18. */
describe('measured', () => {
  test('different keys: what REINDEX leaves, to the page', () => {
    const bloat = bloatOf({}, { scan: aScan() });
    expect(bloat).toMatchObject({
      method: 'measured',
      confidence: 'high',
      expectedSizeBytes: 166 * page,
      wastedBytes: 234 * page,
      measuredAtMs: takenAtMs,
      reason: null,
      improvement: null,
    });
    expect(bloat.ratio).toBeCloseTo(0.585, 6);
    expect(bloat.low).toBeLessThanOrEqual(bloat.ratio!);
    expect(bloat.high).toBeGreaterThanOrEqual(bloat.ratio!);
  });

  test('a fresh index has none', () => {
    expect(ratioOf({ pages: 166 }, { pages: 166 })).toBe(0);
  });

  test('a rebuild that would be larger wastes nothing', () => {
    expect(bloatOf({ pages: 120 }, { scan: aScan({ pages: 120 }) })).toMatchObject({
      ratio: 0,
      wastedBytes: 0,
    });
  });

  test('the fill factor is what is wanted and not bloat', () => {
    const loose = { index: { fact: { options: ['fillfactor=70'] } }, pages: 214 };
    expect(ratioOf(loose, { pages: 214 })).toBe(0);
  });

  test('range delete of 70 %: deleted pages are in no density', () => {
    // 206 leaves at density 89.6 and 479 deleted pages: pgstatindex says 10 %.
    const rows = 75_000;
    const scan = { pages: 690, tupleCount: rows, tupleBytes: rows * 16, liveEntries: rows };
    expect(ratioOf({ pages: 690, rows }, scan)).toBeCloseTo(0.7, 2);
  });

  test('natural fill of random inserts is told, and stays below the alarm', () => {
    const bloat = bloatOf({ pages: 215 }, { scan: aScan({ pages: 215 }) });
    expect(bloat.ratio).toBeLessThan(0.27);
    expect(bloat.naturalFillBytes).toBeGreaterThan(0.9 * bloat.wastedBytes!);
    const bloated = bloatOf({ pages: 800 }, { scan: aScan({ pages: 800 }) });
    expect(bloated.naturalFillBytes).toBeLessThan(0.1 * bloated.wastedBytes!);
  });

  test('entries of dead rows that nobody has vacuumed are gone after a rebuild', () => {
    const dead = { liveEntries: 24_000, counts: { reltuples: 60_000, tableRows: 24_000, liveShare: 0.4 } };
    expect(ratioOf({ rows: 24_000, pages: 166 }, { pages: 166, ...dead })).toBeCloseTo(0.59, 2);
  });

  test('more entries than rows without dead ones: the rows are counted too low, not the index bloated', () => {
    const lost = { liveEntries: 30_000, counts: { reltuples: 30_000, tableRows: 30_000, liveShare: 1 } };
    expect(ratioOf({ rows: 30_000, pages: 166 }, { pages: 166, ...lost })).toBeLessThan(0.04);
  });

  test('a unique index with NULLs: inserts merged them, a rebuild does not', () => {
    // Half of 60,000 keys NULL: 30,609 tuples, density 46 %; REINDEX gives 166 pages of 172.
    const unique = { index: { fact: { isUnique: true } }, pages: 172 };
    expect(
      ratioOf(unique, { pages: 172, tupleCount: 30_450, tupleBytes: 30_000 * 16 + 184_500 }),
    ).toBeLessThan(0.08);
    // The same counts in an index that is not unique are posting lists that stay.
    expect(
      ratioOf({ pages: 172 }, { pages: 172, tupleCount: 30_450, tupleBytes: 30_000 * 16 + 184_500 }),
    ).toBeGreaterThan(0.3);
  });

  test.each<[string, DescribedBloat]>([
    ['a unique index', { index: { fact: { isUnique: true } } }],
    [
      'included columns',
      { index: { include: ['b'], fact: { storedLengths: [4, 4], storedAlignments: [4, 4] } } },
    ],
    ['numeric and its like', { facts: unmerged }],
    ['deduplicate_items = off', { index: { fact: { options: ['deduplicate_items=off'] } } }],
    [
      'a collation that is not deterministic',
      {
        index: { fact: { collations: [collationOid(12_345)], operatorClasses: [textOps.operatorClassOid] } },
        facts: {
          collations: [
            {
              collationOid: collationOid(12_345),
              schemaname: 'public',
              collationName: 'ignoring_case',
              isDatabaseDefault: false,
              provider: 'i',
              isDeterministic: false,
              recordedVersion: null,
              actualVersion: null,
            },
          ],
        },
      },
    ],
  ])('%s is rebuilt without posting lists', (_, described) => {
    const few = { liveEntries: 60_000, tupleCount: 60_000 };
    expect(bloatOf(described, { scan: aScan(few) }).expectedSizeBytes).toBe(166 * page);
  });

  test('an index of nothing shrinks to its metapage', () => {
    expect(bloatOf({}, { scan: aScan({ tupleCount: 0, tupleBytes: 0 }) }).expectedSizeBytes).toBe(page);
  });

  test('partial: dead rows of the table count for it as far as it holds more than it should', () => {
    const partial = { index: { where: 'b > 3', fact: { estimatedEntries: 6_000 } }, pages: 19 };
    const six = { pages: 19, tupleCount: 6_100, tupleBytes: 6_100 * 16 };
    const clean = {
      ...six,
      liveEntries: 6_000,
      counts: { reltuples: 6_000, tableRows: 60_000, liveShare: 0.4 },
    };
    expect(ratioOf(partial, clean)).toBeLessThan(0.1);
    const dead = {
      ...six,
      liveEntries: 2_400,
      counts: { reltuples: 6_000, tableRows: 24_000, liveShare: 0.4 },
    };
    expect(ratioOf({ ...partial, rows: 24_000 }, dead)).toBeCloseTo(0.53, 1);
  });
});

describe('posting lists', () => {
  /** 3,000 keys of twenty rows each, fresh: one list of 16 + 120 bytes a key. */
  const fresh = { tupleCount: 3_000, tupleBytes: 3_000 * 136 };

  test('fresh ones are told from fragmented ones by their fill', () => {
    const scan = { ...fresh, pages: 61, freeBytes: 0.1 * 61 * page };
    expect(ratioOf({ pages: 61 }, scan)).toBeLessThan(0.02);
  });

  test('grown: singles beside long lists are fragments', () => {
    // The same keys, inserted one by one: 8,940 tuples, REINDEX from 75 pages to 61.
    const grown = { pages: 75, tupleCount: 8_940, tupleBytes: 476_000, freeBytes: 0.13 * 75 * page };
    const bloat = bloatOf({ pages: 75 }, { scan: aScan(grown) });
    expect(bloat.ratio).toBeCloseTo(1 - 61 / 75, 1);
    expect(bloat.low).toBeLessThan(1 - 61 / 75);
    expect(bloat.high).toBeGreaterThan(1 - 61 / 75 - 0.02);
  });

  test('what was seen right after a rebuild settles how far they merge', () => {
    // 25,900 keys of two or three rows; all updated once, so that 55,900 tuples are nearly single: REINDEX from 214 to 125 pages.
    const updated = { pages: 214, tupleCount: 55_900, tupleBytes: 945_000, freeBytes: 0.41 * 214 * page };
    const alone = bloatOf({ pages: 214 }, { scan: aScan(updated) });
    const withHistory = bloatOf(
      { pages: 214 },
      {
        scan: aScan(updated),
        baseline: aBaseline({
          expectedBytes: 125 * page,
          fresh: { tupleCount: 25_900, tupleBytes: 796_000 },
        }),
      },
    );
    expect(withHistory.ratio).toBeCloseTo(1 - 125 / 214, 1);
    expect(Math.abs(withHistory.ratio! - (1 - 125 / 214))).toBeLessThan(
      Math.abs(alone.ratio! - (1 - 125 / 214)),
    );
  });

  test('a baseline of the last scan is no rebuild to learn from', () => {
    const updated = { pages: 214, tupleCount: 55_900, tupleBytes: 945_000, freeBytes: 0.41 * 214 * page };
    const learned = aBaseline({ source: 'scan', fresh: { tupleCount: 25_900, tupleBytes: 796_000 } });
    expect(bloatOf({ pages: 214 }, { scan: aScan(updated), baseline: learned })).toEqual(
      bloatOf({ pages: 214 }, { scan: aScan(updated) }),
    );
  });

  test('lists of dead rows thin out', () => {
    // 60 % of the rows deleted and not vacuumed: REINDEX from 125 to 62 pages.
    const dead = {
      pages: 125,
      tupleCount: 25_906,
      tupleBytes: 794_840,
      freeBytes: 0.1 * 125 * page,
      liveEntries: 24_025,
      counts: { reltuples: 24_025, tableRows: 24_025, liveShare: 0.4 },
    };
    expect(ratioOf({ rows: 24_025, pages: 125 }, dead)).toBeCloseTo(1 - 62 / 125, 1);
  });

  test('rows that are not known leave keys of fixed width to tell', () => {
    const scan = { ...fresh, pages: 61, freeBytes: 0.1 * 61 * page, liveEntries: null };
    const { ratio, confidence } = bloatOf({ pages: 61 }, { scan: aScan(scan) });
    expect(ratio).toBeLessThan(0.03);
    expect(confidence).toBe('medium');
  });
});

describe('between measurements', () => {
  const yesterday: Partial<IndexScan> = { atMs: takenAtMs - 26 * 3_600_000 };

  test('a scan counts as a measurement for a day, and calibrates after it', () => {
    expect(bloatOf({}, { scan: aScan({ atMs: takenAtMs - 23 * 3_600_000 }) })).toMatchObject({
      method: 'measured',
    });
    expect(bloatOf({}, { scan: aScan(yesterday) })).toMatchObject({
      method: 'calibrated',
      confidence: 'medium',
    });
  });

  test('what is needed grows with the entries', () => {
    const { expectedSizeBytes } = bloatOf({ rows: 120_000, pages: 800 }, { scan: aScan(yesterday) });
    expect(expectedSizeBytes).toBe(2 * 166 * page);
  });

  test('without a scan the size after the last rebuild is in proportion', () => {
    const bloat = bloatOf({ rows: 30_000, pages: 166 }, { baseline: aBaseline() });
    expect(bloat).toMatchObject({
      method: 'calibrated',
      expectedSizeBytes: 83 * page,
      ratio: 0.5,
      confidence: 'medium',
    });
    expect(bloat.improvement).toContain('pgstattuple');
  });

  test('a scan of more than there is now is of another file', () => {
    expect(bloatOf({ pages: 200 }, { scan: aScan({ pages: 400, atMs: takenAtMs - 1 }) }).method).toBe(
      'unknown',
    );
    // Unless it is younger than the sizes: the index has grown since they were read.
    expect(bloatOf({ pages: 200 }, { scan: aScan({ pages: 400, atMs: takenAtMs + 1_000 }) })).toMatchObject({
      method: 'measured',
      sizeBytes: 400 * page,
    });
  });
});

describe('from column statistics', () => {
  const oid = tableOid(10_000);
  const statisticsOf = (...facts: Parameters<typeof aColumnStatisticsFact>[0][]): DescribedBloat => ({
    facts: { columnStatistics: facts.map((fact) => aColumnStatisticsFact({ tableOid: oid, ...fact })) },
    pages: 400,
  });

  test('different keys', () => {
    expect(bloatOf(statisticsOf({}))).toMatchObject({
      method: 'estimated',
      confidence: 'low',
      expectedSizeBytes: 166 * page,
      measuredAtMs: null,
    });
  });

  test('3,000 values of twenty rows', () => {
    const { expectedSizeBytes } = bloatOf(statisticsOf({ distinctValues: 3_000 }));
    expect(expectedSizeBytes! / page).toBeCloseTo(61, -1);
  });

  test('few values', () => {
    const { expectedSizeBytes } = bloatOf(
      statisticsOf({ distinctValues: 10, commonFrequencies: Array.from({ length: 10 }, () => 0.1) }),
    );
    expect(expectedSizeBytes! / page).toBeCloseTo(53, -1);
  });

  test('nine tenths NULL', () => {
    const { expectedSizeBytes } = bloatOf(statisticsOf({ nullFraction: 0.9, distinctValues: -0.1 }));
    expect(expectedSizeBytes! / page).toBeCloseTo(64, -1);
  });

  test('a partial index without NULLs has none of them', () => {
    const described = statisticsOf({ nullFraction: 0.9, distinctValues: -0.1 });
    const partial = { where: 'a IS NOT NULL', fact: { estimatedEntries: 6_000 } };
    expect(bloatOf({ ...described, index: partial }).expectedSizeBytes).toBe(19 * page);
  });

  test('two columns are as many keys as they can make', () => {
    const two = statisticsOf({ distinctValues: 10 }, { attributeNumber: 2, distinctValues: 1_000 });
    const { expectedSizeBytes } = bloatOf({
      ...two,
      index: { keys: ['a', 'b'], fact: { storedLengths: [4, 4], storedAlignments: [4, 4] } },
    });
    // REINDEX on PostgreSQL 18: 82 pages.
    expect(expectedSizeBytes! / page).toBeCloseTo(82, -1);
  });

  test('of an expression they belong to the index', () => {
    const expression = { keys: ['(a % 10)'] };
    expect(bloatOf({ ...statisticsOf({}), index: expression })).toMatchObject({ method: 'unknown' });
    const known = { facts: { columnStatistics: [aColumnStatisticsFact({ tableOid: tableOid(10_001) })] } };
    expect(bloatOf({ ...known, index: expression })).toMatchObject({
      method: 'estimated',
      expectedSizeBytes: 166 * page,
    });
  });

  test('help a scan to see how far equal keys merge', () => {
    const grown = { pages: 75, tupleCount: 8_940, tupleBytes: 476_000, freeBytes: 0.13 * 75 * page };
    const bloat = bloatOf({ ...statisticsOf({ distinctValues: 3_000 }), pages: 75 }, { scan: aScan(grown) });
    expect(bloat.ratio).toBeCloseTo(1 - 61 / 75, 1);
  });

  test('are not believed where a power law hides most values', () => {
    const grown = { pages: 115, tupleCount: 21_651, tupleBytes: 638_392, freeBytes: 0.21 * 115 * page };
    const zipf = { distinctValues: 2_000, commonFrequencies: Array.from({ length: 100 }, () => 0.006) };
    expect(bloatOf({ ...statisticsOf(zipf), pages: 115 }, { scan: aScan(grown) })).toEqual(
      bloatOf({ pages: 115 }, { scan: aScan(grown) }),
    );
  });

  test('are not believed once a fifth of the rows has changed since ANALYZE', () => {
    const changed = {
      usage: {
        liveRows: 60_000,
        deadRows: 0,
        rowsInsertedTotal: 60_000,
        rowsDeletedTotal: 0,
        rowsChangedSinceAnalyze: 30_000,
      },
    };
    const grown = { pages: 75, tupleCount: 8_940, tupleBytes: 476_000, freeBytes: 0.13 * 75 * page };
    expect(
      bloatOf(
        { ...statisticsOf({ distinctValues: 3_000 }), table: changed, pages: 75 },
        { scan: aScan(grown) },
      ),
    ).toEqual(bloatOf({ table: changed, pages: 75 }, { scan: aScan(grown) }));
    expect(bloatOf({ ...statisticsOf({}), table: changed }).reason).toContain('overtaken');
  });

  test('what is not visible is named, and is not "no bloat"', () => {
    const bloat = bloatOf({});
    expect(bloat).toMatchObject({
      method: 'unknown',
      confidence: 'none',
      ratio: null,
      wastedBytes: null,
      low: null,
    });
    expect(bloat.reason).toContain('statistics of a are not visible');
    expect(bloat.improvement).toContain('CREATE EXTENSION pgstattuple');
  });
});
