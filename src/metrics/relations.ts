import type { IndexView, TableView } from '../analysis/catalogue.ts';
import type { IndexUsageFact, TableUsageFact } from '../collectors/usage.ts';
import { eachOf, type Sliced } from '../model/sliced.ts';
import { AccumulatedCounters, type CounterOf, type Leaf } from './accumulated.ts';
import { writeIndexBloat } from './bloat.ts';
import {
  chooseIndexes,
  chooseTables,
  nameOfIndex,
  nameOfTable,
  type SeriesBudget,
  SeriesChoice,
} from './budget.ts';
import type { Family } from './families/declare.ts';
import { families } from './families.ts';
import { asSeconds, isCollected, type Page } from './page-draft.ts';
import { writeIndexUse, writeTableUse } from './usage.ts';

/** A counter of PostgreSQL's, the family of its own series, and the one of those without. */
interface CounterFamilies<Fact> {
  readonly own: Family;
  readonly others: Family;
  readonly of: CounterOf<Fact>;
}

const indexCounters: readonly CounterFamilies<IndexUsageFact>[] = [
  { own: families.indexScans, others: families.otherScans, of: (usage) => usage.scansTotal },
  { own: families.indexTuplesRead, others: families.otherTuplesRead, of: (usage) => usage.tuplesReadTotal },
  {
    own: families.indexTuplesFetched,
    others: families.otherTuplesFetched,
    of: (usage) => usage.tuplesFetchedTotal,
  },
  { own: families.indexBlocksRead, others: families.otherBlocksRead, of: (usage) => usage.blocksReadTotal },
  { own: families.indexBlocksHit, others: families.otherBlocksHit, of: (usage) => usage.blocksHitTotal },
];

const tableCounters: readonly CounterFamilies<TableUsageFact>[] = [
  {
    own: families.tableSequentialScans,
    others: families.otherTableSequentialScans,
    of: (usage) => usage.sequentialScansTotal,
  },
  {
    own: families.tableSequentialRowsRead,
    others: families.otherTableSequentialRowsRead,
    of: (usage) => usage.sequentialRowsReadTotal,
  },
  {
    own: families.tableIndexScans,
    others: families.otherTableIndexScans,
    of: (usage) => usage.indexScansTotal,
  },
  {
    own: families.tableRowsInserted,
    others: families.otherTableRowsInserted,
    of: (usage) => usage.rowsInsertedTotal,
  },
  {
    own: families.tableRowsUpdated,
    others: families.otherTableRowsUpdated,
    of: (usage) => usage.rowsUpdatedTotal,
  },
  {
    own: families.tableRowsHotUpdated,
    others: families.otherTableRowsHotUpdated,
    of: (usage) => usage.rowsHotUpdatedTotal,
  },
  {
    own: families.tableRowsDeleted,
    others: families.otherTableRowsDeleted,
    of: (usage) => usage.rowsDeletedTotal,
  },
];

/** What one target's pages remember from one to the next; lost with the daemon, and a counter then starts from 0. */
export class SeriesMemory {
  readonly indexes = new SeriesChoice();
  readonly tables = new SeriesChoice();
  readonly indexCounters = new AccumulatedCounters(indexCounters.map((counter) => counter.of));
  readonly tableCounters = new AccumulatedCounters(tableCounters.map((counter) => counter.of));
}

export function* writeIndexes(page: Page, budget: SeriesBudget, memory: SeriesMemory): Sliced<void> {
  const { generation, settings, writer, block, blockWith } = page;
  const { catalogue } = generation;
  const chosen = yield* chooseIndexes(catalogue, generation.findings, budget, memory.indexes);
  const isShown = (counter: CounterFamilies<IndexUsageFact>): boolean =>
    settings.blockIo || counter.own.behind === undefined;
  if (isCollected(generation, 'tables', 'indexes')) {
    yield* memory.indexCounters.advance({
      leaves: eachOf(catalogue.indexes, (index) =>
        index.fact.relkind === 'I' ? undefined : leafOfIndex(index),
      ),
      present: catalogue.indexesByOid,
      roots: chosen.roots,
      exported: new Set(chosen.exported.map(nameOfIndex)),
      isComplete: isWhole(page, 'indexes'),
    });
    writer.add(families.indexes, blockWith({ exported: 'true' }), chosen.exported.length);
    writer.add(families.indexes, blockWith({ exported: 'false' }), chosen.rest.length);
    writer.add(families.otherSize, block, totalBytes(chosen.rest));
    for (const [place, counter] of indexCounters.entries())
      if (isShown(counter)) writer.add(counter.others, block, memory.indexCounters.others[place]);
  }
  for (const index of chosen.exported) {
    yield;
    const names = {
      schemaname: index.table.schemaname,
      relname: index.table.relname,
      indexrelname: index.name,
    };
    const labels = blockWith(names);
    const { usage } = index;
    writer.add(families.indexInfo, blockWith({ ...names, ...attributesOf(index) }), 1);
    writer.add(families.indexSize, labels, index.sizeBytes);
    writeIndexUse(writer, generation.usage, index, labels);
    writeIndexBloat(writer, generation.bloat.get(index.oid), names, blockWith);
    writer.add(families.lastRebuild, labels, asSeconds(generation.rebuilds?.get(index.oid)));
    const together = index.fact.relkind === 'I' ? memory.indexCounters.ofRoot(nameOfIndex(index)) : undefined;
    for (const [place, counter] of indexCounters.entries())
      if (usage !== undefined && isShown(counter))
        writer.add(counter.own, labels, together === undefined ? counter.of(usage) : together[place]);
    writer.add(families.indexLastScan, labels, asSeconds(usage?.lastScanAtMs));
  }
}

export function* writeTables(page: Page, budget: SeriesBudget, memory: SeriesMemory): Sliced<void> {
  const { generation, writer, block, blockWith } = page;
  const { catalogue } = generation;
  const chosen = yield* chooseTables(catalogue, generation.findings, budget, memory.tables);
  if (isCollected(generation, 'tables')) {
    yield* memory.tableCounters.advance({
      leaves: eachOf(catalogue.tables, (table) =>
        table.fact.relkind === 'p' ? undefined : leafOfTable(table),
      ),
      present: catalogue.tablesByOid,
      roots: chosen.roots,
      exported: new Set(chosen.exported.map(nameOfTable)),
      isComplete: isWhole(page, 'tables'),
    });
    writer.add(families.tables, blockWith({ exported: 'true' }), chosen.exported.length);
    writer.add(families.tables, blockWith({ exported: 'false' }), chosen.rest.length);
    writer.add(families.otherTableSize, block, totalBytes(chosen.rest));
    for (const [place, counter] of tableCounters.entries())
      writer.add(counter.others, block, memory.tableCounters.others[place]);
  }
  for (const table of chosen.exported) {
    yield;
    const labels = blockWith({ schemaname: table.schemaname, relname: table.relname });
    const { usage } = table;
    writer.add(families.tableSize, labels, table.sizeBytes);
    writer.add(families.tableRows, labels, table.rows);
    writeTableUse(writer, generation.usage, table, labels);
    const together = table.fact.relkind === 'p' ? memory.tableCounters.ofRoot(nameOfTable(table)) : undefined;
    for (const [place, counter] of tableCounters.entries())
      if (usage !== undefined)
        writer.add(counter.own, labels, together === undefined ? counter.of(usage) : together[place]);
    writer.add(families.tableLastAnalyze, labels, asSeconds(usage?.lastAnalyzedAtMs));
  }
}

/** Whether what is not on the list does not exist; a locked relation is left out of some lists. */
const isWhole = ({ generation }: Page, name: 'indexes' | 'tables'): boolean => {
  const outcome = generation.snapshot.outcomes[name];
  return outcome?.kind === 'collected' && outcome.skippedRelations.length === 0;
};

const leafOfIndex = (index: IndexView): Leaf<IndexUsageFact> => ({
  oid: index.oid,
  name: nameOfIndex(index),
  root: nameOfIndex(rootOf(index)),
  isPartition: index.parent !== undefined,
  usage: index.usage,
});

const leafOfTable = (table: TableView): Leaf<TableUsageFact> => ({
  oid: table.oid,
  name: nameOfTable(table),
  root: nameOfTable(rootOf(table)),
  isPartition: table.parent !== undefined,
  usage: table.usage,
});

function rootOf<View extends { readonly parent: View | undefined }>(view: View): View {
  let root = view;
  while (root.parent !== undefined) root = root.parent;
  return root;
}

/** Undefined where one is unknown: a sum of the others would read as the whole. */
function totalBytes(relations: readonly { readonly sizeBytes: number | undefined }[]): number | undefined {
  let total = 0;
  for (const { sizeBytes } of relations) {
    if (sizeBytes === undefined) return undefined;
    total += sizeBytes;
  }
  return total;
}

const constraintNames = { p: 'primary_key', u: 'unique', x: 'exclusion' } as const;

const attributesOf = ({ fact }: IndexView) => ({
  access_method: fact.accessMethod,
  unique: String(fact.isUnique),
  primary: String(fact.isPrimary),
  valid: String(fact.isValid),
  ready: String(fact.isReady),
  live: String(fact.isLive),
  partial: String(fact.hasPredicate),
  expression: String(fact.hasExpressions),
  partitioned: String(fact.relkind === 'I'),
  constraint: fact.constraintType === null ? 'none' : constraintNames[fact.constraintType],
});
