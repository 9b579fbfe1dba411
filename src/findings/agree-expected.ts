import type { IndexView, TableView } from '../analysis/catalogue.ts';
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
 * would be a duplicate. The expected one says which keys it serves. They are one matter, and one of the two warns of it: the expected
 * one where its priority makes it, else the foreign key.
 */
export function withoutSecondIndexes(drafts: readonly Draft[]): readonly Draft[] {
  const expectedOn = byTable(drafts.filter(({ remedy }) => remedy.kind === 'create-expected-index'));
  const serving = new Map<Draft, Draft>();
  const keysServed = new Map<Draft, string[]>();
  for (const draft of drafts) {
    const candidates = draft.kind === 'unindexed-foreign-key' ? expectedOn.get(draft.table) : undefined;
    if (candidates === undefined) continue;
    const key = draft.table.foreignKeys.find(({ name }) => name === draft.subject);
    const expected = candidates.find(
      ({ remedy }) =>
        remedy.kind === 'create-expected-index' &&
        key !== undefined &&
        supportsForeignKey(remedy.expected.view, key),
    );
    if (expected === undefined) continue;
    serving.set(draft, expected);
    keysServed.set(expected, [...(keysServed.get(expected) ?? []), draft.subject]);
  }
  return drafts.map((draft) => {
    const expected = serving.get(draft);
    if (expected?.remedy.kind === 'create-expected-index') {
      const { name, manifest } = expected.remedy.expectation;
      return {
        ...draft,
        severity: expected.severity === 'warning' ? 'info' : draft.severity,
        remedy: {
          kind: 'review',
          notes: `The index ${name} that the manifest ${manifest} expects serves this key: its SQL stands in the finding missing-expected-index.`,
        },
      };
    }
    const keys = keysServed.get(draft);
    return keys === undefined ? draft : servingKeys(draft, keys);
  });
}

function byTable(drafts: readonly Draft[]): ReadonlyMap<TableView, readonly Draft[]> {
  const byTable = new Map<TableView, Draft[]>();
  for (const draft of drafts) {
    const known = byTable.get(draft.table);
    if (known === undefined) byTable.set(draft.table, [draft]);
    else known.push(draft);
  }
  return byTable;
}

function servingKeys(draft: Draft, keys: readonly string[]): Draft {
  const { remedy } = draft;
  if (remedy.kind !== 'create-expected-index') return draft;
  const said = `It serves the foreign ${keys.length === 1 ? 'key' : 'keys'} ${keys.join(', ')} as well, which ${keys.length === 1 ? 'has' : 'have'} no index.`;
  const notes = remedy.notes === undefined ? said : `${remedy.notes} ${said}`;
  return {
    ...draft,
    evidence: { ...draft.evidence, servesForeignKeys: keys },
    remedy: { ...remedy, notes },
  };
}

/**
 * An index that statements seem to want gives way to one that is asked for by name, or by a foreign key, and begins with the same
 * column: once that is there the statements may need no other.
 */
export function withoutGuessedIndexes(drafts: readonly Draft[]): readonly Draft[] {
  if (!drafts.some(({ kind }) => kind === 'missing-index-candidate')) return drafts;
  const draftsOn = byTable(drafts.filter(({ remedy }) => leadingColumn(remedy) !== undefined));
  return drafts.map((draft) => {
    const { remedy, table } = draft;
    if (draft.kind !== 'missing-index-candidate' || remedy.kind !== 'create-index') return draft;
    const asked = draftsOn
      .get(table)
      ?.find((other) => other !== draft && leadingColumn(other.remedy) === remedy.columns[0]);
    if (asked === undefined) return draft;
    return {
      ...draft,
      remedy: {
        kind: 'review',
        notes: `The finding ${asked.kind} about ${asked.subject} asks for an index that begins with ${remedy.columns[0]}: build that one first, and see what the statements still lack.`,
      },
    };
  });
}

/** Of the index that the remedy creates. */
function leadingColumn(remedy: Draft['remedy']): string | undefined {
  if (remedy.kind === 'create-index') return remedy.columns[0];
  return remedy.kind === 'create-expected-index' ? remedy.expected.view.keys[0]?.text : undefined;
}
