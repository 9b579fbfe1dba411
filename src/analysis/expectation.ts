import { type Expectation, expectedTable } from '../model/expectation.ts';
import type { Catalogue, IndexView, TableView } from './catalogue.ts';
import { type ExpectedIndex, expectedIndex, isSatisfiedBy } from './expected-index.ts';
import { compareByWorth, isUsable } from './index-identity.ts';

/** What the catalogue says of one expected index. */
export type ExpectationState =
  | {
      readonly kind: 'satisfied';
      readonly expectation: Expectation;
      readonly expected: ExpectedIndex;
      /** Every index that does what is expected, the one most worth keeping first. */
      readonly by: readonly IndexView[];
    }
  | {
      readonly kind: 'missing';
      readonly expectation: Expectation;
      readonly expected: ExpectedIndex;
      /** Indexes that would do if they were valid. */
      readonly invalid: readonly IndexView[];
      /** An index that bears the name, whatever it is. */
      readonly namesake: IndexView | undefined;
    }
  | {
      readonly kind: 'unknown';
      readonly expectation: Expectation;
      readonly reason: string;
      /** Indexes of the expected name, which may be what is expected. */
      readonly by: readonly IndexView[];
    };

/** Compares every expectation with what there is: by what an index does, not by how it is called. */
export function expectationStates(
  catalogue: Catalogue,
  expectations: readonly Expectation[],
): readonly ExpectationState[] {
  const named = new Set(expectations.map(expectedTable));
  const tables = new Map<string, TableView>();
  if (named.size > 0)
    for (const table of catalogue.tables) {
      const name = `${table.schemaname}.${table.relname}`;
      if (named.has(name)) tables.set(name, table);
    }
  return expectations.map((expectation) =>
    stateOf(expectation, tables.get(expectedTable(expectation)), catalogue),
  );
}

function stateOf(
  expectation: Expectation,
  table: TableView | undefined,
  catalogue: Catalogue,
): ExpectationState {
  if (table === undefined)
    return {
      kind: 'unknown',
      expectation,
      reason: 'there is no such table, or its schema is not watched',
      by: [],
    };
  const namesake = table.indexes.find((index) => index.name === expectation.name);
  const unknown = (reason: string): ExpectationState => ({
    kind: 'unknown',
    expectation,
    reason,
    by: namesake === undefined ? [] : [namesake],
  });
  const resolved = expectedIndex(expectation, table, catalogue);
  if (!resolved.ok) return unknown(resolved.error);
  const expected = resolved.value;
  const by = table.indexes.filter((index) => isSatisfiedBy(expected, index)).sort(compareByWorth);
  if (by.length > 0) return { kind: 'satisfied', expectation, expected, by };
  if (table.indexes.some((index) => !index.fact.isDefinitionKnown))
    return unknown('the table was locked, so that not all of its indexes could be read');
  const asIfValid = (index: IndexView): IndexView => ({
    ...index,
    fact: { ...index.fact, isValid: true, isReady: true, isLive: true },
  });
  const invalid = table.indexes.filter(
    (index) => !isUsable(index) && isSatisfiedBy(expected, asIfValid(index)),
  );
  return { kind: 'missing', expectation, expected, invalid, namesake };
}

/** The members of each group of alternatives, in the order of the manifest. */
export function alternativesOf(
  states: readonly ExpectationState[],
): ReadonlyMap<string, readonly ExpectationState[]> {
  const groups = new Map<string, ExpectationState[]>();
  for (const state of states) {
    for (const group of state.expectation.alternatives) {
      const key = `${state.expectation.manifest}\0${group}`;
      groups.set(key, [...(groups.get(key) ?? []), state]);
    }
  }
  return groups;
}
