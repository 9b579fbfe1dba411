import type { IndexView } from '../analysis/catalogue.ts';
import { shapeOf } from '../detectors/words.ts';
import type { EvidenceValue, Fix } from '../model/finding.ts';
import type { FoundNow } from './ledger.ts';

/** What stands in quotes is one token, so that a quote inside a name does not shift where literals begin and end. */
const quotedNameOrLiteral = /"(?:[^"]|"")*"|E?'(?:[^']|'')*'|(?<![\w$.])\d+(?:\.\d+)?(?![\w$])/g;

/**
 * `status = 'fired'` becomes `status = ?`: for expressions and conditions, as the server prints them, whose constants nobody outside
 * should read.
 */
export const withoutLiterals = (sql: string): string =>
  sql.replace(quotedNameOrLiteral, (token) => (token.startsWith('"') ? token : '?'));

/**
 * All that may be private in the text of a statement, which pg_stat_statements has not always freed of its constants: literals of every
 * spelling, and comments, in which frameworks write who asked. The text may be cut off inside of one.
 */
const quotedNameOrPrivate =
  /"(?:[^"]|"")*(?:"|$)|\/\*[\s\S]*?(?:\*\/|…?$)|--[^\n]*|(?<![\w$])\$(?<tag>[A-Za-z_]\w*)?\$[\s\S]*?(?:\$\k<tag>\$|$)|[Ee]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|(?:[BbXxNn]|[Uu]&)?'(?:[^']|'')*(?:'|$)|(?<![\w$.])(?:\d[\w.]*|\.\d+)/g;

export const statementWithoutLiterals = (sql: string): string =>
  sql
    .replace(quotedNameOrPrivate, (token) => {
      if (token.startsWith('"')) return token;
      return token.startsWith('/*') || token.startsWith('--') ? '' : '?';
    })
    .trim();

/** The indexes that a finding speaks of. */
export interface IndexesOfFinding {
  /** All whose shape, expressions or condition may stand in any of its texts. */
  readonly named: readonly IndexView[];
  /** Those among them whose definitions its SQL holds. */
  readonly defined: readonly IndexView[];
}

/**
 * A finding with the constants of the expressions and conditions of its indexes taken out of every text. SQL that would need them
 * is withheld, since without them it would build another index. A finding whose indexes have neither comes back as it is.
 */
export function redactLiterals(given: FoundNow, { named, defined }: IndexesOfFinding): FoundNow {
  const found = redactStatements(given);
  const suspects = [...new Set([...named, ...defined])].filter(mayHoldLiterals);
  if (suspects.length === 0) return found;
  const redactions = redactionsOf(suspects);
  const exact = new Map(redactions);
  const clean = (text: string): string =>
    redactions.reduce(
      (sofar, [secret, shown]) => (isBareNumber(secret) ? sofar : sofar.replaceAll(secret, () => shown)),
      text,
    );
  const fix = { ...found.fix, notes: clean(found.fix.notes) };
  return {
    ...found,
    columns: found.columns.map((text) => exact.get(text) ?? text),
    related: found.related.map((related) => ({ ...related, why: clean(related.why) })),
    title: clean(found.title),
    evidence: Object.fromEntries(
      Object.entries(found.evidence).map(([fact, value]) => [fact, cleanValue(value, clean)]),
    ),
    caveats: found.caveats.map(clean),
    fix: defined.some(mayHoldLiterals) ? withholdDefinitions(fix) : fix,
  };
}

/** Texts of statements stand in one place only. */
function redactStatements(found: FoundNow): FoundNow {
  const { statements } = found.evidence;
  if (statements === undefined || !isList(statements)) return found;
  return { ...found, evidence: { ...found.evidence, statements: statements.map(redactStatement) } };
}

function redactStatement(statement: EvidenceValue): EvidenceValue {
  if (typeof statement !== 'object' || statement === null || isList(statement)) return statement;
  const { text } = statement;
  return typeof text === 'string' ? { ...statement, text: statementWithoutLiterals(text) } : statement;
}

const mayHoldLiterals = ({ fact }: IndexView): boolean => fact.hasPredicate || fact.hasExpressions;

/** The index as it may be shown: names of columns as they are, constants of expressions and condition as `?`. */
export function shownIndex(index: IndexView): IndexView {
  return {
    ...index,
    keys: index.keys.map((key) =>
      key.columnNumber === null ? { ...key, text: withoutLiterals(key.text) } : key,
    ),
    predicate: index.predicate === undefined ? undefined : withoutLiterals(index.predicate),
  };
}

/** Every form in which an index's constants may stand in a text, with what stands there instead; what contains others comes first. */
function redactionsOf(indexes: readonly IndexView[]): readonly (readonly [string, string])[] {
  const redactions = new Map<string, string>();
  for (const index of indexes) {
    redactions.set(shapeOf(index), shapeOf(shownIndex(index)));
    const expressions = index.keys.filter((key) => key.columnNumber === null);
    for (const sql of [
      index.predicate,
      index.fact.predicate,
      index.fact.expressions,
      ...expressions.flatMap((key) => [key.text, key.expressionSql]),
    ]) {
      if (sql !== null && sql !== undefined) redactions.set(sql, withoutLiterals(sql));
    }
  }
  return [...redactions]
    .filter(([secret, shown]) => secret !== shown)
    .sort(([a], [b]) => b.length - a.length || (a < b ? -1 : 1));
}

/** An expression that is a number and nothing else would be found in every count and size. */
const isBareNumber = (text: string): boolean => /^[\d.]+$/.test(text);

function cleanValue(value: EvidenceValue, clean: (text: string) => string): EvidenceValue {
  if (typeof value === 'string') return clean(value);
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) return value.map((member) => cleanValue(member, clean));
  return Object.fromEntries(Object.entries(value).map(([fact, member]) => [fact, cleanValue(member, clean)]));
}

/** Array.isArray does not know readonly arrays. */
const isList = (value: EvidenceValue): value is readonly EvidenceValue[] => Array.isArray(value);

function withholdDefinitions(fix: Fix): Fix {
  if (fix.sql === null && fix.rollbackSql === null) return fix;
  const isBuild = fix.sql !== null && /^CREATE (?:UNIQUE )?INDEX/.test(fix.sql);
  if (isBuild) {
    const notes = `${fix.notes} Literals are redacted (privacy.redactLiterals), so the SQL is not shown: its definition stands in the manifest.`;
    return { ...fix, sql: null, rollbackSql: null, notes: notes.trim() };
  }
  const isPlainDrop = fix.sql !== null && !/CREATE STATISTICS/.test(fix.sql);
  return {
    ...fix,
    sql: isPlainDrop ? fix.sql : null,
    rollbackSql: null,
    notes:
      `${fix.notes} Literals are redacted (privacy.redactLiterals), so the definition is not shown: read it with pg_get_indexdef before dropping anything.`.trim(),
  };
}
