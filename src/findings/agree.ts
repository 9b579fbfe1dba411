import type { ForeignKeyView, IndexView } from '../analysis/catalogue.ts';
import type { ExpectationState } from '../analysis/expectation.ts';
import {
  compareByWorth,
  foreignKeysAround,
  isForeignKeySupported,
  supportsForeignKey,
} from '../analysis/index-identity.ts';
import type { Draft } from '../detectors/draft.ts';
import { isDrop, keepExpected, withoutGuessedIndexes, withoutSecondIndexes } from './agree-expected.ts';

/**
 * Makes the findings of one target agree with each other. What one names `keep` no other drops: an unused index that is to stay
 * for its copies waits until they are gone. And no drop, nor all of them together, may take the last index of a foreign key, which
 * would only be reported as unindexed next: the one most worth keeping loses its SQL. Nor may they take the last index that a
 * manifest expects, which would be reported as missing next. And where an expected index that is missing would serve a foreign key,
 * its SQL is printed and not a second index's, and one of the two warns; what statements only seem to want gives way to both.
 */
export function agree(
  drafts: readonly Draft[],
  expectations: readonly ExpectationState[] = [],
): readonly Draft[] {
  const kept = new Set(
    drafts.flatMap((draft) =>
      draft.related
        .filter((related) => related.role === 'keep')
        .map((related) => `${related.schemaname}\0${related.indexrelname}`),
    ),
  );
  const isKept = (draft: Draft): boolean =>
    draft.index !== null && kept.has(`${draft.table.schemaname}\0${draft.index.name}`);
  const agreed = drafts.filter((draft) => !(draft.kind === 'unused-index' && isKept(draft)));
  const spared = lastOfForeignKeys(agreed);
  const settled = agreed.map((draft) =>
    draft.index !== null && isDrop(draft) ? spare(draft, spared.get(draft.index)) : draft,
  );
  const asked = withoutSecondIndexes(keepExpected(settled, expectations));
  return withoutNeedlessRebuilds(withoutGuessedIndexes(asked));
}

/** What is advised to be dropped need not be rebuilt first. */
function withoutNeedlessRebuilds(drafts: readonly Draft[]): readonly Draft[] {
  const dropped = new Map(
    drafts.flatMap((draft) => (draft.index !== null && isDrop(draft) ? [[draft.index, draft.kind]] : [])),
  );
  return drafts.map((draft) => {
    const kind = draft.index === null ? undefined : dropped.get(draft.index);
    if (draft.kind !== 'bloated-index' || kind === undefined) return draft;
    return {
      ...draft,
      severity: 'info',
      impact: { ...draft.impact, reclaimableBytes: 0 },
      remedy: {
        kind: 'review',
        notes: `It is advised to be dropped (${kind}); rebuild it only if it is to stay.`,
      },
    };
  });
}

/** A foreign key that would lose its last index: by this drop alone, or only together with the others. */
interface Loss {
  readonly key: ForeignKeyView;
  readonly isByItself: boolean;
}

function lastOfForeignKeys(drafts: readonly Draft[]): ReadonlyMap<IndexView, Loss> {
  const dropped = new Set(
    drafts.filter(isDrop).flatMap((draft) => (draft.index === null ? [] : [draft.index])),
  );
  const around = new Map<ForeignKeyView, IndexView[]>();
  for (const index of dropped) {
    for (const key of foreignKeysAround(index)) {
      const known = around.get(key);
      if (known === undefined) around.set(key, [index]);
      else known.push(index);
    }
  }
  const spared = new Map<IndexView, Loss>();
  for (const [key, indexes] of around) {
    if (!key.fact.isEnforced || !isForeignKeySupported(key)) continue;
    const helps = (index: IndexView): boolean => supportsForeignKey(index, key) || index.children.some(helps);
    const supporting = indexes.filter((index) => !spared.has(index) && helps(index));
    // The least worth keeping may go first, as long as the key stays supported; on partitions that takes one index for each.
    const gone = new Set(indexes.filter((index) => !spared.has(index) && !supporting.includes(index)));
    for (const index of supporting.sort(compareByWorth).reverse()) {
      if (isForeignKeySupported(key, new Set([...gone, index]))) gone.add(index);
      else spared.set(index, { key, isByItself: !isForeignKeySupported(key, new Set([index])) });
    }
  }
  return spared;
}

function spare(draft: Draft, loss: Loss | undefined): Draft {
  if (loss === undefined) return draft;
  const { key, isByItself } = loss;
  return {
    ...draft,
    severity: 'info',
    caveats: isByItself
      ? draft.caveats
      : [
          ...draft.caveats,
          `With the other drops advised for this table it would be the last index behind foreign key ${key.name}.`,
        ],
    impact: { ...draft.impact, reclaimableBytes: 0 },
    remedy: {
      kind: 'review',
      notes: isByItself
        ? `Keep it as long as foreign key ${key.name} is wanted: it would have no index.`
        : `Keep it while the other drops advised for this table are carried out: together they would leave foreign key ${key.name} without an index.`,
    },
  };
}
