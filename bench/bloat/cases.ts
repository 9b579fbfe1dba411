import type { BloatKnowledge } from '../../src/analysis/bloat/bloat.ts';
import { estimateBloat } from '../../src/analysis/bloat/estimate.ts';
import { buildCatalogue, type Catalogue, type IndexView } from '../../src/analysis/catalogue.ts';
import type { Snapshot } from '../../src/collectors/snapshot.ts';
import { textbookRatio } from './rivals.ts';

export type BenchSet = 'tuning' | 'sealed';

/** One index in one life: what a rebuild saved, and what each method had said. */
export interface BenchCase {
  readonly major: number;
  readonly set: BenchSet;
  readonly index: string;
  readonly definition: string;
  readonly group: string;
  readonly life: string;
  readonly sizeBytes: number;
  readonly rebuiltBytes: number;
  /** Share of its size that a rebuild saved, 0 to 1. */
  readonly truth: number;
  /** By method; null where it has no answer. */
  readonly answers: Readonly<Record<Method, number | null>>;
  readonly details: {
    readonly low: number | null;
    readonly high: number | null;
    readonly confidence: string;
    readonly reason: string | null;
    readonly knowledge: BloatKnowledge;
  };
}

export const methods = [
  'scan',
  'scan+history',
  'scan+statistics',
  'history',
  'statistics',
  'textbook',
  'pgstatindex',
] as const;
export type Method = (typeof methods)[number];

export interface BenchRun {
  readonly recordings: readonly Recording[];
  readonly cost: readonly { readonly function: string; readonly mib: number; readonly ms: number }[];
}

/** All that was seen of the indexes of one table: what their estimates can be made of again. */
export interface Recording {
  /** What a role with pg_monitor saw, and what a superuser did. */
  readonly seen: Snapshot;
  readonly told: Snapshot;
  readonly indexes: readonly RecordedIndex[];
}

export interface RecordedIndex
  extends Pick<BenchCase, 'major' | 'set' | 'index' | 'definition' | 'group' | 'life' | 'rebuiltBytes'> {
  readonly oid: number;
  readonly knowledge: BloatKnowledge;
  /** 1 - avg_leaf_density / 100 of pgstatindex; null where it has no answer. */
  readonly leafFree: number | null;
}

/** Asks every method about every index of a recording. */
export function judge({ seen, told, indexes }: Recording): readonly BenchCase[] {
  const monitors = buildCatalogue(seen, () => true);
  const owners = buildCatalogue(told, () => true);
  const ask = (view: IndexView, knowledge: BloatKnowledge, catalogue: Catalogue) =>
    estimateBloat(view, { knowledge, catalogue, nowMs: seen.takenAtMs });
  return indexes.flatMap(({ oid, knowledge, leafFree, rebuiltBytes, ...rest }) => {
    const index = monitors.indexes.find((view) => view.oid === oid);
    const visible = owners.indexes.find((view) => view.oid === oid);
    const sizeBytes = index?.sizeBytes;
    if (index === undefined || visible === undefined || sizeBytes === undefined) return [];
    const { baseline, ...measured } = knowledge;
    const bloat = ask(index, knowledge, monitors);
    const { low, high, confidence, reason } = bloat;
    return {
      ...rest,
      sizeBytes,
      rebuiltBytes,
      truth: sizeBytes === 0 ? 0 : Math.max(0, 1 - rebuiltBytes / sizeBytes),
      answers: {
        scan: ask(index, measured, monitors).ratio,
        'scan+history': bloat.ratio,
        'scan+statistics': ask(visible, measured, owners).ratio,
        history: baseline === undefined ? null : ask(index, { baseline }, monitors).ratio,
        statistics: ask(visible, {}, owners).ratio,
        textbook: textbookRatio(visible, 8_192) ?? null,
        pgstatindex: leafFree,
      },
      details: { low, high, confidence, reason, knowledge },
    };
  });
}
