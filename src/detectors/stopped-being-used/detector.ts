import { z } from 'zod';
import type { IndexView } from '../../analysis/catalogue.ts';
import { isUsable } from '../../analysis/index-identity.ts';
import { subjectIn, type UsageAcrossNodes } from '../../history/usage/across.ts';
import { type IndexObservation, usageOfIndex } from '../../history/usage/observation.ts';
import { isWhole, lastWholeDay, tableAcross, usesAcross } from '../../history/usage/rates.ts';
import { dayOf, recentDays } from '../../history/usage/state.ts';
import { dayMs, humaneCount, humaneDuration } from '../../model/units.ts';
import { isoTime, otherNodesCaveats, rounded } from '../counting.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Unjudged } from '../draft.ts';
import { isJudgedAlone, keyTexts, severityOn, shapeOf, tableName } from '../words.ts';

const StoppedBeingUsedSettings = z.strictObject({
  quietDays: z.number().int().min(1).max(14).default(1).meta({
    description:
      'Whole days (UTC) without any use, each of a weekday on which the index was used the week before. One is the soonest that can be told from a night or a weekend.',
  }),
  usedDaysMin: z.number().int().min(1).max(7).default(5).meta({
    description:
      'On how many of the seven days before it stopped the index must have been used. Five is what is used on working days.',
  }),
  usesPerDayMin: z.number().positive().default(24).meta({
    description:
      'Uses a day, over these seven days, from which it is news that they stop. Fewer than one an hour is the pace of single jobs, which come and go.',
  }),
});
type StoppedBeingUsedSettings = z.output<typeof StoppedBeingUsedSettings>;

/** Sequential scans so many times as usual are taken to be what the index did before. */
const takenOverRatio = 10;
/** Below this share of what is usual the table's other readers are quiet too, and it is not about the index. */
const quietRatio = 0.5;
const weekDays = 7;

/**
 * Opens when an index that was used on most days, on any node, was not used on any of them for at least `quietDays` whole days, each
 * observed on every node and of a weekday on which it was used the week before, while its table went on being read as usual. Closes
 * with the next use, or when `unused-index` has had its window. Any index counts, keys included: a plan may have changed.
 *
 * A warning where the table's sequential scans have risen tenfold, as though they had taken over; info otherwise.
 *
 * False alarms accepted: a feature that was switched off on purpose; a holiday, where the table's other readers go on; an index
 * whose work another one has taken over.
 */
export const stoppedBeingUsed = defineDetector<StoppedBeingUsedSettings>({
  id: 'stopped-being-used',
  title: 'Index was used daily and no longer is',
  needs: ['server', 'tables', 'columns', 'indexes', 'operator-classes', 'index-usage', 'table-usage'],
  uses: ['replicas'],
  needsHistory: true,
  settings: StoppedBeingUsedSettings,
  *evaluate(input) {
    const { usage } = input;
    if (usage === undefined) return { findings: [], inconclusive: 'nothing is remembered of earlier days' };
    const findings: Draft[] = [];
    const unjudged: Unjudged[] = [];
    for (const index of input.catalogue.indexes) {
      yield;
      if (!isJudgedAlone(index) || !isUsable(index)) continue;
      const verdict = judge(index, { ...input, usage });
      if (verdict === undefined) continue;
      if ('reason' in verdict) unjudged.push(verdict);
      else findings.push(verdict);
    }
    return { findings, unjudged };
  },
});

type Input = DetectorInput<StoppedBeingUsedSettings> & { readonly usage: UsageAcrossNodes };

function judge(index: IndexView, input: Input): Draft | Unjudged | undefined {
  const { usage, nowMs, settings } = input;
  const subject = subjectIn(usage, index);
  if (subject === undefined) return undefined;
  const seen = usage.nodes.flatMap(({ history }) => (history && usageOfIndex(history, subject)) ?? []);
  const lastUsedAtMs = Math.max(0, ...seen.map((node) => node.lastUsedAtMs ?? 0));
  const { unusedAfterMs } = input.policyFor(index.table.schemaname);
  if (lastUsedAtMs === 0 || (unusedAfterMs > 0 && nowMs - lastUsedAtMs >= unusedAfterMs)) return undefined;

  const lastDay = dayOf(lastUsedAtMs);
  const usesOn = (day: number): number => usesAcross(usage, subject, day);
  const weekBefore = Array.from({ length: weekDays }, (_, age) => lastDay - 1 - age);
  const isRemembered = lastDay - weekDays > lastWholeDay(usage) + 1 - recentDays;
  const usedDays = weekBefore.filter((day) => usesOn(day) > 0).length;
  const usesPerDay = weekBefore.reduce((sum, day) => sum + usesOn(day), 0) / weekDays;
  if (!isRemembered || usedDays < settings.usedDaysMin || usesPerDay < settings.usesPerDayMin)
    return undefined;

  const unreadable = whyUnreadable(seen, input);
  if (unreadable !== undefined)
    return isSilent(lastDay, input) ? { relation: relationOf(index), reason: unreadable } : undefined;
  const observedSinceMs = Math.max(...seen.map((node) => node.observedSinceMs));
  const quiet = quietDaysSince(lastDay, observedSinceMs, usage)
    .map((day) => ({ day, usual: sameWeekdayBefore(day, lastDay) }))
    .filter(({ usual }) => usesOn(usual) > 0);
  if (quiet.length < settings.quietDays) return undefined;
  return judgeQuiet(index, { lastUsedAtMs, usedDays, usesPerDay, quiet, usesOn }, input);
}

interface Stop {
  readonly lastUsedAtMs: number;
  readonly usedDays: number;
  readonly usesPerDay: number;
  /** Days without use, each with the one before it stopped that it is compared with. */
  readonly quiet: readonly { readonly day: number; readonly usual: number }[];
  readonly usesOn: (day: number) => number;
}

function judgeQuiet(index: IndexView, stop: Stop, input: Input): Draft | Unjudged {
  const { usage } = input;
  let [reads, othersBefore, sequential, sequentialBefore] = [0, 0, 0, 0];
  for (const { day, usual } of stop.quiet) {
    const now = tableAcross(usage, index.table, day);
    const before = tableAcross(usage, index.table, usual);
    reads += now.reads;
    othersBefore += Math.max(0, before.reads - stop.usesOn(usual));
    sequential += now.sequentialScans;
    sequentialBefore += before.sequentialScans;
  }
  if (reads === 0)
    return { relation: relationOf(index), reason: 'it is no longer used, but its table is not read either' };
  if (reads < othersBefore * quietRatio)
    return {
      relation: relationOf(index),
      reason:
        'it is no longer used, but its table is read less than half as often as usual on these weekdays, by others too',
    };
  const days = stop.quiet.length;
  return toDraft(
    index,
    stop,
    { sequentialPerDay: sequential / days, usualPerDay: sequentialBefore / days },
    input,
  );
}

const relationOf = ({ names }: IndexView): string => names.shown;

function whyUnreadable(seen: readonly IndexObservation[], { usage, nowMs }: Input): string | undefined {
  const away = usage.nodes.find(({ unreachable }) => unreachable !== undefined);
  if (away !== undefined)
    return `node ${away.node} could not be read (${away.unreachable}), and its use counts as well`;
  if (seen.length < usage.nodes.length) return 'it has not been seen on every node yet';
  const stale = seen.find(({ observedToMs }) => nowMs - observedToMs > usage.maxGapMs);
  return (
    stale &&
    `its counters on node ${stale.node} were last read more than ${humaneDuration(usage.maxGapMs)} ago`
  );
}

/** Whether, as far as anybody knows, there is something to judge at all. */
const isSilent = (lastDay: number, { nowMs, settings }: Input): boolean =>
  dayOf(nowMs) - 1 - lastDay >= settings.quietDays;

/** Days after the last use that were observed from midnight to midnight, on every node. */
function quietDaysSince(
  lastDay: number,
  observedSinceMs: number,
  usage: UsageAcrossNodes,
): readonly number[] {
  const days: number[] = [];
  for (let day = lastDay + 1; day <= lastWholeDay(usage); day++)
    if (day * dayMs >= observedSinceMs && isWhole(usage, day)) days.push(day);
  return days;
}

/** The latest day of the same weekday that lies wholly before the last use. */
const sameWeekdayBefore = (day: number, lastDay: number): number =>
  day - weekDays * Math.ceil((day - lastDay + 1) / weekDays);

function toDraft(
  index: IndexView,
  { lastUsedAtMs, usedDays, usesPerDay, quiet }: Stop,
  reads: { readonly sequentialPerDay: number; readonly usualPerDay: number },
  input: Input,
): Draft {
  const { table } = index;
  const { topology, usage, nowMs, catalogue } = input;
  const isTakenOver =
    reads.sequentialPerDay >= 1 && reads.sequentialPerDay >= takenOverRatio * reads.usualPerDay;
  const isCertain =
    topology.isComplete && topology.unseenNodes.length === 0 && catalogue.server?.isInRecovery === false;
  const policy = input.policyFor(table.schemaname);
  const takenOver = isTakenOver
    ? `, and the table is read whole ${humaneCount(reads.sequentialPerDay)} times a day instead of ${humaneCount(reads.usualPerDay)}`
    : '';
  return {
    kind: 'stopped-being-used',
    severity: isTakenOver ? severityOn(table, policy, 'warning') : 'info',
    confidence: isCertain ? 'likely' : 'possible',
    table,
    index,
    subject: index.name,
    columns: keyTexts(index),
    related: [],
    title: `${index.name} on ${tableName(table)} ${shapeOf(index)} was used ${humaneCount(usesPerDay)} times a day and has not been for ${humaneDuration(nowMs - lastUsedAtMs)}${takenOver}`,
    evidence: {
      shape: shapeOf(index),
      lastUsedAt: isoTime(lastUsedAtMs),
      quietSeconds: Math.round((nowMs - lastUsedAtMs) / 1000),
      quietWholeDays: quiet.length,
      usesPerDayBefore: rounded(usesPerDay),
      usedDaysOfSeven: usedDays,
      sequentialScansPerDay: rounded(reads.sequentialPerDay),
      sequentialScansPerDayBefore: rounded(reads.usualPerDay),
      nodes: usage.nodes.map(({ node }) => node),
      nodesNotSeen: [...topology.unseenNodes],
      sizeBytes: index.sizeBytes ?? null,
      tableRows: table.rows ?? null,
    },
    caveats: [
      'Another index may have taken its place, or the feature that used it may be gone on purpose.',
      ...otherNodesCaveats(topology),
    ],
    impact: { reclaimableBytes: 0 },
    remedy: {
      kind: 'review',
      notes: `Find what changed around ${isoTime(lastUsedAtMs)}: a release, a migration, statistics, a setting of the planner. EXPLAIN the statements that used it (pg_stat_statements): a changed type or an expression around the column keeps PostgreSQL from using an index. If it stays unused, unused-index will say so when its window has passed.`,
    },
  };
}
