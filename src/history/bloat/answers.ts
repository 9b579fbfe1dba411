import { summed } from '../../analysis/bloat/answer.ts';
import type { Bloat } from '../../analysis/bloat/bloat.ts';
import type { Catalogue, IndexView, TableView } from '../../analysis/catalogue.ts';
import type { ColumnStatisticsFact } from '../../collectors/column-statistics.ts';
import type { IndexFact } from '../../collectors/inventory.ts';
import type { IndexOid } from '../../model/ids.ts';
import type { Sliced } from '../../model/sliced.ts';
import { hourMs } from '../../model/units.ts';
import { type BloatMemory, memoryKey } from './memory.ts';

/** Why an index has not been measured: what stands in the way, and what would mend it. */
export interface Hindrance {
  readonly reason: string;
  readonly improvement: string | null;
}

/** Adds to the answers of the leaves those of the partitioned indexes that they make up, and says which these are. */
export function* addWholes(
  catalogue: Catalogue,
  answers: Map<IndexOid, Bloat>,
): Sliced<ReadonlyMap<IndexOid, IndexFact>> {
  const wholes = new Map<IndexOid, IndexFact>();
  for (const index of catalogue.indexes) {
    yield;
    if (index.fact.relkind !== 'I') continue;
    answers.set(index.oid, wholeOf(index, answers));
    wholes.set(index.oid, index.fact);
  }
  return wholes;
}

/** What an estimate was made of besides what is remembered; a measurement ages by the hour. */
export interface EstimateBasis {
  readonly index: IndexView;
  readonly hour: number;
}

export const hourOf = (nowMs: number): number => Math.floor(nowMs / hourMs);

/** Whether two bases give the same answer. Definitions change with the oid or the file. */
export function isSameBasis(a: EstimateBasis, b: EstimateBasis): boolean {
  return (
    a.hour === b.hour &&
    a.index.sizeBytes === b.index.sizeBytes &&
    (a.index.fact === b.index.fact || isSameFact(a.index.fact, b.index.fact)) &&
    isSameTable(a.index.table, b.index.table) &&
    b.index.fact.columnNumbers.every((number) =>
      isSameStatistics(a.index.table.statistics.get(number), b.index.table.statistics.get(number)),
    )
  );
}

const isUsableFact = (fact: IndexFact): boolean => fact.isValid && fact.isReady && fact.isLive;

const isSameFact = (a: IndexFact, b: IndexFact): boolean =>
  a.indexOid === b.indexOid &&
  a.relfilenode === b.relfilenode &&
  a.estimatedEntries === b.estimatedEntries &&
  isUsableFact(a) === isUsableFact(b) &&
  a.options.join() === b.options.join() &&
  a.predicate === b.predicate;

function isSameTable(a: TableView, b: TableView): boolean {
  if (a.rows !== b.rows || a.fact.estimatedRows !== b.fact.estimatedRows) return false;
  const [before, now] = [a.usage, b.usage];
  if (before === now) return true;
  return (
    before?.liveRows === now?.liveRows &&
    before?.deadRows === now?.deadRows &&
    before?.rowsInsertedTotal === now?.rowsInsertedTotal &&
    before?.rowsDeletedTotal === now?.rowsDeletedTotal &&
    before?.rowsChangedSinceAnalyze === now?.rowsChangedSinceAnalyze
  );
}

/** Frequencies are a sample like the rest: where they differ, so does something else. */
function isSameStatistics(a: ColumnStatisticsFact | undefined, b: ColumnStatisticsFact | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  return (
    a.nullFraction === b.nullFraction &&
    a.averageWidthBytes === b.averageWidthBytes &&
    a.distinctValues === b.distinctValues &&
    a.commonFrequencies.length === b.commonFrequencies.length &&
    a.commonFrequencies[0] === b.commonFrequencies[0] &&
    a.commonFrequencies.at(-1) === b.commonFrequencies.at(-1)
  );
}

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
export function* rebuildsIn(
  catalogue: Catalogue,
  memory: BloatMemory,
): Sliced<ReadonlyMap<IndexOid, number>> {
  const rebuilds = new Map<IndexOid, number>();
  if (!(yield* isAnyRebuilt(memory))) return rebuilds;
  for (const index of catalogue.indexes) {
    yield;
    let lastAtMs = 0;
    for (const leaf of leavesOf(index))
      lastAtMs = Math.max(lastAtMs, memory.get(memoryKey(leaf))?.rebuiltAtMs ?? 0);
    if (lastAtMs > 0) rebuilds.set(index.oid, lastAtMs);
  }
  return rebuilds;
}

/** Of most databases nothing has to be looked up. */
function* isAnyRebuilt(memory: BloatMemory): Sliced<boolean> {
  for (const { rebuiltAtMs } of memory.values()) {
    yield;
    if (rebuiltAtMs !== undefined) return true;
  }
  return false;
}

/** The indexes on disk below a partitioned one. */
export const leavesOf = (index: IndexView): readonly IndexView[] =>
  index.fact.relkind === 'I' ? index.children.flatMap(leavesOf) : [index];
