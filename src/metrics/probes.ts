import { durationBounds, type ProbeState } from '../history/probes/memory.ts';
import { secondMs } from '../model/units.ts';
import { families } from './families.ts';
import { formatValue, type SampleWriter } from './samples.ts';

/**
 * What is known of the probes of one target. Times only where they were measured: a probe that is only planned has no duration, and one
 * that could not be run keeps its last plan, while `indexwarden_probe_success` says so.
 */
export function writeProbes(
  writer: SampleWriter,
  probes: readonly ProbeState[] | undefined,
  blockWith: (labels: Readonly<Record<string, string>>) => string,
): void {
  for (const { probe, memory, lastRunAtMs, problem, durations } of probes ?? []) {
    const names = { probe: probe.name };
    const labels = blockWith(names);
    const asSeconds = (ms: number | null | undefined): number | undefined =>
      ms == null ? undefined : ms / secondMs;
    writer.add(families.probeTarget, labels, asSeconds(probe.targetMs));
    writer.add(families.probePage, labels, asSeconds(probe.pageMs));
    writer.add(families.probeLastRun, labels, asSeconds(lastRunAtMs));
    writer.add(families.probeLastSuccess, labels, asSeconds(memory?.lastSuccessAtMs));
    if (lastRunAtMs !== null) writer.add(families.probeSuccess, labels, problem === undefined ? 1 : 0);
    if (memory?.current !== undefined)
      writer.add(families.probePlan, blockWith({ ...names, plan_hash: memory.current.hash }), 1);
    writer.add(families.probePlanChanged, labels, asSeconds(memory?.planChangedAtMs));
    writer.add(families.probeLastDuration, labels, asSeconds(memory?.runs.at(-1)?.durationMs));
    if (durations.count === 0) continue;
    const { name } = families.probeDuration;
    const bucket = (le: string, count: number): void =>
      writer.addNamed(families.probeDuration, `${name}_bucket`, blockWith({ ...names, le }), count);
    for (const [place, bound] of durationBounds.entries())
      bucket(formatValue(bound), durations.within[place] ?? 0);
    bucket('+Inf', durations.count);
    writer.addNamed(families.probeDuration, `${name}_sum`, labels, durations.sumSeconds);
    writer.addNamed(families.probeDuration, `${name}_count`, labels, durations.count);
  }
}
