import { z } from 'zod';
import { alternativesOf, type ExpectationState } from '../../analysis/expectation.ts';
import { differencesFrom, differsInTextOnly } from '../../analysis/expected-index.ts';
import { expectedTable } from '../../model/expectation.ts';
import type { Severity } from '../../model/finding.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Remedy, Unjudged } from '../draft.ts';
import { severityOn, shapeOf, tableName } from '../words.ts';
import { type Missing, type Objections, objectionsTo, relatedTo } from './speaking-against.ts';

const MissingExpectedIndexSettings = z.strictObject({
  writesPerReadMin: z.number().positive().default(100).meta({
    description:
      'Rows written for each scan of the table from which on the finding says that the table is written to more than it is read. A hundred entries kept up for one search are seldom worth it.',
  }),
});
type MissingExpectedIndexSettings = z.output<typeof MissingExpectedIndexSettings>;

/**
 * Opens for an index that a manifest expects and that no usable index of its table is equal to, whatever its name; of a group of
 * alternatives for none being there. A unique index on the same keys satisfies a plain expectation, a wider index does not but is
 * named. An index of the expected name with another definition is said to differ, and in what. Closes when one is there and valid.
 *
 * Warning for priority 1, else info; info on tiny tables, and where an existing index covers the expected one.
 *
 * What speaks against the index is said as caveats: that it duplicates or covers others, few rows, few distinct values, many writes.
 * False alarms accepted: two conditions that mean the same in a way that is not recognised; then the finding is `possible` where
 * the name is the same.
 */
export const missingExpectedIndex = defineDetector<MissingExpectedIndexSettings>({
  id: 'missing-expected-index',
  title: 'An index that a manifest expects is missing',
  needs: ['tables', 'columns', 'indexes', 'operator-classes', 'expected-columns'],
  uses: ['collations', 'column-statistics'],
  settings: MissingExpectedIndexSettings,
  *evaluate(input) {
    const unjudged = input.expectations.flatMap(whyUnjudged);
    const { wanted, open } = openExpectations(input.expectations);
    return { findings: open.map((one) => toDraft(one, wanted, input)), unjudged };
  },
});

function whyUnjudged(state: ExpectationState): readonly Unjudged[] {
  if (state.kind !== 'unknown') return [];
  const { expectation, reason } = state;
  return [
    {
      relation: `${expectation.schemaname}.${expectation.name}`,
      reason: `expected on ${expectedTable(expectation)} by ${expectation.manifest}: ${reason}`,
    },
  ];
}

/** What a finding is about: one expected index, or a group of which it is the first choice. */
interface Open {
  readonly missing: Missing;
  readonly group?: { readonly name: string; readonly members: readonly Missing[] };
}

/** Each missing index, or each group without a member; and the indexes that would be built for them. */
function openExpectations(states: readonly ExpectationState[]): {
  readonly wanted: readonly Missing[];
  readonly open: readonly Open[];
} {
  const isMissing = (state: ExpectationState): state is Missing => state.kind === 'missing';
  const alone = states
    .filter(isMissing)
    .filter(({ expectation }) => expectation.alternatives.length === 0)
    .map((missing): Open => ({ missing }));
  const groups = [...alternativesOf(states)].flatMap(([key, members]): readonly Open[] => {
    // One that could not be judged may be the one that is there.
    const all = members.filter(isMissing).toSorted((a, b) => a.expectation.priority - b.expectation.priority);
    const [missing] = all;
    return missing === undefined || all.length < members.length
      ? []
      : [{ missing, group: { name: key.slice(key.indexOf('\0') + 1), members: all } }];
  });
  const open = [...alone, ...groups];
  return { open, wanted: [...new Set(open.map(({ missing }) => missing))] };
}

function toDraft(
  open: Open,
  wanted: readonly Missing[],
  input: DetectorInput<MissingExpectedIndexSettings>,
): Draft {
  const { missing, group } = open;
  const { expectation, expected, invalid, namesake } = missing;
  const { view } = expected;
  const { table } = view;
  const objections = objectionsTo(missing, wanted, input);
  const differences = namesake === undefined ? [] : differencesFrom(expected, namesake);
  const isDoubtful = namesake !== undefined && differsInTextOnly(expected, namesake);
  return {
    kind: 'missing-expected-index',
    severity: severityOf(open, objections, isDoubtful, input),
    confidence: isDoubtful ? 'possible' : 'proven',
    table,
    index: null,
    subject: group === undefined ? expectation.name : `alternatives ${group.name}`,
    columns: view.keys.map((key) => key.text),
    related: [
      ...(namesake === undefined
        ? []
        : [relatedTo(namesake, 'it has the expected name and another definition')]),
      ...invalid.map((index) => relatedTo(index, 'it would be what is expected if it were valid')),
      ...objections.related,
    ],
    title: titleOf(open, differences),
    evidence: {
      expectedIndex: expectation.name,
      shape: shapeOf(view),
      isUnique: expectation.isUnique,
      manifest: expectation.manifest,
      priority: expectation.priority,
      phase: expectation.phase ?? null,
      reason: expectation.reason ?? null,
      expectedGain: expectation.expectedGain ?? null,
      queries: expectation.queries,
      ...(group === undefined
        ? {}
        : {
            alternatives: group.members.map(
              (member) => `${member.expectation.name} ${shapeOf(member.expected.view)}`,
            ),
          }),
      differences,
      tableRows: table.rows ?? null,
      tableBytes: table.sizeBytes ?? null,
      tableSequentialScansTotal: table.usage?.sequentialScansTotal ?? null,
      ...objections.evidence,
    },
    caveats: [
      ...(isDoubtful
        ? [
            'Conditions and expressions are compared as text: if the two mean the same, write into the manifest what pg_get_indexdef shows.',
          ]
        : []),
      ...objections.caveats,
    ],
    impact: { reclaimableBytes: 0, rowsRead: table.rows ?? 0 },
    remedy: remedyFor(missing, isDoubtful),
    imagined: [
      ...(group?.members ?? [missing]).map((member) => member.expected.view),
      ...(namesake === undefined ? [] : [expected.comparable(namesake)]),
    ],
  };
}

function severityOf(
  { missing, group }: Open,
  { isCovered }: Objections,
  isDoubtful: boolean,
  { policyFor }: DetectorInput<unknown>,
): Severity {
  const priorities = (group?.members ?? [missing]).map(({ expectation }) => expectation.priority);
  const isUrgent = Math.min(...priorities) === 1 && !isCovered && !isDoubtful;
  const { table } = missing.expected.view;
  return severityOn(table, policyFor(table.schemaname), isUrgent ? 'warning' : 'info');
}

function titleOf({ missing, group }: Open, differences: readonly string[]): string {
  const { expectation, expected, invalid, namesake } = missing;
  const table = tableName(expected.view.table);
  if (group !== undefined)
    return `None of the alternatives ${group.members.map((member) => member.expectation.name).join(', ')} is on ${table} (group ${group.name})`;
  const name = `Expected index ${expectation.name} on ${table} ${shapeOf(expected.view)}`;
  if (invalid.length > 0)
    return `${name} is there only as ${invalid.map((index) => index.name).join(', ')}, which is invalid`;
  if (namesake !== undefined)
    return `${expectation.name} on ${table} is not what is expected: ${differences.join('; ') || 'it is not usable'}`;
  return `${name} is missing`;
}

function remedyFor({ expectation, expected, invalid, namesake }: Missing, isDoubtful: boolean): Remedy {
  const [broken] = invalid;
  if (broken !== undefined)
    return {
      kind: 'review',
      notes: `${broken.name} has the definition and is invalid, or still being built: see the finding invalid-index about it.`,
    };
  if (isDoubtful)
    return {
      kind: 'review',
      notes: `Compare the two conditions: ${namesake?.name ?? expectation.name} may be what is expected in other words.`,
    };
  const notes =
    namesake === undefined
      ? undefined
      : `The name ${expectation.name} is taken by an index with another definition, so that the new one gets another name. When it is there, see whether anything still needs the old one; an index satisfies the manifest under any name.`;
  return {
    kind: 'create-expected-index',
    table: expected.view.table,
    expectation,
    expected,
    ...(notes === undefined ? {} : { notes }),
  };
}
