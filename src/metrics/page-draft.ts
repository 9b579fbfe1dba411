import type { CollectorName } from '../collectors/index.ts';
import type { Generation } from '../findings/generation.ts';
import type { FindingKind } from '../model/finding.ts';
import { secondMs } from '../model/units.ts';
import type { SampleWriter } from './samples.ts';

export interface RenderOptions {
  /** Block reads and hits of each index: two more series for each. */
  readonly blockIo: boolean;
  /** Indexes per target with series of their own, unless more have open findings. */
  readonly maxIndexSeries: number;
  readonly maxTableSeries: number;
  /** How long a relation keeps its series after its last finding was closed. */
  readonly keepSeriesForMs: number;
  /** Open findings per target with a series of their own, the most worthwhile first; all are counted. */
  readonly maxFindingSeries: number;
  readonly labelBytesMax: number;
  /** The kinds whose detectors are turned on: of the others "0 findings" would be a lie. */
  readonly kinds: readonly FindingKind[];
  /** How long each collector's schedule leaves between two runs at most, in ms; absent where it does not run again. */
  readonly intervalsMs: ReadonlyMap<CollectorName, number>;
}

/** A page in the making. */
export interface Page {
  readonly generation: Generation;
  readonly settings: RenderOptions;
  readonly writer: SampleWriter;
  /** The target's labels alone, and with others. */
  readonly block: string;
  readonly blockWith: (labels: Readonly<Record<string, string>>) => string;
}

/** Whether the catalogue's lists are what there is, and not merely what is left when a collector has failed. */
export const isCollected = ({ snapshot }: Generation, ...names: readonly ('tables' | 'indexes')[]): boolean =>
  names.every((name) => snapshot.outcomes[name]?.kind === 'collected');

export const asSeconds = (ms: number | null | undefined): number | undefined =>
  ms === null || ms === undefined ? undefined : ms / secondMs;
