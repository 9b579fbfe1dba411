/** What the bench builds: tables with columns, indexes on them, and what happens to them before they are measured. */

export interface ColumnPlan {
  readonly name: string;
  readonly type: string;
  /** SQL for the value of a row; `g` is the row's number and `random()` is seeded. */
  readonly value: string;
}

export interface IndexPlan {
  /** Unique within its table. */
  readonly name: string;
  /** What its errors are summed up with. */
  readonly group: string;
  /** From USING on: `using btree (a) include (b) with (fillfactor = 70) where c`. */
  readonly definition: string;
  readonly isUnique?: boolean;
}

export type Step =
  | { readonly kind: 'insert'; readonly share: number }
  /** Every nth row, by a hash of its number; `salt` chooses others than the time before. */
  | { readonly kind: 'delete-scattered'; readonly share: number; readonly salt: number }
  /** Rows whose numbers follow each other; `from` 0 is the oldest. */
  | { readonly kind: 'delete-range'; readonly share: number; readonly from: number }
  /** A new version of rows, with new entries in every index; keys stay, but for those of `columns`. */
  | {
      readonly kind: 'update';
      readonly share: number;
      readonly salt: number;
      readonly columns?: readonly string[];
    }
  | { readonly kind: 'vacuum' }
  | { readonly kind: 'analyze' }
  | { readonly kind: 'truncate' };

export interface TablePlan {
  readonly name: string;
  /** What its life is called in the tables that are printed. */
  readonly life: string;
  readonly rows: number;
  readonly columns: readonly ColumnPlan[];
  readonly indexes: readonly IndexPlan[];
  /** Indexes are built on a loaded table, or exist from the start and grow with it. */
  readonly start: 'built' | 'grown';
  readonly steps: readonly Step[];
  /** Fixes what random() gives in this table's values: 0 to 1. */
  readonly randomSeed: number;
}
