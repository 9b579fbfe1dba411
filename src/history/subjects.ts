import { createHash } from 'node:crypto';
import type { IndexView, TableView } from '../analysis/catalogue.ts';
import type { IndexFact } from '../collectors/inventory.ts';

/*
 * What the history goes by: names and definitions, never oids, so that it outlives rebuilds, restarts and restores. No name of
 * PostgreSQL holds a zero byte, which therefore separates.
 */

/** Schema, table, index and a digest of the definition. Another definition under the same name is another index. */
export type IndexSubject = string;
/** Schema and table. */
export type TableSubject = string;

export const tableSubject = ({ names }: TableView): TableSubject => names.qualified;

/** Undefined while the definition is unknown because the index's table is locked. */
export function indexSubject(index: IndexView): IndexSubject | undefined {
  const digest = definitionDigest(index);
  // Joined and not written as a template, whose result would keep all its parts.
  return digest === undefined ? undefined : [tableSubject(index.table), index.name, digest].join('\0');
}

/**
 * The index regardless of schema and database: the same table name, index name and definition. Tenants and environments have
 * their copies of one logical index under one such key.
 */
export const logicalIndex = (subject: IndexSubject): string => subject.slice(subject.indexOf('\0') + 1);

/** The names in a subject; an index's where it is one. */
export function namesIn(subject: IndexSubject | TableSubject): {
  readonly schemaname: string;
  readonly relname: string;
  readonly indexrelname: string | null;
} {
  const [schemaname = '', relname = '', indexrelname] = subject.split('\0');
  return { schemaname, relname, indexrelname: indexrelname ?? null };
}

/**
 * {@link indexSubject} with a memory: as long as the inventory is the same, so are its facts, and nothing is digested twice. Make
 * one for each target and keep it; it forgets by itself what the inventory no longer holds.
 */
export function rememberedSubjects(): (index: IndexView) => IndexSubject | undefined {
  const known = new WeakMap<IndexFact, IndexSubject>();
  return (index) => {
    const remembered = known.get(index.fact);
    if (remembered !== undefined) return remembered;
    const subject = indexSubject(index);
    if (subject !== undefined) known.set(index.fact, subject);
    return subject;
  };
}

/** Storage options are no part of it: another fillfactor leaves an index what it is. */
function definitionDigest(index: IndexView): string | undefined {
  const { fact } = index;
  if (!fact.isDefinitionKnown) return undefined;
  const definition = [
    fact.accessMethod,
    fact.isUnique,
    fact.nullsNotDistinct,
    fact.isExclusion,
    index.keys.map((key) => [
      key.text,
      key.columnNumber === null,
      key.operatorClass?.operatorClassName ?? '',
      key.collation,
      key.isDescending,
      key.isNullsFirst,
    ]),
    fact.operatorClassOptions,
    index.included,
    index.predicate ?? '',
  ];
  return createHash('sha256').update(JSON.stringify(definition)).digest('base64url').slice(0, 12);
}
