import type { ServerFact } from '../collectors/server.ts';
import type { NodeName } from '../model/ids.ts';

/** Since when this node's counters have counted, and how we know. */
export interface UsageWindow {
  readonly node: NodeName;
  /** Milliseconds since the epoch; undefined where no reset time is known at all. */
  readonly sinceMs: number | undefined;
  /** `nowMs - sinceMs`, never negative. */
  readonly ageMs: number | undefined;
  /** Which of the reset times was the latest. */
  readonly source: string;
}

/** What of a server says since when its counters count. */
export type ResetTimes = Pick<
  ServerFact,
  | 'versionNum'
  | 'isInRecovery'
  | 'startedAtMs'
  | 'databaseStatsResetAtMs'
  | 'bgwriterStatsResetAtMs'
  | 'archiverStatsResetAtMs'
>;

/**
 * The latest of every reset time there is, and which one that was. `pg_stat_database.stats_reset` NULL is not "never": after a
 * crash the counters are 0 and it is NULL, while the times of pg_stat_bgwriter and pg_stat_archiver have moved. On 13 and 14
 * every start of a standby zeroes its counters.
 */
export function statisticsSince(server: ResetTimes): Pick<UsageWindow, 'sinceMs' | 'source'> {
  const resets: (readonly [number | null, string])[] = [
    [server.databaseStatsResetAtMs, 'pg_stat_database.stats_reset'],
    [server.bgwriterStatsResetAtMs, 'pg_stat_bgwriter.stats_reset'],
    [server.archiverStatsResetAtMs, 'pg_stat_archiver.stats_reset'],
  ];
  if (server.isInRecovery && server.versionNum < 150_000)
    resets.push([server.startedAtMs, 'start of the standby']);
  let sinceMs: number | undefined;
  let source = 'no reset time is known';
  for (const [at, name] of resets) {
    if (at !== null && (sinceMs === undefined || at > sinceMs)) {
      sinceMs = at;
      source = name;
    }
  }
  return { sinceMs, source };
}

/** The statistics' age, as {@link statisticsSince} has it. */
export function usageWindow(server: ResetTimes, node: NodeName, nowMs: number): UsageWindow {
  const { sinceMs, source } = statisticsSince(server);
  const ageMs = sinceMs === undefined ? undefined : Math.max(0, nowMs - sinceMs);
  return { node, sinceMs, ageMs, source };
}

/** The window of one relation: shorter where its own counters were reset (19 and later). */
export function windowOf(
  window: UsageWindow,
  statsResetAtMs: number | null | undefined,
  nowMs: number,
): UsageWindow {
  if (statsResetAtMs === null || statsResetAtMs === undefined) return window;
  if (window.sinceMs !== undefined && statsResetAtMs <= window.sinceMs) return window;
  return {
    ...window,
    sinceMs: statsResetAtMs,
    ageMs: Math.max(0, nowMs - statsResetAtMs),
    source: 'stats_reset of the relation',
  };
}
