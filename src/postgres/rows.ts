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
  readonly #before: KnownFacts<Fact> | undefined;
  readonly #facts: Fact[] = [];
  #rows = 0;
  #error: CollectionError | undefined;

  /** Facts of `before`, what the last reading gave, stand for rows that say the same. */
  constructor(
    name: string,
    columns: readonly string[],
    schema: z.ZodType<Fact>,
    before: readonly Fact[] = [],
  ) {
    this.#name = name;
    this.#schema = schema;
    this.#keys = columns.map(camelCase);
    this.#accepts = acceptsOf(schema, this.#keys);
    // Only what the schema takes as it is can be told by its row.
    if (this.#accepts !== undefined && before.length > 0) this.#before = new KnownFacts(before, this.#keys);
    // An object that is parsed has its values inside, and so have its copies; one that grows key by key keeps them elsewhere, in
    // several times the room.
    this.#template = JSON.parse(`{${this.#keys.map((key) => `${JSON.stringify(key)}:null`).join(',')}}`);
  }

  /** What came of the rows so far: all of them, or the first that did not fit. */
  get facts(): Result<readonly Fact[], CollectionError> {
    if (this.#error !== undefined) return err(this.#error);
    return ok(this.#before?.ifAll(this.#facts) ?? this.#facts);
  }

  /** Never throws; after a row that does not fit nothing more is kept. */
  add(row: readonly unknown[]): void {
    this.#rows += 1;
    if (this.#error !== undefined) return;
    const known = this.#before?.of(row);
    if (known !== undefined) {
      this.#facts.push(known);
      return;
    }
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

/**
 * What the last reading gave, to be found by row. Most rows say the same from one reading to the next, and a fact that is taken again is
 * neither made nor thrown away, and whoever compares it sees at once that it is the same. Queries come in the order of their first
 * column, an oid; where they do not, less is found and nothing is wrong.
 */
class KnownFacts<Fact> {
  readonly #facts: readonly Fact[];
  readonly #keys: readonly string[];
  #next = 0;

  constructor(facts: readonly Fact[], keys: readonly string[]) {
    this.#facts = facts;
    this.#keys = keys;
  }

  /** The fact whose every column is that of the row; undefined where there is none. */
  of(row: readonly unknown[]): Fact | undefined {
    const [oid] = row;
    const first = this.#keys[0] as string;
    let place = this.#next;
    if (typeof oid === 'number') {
      // What lies between is gone, or outside of what is read now; so much is certain of an ascending order.
      place = this.#firstFrom(oid, place);
      this.#next = place;
    }
    for (; place < this.#facts.length; place += 1) {
      const fact = this.#facts[place] as Fact;
      if (columnOf(fact, first) !== oid) return undefined;
      if (!this.#isSame(fact, row)) continue;
      this.#next = place + 1;
      return fact;
    }
    return undefined;
  }

  /** The first place from `place` on whose oid is not below; usually that very one, and halving the rest finds it anywhere. */
  #firstFrom(oid: number, place: number): number {
    const first = this.#keys[0] as string;
    const isBelow = (at: number): boolean => (columnOf(this.#facts[at], first) as number) < oid;
    if (place >= this.#facts.length || !isBelow(place)) return place;
    let [low, high] = [place + 1, this.#facts.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBelow(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The very list of the last reading, where these are its facts, one by one. */
  ifAll(facts: readonly Fact[]): readonly Fact[] | undefined {
    const known = this.#facts;
    if (known.length !== facts.length) return undefined;
    for (let place = 0; place < facts.length; place += 1) if (known[place] !== facts[place]) return undefined;
    return known;
  }

  #isSame(fact: Fact, row: readonly unknown[]): boolean {
    for (let column = 0; column < row.length; column += 1)
      if (!isSameValue(columnOf(fact, this.#keys[column] as string), row[column])) return false;
    return true;
  }
}

/** Facts are objects with a key for each column. */
const columnOf = (fact: unknown, key: string): unknown => (fact as Readonly<Record<string, unknown>>)[key];

function isSameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
  for (let place = 0; place < a.length; place += 1) if (!isSameValue(a[place], b[place])) return false;
  return true;
}

/** `scans_total` is `scansTotal`: SQL and TypeScript each keep their custom. */
const camelCase = (column: string): string =>
  column.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
