import type { IndexView, TableView } from './catalogue.ts';
import { type Cover, compareByWorth, coverOf, isDuplicate, isUsable } from './index-identity.ts';

/** One index that another makes superfluous. Nothing named `keep` is ever named `drop`. */
export interface Replacement {
  readonly drop: IndexView;
  readonly keep: IndexView;
  readonly reason: 'duplicate' | Cover;
  /** Size of `keep` over size of `drop`; undefined where a size is unknown. */
  readonly sizeRatio: number | undefined;
  /** Whether the wider index is too much larger, and the narrow one too much used, to advise a drop unseen. */
  readonly isForReview: boolean;
  /** Other copies and covers of `drop` on the table, for the reader. */
  readonly others: readonly IndexView[];
}

/** Up to where a drop is advised unseen: settings of the detector `redundant-index`, which `duplicate-index` decides by as well. */
export interface ReplacementLimits {
  /** Size of the wider index over the narrow one; above it reading the wider one costs noticeably more. */
  readonly sizeRatioMax: number;
  /** Scans of the narrow index over all index scans on its table; up to it they are negligible. */
  readonly negligibleScanShareMax: number;
}

export const usualReplacementLimits: ReplacementLimits = { sizeRatioMax: 1.5, negligibleScanShareMax: 0.01 };

/**
 * Everything on a table that can go because something else stays. Decided in one place for duplicates and redundancy, so that the
 * two never contradict each other: exact copies first leave one survivor each, then survivors that another covers give way to
 * the widest that nothing covers. Only usable indexes take part: a valid index is never the copy of an invalid one.
 */
export function replacementsOn(
  table: TableView,
  limits: ReplacementLimits = usualReplacementLimits,
): readonly Replacement[] {
  const usable = table.indexes.filter(isUsable).sort(compareByWorth);
  const survivors: IndexView[] = [];
  const copies = new Map<IndexView, IndexView[]>();
  for (const index of usable) {
    const survivor = survivors.find((kept) => isDuplicate(kept, index));
    if (survivor === undefined) survivors.push(index);
    else copies.set(survivor, [...(copies.get(survivor) ?? []), index]);
  }
  const covered = new Map<IndexView, Replacement>();
  for (const index of survivors) {
    const replacement = coveredBy(index, survivors, limits);
    if (replacement !== undefined && index.parent === undefined) covered.set(index, replacement);
  }
  const found: Replacement[] = [...covered.values()];
  for (const [survivor, others] of copies) {
    const cover = covered.get(survivor);
    for (const copy of others) {
      // Indexes attached to a partitioned index are judged there, and no primary key goes because a partition has a unique copy.
      if (copy.parent !== undefined || copy.fact.isPrimary) continue;
      const rest = [survivor, ...others].filter((other) => other !== copy);
      found.push(
        cover === undefined || cover.isForReview
          ? {
              drop: copy,
              keep: survivor,
              reason: 'duplicate',
              sizeRatio: ratioOf(copy, survivor),
              isForReview: false,
              others: rest.filter((other) => other !== survivor),
            }
          : { ...cover, drop: copy, others: rest },
      );
    }
  }
  return found.sort((a, b) => (a.drop.name < b.drop.name ? -1 : 1));
}

function coveredBy(
  narrow: IndexView,
  survivors: readonly IndexView[],
  limits: ReplacementLimits,
): Replacement | undefined {
  const covers = survivors.flatMap((wide) => {
    const reason = coverOf(narrow, wide);
    return reason === undefined ? [] : [{ wide, reason }];
  });
  // A cover that is itself covered would be dropped in its turn; among the others the same key, then the smallest, stays.
  const roots = covers.filter(({ wide }) => !survivors.some((other) => coverOf(wide, other) !== undefined));
  const [best] = roots.sort(
    (a, b) =>
      a.wide.keys.length - b.wide.keys.length ||
      (a.wide.sizeBytes ?? Number.POSITIVE_INFINITY) - (b.wide.sizeBytes ?? Number.POSITIVE_INFINITY) ||
      compareByWorth(a.wide, b.wide),
  );
  if (best === undefined) return undefined;
  const sizeRatio = ratioOf(narrow, best.wide);
  const isCheap = sizeRatio !== undefined && sizeRatio <= limits.sizeRatioMax;
  return {
    drop: narrow,
    keep: best.wide,
    reason: best.reason,
    sizeRatio,
    isForReview: !isCheap && !hasNegligibleScans(narrow, limits),
    others: covers.map(({ wide }) => wide).filter((wide) => wide !== best.wide),
  };
}

function ratioOf(drop: IndexView, keep: IndexView): number | undefined {
  if (drop.sizeBytes === undefined || keep.sizeBytes === undefined || drop.sizeBytes === 0) return undefined;
  return keep.sizeBytes / drop.sizeBytes;
}

function hasNegligibleScans(index: IndexView, limits: ReplacementLimits): boolean {
  if (index.usage === undefined) return false;
  const all = index.table.indexes.reduce((total, other) => total + (other.usage?.scansTotal ?? 0), 0);
  return index.usage.scansTotal === 0 || index.usage.scansTotal <= limits.negligibleScanShareMax * all;
}
