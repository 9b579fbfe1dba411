import { z } from 'zod';
import type { TableView } from '../../analysis/catalogue.ts';
import type { MeasuredRun, ProbeState } from '../../history/probes/memory.ts';
import { counted, humaneDuration, minuteMs, secondMs } from '../../model/units.ts';
import { defineDetector } from '../define.ts';
import type { Draft, Unjudged } from '../draft.ts';
import { probeCaveat, tableOfProbe, unjudgedProbe, whyUnknown } from '../probe-words.ts';

const SlowProbeSettings = z.strictObject({
  slowRuns: z.int().min(1).max(20).default(3).meta({
    description:
      'In how many runs one after the other a probe must miss its target to count as slow. One run may have bad luck.',
  }),
  pageRuns: z.int().min(1).max(20).default(3).meta({
    description: 'How many runs one after the other must be above the page threshold for a critical finding.',
  }),
  pageForMinutes: z.int().min(0).max(1440).default(15).meta({
    description: 'How long they must have been above it.',
  }),
});
type SlowProbeSettings = z.output<typeof SlowProbeSettings>;

/**
 * Opens when a probe that is measured has missed its target in its last runs, all of them; closes with the first run that meets it. Critical
 * when the runs were above the page threshold for a while, else a warning, on small tables too: it was declared.
 *
 * Only measured times count. A probe that is planned only, could not be run, or was ended before its target, is inconclusive. False
 * alarms accepted: a server that is slow altogether makes all its probes slow.
 */
export const slowProbe = defineDetector<SlowProbeSettings>({
  id: 'slow-probe',
  title: 'A watched query misses its target',
  needs: ['tables'],
  needsHistory: true,
  settings: SlowProbeSettings,
  *evaluate({ probes, catalogue, settings }) {
    const findings: Draft[] = [];
    const unjudged: Unjudged[] = [];
    for (const state of probes) {
      yield;
      const { targetMs } = state.probe;
      if (targetMs === undefined) continue;
      const table = tableOfProbe(catalogue, state);
      const why = whyUnjudged(state, table, targetMs);
      if (why !== undefined) unjudged.push(unjudgedProbe(state, why));
      else if (table !== undefined) findings.push(...slowness(state, table, targetMs, settings));
    }
    return { findings, unjudged };
  },
});

function whyUnjudged(state: ProbeState, table: TableView | undefined, targetMs: number): string | undefined {
  if (state.unmeasured !== undefined) return `is not measured: ${state.unmeasured}`;
  const why = whyUnknown(state, table);
  if (why !== undefined) return why;
  const last = state.memory?.runs.at(-1);
  if (last === undefined) return 'has not been measured yet';
  return last.isTimeout && last.durationMs <= targetMs
    ? `was ended after ${humaneDuration(last.durationMs)}, before its target: raise probes.analyzeTimeout`
    : undefined;
}

/** The runs at the end that were all above a bound. */
const trailingAbove = (runs: readonly MeasuredRun[], boundMs: number): readonly MeasuredRun[] =>
  runs.slice(runs.findLastIndex(({ durationMs }) => durationMs <= boundMs) + 1);

function slowness(
  { probe, memory }: ProbeState,
  table: TableView,
  targetMs: number,
  { slowRuns, pageRuns, pageForMinutes }: SlowProbeSettings,
): readonly Draft[] {
  const runs = memory?.runs ?? [];
  const plan = memory?.current;
  const last = runs.at(-1);
  const slow = trailingAbove(runs, targetMs);
  const first = slow[0];
  if (slow.length < slowRuns || last === undefined || first === undefined || plan === undefined) return [];
  const above = probe.pageMs === undefined ? [] : trailingAbove(runs, probe.pageMs);
  const isPage =
    above.length >= pageRuns && last.atMs - (above[0]?.atMs ?? last.atMs) >= pageForMinutes * minuteMs;
  const took = `${last.isTimeout ? 'more than ' : ''}${humaneDuration(last.durationMs)}`;
  const hasNewPlan = memory?.planChangedAtMs != null && memory.planChangedAtMs <= first.atMs;
  return [
    {
      kind: 'slow-probe',
      severity: isPage ? 'critical' : 'warning',
      confidence: 'likely',
      table,
      index: null,
      subject: probe.name,
      columns: [],
      related: [],
      title: `Probe ${probe.name} takes ${took} instead of ${humaneDuration(targetMs)} at most, ${counted(slow.length, 'run')} in a row`,
      evidence: {
        probe: probe.name,
        description: probe.description ?? null,
        manifest: probe.manifest,
        targetSeconds: targetMs / secondMs,
        pageSeconds: probe.pageMs === undefined ? null : probe.pageMs / secondMs,
        slowSince: new Date(first.atMs).toISOString(),
        durationsSeconds: runs.slice(-5).map(({ durationMs }) => round(durationMs / secondMs)),
        wasEnded: last.isTimeout,
        redFlags: plan.flags.map(({ text }) => text),
        plan: plan.text.split('\n'),
        planHash: plan.hash,
        planChangedAt:
          memory?.planChangedAtMs == null ? null : new Date(memory.planChangedAtMs).toISOString(),
        roleName: plan.roleName,
      },
      caveats: [
        probeCaveat(plan.roleName),
        'Measured on the server: what it takes to send the rows and to receive them is not in it.',
      ],
      impact: { reclaimableBytes: 0, excessSeconds: round((last.durationMs - targetMs) / secondMs) },
      remedy: { kind: 'review', notes: notesOn(plan.flags, hasNewPlan) },
    },
  ];
}

const round = (seconds: number): number => Math.round(seconds * 10_000) / 10_000;

function notesOn(flags: readonly { readonly text: string }[], hasNewPlan: boolean): string {
  const changed = hasNewPlan ? 'Its plan has become another one: see the event probe-plan-changed. ' : '';
  if (flags.length > 0) return `${changed}The plan shows why: ${flags.map(({ text }) => text).join('; ')}.`;
  return `${changed}The plan shows nothing wrong: look at the load of the server, at its disks, and at whether all of its probes have become slower.`;
}
