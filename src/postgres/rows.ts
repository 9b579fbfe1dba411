import { setImmediate as nextTurn } from 'node:timers/promises';
import pg from 'pg';
import type { z } from 'zod';
import type { CollectionError } from '../model/outcome.ts';
import { err, ok, type Result } from '../model/result.ts';
import type { Rows } from './session.ts';

const int8 = 20;

/** Counters and sizes come as bigint; they are numbers here, since 2^53 scans or bytes lie beyond every server. */
export const factTypes: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: string) {
    if (oid === int8) return (text: string) => Number(text);
    // The overloads of the library's declaration name each type's parser; what is wanted here is any of them.
    return (pg.types.getTypeParser as (oid: number, format?: string) => (text: string) => unknown)(
      oid,
      format,
    );
  },
};

/** Rows parsed between two turns of the event loop: about a millisecond's work. */
const defaultRowsPerSlice = 500;

/**
 * Parses rows into facts by the collector's schema, in slices that leave the event loop room. A row that does not fit is our
 * bug or a newer server's change: the whole outcome is a loud `FactMismatch`, never a fact less.
 */
export async function parseFacts<Fact>(
  name: string,
  rows: Rows,
  schema: z.ZodType<Fact>,
  rowsPerSlice = defaultRowsPerSlice,
): Promise<Result<readonly Fact[], CollectionError>> {
  const keys = rows.names.map(camelCase);
  const facts: Fact[] = [];
  for (const [place, row] of rows.rows.entries()) {
    if (place > 0 && place % rowsPerSlice === 0) await nextTurn();
    const raw: Record<string, unknown> = {};
    for (const [column, key] of keys.entries()) raw[key] = row[column];
    const parsed = schema.safeParse(raw);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const where = issue?.path.join('.') ?? '';
      return err({
        kind: 'FactMismatch',
        message: `${name}: column ${where} of row ${place + 1} is not what the query promises: ${issue?.message ?? ''}`,
      });
    }
    facts.push(parsed.data);
  }
  return ok(facts);
}

/** `scans_total` is `scansTotal`: SQL and TypeScript each keep their custom. */
const camelCase = (column: string): string =>
  column.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
