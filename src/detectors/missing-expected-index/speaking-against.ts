import type { IndexView, TableView } from '../../analysis/catalogue.ts';
import type { ExpectationState } from '../../analysis/expectation.ts';
import { coveredBy, relationTo, wouldCover } from '../../analysis/expected-index.ts';
import type { Cover } from '../../analysis/index-identity.ts';
import type { Evidence, RelatedIndex } from '../../model/finding.ts';
import type { Policy } from '../../model/policy.ts';
import { counted, humaneBytes, humaneCount } from '../../model/units.ts';
import { rounded, rowsWritten, whyNotCounted } from '../counting.ts';
import type { DetectorInput } from '../define.ts';
import { distinctValues, lowSelectivityIndex } from '../low-selectivity-index/detector.ts';
import { isTiny, shapeOf, tableName } from '../words.ts';

export type Missing = Extract<ExpectationState, { kind: 'missing' }>;

/** What speaks against building an expected index: for the reader, and in numbers. */
export interface Objections {
  readonly caveats: readonly string[];
  readonly related: readonly RelatedIndex[];
  readonly evidence: Evidence;
  /** Whether an index that is there already serves everything that the expected one would. */
  readonly isCovered: boolean;
}

const how: Readonly<Record<Cover, string>> = {
  'covered-by-prefix': 'begins with the same keys',
  'covered-by-unique': 'is unique on the same keys',
  'covered-by-payload': 'has the same keys and carries more columns',
};

/** `wanted` are all indexes that would be built if everything that the manifests want was carried out. */
export function objectionsTo(
  missing: Missing,
  wanted: readonly Missing[],
  input: DetectorInput<{ readonly writesPerReadMin: number }>,
): Objections {
  const { table } = missing.expected.view;
  const usable = table.indexes.filter((index) => !missing.invalid.includes(index));
  const covers = usable.flatMap((index) => {
    const reason = coveredBy(missing.expected, index);
    return reason === undefined ? [] : [{ index, reason }];
  });
  const superseded = usable.flatMap((index) => {
    const reason = wouldCover(missing.expected, index);
    return reason === undefined ? [] : [{ index, reason }];
  });
  const numbers = [
    fewRows(table, input.policyFor(table.schemaname)),
    fewValues(missing, input),
    manyWrites(table, input),
  ].filter((objection) => objection !== undefined);
  return {
    caveats: [
      ...covers.map(
        ({ index, reason }) =>
          `It would be covered by ${index.name} ${shapeOf(index)}, which ${how[reason]}: once built it is redundant.`,
      ),
      ...superseded.map(
        ({ index, reason }) => `It makes ${index.name} ${shapeOf(index)} redundant, since it ${how[reason]}.`,
      ),
      ...amongExpected(missing, wanted),
      ...numbers.map(({ caveat }) => caveat),
    ],
    related: [
      ...covers.map(({ index, reason }) =>
        relatedTo(index, `it ${how[reason]}, and serves what is expected`),
      ),
      ...superseded.map(({ index, reason }) =>
        relatedTo(index, `the expected index ${how[reason]}, and would make this one redundant`),
      ),
    ],
    evidence: Object.assign({}, ...numbers.map(({ evidence }) => evidence)) as Evidence,
    isCovered: covers.length > 0,
  };
}

export const relatedTo = ({ table, name }: IndexView, why: string): RelatedIndex => ({
  schemaname: table.schemaname,
  indexrelname: name,
  role: 'overlaps',
  why,
});

/** Alternatives of one group are not compared with each other: only one of them is built. */
function amongExpected(missing: Missing, wanted: readonly Missing[]): readonly string[] {
  const { expected, expectation } = missing;
  return wanted.flatMap((other) => {
    const { view } = other.expected;
    const isAlternative = other.expectation.alternatives.some((group) =>
      expectation.alternatives.includes(group),
    );
    if (other === missing || view.table !== expected.view.table || isAlternative) return [];
    const name = `${other.expectation.name} ${shapeOf(view)}`;
    const relation = relationTo(expected, other.expected);
    if (relation === 'same')
      return [`It would duplicate the expected index ${name}: one of the two is enough.`];
    if (relation !== undefined)
      return [`It would be covered by the expected index ${name} once that exists, which ${how[relation]}.`];
    const reverse = relationTo(other.expected, expected);
    return reverse === undefined || reverse === 'same'
      ? []
      : [`It makes the expected index ${name} redundant once both exist, since it ${how[reverse]}.`];
  });
}

interface Objection {
  readonly caveat: string;
  readonly evidence: Evidence;
}

function fewRows(table: TableView, policy: Policy): Objection | undefined {
  if (!isTiny(table, policy)) return undefined;
  const size =
    table.rows === undefined
      ? `takes ${humaneBytes(table.sizeBytes ?? 0)}`
      : `has ${counted(table.rows, 'row')}, fewer than ${humaneCount(policy.minRowsForWarning)}`;
  return {
    caveat: `${tableName(table)} ${size}: reading all of it costs no more than going through an index.`,
    evidence: {},
  };
}

/** Of one column alone, as `low-selectivity-index` would judge it afterwards. */
function fewValues(
  { expected: { view } }: Missing,
  { settingsOf }: Pick<DetectorInput<unknown>, 'settingsOf'>,
): Objection | undefined {
  const [key, ...more] = view.keys;
  const isPlain = view.fact.accessMethod === 'btree' && !view.fact.isUnique && view.predicate === undefined;
  if (!isPlain || key === undefined || key.columnNumber === null || more.length > 0) return undefined;
  const { rows } = view.table;
  const statistics = view.table.statistics.get(key.columnNumber);
  const distinct = statistics === undefined ? undefined : distinctValues(statistics, rows ?? 0);
  if (statistics === undefined || distinct === undefined || rows === undefined) return undefined;
  if (distinct > settingsOf(lowSelectivityIndex).distinctValuesMax) return undefined;
  const commonest = Math.max(0, ...statistics.commonFrequencies);
  const share =
    commonest === 0 ? '' : `, the commonest in ${Number((commonest * 100).toPrecision(2))} % of them`;
  return {
    caveat: `${key.text} has ${counted(distinct, 'distinct value')} in ${counted(rows, 'row')}${share}: a condition on it alone matches so many rows that a sequential scan is usually as fast. A partial index on the rare ones, or more columns behind it, serve better.`,
    evidence: { distinctValues: distinct, commonestValueRatio: commonest === 0 ? null : rounded(commonest) },
  };
}

function manyWrites(
  { usage }: TableView,
  { catalogue, settings }: DetectorInput<{ readonly writesPerReadMin: number }>,
): Objection | undefined {
  if (usage === undefined || whyNotCounted(catalogue.server, 'writes') !== undefined) return undefined;
  const writes = rowsWritten(usage);
  const reads = usage.sequentialScansTotal + usage.indexScansTotal;
  if (writes === 0 || writes < reads * settings.writesPerReadMin) return undefined;
  return {
    caveat: `Since the statistics began ${counted(writes, 'row')} were written and the table was read ${counted(reads, 'time')}: each further index slows every one of these writes.`,
    evidence: { rowsWrittenTotal: writes, tableScansTotal: reads },
  };
}
