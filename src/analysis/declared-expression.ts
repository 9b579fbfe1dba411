import { assertNever } from '../model/result.ts';
import { canonicalExpression, canonicalPredicate } from './expression.ts';
import { parseSql, type SqlTree } from './sql-tree.ts';

/** The type of a column by its name, as the catalogue prints it without modifiers; undefined where it is not known. */
export type TypeOf = (column: string) => string | undefined;

/**
 * Canonical text of an expression, whether a person wrote it or the server printed it: beside what {@link canonicalExpression} makes
 * one, the casts that the server adds by itself are taken off (`status = 'a'` is stored as `(status)::text = 'a'::text`). For
 * telling an expected index from an existing one; whoever decides on a drop compares what the server printed.
 */
export const declaredExpression = (sql: string, typeOf: TypeOf): string =>
  canonicalExpression(plainText(sql, typeOf));

/** As {@link declaredExpression}, for a WHERE clause. */
export const declaredPredicate = (sql: string, typeOf: TypeOf): string =>
  canonicalPredicate(plainText(sql, typeOf));

/** The columns that an expression names; undefined where its syntax is not known. */
export function columnsOf(sql: string): readonly string[] | undefined {
  const tree = parseSql(sql);
  return tree === undefined ? undefined : [...new Set(namesIn(tree))];
}

function plainText(sql: string, typeOf: TypeOf): string {
  const tree = parseSql(sql);
  return tree === undefined ? sql : write(simplified(tree, typeOf));
}

function childrenOf(tree: SqlTree): readonly SqlTree[] {
  switch (tree.kind) {
    case 'column':
    case 'constant':
      return [];
    case 'call':
      return tree.operands;
    case 'cast':
    case 'collate':
    case 'prefix':
    case 'test':
      return [tree.operand];
    case 'infix':
    case 'quantified':
      return [tree.left, tree.right];
    case 'array':
    case 'row':
      return tree.members;
    case 'element':
      return [tree.operand, tree.index];
    default:
      return assertNever(tree);
  }
}

const namesIn = (tree: SqlTree): readonly string[] =>
  tree.kind === 'column' ? [tree.name] : childrenOf(tree).flatMap(namesIn);

/** Types between which a column is only relabelled, so that a cast among them changes nothing. */
const texts = new Set(['text', 'character varying']);
const numbers = new Set(['smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision']);
const comparisons = new Set(['=', '<>', '<', '>', '<=', '>=']);

/** The same without what the server adds or leaves out. */
function simplified(tree: SqlTree, typeOf: TypeOf): SqlTree {
  const simple = (child: SqlTree): SqlTree => simplified(child, typeOf);
  switch (tree.kind) {
    case 'column':
      return tree;
    case 'constant':
      return { kind: 'constant', text: plainConstant(tree.text) };
    case 'call':
      return { ...tree, operands: tree.operands.map(simple) };
    case 'cast':
      return simplifiedCast({ ...tree, operand: simple(tree.operand) }, typeOf);
    case 'collate':
    case 'test':
      return { ...tree, operand: simple(tree.operand) };
    case 'prefix': {
      const operand = simple(tree.operand);
      const isNegative = tree.operator === '-' && operand.kind === 'constant' && /^\d/.test(operand.text);
      return isNegative ? { kind: 'constant', text: `-${operand.text}` } : { ...tree, operand };
    }
    case 'infix': {
      const [left, right] = [simple(tree.left), simple(tree.right)];
      return comparisons.has(tree.operator)
        ? { ...tree, left: uncounted(left, right, typeOf), right: uncounted(right, left, typeOf) }
        : { ...tree, left, right };
    }
    case 'quantified':
      return { ...tree, left: simple(tree.left), right: sorted(simple(tree.right)) };
    case 'array':
    case 'row':
      return { ...tree, members: tree.members.map(simple) };
    case 'element':
      return { ...tree, operand: simple(tree.operand), index: simple(tree.index) };
    default:
      return assertNever(tree);
  }
}

function simplifiedCast(tree: Extract<SqlTree, { kind: 'cast' }>, typeOf: TypeOf): SqlTree {
  const { operand, type } = tree;
  // A constant has the type of what it is compared with, written or not.
  if (operand.kind === 'constant') return { kind: 'constant', text: typedConstant(operand.text, type) };
  if (operand.kind === 'array' && operand.members.every((member) => member.kind === 'constant'))
    return operand;
  const own = typeOfTree(operand, typeOf);
  const isRelabel = own !== undefined && (own === type || (texts.has(own) && texts.has(type)));
  return isRelabel ? operand : tree;
}

/** Calls that are of the type of what they are called with. */
const sameTyped = new Set(['coalesce', 'nullif', 'greatest', 'least']);

function typeOfTree(tree: SqlTree, typeOf: TypeOf): string | undefined {
  if (tree.kind === 'column') return typeOf(tree.name);
  if (tree.kind !== 'call' || !sameTyped.has(tree.name)) return undefined;
  return tree.operands.map((operand) => typeOfTree(operand, typeOf)).find((type) => type !== undefined);
}

/** `(a)::numeric > 5.5`: a number that is compared with a column of another type of number casts the column. */
function uncounted(tree: SqlTree, other: SqlTree, typeOf: TypeOf): SqlTree {
  if (tree.kind !== 'cast' || tree.operand.kind !== 'column' || other.kind !== 'constant') return tree;
  const own = typeOf(tree.operand.name);
  return own !== undefined && numbers.has(own) && numbers.has(tree.type) ? tree.operand : tree;
}

/** The members of a list of constants have no order and no repetition. */
function sorted(tree: SqlTree): SqlTree {
  if (tree.kind !== 'array' || tree.members.some((member) => member.kind !== 'constant')) return tree;
  const byText = new Map(tree.members.map((member) => [write(member), member]));
  return {
    kind: 'array',
    members: [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, member]) => member),
  };
}

/** `'5'` and `5` are one constant to whatever they are compared with; a date is one with its midnight. */
function plainConstant(text: string): string {
  const inQuotes = /^'(.*)'$/s.exec(text)?.[1];
  if (inQuotes === undefined) return text;
  if (/^-?\d+(?:\.\d+)?$/.test(inQuotes)) return inQuotes;
  const moment =
    /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(Z|[+-]\d\d(?::?\d\d)?)?)?$/.exec(inQuotes);
  if (moment === null) return text;
  const [, day = '', time = '00:00', zone] = moment;
  const seconds = time.length === 5 ? `${time}:00` : time;
  if (zone === undefined) return `'${day} ${seconds}'`;
  const offset = /^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone;
  const atMs = Date.parse(`${day}T${seconds}${offset}`);
  return Number.isNaN(atMs) ? text : `'${new Date(atMs).toISOString()}'`;
}

const typedConstant = (text: string, type: string): string =>
  type === 'boolean' && /^'[tf]/i.test(text) ? (/^'t/i.test(text) ? 'TRUE' : 'FALSE') : plainConstant(text);

/** Every operator in parentheses of its own, as the server prints them. */
function write(tree: SqlTree): string {
  switch (tree.kind) {
    case 'column':
      return /^[a-z_][a-z0-9_]*$/.test(tree.name) ? tree.name : `"${tree.name.replaceAll('"', '""')}"`;
    case 'constant':
      return tree.text;
    case 'call':
      return `${tree.name}(${tree.operands.map(write).join(', ')})`;
    case 'cast':
      return `(${write(tree.operand)})::${tree.type}`;
    case 'collate':
      return `(${write(tree.operand)} COLLATE "${tree.collation}")`;
    case 'prefix':
      return `(${tree.operator} ${write(tree.operand)})`;
    case 'infix':
      return `(${write(tree.left)} ${tree.operator} ${write(tree.right)})`;
    case 'test':
      return `(${write(tree.operand)} ${tree.test})`;
    case 'quantified':
      return `(${write(tree.left)} ${tree.operator} ${tree.quantifier} (${write(tree.right)}))`;
    case 'array':
      return `ARRAY[${tree.members.map(write).join(', ')}]`;
    case 'row':
      return `ROW(${tree.members.map(write).join(', ')})`;
    case 'element':
      return `(${write(tree.operand)})[${write(tree.index)}]`;
    default:
      return assertNever(tree);
  }
}

/** Functions of a point in time that give another answer in another time zone. */
const zonedCalls = new Set(['date_trunc', 'date_part', 'extract', 'to_char']);
const zoned = 'timestamp with time zone';
const unzoned = new Set([
  'date',
  'time without time zone',
  'timestamp without time zone',
  'text',
  'character varying',
]);

/**
 * Why the server would refuse an expression for the types of its columns: what day a point in time falls on depends on the session's
 * time zone. Undefined where nothing of the kind is known.
 */
export function whyUnstable(sql: string, typeOf: TypeOf): string | undefined {
  const tree = parseSql(sql);
  const isZoned = (one: SqlTree): boolean => one.kind === 'column' && typeOf(one.name) === zoned;
  const find = (one: SqlTree): string | undefined => {
    if (one.kind === 'cast' && unzoned.has(one.type) && isZoned(one.operand))
      return `${write(one)} depends on the session’s time zone; say which: (… AT TIME ZONE 'UTC')::${one.type}`;
    if (one.kind === 'call' && zonedCalls.has(one.name) && one.operands.some(isZoned))
      return `${write(one)} depends on the session’s time zone; say which: … AT TIME ZONE 'UTC'`;
    return childrenOf(one)
      .map(find)
      .find((found) => found !== undefined);
  };
  return tree === undefined ? undefined : find(tree);
}
