import { guarded } from '../preflight.ts';
import { asServerPrints, qualified, quoteLiteral } from '../sql.ts';

/** One statement of what the printers of fixes wrote, with as much of its meaning as a plan has to know. */
export type Statement =
  | {
      readonly kind: 'create-index';
      readonly sql: string;
      readonly schemaname: string;
      readonly relname: string;
      readonly name: string;
      readonly isConcurrent: boolean;
      /** `ON ONLY`: not valid before an index of each partition is attached. */
      readonly isParent: boolean;
    }
  | {
      readonly kind: 'drop-index';
      readonly sql: string;
      readonly schemaname: string;
      readonly name: string;
      readonly isConcurrent: boolean;
    }
  | {
      readonly kind: 'rebuild-index';
      readonly sql: string;
      readonly schemaname: string;
      readonly name: string;
      readonly isConcurrent: boolean;
    }
  | {
      readonly kind: 'add-constraint';
      readonly sql: string;
      readonly schemaname: string;
      readonly relname: string;
      readonly name: string;
    }
  | { readonly kind: 'other'; readonly sql: string };

/**
 * The statements of printed SQL, split as psql does it: at semicolons outside of quotes. Comments before a statement are left out, and
 * what is commented out altogether yields none.
 */
export function statementsOf(sql: string): readonly Statement[] {
  const texts: string[] = [];
  let text = '';
  let start = 0;
  for (const match of sql.matchAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n\r]*|;/g)) {
    const [token] = match;
    if (token !== ';' && !token.startsWith('--')) continue;
    text += sql.slice(start, match.index);
    start = match.index + token.length;
    if (token === ';') {
      texts.push(text);
      text = '';
    }
  }
  texts.push(text + sql.slice(start));
  return texts
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .map(read);
}

const name = `("(?:[^"]|"")*"|[a-z_][a-z0-9_$]*)`;
const qualifiedName = `${name}\\.${name}`;
const createIndex = new RegExp(
  `^CREATE (?:UNIQUE )?INDEX (CONCURRENTLY )?${name} ON (ONLY )?${qualifiedName} `,
);
const dropIndex = new RegExp(`^DROP INDEX (CONCURRENTLY )?${qualifiedName}$`);
const rebuildIndex = new RegExp(`^REINDEX INDEX (CONCURRENTLY )?${qualifiedName}$`);
const dropConstraint = new RegExp(`^(ALTER TABLE ${qualifiedName} DROP CONSTRAINT )`);
const addConstraint = new RegExp(`^ALTER TABLE (?:ONLY )?${qualifiedName} ADD CONSTRAINT ${name} `);

function read(sql: string): Statement {
  const created = createIndex.exec(sql);
  if (created !== null) {
    const [, concurrently, index = '', only, schemaname = '', relname = ''] = created;
    return {
      kind: 'create-index',
      sql,
      schemaname: unquoted(schemaname),
      relname: unquoted(relname),
      name: unquoted(index),
      isConcurrent: concurrently !== undefined,
      isParent: only !== undefined,
    };
  }
  for (const [kind, pattern] of [
    ['drop-index', dropIndex],
    ['rebuild-index', rebuildIndex],
  ] as const) {
    const found = pattern.exec(sql);
    if (found === null) continue;
    const [, concurrently, schemaname = '', index = ''] = found;
    return {
      kind,
      sql,
      schemaname: unquoted(schemaname),
      name: unquoted(index),
      isConcurrent: concurrently !== undefined,
    };
  }
  const added = addConstraint.exec(sql);
  if (added !== null) {
    const [, schemaname = '', relname = '', constraint = ''] = added;
    return {
      kind: 'add-constraint',
      sql,
      schemaname: unquoted(schemaname),
      relname: unquoted(relname),
      name: unquoted(constraint),
    };
  }
  return { kind: 'other', sql };
}

const plainColumns = new RegExp(
  `^(CREATE (?:UNIQUE )?INDEX ${name} ON (?:ONLY )?${qualifiedName}) (\\(${name}(?:, ${name})*\\))$`,
);
const tablespace = new RegExp(` TABLESPACE ${name}(?= WHERE |$)`);

/**
 * What `pg_get_indexdef` says, quotes left out, of the index that a statement creates; undefined where the server may spell it in another
 * way. The text of a way back is the server's own; of other statements a list of columns is sure to come back as it is.
 */
export function definitionMade({ sql }: Statement, isServersText: boolean): string | undefined {
  const text = sql.replace(/^(CREATE (?:UNIQUE )?INDEX )CONCURRENTLY /, '$1');
  const plain = plainColumns.exec(text);
  const definition = isServersText
    ? asServerPrints(text.replace(tablespace, ''))
    : plain && `${plain[1]} USING btree ${plain[5]}`;
  return definition?.replaceAll('"', '');
}

const unquoted = (text: string): string =>
  text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text;

/**
 * The statement so that running it a second time does no harm: a plan that stopped is run again from its first line. What exists or
 * is gone is passed over; whether that is what was meant is for the checks around it to say.
 */
export function repeatable(statement: Statement): string {
  const { sql } = statement;
  switch (statement.kind) {
    case 'create-index':
      return `${sql.replace(/^(CREATE (?:UNIQUE )?INDEX (?:CONCURRENTLY )?)/, '$1IF NOT EXISTS ')};`;
    case 'drop-index':
      return `${sql.replace(/^(DROP INDEX (?:CONCURRENTLY )?)/, '$1IF EXISTS ')};`;
    case 'add-constraint':
      return unlessConstraint(statement);
    default:
      return `${sql.replace(dropConstraint, '$1IF EXISTS ')};`;
  }
}

/** There is no ADD CONSTRAINT IF NOT EXISTS. The statement travels as a literal, so that nothing in it can end the block. */
function unlessConstraint(statement: Extract<Statement, { kind: 'add-constraint' }>): string {
  const table = quoteLiteral(qualified(statement.schemaname, statement.relname));
  const body = `begin
  if not exists (select from pg_constraint where conrelid = to_regclass(${table}) and conname = ${quoteLiteral(statement.name)}) then
    execute ${quoteLiteral(statement.sql)};
  end if;
end`;
  return `DO ${quoteLiteral(guarded(body))};`;
}

/** What a statement waits for: nothing that blocks others, or a lock behind which others would queue. */
export const queuesOthers = (statement: Statement): boolean => {
  switch (statement.kind) {
    case 'create-index':
    case 'drop-index':
    case 'rebuild-index':
      return !statement.isConcurrent;
    case 'add-constraint':
      return true;
    default:
      return /^ALTER (?:TABLE|INDEX) /.test(statement.sql);
  }
};

/** `schema.index` as SQL refers to it. */
export const nameOf = (statement: { readonly schemaname: string; readonly name: string }): string =>
  qualified(statement.schemaname, statement.name);
