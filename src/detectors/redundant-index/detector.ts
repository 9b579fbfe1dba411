import { z } from 'zod';
import type { IndexView } from '../../analysis/catalogue.ts';
import type { Cover } from '../../analysis/index-identity.ts';
import { type Replacement, replacementsOn, usualReplacementLimits } from '../../analysis/replacement.ts';
import { slicedFlatMap } from '../../model/sliced.ts';
import { humaneBytes } from '../../model/units.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft } from '../draft.ts';
import { lockedIndexes } from '../unjudged.ts';
import { keyTexts, severityOn, shapeOf, tableName } from '../words.ts';

const RedundantIndexSettings = z.strictObject({
  sizeRatioMax: z.number().positive().default(usualReplacementLimits.sizeRatioMax).meta({
    description:
      'Size of the wider index over the size of the covered one, up to which a drop is advised however much the covered one is scanned. Above half as large again, reading the wider one costs noticeably more.',
  }),
  negligibleScanShareMax: z
    .number()
    .min(0)
    .max(1)
    .default(usualReplacementLimits.negligibleScanShareMax)
    .meta({
      description:
        'Scans of the covered index over all index scans on its table, up to which a drop is advised however much larger the wider one is. If one scan in a hundred gets slower, the table as a whole is read no slower.',
    }),
});
type RedundantIndexSettings = z.output<typeof RedundantIndexSettings>;

/**
 * Opens when another usable index of the table serves every query that a plain one serves: a B-tree whose leading keys are its keys, a
 * unique index on the same keys, or one that carries more payload. Unique, constraint-backed and exclusion indexes are never redundant.
 * A drop is advised only where the wider index is at most `sizeRatioMax` times as large or the narrow one hardly scanned (at most
 * `negligibleScanShareMax` of the scans on its table); otherwise the finding is for review. Closes when either index is gone.
 * Accepts that the wider index may read slower.
 */
export const redundantIndex = defineDetector<RedundantIndexSettings>({
  id: 'redundant-index',
  title: 'Index is covered by another',
  needs: ['tables', 'columns', 'indexes', 'operator-classes', 'relation-sizes', 'index-usage'],
  settings: RedundantIndexSettings,
  *evaluate(input) {
    const findings = yield* slicedFlatMap(input.catalogue.tables, (table) =>
      replacementsOn(table, input.settings)
        .filter((replacement) => replacement.reason !== 'duplicate')
        .map((replacement) => toDraft(replacement, input)),
    );
    return { findings, unjudged: lockedIndexes(input.catalogue) };
  },
});

const how: Readonly<Record<Cover, string>> = {
  'covered-by-prefix': 'begins with the same keys',
  'covered-by-unique': 'is unique on the same keys',
  'covered-by-payload': 'has the same keys and carries more columns',
};

const whyItCovers = (keep: IndexView, reason: Cover): string =>
  keep.fact.isExclusion && reason === 'covered-by-unique'
    ? 'it enforces an exclusion constraint on the same keys'
    : `it ${how[reason]}`;

function toDraft(replacement: Replacement, input: DetectorInput<RedundantIndexSettings>): Draft {
  const { drop, keep, isForReview, sizeRatio } = replacement;
  // The detector asked for replacements that are no duplicates; the type cannot know.
  const reason = replacement.reason as Cover;
  const { table } = drop;
  const bytes = drop.sizeBytes;
  const advice = isForReview
    ? 'worth a review'
    : bytes === undefined
      ? 'it can be dropped'
      : `dropping it frees ${humaneBytes(bytes)}`;
  const writes = table.usage;
  return {
    kind: 'redundant-index',
    severity: isForReview ? 'info' : severityOn(table, input.policyFor(table.schemaname), 'warning'),
    confidence: isForReview ? 'possible' : 'likely',
    table,
    index: drop,
    subject: drop.name,
    columns: keyTexts(drop),
    related: [
      { schemaname: table.schemaname, indexrelname: keep.name, role: 'keep', why: whyItCovers(keep, reason) },
      ...replacement.others.map((other) => ({
        schemaname: table.schemaname,
        indexrelname: other.name,
        role: 'overlaps' as const,
        why: 'it overlaps as well',
      })),
    ],
    title: `${drop.name} on ${tableName(table)} ${shapeOf(drop)} is covered by ${keep.name} ${shapeOf(keep)}: ${advice}`,
    evidence: {
      reason,
      shape: shapeOf(drop),
      sizeBytes: bytes ?? null,
      scansTotal: drop.usage?.scansTotal ?? null,
      keptShape: shapeOf(keep),
      keptSizeBytes: keep.sizeBytes ?? null,
      keptScansTotal: keep.usage?.scansTotal ?? null,
      sizeRatio: sizeRatio === undefined ? null : Math.round(sizeRatio * 100) / 100,
      tableRows: table.rows ?? null,
      rowsUpdatedTotal: writes?.rowsUpdatedTotal ?? null,
      rowsHotUpdatedTotal: writes?.rowsHotUpdatedTotal ?? null,
    },
    caveats: caveatsFor(replacement),
    impact: { reclaimableBytes: isForReview ? 0 : (bytes ?? 0) },
    remedy: isForReview
      ? {
          kind: 'review',
          notes: `${keep.name} is ${sizeRatio === undefined ? 'of unknown relative size' : `${sizeRatio.toFixed(1)} times the size`} and ${drop.name} is in use: compare the plans and times of the queries that use it before dropping it.`,
        }
      : { kind: 'drop-index', index: drop },
  };
}

function caveatsFor({ drop, keep, reason }: Replacement): readonly string[] {
  const caveats: string[] = [];
  if (reason === 'covered-by-prefix') {
    caveats.push(
      'The wider index holds more keys: it may deduplicate less, need more pages for the same rows, and its extra columns can keep updates from being HOT.',
    );
  }
  if (drop.fact.isClustered)
    caveats.push('The table is clustered on it: choose another index for CLUSTER first.');
  if (drop.fact.isReplicaIdentity) caveats.push("It is the table's replica identity.");
  if (keep.usage !== undefined && keep.usage.scansTotal === 0) {
    caveats.push(`${keep.name} has not been scanned itself since the statistics began.`);
  }
  return caveats;
}
