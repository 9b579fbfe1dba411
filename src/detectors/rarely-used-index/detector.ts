import { z } from 'zod';
import type { IndexView } from '../../analysis/catalogue.ts';
import { isUsable, supportsForeignKey, whyKept } from '../../analysis/index-identity.ts';
import { windowOf } from '../../analysis/usage-window.ts';
import { disuseOf, subjectIn, tableOnNodes, type UsageAcrossNodes } from '../../history/usage/across.ts';
import { usageOfIndex } from '../../history/usage/observation.ts';
import { tableAcross, usesAcross, wholeDays } from '../../history/usage/rates.ts';
import { dayOf, recentDays } from '../../history/usage/state.ts';
import type { Evidence } from '../../model/finding.ts';
import { counted, dayMs, humaneCount, minuteMs } from '../../model/units.ts';
import {
  daysCounted,
  inWindow,
  isoTime,
  otherNodesCaveats,
  rounded,
  rowsUpdatedNotHot,
  rowsWritten,
  whyNotCounted,
  windowEvidence,
} from '../counting.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Unjudged } from '../draft.ts';
import { isJudgedAlone, keyTexts, shapeOf, tableName } from '../words.ts';

const RarelyUsedIndexSettings = z.strictObject({
  writesPerScanMin: z.number().int().positive().default(1_000).meta({
    description:
      'Row writes that the table takes for each scan of the index, from which the index counts as rarely used. Below a thousand a single avoided sequential scan can repay them.',
  }),
  writesMin: z.number().int().nonnegative().default(10_000).meta({
    description:
      'Row writes in the whole window below which nothing is said: so few cost nobody anything, whatever the ratio.',
  }),
  scansPerDayMax: z.number().nonnegative().default(24).meta({
    description:
      'Scans per day up to which the index counts as rarely used. One an hour is the pace of a job; more than that is somebody waiting.',
  }),
});
type RarelyUsedIndexSettings = z.output<typeof RarelyUsedIndexSettings>;

/** Counters reset together differ by less than this; further apart, scans and writes are not of the same time. */
const sameResetMs = minuteMs;

/**
 * Opens when, over a window of at least the policy's `unusedAfter` (and a day), an index was scanned, but at most
 * `scansPerDayMax` times a day, while its table took at least `writesPerScanMin` row writes (inserts, updates that were not HOT,
 * deletes) for each scan. Closes when it is scanned more, or its table written less. Where the window was observed on every node,
 * the days that are remembered count; else the counters of this node, and after a statistics reset it stands, and is not judged
 * until the window has passed again.
 *
 * Silent on: indexes without any scan (`unused-index` judges those), all that promise or order something (unique, constraint,
 * replica identity, clustered), partial indexes (the table's counters do not say how many writes touched them), BRIN (a write
 * costs it next to nothing) and materialized views (their writes are refreshes). Partitioned indexes are judged by the sums.
 *
 * False alarms accepted: a bulk load or restore in the window counts as writes; an index created later than the window began is
 * charged with writes from before its time; the few scans may be the ones that matter, hence "review" and never a drop.
 */
export const rarelyUsedIndex = defineDetector<RarelyUsedIndexSettings>({
  id: 'rarely-used-index',
  title: 'The table is written far more often than this index is read',
  needs: [
    'server',
    'tables',
    'columns',
    'indexes',
    'constraints',
    'operator-classes',
    'index-usage',
    'table-usage',
  ],
  uses: ['replicas'],
  settings: RarelyUsedIndexSettings,
  *evaluate(input) {
    const notCounted = whyNotCounted(input.catalogue.server, 'writes');
    if (notCounted !== undefined) return { findings: [], inconclusive: notCounted };
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
  index.fact.accessMethod !== 'brin' &&
  !index.fact.hasPredicate &&
  index.table.fact.relkind !== 'm' &&
  whyKept(index) === undefined;

type Input = DetectorInput<RarelyUsedIndexSettings>;

function judge(index: IndexView, input: Input): Draft | Unjudged | undefined {
  const { usage } = input;
  const { unusedAfterMs } = input.policyFor(index.table.schemaname);
  if (usage === undefined || unusedAfterMs === 0) return judgeByCounters(index, input);
  // Days are remembered for six weeks: of a longer window the last ones stand for it.
  const wantedMs = Math.min(Math.max(unusedAfterMs, dayMs), (recentDays - 2) * dayMs);
  const disuse = disuseOf(usage, index, wantedMs, input.nowMs);
  if (disuse.kind === 'unknown') return unjudged(index, disuse.reason);
  if (disuse.kind === 'unused') return undefined;
  const days = daysObserved(index, usage, wantedMs);
  return days === undefined ? judgeByCounters(index, input) : judgeByDays(index, usage, days, input);
}

const unjudged = ({ names }: IndexView, reason: string): Unjudged => ({ relation: names.shown, reason });

/** The whole days in which the index was observed on every node, and its table; undefined where they do not reach back far enough. */
function daysObserved(
  index: IndexView,
  usage: UsageAcrossNodes,
  wantedMs: number,
): readonly number[] | undefined {
  const subject = subjectIn(usage, index);
  if (subject === undefined) return undefined;
  const onNodes = usage.nodes.flatMap(({ history }) => (history && usageOfIndex(history, subject)) ?? []);
  const seen = [...onNodes, ...tableOnNodes(usage, index.table)];
  if (seen.length < 2 * usage.nodes.length) return undefined;
  const sinceMs = Math.max(...seen.map(({ observedSinceMs }) => observedSinceMs));
  const toMs = Math.min(...seen.map(({ observedToMs }) => observedToMs));
  if (toMs - sinceMs < wantedMs) return undefined;
  const days = wholeDays(usage, dayOf(sinceMs) + 1);
  return days.length > 0 ? days : undefined;
}

function judgeByDays(
  index: IndexView,
  usage: UsageAcrossNodes,
  days: readonly number[],
  input: Input,
): Draft | undefined {
  const { settings } = input;
  const subject = subjectIn(usage, index) ?? '';
  const sum = (countOn: (day: number) => number): number => days.reduce((all, day) => all + countOn(day), 0);
  const scansTotal = sum((day) => usesAcross(usage, subject, day));
  const writes = sum((day) => tableAcross(usage, index.table, day).rowsWritten);
  const isRare = scansTotal > 0 && scansTotal / days.length <= settings.scansPerDayMax;
  if (!isRare || writes < settings.writesMin || writes / scansTotal < settings.writesPerScanMin)
    return undefined;
  const nodes = usage.nodes.map(({ node }) => node);
  const counts: Counted = {
    scansTotal,
    writes,
    days: days.length,
    span: `in ${counted(days.length, 'day')}`,
    evidence: {
      windowSeconds: (days.length * dayMs) / 1000,
      observedSince: isoTime((days.at(-1) ?? 0) * dayMs),
      nodes,
    },
    caveats: ['Bulk loads and restores in the window count as writes.'],
  };
  return toDraft(index, counts, input);
}

function judgeByCounters(index: IndexView, input: Input): Draft | Unjudged | undefined {
  const { settings, nowMs } = input;
  const { usage, table } = index;
  if (usage === undefined || table.usage === undefined)
    return unjudged(index, 'the counters of the index or its table were not collected');

  const policy = input.policyFor(table.schemaname);
  const window = windowOf(input.window, usage.statsResetAtMs, nowMs);
  const tableWindow = windowOf(input.window, table.usage.statsResetAtMs, nowMs);
  const wantedMs = Math.max(policy.unusedAfterMs, dayMs);
  const days = daysCounted(window, policy, wantedMs);
  if (!days.ok) {
    // So many scans already that the whole window cannot make them few.
    const isPlenty = usage.scansTotal > settings.scansPerDayMax * (wantedMs / dayMs);
    return isPlenty ? undefined : unjudged(index, days.error);
  }
  const { scansTotal } = usage;
  const writes = rowsWritten(table.usage);
  const isRare = scansTotal > 0 && scansTotal / days.value <= settings.scansPerDayMax;
  if (!isRare || writes < settings.writesMin || writes / scansTotal < settings.writesPerScanMin)
    return undefined;
  if (Math.abs((window.sinceMs ?? 0) - (tableWindow.sinceMs ?? 0)) > sameResetMs)
    return unjudged(index, 'the counters of the index and of its table were reset at different times');
  const counts: Counted = {
    scansTotal,
    writes,
    days: days.value,
    span: inWindow(window),
    evidence: {
      rowsInsertedTotal: table.usage.rowsInsertedTotal,
      rowsUpdatedNotHotTotal: rowsUpdatedNotHot(table.usage),
      rowsDeletedTotal: table.usage.rowsDeletedTotal,
      ...windowEvidence(window),
    },
    caveats: [
      'Bulk loads and restores in the window count as writes, and so do writes from before the index was created.',
    ],
  };
  return toDraft(index, counts, input);
}

interface Counted {
  readonly scansTotal: number;
  readonly writes: number;
  readonly days: number;
  /** `in 31 d`. */
  readonly span: string;
  readonly evidence: Evidence;
  readonly caveats: readonly string[];
}

function toDraft(index: IndexView, counts: Counted, input: Input): Draft {
  const { table, usage } = index;
  const { scansTotal, writes, days } = counts;
  return {
    kind: 'rarely-used-index',
    severity: 'info',
    confidence: 'possible',
    table,
    index,
    subject: index.name,
    columns: keyTexts(index),
    related: [],
    title: `${index.name} on ${tableName(table)} ${shapeOf(index)} was scanned ${counted(scansTotal, 'time')} ${counts.span}, and ${humaneCount(writes / scansTotal)} rows were written for each scan`,
    evidence: {
      shape: shapeOf(index),
      scansTotal,
      scansPerDay: rounded(scansTotal / days),
      lastScanAt: isoTime(usage?.lastScanAtMs),
      rowsWrittenTotal: writes,
      rowsWrittenPerScan: rounded(writes / scansTotal),
      sizeBytes: index.sizeBytes ?? null,
      tableRows: table.rows ?? null,
      ...counts.evidence,
    },
    caveats: [
      'Few scans may be important ones: a monthly report, a clean-up job, a person waiting.',
      ...counts.caveats,
      'The planner reads the end points of an index to estimate costs, and each time counts as a scan: true use may be lower still.',
      ...otherNodesCaveats(input.topology),
      ...foreignKeyCaveats(index),
    ],
    impact: { reclaimableBytes: 0, rowsWrittenPerDay: Math.round(writes / days) },
    remedy: {
      kind: 'review',
      notes:
        'Find the statements that use the index (pg_stat_statements, or EXPLAIN of the jobs that touch the table). If another index or an occasional sequential scan serves them as well, the index is not worth its writes; if only a few rows are searched for, a partial index over those rows costs less.',
    },
  };
}

const foreignKeyCaveats = (index: IndexView): readonly string[] =>
  index.table.foreignKeys
    .filter((key) => key.fact.isEnforced && supportsForeignKey(index, key))
    .map(
      (key) =>
        `It supports the foreign key ${key.name}: without it, deleting or re-keying a row of ${key.fact.referencedSchemaname}.${key.fact.referencedRelname} may read the whole table.`,
    );
