import { buildCatalogue, type Catalogue } from '../../src/analysis/catalogue.ts';
import type { ServerFact } from '../../src/collectors/server.ts';
import type { UsageAcrossNodes } from '../../src/history/usage/across.ts';
import { observeUsage, openUsage, type UsageHistory, usageKept } from '../../src/history/usage/history.ts';
import { usageSampleOf } from '../../src/history/usage/sample.ts';
import { nodeName } from '../../src/model/ids.ts';
import { dayMs, hourMs } from '../../src/model/units.ts';
import type { UsageDay } from '../../src/store/store.ts';
import {
  anIndexUsageFact,
  aServerFact,
  aSnapshot,
  aTableUsageFact,
  type DescribedTable,
  factsOf,
  takenAtMs,
} from './builders.ts';

/** What a test says of one look at one node. `day` counts back from `takenAtMs`: 0 is the last day, 1 the one before. */
export interface Moment {
  readonly node: string;
  readonly day: number;
  readonly atMs: number;
}

export interface DescribedUsage {
  /** Days of watching before `takenAtMs`. */
  readonly days: number;
  readonly nodes?: readonly string[];
  readonly everyMs?: number;
  /** Scans of an index since the look before; none unless told otherwise. `schema.index` where schemas differ. */
  readonly scans?: (index: string, moment: Moment) => number;
  /** Sequential scans of a table since the look before; ten unless told otherwise. */
  readonly reads?: (table: string, moment: Moment) => number;
  /** Rows since the look before. */
  readonly writes?: (
    table: string,
    moment: Moment,
  ) => { readonly deleted?: number; readonly updated?: number; readonly inserted?: number };
  /** What differs of the server from then on. */
  readonly server?: (moment: Moment) => Partial<ServerFact>;
  /** Looks that did not happen. */
  readonly isBlind?: (moment: Moment) => boolean;
  /** Whether an index is there; it always is unless told otherwise. */
  readonly isThere?: (index: string, moment: Moment) => boolean;
  /** Nodes that could not be read in the end, and why. */
  readonly unreachable?: Readonly<Record<string, string>>;
  /** Scans before the first look. */
  readonly scansBefore?: number;
  readonly maxGapMs?: number;
  /** Told of the days that ended, as a store is. */
  readonly onDays?: (node: string, days: readonly UsageDay[]) => void;
}

/** The history that nodes with these tables leave behind, watched through the same door as in production. */
export function usageOver(tables: readonly DescribedTable[], described: DescribedUsage): UsageAcrossNodes {
  const { days, everyMs = 4 * hourMs, nodes = ['primary'], maxGapMs = 6 * hourMs } = described;
  const facts = factsOf(tables);
  const catalogue = buildCatalogue(aSnapshot(facts), () => true);
  const watch = (node: string): UsageHistory => {
    const { history } = openUsage(nodeName(node), { checkpoint: undefined, collections: [] });
    const counters = newCounters(catalogue, described.scansBefore ?? 0);
    for (let atMs = takenAtMs - days * dayMs; atMs <= takenAtMs; atMs += everyMs) {
      const moment = { node, atMs, day: Math.floor((takenAtMs - atMs) / dayMs) };
      count(counters, catalogue, described, moment);
      if (described.isBlind?.(moment) === true) continue;
      const there = (index: { readonly indexrelname: string }) =>
        described.isThere?.(index.indexrelname, moment) ?? true;
      const now = aSnapshot({
        ...facts,
        indexes: (facts.indexes ?? []).filter(there),
        indexUsage: [...counters.indexes.values()],
        tableUsage: [...counters.tables.values()],
        takenAtMs: atMs,
        node: nodeName(node),
        server: aServerFact({
          isInRecovery: node !== 'primary',
          databaseStatsResetAtMs: takenAtMs - 400 * dayMs,
          bgwriterStatsResetAtMs: takenAtMs - 400 * dayMs,
          archiverStatsResetAtMs: takenAtMs - 400 * dayMs,
          startedAtMs: takenAtMs - 400 * dayMs,
          serverNowAtMs: atMs,
          ...described.server?.(moment),
        }),
      });
      const sample = usageSampleOf(
        buildCatalogue(now, () => true),
        now,
      );
      if (sample === undefined) throw new Error('there is a sample in every built snapshot');
      const step = observeUsage(history, sample, { maxGapMs });
      if (step.kind !== 'observed') continue;
      if (step.fold !== undefined) described.onDays?.(node, step.fold.days);
      usageKept(history, step);
    }
    return history;
  };
  return {
    nodes: nodes.map((node) => ({
      node: nodeName(node),
      history: watch(node),
      unreachable: described.unreachable?.[node],
    })),
    maxGapMs,
  };
}

interface Counters {
  readonly indexes: Map<number, ReturnType<typeof anIndexUsageFact>>;
  readonly tables: Map<number, ReturnType<typeof aTableUsageFact>>;
}

function newCounters(catalogue: Catalogue, scansBefore: number): Counters {
  const nothing = { lastScanAtMs: null, blocksHitTotal: 0, blocksReadTotal: 0 };
  const indexes = catalogue.indexes
    .filter(({ fact }) => fact.relkind === 'i')
    .map(({ oid }) =>
      anIndexUsageFact({
        indexOid: oid,
        scansTotal: scansBefore,
        tuplesReadTotal: scansBefore,
        tuplesFetchedTotal: scansBefore,
        ...nothing,
      }),
    );
  const tables = catalogue.tables
    .filter(({ fact }) => fact.relkind !== 'p')
    .map(({ oid }) =>
      aTableUsageFact({
        tableOid: oid,
        sequentialScansTotal: 0,
        indexScansTotal: 0,
        rowsInsertedTotal: 0,
        rowsUpdatedTotal: 0,
        rowsHotUpdatedTotal: 0,
        rowsDeletedTotal: 0,
      }),
    );
  return {
    indexes: new Map(indexes.map((fact) => [fact.indexOid, fact])),
    tables: new Map(tables.map((fact) => [fact.tableOid, fact])),
  };
}

function count(counters: Counters, catalogue: Catalogue, described: DescribedUsage, moment: Moment): void {
  const { scans = () => 0, reads = () => 10, writes } = described;
  for (const index of catalogue.indexes) {
    const fact = counters.indexes.get(index.oid);
    if (fact === undefined) continue;
    const { schemaname } = index.table;
    const more = scans(schemaname === 'public' ? index.name : `${schemaname}.${index.name}`, moment);
    counters.indexes.set(index.oid, {
      ...fact,
      scansTotal: fact.scansTotal + more,
      tuplesReadTotal: fact.tuplesReadTotal + 3 * more,
    });
  }
  for (const table of catalogue.tables) {
    const fact = counters.tables.get(table.oid);
    if (fact === undefined) continue;
    const name = table.schemaname === 'public' ? table.relname : `${table.schemaname}.${table.relname}`;
    const { deleted = 0, updated = 0, inserted = 0 } = writes?.(name, moment) ?? {};
    counters.tables.set(table.oid, {
      ...fact,
      sequentialScansTotal: fact.sequentialScansTotal + reads(name, moment),
      rowsDeletedTotal: fact.rowsDeletedTotal + deleted,
      rowsUpdatedTotal: fact.rowsUpdatedTotal + updated,
      rowsInsertedTotal: fact.rowsInsertedTotal + inserted,
    });
  }
}
