import type { ForeignKeyView, IndexView, TableView } from '../../analysis/catalogue.ts';
import type { IndexFact } from '../../collectors/inventory.ts';

/** From here on an update that changes only what summarising indexes (BRIN) hold can be HOT. */
const versionSparingBrin = 160_000;

/** An index that may keep updates from being HOT, by the columns whose change would do it. */
export interface Suspect {
  readonly index: IndexView;
  /** Key, included, expression and predicate columns that are not taken for unchanging; null while it is not known which they are. */
  readonly columns: readonly string[] | null;
}

/**
 * The indexes of a table that hold a column which may well change, whatever they hold it for: an update is HOT only if no column
 * of any index changes, be it a key, carried along, inside an expression or in a predicate. Invalid indexes are written to, and
 * count, as long as they are live.
 */
export function suspectsOf(table: TableView, versionNum: number): readonly Suspect[] {
  const unchanging = unchangingColumns(table);
  const suspects: Suspect[] = [];
  for (const index of table.indexes) {
    const { fact } = index;
    if (!fact.isLive || (fact.accessMethod === 'brin' && versionNum >= versionSparingBrin)) continue;
    const columns = columnsOf(index).filter((column) => !unchanging.has(column));
    if (!fact.isDefinitionKnown) suspects.push({ index, columns: null });
    else if (columns.length > 0) suspects.push({ index, columns });
  }
  return suspects;
}

/**
 * Columns that are taken for unchanging, since no statistics say what changes: keys identify rows, references are rarely set
 * anew, and the moment at which a row came to be stays what it is.
 */
export function unchangingColumns(table: TableView): ReadonlySet<string> {
  const keys = table.indexes
    .filter(({ fact }) => fact.isUnique && fact.isValid)
    .flatMap((index) => index.keys.filter((key) => key.columnNumber !== null).map((key) => key.text));
  const references = table.foreignKeys.flatMap((key: ForeignKeyView) => key.columns);
  const moments = table.indexes.flatMap(columnsOf).filter((column) => momentOfCreation.test(column));
  return new Set([...keys, ...references, ...moments]);
}

const momentOfCreation = /^(?:date_?)?(?:created|inserted|added|registered)(?:_?(?:at|on|date|time|ts))?$/i;

/** Every column of the table that the index depends on, each once. */
function columnsOf(index: IndexView): readonly string[] {
  const keys = index.keys.filter((key) => key.columnNumber !== null).map((key) => key.text);
  return [...new Set([...keys, ...index.included, ...columnsInSql(index.fact)])];
}

/** The columns in expressions and predicate; as long as the fact is the same one, so are they. */
function columnsInSql(fact: IndexFact): readonly string[] {
  if (!fact.hasExpressions && !fact.hasPredicate) return [];
  const columns = readBefore.get(fact) ?? [...columnsIn(fact.expressions), ...columnsIn(fact.predicate)];
  readBefore.set(fact, columns);
  return columns;
}
const readBefore = new WeakMap<IndexFact, readonly string[]>();

const name = String.raw`(?:"(?:[^"]|"")*"|[a-z_][\w$]*)`;
const qualifiedName = String.raw`(?:${name}\.)?${name}`;
const notColumns = new RegExp(
  [
    "E?'(?:[^']|'')*'",
    // Types, of which some have several words.
    String.raw`::(?:(?:timestamp|time)(?:\(\d+\))? with(?:out)? time zone|double precision|(?:character|bit) varying|${qualifiedName})(?:\(\d+(?:,\d+)?\))?(?:\[\])*`,
    `COLLATE ${qualifiedName}`,
    String.raw`EXTRACT\(\w+ FROM`,
    String.raw`OPERATOR\([^)]*\)`,
    String.raw`${qualifiedName}\(`,
  ].join('|'),
  'g',
);

const anyName = new RegExp(`(?<![\\w$.])${name}`, 'g');

/**
 * The columns in an expression or predicate as the server prints it: the names that are neither types, functions, collations nor
 * operators. Keywords are printed in capitals, but for true and false.
 */
export function columnsIn(deparsed: string | null): readonly string[] {
  const names = (deparsed ?? '').replace(notColumns, ' ( ').matchAll(anyName);
  return [...names]
    .map(([written]) => (written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written))
    .filter((column) => column !== 'true' && column !== 'false');
}
