import type { IndexView } from '../../src/analysis/catalogue.ts';

/*
 * What the method is compared with: the formula that most tools ship, written anew from its published description, and what
 * pgstatindex prints.
 */

const pageHeaderBytes = 24;
const btreeSpecialBytes = 16;
const alignmentBytes = 8;

/**
 * The textbook estimate of a B-tree's bloat: tuples of average width (null bitmap and padding as if all tuples were alike) on pages of
 * the fill factor, one tuple per row, against pg_class.relpages. Undefined without statistics of every column, as it has no row then.
 */
export function textbookRatio(index: IndexView, blockBytes: number): number | undefined {
  const { fact, table } = index;
  if (fact.accessMethod !== 'btree' || fact.estimatedEntries < 0 || fact.relpages <= 0) return undefined;
  let width = 0;
  let hasNulls = false;
  for (const [place, number] of fact.columnNumbers.entries()) {
    const statistics = number === 0 ? index.statistics.get(place + 1) : table.statistics.get(number);
    if (statistics === undefined) return undefined;
    width += (1 - statistics.nullFraction) * statistics.averageWidthBytes;
    hasNulls ||= statistics.nullFraction > 0;
  }
  const header = hasNulls ? 12 : 8;
  const tuple = 4 + padded(header) + padded(Math.max(1, Math.trunc(width))) + (width - Math.trunc(width));
  const usable = blockBytes - pageHeaderBytes - btreeSpecialBytes;
  const option = fact.options.find((line) => line.startsWith('fillfactor='));
  const fillFactor = Number(option?.slice('fillfactor='.length) ?? 90);
  const pages = 1 + Math.ceil(fact.estimatedEntries / Math.floor((usable * fillFactor) / (100 * tuple)));
  return Math.max(0, (fact.relpages - pages) / fact.relpages);
}

const padded = (bytes: number): number => Math.ceil(bytes / alignmentBytes) * alignmentBytes;
