/** The access methods of PostgreSQL itself that an expectation may name. */
export const expectedMethods = ['btree', 'hash', 'gin', 'gist', 'spgist', 'brin'] as const;
export type ExpectedMethod = (typeof expectedMethods)[number];

/** One key of an expected index, in key order. What is left open is PostgreSQL's own default. */
export interface ExpectedKey {
  readonly kind: 'column' | 'expression';
  /** A column's name as the catalogue has it, or the text of an expression. */
  readonly text: string;
  readonly isDescending: boolean;
  readonly isNullsFirst: boolean;
  /** `name` or `schema.name`. */
  readonly operatorClass?: string;
  /** A name, without a schema. */
  readonly collation?: string;
}

/** An index that a manifest says should exist: what it is, and why. */
export interface Expectation {
  readonly name: string;
  readonly schemaname: string;
  readonly relname: string;
  readonly method: ExpectedMethod;
  readonly keys: readonly ExpectedKey[];
  readonly include: readonly string[];
  /** The condition of a partial index as it was written. */
  readonly predicate?: string;
  readonly isUnique: boolean;
  readonly nullsNotDistinct: boolean;
  /** 1 is the highest. */
  readonly priority: number;
  /** The step of a plan that it belongs to. */
  readonly phase?: number;
  readonly reason?: string;
  readonly expectedGain?: string;
  readonly queries: readonly string[];
  /** Of each of these groups exactly one member should exist. */
  readonly alternatives: readonly string[];
  /** The manifest it stands in, as it was named. */
  readonly manifest: string;
}

/** `schema.table`, as a key and in sentences. */
export const expectedTable = ({ schemaname, relname }: Expectation): string => `${schemaname}.${relname}`;
