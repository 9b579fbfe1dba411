import { withoutLiterals } from '../../findings/redact-literals.ts';
import { newFlags, type ProbeState } from '../../history/probes/memory.ts';
import { type TargetId, targetKey } from '../../model/ids.ts';
import { secondMs } from '../../model/units.ts';
import { byText, byWord, type Listing } from './list.ts';
import { probeSchema, probeStates } from './schemas/probe.ts';

interface ProbeEntry {
  readonly id: string;
  readonly target: TargetId;
  readonly state: ProbeState;
}

/** Of the last run alone: `missed` its target, `regressed` is its plan. Whether that is a finding the detectors decide. */
type Verdict = (typeof probeStates)[number];

/** Every declared query: what it must do, how it is planned, and how long it took. */
export const probesListing = (options: { readonly redactLiterals: boolean }): Listing<ProbeEntry> => ({
  name: 'probes',
  summary: 'Every declared query, with its plan and its times.',
  schema: probeSchema,
  views: ({ target, probes = [] }) =>
    probes.map((state) => ({ id: `${targetKey(target)}/${state.probe.name}`, target, state })),
  filters: {
    name: byText(({ state }) => state.probe.name, 'Probe.'),
    state: byWord(
      probeStates,
      ({ state }) => verdictOn(state),
      'Whether the last run was as declared; `unknown` where there was none.',
    ),
  },
  item: (entry) => probeItem(entry, options),
});

/** One probe with everything that is known of it. Unknown facts are null. */
export function probeItem({ id, target, state }: ProbeEntry, options: { readonly redactLiterals: boolean }) {
  const shown = options.redactLiterals ? withoutLiterals : (text: string) => text;
  return { id, ...target, ...probeFacts(state, shown) };
}

function verdictOn({ probe, memory, problem }: ProbeState): Verdict {
  const { current, baseline } = memory ?? {};
  if (problem !== undefined || current === undefined) return 'unknown';
  if (current.hash !== probe.acceptPlan && newFlags(baseline, current).length > 0) return 'regressed';
  const last = memory?.runs.at(-1);
  return probe.targetMs !== undefined && last !== undefined && last.durationMs > probe.targetMs
    ? 'missed'
    : 'ok';
}

function probeFacts(state: ProbeState, shown: (text: string) => string) {
  const { probe, memory, problem, unmeasured, lastRunAtMs } = state;
  const { current, baseline } = memory ?? {};
  return {
    name: probe.name,
    description: probe.description ?? null,
    manifest: probe.manifest,
    state: verdictOn(state),
    reason: problem?.reason ?? null,
    grant: problem?.grant ?? null,
    schemaname: probe.table.schemaname,
    relname: probe.table.relname,
    sql: shown(probe.sql),
    schedule: probe.schedule,
    isAnalyzed: probe.isAnalyzed,
    unmeasured: unmeasured ?? null,
    expectIndexes: probe.expectIndexes,
    noSequentialScanOn: probe.noSequentialScanOn.map(({ schemaname, relname }) => `${schemaname}.${relname}`),
    targetSeconds: asSeconds(probe.targetMs),
    pageSeconds: asSeconds(probe.pageMs),
    lastRunAt: isoTime(lastRunAtMs),
    lastSuccessAt: isoTime(memory?.lastSuccessAtMs),
    runs: (memory?.runs ?? []).map(({ atMs, durationMs, isTimeout }) => ({
      at: isoTime(atMs),
      seconds: asSeconds(durationMs),
      wasEnded: isTimeout,
    })),
    planChangedAt: isoTime(memory?.planChangedAtMs),
    plan: planFacts(current),
    baselinePlan: baseline === undefined || baseline.hash === current?.hash ? null : planFacts(baseline),
  };
}

function planFacts(plan: NonNullable<ProbeState['memory']>['current']) {
  if (plan === undefined) return null;
  return {
    hash: plan.hash,
    since: isoTime(plan.sinceMs),
    lines: plan.text.split('\n'),
    redFlags: plan.flags,
    waived: plan.waived,
    roleName: plan.roleName,
  };
}

const asSeconds = (ms: number | undefined): number | null => (ms === undefined ? null : ms / secondMs);

const isoTime = (ms: number | null | undefined): string | null =>
  ms === null || ms === undefined ? null : new Date(ms).toISOString();
