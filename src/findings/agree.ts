import type { IndexView } from '../analysis/catalogue.ts';
import {
  compareByWorth,
  foreignKeysAround,
  isForeignKeySupported,
  supportsForeignKey,
} from '../analysis/index-identity.ts';
import type { Draft } from '../detectors/draft.ts';

/**
 * Makes the findings of one target agree with each other. What one names `keep` no other drops: an unused index that is to stay
 * for its copies waits until they are gone. And drops that are right one by one must not take the last index of a foreign key
 * together: the one most worth keeping loses its SQL.
 */
export function agree(drafts: readonly Draft[]): readonly Draft[] {
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
  return agreed.map((draft) =>
    draft.index !== null && spared.has(draft.index) && isDrop(draft) ? spare(draft) : draft,
  );
}

const isDrop = (draft: Draft): boolean => draft.remedy.kind === 'drop-index';

function lastOfForeignKeys(drafts: readonly Draft[]): ReadonlySet<IndexView> {
  const dropped = new Set(
    drafts.filter(isDrop).flatMap((draft) => (draft.index === null ? [] : [draft.index])),
  );
  const spared = new Set<IndexView>();
  for (const key of new Set([...dropped].flatMap(foreignKeysAround))) {
    if (!key.fact.isEnforced || !isForeignKeySupported(key)) continue;
    const helps = (index: IndexView): boolean => supportsForeignKey(index, key) || index.children.some(helps);
    const supporting = [...dropped].filter((index) => !spared.has(index) && helps(index));
    // The least worth keeping may go first, as long as the key stays supported; on partitions that takes one index for each.
    const gone = new Set([...dropped].filter((index) => !spared.has(index) && !supporting.includes(index)));
    for (const index of supporting.sort(compareByWorth).reverse()) {
      if (isForeignKeySupported(key, new Set([...gone, index]))) gone.add(index);
      else spared.add(index);
    }
  }
  return spared;
}

function spare(draft: Draft): Draft {
  return {
    ...draft,
    severity: 'info',
    caveats: [
      ...draft.caveats,
      'With the other drops advised for this table it would be the last index behind a foreign key.',
    ],
    impact: { ...draft.impact, reclaimableBytes: 0 },
    remedy: {
      kind: 'review',
      notes:
        'Keep it while the other drops advised for this table are carried out: together they would leave a foreign key without an index.',
    },
  };
}
