import type { IndexView } from './catalogue.ts';
import { isSameKey } from './index-identity.ts';

/** One index among those of its table. */
export interface AlignedIndex {
  readonly index: IndexView;
  /** Other indexes of the same method that begin with the same keys, and with how many of them; the most first. */
  readonly overlaps: readonly { readonly index: IndexView; readonly keys: number }[];
  /** Of its leading keys so many lead another index as well. */
  readonly sharedKeys: number;
}

/** Each index is compared with each other: beyond this many on one table only the first are. */
const comparedMax = 300;

/**
 * The indexes of one table in an order that puts those with the same leading keys next to each other, and what they share. Sort order and
 * conditions are left aside: it shows what to look at, and is no verdict. Pure.
 */
export function alignIndexes(indexes: readonly IndexView[]): readonly AlignedIndex[] {
  const sorted = indexes.toSorted((a, b) => compare(sortKey(a), sortKey(b)));
  const compared = sorted.slice(0, comparedMax);
  return sorted.map((index) => {
    const overlaps = compared
      .flatMap((other) => {
        const keys = other === index ? 0 : leadingKeys(index, other);
        return keys === 0 ? [] : [{ index: other, keys }];
      })
      .sort((a, b) => b.keys - a.keys);
    return { index, overlaps, sharedKeys: overlaps[0]?.keys ?? 0 };
  });
}

/** How many keys both begin with. */
function leadingKeys(a: IndexView, b: IndexView): number {
  if (a.fact.accessMethod !== b.fact.accessMethod) return 0;
  let shared = 0;
  for (const [place, key] of a.keys.entries()) {
    const other = b.keys[place];
    if (other === undefined || !isSameKey(key, other)) break;
    shared += 1;
  }
  return shared;
}

const sortKey = ({ keys, fact, name }: IndexView): readonly string[] => [
  fact.accessMethod,
  ...keys.map(({ text }) => text),
  '',
  name,
];

function compare(a: readonly string[], b: readonly string[]): number {
  for (const [place, text] of a.entries()) {
    const other = b[place];
    if (other === undefined) return 1;
    if (text !== other) return text < other ? -1 : 1;
  }
  return a.length - b.length;
}
