import type { Catalogue, IndexView, TableView } from '../../analysis/catalogue.ts';
import type { ServerFact } from '../../collectors/server.ts';
import type { Snapshot } from '../../collectors/snapshot.ts';
import type { NodeName } from '../../model/ids.ts';
import { atOnce, eachOf, type Sliced, slicedMap } from '../../model/sliced.ts';
import { minuteMs } from '../../model/units.ts';
import { type IndexSubject, indexSubject, type TableSubject, tableSubject } from '../subjects.ts';

/** By what a node's counters are known to be the same that were read before. Times are in whole milliseconds. */
export interface NodeEpoch {
  readonly systemIdentifier: string;
  readonly databaseOid: number;
  /** As server_version_num. */
  readonly versionNum: number;
  readonly isInRecovery: boolean;
  readonly startedAtMs: number;
  /** The server's own clock when it was asked. */
  readonly serverNowAtMs: number;
  readonly databaseStatsResetAtMs: number | null;
  readonly bgwriterStatsResetAtMs: number | null;
  readonly archiverStatsResetAtMs: number | null;
  /** The timeline that the node writes or follows; null where nobody read it. */
  readonly timeline: number | null;
}

/** The counters of one index on one node. */
export interface IndexCounters {
  /** Undefined while its definition is locked: it is then recognised by its oid, if it was seen before. */
  readonly subject: IndexSubject | undefined;
  readonly oid: number;
  readonly table: TableSubject;
  /** The topmost partitioned index that it is a part of. */
  readonly top: IndexSubject | undefined;
  readonly scansTotal: number;
  readonly tuplesReadTotal: number;
  readonly tuplesFetchedTotal: number;
  readonly lastScanAtMs: number | null;
  readonly statsResetAtMs: number | null;
  /** How many scans since the sample before were our own (probes say which indexes they touch); they do not count as use. */
  readonly ownScans?: number;
}

/** The counters of one table or materialized view on one node. Standbys count no writes. */
export interface TableCounters {
  readonly subject: TableSubject;
  readonly oid: number;
  /** The topmost partitioned table that it is a part of. */
  readonly top: TableSubject | undefined;
  readonly sequentialScansTotal: number;
  readonly rowsInsertedTotal: number;
  readonly rowsUpdatedNotHotTotal: number;
  readonly rowsDeletedTotal: number;
  readonly statsResetAtMs: number | null;
}

/** Everything that one node said of use at one moment. All its indexes and tables must be in it: what is not is taken to be gone. */
export interface UsageSample {
  readonly node: NodeName;
  /** When the counters were read, by our clock. */
  readonly atMs: number;
  readonly epoch: NodeEpoch;
  readonly indexes: Iterable<IndexCounters>;
  readonly tables: Iterable<TableCounters>;
}

/** Facts of one look are read within so long; as long as a new oid may be a rebuilt index. */
const oneLookMs = 15 * minuteMs;

export interface SampleOptions {
  /** {@link indexSubject} unless told otherwise; pass what `rememberedSubjects` made to digest each definition once. */
  readonly subjectOf?: (index: IndexView) => IndexSubject | undefined;
  /** Scans of our own since the last sample of this node, by index oid. */
  readonly ownScans?: ReadonlyMap<number, number>;
  readonly timeline?: number | null;
}

/**
 * The sample in a snapshot. Names and definitions come from the catalogue, counters from the snapshot, which may be a standby's: it
 * needs only `server`, `index-usage` and `table-usage`, and shares the primary's oids. Undefined where one of these is missing or
 * much older than the counters, or the inventory is missing, or where PostgreSQL counts nothing.
 */
export function* usageSampleInSlices(
  catalogue: Catalogue,
  snapshot: Snapshot,
  options: SampleOptions = {},
): Sliced<UsageSample | undefined> {
  const { server, 'index-usage': indexUsage, 'table-usage': tableUsage } = snapshot.outcomes;
  if (server?.kind !== 'collected' || indexUsage?.kind !== 'collected' || tableUsage?.kind !== 'collected')
    return undefined;
  // A reset is seen by the server's times: they must be of the same look as the counters.
  if (Math.abs(indexUsage.collectedAtMs - server.collectedAtMs) > oneLookMs) return undefined;
  const [fact] = server.facts;
  const isInventoryKnown = catalogue.collectedAtMs.has('tables') && catalogue.collectedAtMs.has('indexes');
  if (fact === undefined || !fact.trackCounts || !isInventoryKnown) return undefined;

  const { subjectOf = indexSubject, ownScans } = options;
  const countersOf = yield* slicedMap(indexUsage.facts, (usage) => [usage.indexOid, usage]);
  const writesOf = yield* slicedMap(tableUsage.facts, (usage) => [usage.tableOid, usage]);
  return {
    node: snapshot.node,
    atMs: Math.round(indexUsage.collectedAtMs),
    epoch: nodeEpoch(fact, options.timeline ?? null),
    indexes: eachOf(catalogue.indexes, (index): IndexCounters | undefined => {
      const usage = countersOf.get(index.oid);
      // An invalid one is never scanned; while REINDEX CONCURRENTLY swaps, its oid may show the counters of the one it replaces.
      if (usage === undefined || index.fact.relkind === 'I' || !index.fact.isValid) return undefined;
      const top = topIndex(index);
      return {
        subject: subjectOf(index),
        oid: index.oid,
        table: tableSubject(index.table),
        top: top === index ? undefined : subjectOf(top),
        scansTotal: usage.scansTotal,
        tuplesReadTotal: usage.tuplesReadTotal,
        tuplesFetchedTotal: usage.tuplesFetchedTotal,
        lastScanAtMs: whole(usage.lastScanAtMs),
        statsResetAtMs: whole(usage.statsResetAtMs),
        ownScans: ownScans?.get(index.oid) ?? 0,
      };
    }),
    tables: eachOf(catalogue.tables, (table): TableCounters | undefined => {
      const usage = writesOf.get(table.oid);
      if (usage === undefined || table.fact.relkind === 'p') return undefined;
      const top = topTable(table);
      return {
        subject: tableSubject(table),
        oid: table.oid,
        top: top === table ? undefined : tableSubject(top),
        sequentialScansTotal: usage.sequentialScansTotal,
        rowsInsertedTotal: usage.rowsInsertedTotal,
        rowsUpdatedNotHotTotal: Math.max(0, usage.rowsUpdatedTotal - usage.rowsHotUpdatedTotal),
        rowsDeletedTotal: usage.rowsDeletedTotal,
        statsResetAtMs: whole(usage.statsResetAtMs),
      };
    }),
  };
}

/** {@link usageSampleInSlices} in one go. */
export const usageSampleOf = (
  catalogue: Catalogue,
  snapshot: Snapshot,
  options: SampleOptions = {},
): UsageSample | undefined => atOnce(usageSampleInSlices(catalogue, snapshot, options));

/** The epoch that a server's fact describes. */
export function nodeEpoch(server: ServerFact, timeline: number | null = null): NodeEpoch {
  return {
    systemIdentifier: server.systemIdentifier,
    databaseOid: server.databaseOid,
    versionNum: server.versionNum,
    isInRecovery: server.isInRecovery,
    startedAtMs: Math.round(server.startedAtMs),
    serverNowAtMs: Math.round(server.serverNowAtMs),
    databaseStatsResetAtMs: whole(server.databaseStatsResetAtMs),
    bgwriterStatsResetAtMs: whole(server.bgwriterStatsResetAtMs),
    archiverStatsResetAtMs: whole(server.archiverStatsResetAtMs),
    timeline,
  };
}

/** The server's times have microseconds, ours do not. */
const whole = (atMs: number | null): number | null => (atMs === null ? null : Math.round(atMs));

const topIndex = (index: IndexView): IndexView =>
  index.parent === undefined ? index : topIndex(index.parent);
const topTable = (table: TableView): TableView =>
  table.parent === undefined ? table : topTable(table.parent);
