declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Object identifiers of PostgreSQL; branded, so that a table's cannot pass for an index's. Made by the row parser only. */
export type TableOid = Branded<number, 'TableOid'>;
export type IndexOid = Branded<number, 'IndexOid'>;
export type ConstraintOid = Branded<number, 'ConstraintOid'>;
export type OperatorClassOid = Branded<number, 'OperatorClassOid'>;
export type OperatorFamilyOid = Branded<number, 'OperatorFamilyOid'>;
export type CollationOid = Branded<number, 'CollationOid'>;

/** A postmaster: the primary or one standby of a server. Usage counts for one node alone. */
export type NodeName = Branded<string, 'NodeName'>;

export const nodeName = (name: string): NodeName => name as NodeName;

/** One database of one server: what a connection, a snapshot and a generation belong to. */
export interface TargetId {
  readonly server: string;
  readonly datname: string;
}

/** Stable text key of a target; the separator cannot occur in a configured server name. */
export const targetKey = (target: TargetId): string => `${target.server}/${target.datname}`;
