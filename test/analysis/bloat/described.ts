import type { BloatBaseline, BloatKnowledge, IndexScan } from '../../../src/analysis/bloat/bloat.ts';
import { estimateBloat } from '../../../src/analysis/bloat/estimate.ts';
import type { Catalogue } from '../../../src/analysis/catalogue.ts';
import {
  aCatalogue,
  type DescribedIndex,
  type DescribedTable,
  type Facts,
  factsOf,
  takenAtMs,
} from '../../support/builders.ts';

export const page = 8_192;

export interface DescribedBloat {
  readonly index?: Partial<DescribedIndex>;
  readonly table?: Partial<DescribedTable>;
  readonly facts?: Facts;
  readonly pages?: number | null;
  readonly rows?: number;
}

/** One index `i` on an integer column of a table `t` whose counters agree with the planner: nothing is dead, nothing was lost. */
export function catalogueOf({
  index,
  table,
  facts,
  pages = 400,
  rows = 60_000,
}: DescribedBloat = {}): Catalogue {
  return aCatalogue(
    factsOf(
      [
        {
          name: 't',
          columns: ['a', 'b'],
          rows,
          usage: { liveRows: rows, deadRows: 0, rowsInsertedTotal: rows, rowsDeletedTotal: 0 },
          indexes: [
            {
              name: 'i',
              keys: ['a'],
              sizeBytes: pages === null ? null : pages * page,
              ...index,
              fact: { estimatedEntries: rows, ...index?.fact },
            },
          ],
          ...table,
        },
      ],
      facts,
    ),
  );
}

/** The estimate for that index. */
export function bloatOf(described: DescribedBloat, knowledge: BloatKnowledge = {}, nowMs = takenAtMs) {
  const catalogue = catalogueOf(described);
  const [index] = catalogue.indexes;
  if (index === undefined) throw new Error('no index was described');
  return estimateBloat(index, { knowledge, catalogue, nowMs });
}

/** A scan of now; `pages` and the tuples as pgstattuple counts them. */
export const aScan = (
  scan: Partial<Omit<IndexScan, 'sizeBytes'>> & { readonly pages?: number } = {},
): IndexScan => {
  const { pages = 400, ...rest } = scan;
  return {
    atMs: takenAtMs,
    sizeBytes: pages * page,
    tupleCount: 60_000,
    tupleBytes: 60_000 * 16,
    freeBytes: 0,
    liveEntries: 60_000,
    counts: { reltuples: 60_000, tableRows: 60_000, liveShare: 1 },
    ...rest,
  };
};

export const aBaseline = (baseline: Partial<BloatBaseline> = {}): BloatBaseline => ({
  atMs: takenAtMs - 3_600_000,
  expectedBytes: 166 * page,
  liveEntries: 60_000,
  freshDensity: null,
  source: 'rebuild',
  ...baseline,
});
