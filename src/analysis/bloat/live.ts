import type { IndexView, TableView } from '../catalogue.ts';
import type { LiveCounts } from './bloat.ts';

/** How far the counters' own bookkeeping may be from a count to bear it out. */
const agreementShare = 0.02;

/**
 * Entries that the index should hold: rows of the table, or those that a partial index covers. Undefined where nothing is known;
 * -1 and 0 in pg_class are "never counted" and are passed over.
 *
 * The index's own reltuples is a floor: an index that was created on an empty table keeps 0 until ANALYZE, and n_live_tup is 0 after
 * a crash and too low after DELETE and VACUUM in one session (the deletes are counted after VACUUM has set the result). It is no
 * floor where inserts minus deletes of the table settle how many rows there are. GIN's reltuples may count keys instead of rows: CREATE INDEX
 * stores the one, VACUUM the other.
 */
export function liveEntriesOf(index: IndexView): number | undefined {
  const { table } = index;
  const counted = positive(index.fact.estimatedEntries);
  const settled = settledRows(table);
  const rows = tableRows(table);
  if (!index.fact.hasPredicate) {
    if (index.fact.accessMethod === 'gin' || settled !== undefined) return rows;
    return largest([table.usage?.liveRows, counted]) ?? rows;
  }
  const planned = positive(table.fact.estimatedRows);
  if (counted === undefined) return rows === 0 ? 0 : undefined;
  // GIN: keys, not rows; only their proportion to the table's rows means anything.
  if (planned === undefined || rows === undefined) return counted;
  const inProportion = (counted * rows) / planned;
  return settled === undefined ? Math.max(inProportion, counted) : inProportion;
}

/** What `liveEntriesOf` is made of, to be kept with a scan or a baseline. */
export function liveCountsOf(index: IndexView): LiveCounts {
  return {
    reltuples: index.fact.estimatedEntries,
    tableRows: tableRows(index.table) ?? null,
    liveShare: liveShareOf(index.table),
  };
}

/**
 * Live rows over live and dead ones, 0 to 1; 1 where the counters are not known. Rows that were deleted but not vacuumed still have
 * their entries in the index, and a rebuild leaves them out.
 */
function liveShareOf(table: TableView): number {
  const { usage } = table;
  const rows = tableRows(table);
  if (usage === undefined || rows === undefined || usage.deadRows === 0) return 1;
  return rows / Math.max(rows, usage.liveRows + usage.deadRows);
}

function tableRows(table: TableView): number | undefined {
  const largestKnown = () => largest([table.usage?.liveRows, table.fact.estimatedRows ?? undefined]);
  return settledRows(table) ?? largestKnown() ?? table.rows;
}

/**
 * The count that all inserts and deletes since the counters began add up to; undefined where none does, as after a statistics reset.
 *
 * n_live_tup is one after a DELETE that nobody has vacuumed or analysed yet, though the planner counted more rows; but then the counters must
 * remember that it was counted, and at least as many inserts as it counted rows. The planner's count is one where changes were counted twice:
 * once by VACUUM's or ANALYZE's result, and again when the session that made them reported them late.
 */
function settledRows(table: TableView): number | undefined {
  const { usage } = table;
  if (usage === undefined || usage.rowsInsertedTotal === 0) return undefined;
  const { rowsInsertedTotal, rowsDeletedTotal, liveRows, lastAnalyzedAtMs, lastVacuumedAtMs } = usage;
  const tolerance = agreementShare * rowsInsertedTotal;
  const isBalance = (rows: number) => Math.abs(rowsInsertedTotal - rowsDeletedTotal - rows) <= tolerance;
  const planned = positive(table.fact.estimatedRows);
  if (isBalance(liveRows)) {
    if (planned === undefined || liveRows >= planned) return liveRows;
    const wasCounted = lastAnalyzedAtMs !== null || lastVacuumedAtMs !== null;
    return wasCounted && rowsInsertedTotal >= (1 - agreementShare) * planned ? liveRows : undefined;
  }
  return planned !== undefined && isBalance(planned) ? planned : undefined;
}

const positive = (count: number | null | undefined): number | undefined =>
  count !== null && count !== undefined && count > 0 ? count : undefined;

/** The largest of those that are positive; undefined when there is none. */
function largest(counts: readonly (number | undefined)[]): number | undefined {
  const known = counts.flatMap((count) => positive(count) ?? []);
  return known.length === 0 ? undefined : Math.max(...known);
}

/**
 * How much the index's contents have grown since counts were kept: 1 where that is not known. A partial index whose reltuples has
 * not been touched since is taken to have kept its share of the table: its reltuples over the table's would shrink with every
 * CREATE INDEX or VACUUM that refreshes the table's count alone.
 */
export function growthSince(
  index: IndexView,
  then: { readonly liveEntries: number | null; readonly counts?: LiveCounts },
): number {
  const rows = tableRows(index.table);
  const { counts } = then;
  const isUncounted = counts !== undefined && counts.reltuples === index.fact.estimatedEntries;
  if (index.fact.hasPredicate && isUncounted && rows !== undefined && (counts.tableRows ?? 0) > 0)
    return rows / (counts.tableRows ?? rows);
  const entries = liveEntriesOf(index);
  if (entries === undefined || then.liveEntries === null || then.liveEntries <= 0) return 1;
  return entries / then.liveEntries;
}
