import type { Catalogue, ForeignKeyView, IndexView } from '../../analysis/catalogue.ts';
import { type CatalogueChange, catalogueAfter } from '../../analysis/catalogue-after.ts';
import {
  compareByWorth,
  coverOf,
  foreignKeysAround,
  isDuplicate,
  isForeignKeySupported,
  isUsable,
  supportsForeignKey,
  whyKept,
} from '../../analysis/index-identity.ts';
import { type Replacement, replacementsOn } from '../../analysis/replacement.ts';
import type { FindingKind } from '../../model/finding.ts';
import { type Action, type CreateAction, type DropAction, findingsOf, type LeftOut } from './actions.ts';

/** A finding that carrying out the plan will open: said beforehand. */
export interface Announced {
  readonly kind: FindingKind;
  readonly schemaname: string;
  readonly relname: string;
  readonly indexrelname: string;
  readonly why: string;
}

/** What is left of the actions once they are looked at together. */
export interface Settled {
  readonly actions: readonly Action[];
  readonly leftOut: readonly LeftOut[];
  /** Of each drop the indexes that must be there and valid at that moment, since they take over what it did. */
  readonly successors: ReadonlyMap<DropAction, readonly IndexView[]>;
  readonly announced: readonly Announced[];
}

/**
 * Takes out what would be right by itself and wrong with the rest, by looking at the catalogue as it would be after all of it: of two
 * creations that would be copies one stays, a foreign key that had an index keeps one, what makes another index superfluous stays
 * when that one goes, and nothing is rebuilt that is dropped.
 */
export function settle(actions: readonly Action[], catalogue: Catalogue): Settled {
  const leftOut: LeftOut[] = [];
  const leave = (action: Action, reason: string): void => {
    leftOut.push(...findingsOf(action).map((finding) => ({ finding, reason })));
  };
  const drops = new Set(actions.filter((action) => action.kind === 'drop'));
  const creations = keptCreations(
    actions.filter((action) => action.kind === 'create'),
    new Set([...drops].map((drop) => drop.index)),
    leave,
  );
  spareLastOnes(drops, creations, catalogue, leave);
  const dropped = new Set([...drops].map((drop) => drop.index));
  const isGoing = (index: IndexView): boolean =>
    dropped.has(index) || (index.parent !== undefined && isGoing(index.parent));
  const kept = actions.filter((action) => {
    switch (action.kind) {
      case 'create':
        return creations.has(action);
      case 'drop':
        return drops.has(action);
      case 'rebuild':
        if (isGoing(action.index)) leave(action, 'it is dropped by this plan and need not be rebuilt first');
        return !isGoing(action.index);
      default:
        return true;
    }
  });
  const successors = successorsOf(drops, creations, catalogue);
  return {
    actions: kept,
    leftOut,
    successors,
    announced: [...announcedBy(creations, drops, catalogue), ...idleSuccessors(successors)],
  };
}

/** Those that are asked for by name before those that only follow from the schema, and of these the wider before the narrower. */
function keptCreations(
  creations: readonly CreateAction[],
  dropped: ReadonlySet<IndexView>,
  leave: (action: Action, reason: string) => void,
): ReadonlySet<CreateAction> {
  const width = ({ index }: CreateAction): number => index?.keys.length ?? 0;
  const ranked = creations.toSorted(
    (a, b) => Number(b.isExpected) - Number(a.isExpected) || (a.isExpected ? 0 : width(b) - width(a)),
  );
  const kept = new Set<CreateAction>();
  for (const action of ranked) {
    const { index } = action;
    const others = [
      ...[...kept].flatMap((other) =>
        other.table === action.table && other.index !== undefined ? [other.index] : [],
      ),
      ...action.table.indexes.filter((existing) => isUsable(existing) && !dropped.has(existing)),
    ];
    const twin = index === undefined ? undefined : others.find((other) => servesFor(other, index, action));
    if (twin === undefined) kept.add(action);
    else
      leave(
        action,
        twin.oid < 0
          ? `${twin.name}, which this plan creates, serves it as well`
          : `${twin.name} is there and serves it`,
      );
  }
  return kept;
}

/** Whether the other index does all that this one was to be created for. */
function servesFor(
  other: IndexView,
  index: IndexView,
  { finding, isExpected, table }: CreateAction,
): boolean {
  if (isDuplicate(other, index) || coverOf(index, other) === 'covered-by-unique') return true;
  if (isExpected) return false;
  const key = table.foreignKeys.find(({ name }) => name === finding.evidence.constraint);
  return coverOf(index, other) !== undefined || (key !== undefined && supportsForeignKey(other, key));
}

/** Takes drops out, the one most worth keeping first, until the catalogue after the plan lacks nothing that it had. */
function spareLastOnes(
  drops: Set<DropAction>,
  creations: ReadonlySet<CreateAction>,
  catalogue: Catalogue,
  leave: (action: Action, reason: string) => void,
): void {
  for (;;) {
    const loss = firstLoss(drops, creations, catalogue);
    if (loss === undefined) return;
    drops.delete(loss.spared);
    leave(loss.spared, loss.reason);
  }
}

function firstLoss(
  drops: ReadonlySet<DropAction>,
  creations: ReadonlySet<CreateAction>,
  catalogue: Catalogue,
): { readonly spared: DropAction; readonly reason: string } | undefined {
  const after = catalogueAfter(catalogue, changeOf(drops, creations));
  for (const key of lostKeys(drops, after)) {
    const [spared] = [...drops].filter((drop) => helps(drop.index, key)).sort(byWorth);
    if (spared !== undefined)
      return { spared, reason: `after the whole plan foreign key ${key.name} would have no index left` };
  }
  const added = [...creations].flatMap((action) => action.index ?? []);
  for (const drop of drops) {
    if (!isReplaced(drop) || coversOf(drop.index, drops, added).length > 0) continue;
    const covers = [...drops].filter((other) => isCover(other.index, drop.index)).sort(byWorth);
    const spared = covers.find((other) => isNamedKeep(drop, other.index)) ?? covers[0];
    return spared === undefined
      ? { spared: drop, reason: 'nothing that serves in its place is there any more' }
      : { spared, reason: `it serves in place of ${drop.index.name}, which this plan drops` };
  }
  return undefined;
}

const byWorth = (a: DropAction, b: DropAction): number => compareByWorth(a.index, b.index);

const changeOf = (drops: ReadonlySet<DropAction>, creations: ReadonlySet<CreateAction>): CatalogueChange => ({
  added: [...creations].flatMap((action) => action.index ?? []),
  removed: new Set([...drops].map((drop) => drop.index)),
});

/** Enforced foreign keys that an index serves now and none does afterwards. */
function lostKeys(drops: ReadonlySet<DropAction>, after: Catalogue): readonly ForeignKeyView[] {
  const around = new Set([...drops].flatMap((drop) => foreignKeysAround(drop.index)));
  const left = new Map(after.foreignKeys.map((key) => [key.fact.constraintOid, key]));
  return [...around].filter((key) => {
    const later = left.get(key.fact.constraintOid);
    return (
      key.fact.isEnforced &&
      isForeignKeySupported(key) &&
      (later === undefined || !isForeignKeySupported(later))
    );
  });
}

const helps = (index: IndexView, key: ForeignKeyView): boolean =>
  supportsForeignKey(index, key) || index.children.some((child) => helps(child, key));

/** Dropped because another index does the same, and not because nobody uses it. */
const isReplaced = ({ finding, isLeftover }: DropAction): boolean =>
  !isLeftover && finding.related.some(({ role }) => role === 'keep');

/** Whether it is what the finding names to stay; it is on the same table. */
const isNamedKeep = ({ finding }: DropAction, { name }: IndexView): boolean =>
  finding.related.some(({ role, indexrelname }) => role === 'keep' && indexrelname === name);

const isCover = (wide: IndexView, narrow: IndexView): boolean =>
  isUsable(wide) && (isDuplicate(wide, narrow) || coverOf(narrow, wide) !== undefined);

/** What stays, or is created, and does all that the index did. */
function coversOf(
  index: IndexView,
  drops: ReadonlySet<DropAction>,
  added: readonly IndexView[],
): readonly IndexView[] {
  const dropped = new Set([...drops].map((drop) => drop.index));
  return [...index.table.indexes.filter((other) => !dropped.has(other)), ...added].filter((other) =>
    isCover(other, index),
  );
}

function successorsOf(
  drops: ReadonlySet<DropAction>,
  creations: ReadonlySet<CreateAction>,
  catalogue: Catalogue,
): ReadonlyMap<DropAction, readonly IndexView[]> {
  const added = [...creations].flatMap((action) => action.index ?? []);
  const withoutAdded = catalogueAfter(catalogue, changeOf(drops, new Set()));
  const borne = lostKeys(drops, withoutAdded);
  return new Map(
    [...drops].map((drop) => {
      const bearing = borne
        .filter((key) => helps(drop.index, key))
        .flatMap((key) => added.filter((index) => helps(index, key)));
      return [drop, [...new Set([...successorOf(drop, drops, added), ...bearing])]];
    }),
  );
}

/** The index that the finding names, if it stays; else another that does the same. */
function successorOf(
  drop: DropAction,
  drops: ReadonlySet<DropAction>,
  added: readonly IndexView[],
): readonly IndexView[] {
  if (!isReplaced(drop)) return [];
  const covers = coversOf(drop.index, drops, added);
  const named = covers.filter((index) => isNamedKeep(drop, index));
  return named.length > 0 ? named : covers.slice(0, 1);
}

/** What was kept for its copies and has not been used is judged by itself once they are gone. */
function idleSuccessors(successors: Settled['successors']): readonly Announced[] {
  const idle = new Set(
    [...successors.values()]
      .flat()
      .filter((index) => index.usage?.scansTotal === 0 && whyKept(index) === undefined),
  );
  return [...idle].map((index) => ({
    kind: 'unused-index',
    schemaname: index.table.schemaname,
    relname: index.table.relname,
    indexrelname: index.name,
    why: 'it stays for what is dropped beside it, and if it is not used then either, that will be said',
  }));
}

/** Copies and covers that are there only because of what the plan creates. */
function announcedBy(
  creations: ReadonlySet<CreateAction>,
  drops: ReadonlySet<DropAction>,
  catalogue: Catalogue,
): readonly Announced[] {
  const touched = new Set([...creations].map((action) => action.table.oid));
  const pairs = (of: Catalogue) =>
    of.tables.filter((table) => touched.has(table.oid)).flatMap((table) => replacementsOn(table));
  // A copy that a new index covers as well is reported anew, as redundant.
  const keyOf = ({ drop, reason }: Replacement): string => `${drop.oid} ${reason === 'duplicate'}`;
  const before = new Set(pairs(catalogue).map(keyOf));
  return pairs(catalogueAfter(catalogue, changeOf(drops, creations)))
    .filter((pair) => !before.has(keyOf(pair)))
    .map(({ drop, keep, reason }) => ({
      kind: reason === 'duplicate' ? 'duplicate-index' : 'redundant-index',
      schemaname: drop.table.schemaname,
      relname: drop.table.relname,
      indexrelname: drop.name,
      why: `${keep.name} does all that it does`,
    }));
}
