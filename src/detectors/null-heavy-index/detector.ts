import { z } from 'zod';
import type { IndexView } from '../../analysis/catalogue.ts';
import { isUsable } from '../../analysis/index-identity.ts';
import type { ColumnStatisticsFact } from '../../collectors/column-statistics.ts';
import { hourMs, humaneBytes, MiB } from '../../model/units.ts';
import { whyStatisticsAbsent } from '../column-facts.ts';
import { rounded } from '../counting.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Unjudged } from '../draft.ts';
import { isJudgedAlone, keyTexts, shapeOf, tableName } from '../words.ts';

const NullHeavyIndexSettings = z.strictObject({
  nullFractionMin: z.number().min(0).max(1).default(0.9).meta({
    description:
      'Share of NULLs in the leading column from which the index is null-heavy. From nine in ten on, a partial index is a fraction of the size.',
  }),
  indexBytesMin: z
    .number()
    .int()
    .nonnegative()
    .default(1 * MiB)
    .meta({
      description: 'Index size in bytes below which nothing is said: there is too little to gain.',
    }),
});
type NullHeavyIndexSettings = z.output<typeof NullHeavyIndexSettings>;

/** B-tree searches by later columns, skipping over few values of the leading one. */
const versionWithSkipScan = 180_000;

/** Methods that keep an entry for each NULL. GIN keeps one compressed list for all of them, hash none, BRIN a bit per range. */
const methodsStoringNulls: ReadonlySet<string> = new Set(['btree', 'gist', 'spgist']);

/**
 * Opens for a full index of at least `indexBytesMin`, in a method that stores NULLs row by row, whose leading column is NULL in at
 * least `nullFractionMin` of the rows. Closes when the index is made partial or goes, or when ANALYZE sees fewer NULLs.
 *
 * Silent on: partial indexes; leading expressions (their statistics are not the column's); indexes that a partial one could not
 * stand in for: constraints, NULLS NOT DISTINCT, those that foreign keys refer to, the one the table is clustered on.
 *
 * False alarms accepted: an index that is there to find the NULLs (`deleted_at IS NULL AND …`), which a multi-column one often
 * is; then the better partial index has the opposite condition. Since 13 B-tree packs equal entries, NULLs too, so that the gain
 * is smaller than the share suggests.
 */
export const nullHeavyIndex = defineDetector<NullHeavyIndexSettings>({
  id: 'null-heavy-index',
  title: 'Most entries of this index are NULL',
  needs: ['server', 'tables', 'columns', 'indexes', 'relation-sizes', 'column-statistics'],
  uses: ['index-usage', 'column-visibility'],
  maxSkewMs: 3 * hourMs,
  settings: NullHeavyIndexSettings,
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

/** A row with a NULL in its key conflicts with no other, so that a unique index of the plain kind may be made partial, too. */
const isCandidate = (index: IndexView): boolean =>
  isJudgedAlone(index) &&
  isUsable(index) &&
  methodsStoringNulls.has(index.fact.accessMethod) &&
  !index.fact.hasPredicate &&
  !index.fact.isExclusion &&
  !index.fact.nullsNotDistinct &&
  !index.fact.isClustered &&
  index.fact.constraintOid === null &&
  index.fact.referencingForeignKeys === 0;

function judge(index: IndexView, input: DetectorInput<NullHeavyIndexSettings>): Draft | Unjudged | undefined {
  const { settings } = input;
  const { table } = index;
  const [leading] = index.keys;
  if (leading === undefined || leading.columnNumber === null) return undefined;
  if (table.columns.get(leading.columnNumber)?.isNotNull === true) return undefined;
  const unjudged = (reason: string): Unjudged => ({ relation: index.names.shown, reason });

  if (index.sizeBytes === undefined)
    return unjudged('its size is not known: it was locked or dropped while being measured');
  if (index.sizeBytes < settings.indexBytesMin) return undefined;
  const statistics = table.statistics.get(leading.columnNumber);
  if (statistics === undefined) return unjudged(whyStatisticsAbsent(table, input.catalogue.server));
  if (statistics.nullFraction < settings.nullFractionMin) return undefined;
  const isSkipScanned =
    index.keys.length > 1 && (input.catalogue.server?.versionNum ?? 0) >= versionWithSkipScan;
  return toDraft(index, leading.text, statistics, index.sizeBytes, isSkipScanned);
}

function toDraft(
  index: IndexView,
  column: string,
  statistics: ColumnStatisticsFact,
  indexBytes: number,
  isSkipScanned: boolean,
): Draft {
  const { table, usage } = index;
  const isSingle = index.keys.length === 1;
  return {
    kind: 'null-heavy-index',
    severity: 'info',
    // Of a multi-column index it is as likely that the NULLs are what is searched for.
    confidence: isSingle ? 'likely' : 'possible',
    table,
    index,
    subject: index.name,
    columns: keyTexts(index),
    related: [],
    title: `${index.name} on ${tableName(table)} ${shapeOf(index)}, ${humaneBytes(indexBytes)}, consists of NULLs to ${percent(statistics.nullFraction)}: ${column} is seldom filled`,
    evidence: {
      shape: shapeOf(index),
      accessMethod: index.fact.accessMethod,
      leadingColumn: column,
      nullRatio: rounded(statistics.nullFraction),
      nullRows: table.rows === undefined ? null : Math.round(table.rows * statistics.nullFraction),
      tableRows: table.rows ?? null,
      indexBytes,
      scansTotal: usage?.scansTotal ?? null,
    },
    caveats: [
      isSingle
        ? `Queries with "${column} IS NULL" use this index as it is, and could not use the partial one.`
        : `The index may be there for the NULLs: "${column} IS NULL AND …" is a common condition. Then a partial index WHERE ${column} IS NULL, without that column in its key, is the better one.`,
      ...(index.fact.accessMethod === 'btree'
        ? ['B-tree packs equal entries: the partial index is smaller, but by less than the share of NULLs.']
        : []),
      ...(isSkipScanned && index.fact.accessMethod === 'btree'
        ? ['From 18 on PostgreSQL may skip through it for conditions on its later columns alone.']
        : []),
      ...(index.fact.isUnique
        ? ['INSERT … ON CONFLICT must repeat the condition of a partial unique index to use it.']
        : []),
    ],
    impact: { reclaimableBytes: 0 },
    remedy: {
      kind: 'review',
      notes: `If no query looks for the NULLs: create a partial index of the same keys with the condition "${column} IS NOT NULL", concurrently, see that the queries use it (any comparison of ${column} with a value implies the condition), and only then retire this one.`,
    },
  };
}

/** Rounded down, so that 99.96 % does not read as all. */
const percent = (ratio: number): string => `${Math.floor(ratio * 1_000) / 10} %`;
