import { keywords } from './keywords.ts';

/** A name as SQL refers to it: quoted unless it is a plain lower-case word that no keyword claims. */
export const quoteIdentifier = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) && !keywords.has(name) ? name : `"${name.replaceAll('"', '""')}"`;

export const qualified = (schemaname: string, name: string): string =>
  `${quoteIdentifier(schemaname)}.${quoteIdentifier(name)}`;

/** A string literal that means the same whatever `standard_conforming_strings` says. */
export const quoteLiteral = (text: string): string =>
  text.includes('\\')
    ? `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
    : `'${text.replaceAll("'", "''")}'`;

/** Names, strings that know escapes, strings between dollars, and strings of the standard. */
const quotedTokens =
  /"(?:[^"]|"")*"|\bE'(?:[^'\\]|''|\\[\s\S])*'|(?<![\w$])\$(\w*)\$[\s\S]*?\$\1\$|'(?:[^']|'')*'/gi;

/**
 * SQL as a server prints it with `standard_conforming_strings` on, written so that it means the same with it off: a backslash in a
 * string is one character in the one, and begins an escape in the other.
 */
export const portableSql = (sql: string): string =>
  sql.replace(quotedTokens, (token) =>
    token.startsWith("'") && token.includes('\\') ? `E${token.replaceAll('\\', '\\\\')}` : token,
  );

/** The way back from {@link portableSql}: as the server prints it, which knows no escapes there. */
export const asServerPrints = (portable: string): string =>
  portable.replace(quotedTokens, (token) =>
    token.startsWith("E'") ? token.slice(1).replaceAll('\\\\', '\\') : token,
  );

/** Every line turned into a comment; a name that holds a newline stays inside it. */
export const commentedOut = (sql: string): string => sql.replace(/^/gm, '-- ');
