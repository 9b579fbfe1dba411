import type { IndexView } from '../analysis/catalogue.ts';
import type { ExpectationState } from '../analysis/expectation.ts';
import { supportsForeignKey } from '../analysis/index-identity.ts';
import type { Draft } from '../detectors/draft.ts';

export const isDrop = (draft: Draft): boolean => draft.remedy.kind === 'drop-index';

/**
 * What a manifest expects is not dropped unseen: as long as another index that stays does the same, the drop only says so; the one
 * most worth keeping of those that do loses its SQL. Of an expectation that could not be judged the index of its name counts.
 */
export function keepExpected(
  drafts: readonly Draft[],
  expectations: readonly ExpectationState[],
): readonly Draft[] {
  const dropped = new Set(
    drafts.filter(isDrop).flatMap((draft) => (draft.index === null ? [] : [draft.index])),
  );
  const said = new Map<IndexView, Said>();
  for (const state of expectations) {
    if (state.kind === 'missing') continue;
    const staying = state.by.find((index) => !dropped.has(index) || said.get(index)?.isSpared === true);
    const kept = staying ?? state.by[0];
    for (const index of state.by) {
      if (!dropped.has(index)) continue;
      const before = said.get(index);
      const isSpared = index === kept && staying === undefined;
      said.set(index, {
        isSpared: isSpared || before?.isSpared === true,
        caveats: [...(before?.caveats ?? []), caveatFor(state, index, isSpared ? undefined : kept)],
      });
    }
  }
  return drafts.map((draft) => {
    const about = draft.index === null || !isDrop(draft) ? undefined : said.get(draft.index);
    if (about === undefined) return draft;
    const caveats = [...draft.caveats, ...about.caveats];
    if (!about.isSpared) return { ...draft, caveats };
    return {
      ...draft,
      severity: 'info',
      caveats,
      impact: { ...draft.impact, reclaimableBytes: 0 },
      remedy: {
        kind: 'review',
        notes:
          'A manifest expects this index: take it out of the manifest first if it is to go, else it is reported as missing next.',
      },
    };
  });
}

interface Said {
  readonly isSpared: boolean;
  readonly caveats: readonly string[];
}

function caveatFor(state: ExpectationState, index: IndexView, kept: IndexView | undefined): string {
  const { expectation } = state;
  const name = expectation.name === index.name ? 'it' : `it as ${expectation.name}`;
  const expects = `The manifest ${expectation.manifest} expects ${name}`;
  return kept === undefined || kept === index
    ? `${expects}, and no other index that stays does the same.`
    : `${expects}; ${kept.name}, which stays, does the same.`;
}

/**
 * A foreign key whose index a manifest expects, and has not got, is served by that one: printed twice, under two names, the second
 * would be a duplicate.
 */
export function withoutSecondIndexes(drafts: readonly Draft[]): readonly Draft[] {
  const printed = drafts.flatMap(({ remedy }) => (remedy.kind === 'create-expected-index' ? [remedy] : []));
  return drafts.map((draft) => {
    if (draft.kind !== 'unindexed-foreign-key' || draft.remedy.kind !== 'create-index') return draft;
    const key = draft.table.foreignKeys.find(({ name }) => name === draft.subject);
    const serving = printed.find(
      ({ table, expected }) =>
        table === draft.table && key !== undefined && supportsForeignKey(expected.view, key),
    );
    if (serving === undefined) return draft;
    const { name, manifest } = serving.expectation;
    return {
      ...draft,
      remedy: {
        kind: 'review',
        notes: `The index ${name} that the manifest ${manifest} expects serves this key: its SQL stands in the finding missing-expected-index.`,
      },
    };
  });
}
