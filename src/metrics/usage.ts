import type { IndexView, TableView } from '../analysis/catalogue.ts';
import type { Generation, NodeStatus } from '../findings/generation.ts';
import { subjectIn, type UsageAcrossNodes } from '../history/usage/across.ts';
import { usageOfIndex } from '../history/usage/observation.ts';
import { isWhole, lastWholeDay, tableAcross, usesAcross } from '../history/usage/rates.ts';
import { dayMs, secondMs } from '../model/units.ts';
import { families } from './families.ts';
import type { SampleWriter } from './samples.ts';

const nodeStates: readonly NodeStatus['state'][] = ['observed', 'unreachable', 'another-cluster', 'promoted'];

/** How many nodes there are of each state; replicas that nobody configured count as one. */
export function writeUsageNodes(
  writer: SampleWriter,
  { nodes, unknownReplicas }: Pick<Generation, 'nodes' | 'unknownReplicas'>,
  blockWith: (labels: Readonly<Record<string, string>>) => string,
): void {
  if (nodes.length === 0) return;
  for (const state of nodeStates)
    writer.add(
      families.usageNodes,
      blockWith({ state }),
      nodes.filter((node) => node.state === state).length,
    );
  writer.add(families.usageNodes, blockWith({ state: 'unconfigured' }), unknownReplicas.length);
}

/** Since when an index has been observed and not been used, on all nodes together; nothing while one cannot say. */
export function writeIndexUse(
  writer: SampleWriter,
  usage: UsageAcrossNodes | undefined,
  index: IndexView,
  labels: string,
): void {
  const subject = usage === undefined ? undefined : subjectIn(usage, index);
  if (usage === undefined || subject === undefined) return;
  let observedSinceMs = 0;
  let lastUsedAtMs = 0;
  for (const { history, unreachable } of usage.nodes) {
    const seen = history && usageOfIndex(history, subject);
    if (seen === undefined || unreachable !== undefined) return;
    observedSinceMs = Math.max(observedSinceMs, seen.observedSinceMs);
    lastUsedAtMs = Math.max(lastUsedAtMs, seen.lastUsedAtMs ?? 0);
  }
  writer.add(families.observationStart, labels, observedSinceMs / secondMs);
  writer.add(families.unusedSince, labels, Math.max(observedSinceMs, lastUsedAtMs) / secondMs);
  const uses = lastWeek(usage).map((day) => usesAcross(usage, subject, day));
  const used = uses.filter((count) => count > 0);
  if (uses.length > 0) writer.add(families.recentUse, labels, used.length / uses.length);
  if (used.length > 0) writer.add(families.usualScans, labels, perSecond(used));
}

/** How often a table is usually read whole, on all nodes together; nothing while no day is remembered. */
export function writeTableUse(
  writer: SampleWriter,
  usage: UsageAcrossNodes | undefined,
  table: TableView,
  labels: string,
): void {
  if (usage === undefined) return;
  const observed = lastWeek(usage).filter((day) => isWhole(usage, day));
  if (observed.length === 0) return;
  const scans = observed.map((day) => tableAcross(usage, table, day).sequentialScans);
  writer.add(families.tableUsualSequentialScans, labels, perSecond(scans));
}

const weekDays = 7;

/** The last seven days (UTC) that have passed on every node; none before the first has. */
function lastWeek(usage: UsageAcrossNodes): readonly number[] {
  const last = lastWholeDay(usage);
  return last < 0 ? [] : Array.from({ length: weekDays }, (_, age) => last - age);
}

/** The mean of counts by day, to six digits. */
const perSecond = (counts: readonly number[]): number =>
  Number(((counts.reduce((sum, count) => sum + count, 0) / counts.length / dayMs) * secondMs).toPrecision(6));
