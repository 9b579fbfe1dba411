import { z } from 'zod';
import { parseDuration } from '../../src/config/durations.ts';
import { parseSize } from '../../src/config/sizes.ts';

/** A number of settings.yaml: what it counts decides how a scaled rendering treats it. The reason is for whoever reads the file. */
export type Measure =
  | { readonly kind: 'duration'; readonly ms: number; readonly reason: string }
  | { readonly kind: 'bytes'; readonly bytes: number; readonly reason: string }
  | { readonly kind: 'rows'; readonly rows: number; readonly reason: string }
  | { readonly kind: 'number'; readonly number: number; readonly reason: string };

const reason = z.string().min(10);
const duration = z.strictObject({ value: z.string(), reason }).transform(({ value, ...rest }, context) => {
  const parsed = parseDuration(value);
  if (parsed === undefined) context.addIssue(`${value} is no duration`);
  return { kind: 'duration' as const, ms: parsed?.ms ?? 0, ...rest };
});
const bytes = z.strictObject({ value: z.string(), reason }).transform(({ value, ...rest }, context) => {
  const parsed = parseSize(value);
  if (parsed === undefined) context.addIssue(`${value} is no size`);
  return { kind: 'bytes' as const, bytes: parsed?.bytes ?? 0, ...rest };
});
const rows = z
  .strictObject({ value: z.number().positive(), reason })
  .transform(({ value, ...rest }) => ({ kind: 'rows' as const, rows: value, ...rest }));
const number = z
  .strictObject({ value: z.number().positive(), reason })
  .transform(({ value, ...rest }) => ({ kind: 'number' as const, number: value, ...rest }));

const wait = z.strictObject({ for: duration });

/** alerts/settings.yaml, read. */
export const AlertSettings = z.strictObject({
  runbookBaseUrl: z.url(),
  dashboardBaseUrl: z.url(),
  shared: z.strictObject({ topMax: number, bridge: duration, keepFiring: duration, rateWindow: duration }),
  pages: z.strictObject({
    lostIndex: z.strictObject({ tableBytesMin: bytes, tableScansPerSecondMin: number, for: duration }),
    slowProbe: wait,
    stoppedBeingUsed: z.strictObject({
      usedDaysMin: number,
      scansPerSecondMin: number,
      unusedFor: duration,
      tableBytesMin: bytes,
      sequentialScansFactor: number,
      sequentialScansMin: number,
      countersFreshFor: duration,
      for: duration,
    }),
    collationDrift: wait,
  }),
  tickets: z.strictObject({
    unusedIndex: z.strictObject({ bytesMin: bytes, shareMin: number, for: duration }),
    duplicateIndex: z.strictObject({ bytesMin: bytes, tableWritesPerSecondMin: number, for: duration }),
    bloatedIndex: z.strictObject({ bytesMin: bytes, ratioMin: number, for: duration }),
    invalidIndex: wait,
    longBuild: z.strictObject({ buildTimeMax: duration, for: duration }),
    unattachedPartitions: z.strictObject({ unattachedFor: duration, for: duration }),
    indexGrowth: z.strictObject({ bytesMin: bytes, for: duration }),
    missingExpectedIndex: wait,
    unindexedForeignKey: z.strictObject({ tableRowsMin: rows, for: duration }),
  }),
  daemon: z.strictObject({
    factLost: z.strictObject({ lookback: duration, rememberedFor: duration, for: duration }),
    collectionStale: z.strictObject({ intervalsMax: number, ageMin: duration, for: duration }),
    neverSucceeded: wait,
    absent: z.strictObject({ for: duration, knownFor: duration }),
    findingsNotExported: wait,
    sampleLimit: z.strictObject({ seriesMax: number, shareMax: number, for: duration }),
    storeFailing: wait,
    reloadFailed: wait,
    nodeMisconfigured: wait,
    targetDown: wait,
  }),
  digest: wait,
});
export type AlertSettings = z.output<typeof AlertSettings>;

export interface Scale {
  /** What durations, bytes and rows are divided by; numbers and paces (a second) stay as they are. */
  readonly factor: number;
  /** No duration becomes shorter: a rate needs some samples, and a wait some evaluations. */
  readonly durationMsMin: number;
}

/** The same settings for a world in which a day passes in seconds and tables are small: for tests against real servers. */
export function scaled(settings: AlertSettings, scale: Scale): AlertSettings {
  const visit = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if ('kind' in value) return scaledMeasure(value as Measure, scale);
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, visit(inner)]));
  };
  // Every measure keeps its kind, and everything else stays.
  return visit(settings) as AlertSettings;
}

function scaledMeasure(measure: Measure, { factor, durationMsMin }: Scale): Measure {
  switch (measure.kind) {
    case 'duration':
      return { ...measure, ms: Math.max(durationMsMin, Math.round(measure.ms / factor)) };
    case 'bytes':
      return { ...measure, bytes: Math.round(measure.bytes / factor) };
    case 'rows':
      return { ...measure, rows: Math.round(measure.rows / factor) };
    case 'number':
      return measure;
  }
}
