import { z } from 'zod';
import type { IndexView } from '../../analysis/catalogue.ts';
import { isUsable } from '../../analysis/index-identity.ts';
import { windowOf } from '../../analysis/usage-window.ts';
import { counted, dayMs, humaneCount } from '../../model/units.ts';
import { daysCounted, inWindow, rounded, whyNotCounted, windowEvidence } from '../counting.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Unjudged } from '../draft.ts';
import { isJudgedAlone, keyTexts, shapeOf, tableName } from '../words.ts';

const HighReadRatioIndexSettings = z.strictObject({
  tuplesPerScanMin: z.number().positive().default(100).meta({
    description:
      'Index entries read per scan, above which a scan counts as broad. A query for one thing reads a few; a hundred is more than fits on a screen.',
  }),
  scansMin: z.number().int().positive().default(1_000).meta({
    description:
      'Scans below which nothing is said: a few broad ones are reports, and an average over few means little.',
  }),
});
type HighReadRatioIndexSettings = z.output<typeof HighReadRatioIndexSettings>;

/** A scan that reads less than this share of the table is what indexes are for, however many entries that is. */
const selectiveShare = 0.01;

/**
 * Opens when an index was scanned at least `scansMin` times and read more than `tuplesPerScanMin` entries a scan on average
 * (idx_tup_read over idx_scan; bitmap scans count in both, of every method but BRIN). Closes when the average falls below,
 * which lifetime counters do slowly: a statistics reset shortens the wait. Skip scans (18) count each of their searches, and the
 * planner's look at an index's end points counts too: both make the average smaller than it is, never larger.
 *
 * Silent on: BRIN (its bitmap counts pages as ten entries each, whatever they hold) and keys (unique, constraint, exclusion).
 *
 * False alarms accepted: range scans, reports, queues and full-text searches read many entries because they are asked to. An
 * average hides the spread: one huge report among many narrow scans looks the same as a thousand broad ones.
 */
export const highReadRatioIndex = defineDetector<HighReadRatioIndexSettings>({
  id: 'high-read-ratio-index',
  title: 'Each scan of this index reads many entries',
  needs: ['server', 'tables', 'columns', 'indexes', 'index-usage'],
  settings: HighReadRatioIndexSettings,
  *evaluate(input) {
    const notCounted = whyNotCounted(input.catalogue.server, 'scans');
    if (notCounted !== undefined) return { findings: [], inconclusive: notCounted };
    const findings: Draft[] = [];
    const unjudged: Unjudged[] = [];
    for (const index of input.catalogue.indexes) {
      yield;
      if (!isCandidate(index)) continue;
      const reason = whyUnjudged(index, input);
      if (reason !== undefined) unjudged.push({ relation: index.names.shown, reason });
      else if (isBroad(index, input.settings)) findings.push(toDraft(index, input));
    }
    return { findings, unjudged };
  },
});

type Input = DetectorInput<HighReadRatioIndexSettings>;

const isCandidate = (index: IndexView): boolean =>
  isJudgedAlone(index) &&
  isUsable(index) &&
  index.fact.accessMethod !== 'brin' &&
  !index.fact.isUnique &&
  !index.fact.isExclusion &&
  index.fact.constraintOid === null;

/** Within the first day of counting too few scans mean that it is early, not that they are few. */
function whyUnjudged(index: IndexView, input: Input): string | undefined {
  if (index.usage === undefined) return 'its counters were not collected';
  if (index.usage.scansTotal >= input.settings.scansMin) return undefined;
  const window = windowOf(input.window, index.usage.statsResetAtMs, input.nowMs);
  const days = daysCounted(window, input.policyFor(index.table.schemaname), dayMs);
  return days.ok ? undefined : days.error;
}

const isBroad = ({ usage }: IndexView, settings: HighReadRatioIndexSettings): boolean =>
  usage !== undefined &&
  usage.scansTotal >= settings.scansMin &&
  usage.tuplesReadTotal > usage.scansTotal * settings.tuplesPerScanMin;

function toDraft(index: IndexView, input: Input): Draft {
  const { table, usage } = index;
  const scans = usage?.scansTotal ?? 0;
  const tuplesRead = usage?.tuplesReadTotal ?? 0;
  const perScan = tuplesRead / scans;
  const share = table.rows === undefined || table.rows === 0 ? undefined : Math.min(1, perScan / table.rows);
  const window = windowOf(input.window, usage?.statsResetAtMs, input.nowMs);
  return {
    kind: 'high-read-ratio-index',
    severity: 'info',
    confidence: 'possible',
    table,
    index,
    subject: index.name,
    columns: keyTexts(index),
    related: [],
    title: `${index.name} on ${tableName(table)} ${shapeOf(index)} reads ${humaneCount(perScan)} entries a scan on average, over ${counted(scans, 'scan')} ${inWindow(window)}`,
    evidence: {
      shape: shapeOf(index),
      scansTotal: scans,
      tuplesReadTotal: tuplesRead,
      tuplesReadPerScan: rounded(perScan),
      tuplesFetchedTotal: usage?.tuplesFetchedTotal ?? null,
      tableRows: table.rows ?? null,
      readShareOfRowsRatio: share === undefined ? null : rounded(share),
      ...windowEvidence(window),
    },
    caveats: [
      'Range scans, reports, counts and batch jobs read many entries because they are asked to; that is no fault of the index.',
      'It is an average: a few very broad scans among many narrow ones look the same.',
      ...(share !== undefined && share < selectiveShare
        ? [
            `A scan reads less than ${selectiveShare * 100} % of the rows, which is still selective for a table of this size.`,
          ]
        : []),
      ...(index.fact.isClustered
        ? ['The table is clustered on this index, as is done for broad range scans.']
        : []),
      ...(index.fact.accessMethod === 'btree'
        ? []
        : [
            `A ${index.fact.accessMethod} scan returns candidates that are checked in the table afterwards; many are expected.`,
          ]),
    ],
    impact: { reclaimableBytes: 0, tuplesReadPerScan: Math.round(perScan) },
    remedy: {
      kind: 'review',
      notes:
        'Look at the statements behind it (pg_stat_statements, EXPLAIN (ANALYZE, BUFFERS)). "Rows Removed by Filter" above an index scan means that a column of the WHERE clause is missing from the key: add it behind the columns compared by equality. Where a fixed condition is always there, a partial index reads only the rows it admits; where only the first rows are wanted, a key in the order of ORDER BY lets LIMIT stop early.',
    },
  };
}
