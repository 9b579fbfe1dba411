import type { UsageWindow } from '../analysis/usage-window.ts';
import type { ServerFact } from '../collectors/server.ts';
import type { TableUsageFact } from '../collectors/usage.ts';
import type { Evidence } from '../model/finding.ts';
import type { Policy, Topology } from '../model/policy.ts';
import { err, ok, type Result } from '../model/result.ts';
import { dayMs, humaneDuration, secondMs } from '../model/units.ts';

/**
 * Why this node's counters say nothing about scans or writes, or `undefined` when they do. A standby counts its own scans but
 * neither writes nor ANALYZE: its zeros there mean "not counted", not "none".
 */
export function whyNotCounted(
  server: ServerFact | undefined,
  wanted: 'scans' | 'writes',
): string | undefined {
  if (server === undefined) return 'nothing is known of the server yet';
  if (!server.trackCounts) return 'track_counts is off: PostgreSQL counts neither scans nor writes';
  if (wanted === 'writes' && server.isInRecovery)
    return 'this node is a standby, which counts no writes: watch the primary';
  return undefined;
}

/**
 * The days over which counters may be turned into a rate per day, or why they may not. A policy that judges by what there is
 * (`unusedAfter: 0d`) takes any window; one shorter than a day then counts as a day, since a rate projected from minutes says
 * more about the moment than about the day.
 */
export function daysCounted(window: UsageWindow, policy: Policy, atLeastMs: number): Result<number, string> {
  if (policy.unusedAfterMs === 0) return ok(Math.max(1, (window.ageMs ?? 0) / dayMs));
  if (window.ageMs === undefined)
    return err('the age of the statistics is unknown: no reset time is recorded');
  if (window.ageMs < atLeastMs)
    return err(
      `the statistics are ${humaneDuration(window.ageMs)} old, and a verdict wants ${humaneDuration(atLeastMs)}`,
    );
  return ok(window.ageMs / dayMs);
}

/** Rows written that indexes are kept up for: HOT updates leave them alone, a deleted row's entries are vacuumed away later. */
export const rowsWritten = (usage: TableUsageFact): number =>
  usage.rowsInsertedTotal + rowsUpdatedNotHot(usage) + usage.rowsDeletedTotal;

export const rowsUpdatedNotHot = (usage: TableUsageFact): number =>
  Math.max(0, usage.rowsUpdatedTotal - usage.rowsHotUpdatedTotal);

/** Since when, on which node and by which reset time the counters in a finding's evidence count. */
export const windowEvidence = (window: UsageWindow): Evidence => ({
  windowSeconds: window.ageMs === undefined ? null : Math.round(window.ageMs / secondMs),
  statisticsSince: isoTime(window.sinceMs),
  statisticsSinceSource: window.source,
  nodes: [window.node],
});

/** `in 31 d`, or how it is said when the window's length is unknown. */
export const inWindow = (window: UsageWindow): string =>
  window.ageMs === undefined ? 'since an unknown time' : `in ${humaneDuration(window.ageMs)}`;

/** What counters of this node alone cannot tell. */
export function otherNodesCaveats({ unseenNodes, isComplete }: Topology): readonly string[] {
  if (unseenNodes.length > 0)
    return [`Scans on ${unseenNodes.join(', ')} were not looked at; every node counts its own.`];
  return isComplete ? [] : ['Scans on standbys that nobody configured would not show here.'];
}

/** ISO 8601 in UTC, or null for an instant that nobody knows. */
export const isoTime = (instantMs: number | null | undefined): string | null =>
  instantMs === null || instantMs === undefined ? null : new Date(instantMs).toISOString();

/** A ratio with as many digits as a person uses: 2.37, 41.2, 1530. */
export const rounded = (ratio: number): number => Number(ratio.toPrecision(3));
