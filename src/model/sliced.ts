import { KiB } from './units.ts';

/**
 * Work over everything that a large database has, which leaves others their turn: at each `yield` whoever runs it may let the event
 * loop go on. It is the same computation whether it pauses or not, and as pure as what is in it.
 */
export type Sliced<T> = Generator<undefined, T, undefined>;

/** Does the work in one go. */
export function atOnce<T>(work: Sliced<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** `items.flatMap(map)`, with a pause after each item. */
export function* slicedFlatMap<Item, Result>(
  items: Iterable<Item>,
  map: (item: Item) => readonly Result[],
): Sliced<Result[]> {
  const results: Result[] = [];
  for (const item of items) {
    yield;
    for (const result of map(item)) results.push(result);
  }
  return results;
}

/** A map of the entries that `entryOf` makes of the items, with a pause after each item. */
export function* slicedMap<Item, Key, Value>(
  items: Iterable<Item>,
  entryOf: (item: Item) => readonly [Key, Value],
): Sliced<Map<Key, Value>> {
  const map = new Map<Key, Value>();
  for (const item of items) {
    yield;
    map.set(...entryOf(item));
  }
  return map;
}

/** The items to be kept, with a pause after each item. */
export const slicedFilter = <Item>(items: Iterable<Item>, isKept: (item: Item) => boolean): Sliced<Item[]> =>
  slicedFlatMap(items, (item) => (isKept(item) ? [item] : none));
const none: readonly never[] = [];

/** Memory of its own that nothing was written to: to be filled whole. Clearing many megabytes would hold up the event loop. */
export const unwrittenBytes = (length: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.allocUnsafeSlow(length).buffer as ArrayBuffer);

/** Bytes between two pauses: copied in a tenth of a millisecond. */
const bytesPerStep = 256 * KiB;

/** A copy with memory of its own, with a pause after each part. */
export function* slicedCopy(bytes: Uint8Array): Sliced<Uint8Array<ArrayBuffer>> {
  const copy = unwrittenBytes(bytes.length);
  for (let at = 0; at < bytes.length; at += bytesPerStep) {
    yield;
    copy.set(bytes.subarray(at, at + bytesPerStep), at);
  }
  return copy;
}

/** A set of what `make` makes of each item, but undefined, with a pause after each item. */
export function* slicedSet<Item, Made>(
  items: Iterable<Item>,
  make: (item: Item) => Made | undefined,
): Sliced<Set<Made>> {
  const set = new Set<Made>();
  for (const item of items) {
    yield;
    const made = make(item);
    if (made !== undefined) set.add(made);
  }
  return set;
}

/** What `make` makes of each item, but undefined; made when it is asked for, for what is looked at once and may be very many. */
export function eachOf<Item, Made>(
  items: Iterable<Item>,
  make: (item: Item) => Made | undefined,
): Iterable<Made> {
  return {
    *[Symbol.iterator]() {
      for (const item of items) {
        const made = make(item);
        if (made !== undefined) yield made;
      }
    },
  };
}
