import type { Config } from '../../config/config.ts';
import type { QueueSettings } from '../../history/bloat/queue.ts';
import type { BuildSettings } from '../../history/builds/rates.ts';
import { MiB } from '../../model/units.ts';

/** How one target's indexes are measured. */
export interface MeasuringSettings {
  readonly queue: QueueSettings;
  readonly baselineBytesMin: number;
  readonly watchIntervalMs: number;
  readonly activeBackendsMax: number;
  /** For one index of so many bytes. */
  readonly statementTimeoutMs: (bytes: number) => number;
}

export function measuringSettings({ bloat }: Pick<Config, 'bloat'>): MeasuringSettings {
  return {
    queue: {
      indexBytesMax: bloat.maxIndexSize.bytes,
      remeasureAfterMs: bloat.remeasureAfter.ms,
      remeasureChangeRatio: bloat.remeasureChangePercent / 100,
      deadShare: bloat.deadRowsPercent / 100,
    },
    baselineBytesMin: bloat.baselineMinSize.bytes,
    watchIntervalMs: bloat.watchInterval.ms,
    activeBackendsMax: bloat.activeBackendsMax,
    statementTimeoutMs: (bytes) =>
      bloat.statementTimeout.ms + (bytes / MiB) * bloat.statementTimeoutPerMiB.ms,
  };
}

/** What is learned from index builds that are seen running. */
export const buildSettings = ({ bloat }: Pick<Config, 'bloat'>): BuildSettings => ({
  keptMax: bloat.buildsKept,
  bytesMin: bloat.buildMinSize.bytes,
  spreadMax: bloat.buildMaxSpread,
});
