import type { Catalogue, ForeignKeyView, IndexView, TableView } from './catalogue.ts';

/** What is to become of the indexes of a catalogue. */
export interface CatalogueChange {
  /** Indexes that do not exist yet, on tables of the catalogue. */
  readonly added: readonly IndexView[];
  /** Indexes that go, and with them those attached to them. */
  readonly removed: ReadonlySet<IndexView>;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type TableCopy = Mutable<TableView>;
type IndexCopy = Mutable<IndexView>;
type KeyCopy = Mutable<ForeignKeyView>;

/**
 * The catalogue as it would be after the change, in views of its own that refer to each other and to nothing of the old one. Sizes,
 * counters and statistics stay what they were. O(n) in the number of tables, indexes and foreign keys.
 */
export function catalogueAfter(catalogue: Catalogue, { added, removed }: CatalogueChange): Catalogue {
  const isGone = (index: IndexView): boolean =>
    removed.has(index) || (index.parent !== undefined && isGone(index.parent));
  const staying = [...catalogue.indexes.filter((index) => !isGone(index)), ...added];

  const tables = new Map<TableView, TableCopy>(catalogue.tables.map((table) => [table, { ...table }]));
  const indexes = new Map<IndexView, IndexCopy>(staying.map((index) => [index, { ...index }]));
  const keys = new Map<ForeignKeyView, KeyCopy>(catalogue.foreignKeys.map((key) => [key, { ...key }]));
  const tableOf = (table: TableView): TableView => tables.get(table) ?? table;

  for (const [index, copy] of indexes) {
    copy.table = tableOf(index.table);
    copy.parent = index.parent === undefined ? undefined : indexes.get(index.parent);
    copy.children = index.children.flatMap((child) => indexes.get(child) ?? []);
  }
  for (const [key, copy] of keys) {
    copy.table = tableOf(key.table);
    copy.referenced = key.referenced === undefined ? undefined : tableOf(key.referenced);
  }
  const addedTo = new Map<TableView, IndexView[]>();
  for (const index of added) addedTo.set(index.table, [...(addedTo.get(index.table) ?? []), index]);
  for (const [table, copy] of tables) {
    copy.parent = table.parent === undefined ? undefined : tableOf(table.parent);
    copy.partitions = table.partitions.map(tableOf);
    copy.indexes = [...table.indexes, ...(addedTo.get(table) ?? [])].flatMap(
      (index) => indexes.get(index) ?? [],
    );
    copy.foreignKeys = table.foreignKeys.map((key) => keys.get(key) ?? key);
    copy.referencedBy = table.referencedBy.map((key) => keys.get(key) ?? key);
  }
  return {
    ...catalogue,
    tables: [...tables.values()],
    indexes: [...indexes.values()],
    foreignKeys: [...keys.values()],
    tablesByOid: new Map([...tables.values()].map((table) => [table.oid, table])),
    indexesByOid: new Map([...indexes.values()].map((index) => [index.oid, index])),
  };
}
