import { z } from 'zod';
import type { IndexView, TableView } from '../../analysis/catalogue.ts';
import { windowOf } from '../../analysis/usage-window.ts';
import { dayMs, humaneBytes, humaneCount } from '../../model/units.ts';
import {
  daysCounted,
  otherNodesCaveats,
  rounded,
  rowsWritten,
  whyNotCounted,
  windowEvidence,
} from '../counting.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Unjudged } from '../draft.ts';
import { isTop, tableName } from '../words.ts';

const OverIndexedTableSettings = z.strictObject({
  indexesMax: z.number().int().nonnegative().default(10).meta({
    description:
      'Indexes that a table may have, keys included, before it counts as over-indexed. Ten serve a table with several foreign keys and a few queries of its own.',
  }),
  indexToTableRatioMin: z.number().nonnegative().default(1).meta({
    description:
      'Bytes of all indexes over bytes of the table with TOAST, above which the indexes outweigh what they index. Below it many small indexes are no burden.',
  }),
  writesPerDayMin: z.number().nonnegative().default(10_000).meta({
    description:
      'Row writes per day from which a table counts as written to: about one in nine seconds. Below it nobody feels the indexes’ upkeep.',
  }),
  writeShareMin: z.number().min(0).max(1).default(0.1).meta({
    description:
      'Row writes over writes and scans together. A table that is read ten times for each row written may well have an index for every reader.',
  }),
});
type OverIndexedTableSettings = z.output<typeof OverIndexedTableSettings>;

/**
 * Opens when a table has more than `indexesMax` valid indexes which together are larger than `indexToTableRatioMin` times the
 * table with TOAST, and it is written to: at least `writesPerDayMin` rows a day over a day or more, and `writeShareMin` of all
 * scans and writes. Closes when indexes go, or the table is written less. After a statistics reset it stands for a day unjudged.
 *
 * Silent on: partitions (the tree is judged at its top, by the partitioned table's indexes and the sums of its leaves) and
 * materialized views, whose writes are refreshes.
 *
 * False alarms accepted: every one of the indexes may be needed; a bulk load in the window counts as writes. What may go is
 * for `duplicate-index`, `redundant-index` and `unused-index` to say.
 */
export const overIndexedTable = defineDetector<OverIndexedTableSettings>({
  id: 'over-indexed-table',
  title: 'A written table carries many indexes',
  needs: ['server', 'tables', 'indexes', 'index-usage', 'table-usage', 'relation-sizes'],
  uses: ['replicas'],
  settings: OverIndexedTableSettings,
  *evaluate(input) {
    const notCounted = whyNotCounted(input.catalogue.server, 'writes');
    if (notCounted !== undefined) return { findings: [], inconclusive: notCounted };
    const findings: Draft[] = [];
    const unjudged: Unjudged[] = [];
    for (const table of input.catalogue.tables) {
      yield;
      if (!isTop(table) || table.fact.relkind === 'm') continue;
      const verdict = judge(table, input);
      if (verdict === undefined) continue;
      if ('reason' in verdict) unjudged.push(verdict);
      else findings.push(verdict);
    }
    return { findings, unjudged };
  },
});

function judge(
  table: TableView,
  input: DetectorInput<OverIndexedTableSettings>,
): Draft | Unjudged | undefined {
  const { settings } = input;
  const indexes = table.indexes.filter((index) => index.fact.isValid);
  if (indexes.length <= settings.indexesMax) return undefined;
  const unjudged = (reason: string): Unjudged => ({ relation: tableName(table), reason });

  const indexBytes = totalBytes(indexes);
  if (indexBytes === undefined || table.sizeBytes === undefined)
    return unjudged('the size of the table or of one of its indexes is not known');
  if (indexBytes <= table.sizeBytes * settings.indexToTableRatioMin) return undefined;

  const { usage } = table;
  if (usage === undefined) return unjudged('its counters were not collected');
  const window = windowOf(input.window, usage.statsResetAtMs, input.nowMs);
  const days = daysCounted(window, input.policyFor(table.schemaname), dayMs);
  if (!days.ok) return unjudged(days.error);
  const writes = rowsWritten(usage);
  const scans = usage.sequentialScansTotal + usage.indexScansTotal;
  const writesPerDay = writes / days.value;
  const isWritten = writes > 0 && writesPerDay >= settings.writesPerDayMin;
  if (!isWritten || writes / (writes + scans) < settings.writeShareMin) return undefined;

  const unscanned = indexes.filter((index) => index.usage?.scansTotal === 0).length;
  const ratio = table.sizeBytes === 0 ? undefined : indexBytes / table.sizeBytes;
  return {
    kind: 'over-indexed-table',
    severity: 'info',
    confidence: 'possible',
    table,
    index: null,
    subject: '',
    columns: [],
    related: [],
    title: `Table ${tableName(table)} has ${indexes.length} indexes (${humaneBytes(indexBytes)}${ratio === undefined ? '' : `, ${rounded(ratio)} times the table`}) and takes ${humaneCount(writesPerDay)} row writes a day`,
    evidence: {
      indexes: indexes.length,
      indexesWithoutScans: unscanned,
      indexBytes,
      tableBytes: table.sizeBytes,
      indexToTableRatio: ratio === undefined ? null : rounded(ratio),
      rowsWrittenTotal: writes,
      rowsWrittenPerDay: Math.round(writesPerDay),
      rowsInsertedTotal: usage.rowsInsertedTotal,
      rowsUpdatedTotal: usage.rowsUpdatedTotal,
      rowsDeletedTotal: usage.rowsDeletedTotal,
      hotUpdateRatio:
        usage.rowsUpdatedTotal === 0 ? null : rounded(usage.rowsHotUpdatedTotal / usage.rowsUpdatedTotal),
      scansTotal: scans,
      ...windowEvidence(window),
    },
    caveats: [
      'Each of the indexes may be needed; the count alone proves nothing about any of them.',
      'Bulk loads and restores in the window count as writes.',
      ...otherNodesCaveats(input.topology),
    ],
    impact: { reclaimableBytes: 0, rowsWrittenPerDay: Math.round(writesPerDay) },
    remedy: {
      kind: 'review',
      notes: `Every insert, and every update that is not HOT, writes to each of the ${indexes.length} indexes${unscanned === 0 ? '' : `; ${unscanned} of them had no scan in the window`}. Begin with what is reported as duplicate, redundant or unused on this table, then with indexes on columns that are updated often, which keep updates from being HOT.`,
    },
  };
}

function totalBytes(indexes: readonly IndexView[]): number | undefined {
  let total = 0;
  for (const { sizeBytes } of indexes) {
    if (sizeBytes === undefined) return undefined;
    total += sizeBytes;
  }
  return total;
}
