import type { Catalogue, TableView } from '../../analysis/catalogue.ts';
import type { Condition, QueryLevel, ReadStatement, TableReference } from '../../analysis/sql/conditions.ts';
import type { ExpectedColumnFact } from '../../collectors/inventory.ts';
import type { StatementFact } from '../../collectors/statements.ts';

/** What one statement asks of one table. Columns are those of the table, each once, in the order of the statement. */
export interface Argument {
  readonly statement: StatementFact;
  readonly meanMs: number;
  readonly rowsPerCall: number;
  readonly equality: readonly string[];
  readonly range: readonly string[];
  /** Compared with a column of another table, of which some condition picks rows. */
  readonly join: readonly string[];
  /** ORDER BY under a LIMIT. */
  readonly order: readonly string[];
  /** What no plain B-tree on a column serves, with the columns. */
  readonly obstacles: readonly Pick<Condition, 'column' | 'use'>[];
}

/** What the statements say about tables. */
export interface Heard {
  readonly arguments: ReadonlyMap<TableView, readonly Argument[]>;
  /** Tables that are named without their schema, while other schemas have one of the name: how many statements do so. */
  readonly ambiguous: ReadonlyMap<TableView, number>;
  /** Statements whose text could not be read, or not to its end. */
  readonly unread: number;
}

/** Finds for each table the statements that filter it. Pure; texts that cannot be read are counted, never guessed at. */
export function hear(
  statements: readonly StatementFact[],
  catalogue: Catalogue,
  readStatement: ReadStatement,
): Heard {
  const resolve = tableResolver(catalogue);
  const found = new Map<TableView, Argument[]>();
  const ambiguous = new Map<TableView, number>();
  let unread = 0;
  for (const statement of statements) {
    const levels = statement.isCut ? undefined : readStatement(statement.queryText);
    if (levels === undefined) {
      unread += 1;
      continue;
    }
    for (const level of levels) {
      for (const reference of level.tables) {
        const tables = resolve(reference);
        for (const table of tables) {
          if (tables.length > 1) ambiguous.set(table, (ambiguous.get(table) ?? 0) + 1);
          else
            found.set(table, [
              ...(found.get(table) ?? []),
              argumentOf(statement, table, reference, level, catalogue, resolve),
            ]);
        }
      }
    }
  }
  return { arguments: found, ambiguous, unread };
}

type Resolve = (reference: TableReference) => readonly TableView[];

/** A name without a schema may be any table of that name: nobody knows the search path of whoever ran the statement. */
function tableResolver({ tables }: Catalogue): Resolve {
  const byName = new Map<string, TableView[]>();
  for (const table of tables) byName.set(table.relname, [...(byName.get(table.relname) ?? []), table]);
  return ({ schemaname, relname }) => {
    const named = (byName.get(relname) ?? []).filter(
      (table) => schemaname === undefined || table.schemaname === schemaname,
    );
    return [...new Set(named.map(topOf))];
  };
}

/** Verdicts on partitions are given at the top of their tree. */
const topOf = (table: TableView): TableView => (table.parent === undefined ? table : topOf(table.parent));

function argumentOf(
  statement: StatementFact,
  table: TableView,
  reference: TableReference,
  level: QueryLevel,
  catalogue: Catalogue,
  resolve: Resolve,
): Argument {
  const columns = new Set(columnsOf(table, catalogue).map(({ columnName }) => columnName));
  const isOwn = ({
    alias,
    column,
  }: {
    readonly alias: string | undefined;
    readonly column: string;
  }): boolean =>
    columns.has(column) &&
    (alias === undefined
      ? isOnlyIn(column, reference, level, catalogue, resolve)
      : alias === reference.alias);
  const own = level.conditions.filter(isOwn);
  const used = (use: Condition['use']): readonly string[] => [
    ...new Set(own.filter((condition) => condition.use === use).map(({ column }) => column)),
  ];
  // A join of everything with everything is best done by reading everything.
  const isPicking = level.conditions.some(
    (condition) => (condition.use === 'equality' || condition.use === 'range') && !own.includes(condition),
  );
  return {
    statement,
    meanMs: statement.callsTotal === 0 ? 0 : statement.executionMsTotal / statement.callsTotal,
    rowsPerCall: statement.callsTotal === 0 ? 0 : statement.rowsTotal / statement.callsTotal,
    equality: used('equality'),
    range: used('range'),
    join: isPicking ? used('join') : [],
    order: level.order.every(isOwn) ? level.order.map(({ column }) => column) : [],
    obstacles: own.filter(({ use }) => use !== 'equality' && use !== 'range' && use !== 'join'),
  };
}

/** Whether a column that is qualified with nothing can be no other source's: all of them must be known. */
function isOnlyIn(
  column: string,
  reference: TableReference,
  { tables, hasOtherSources }: QueryLevel,
  catalogue: Catalogue,
  resolve: Resolve,
): boolean {
  const others = tables.filter((other) => other !== reference);
  if (hasOtherSources) return false;
  return others.every((other) => {
    const [table, ...more] = resolve(other);
    const known = table === undefined || more.length > 0 ? [] : columnsOf(table, catalogue);
    return known.length > 0 && known.every(({ columnName }) => columnName !== column);
  });
}

/** All columns of the table; empty where they were not read. */
export const columnsOf = (table: TableView, { expectedColumns }: Catalogue): readonly ExpectedColumnFact[] =>
  expectedColumns.get(table.oid) ?? [];
