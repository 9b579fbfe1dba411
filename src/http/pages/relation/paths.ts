import type { IndexView, TableView } from '../../../analysis/catalogue.ts';
import type { Finding } from '../../../model/finding.ts';
import type { TargetId } from '../../../model/ids.ts';
import { indexId, objectId, tableId } from '../../api/listings.ts';
import { linkHtml } from '../components.ts';
import type { Html } from '../html.ts';
import { nameHtml } from '../words.ts';

/*
 * Where the pages of indexes and tables are. Their ids are digests of names, so that these may hold anything.
 */

export const indexPath = (target: TargetId, index: IndexView): string => `/indexes/${indexId(target, index)}`;
export const tablePath = (target: TargetId, table: TableView): string => `/tables/${tableId(target, table)}`;

/** The same by the names in a finding. Whether there is such a page only the newest look knows. */
export const tablePathOf = (finding: Finding): string =>
  `/tables/${objectId('table', finding, finding.schemaname, finding.relname)}`;
export const indexPathOf = (target: TargetId, schemaname: string, indexrelname: string): string =>
  `/indexes/${objectId('index', target, schemaname, indexrelname)}`;

export const indexLink = (target: TargetId, index: IndexView): Html =>
  linkHtml(indexPath(target, index), nameHtml(index.name));
export const tableLink = (target: TargetId, table: TableView): Html =>
  linkHtml(tablePath(target, table), nameHtml(`${table.schemaname}.${table.relname}`));
