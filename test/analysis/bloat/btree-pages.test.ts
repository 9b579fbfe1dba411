import { describe, expect, test } from 'vitest';
import { builtPages, leafPages, naturalPages } from '../../../src/analysis/bloat/btree-pages.ts';
import { expectedGroup, group, poissonMean } from '../../../src/analysis/bloat/posting-groups.ts';

const block = 8_192;
const plain = (items: number, tupleBytes: number, isUniform = true) => ({
  items,
  bytes: items * tupleBytes,
  isUniform,
  posting: undefined,
});

/** Sizes that CREATE INDEX gave on PostgreSQL 18, in pages. */
describe('pages of a fresh B-tree', () => {
  test.each([
    ['60,000 integers', plain(60_000, 20), 90, 166],
    ['60,000 integers, fill factor 70', plain(60_000, 20), 70, 214],
    ['60,000 integers, fill factor 100', plain(60_000, 20), 100, 150],
    ['60,000 uuids', plain(60_000, 28), 90, 234],
    ['24,025 integers', plain(24_025, 20), 90, 68],
  ])('%s', (_, contents, fillFactor, pages) => {
    expect(builtPages(contents, fillFactor, block)).toBe(pages);
  });

  test.each([
    ['one value', 60_000, 1, 90, 53],
    ['3,000 values of twenty rows', 60_000, 3_000, 90, 61],
    ['3,000 values of twenty rows, fill factor 70', 60_000, 3_000, 70, 77],
    ['25,900 values of two or three rows', 60_000, 25_900, 90, 125],
  ])('merged keys: %s', (_, rows, values, fillFactor, pages) => {
    const { items, bytes } = expectedGroup(rows / values, 16);
    const contents = {
      items: items * values,
      bytes: bytes * values,
      isUniform: false,
      posting: { baseBytes: 16 },
    };
    expect(Math.abs(builtPages(contents, fillFactor, block) - pages)).toBeLessThanOrEqual(1);
  });

  test.each([
    [50, 92],
    [60, 77],
    [70, 67],
    [80, 59],
    [90, 53],
    [100, 53],
  ])('merged keys: ten values, full lists, fill factor %i', (fillFactor, pages) => {
    const { items, bytes } = group(6_000, 16);
    const contents = {
      items: items * 10,
      bytes: bytes * 10,
      isUniform: false,
      posting: { baseBytes: 16 },
    };
    expect(Math.abs(builtPages(contents, fillFactor, block) - pages)).toBeLessThanOrEqual(1);
  });

  test('366 integers to a leaf', () => {
    expect(leafPages(plain(366, 20), 90, block)).toBe(1);
    expect(leafPages(plain(367, 20), 90, block)).toBeGreaterThan(1);
  });

  test('tuples of different sizes leave half a tuple free', () => {
    expect(leafPages(plain(36_575, 20, false), 90, block)).toBeCloseTo(100, 0);
  });

  test('an empty index is its metapage', () => {
    expect(builtPages(plain(0, 20), 90, block)).toBe(1);
    expect(builtPages({ ...plain(10, 20), bytes: Number.NaN }, 90, block)).toBeNaN();
  });

  test('larger blocks hold more', () => {
    expect(builtPages(plain(60_000, 20), 90, 32_768)).toBe(43);
  });
});

describe('natural fill', () => {
  test('random inserts leave pages 69 % full, a third more pages than a build at 90 %', () => {
    const fresh = builtPages(plain(100_000, 20), 90, block);
    expect(naturalPages(plain(100_000, 20), 90, block) / fresh).toBeCloseTo(0.9 / 0.69, 1);
  });

  test('a fill factor below that is not undercut', () => {
    expect(naturalPages(plain(100_000, 20), 60, block)).toBe(builtPages(plain(100_000, 20), 60, block));
  });
});

describe('groups of equal keys', () => {
  test('one is a plain tuple, a few are one list, many are several', () => {
    expect(group(1, 16)).toEqual({ items: 1, bytes: 20 });
    // 16 + 6 × 10, aligned to 80, and a line pointer.
    expect(group(10, 16)).toEqual({ items: 1, bytes: 84 });
    // (808 - 16) / 6 = 132 pointers to a list.
    expect(group(264, 16).items).toBe(2);
    expect(group(265, 16)).toEqual({ items: 3, bytes: 2 * 812 + 20 });
    expect(group(0, 16)).toEqual({ items: 0, bytes: 0 });
  });

  test('their sizes vary around the mean', () => {
    expect(poissonMean(2)).toBeCloseTo(1.594, 3);
    const mean = expectedGroup(2, 16);
    expect(mean.items).toBeCloseTo(1, 10);
    // Between a single tuple and a list of two or three.
    expect(mean.bytes).toBeGreaterThan(20);
    expect(mean.bytes).toBeLessThan(36);
    expect(expectedGroup(1, 16)).toEqual({ items: 1, bytes: 20 });
    expect(expectedGroup(1 + 1e-12, 16)).toEqual({ items: 1, bytes: 20 });
    expect(expectedGroup(1.000_1, 16).bytes).toBeCloseTo(20, 1);
  });
});
