import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PackedPoints, type PointFormat, packedPoints } from '../../src/history/packed-points.ts';
import { dayMs, KiB } from '../../src/model/units.ts';

interface Point {
  readonly atMs: number | null;
  readonly bytes: number | null;
  readonly rows: number | null;
}
const format: PointFormat<Point> = {
  width: 3,
  numbersOf: ({ atMs, bytes, rows }) => [atMs, bytes, rows],
  pointOf: ([atMs = null, bytes = null, rows = null]) => ({ atMs, bytes, rows }),
};
const packed = (points: readonly Point[]): PackedPoints<Point> => PackedPoints.of(format, points);

/** Whole numbers of all sizes and both signs, fractions, and none. */
const anyNumber = fc.oneof(
  fc.constant(null),
  fc.integer({ min: -5, max: 300 }),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
);
const anyPoint = fc.record({ atMs: anyNumber, bytes: anyNumber, rows: anyNumber });

describe('packed points', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(fc.array(anyPoint, { maxLength: 40 }), (points) => {
        expect(packed(points).all()).toEqual(points);
        expect(packed(points).newest).toEqual(points.at(-1));
        expect(packed(points).isEmpty).toBe(points.length === 0);
        expect(JSON.parse(JSON.stringify(packed(points)))).toEqual(JSON.parse(JSON.stringify(points)));
      }),
    );
  });

  it('take one more, and let the oldest go; another takes the place of the newest', () => {
    fc.assert(
      fc.property(fc.array(anyPoint, { minLength: 1, maxLength: 6 }), anyPoint, (points, point) => {
        const before = packed(points);
        expect(before.with(point, 4).all()).toEqual([...points, point].slice(-4));
        expect(before.withNewest(point).all()).toEqual([...points.slice(0, -1), point]);
        expect(before.all()).toEqual(points);
      }),
    );
  });

  it('take some ten bytes each where the numbers of a day are near those of the day before', () => {
    const points = Array.from({ length: 40 }, (_, day) => ({
      ...{ atMs: 1_700_000_000_000 + day * dayMs, bytes: 8 * KiB * (9_000 + day), rows: 1e6 + 100 * day },
    }));
    expect(packed(points).bytes).toBeLessThan(40 * 11);
  });

  it('are known to a schema as what they are', () => {
    const points = packed([{ atMs: 1, bytes: null, rows: 2 }]);
    expect(packedPoints<Point>().parse(points)).toBe(points);
    expect(packedPoints<Point>().safeParse([{ atMs: 1 }]).success).toBe(false);
  });
});
