import { backtestMeasures } from './backtest.ts';
import { backtestClaims } from './backtest-claims.ts';
import type { Measure } from './measure.ts';
import type { Claim } from './model.ts';
import { residencyMeasures } from './residency.ts';
import { residencyClaims } from './residency-claims.ts';

/** Every number of both documents, in their order. */
export const allClaims: readonly Claim[] = [...residencyClaims, ...backtestClaims];

/** By the name that claims call it. */
export const allMeasures: ReadonlyMap<string, Measure> = new Map([
  ...Object.entries(residencyMeasures),
  ...Object.entries(backtestMeasures),
]);

/** Claims whose id holds one of the texts; all, if there is none. */
export const claimsNamed = (parts: readonly string[]): readonly Claim[] =>
  allClaims.filter(({ id }) => parts.length === 0 || parts.some((part) => id.includes(part)));
