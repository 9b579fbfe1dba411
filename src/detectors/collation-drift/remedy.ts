import type { Catalogue, IndexView } from '../../analysis/catalogue.ts';
import { quoted } from '../../analysis/index-identity.ts';
import type { CollationFact } from '../../collectors/inventory.ts';
import { counted } from '../../model/units.ts';
import type { Remedy } from '../draft.ts';
import { collationSql } from './drift.ts';

/** What the order of the steps depends on, besides the index. */
export interface Circumstances {
  readonly drifted: readonly CollationFact[];
  readonly collations: Catalogue['collations'];
  readonly datname: string;
  readonly versionNum: number;
}

/** From here on REINDEX takes partitioned indexes. */
const versionReindexingTrees = 140_000;

/**
 * Duplicates first, since a unique index with duplicates cannot be rebuilt; then the rebuild; and only then the new version, which
 * REFRESH records without looking at any index: done earlier, it hides those that are still in the old order. Words and SQL for
 * the node that is written to.
 */
export function rebuild(index: IndexView, circumstances: Circumstances): Remedy {
  const { fact } = index;
  const isTreeByHand = fact.relkind === 'I' && circumstances.versionNum < versionReindexingTrees;
  const rebuilding = fact.isExclusion
    ? 'rebuild it with REINDEX INDEX, without CONCURRENTLY, which an exclusion constraint does not allow: it blocks writes while it runs'
    : isTreeByHand
      ? `rebuild ${counted(leavesOf(index).length, 'index', 'indexes')} of its partitions, each with REINDEX INDEX CONCURRENTLY, since 13 cannot rebuild a partitioned index`
      : 'rebuild the index with the SQL given here';
  const steps = [
    findFirst(index, circumstances),
    rebuilding,
    `when every index that is reported for it is rebuilt, record the new version (which looks at no index: recorded before, it hides those that are still in the old order): ${circumstances.drifted.map((collation) => refreshVersion(collation, circumstances.datname)).join(' ')}`,
  ].filter((step) => step !== undefined);
  const numbered = steps.map(
    (step, place) => `${place + 1}. ${step.charAt(0).toUpperCase()}${step.slice(1)}`,
  );
  const notes = `In this order. ${numbered.map((step) => (step.endsWith(';') ? step : `${step}.`)).join(' ')}`;
  return fact.isExclusion || isTreeByHand
    ? { kind: 'review', notes }
    : { kind: 'rebuild-index', index, notes };
}

/** What to look for before the rebuild; undefined where nothing is enforced. */
function findFirst(index: IndexView, circumstances: Circumstances): string | undefined {
  const { fact } = index;
  if (fact.isExclusion)
    return 'find the rows that break the exclusion constraint, without its index, and settle them';
  if (!fact.isUnique) return undefined;
  if (!fact.isDefinitionKnown)
    return 'find rows that share a key, with every index left aside, and settle them';
  return `find duplicates, with every index left aside, and settle them: ${duplicatesQuery(index, circumstances.collations)}`;
}

/**
 * A script that lists the keys which the unique index holds more than once, by sorting the table anew: a scan of the index would
 * be led by the very order that is in doubt. One line, runs as it stands, leaves no setting behind.
 */
export function duplicatesQuery(index: IndexView, collations: Catalogue['collations']): string {
  const { fact, table } = index;
  const keys = index.keys.map((key, place) => {
    const text = key.expressionSql === null ? quoted(key.text) : `(${key.expressionSql})`;
    const collation = collations.get(fact.collations[place] ?? 0);
    // The column may have another collation than the index, and only the index's says which keys are equal.
    return collation === undefined || collation.isDatabaseDefault
      ? text
      : `${text} COLLATE ${collationSql(collation)}`;
  });
  // Only equal keys that are not null count, unless the index says otherwise.
  const present = fact.nullsNotDistinct ? [] : keys.map((key) => `${key} IS NOT NULL`);
  const conditions = [...(fact.predicate === null ? [] : [`(${fact.predicate})`]), ...present];
  // Uniqueness holds within a table, not in those that inherit from it; but across partitions.
  const only = fact.relkind === 'I' ? '' : 'ONLY ';
  const list = keys.join(', ');
  return [
    'BEGIN; SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off;',
    `SELECT ${list}, count(*) FROM ${only}${quoted(table.schemaname)}.${quoted(table.relname)}`,
    ...(conditions.length === 0 ? [] : [`WHERE ${conditions.join(' AND ')}`]),
    `GROUP BY ${list} HAVING count(*) > 1; ROLLBACK;`,
  ].join(' ');
}

/** The statement that records the version which the server provides now. */
const refreshVersion = (collation: CollationFact, datname: string): string =>
  collation.isDatabaseDefault
    ? `ALTER DATABASE ${quoted(datname)} REFRESH COLLATION VERSION;`
    : `ALTER COLLATION ${collationSql(collation)} REFRESH VERSION;`;

const leavesOf = (index: IndexView): readonly IndexView[] =>
  index.fact.relkind === 'I' ? index.children.flatMap(leavesOf) : [index];
