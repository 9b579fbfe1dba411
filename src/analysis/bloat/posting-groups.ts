import { aligned, heapPointerBytes, linePointerBytes } from './btree-pages.ts';

/*
 * Leaf tuples that CREATE INDEX makes of groups of equal keys. Source: nbtsort.c and nbtdedup.c. Sizes in bytes; `size` is always that of a
 * tuple with a single heap pointer, aligned, without its line pointer.
 */

export interface Leaves {
  /** Tuples; a posting list counts once. */
  readonly items: number;
  /** With the line pointer of each. */
  readonly bytes: number;
}

/** The longest posting list that CREATE INDEX writes: a tenth of a page, less its header. */
const postingBytesMax = 808;
/** Rows per key above which one group is like another. */
const groupSizeExact = 60;

/** Of `rows` equal keys. */
export function group(rows: number, size: number): Leaves {
  if (rows <= 0) return { items: 0, bytes: 0 };
  if (rows <= 1) return { items: rows, bytes: rows * (size + linePointerBytes) };
  const most = Math.max(2, Math.floor((postingBytesMax - size) / heapPointerBytes));
  const full = Math.floor(rows / most);
  const rest = rows - full * most;
  const list = (pointers: number): number => aligned(size + heapPointerBytes * pointers) + linePointerBytes;
  const last = rest === 0 ? 0 : rest <= 1 ? size + linePointerBytes : list(rest);
  return { items: full + (rest > 0 ? 1 : 0), bytes: full * list(most) + last };
}

/** The average group where each of many keys that do occur has `mean` rows: a Poisson distribution without its zero. */
export function expectedGroup(mean: number, size: number): Leaves {
  // Closer to 1 the distribution has no others than single ones, and dividing by its tail no meaning.
  if (mean <= 1.000_01) return group(1, size);
  if (mean > groupSizeExact) return group(mean, size);
  const lambda = poissonMean(mean);
  const { items, bytes } = poissonGroup(lambda, size);
  const occurs = -Math.expm1(-lambda);
  return { items: items / occurs, bytes: bytes / occurs };
}

/** The average group of keys that may also not occur, `mean` rows each. */
export function poissonGroup(mean: number, size: number): Leaves {
  if (mean > groupSizeExact) return group(mean, size);
  const sum = { items: 0, bytes: 0 };
  let probability = Math.exp(-mean);
  for (let rows = 1; rows <= mean + 12 * Math.sqrt(mean) + 12; rows += 1) {
    probability *= mean / rows;
    const { items, bytes } = group(rows, size);
    sum.items += probability * items;
    sum.bytes += probability * bytes;
  }
  return sum;
}

/** Mean of the Poisson distribution whose values other than zero have this mean. Above 1. */
export function poissonMean(meanOfPresent: number): number {
  let low = 0;
  let high = meanOfPresent;
  for (let step = 0; step < 50; step += 1) {
    const lambda = (low + high) / 2;
    if (lambda / -Math.expm1(-lambda) < meanOfPresent) low = lambda;
    else high = lambda;
  }
  return low;
}
