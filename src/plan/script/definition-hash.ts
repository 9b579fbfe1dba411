import { createHash } from 'node:crypto';
import type { DefinitionFact } from '../../collectors/definitions.ts';

/**
 * Sixteen hexadecimal digits that stand for an index's definition and its constraint's, as the server prints both with the settings of
 * {@link deparseSettings}; undefined where the definition could not be read. The server computes the same by {@link hashOfFound}.
 */
export function definitionHash(fact: DefinitionFact | undefined): string | undefined {
  if (fact?.definition === undefined || fact.definition === null) return undefined;
  const constraint = fact.constraintDefinition === null ? '' : ` ${fact.constraintDefinition}`;
  return createHash('sha256').update(`${fact.definition}${constraint}`).digest('hex').slice(0, digits);
}

const digits = 16;

/** The hash of the index whose oid is in the block's variable `found`. */
export const hashOfFound = `left(encode(sha256(convert_to(pg_get_indexdef(found) || coalesce((
    select ' ' || pg_get_constraintdef(k.oid) from pg_constraint k
    where k.conindid = found and k.conrelid = (select indrelid from pg_index where indexrelid = found) and k.contype in ('p', 'u', 'x')
  ), ''), 'UTF8')), 'hex'), ${digits})`;

/**
 * What decides how the server prints names and constants, as the collectors set it for their transactions: the same index would
 * otherwise have another text in a session that writes dates in another way.
 */
export const deparseSettings: readonly (readonly [string, string])[] = [
  ['search_path', 'pg_catalog'],
  ['datestyle', 'ISO'],
  ['intervalstyle', 'postgres'],
  ['timezone', 'UTC'],
  ['extra_float_digits', '1'],
  ['bytea_output', 'hex'],
  ['quote_all_identifiers', 'off'],
  ['standard_conforming_strings', 'on'],
];
