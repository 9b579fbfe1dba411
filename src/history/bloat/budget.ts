import { secondMs } from '../../model/units.ts';

/**
 * What has been read and not been paid for yet. Debt melts away at the budget's rate; a measurement may begin when there is none,
 * and its whole size is then owed. Nothing can be saved up. So of any span of time that ends without debt, the bytes read are
 * at most the rate times its length, and of any other span at most the debt more. A value; times in milliseconds.
 */
export interface Debt {
  readonly bytes: number;
  readonly asOfMs: number;
}

export const noDebt: Debt = { bytes: 0, asOfMs: 0 };

/** What is still owed. A clock that was set back forgives nothing. */
export function owedBytes(debt: Debt, bytesPerSecond: number, nowMs: number): number {
  const elapsedMs = Math.max(0, nowMs - debt.asOfMs);
  return Math.max(0, debt.bytes - (elapsedMs * bytesPerSecond) / secondMs);
}

/** How long until nothing is owed, rounded up to whole milliseconds. */
export const waitMs = (debt: Debt, bytesPerSecond: number, nowMs: number): number =>
  Math.ceil((owedBytes(debt, bytesPerSecond, nowMs) * secondMs) / bytesPerSecond);

/** The debt after `bytes` more, or fewer where they are negative. */
export const charged = (debt: Debt, bytes: number, bytesPerSecond: number, nowMs: number): Debt => ({
  bytes: Math.max(0, owedBytes(debt, bytesPerSecond, nowMs) + bytes),
  asOfMs: nowMs,
});
