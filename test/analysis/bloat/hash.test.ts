import { describe, expect, test } from 'vitest';
import { estimateBloat } from '../../../src/analysis/bloat/estimate.ts';
import { bucketsFor } from '../../../src/analysis/bloat/hash.ts';
import { aCatalogue, factsOf, takenAtMs } from '../../support/builders.ts';

describe('buckets', () => {
  test.each([
    [0, 2],
    [307, 2],
    [308, 2],
    [614, 2],
    [615, 4],
    [30_000, 128],
    [60_000, 256],
    [120_000, 512],
    // From 512 on they double in four steps.
    [512 * 307, 512],
    [512 * 307 + 1, 640],
    [700 * 307, 768],
    [1_024 * 307, 1_024],
    [1_024 * 307 + 1, 1_280],
  ])('of %i rows are %i', (rows, buckets) => {
    expect(bucketsFor(rows, 75, 8_192)).toBe(buckets);
  });

  test('a lower fill factor means more, down to ten rows a bucket', () => {
    expect(bucketsFor(60_000, 50, 8_192)).toBe(512);
    expect(bucketsFor(100, 1, 8_192)).toBe(16);
  });
});

describe('a hash index', () => {
  const bloatOf = (options: {
    readonly pages: number;
    readonly rows?: number;
    readonly planned?: number;
    readonly scan?: {
      readonly tuples: number;
      readonly bucketPages: number;
      readonly overflowPages: number;
      readonly liveShare?: number;
    };
  }) => {
    const rows = options.rows ?? 60_000;
    const catalogue = aCatalogue(
      factsOf([
        {
          name: 't',
          columns: ['a'],
          rows: options.planned ?? rows,
          sizeBytes: 1_280 * 8_192,
          usage: { liveRows: rows, deadRows: 0, rowsInsertedTotal: 0 },
          indexes: [
            {
              name: 'i',
              keys: ['a'],
              sizeBytes: options.pages * 8_192,
              fact: { accessMethod: 'hash', estimatedEntries: rows },
            },
          ],
        },
      ]),
    );
    const { scan } = options;
    const sizeBytes = options.pages * 8_192;
    return estimateBloat(catalogue.indexes[0]!, {
      catalogue,
      nowMs: takenAtMs,
      knowledge:
        scan === undefined
          ? {}
          : {
              scan: {
                atMs: takenAtMs,
                sizeBytes,
                tupleCount: scan.tuples,
                tupleBytes: 0,
                freeBytes: 0,
                liveEntries: rows,
                counts: { reltuples: rows, tableRows: rows, liveShare: scan.liveShare ?? 1 },
                hash: {
                  bucketPages: scan.bucketPages,
                  overflowPages: scan.overflowPages,
                  bitmapPages: 1,
                  unusedPages: options.pages - scan.bucketPages - scan.overflowPages - 2,
                },
              },
            },
    });
  };

  test('needs no measurement where keys are different, and says so with low confidence', () => {
    expect(bloatOf({ pages: 258 })).toMatchObject({ ratio: 0, method: 'estimated', confidence: 'low' });
    expect(bloatOf({ pages: 514 })).toMatchObject({ expectedSizeBytes: 258 * 8_192, low: 0 });
  });

  test('overflow pages of buckets that were not split yet are gone after a rebuild', () => {
    const grown = bloatOf({ pages: 325, scan: { tuples: 60_000, bucketPages: 196, overflowPages: 62 } });
    expect(grown).toMatchObject({ expectedSizeBytes: 258 * 8_192, method: 'measured', confidence: 'high' });
  });

  test('those of few values stay', () => {
    const few = bloatOf({ pages: 402, scan: { tuples: 60_000, bucketPages: 196, overflowPages: 144 } });
    expect(few).toMatchObject({ expectedSizeBytes: 402 * 8_192, ratio: 0 });
  });

  test('a rebuild is sized by the planner’s count of the table, dead rows included', () => {
    // 60,000 rows when they were counted, 24,000 now: REINDEX without ANALYZE reserves buckets for 60,000.
    expect(bloatOf({ pages: 258, rows: 24_000, planned: 60_000 }).ratio).toBe(0);
  });
});
