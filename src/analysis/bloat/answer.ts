import type { Bloat, BloatConfidence, BloatMethod } from './bloat.ts';
import type { Expectation } from './expectation.ts';

/** What one access method says of an index. */
export type Answer =
  | {
      readonly kind: 'expected';
      readonly method: Exclude<BloatMethod, 'unknown'>;
      readonly confidence: BloatConfidence;
      readonly expectation: Expectation;
      readonly atMs: number | null;
      readonly reason: string | null;
    }
  | { readonly kind: 'unknown'; readonly reason: string };

/** Nothing can be said. */
export const unknown = (
  sizeBytes: number | undefined,
  reason: string,
  improvement: string | null = null,
): Bloat => ({
  method: 'unknown',
  confidence: 'none',
  sizeBytes: sizeBytes ?? null,
  expectedSizeBytes: null,
  wastedBytes: null,
  ratio: null,
  low: null,
  high: null,
  naturalFillBytes: null,
  measuredAtMs: null,
  reason,
  improvement,
});

/** An index of no pages, or of none that a rebuild could save. */
export const nothingWasted = (sizeBytes: number): Bloat => ({
  method: 'estimated',
  confidence: 'high',
  sizeBytes,
  expectedSizeBytes: sizeBytes,
  wastedBytes: 0,
  ratio: 0,
  low: 0,
  high: 0,
  naturalFillBytes: 0,
  measuredAtMs: null,
  reason: null,
  improvement: null,
});

/**
 * The answer in bytes and as a ratio. Where a rebuild would come out as large or larger nothing is wasted, and the size itself is what is
 * expected: formulas round to pages, and the last page of a small index decides, so that more than there is says nothing to anybody.
 */
export function answered(
  sizeBytes: number,
  answer: Extract<Answer, { kind: 'expected' }>,
  improvement: string | null,
): Bloat {
  const { expectation } = answer;
  if (![expectation.expectedBytes, expectation.leastBytes, expectation.mostBytes].every(Number.isFinite))
    return unknown(sizeBytes, 'what was counted in it does not add up', improvement);
  const wastedFrom = (bytes: number): number => Math.min(sizeBytes, Math.max(0, sizeBytes - bytes));
  const expectedBytes = Math.min(sizeBytes, Math.round(Math.max(0, expectation.expectedBytes)));
  const wastedBytes = wastedFrom(expectedBytes);
  const ratio = wastedBytes / sizeBytes;
  const natural = expectation.naturalBytes;
  return {
    method: answer.method,
    confidence: answer.confidence,
    sizeBytes,
    expectedSizeBytes: expectedBytes,
    wastedBytes,
    ratio,
    low: Math.min(ratio, wastedFrom(expectation.mostBytes) / sizeBytes),
    high: Math.max(ratio, wastedFrom(expectation.leastBytes) / sizeBytes),
    naturalFillBytes:
      natural === undefined || !Number.isFinite(natural)
        ? null
        : Math.round(Math.min(wastedBytes, Math.max(0, natural - expectedBytes))),
    measuredAtMs: answer.atMs,
    reason: answer.reason,
    improvement: answer.confidence === 'high' ? null : improvement,
  };
}

const confidences: readonly BloatConfidence[] = ['none', 'low', 'medium', 'high'];
const methods: readonly BloatMethod[] = ['unknown', 'estimated', 'calibrated', 'measured'];

/** The whole of several parts, no surer than its least sure part. Unknown when one part is. */
export function summed(parts: readonly Bloat[], names: readonly string[]): Bloat {
  const sizes = parts.map((part) => part.sizeBytes);
  const sizeBytes = sizes.includes(null) ? undefined : total(sizes);
  if (parts.length === 0) return unknown(undefined, 'it has no partitions');
  const place = parts.findIndex((part) => part.method === 'unknown');
  const missing = parts[place];
  if (missing !== undefined)
    return unknown(sizeBytes, `of its partition ${names[place]}: ${missing.reason}`, missing.improvement);
  const all = total(sizes);
  const share = (pick: (part: Bloat) => number | null): number =>
    all === 0 ? 0 : total(parts.map((part) => (pick(part) ?? 0) * (part.sizeBytes ?? 0))) / all;
  const expectedSizeBytes = total(parts.map((part) => part.expectedSizeBytes));
  const wastedBytes = total(parts.map((part) => part.wastedBytes));
  const times = parts.flatMap((part) => part.measuredAtMs ?? []);
  return {
    method: least(
      methods,
      parts.map((part) => part.method),
    ),
    confidence: least(
      confidences,
      parts.map((part) => part.confidence),
    ),
    sizeBytes: all,
    expectedSizeBytes,
    wastedBytes,
    ratio: all === 0 ? 0 : wastedBytes / all,
    low: share((part) => part.low),
    high: share((part) => part.high),
    naturalFillBytes: parts.some((part) => part.naturalFillBytes === null)
      ? null
      : total(parts.map((part) => part.naturalFillBytes)),
    measuredAtMs: times.length === 0 ? null : Math.min(...times),
    reason: parts.find((part) => part.reason !== null)?.reason ?? null,
    improvement: parts.find((part) => part.improvement !== null)?.improvement ?? null,
  };
}

const total = (values: readonly (number | null)[]): number =>
  values.reduce<number>((sum, value) => sum + (value ?? 0), 0);

function least<T>(order: readonly T[], values: readonly T[]): T {
  const places = values.map((value) => order.indexOf(value));
  // Values are members of the order, and there is at least one.
  return order[Math.min(...places)] as T;
}
