/**
 * How long whoever watches over something of ours sleeps before looking again: what the last look took is no longer to wait for those
 * who wait. Half the interval at least, so that a slow server is not asked without a pause.
 */
export const untilNextLookMs = (intervalMs: number, lookedAtMs: number, nowMs: number): number =>
  Math.max(intervalMs / 2, intervalMs - Math.max(0, nowMs - lookedAtMs));
