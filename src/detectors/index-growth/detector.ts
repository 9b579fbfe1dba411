import { z } from 'zod';
import { liveEntries } from '../../analysis/bloat/estimate.ts';
import type { IndexView } from '../../analysis/catalogue.ts';
import { isUsable } from '../../analysis/index-identity.ts';
import type { SizePoint } from '../../history/bloat/memory.ts';
import { dayMs, GiB, humaneBytes, humaneDuration, MiB } from '../../model/units.ts';
import { isoTime, rounded } from '../counting.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Unjudged } from '../draft.ts';
import { isJudgedAlone, keyTexts, severityOn, shapeOf, tableName } from '../words.ts';

const IndexGrowthSettings = z.strictObject({
  growthRatioMin: z.number().positive().default(0.5).meta({
    description:
      'How much larger an index must have become for each row it serves, from which that is said: 0.5 is half as much again.',
  }),
  days: z.number().int().min(1).max(35).default(7).meta({
    description: 'Over how many days. Sizes are remembered for forty.',
  }),
  indexBytesMin: z
    .number()
    .int()
    .nonnegative()
    .default(100 * MiB)
    .meta({
      description:
        'Size in bytes below which an index may grow as it likes. A hundred megabytes are noticed in a cache and a backup.',
    }),
  warningBytesMin: z
    .number()
    .int()
    .nonnegative()
    .default(1 * GiB)
    .meta({
      description: 'Bytes by which it outgrew its rows, from which the finding is a warning.',
    }),
});
type IndexGrowthSettings = z.output<typeof IndexGrowthSettings>;

/** A point this much older than asked for still counts: the daemon may have been away for days. */
const patienceDays = 7;

/**
 * Opens when an index of at least `indexBytesMin` takes `growthRatioMin` more bytes for each row than `days` days ago. Closes when
 * it takes less again, by a rebuild or by more rows, or when the growth lies further back.
 *
 * Growth of the table is no growth here: size is compared per row. An index that was not there, or was not seen, so long ago is not
 * judged. Silent on: BRIN, invalid indexes, partitioned ones whose leaves were not all known.
 *
 * False alarms accepted: values that became wider (longer texts, more words a document); the finding says so.
 */
export const indexGrowth = defineDetector<IndexGrowthSettings>({
  id: 'index-growth',
  title: 'The index takes ever more room for each row',
  needs: ['server', 'tables', 'indexes', 'relation-sizes'],
  uses: ['columns', 'table-usage'],
  settings: IndexGrowthSettings,
  *evaluate(input) {
    const findings: Draft[] = [];
    const unjudged: Unjudged[] = [];
    for (const index of input.catalogue.indexes) {
      yield;
      if (!isJudgedAlone(index) || !isUsable(index) || index.fact.accessMethod === 'brin') continue;
      const verdict = judgeIndex(index, input);
      if (verdict === undefined) continue;
      if ('reason' in verdict) unjudged.push(verdict);
      else findings.push(verdict);
    }
    return { findings, unjudged };
  },
});

type Input = DetectorInput<IndexGrowthSettings>;

function judgeIndex(index: IndexView, input: Input): Draft | Unjudged | undefined {
  const { settings, nowMs } = input;
  const unjudged = (reason: string): Unjudged => ({
    relation: index.names.shown,
    reason,
  });
  const { sizeBytes } = index;
  if (sizeBytes === undefined)
    return unjudged('its size is not known: it was locked or dropped while being measured');
  if (sizeBytes < settings.indexBytesMin) return undefined;
  const entries = entriesOf(index);
  if (entries === undefined || entries <= 0) return unjudged('the number of its rows is not known');
  const before = pointBefore(sizesOf(index, input), nowMs, settings.days);
  if ('knownForMs' in before)
    return unjudged(
      `its size is known for ${humaneDuration(before.knownForMs)}, and a verdict wants ${settings.days} d`,
    );
  const now: SizePoint = { atMs: nowMs, sizeBytes, liveEntries: entries };
  const growth = (sizeBytes * before.liveEntries) / (before.sizeBytes * entries) - 1;
  return growth >= settings.growthRatioMin ? draftOf(index, now, before, growth, input) : undefined;
}

const bytesPerRow = ({ sizeBytes, liveEntries: entries }: SizePoint): number => sizeBytes / entries;

/** Of a partitioned index the sum of its leaves; undefined where one is unknown. */
function entriesOf(index: IndexView): number | undefined {
  if (index.fact.relkind !== 'I') return liveEntries(index);
  let total = 0;
  for (const child of index.children) {
    const entries = entriesOf(child);
    if (entries === undefined) return undefined;
    total += entries;
  }
  return total;
}

/** Of a partitioned index the days on which all leaves that there are now were known. */
function sizesOf(index: IndexView, input: Input): readonly SizePoint[] {
  if (index.fact.relkind !== 'I') return input.sizesOf(index);
  const perLeaf = index.children.map((child) => sizesOf(child, input));
  const byDay = new Map<number, SizePoint[]>();
  for (const point of perLeaf.flat()) {
    const day = Math.floor(point.atMs / dayMs);
    byDay.set(day, [...(byDay.get(day) ?? []), point]);
  }
  return [...byDay.values()]
    .filter((points) => points.length === perLeaf.length)
    .map((points) => ({
      atMs: Math.max(...points.map(({ atMs }) => atMs)),
      sizeBytes: points.reduce((sum, point) => sum + point.sizeBytes, 0),
      liveEntries: points.reduce((sum, point) => sum + point.liveEntries, 0),
    }))
    .sort((a, b) => a.atMs - b.atMs);
}

/** The newest point that is old enough; or since when there are any. */
function pointBefore(
  points: readonly SizePoint[],
  nowMs: number,
  days: number,
): SizePoint | { readonly knownForMs: number } {
  const [oldest] = points;
  const fitting = points.filter(
    ({ atMs }) => nowMs - atMs >= days * dayMs && nowMs - atMs < (days + patienceDays) * dayMs,
  );
  return fitting.at(-1) ?? { knownForMs: oldest === undefined ? 0 : Math.max(0, nowMs - oldest.atMs) };
}

function draftOf(index: IndexView, now: SizePoint, before: SizePoint, growth: number, input: Input): Draft {
  const { table } = index;
  const { settings } = input;
  const excessBytes = Math.round(now.sizeBytes - bytesPerRow(before) * now.liveEntries);
  const span = humaneDuration(now.atMs - before.atMs);
  const severity = excessBytes >= settings.warningBytesMin ? 'warning' : 'info';
  return {
    kind: 'index-growth',
    severity: severityOn(table, input.policyFor(table.schemaname), severity),
    confidence: 'likely',
    table,
    index,
    subject: index.name,
    columns: keyTexts(index),
    related: [],
    title: `${index.name} on ${tableName(table)} ${shapeOf(index)} takes ${Math.round(growth * 100)} % more for each row than ${span} ago: ${humaneBytes(now.sizeBytes)}, ${humaneBytes(excessBytes)} of them beyond its rows`,
    evidence: {
      shape: shapeOf(index),
      accessMethod: index.fact.accessMethod,
      sizeBytes: now.sizeBytes,
      rows: Math.round(now.liveEntries),
      bytesPerRow: rounded(bytesPerRow(now)),
      sizeBytesBefore: before.sizeBytes,
      rowsBefore: Math.round(before.liveEntries),
      bytesPerRowBefore: rounded(bytesPerRow(before)),
      growthRatio: rounded(growth),
      excessBytes,
      comparedWith: isoTime(before.atMs),
      bloatRatio: input.bloat.get(index.oid)?.ratio ?? null,
    },
    caveats: [
      'Values that became wider make an index grow as well: longer texts, more words or elements a row. A rebuild does not help against that; bloatRatio tells the two apart where it is known.',
    ],
    // What a rebuild would free is for bloated-index to say.
    impact: { reclaimableBytes: 0, excessBytes },
    remedy: {
      kind: 'review',
      notes:
        'Look for what began in that time: many updates of the key, deletes of whole ranges, a transaction or slot that keeps vacuum from removing dead entries, autovacuum that does not keep up. Rebuilding without removing the cause only starts it anew.',
    },
  };
}
