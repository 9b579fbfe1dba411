import { setImmediate as nextTurn } from 'node:timers/promises';
import type { z } from 'zod';
import type { CollectionError } from '../model/outcome.ts';
import { err, ok, type Result } from '../model/result.ts';
import { type Accept, acceptsOf } from './accept.ts';
import type { Rows } from './session.ts';

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
  const reader = new FactReader(name, rows.names, schema);
  for (const [place, row] of rows.rows.entries()) {
    if (place > 0 && place % rowsPerSlice === 0) await nextTurn();
    reader.add(row);
  }
  return reader.facts;
}

/**
 * Makes facts of rows one by one, as they arrive. All have one shape with room for their values, and what is plainly as the schema
 * promises is taken as it is; the schema itself is asked about the rest, and its word counts.
 */
export class FactReader<Fact> {
  readonly #name: string;
  readonly #schema: z.ZodType<Fact>;
  readonly #keys: readonly string[];
  readonly #accepts: readonly Accept[] | undefined;
  readonly #template: Readonly<Record<string, unknown>>;
  readonly #facts: Fact[] = [];
  #rows = 0;
  #error: CollectionError | undefined;

  constructor(name: string, columns: readonly string[], schema: z.ZodType<Fact>) {
    this.#name = name;
    this.#schema = schema;
    this.#keys = columns.map(camelCase);
    this.#accepts = acceptsOf(schema, this.#keys);
    // An object that is parsed has its values inside, and so have its copies; one that grows key by key keeps them elsewhere, in
    // several times the room.
    this.#template = JSON.parse(`{${this.#keys.map((key) => `${JSON.stringify(key)}:null`).join(',')}}`);
  }

  /** What came of the rows so far: all of them, or the first that did not fit. */
  get facts(): Result<readonly Fact[], CollectionError> {
    return this.#error === undefined ? ok(this.#facts) : err(this.#error);
  }

  /** Never throws; after a row that does not fit nothing more is kept. */
  add(row: readonly unknown[]): void {
    this.#rows += 1;
    if (this.#error !== undefined) return;
    const raw: Record<string, unknown> = { ...this.#template };
    const keys = this.#keys;
    const accepts = this.#accepts;
    let isPlain = accepts !== undefined;
    for (let column = 0; column < keys.length; column += 1) {
      const value = row[column];
      raw[keys[column] as string] = value;
      if (isPlain && accepts?.[column]?.(value) !== true) isPlain = false;
    }
    // Just checked, column by column, to be what the schema makes of it.
    if (isPlain) this.#facts.push(raw as Fact);
    else this.#ask(raw);
  }

  #ask(raw: Readonly<Record<string, unknown>>): void {
    const parsed = this.#schema.safeParse(raw);
    if (parsed.success) {
      this.#facts.push(parsed.data);
      return;
    }
    const [issue] = parsed.error.issues;
    const where = issue?.path.join('.') ?? '';
    this.#error = {
      kind: 'FactMismatch',
      message: `${this.#name}: column ${where} of row ${this.#rows} is not what the query promises: ${issue?.message ?? ''}`,
    };
  }
}

/** `scans_total` is `scansTotal`: SQL and TypeScript each keep their custom. */
const camelCase = (column: string): string =>
  column.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
