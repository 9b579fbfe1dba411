import type { Finding } from '../model/finding.ts';
import { safeLine } from './text.ts';

/** `server/database`, made harmless. */
export const targetName = (of: { readonly server: string; readonly datname: string }): string =>
  safeLine(`${of.server}/${of.datname}`);

/** `schema.table`, and the index where there is one: `public.block, index idx_block_date`. */
export function relationName(finding: Finding): string {
  const table = `${finding.schemaname}.${finding.relname}`;
  return safeLine(finding.indexrelname === null ? table : `${table}, index ${finding.indexrelname}`);
}

/** The whole path, each part quoted where it would be ambiguous: `server/db/schema.table.index`. For machines. */
export function qualifiedName(finding: Finding): string {
  const parts = [
    finding.schemaname,
    finding.relname,
    ...(finding.indexrelname === null ? [] : [finding.indexrelname]),
  ];
  return `${finding.server}/${finding.datname}/${parts.map(quoteWhereNeeded).join('.')}`;
}

const quoteWhereNeeded = (name: string): string =>
  /^[\w$]+$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
