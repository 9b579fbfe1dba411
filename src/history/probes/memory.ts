import { createHash } from 'node:crypto';
import { z } from 'zod';
import {
  flagKey,
  isDeclared,
  isOfTheRun,
  type RedFlag,
  redFlagKinds,
} from '../../analysis/plans/red-flags.ts';
import type { DiaryEvent } from '../../model/event.ts';
import type { TargetId } from '../../model/ids.ts';
import type { Probe } from '../../model/probe.ts';

const instant = z.number();

const knownPlan = z.strictObject({
  hash: z.string(),
  /** Without values. */
  text: z.string(),
  sinceMs: instant,
  flags: z.array(z.strictObject({ kind: z.enum(redFlagKinds), subject: z.string(), text: z.string() })),
  waived: z.array(z.string()),
  roleName: z.string(),
});
export type KnownPlan = z.infer<typeof knownPlan>;

const measuredRun = z.strictObject({
  atMs: instant,
  durationMs: z.number().nonnegative(),
  /** It was ended after so long. */
  isTimeout: z.boolean(),
});
export type MeasuredRun = z.infer<typeof measuredRun>;

/** So many runs are kept: more than any rule asks for. */
const runsMax = 20;

/**
 * What is remembered of one probe from run to run and over restarts. Kept as JSON; a record that does not fit this schema is from
 * another version or damaged, and is forgotten.
 */
export const probeMemory = z.strictObject({
  /** Of what was asked: a probe that was changed in its manifest begins anew. */
  fingerprint: z.string(),
  /** The last plan that was found to be right; none while no plan did what is declared. */
  baseline: knownPlan.optional(),
  current: knownPlan.optional(),
  /** When the plan last became another one; null where it never did. */
  planChangedAtMs: instant.nullable(),
  lastSuccessAtMs: instant.nullable(),
  /** Oldest first. */
  runs: z.array(measuredRun).max(runsMax),
});
export type ProbeMemory = z.infer<typeof probeMemory>;

/** A probe, and all that is known of it: what detectors, metrics and the API see. */
export interface ProbeState {
  readonly probe: Probe;
  readonly memory: ProbeMemory | undefined;
  /** When it was last tried; null where it was not since the start. */
  readonly lastRunAtMs: number | null;
  /** Why the last try gave nothing; undefined where it did. */
  readonly problem: { readonly reason: string; readonly grant: string | undefined } | undefined;
  /** Why it is not run though it says `analyze: true`; undefined where it is. */
  readonly unmeasured: string | undefined;
  /** Times since the start of the program, as a histogram counts them. */
  readonly durations: DurationCounts;
}

export interface DurationCounts {
  /** By the bounds of {@link durationBounds}: how many runs were as quick. */
  readonly within: readonly number[];
  readonly count: number;
  readonly sumSeconds: number;
}

/** Seconds: the targets that people set lie between these. */
export const durationBounds = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5] as const;

export const noDurations: DurationCounts = { within: durationBounds.map(() => 0), count: 0, sumSeconds: 0 };

export const withDuration = (counts: DurationCounts, seconds: number): DurationCounts => ({
  within: counts.within.map((so, place) => so + (seconds <= (durationBounds[place] ?? 0) ? 1 : 0)),
  count: counts.count + 1,
  sumSeconds: counts.sumSeconds + seconds,
});

/** What a run showed, judged. */
export interface ProbeSight {
  readonly atMs: number;
  readonly hash: string;
  readonly text: string;
  readonly flags: readonly RedFlag[];
  readonly waived: readonly string[];
  readonly roleName: string;
  /** Where it was measured. */
  readonly durationMs?: number;
  readonly isTimeout?: boolean;
}

/** 16 hex digits of what is asked of the server; what is expected of the answer may change without beginning anew. */
export const fingerprintOf = ({ sql, parameters, schemaname }: Probe): string =>
  createHash('sha256')
    .update(JSON.stringify([sql, parameters, schemaname]))
    .digest('hex')
    .slice(0, 16);

/**
 * Takes in one run. A new plan becomes the baseline at once where it does all that is declared and has no red flag that the baseline
 * did not have; otherwise the baseline stays, for the finding to compare with, until the plan returns, another good one comes, or the
 * manifest accepts the new one.
 */
export function seeProbe(
  target: TargetId,
  probe: Probe,
  before: ProbeMemory | undefined,
  sight: ProbeSight,
): { readonly memory: ProbeMemory; readonly events: readonly DiaryEvent[] } {
  const fingerprint = fingerprintOf(probe);
  const known = before?.fingerprint === fingerprint ? before : undefined;
  const { atMs, hash, text, flags, waived, roleName, durationMs, isTimeout = false } = sight;
  const isSame = known?.current?.hash === hash;
  const current: KnownPlan = {
    hash,
    text,
    sinceMs: isSame ? (known?.current?.sinceMs ?? atMs) : atMs,
    flags: [...flags],
    waived: [...waived],
    roleName,
  };
  const hasChanged = known?.current !== undefined && !isSame;
  const run = durationMs === undefined ? [] : [{ atMs, durationMs, isTimeout }];
  const baseline = isRight(probe, known?.baseline, current) ? current : known?.baseline;
  return {
    memory: {
      fingerprint,
      ...(baseline === undefined ? {} : { baseline }),
      current,
      planChangedAtMs: hasChanged ? atMs : (known?.planChangedAtMs ?? null),
      lastSuccessAtMs: atMs,
      runs: [...(known?.runs ?? []), ...run].slice(-runsMax),
    },
    events:
      hasChanged && known?.current !== undefined ? [planChanged(target, probe, known.current, current)] : [],
  };
}

function isRight(probe: Probe, baseline: KnownPlan | undefined, plan: KnownPlan): boolean {
  if (plan.hash === probe.acceptPlan) return true;
  if (plan.flags.some(isDeclared)) return false;
  return baseline === undefined || baseline.hash === plan.hash || newFlags(baseline, plan).length === 0;
}

/** Red flags of the plan itself that the baseline did not have. What was seen of one run only says nothing of the plan. */
export function newFlags(baseline: KnownPlan | undefined, plan: KnownPlan): readonly RedFlag[] {
  const known = new Set(baseline?.flags.map(flagKey));
  return plan.flags.filter((flag) => !isOfTheRun(flag) && (isDeclared(flag) || !known.has(flagKey(flag))));
}

function planChanged(target: TargetId, probe: Probe, old: KnownPlan, now: KnownPlan): DiaryEvent {
  const worse = newFlags(old, now);
  const what = worse.length === 0 ? '' : `: ${worse.map(({ text }) => text).join('; ')}`;
  return {
    kind: 'probe-plan-changed',
    atMs: now.sinceMs,
    ...target,
    ...probe.table,
    indexrelname: null,
    node: null,
    findingId: null,
    title: `Probe ${probe.name} is planned in another way${what}`,
    evidence: {
      probe: probe.name,
      oldPlanHash: old.hash,
      newPlanHash: now.hash,
      oldPlan: old.text.split('\n'),
      newPlan: now.text.split('\n'),
      redFlags: worse.map(({ text }) => text),
    },
  };
}

/** Records of a store as memory; what does not fit is left out and named. */
export function probeMemoriesFrom(records: ReadonlyMap<string, unknown>): {
  readonly memories: ReadonlyMap<string, ProbeMemory>;
  readonly dropped: readonly string[];
} {
  const memories = new Map<string, ProbeMemory>();
  const dropped: string[] = [];
  for (const [name, record] of records) {
    const parsed = probeMemory.safeParse(record);
    if (parsed.success) memories.set(name, parsed.data);
    else dropped.push(name);
  }
  return { memories, dropped };
}
