import type { ForeignKeyView, IndexKey, IndexView, TableView } from './catalogue.ts';
import { conjuncts, isSameExpression } from './expression.ts';

/** What an index that the planner may use and that is kept up to date looks like. */
export const isUsable = (index: IndexView): boolean =>
  index.fact.isValid && index.fact.isReady && index.fact.isLive && index.fact.isDefinitionKnown;

/** B-tree indexes can be read backwards, so that an order and its exact mirror serve the same queries. */
const isOrdered = (index: IndexView): boolean => index.fact.accessMethod === 'btree';

/**
 * Two keys that store and compare the same thing. An operator class counts by its family and input type: `varchar_ops` and
 * `text_ops` are two names for one. Unknown classes equal nothing.
 */
export function isSameKey(a: IndexKey, b: IndexKey): boolean {
  return (
    a.text === b.text &&
    (a.columnNumber === null) === (b.columnNumber === null) &&
    (a.expressionSql === null ||
      b.expressionSql === null ||
      isSameExpression(a.expressionSql, b.expressionSql)) &&
    a.collation === b.collation &&
    a.operatorClass !== undefined &&
    b.operatorClass !== undefined &&
    a.operatorClass.operatorFamilyOid === b.operatorClass.operatorFamilyOid &&
    a.operatorClass.inputTypeName === b.operatorClass.inputTypeName
  );
}

/** Whether the leading keys of `wide` are the keys of `narrow`, in order, in the same sort order or exactly mirrored. */
export function leadsWith(wide: IndexView, narrow: IndexView): boolean {
  if (narrow.keys.length > wide.keys.length) return false;
  const pairs = narrow.keys.map((key, place) => [key, wide.keys[place]] as const);
  if (!pairs.every(([key, other]) => other !== undefined && isSameKey(key, other))) return false;
  const same = pairs.every(
    ([key, other]) => key.isDescending === other?.isDescending && key.isNullsFirst === other?.isNullsFirst,
  );
  const mirrored = pairs.every(
    ([key, other]) => key.isDescending !== other?.isDescending && key.isNullsFirst !== other?.isNullsFirst,
  );
  return same || (mirrored && isOrdered(wide));
}

const sameMembers = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && [...a].sort().join('\0') === [...b].sort().join('\0');

/** Operator class parameters (`siglen`) change what an index of the same keys contains. */
const sameParameters = (a: IndexView, b: IndexView): boolean =>
  a.fact.operatorClassOptions.join('\0') === b.fact.operatorClassOptions.join('\0');

function isSameShape(a: IndexView, b: IndexView): boolean {
  return (
    a.table === b.table &&
    a.fact.accessMethod === b.fact.accessMethod &&
    a.keys.length === b.keys.length &&
    a.predicate === b.predicate &&
    sameParameters(a, b) &&
    leadsWith(a, b)
  );
}

/** Whether the two promise the same about the data: uniqueness, its meaning for nulls, when it is checked, exclusion. */
const isSamePromise = (a: IndexView, b: IndexView): boolean =>
  a.fact.isUnique === b.fact.isUnique &&
  a.fact.nullsNotDistinct === b.fact.nullsNotDistinct &&
  a.fact.isImmediate === b.fact.isImmediate &&
  !a.fact.isExclusion &&
  !b.fact.isExclusion;

/**
 * Whether either could be dropped and nothing would change: same keys in order, operator classes, collations, sort order or its
 * mirror, predicate, uniqueness and payload (whose order means nothing).
 */
export const isDuplicate = (a: IndexView, b: IndexView): boolean =>
  a !== b && isSameShape(a, b) && isSamePromise(a, b) && sameMembers(a.included, b.included);

/** How one index makes another superfluous, or undefined when it does not. */
export type Cover = 'covered-by-prefix' | 'covered-by-unique' | 'covered-by-payload';

/**
 * Whether `wide` serves everything that `narrow` serves. `narrow` must promise nothing (not unique, no constraint, no
 * exclusion): a unique index is never redundant to a wider or plain one. Beyond equal keys only B-trees cover by prefix.
 */
export function coverOf(narrow: IndexView, wide: IndexView): Cover | undefined {
  if (narrow === wide || narrow.table !== wide.table) return undefined;
  if (narrow.fact.isUnique || narrow.fact.isExclusion || narrow.fact.constraintOid !== null) return undefined;
  if (narrow.fact.accessMethod !== wide.fact.accessMethod || narrow.predicate !== wide.predicate)
    return undefined;
  const carried = new Set([
    ...wide.keys.filter((key) => key.columnNumber !== null).map((key) => key.text),
    ...wide.included,
  ]);
  if (!narrow.included.every((column) => carried.has(column))) return undefined;
  if (isSameShape(wide, narrow)) {
    if (wide.fact.isUnique || wide.fact.isExclusion) return 'covered-by-unique';
    return wide.included.length > narrow.included.length ? 'covered-by-payload' : undefined;
  }
  const isWider = wide.keys.length > narrow.keys.length;
  return isOrdered(wide) && isWider && leadsWith(wide, narrow) ? 'covered-by-prefix' : undefined;
}

/** What keeps an index from being dropped, in the words of a sentence; undefined when nothing does. */
export function whyKept(index: IndexView): string | undefined {
  const { fact } = index;
  if (fact.isPrimary) return 'it is the primary key';
  if (fact.isExclusion) return 'it enforces an exclusion constraint';
  if (fact.constraintOid !== null)
    return `it belongs to the constraint ${fact.constraintName ?? ''}`.trimEnd();
  if (fact.referencingForeignKeys > 0) return 'foreign keys refer to it';
  if (fact.isReplicaIdentity) return "it is the table's replica identity";
  if (fact.isClustered) return 'the table is clustered on it';
  if (fact.isUnique) return 'it enforces uniqueness';
  if (index.parent !== undefined) return `it is a partition of the index ${index.parent.name}`;
  return undefined;
}

/**
 * The total order of who stays among indexes that can replace each other, most worth keeping first: attached to a partitioned
 * index, primary, constraint, referenced by a foreign key, replica identity, clustered, unique; then more used, smaller, older
 * (the lower oid stands for older), and the name where even that ties.
 */
export function compareByWorth(a: IndexView, b: IndexView): number {
  const flags: readonly ((index: IndexView) => boolean)[] = [
    (index) => index.parent !== undefined,
    (index) => index.fact.isPrimary,
    (index) => index.fact.constraintOid !== null,
    (index) => index.fact.referencingForeignKeys > 0,
    (index) => index.fact.isReplicaIdentity,
    (index) => index.fact.isClustered,
    (index) => index.fact.isUnique,
  ];
  for (const holds of flags) {
    if (holds(a) !== holds(b)) return holds(a) ? -1 : 1;
  }
  const used = (b.usage?.scansTotal ?? 0) - (a.usage?.scansTotal ?? 0);
  if (used !== 0) return used;
  const size = (a.sizeBytes ?? 0) - (b.sizeBytes ?? 0);
  if (size !== 0) return size;
  return a.oid - b.oid || (a.name < b.name ? -1 : 1);
}

/** The reason by which `keep` won over `drop` in {@link compareByWorth}, as a clause. */
export function whyPreferred(keep: IndexView, drop: IndexView): string {
  const kept = whyKept(keep);
  if (kept !== undefined && whyKept(drop) !== kept) return kept;
  const scans = [keep.usage?.scansTotal ?? 0, drop.usage?.scansTotal ?? 0] as const;
  if (scans[0] > scans[1]) return `it is the one that is used (${scans[0]} scans against ${scans[1]})`;
  const sizes = [keep.sizeBytes ?? 0, drop.sizeBytes ?? 0] as const;
  if (sizes[0] < sizes[1]) return 'it is smaller';
  return 'it is older';
}

/**
 * Whether the index lets PostgreSQL find the rows of a foreign key by an index scan: the key's columns lead it in any order, its
 * operator classes hold the equality that the check uses, it is valid, and a predicate asks no more than that key columns are
 * not null. A hash index serves one column; BRIN cannot find single rows.
 */
export function supportsForeignKey(candidate: IndexView, key: ForeignKeyView): boolean {
  const index = onTable(candidate, key.table);
  const { fact } = index;
  if (!isUsable(index) || fact.accessMethod === 'brin') return false;
  const wanted = key.fact.columnNumbers;
  const leading = fact.accessMethod === 'gin' ? index.keys : index.keys.slice(0, wanted.length);
  // Most indexes of a table have nothing to do with the key.
  if (!leading.some(({ columnNumber }) => columnNumber !== null && wanted.includes(columnNumber)))
    return false;
  const families = new Map<number, Set<number>>();
  key.fact.equalityPositions.forEach((position, place) => {
    const family = key.fact.equalityFamilies[place];
    const held = families.get(position) ?? new Set<number>();
    if (family !== undefined) held.add(family);
    families.set(position, held);
  });
  const isServed = wanted.every((column, place) =>
    leading.some(
      ({ columnNumber, operatorClass }) =>
        columnNumber === column &&
        operatorClass !== undefined &&
        families.get(place + 1)?.has(operatorClass.operatorFamilyOid) === true,
    ),
  );
  if (!isServed) return false;
  if (!fact.hasPredicate) return true;
  // A name may be deparsed with quotes or without, and which words are reserved differs between versions: either will do.
  const implied = new Set(
    key.columns.flatMap((column) => [`${column} IS NOT NULL`, `${quoted(column)} IS NOT NULL`]),
  );
  return fact.predicate !== null && conjuncts(fact.predicate).every((condition) => implied.has(condition));
}

/** A name in quotes, needed or not. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * Whether the key is supported on the table itself or, for a partitioned table, on every one of its leaves. Indexes in `without`
 * count as gone, with all that are attached to them.
 */
export function isForeignKeySupported(
  key: ForeignKeyView,
  without: ReadonlySet<IndexView> = new Set(),
): boolean {
  const isGone = (index: IndexView): boolean =>
    without.has(index) || (index.parent !== undefined && isGone(index.parent));
  const supportedOn = (table: TableView): boolean =>
    table.indexes.some((index) => !isGone(index) && supportsForeignKey(index, key)) ||
    (table.fact.relkind === 'p' && table.partitions.length > 0 && table.partitions.every(supportedOn));
  return supportedOn(key.table);
}

/**
 * The foreign keys that the index, or an index attached to it, may help to check: those of its table, of the partitioned tables
 * above it, and of the partitions that its own partitions lie on.
 */
export function foreignKeysAround(index: IndexView): readonly ForeignKeyView[] {
  const above = (table: TableView): readonly ForeignKeyView[] =>
    table.parent === undefined ? table.foreignKeys : [...table.foreignKeys, ...above(table.parent)];
  return [...new Set([...above(index.table), ...index.children.flatMap(foreignKeysAround)])];
}

/** A partition may number its columns otherwise than its parent: compare by name when the tables differ. */
function onTable(index: IndexView, table: TableView): IndexView {
  if (index.table === table) return index;
  const numbers = new Map(
    [...table.columns.values()].map((column) => [column.columnName, column.attributeNumber]),
  );
  return {
    ...index,
    keys: index.keys.map((key) => ({
      ...key,
      columnNumber: key.columnNumber === null ? null : (numbers.get(key.text) ?? -1),
    })),
  };
}
