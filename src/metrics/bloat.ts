import { Gauge, type Registry } from 'prom-client';
import type { Bloat } from '../analysis/bloat/bloat.ts';
import type { MeasuringFacts } from '../findings/generation.ts';
import { secondMs } from '../model/units.ts';
import type { Family } from './families/declare.ts';
import { families } from './families.ts';
import type { SampleWriter } from './samples.ts';

type BlockWith = (labels: Readonly<Record<string, string>>) => string;

/** What is known of one index's bloat; what is unknown has no series, but for the reason that there is none. */
export function writeIndexBloat(
  writer: SampleWriter,
  bloat: Bloat | undefined,
  names: Readonly<Record<string, string>>,
  blockWith: BlockWith,
): void {
  if (bloat === undefined) return;
  const labels = blockWith(names);
  const { method, confidence, measuredAtMs } = bloat;
  writer.add(families.bloatBytes, labels, bloat.wastedBytes);
  writer.add(families.bloatRatio, labels, bloat.ratio);
  writer.add(families.expectedSize, labels, bloat.expectedSizeBytes);
  writer.add(families.bloatInfo, blockWith({ ...names, method, confidence }), 1);
  writer.add(families.bloatMeasured, labels, measuredAtMs === null ? undefined : measuredAtMs / secondMs);
}

/** What became of measuring one target's indexes; nothing where none are measured. */
export function writeMeasuring(
  writer: SampleWriter,
  measuring: MeasuringFacts | undefined,
  block: string,
  blockWith: BlockWith,
): void {
  if (measuring === undefined) return;
  writer.add(families.measuredBytes, block, measuring.measuredBytesTotal);
  writer.add(families.measurementsWaiting, block, measuring.waiting);
  for (const [outcome, count] of measuring.outcomes)
    writer.add(families.measurements, blockWith({ outcome }), count);
}

/** What may be read of one server's indexes, and what was read and is not paid for. */
export interface BudgetReading {
  readonly bytesPerSecond: number;
  readonly debtBytes: number;
}

/** Shows the budgets of all servers among the daemon's own metrics, as they are when the page is made. */
export function meterBudgets(registry: Registry, budgets: () => ReadonlyMap<string, BudgetReading>): void {
  const meter = (family: Family, of: (reading: BudgetReading) => number): Gauge =>
    new Gauge({
      name: family.name,
      help: family.help,
      labelNames: [...family.labels],
      registers: [registry],
      collect() {
        this.reset();
        for (const [server, reading] of budgets()) this.set({ server }, of(reading));
      },
    });
  meter(families.measurementBudget, ({ bytesPerSecond }) => Math.round(bytesPerSecond));
  meter(families.measurementDebt, ({ debtBytes }) => Math.round(debtBytes));
}
