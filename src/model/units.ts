export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;

export const secondMs = 1_000;
export const minuteMs = 60 * secondMs;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

const byteUnits: readonly (readonly [number, string])[] = [
  [1024 * GiB, 'TiB'],
  [GiB, 'GiB'],
  [MiB, 'MiB'],
  [KiB, 'KiB'],
];

/** Bytes as a person reads them: `3.4 MiB`, `812 B`; three significant digits at most. */
export function humaneBytes(bytes: number): string {
  for (const [size, unit] of byteUnits) {
    if (Math.abs(bytes) >= size) {
      const value = bytes / size;
      return `${value >= 100 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, '')} ${unit}`;
    }
  }
  return `${bytes} B`;
}

const durationUnits: readonly (readonly [number, string])[] = [
  [dayMs, 'd'],
  [hourMs, 'h'],
  [minuteMs, 'min'],
  [secondMs, 's'],
];

/** A span of milliseconds as a person reads it: `31 d`, `2.5 h`, `40 s`. */
export function humaneDuration(spanMs: number): string {
  for (const [size, unit] of durationUnits) {
    if (spanMs >= size) return `${(spanMs / size).toFixed(1).replace(/\.0$/, '')} ${unit}`;
  }
  return `${Math.round(spanMs)} ms`;
}

/** A count with thousands separators: `1,234,567`. */
export const humaneCount = (count: number): string => Math.round(count).toLocaleString('en-US');

/** `1 row`, `2 rows`: English plurals of the regular kind. */
export const counted = (count: number, noun: string, plural = `${noun}s`): string =>
  `${humaneCount(count)} ${count === 1 ? noun : plural}`;
