import { humaneBytes } from '../../src/model/units.ts';

export const pieces = ['floor', 'steady', 'scrape', 'memory', 'heap', 'loop', 'fleet', 'shapes'] as const;
export type Piece = (typeof pieces)[number];

export type Unit = 'times' | 'ms' | 's' | 'bytes' | 'count' | 'share';

/** One measured value: a cell of the table of its piece. */
export interface Figure {
  readonly piece: Piece;
  /** The row. */
  readonly what: string;
  /** The column: a size, a number of series, of targets. */
  readonly at: string;
  readonly value: number;
  readonly unit: Unit;
  /** What it was to be at most. */
  readonly aim?: number;
  /** With `--check` more than this is an error: generous, since machines are busy. */
  readonly limit?: number;
}

export function told(value: number, unit: Unit): string {
  switch (unit) {
    case 'times':
      return `${value.toFixed(2)} ×`;
    case 'ms':
      return `${value < 10 ? value.toFixed(2) : Math.round(value).toLocaleString('en-US')} ms`;
    case 's':
      return `${value.toFixed(2)} s`;
    case 'bytes':
      return humaneBytes(Math.round(value));
    case 'count':
      return Math.round(value).toLocaleString('en-US');
    case 'share':
      return `${(value * 100).toFixed(value < 0.01 ? 3 : 1)} %`;
  }
}

export const isMet = ({ value, aim }: Figure): boolean | undefined =>
  aim === undefined || Number.isNaN(value) ? undefined : value <= aim;

/** Change of the values from one to the next, by least squares. */
export function slope(values: readonly number[]): number {
  const n = values.length;
  if (n < 2) return Number.NaN;
  const meanX = (n - 1) / 2;
  const meanY = values.reduce((sum, value) => sum + value, 0) / n;
  let [above, below] = [0, 0];
  for (const [x, y] of values.entries()) {
    above += (x - meanX) * (y - meanY);
    below += (x - meanX) ** 2;
  }
  return above / below;
}
