import { z } from 'zod';
import type { IndexView } from '../../analysis/catalogue.ts';
import { isUsable, whyKept } from '../../analysis/index-identity.ts';
import { windowOf } from '../../analysis/usage-window.ts';
import { counted, dayMs, humaneBytes, MiB } from '../../model/units.ts';
import {
  daysCounted,
  inWindow,
  isoTime,
  otherNodesCaveats,
  rounded,
  whyNotCounted,
  windowEvidence,
} from '../counting.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Unjudged } from '../draft.ts';
import { isJudgedAlone, keyTexts, shapeOf, tableName } from '../words.ts';

const OversizedIndexSettings = z.strictObject({
  indexBytesMin: z
    .number()
    .int()
    .nonnegative()
    .default(1 * MiB)
    .meta({
      description:
        'Index size in bytes from which an index is compared with its table. Below a megabyte empty pages and rounding decide.',
    }),
  tableRatioMin: z.number().positive().default(1).meta({
    description:
      'Index size over the size of the table with its TOAST table, above which the index is oversized. An index holds a part of each row, so that 1 is already unusual.',
  }),
  largeIndexBytesMin: z
    .number()
    .int()
    .nonnegative()
    .default(100 * MiB)
    .meta({
      description:
        'Index size in bytes from which an index that is hardly scanned is reported whatever its table’s size. A hundred megabytes are noticed in a cache, a backup and a standby.',
    }),
  scansPerDayMax: z.number().nonnegative().default(1).meta({
    description:
      'Scans per day below which a large index counts as hardly scanned. Less than one a day keeps its pages out of every cache.',
  }),
});
type OversizedIndexSettings = z.output<typeof OversizedIndexSettings>;

/** From so many columns on an index repeats much of the row, and that alone explains its size. */
const manyColumns = 4;

/**
 * Opens when an index of at least `indexBytesMin` is larger than `tableRatioMin` times its table with TOAST; or when one of at
 * least `largeIndexBytesMin` was scanned, but less than `scansPerDayMax` times a day over a day or more of counting.
 * Closes when a rebuild, a smaller definition or a grown table brings it below the ratio, or when it is scanned more.
 *
 * Silent on: BRIN; by few scans also on all that promise or order something (unique, constraint, replica identity, clustered:
 * they work without being scanned) and on indexes without any scan, which `unused-index` judges over a longer window.
 *
 * False alarms accepted: methods that keep many entries a row (GIN on JSONB, arrays, trigrams) and indexes over most columns
 * of a narrow table are large by nature; the finding names that reason. An index of a table that was just emptied shows up
 * until it is filled again.
 */
export const oversizedIndex = defineDetector<OversizedIndexSettings>({
  id: 'oversized-index',
  title: 'The index is larger than its table, or large and hardly scanned',
  needs: ['server', 'tables', 'columns', 'indexes', 'index-usage', 'relation-sizes'],
  uses: ['replicas'],
  settings: OversizedIndexSettings,
  *evaluate(input) {
    const findings: Draft[] = [];
    const unjudged: Unjudged[] = [];
    for (const index of input.catalogue.indexes) {
      yield;
      if (!isJudgedAlone(index) || !isUsable(index) || index.fact.accessMethod === 'brin') continue;
      const verdict = largerThanTable(index, input) ?? largeAndHardlyScanned(index, input);
      if (verdict === undefined) continue;
      if ('reason' in verdict) unjudged.push(verdict);
      else findings.push(verdict);
    }
    return { findings, unjudged };
  },
});

type Input = DetectorInput<OversizedIndexSettings>;

const unjudgedOf = (index: IndexView, reason: string): Unjudged => ({
  relation: index.names.shown,
  reason,
});

function largerThanTable(index: IndexView, input: Input): Draft | Unjudged | undefined {
  const { settings } = input;
  const { table, sizeBytes } = index;
  if (sizeBytes === undefined)
    return unjudgedOf(index, 'its size is not known: it was locked or dropped while being measured');
  if (sizeBytes < settings.indexBytesMin) return undefined;
  if (table.sizeBytes === undefined)
    return unjudgedOf(
      index,
      'the size of its table is not known: it was locked or dropped while being measured',
    );
  if (sizeBytes <= table.sizeBytes * settings.tableRatioMin) return undefined;
  const ratio = table.sizeBytes === 0 ? undefined : sizeBytes / table.sizeBytes;
  const comparison =
    ratio === undefined
      ? 'while the table is empty'
      : `${rounded(ratio)} times its table with TOAST (${humaneBytes(table.sizeBytes)})`;
  return draftOf(index, input, {
    confidence: 'likely',
    title: `${index.name} on ${tableName(table)} ${shapeOf(index)} takes ${humaneBytes(sizeBytes)}, ${comparison}`,
  });
}

function largeAndHardlyScanned(index: IndexView, input: Input): Draft | Unjudged | undefined {
  const { settings } = input;
  if (index.sizeBytes === undefined || index.sizeBytes < settings.largeIndexBytesMin) return undefined;
  if (whyKept(index) !== undefined) return undefined;
  const notCounted = whyNotCounted(input.catalogue.server, 'scans');
  if (notCounted !== undefined) return unjudgedOf(index, notCounted);
  if (index.usage === undefined) return unjudgedOf(index, 'its counters were not collected');
  const { scansTotal } = index.usage;
  const window = windowOf(input.window, index.usage.statsResetAtMs, input.nowMs);
  const days = daysCounted(window, input.policyFor(index.table.schemaname), dayMs);
  if (!days.ok) return scansTotal >= settings.scansPerDayMax ? undefined : unjudgedOf(index, days.error);
  if (scansTotal === 0 || scansTotal / days.value >= settings.scansPerDayMax) return undefined;
  return draftOf(index, input, {
    confidence: 'possible',
    title: `${index.name} on ${tableName(index.table)} ${shapeOf(index)} takes ${humaneBytes(index.sizeBytes)} and was scanned ${counted(scansTotal, 'time')} ${inWindow(window)}`,
  });
}

function draftOf(index: IndexView, input: Input, verdict: Pick<Draft, 'confidence' | 'title'>): Draft {
  const { table, usage, sizeBytes } = index;
  const entries = index.fact.estimatedEntries;
  return {
    kind: 'oversized-index',
    severity: 'info',
    ...verdict,
    table,
    index,
    subject: index.name,
    columns: keyTexts(index),
    related: [],
    evidence: {
      shape: shapeOf(index),
      accessMethod: index.fact.accessMethod,
      indexBytes: sizeBytes ?? null,
      tableBytes: table.sizeBytes ?? null,
      indexToTableRatio: !sizeBytes || !table.sizeBytes ? null : rounded(sizeBytes / table.sizeBytes),
      estimatedEntries: entries > 0 ? entries : null,
      bytesPerEntry: sizeBytes !== undefined && entries > 0 ? rounded(sizeBytes / entries) : null,
      scansTotal: usage?.scansTotal ?? null,
      lastScanAt: isoTime(usage?.lastScanAtMs),
      ...windowEvidence(windowOf(input.window, usage?.statsResetAtMs, input.nowMs)),
    },
    caveats: [...naturalReasons(index), ...otherNodesCaveats(input.topology)],
    impact: { reclaimableBytes: 0 },
    remedy: {
      kind: 'review',
      notes:
        'Likely reasons, most common first: bloat after many deletes or updates (compare bytesPerEntry with the width of the key, or measure with pgstattuple); a table that shrank and left its index behind; wide keys or many included columns; many entries a row. A bloated index is mended by REINDEX INDEX CONCURRENTLY, a wide one by fewer columns or a hash of the long value; one that nobody needs is reported as unused or redundant, with the statement to drop it.',
    },
  };
}

/** What would make the size natural here. */
function naturalReasons(index: IndexView): readonly string[] {
  const reasons: string[] = [];
  const { accessMethod } = index.fact;
  const columnCount = index.keys.length + index.included.length;
  if (accessMethod === 'gin')
    reasons.push(
      'GIN keeps one entry for each element (key of a document, word, trigram): over JSONB, arrays and text it may well outgrow its table.',
    );
  if (accessMethod === 'gist' || accessMethod === 'spgist')
    reasons.push(`${accessMethod} pages fill unevenly, and keys may be wider than the values they index.`);
  if (accessMethod === 'hash')
    reasons.push(
      'A hash index is laid out for the rows the table had when it was built, rows with a NULL included though it stores none.',
    );
  if (columnCount >= manyColumns)
    reasons.push(`It carries ${columnCount} columns, so that it repeats much of each row.`);
  if (index.fact.hasExpressions)
    reasons.push('It indexes an expression, whose value may be wider than the columns it is made of.');
  if (index.table.rows === 0) reasons.push('The table is empty now; the index may have been filled before.');
  return reasons;
}
