import { z } from 'zod';

/**
 * Points of numbers, one a day of each of a hundred thousand indexes, packed: as objects forty of them take four kilobytes, packed some
 * hundred bytes. The newest stands first, each number of an older one as its distance from the newer one's. A text and not the blobs
 * of `usage/bytes.ts`: a block of bytes has more to it than these numbers take.
 */

/** The numbers of a point in an order of its own; null for one that is not known. */
export type Numbers = readonly (number | null)[];

export interface PointFormat<Point> {
  readonly numbersOf: (point: Point) => Numbers;
  readonly pointOf: (numbers: Numbers) => Point;
  /** How many numbers. */
  readonly width: number;
}

/** What a number begins with: the number of before, none, eight bytes of a double, or else a whole distance from the one before. */
const mark = { same: 0, unknown: 1, double: 2, distance: 3 } as const;

const scratch = new DataView(new ArrayBuffer(8));

/** Points of one index or table, oldest first. Does not change; JSON of it is the list of its points. */
export class PackedPoints<Point> {
  readonly #format: PointFormat<Point>;
  /** A byte in each character, which V8 keeps in a byte. */
  readonly #packed: string;

  private constructor(format: PointFormat<Point>, packed: string) {
    this.#format = format;
    this.#packed = packed;
  }

  static of<Point>(format: PointFormat<Point>, points: readonly Point[]): PackedPoints<Point> {
    const bytes: number[] = [];
    let newer: Numbers = [];
    for (const point of points.toReversed()) {
      const numbers = format.numbersOf(point);
      for (const [place, value] of numbers.entries()) putNumber(bytes, value, newer[place] ?? 0);
      newer = numbers;
    }
    return new PackedPoints(format, String.fromCharCode(...bytes));
  }

  /** What the numbers take. */
  get bytes(): number {
    return this.#packed.length;
  }

  get isEmpty(): boolean {
    return this.#packed === '';
  }

  get newest(): Point | undefined {
    return this.#newestFirst(1)[0];
  }

  all(): readonly Point[] {
    return this.#newestFirst(Number.POSITIVE_INFINITY).reverse();
  }

  /** With one more, and of all of them the newest `max`. */
  with(point: Point, max: number): PackedPoints<Point> {
    return PackedPoints.of(this.#format, [...this.all(), point].slice(-max));
  }

  /** With another for the newest. */
  withNewest(point: Point): PackedPoints<Point> {
    return PackedPoints.of(this.#format, [...this.all().slice(0, -1), point]);
  }

  toJSON(): readonly Point[] {
    return this.all();
  }

  #newestFirst(max: number): Point[] {
    const { width, pointOf } = this.#format;
    const bytes = { packed: this.#packed, place: 0 };
    const points: Point[] = [];
    let newer: (number | null)[] = Array(width).fill(0);
    while (bytes.place < bytes.packed.length && points.length < max) {
      newer = newer.map((near) => takeNumber(bytes, near ?? 0));
      points.push(pointOf(newer));
    }
    return points;
  }
}

/** Schema of points that are packed already, as a store that keeps everything in memory has them. */
export const packedPoints = <Point>(): z.ZodType<PackedPoints<Point>> =>
  z.custom<PackedPoints<Point>>((value) => value instanceof PackedPoints);

function putNumber(bytes: number[], value: number | null, near: number): void {
  if (value === null) bytes.push(mark.unknown);
  else if (value === near) bytes.push(mark.same);
  else if (Number.isSafeInteger(value) && Number.isSafeInteger(near) && Math.abs(value - near) < 2 ** 51) {
    const distance = value - near;
    // Distances of either sign, small ones short, seven bits in each byte.
    let rest = mark.distance + (distance < 0 ? -distance * 2 - 1 : distance * 2);
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
    bytes.push(rest);
  } else {
    bytes.push(mark.double);
    scratch.setFloat64(0, value);
    for (let place = 0; place < 8; place += 1) bytes.push(scratch.getUint8(place));
  }
}

function takeNumber(bytes: { readonly packed: string; place: number }, near: number): number | null {
  const next = (): number => bytes.packed.charCodeAt(bytes.place++);
  let last = next();
  if (last === mark.same) return near;
  if (last === mark.unknown) return null;
  if (last === mark.double) {
    for (let place = 0; place < 8; place += 1) scratch.setUint8(place, next());
    return scratch.getFloat64(0);
  }
  let read = last % 0x80;
  for (let weight = 0x80; last >= 0x80; weight *= 0x80) {
    last = next();
    read += (last % 0x80) * weight;
  }
  const distance = read - mark.distance;
  return near + (distance % 2 === 1 ? -(distance + 1) / 2 : distance / 2);
}
