/** A relation by its schema and name. */
export interface RelationName {
  readonly schemaname: string;
  readonly relname: string;
}

/** What is sent for one parameter: the same text always, or a moment that moves with the clock. Null is NULL. */
export type ProbeValue =
  | { readonly kind: 'fixed'; readonly text: string | null }
  | { readonly kind: 'ago'; readonly ms: number };

/** A query that a manifest declares to be watched: what it must do, and how quickly. */
export interface Probe {
  /** Unique in a database; a label of metrics and a part of the findings' identity. */
  readonly name: string;
  readonly description?: string;
  /** One query, the types of its parameters written at their places. */
  readonly sql: string;
  readonly parameters: readonly ProbeValue[];
  /** Where names without a schema are looked for. */
  readonly schemaname: string;
  /** The table that findings about it are listed under. */
  readonly table: RelationName;
  /** Of each group one index must be used. */
  readonly expectIndexes: readonly (readonly string[])[];
  readonly noSequentialScanOn: readonly RelationName[];
  /** Milliseconds; only where its time is measured. */
  readonly targetMs?: number;
  /** Above it, long enough, somebody is called. */
  readonly pageMs?: number;
  /** Cron expression in UTC. */
  readonly schedule: string;
  /** Whether it is run, and its time measured, beside being planned. */
  readonly isAnalyzed: boolean;
  /** Hash of a plan that is right whatever else is declared. */
  readonly acceptPlan?: string;
  /** Words of the query that may be relations, and the functions it calls: for telling which rights are missing. */
  readonly names: readonly string[];
  readonly functions: readonly string[];
  /** The manifest it stands in, as it was named. */
  readonly manifest: string;
}

/** `schema.table`, as a key and in sentences. */
export const relationText = ({ schemaname, relname }: RelationName): string => `${schemaname}.${relname}`;
