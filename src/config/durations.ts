import { dayMs, hourMs, minuteMs, secondMs } from '../model/units.ts';

/** A span of time as configured. An object, so that every reader writes the unit: `timeout.ms`. */
export interface Duration {
  readonly ms: number;
}

/**
 * What a duration looks like: one or more of days, hours, minutes, seconds and milliseconds, each at most
 * once and in this order. A bare number is refused: thirty what?
 */
export const durationPattern = /^(?=\d)(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?$/;

const units: readonly (readonly [string, number])[] = [
  ['d', dayMs],
  ['h', hourMs],
  ['m', minuteMs],
  ['s', secondMs],
  ['ms', 1],
];

/** Milliseconds of `30s`, `2m`, `1h30m`, `7d`, `0d`, `200ms`; `undefined` for anything else. */
export function parseDuration(text: string): Duration | undefined {
  if (!durationPattern.test(text)) return undefined;
  const unitMs = new Map(units);
  let ms = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[dhms])/g)) {
    ms += Number(count) * (unitMs.get(unit ?? '') ?? Number.NaN);
  }
  return Number.isSafeInteger(ms) ? { ms } : undefined;
}

/** The shortest text that `parseDuration` reads back to the same value: `90000` gives `1m30s`. */
export function formatDuration({ ms }: Duration): string {
  if (ms === 0) return '0s';
  let rest = ms;
  let text = '';
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) text += `${count}${unit}`;
  }
  return text;
}
