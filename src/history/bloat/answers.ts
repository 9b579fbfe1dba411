import { summed } from '../../analysis/bloat/answer.ts';
import type { Bloat } from '../../analysis/bloat/bloat.ts';
import type { Catalogue, IndexView } from '../../analysis/catalogue.ts';
import type { ColumnStatisticsFact } from '../../collectors/column-statistics.ts';
import type { IndexOid } from '../../model/ids.ts';
import { hourMs } from '../../model/units.ts';
import { type BloatMemory, memoryKey } from './memory.ts';

/** Why an index has not been measured: what stands in the way, and what would mend it. */
export interface Hindrance {
  readonly reason: string;
  readonly improvement: string | null;
}

/** The answers of the leaves with those of the partitioned indexes that they make up. */
export function withWholes(
  catalogue: Catalogue,
  leaves: ReadonlyMap<IndexOid, Bloat>,
): ReadonlyMap<IndexOid, Bloat> {
  const answers = new Map(leaves);
  for (const index of catalogue.indexes)
    if (index.fact.relkind === 'I') answers.set(index.oid, wholeOf(index, leaves));
  return answers;
}

/**
 * Everything that an estimate is made of besides what is remembered, as text: as long as it stays the same, so does the answer.
 * Definitions change with the oid or the file; a measurement ages by the hour.
 */
export function estimateKey({ fact, sizeBytes, table }: IndexView, nowMs: number): string {
  const { usage } = table;
  const statistics = fact.columnNumbers.map((number) => statisticsKey(table.statistics.get(number)));
  return [
    ...[Math.floor(nowMs / hourMs), fact.indexOid, fact.relfilenode, sizeBytes, fact.estimatedEntries],
    ...[fact.isValid && fact.isReady && fact.isLive, fact.options.join()],
    ...[fact.predicate, table.fact.estimatedRows, table.rows],
    ...[usage?.liveRows, usage?.deadRows, usage?.rowsInsertedTotal, usage?.rowsDeletedTotal],
    usage?.rowsChangedSinceAnalyze,
    ...statistics,
  ].join('|');
}

/** Frequencies are a sample like the rest: where they differ, so does something else. */
const statisticsKey = (fact: ColumnStatisticsFact | undefined): string =>
  fact === undefined
    ? ''
    : [
        ...[fact.nullFraction, fact.averageWidthBytes, fact.distinctValues],
        ...[fact.commonFrequencies.length, fact.commonFrequencies[0], fact.commonFrequencies.at(-1)],
      ].join();

/** The answer with what keeps the index from being measured, unless it is as good as it can be. */
export function hindered(answer: Bloat, hindrance: Hindrance | undefined): Bloat {
  if (hindrance === undefined || answer.confidence === 'high') return answer;
  const { reason, improvement } = hindrance;
  return {
    ...answer,
    reason: answer.reason === null ? reason : `${answer.reason}; ${reason}`,
    improvement: improvement ?? answer.improvement,
  };
}

/** The sum of the leaves, as sure as the least of them; unknown where one of them is. */
function wholeOf(index: IndexView, answers: ReadonlyMap<IndexOid, Bloat>): Bloat {
  const parts = leavesOf(index).flatMap((leaf) => {
    const answer = answers.get(leaf.oid);
    return answer === undefined ? [] : [[leaf.name, answer] as const];
  });
  return summed(
    parts.map(([, answer]) => answer),
    parts.map(([name]) => name),
  );
}

/**
 * When the last rebuild of each index was noticed, in ms since the epoch; indexes that were never seen to be rebuilt are not in it.
 * A partitioned index was rebuilt when the last of its leaves was.
 */
export function rebuildsIn(catalogue: Catalogue, memory: BloatMemory): ReadonlyMap<IndexOid, number> {
  const rebuilds = new Map<IndexOid, number>();
  for (const index of catalogue.indexes) {
    const times = leavesOf(index).map((leaf) => memory.get(memoryKey(leaf))?.rebuiltAtMs ?? 0);
    const lastAtMs = Math.max(0, ...times);
    if (lastAtMs > 0) rebuilds.set(index.oid, lastAtMs);
  }
  return rebuilds;
}

/** The indexes on disk below a partitioned one. */
export const leavesOf = (index: IndexView): readonly IndexView[] =>
  index.fact.relkind === 'I' ? index.children.flatMap(leavesOf) : [index];
