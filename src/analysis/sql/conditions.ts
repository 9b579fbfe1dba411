import type { Node, SelectStmt } from 'libpg-query';
import type { SqlParser } from './parser.ts';

/** A table as a statement names it. */
export interface TableReference {
  readonly schemaname: string | undefined;
  readonly relname: string;
  /** What its columns are qualified with. */
  readonly alias: string;
}

/**
 * What a condition does with a column: `equality` and `range` with values from outside of the query's own tables, `join` with another
 * table's column; the rest is of no use to a plain B-tree on the column: a `function` of it, a `pattern` (LIKE), an `inequality`, one of
 * several `alternative`s (OR), a test for `null`, a boolean `flag`, another `operator`.
 */
export type ColumnUse =
  | 'equality'
  | 'range'
  | 'join'
  | 'function'
  | 'pattern'
  | 'inequality'
  | 'alternative'
  | 'null'
  | 'flag'
  | 'operator';

export interface ColumnReference {
  /** The alias it is qualified with; undefined where the statement leaves it to the columns' names. */
  readonly alias: string | undefined;
  readonly column: string;
}

export interface Condition extends ColumnReference {
  readonly use: ColumnUse;
}

/** One query level: a SELECT, also one inside of another, an UPDATE or DELETE. */
export interface QueryLevel {
  readonly tables: readonly TableReference[];
  /** Whether it reads from something that is no table, whose columns nobody knows: a subquery, a function, a WITH query. */
  readonly hasOtherSources: boolean;
  readonly conditions: readonly Condition[];
  /** Columns of ORDER BY, where a LIMIT lets an index in that order stop early; else empty. */
  readonly order: readonly ColumnReference[];
}

/** The query levels of a statement, or undefined where its text could not be read. */
export type ReadStatement = (sql: string) => readonly QueryLevel[] | undefined;

/** Texts whose reading is remembered: those of some looks. */
const rememberedMax = 2_000;

/** Reads statements, each text once as long as it keeps coming. Never throws. */
export function statementReader(parser: SqlParser): ReadStatement {
  const remembered = new Map<string, readonly QueryLevel[] | undefined>();
  return (sql) => {
    if (remembered.has(sql)) return remembered.get(sql);
    if (remembered.size >= rememberedMax) remembered.clear();
    const levels = queryLevels(parser, sql);
    remembered.set(sql, levels);
    return levels;
  };
}

/** The tables of a statement with the conditions on their columns, level by level; undefined where it could not be read. */
export function queryLevels(parser: SqlParser, sql: string): readonly QueryLevel[] | undefined {
  const parsed = parser.parse(sql);
  if (!parsed.ok) return undefined;
  const levels: QueryLevel[] = [];
  const named = new Set(
    [...bodiesOf(parsed.value, 'CommonTableExpr')].map(({ ctename }) => ctename as string | undefined),
  );
  for (const statement of parsed.value) {
    for (const body of bodiesOf([statement], 'SelectStmt')) {
      for (const select of branchesOf(body as SelectStmt)) {
        const { fromClause = [], whereClause, sortClause = [], limitCount } = select;
        const order = limitCount === undefined ? [] : orderOf(sortClause);
        levels.push(levelOf({ from: fromClause, where: whereClause, order, named }));
      }
    }
    for (const kind of ['UpdateStmt', 'DeleteStmt'] as const) {
      for (const body of bodiesOf([statement], kind)) {
        const { relation, fromClause, usingClause, whereClause } = body as Changing;
        const from = [
          ...(relation === undefined ? [] : [{ RangeVar: relation } as Node]),
          ...(fromClause ?? usingClause ?? []),
        ];
        levels.push(levelOf({ from, where: whereClause, order: [], named }));
      }
    }
  }
  return levels;
}

/** What UPDATE and DELETE have in common. */
interface Changing {
  readonly relation?: object;
  readonly fromClause?: readonly Node[];
  readonly usingClause?: readonly Node[];
  readonly whereClause?: Node;
}

type Body = Readonly<Record<string, unknown>>;

/** Every node of a kind below; those inside of one another included. `notInto` is left alone with all that is below. */
function* bodiesOf(trees: readonly unknown[], kind: string, notInto?: string): Generator<Body> {
  // No recursion: how deep a tree is, is up to whoever wrote the statement.
  const open: unknown[] = [...trees];
  while (open.length > 0) {
    const tree = open.pop();
    if (typeof tree !== 'object' || tree === null) continue;
    for (const [name, below] of Object.entries(tree)) {
      if (name === notInto) continue;
      if (name === kind && typeof below === 'object' && below !== null) yield below as Body;
      open.push(below);
    }
  }
}

/** The selects that a UNION and its like put together; a plain one is its own only branch. */
function branchesOf(select: SelectStmt): readonly SelectStmt[] {
  const branches: SelectStmt[] = [];
  const open = [select];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { larg, rarg } = next;
    if (larg === undefined || rarg === undefined) branches.push(next);
    else open.push(larg, rarg);
  }
  return branches;
}

/** Aliases and conditions of a level while it is read. */
interface Level {
  readonly tables: TableReference[];
  readonly aliases: Set<string>;
  readonly joinsOn: Node[];
  readonly conditions: Condition[];
  otherSources: number;
}

function levelOf({
  from,
  where,
  order,
  named,
}: {
  readonly from: readonly Node[];
  readonly where: Node | undefined;
  readonly order: readonly ColumnReference[];
  /** Queries of WITH: no tables, whatever is called like them. */
  readonly named: ReadonlySet<string | undefined>;
}): QueryLevel {
  const level: Level = { tables: [], aliases: new Set(), joinsOn: [], conditions: [], otherSources: 0 };
  readSources(from, level, named);
  const wanted = conjuncts([...level.joinsOn, ...(where === undefined ? [] : [where])]);
  for (const condition of wanted) level.conditions.push(...conditionsIn(condition, level));
  return {
    tables: level.tables,
    hasOtherSources: level.otherSources > 0,
    conditions: level.conditions,
    order,
  };
}

function readSources(from: readonly Node[], level: Level, named: ReadonlySet<string | undefined>): void {
  const open = [...from].reverse();
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if ('JoinExpr' in node) {
      const { larg, rarg, quals, usingClause = [] } = node.JoinExpr;
      open.push(...[rarg, larg].filter((side) => side !== undefined));
      if (quals !== undefined) level.joinsOn.push(quals);
      for (const name of usingClause)
        if ('String' in name)
          level.conditions.push({ alias: undefined, column: name.String.sval ?? '', use: 'join' });
      continue;
    }
    if ('RangeVar' in node) {
      const { schemaname, relname = '', alias } = node.RangeVar;
      const name = alias?.aliasname ?? relname;
      level.aliases.add(name);
      if (schemaname === undefined && named.has(relname)) level.otherSources += 1;
      else level.tables.push({ schemaname, relname, alias: name });
      continue;
    }
    level.otherSources += 1;
    const [body] = Object.values(node) as readonly { readonly alias?: { readonly aliasname?: string } }[];
    if (body?.alias?.aliasname !== undefined) level.aliases.add(body.alias.aliasname);
  }
}

/** What must all hold. */
function conjuncts(wheres: readonly Node[]): readonly Node[] {
  const found: Node[] = [];
  const open = [...wheres].reverse();
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if ('BoolExpr' in node && node.BoolExpr.boolop === 'AND_EXPR')
      open.push(...(node.BoolExpr.args ?? []).toReversed());
    else found.push(node);
  }
  return found;
}

function conditionsIn(node: Node, level: Level): readonly Condition[] {
  const allAs = (use: ColumnUse): readonly Condition[] =>
    columnsIn(node)
      .filter((reference) => isOf(level, reference))
      .map((reference) => ({ ...reference, use }));
  if ('BoolExpr' in node) return allAs(node.BoolExpr.boolop === 'OR_EXPR' ? 'alternative' : 'inequality');
  if ('NullTest' in node) return node.NullTest.nulltesttype === 'IS_NULL' ? allAs('null') : [];
  if ('ColumnRef' in node || 'BooleanTest' in node) return allAs('flag');
  if ('SubLink' in node) {
    const { testexpr, subLinkType } = node.SubLink;
    // `a IN (SELECT …)`: most often carried out as a join. EXISTS is read as the level that it is.
    return testexpr !== undefined && subLinkType === 'ANY_SUBLINK'
      ? compared(testexpr, undefined, 'join', level)
      : [];
  }
  if (!('A_Expr' in node)) return allAs('function');
  const { kind, name = [], lexpr, rexpr } = node.A_Expr;
  const last = name.at(-1);
  const operator = last !== undefined && 'String' in last ? last.String.sval : undefined;
  switch (kind) {
    case 'AEXPR_OP': {
      const use = useOf(operator);
      return use === undefined
        ? allAs(operator === '<>' ? 'inequality' : 'operator')
        : compared(lexpr, rexpr, use, level);
    }
    case 'AEXPR_IN':
      return operator === '=' ? compared(lexpr, rexpr, 'equality', level) : allAs('inequality');
    case 'AEXPR_OP_ANY':
      // `$1 = ANY (tags)` searches inside of the column.
      return operator === '=' && columnsIn(rexpr).every((reference) => !isOf(level, reference))
        ? compared(lexpr, rexpr, 'equality', level)
        : allAs('operator');
    case 'AEXPR_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
      return compared(lexpr, rexpr, 'range', level);
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
    case 'AEXPR_SIMILAR':
      return allAs('pattern');
    default:
      return allAs('inequality');
  }
}

const useOf = (operator: string | undefined): 'equality' | 'range' | undefined =>
  operator === '=' ? 'equality' : ['<', '<=', '>', '>='].includes(operator ?? '') ? 'range' : undefined;

/** What a comparison does with the columns on both of its sides. */
function compared(
  left: Node | undefined,
  right: Node | undefined,
  use: 'equality' | 'range' | 'join',
  level: Level,
): readonly Condition[] {
  const sides = [
    [left, right],
    [right, left],
  ] as const;
  return sides.flatMap(([side, other]): readonly Condition[] => {
    const columns = columnsIn(side).filter((reference) => isOf(level, reference));
    const others = columnsIn(other).filter((reference) => isOf(level, reference));
    const bare = rowOf(side).map(columnOf);
    const isBare =
      bare.length > 0 && bare.every((reference) => reference !== undefined && isOf(level, reference));
    if (!isBare) return columns.map((reference) => ({ ...reference, use: 'function' }));
    // Of rows that are compared by order only the first column decides where to begin.
    const searched = use === 'range' ? columns.slice(0, 1) : columns;
    return searched.map((reference) => ({ ...reference, use: usedWith(reference, others, use, level) }));
  });
}

function usedWith(
  reference: ColumnReference,
  others: readonly ColumnReference[],
  use: 'equality' | 'range' | 'join',
  level: Level,
): ColumnUse {
  if (others.length === 0) return use;
  const isOneSource = level.tables.length + level.otherSources === 1;
  const isOwn = others.some(({ alias }) => isOneSource || (alias !== undefined && alias === reference.alias));
  return isOwn || use === 'range' ? 'function' : 'join';
}

/** The columns of `(a, b)`, or the one expression that stands for itself. */
function rowOf(node: Node | undefined): readonly Node[] {
  if (node === undefined) return [];
  return 'RowExpr' in node ? (node.RowExpr.args ?? []) : [node];
}

/** A name that is qualified by nothing of this level belongs to one around it, which is a value here. */
const isOf = ({ aliases }: Level, { alias }: ColumnReference): boolean =>
  alias === undefined || aliases.has(alias);

/** All columns that an expression names, in order; not those of subqueries, which are levels of their own. */
function columnsIn(node: Node | undefined): readonly ColumnReference[] {
  if (node === undefined) return [];
  const own = columnOf(node);
  if (own !== undefined) return [own];
  return [...bodiesOf([node], 'ColumnRef', 'SelectStmt')]
    .sort((a, b) => Number(a.location ?? 0) - Number(b.location ?? 0))
    .flatMap((body) => columnOf({ ColumnRef: body }) ?? []);
}

/** The column that an expression is and nothing else. */
function columnOf(node: Node | undefined): ColumnReference | undefined {
  if (node === undefined || !('ColumnRef' in node)) return undefined;
  const names = (node.ColumnRef.fields ?? []).map((field) =>
    'String' in field ? field.String.sval : undefined,
  );
  const column = names.at(-1);
  return column === undefined ? undefined : { alias: names.at(-2), column };
}

function orderOf(sorts: readonly Node[]): readonly ColumnReference[] {
  const columns = sorts.map((sort) => ('SortBy' in sort ? columnOf(sort.SortBy.node) : undefined));
  const known = columns.filter((column) => column !== undefined);
  return known.length < columns.length ? [] : known;
}
