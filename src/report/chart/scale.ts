import { humaneBytes, humaneCount, KiB } from '../../model/units.ts';

/** What a number means, and so where its axis has lines and how these are called. */
export type Unit = 'bytes' | 'count' | 'ratio' | 'seconds';

export interface Scale {
  /** The end of the axis; it begins at 0. */
  readonly most: number;
  /** From 0 to `most`. */
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
}

/** Lines across a chart, the one at 0 left aside: more would be read as a pattern. */
const stepsMax = 4;

/** An axis from 0 that holds all values, with a few round numbers. `largest` is not negative. */
export function scaleFor(largest: number, unit: Unit): Scale {
  const step = stepFor(Math.max(largest, smallest[unit]) / stepsMax, unit);
  const count = Math.max(1, Math.ceil(largest / step));
  return {
    most: count * step,
    ticks: Array.from({ length: count + 1 }, (_, place) => ({
      value: place * step,
      text: inWords(place * step, unit),
    })),
  };
}

/** A value with its unit, as a person reads it. */
export function inWords(value: number, unit: Unit): string {
  switch (unit) {
    case 'bytes':
      return value === 0 ? '0' : humaneBytes(Math.round(value));
    case 'ratio':
      return `${Number((value * 100).toFixed(1))} %`;
    case 'seconds':
      return secondsInWords(value);
    default:
      return value < 10_000 ? humaneCount(value) : shortCount(value);
  }
}

/** An axis that ends below says more of noise than of what is measured. */
const smallest: Readonly<Record<Unit, number>> = { bytes: 8 * KiB, count: 4, ratio: 0.04, seconds: 0.000_4 };

/** The next round step: 1, 2 or 5 of a power of ten, of bytes a power of two; counts are whole. */
function stepFor(atLeast: number, unit: Unit): number {
  if (unit === 'bytes') return 2 ** Math.ceil(Math.log2(atLeast));
  const power = 10 ** Math.floor(Math.log10(atLeast));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((one) => one >= atLeast * 0.999_999);
  return step ?? 10 * power;
}

const shortCount = (value: number): string =>
  value >= 1e9
    ? `${Number((value / 1e9).toFixed(1))} G`
    : value >= 1e6
      ? `${Number((value / 1e6).toFixed(1))} M`
      : `${Number((value / 1e3).toFixed(1))} k`;

const secondsInWords = (value: number): string =>
  value === 0
    ? '0'
    : value >= 1
      ? `${Number(value.toFixed(2))} s`
      : `${Number((value * 1_000).toFixed(value < 0.01 ? 2 : 1))} ms`;
