import type { IndexView } from '../analysis/catalogue.ts';
import type { Generation, NodeStatus } from '../findings/generation.ts';
import { subjectIn, type UsageAcrossNodes } from '../history/usage/across.ts';
import { usageOfIndex } from '../history/usage/observation.ts';
import { secondMs } from '../model/units.ts';
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
}
