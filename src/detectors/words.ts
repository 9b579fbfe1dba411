import type { IndexView, TableView } from '../analysis/catalogue.ts';
import type { Severity } from '../model/finding.ts';
import type { Policy } from '../model/policy.ts';
import { KiB } from '../model/units.ts';

/** `schema.table`, for titles; never for SQL, which quotes. */
export const tableName = ({ names }: TableView): string => names.shown;

/** `(a, b DESC) INCLUDE (c) WHERE …`: an index's shape as a person writes it. */
export function shapeOf(index: IndexView): string {
  const keys = index.keys.map((key) => {
    const order = key.isDescending ? ' DESC' : '';
    const isDefaultNulls = key.isNullsFirst === key.isDescending;
    return `${key.text}${order}${isDefaultNulls ? '' : key.isNullsFirst ? ' NULLS FIRST' : ' NULLS LAST'}`;
  });
  const method = index.fact.accessMethod === 'btree' ? '' : `${index.fact.accessMethod} `;
  const payload = index.included.length === 0 ? '' : ` INCLUDE (${index.included.join(', ')})`;
  const predicate = index.predicate === undefined ? '' : ` WHERE ${index.predicate}`;
  return `${method}(${keys.join(', ')})${payload}${predicate}`;
}

/** Columns and expressions in key order, without the payload. */
export const keyTexts = (index: IndexView): readonly string[] => index.keys.map((key) => key.text);

/** A relation of unknown row count counts as tiny below this size: a thousand rows of common width. */
const tinyBytes = 128 * KiB;

/** Whether a table is so small that nothing about its indexes can matter. Of unknown rows, size decides. */
export function isTiny(table: TableView, policy: Policy): boolean {
  if (table.rows !== undefined) return table.rows < policy.minRowsForWarning;
  return policy.minRowsForWarning > 0 && table.sizeBytes !== undefined && table.sizeBytes < tinyBytes;
}

/** The severity a finding has on a table: info at most on a tiny one. */
export const severityOn = (table: TableView, policy: Policy, severity: Severity): Severity =>
  isTiny(table, policy) ? 'info' : severity;

/** Partition trees are judged at their top: whether the table is where verdicts about its tree are given. */
export const isTop = (table: TableView): boolean => table.parent === undefined;

/** Whether verdicts on the index are given on it, and not on the partitioned index it belongs to. */
export const isJudgedAlone = (index: IndexView): boolean => index.parent === undefined;
