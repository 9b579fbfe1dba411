import { GiB, KiB, MiB } from '../model/units.ts';

/** An amount of storage as configured. An object, so that every reader writes the unit: `size.bytes`. */
export interface Size {
  readonly bytes: number;
}

/** Decimal and binary units are told apart as the standard does: `1GB` is 10^9 bytes, `1GiB` is 2^30. */
const unitBytes: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['B', 1],
  ['kB', 1e3],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['KiB', KiB],
  ['MiB', MiB],
  ['GiB', GiB],
  ['TiB', 1024 * GiB],
]);

/** What a size looks like: a number and a unit, or whole bytes without one. */
export const sizePattern = /^\d+(?:\.\d+)? ?(?:B|[kKMGT]B|[KMGT]iB)$|^\d+$/;

/** Bytes of `10MiB`, `1.5 GB`, `8192`; `undefined` for anything else. Fractions of a byte are dropped. */
export function parseSize(text: string): Size | undefined {
  if (!sizePattern.test(text)) return undefined;
  const [, count, unit] = /^([\d.]+) ?(.*)$/.exec(text) ?? [];
  const bytes = Math.floor(Number(count) * (unitBytes.get(unit ?? '') ?? Number.NaN));
  return Number.isSafeInteger(bytes) ? { bytes } : undefined;
}

/** The size in the largest binary unit that divides it: `26214400` gives `25MiB`, `1000` gives `1000B`. */
export function formatSize({ bytes }: Size): string {
  if (bytes === 0) return '0B';
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB']) {
    const size = unitBytes.get(unit) ?? 1;
    if (bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}B`;
}
