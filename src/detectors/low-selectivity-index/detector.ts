import { z } from 'zod';
import type { IndexView } from '../../analysis/catalogue.ts';
import { isUsable, supportsForeignKey } from '../../analysis/index-identity.ts';
import type { ColumnStatisticsFact } from '../../collectors/column-statistics.ts';
import { counted, hourMs, humaneBytes } from '../../model/units.ts';
import { whyStatisticsAbsent } from '../column-facts.ts';
import { rounded } from '../counting.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Unjudged } from '../draft.ts';
import { isJudgedAlone, keyTexts, shapeOf, tableName } from '../words.ts';

const LowSelectivityIndexSettings = z.strictObject({
  distinctValuesMax: z.number().int().positive().default(10).meta({
    description:
      'Distinct values up to which a column counts as one of a handful. Evenly spread over ten, each is a tenth of the table, which a sequential scan reads as fast.',
  }),
  tableRowsMin: z.number().int().nonnegative().default(10_000).meta({
    description: 'Rows below which nothing is said: the index of a small table costs little either way.',
  }),
  rareShareMax: z.number().min(0).max(1).default(0.05).meta({
    description:
      'Share of the rows below which a value counts as rare. An index finds a rare value well, so that one such value keeps the detector silent.',
  }),
});
type LowSelectivityIndexSettings = z.output<typeof LowSelectivityIndexSettings>;

/**
 * Opens for a full, plain B-tree over one column with at most `distinctValuesMax` distinct values, every one of which is at least
 * `rareShareMax` of the rows of a table of `tableRowsMin` rows or more. Closes when ANALYZE sees more values or a rare one, or
 * when the index is made partial, wider, or goes.
 *
 * Silent on: partial, unique and expression indexes, indexes that carry more columns (they serve index-only scans), clustered
 * ones, and columns with a rare value, NULL included: there the index is right, and a partial one over the rare values better.
 *
 * False alarms accepted: `LIMIT` without an order, a merge join or a count may still profit; a foreign key to a small table wants
 * the index when rows of that table are deleted. The planner's statistics are a sample: a value in fewer than one row of some
 * thousands is not in it.
 */
export const lowSelectivityIndex = defineDetector<LowSelectivityIndexSettings>({
  id: 'low-selectivity-index',
  title: 'The index is on a column of a handful of evenly spread values',
  needs: ['server', 'tables', 'columns', 'indexes', 'column-statistics'],
  uses: ['index-usage', 'constraints', 'operator-classes', 'column-visibility'],
  maxSkewMs: 3 * hourMs,
  settings: LowSelectivityIndexSettings,
  *evaluate(input) {
    const findings: Draft[] = [];
    const unjudged: Unjudged[] = [];
    for (const index of input.catalogue.indexes) {
      yield;
      if (!isCandidate(index)) continue;
      const verdict = judge(index, input);
      if (verdict === undefined) continue;
      if ('reason' in verdict) unjudged.push(verdict);
      else findings.push(verdict);
    }
    return { findings, unjudged };
  },
});

const isCandidate = (index: IndexView): boolean =>
  isJudgedAlone(index) &&
  isUsable(index) &&
  index.fact.accessMethod === 'btree' &&
  !index.fact.isUnique &&
  !index.fact.isExclusion &&
  index.fact.constraintOid === null &&
  !index.fact.isClustered &&
  !index.fact.hasPredicate &&
  !index.fact.hasExpressions &&
  index.keys.length === 1 &&
  index.included.length === 0;

function judge(
  index: IndexView,
  input: DetectorInput<LowSelectivityIndexSettings>,
): Draft | Unjudged | undefined {
  const { settings } = input;
  const { table } = index;
  const [key] = index.keys;
  if (key === undefined || key.columnNumber === null) return undefined;
  const unjudged = (reason: string): Unjudged => ({ relation: index.names.shown, reason });

  if (table.rows === undefined) return unjudged('how many rows its table has is not known');
  if (table.rows < settings.tableRowsMin) return undefined;
  const statistics = table.statistics.get(key.columnNumber);
  if (statistics === undefined) return unjudged(whyStatisticsAbsent(table, input.catalogue.server));
  const distinct = distinctValues(statistics, table.rows);
  if (distinct === undefined)
    return isAllNull(statistics)
      ? undefined
      : unjudged('the number of distinct values of its column is not known');
  if (distinct > settings.distinctValuesMax) return undefined;
  const rarest = rarestShare(statistics, distinct);
  if (rarest === undefined)
    return unjudged(
      'how the values of its column are spread is not known: its statistics hold no common values',
    );
  if (rarest < settings.rareShareMax) return undefined;
  return toDraft(index, statistics, { distinct, rarest }, input);
}

/** A negative count is minus the share of rows that are distinct; 0 is unknown. Never below one where there is a value at all. */
export function distinctValues(statistics: ColumnStatisticsFact, rows: number): number | undefined {
  const { distinctValues: stated } = statistics;
  if (stated === 0) return undefined;
  return Math.max(1, Math.round(stated > 0 ? stated : -stated * rows));
}

/** Of a column without any value the number of distinct ones is 0, which elsewhere means unknown; `null-heavy-index` judges it. */
const isAllNull = (statistics: ColumnStatisticsFact): boolean =>
  statistics.distinctValues === 0 && statistics.nullFraction >= 1;

/**
 * The share of the rows that the rarest value has, NULL counting as a value where it occurs. Values that are not on the list of
 * common ones share what is left of the rows; undefined where there is no list, or what is left cannot be known.
 */
function rarestShare(statistics: ColumnStatisticsFact, distinct: number): number | undefined {
  const { commonFrequencies, nullFraction } = statistics;
  const shares = [...commonFrequencies];
  const unlisted = distinct - commonFrequencies.length;
  if (unlisted > 0) {
    if (commonFrequencies.length === 0 && distinct > 1) return undefined;
    const left = 1 - nullFraction - commonFrequencies.reduce((sum, share) => sum + share, 0);
    shares.push(Math.max(0, left) / unlisted);
  }
  if (nullFraction > 0) shares.push(nullFraction);
  return Math.min(...shares);
}

function toDraft(
  index: IndexView,
  statistics: ColumnStatisticsFact,
  spread: { readonly distinct: number; readonly rarest: number },
  input: DetectorInput<LowSelectivityIndexSettings>,
): Draft {
  const { table, usage } = index;
  const rows = table.rows ?? 0;
  const column = index.keys[0]?.text ?? '';
  const perScan =
    usage === undefined || usage.scansTotal === 0 ? undefined : usage.tuplesReadTotal / usage.scansTotal;
  const supported = table.foreignKeys.filter((key) => key.fact.isEnforced && supportsForeignKey(index, key));
  return {
    kind: 'low-selectivity-index',
    severity: 'info',
    confidence: 'likely',
    table,
    index,
    subject: index.name,
    columns: keyTexts(index),
    related: [],
    title: `${index.name} on ${tableName(table)} ${shapeOf(index)} is on a column with ${counted(spread.distinct, 'distinct value')} in ${counted(rows, 'row')}; even the rarest is in ${percent(spread.rarest)} of them`,
    evidence: {
      shape: shapeOf(index),
      distinctValues: spread.distinct,
      rarestValueRatio: rounded(spread.rarest),
      commonestValueRatio: rounded(Math.max(...statistics.commonFrequencies, spread.rarest)),
      nullRatio: rounded(statistics.nullFraction),
      tableRows: rows,
      indexBytes: index.sizeBytes ?? null,
      scansTotal: usage?.scansTotal ?? null,
      tuplesReadPerScan: perScan === undefined ? null : rounded(perScan),
    },
    caveats: [
      'The planner’s statistics are a sample: a value in very few rows may be missing from them, and the index may exist for it.',
      'Queries with LIMIT, counts that read the index alone, and merge joins may profit all the same.',
      ...(perScan !== undefined && perScan < rows * input.settings.rareShareMax
        ? ['Its scans read few entries on average: something does use it for a small part of the rows.']
        : []),
      ...supported.map(
        (key) =>
          `It supports the foreign key ${key.name}: deleting or re-keying a row of ${key.fact.referencedSchemaname}.${key.fact.referencedRelname} searches by it.`,
      ),
    ],
    impact: { reclaimableBytes: 0 },
    remedy: {
      kind: 'review',
      notes: `A condition on ${column} alone matches so many rows that a sequential scan is usually as fast${index.sizeBytes === undefined ? '' : `, and the index takes ${humaneBytes(index.sizeBytes)}`}. Put the column into an index with the other columns that the queries compare, or make the index partial over the value that is searched for; check first which statements use it.`,
    },
  };
}

const percent = (ratio: number): string => `${Number((ratio * 100).toPrecision(2))} %`;
