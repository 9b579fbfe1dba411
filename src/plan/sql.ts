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

/** Every line turned into a comment; a name that holds a newline stays inside it. */
export const commentedOut = (sql: string): string => sql.replace(/^/gm, '-- ');
