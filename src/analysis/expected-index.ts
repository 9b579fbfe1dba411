import type { CollationFact, ExpectedColumnFact, OperatorClassFact } from '../collectors/inventory.ts';
import type { Expectation, ExpectedKey } from '../model/expectation.ts';
import type { IndexOid } from '../model/ids.ts';
import { err, ok, type Result } from '../model/result.ts';
import type { Catalogue, IndexKey, IndexView, TableView } from './catalogue.ts';
import {
  columnsOf,
  declaredExpression,
  declaredPredicate,
  type TypeOf,
  whyUnstable,
} from './declared-expression.ts';
import { defaultClass, hypotheticalView } from './hypothetical-index.ts';
import { type Cover, coverOf, isDuplicate, isUsable } from './index-identity.ts';

/** An expected index as it would be if it were there ({@link hypotheticalView}), in a form that existing ones can be compared with. */
export interface ExpectedIndex {
  readonly view: IndexView;
  /** The columns it stores, key and payload; undefined where it stores expressions. */
  readonly columns: readonly ExpectedColumnFact[] | undefined;
  /** Another index of the table in the same form: expressions and predicate without the casts that the server adds. */
  readonly comparable: (index: IndexView) => IndexView;
}

/** No index of the server has it. */
const notThereYet = 0 as IndexOid;

/**
 * The expected index on its table, valid and complete, or why there can be none: a column, operator class or collation that does not
 * exist, or an expression that the types of its columns make unstable. One sentence names everything that is wrong.
 */
export function expectedIndex(
  expectation: Expectation,
  table: TableView,
  catalogue: Catalogue,
): Result<ExpectedIndex, string> {
  const columns = catalogue.expectedColumns.get(table.oid) ?? [];
  if (columns.length === 0) return err('its columns have not been read yet');
  const byName = new Map(columns.map((column) => [column.columnName, column]));
  const typeOf: TypeOf = (name) => byName.get(name)?.typeName;
  const problems = [...columnProblems(expectation, byName), ...stabilityProblems(expectation, typeOf)];
  if (expectation.nullsNotDistinct && (catalogue.server?.versionNum ?? 0) < 150_000)
    problems.push('NULLS NOT DISTINCT needs PostgreSQL 15');
  const keys = expectation.keys.map((key) =>
    keyOf(key, { expectation, byName, typeOf, catalogue, problems }),
  );
  if (problems.length > 0) return err([...new Set(problems)].join('; '));
  const predicate =
    expectation.predicate === undefined ? undefined : declaredPredicate(expectation.predicate, typeOf);
  const view = hypotheticalView({
    table,
    name: expectation.name,
    oid: notThereYet,
    accessMethod: expectation.method,
    keys,
    included: expectation.include.flatMap((name) => byName.get(name) ?? []),
    expressions: expectation.keys.flatMap((key) => (key.kind === 'expression' ? [key.text] : [])),
    predicate,
    isUnique: expectation.isUnique,
    nullsNotDistinct: expectation.nullsNotDistinct,
  });
  const ordinary = new Set([
    0,
    ...[...catalogue.collations.values()]
      .filter((one) => one.isDatabaseDefault)
      .map((one) => one.collationOid),
  ]);
  const stored = [...expectation.keys.map(({ text }) => text), ...expectation.include];
  const isPlain = expectation.keys.every(({ kind }) => kind === 'column');
  return ok({
    view,
    columns: isPlain ? stored.flatMap((name) => byName.get(name) ?? []) : undefined,
    comparable: (index) => comparableForm(index, { byName, typeOf, ordinary }),
  });
}

/** Whether the index does what is expected: the same in everything that matters, or unique on the same keys. */
export function isSatisfiedBy({ view, comparable }: ExpectedIndex, index: IndexView): boolean {
  const candidate = comparable(index);
  const expected = withClassesOf(view, candidate);
  if (!isUsable(index)) return false;
  if (isDuplicate(expected, candidate)) return true;
  return (
    coverOf(expected, candidate) === 'covered-by-unique' &&
    !index.fact.isExclusion &&
    isSameSet(expected.included, candidate.included)
  );
}

/** How an existing index covers the expected one without being it; undefined where it does not. */
export function coveredBy({ view, comparable }: ExpectedIndex, index: IndexView): Cover | undefined {
  const candidate = comparable(index);
  return isUsable(index) ? coverOf(withClassesOf(view, candidate), candidate) : undefined;
}

/** How the expected index would cover an existing one. */
export function wouldCover({ view, comparable }: ExpectedIndex, index: IndexView): Cover | undefined {
  const candidate = comparable(index);
  return isUsable(index) ? coverOf(candidate, withClassesOf(view, candidate)) : undefined;
}

/** Two expected indexes of one table: whether they are one, or the first is covered by the second. */
export function relationTo({ view }: ExpectedIndex, other: ExpectedIndex): 'same' | Cover | undefined {
  const otherView = withClassesOf(other.view, view);
  const own = withClassesOf(view, otherView);
  return isDuplicate(own, otherView) ? 'same' : coverOf(own, otherView);
}

/** In what an index of the same name differs from the expected one; empty where it does not. */
export function differencesFrom({ view, comparable }: ExpectedIndex, index: IndexView): readonly string[] {
  const candidate = comparable(index);
  const expected = withClassesOf(view, candidate);
  const differences: string[] = [];
  const differs = (what: string, wanted: string, found: string): void => {
    if (wanted !== found) differences.push(`${what} ${found} instead of ${wanted}`);
  };
  differs('access method', expected.fact.accessMethod, candidate.fact.accessMethod);
  differs('keys', keysInWords(expected), keysInWords(candidate));
  if (differences.length === 0) {
    for (const [place, key] of expected.keys.entries()) {
      const other = candidate.keys[place];
      if (other === undefined) continue;
      differs(`operator class of ${key.text}`, classInWords(key), classInWords(other));
      if (key.collation !== other.collation) differences.push(`another collation of ${key.text}`);
    }
  }
  differs('payload', listInWords(expected.included), listInWords(candidate.included));
  differs('condition', expected.predicate ?? 'none', candidate.predicate ?? 'none');
  differs('uniqueness', uniquenessInWords(expected), uniquenessInWords(candidate));
  return differences;
}

/** Whether the two differ in nothing but texts that may mean the same: conditions, and expressions. */
export function differsInTextOnly({ view, comparable }: ExpectedIndex, index: IndexView): boolean {
  const candidate = comparable(index);
  if ((view.predicate === undefined) !== (candidate.predicate === undefined)) return false;
  const keys = candidate.keys.map((key, place) => {
    const wanted = view.keys[place];
    return wanted?.columnNumber === null && key.columnNumber === null ? { ...key, text: wanted.text } : key;
  });
  const withTexts = { ...candidate, keys, predicate: view.predicate };
  const expected = withClassesOf(view, withTexts);
  const isTextual =
    view.predicate !== candidate.predicate || keys.some((key, place) => key !== candidate.keys[place]);
  return isTextual && isDuplicate(expected, withTexts);
}

interface Resolving {
  readonly expectation: Expectation;
  readonly byName: ReadonlyMap<string, ExpectedColumnFact>;
  readonly typeOf: TypeOf;
  readonly catalogue: Catalogue;
  readonly problems: string[];
}

function keyOf(key: ExpectedKey, context: Resolving): IndexKey {
  const { byName, typeOf, catalogue, problems } = context;
  const column = key.kind === 'column' ? byName.get(key.text) : undefined;
  const operatorClass = classOf(key, column, context);
  const collation = key.collation === undefined ? undefined : collationNamed(catalogue, key.collation);
  if (column !== undefined && operatorClass === undefined)
    problems.push(
      key.operatorClass === undefined
        ? `${column.typeName}, the type of ${key.text}, has no default operator class for ${context.expectation.method}`
        : `there is no operator class ${key.operatorClass} for ${context.expectation.method}`,
    );
  return {
    text: key.kind === 'column' ? key.text : declaredExpression(key.text, typeOf),
    expressionSql: null,
    columnNumber: column?.attributeNumber ?? null,
    operatorClass,
    // A collation that no index uses is not in the catalogue: then no index has it, and -1 is none of theirs.
    collation: key.collation === undefined ? (column?.collationOid ?? 0) : (collation?.collationOid ?? -1),
    isDescending: key.isDescending,
    isNullsFirst: key.isNullsFirst,
  };
}

/** By name, or the default of the column's type; of an expression, whose type is not known, undefined without a name. */
function classOf(
  key: ExpectedKey,
  column: ExpectedColumnFact | undefined,
  { expectation, catalogue }: Resolving,
): OperatorClassFact | undefined {
  const ofMethod = catalogue.operatorClasses.filter((one) => one.accessMethod === expectation.method);
  if (key.operatorClass !== undefined) {
    const [name, schemaname] = key.operatorClass.split('.').reverse();
    const named = ofMethod.filter(
      (one) => one.operatorClassName === name && (schemaname === undefined || one.schemaname === schemaname),
    );
    const fits = (one: OperatorClassFact): boolean =>
      column?.operatorClassTypes.includes(one.inputTypeName) === true;
    return named.find(fits) ?? named[0];
  }
  return defaultClass(column?.operatorClassTypes ?? [], expectation.method, ofMethod);
}

const collationNamed = (catalogue: Catalogue, name: string): CollationFact | undefined =>
  [...catalogue.collations.values()].find((one) => one.collationName === name);

/** The type of an expression is the server's to tell: without a class by name, it has whatever default the candidate has there. */
function withClassesOf(view: IndexView, candidate: IndexView): IndexView {
  const keys = view.keys.map((key, place) => {
    const own = candidate.keys[place]?.operatorClass;
    const isOpen = key.columnNumber === null && key.operatorClass === undefined;
    return isOpen && own?.isDefault === true ? { ...key, operatorClass: own } : key;
  });
  return { ...view, keys };
}

function comparableForm(
  index: IndexView,
  {
    byName,
    typeOf,
    ordinary,
  }: Pick<Resolving, 'byName' | 'typeOf'> & { readonly ordinary: ReadonlySet<number> },
): IndexView {
  const { predicate } = index.fact;
  return {
    ...index,
    keys: index.keys.map((key) => {
      if (key.expressionSql === null) return key;
      const own = (columnsOf(key.expressionSql) ?? []).map((name) => byName.get(name)?.collationOid);
      const isOrdinary = ordinary.has(key.collation) || own.includes(key.collation as never);
      return {
        ...key,
        text: declaredExpression(key.expressionSql, typeOf),
        expressionSql: null,
        collation: isOrdinary ? 0 : key.collation,
      };
    }),
    predicate: predicate === null ? index.predicate : declaredPredicate(predicate, typeOf),
  };
}

function columnProblems(
  { keys, include, predicate }: Expectation,
  byName: ReadonlyMap<string, ExpectedColumnFact>,
): readonly string[] {
  const named = [
    ...keys.flatMap((key) => (key.kind === 'column' ? [key.text] : (columnsOf(key.text) ?? []))),
    ...include,
    ...(predicate === undefined ? [] : (columnsOf(predicate) ?? [])),
  ];
  return [...new Set(named)].flatMap((name) => {
    const column = byName.get(name);
    if (column === undefined) return [`there is no column ${name}`];
    return column.isVirtual ? [`${name} is a virtual generated column, which no index can hold`] : [];
  });
}

const stabilityProblems = ({ keys, predicate }: Expectation, typeOf: TypeOf): readonly string[] =>
  [...keys.flatMap((key) => (key.kind === 'expression' ? [key.text] : [])), predicate].flatMap(
    (sql) => (sql === undefined ? undefined : whyUnstable(sql, typeOf)) ?? [],
  );

const isSameSet = (a: readonly string[], b: readonly string[]): boolean =>
  [...a].sort().join('\0') === [...b].sort().join('\0');

const keysInWords = ({ keys, fact }: IndexView): string =>
  listInWords(
    keys.map((key) => {
      // Other methods have no order.
      if (fact.accessMethod !== 'btree') return key.text;
      const isUsualNulls = key.isNullsFirst === key.isDescending;
      const nulls = isUsualNulls ? '' : key.isNullsFirst ? ' NULLS FIRST' : ' NULLS LAST';
      return `${key.text}${key.isDescending ? ' DESC' : ''}${nulls}`;
    }),
  );

const listInWords = (words: readonly string[]): string =>
  words.length === 0 ? 'none' : `(${words.join(', ')})`;
const classInWords = ({ operatorClass }: IndexKey): string => operatorClass?.operatorClassName ?? 'unknown';
const uniquenessInWords = ({ fact }: IndexView): string =>
  fact.isUnique ? (fact.nullsNotDistinct ? 'unique, nulls not distinct' : 'unique') : 'not unique';
