import type { Node } from 'libpg-query';
import { err, ok, type Result } from '../../model/result.ts';

/** One statement as PostgreSQL's own grammar reads it: `{ SelectStmt: … }`, `{ UpdateStmt: … }`; the grammar is that of 18. */
export type SqlStatementTree = Node;

/** Reads SQL with PostgreSQL's own grammar (libpg_query), `$1` in the place of any constant included. */
export interface SqlParser {
  /**
   * The statements of a text, or in one sentence why it is none. Never throws, whatever the text holds. The sentence may repeat a
   * piece of the text. It is the grammar alone: whether tables and columns exist is not looked at.
   */
  readonly parse: (sql: string) => Result<readonly SqlStatementTree[], string>;
}

/** No statement that a person wrote is longer; what is costs memory and, on the event loop, a tenth of a second a few MiB. */
const charactersMax = 1024 * 1024;

/**
 * Loads the parser, 2 MiB of WebAssembly, in some 30 ms. The only step of this layer that is not a pure function: whoever is at the
 * edge of the program calls it, once and only when there is something to read, and hands the parser in.
 */
export async function loadSqlParser(): Promise<SqlParser> {
  const { loadModule, parseSync } = await import('libpg-query');
  await loadModule();
  return {
    parse: (sql) => {
      const problem = whyNotRead(sql);
      if (problem !== undefined) return err(problem);
      try {
        const statements = (parseSync(sql).stmts ?? []).flatMap(({ stmt }) => stmt ?? []);
        return statements.length === 0 ? err('it holds no statement') : ok(statements);
      } catch (caught) {
        return err(caught instanceof Error ? caught.message : 'it could not be read');
      }
    },
  };
}

function whyNotRead(sql: string): string | undefined {
  if (sql.trim() === '') return 'it is empty';
  if (sql.length > charactersMax) return `it is longer than ${charactersMax} characters`;
  // The parser takes the text for ended there, and would answer for the part before it.
  return sql.includes('\0') ? 'it holds a NUL character' : undefined;
}
