import { createHash } from 'node:crypto';
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

/** PostgreSQL cuts longer names silently, and two that differ only behind the cut would then collide. */
const nameBytesMax = 63;

/** A name for a new index: `ix_<table>_<columns>`. */
export const newIndexName = (
  relname: string,
  columns: readonly string[],
  taken: ReadonlySet<string>,
): string => newRelationName(`ix_${relname}_${columns.join('_')}`, taken);

/** A name that is free: cut with a hash where it would be too long, numbered where it is taken. */
export function newRelationName(wanted: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number += 1) {
    const name = fitted(wanted, number === 1 ? '' : `_${number}`);
    if (!taken.has(name)) return name;
  }
}

function fitted(name: string, suffix: string): string {
  if (Buffer.byteLength(name + suffix) <= nameBytesMax) return name + suffix;
  const hash = `_${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
  let cut = name;
  while (Buffer.byteLength(cut + hash + suffix) > nameBytesMax) cut = [...cut].slice(0, -1).join('');
  return cut + hash + suffix;
}
