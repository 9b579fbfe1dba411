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
  /** Other copies and covers of `drop` on the table, for the reader: the first {@link othersNamedMax}. */
  readonly others: readonly IndexView[];
  readonly othersTotal: number;
}

/**
 * Each copy has a finding of its own, which names what stays; were the others all named beside each, a thousand copies would make a
 * million names.
 */
export const othersNamedMax = 20;

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
  const survivors = new ByLeadingKeys();
  const copies = new Map<IndexView, IndexView[]>();
  for (const index of usable) {
    const survivor = survivors.beginningLike(index).find((kept) => isDuplicate(kept, index));
    if (survivor === undefined) {
      survivors.add(index);
      continue;
    }
    const known = copies.get(survivor);
    if (known === undefined) copies.set(survivor, [index]);
    else known.push(index);
  }
  const covered = new Map<IndexView, Replacement>();
  const covers = new Covers(survivors, table, limits);
  for (const index of survivors.all) {
    const replacement = index.parent === undefined ? covers.replacementOf(index) : undefined;
    if (replacement !== undefined) covered.set(index, replacement);
  }
  const found: Replacement[] = [...covered.values()];
  for (const [survivor, others] of copies) {
    const cover = covered.get(survivor);
    const alike = [survivor, ...others];
    for (const copy of others) {
      // Indexes attached to a partitioned index are judged there, and no primary key goes because a partition has a unique copy.
      if (copy.parent !== undefined || copy.fact.isPrimary) continue;
      found.push(
        cover === undefined || cover.isForReview
          ? {
              drop: copy,
              keep: survivor,
              reason: 'duplicate',
              sizeRatio: ratioOf(copy, survivor),
              isForReview: false,
              ...othersThan(copy, others),
            }
          : { ...cover, drop: copy, ...othersThan(copy, alike) },
      );
    }
  }
  return found.sort((a, b) => (a.drop.name < b.drop.name ? -1 : 1));
}

/** What is told of those among `all` that are not the one. */
const othersThan = (
  one: IndexView,
  all: readonly IndexView[],
): Pick<Replacement, 'others' | 'othersTotal'> => ({
  others: all
    .slice(0, othersNamedMax + 1)
    .filter((other) => other !== one)
    .slice(0, othersNamedMax),
  othersTotal: all.length - 1,
});

/**
 * Indexes of one table by what a copy or a cover of theirs shares with them: access method, predicate and leading keys. On a table
 * with a thousand indexes few share that with any one, and nothing else needs a closer look.
 */
class ByLeadingKeys {
  readonly all: IndexView[] = [];
  readonly #byLead = new Map<string, IndexView[]>();

  add(index: IndexView): void {
    this.all.push(index);
    let lead = kindOf(index);
    for (const { text } of index.keys) {
      lead = `${lead}\0${text}`;
      const alike = this.#byLead.get(lead);
      if (alike === undefined) this.#byLead.set(lead, [index]);
      else alike.push(index);
    }
  }

  /** Those whose keys begin with the keys of `index`, itself among them where it was added; in the order they were added in. */
  beginningLike(index: IndexView): readonly IndexView[] {
    const lead = index.keys.reduce((begun, { text }) => `${begun}\0${text}`, kindOf(index));
    return this.#byLead.get(lead) ?? [];
  }
}

const kindOf = ({ fact, predicate }: IndexView): string =>
  predicate === undefined ? fact.accessMethod : `${fact.accessMethod}\0${predicate}\0`;

/** Which survivors of one table others cover. */
class Covers {
  readonly #survivors: ByLeadingKeys;
  readonly #limits: ReplacementLimits;
  readonly #scansOfTable: number;
  readonly #known = new Map<IndexView, readonly { readonly wide: IndexView; readonly reason: Cover }[]>();

  constructor(survivors: ByLeadingKeys, table: TableView, limits: ReplacementLimits) {
    this.#survivors = survivors;
    this.#limits = limits;
    this.#scansOfTable = table.indexes.reduce((total, { usage }) => total + (usage?.scansTotal ?? 0), 0);
  }

  replacementOf(narrow: IndexView): Replacement | undefined {
    const covers = this.#of(narrow);
    // A cover that is itself covered would be dropped in its turn; among the others the same key, then the smallest, stays.
    const roots = covers.filter(({ wide }) => this.#of(wide).length === 0);
    const [best] = roots.sort(
      (a, b) =>
        a.wide.keys.length - b.wide.keys.length ||
        (a.wide.sizeBytes ?? Number.POSITIVE_INFINITY) - (b.wide.sizeBytes ?? Number.POSITIVE_INFINITY) ||
        compareByWorth(a.wide, b.wide),
    );
    if (best === undefined) return undefined;
    const sizeRatio = ratioOf(narrow, best.wide);
    const isCheap = sizeRatio !== undefined && sizeRatio <= this.#limits.sizeRatioMax;
    return {
      drop: narrow,
      keep: best.wide,
      reason: best.reason,
      sizeRatio,
      isForReview: !isCheap && !this.#hasNegligibleScans(narrow),
      ...othersThan(
        best.wide,
        covers.map(({ wide }) => wide),
      ),
    };
  }

  #of(narrow: IndexView): readonly { readonly wide: IndexView; readonly reason: Cover }[] {
    const known = this.#known.get(narrow);
    if (known !== undefined) return known;
    const covers = this.#survivors.beginningLike(narrow).flatMap((wide) => {
      const reason = coverOf(narrow, wide);
      return reason === undefined ? [] : [{ wide, reason }];
    });
    this.#known.set(narrow, covers);
    return covers;
  }

  #hasNegligibleScans({ usage }: IndexView): boolean {
    if (usage === undefined) return false;
    const { scansTotal } = usage;
    return scansTotal === 0 || scansTotal <= this.#limits.negligibleScanShareMax * this.#scansOfTable;
  }
}

function ratioOf(drop: IndexView, keep: IndexView): number | undefined {
  if (drop.sizeBytes === undefined || keep.sizeBytes === undefined || drop.sizeBytes === 0) return undefined;
  return keep.sizeBytes / drop.sizeBytes;
}
