import { crc32 } from 'node:zlib';
import { DamagedError } from './blobs.ts';

/*
 * Rows of text have a checksum in their column `sum`, for the reason that blobs have one: a document with another letter in it is
 * a document all the same, and a finding that never was.
 */

/** What of a row is under its checksum. */
const summed = {
  ledger: ['rest', 'seen_at'],
  finding: ['id', 'body', 'last_seen'],
  event: ['kind', 'at_ms', 'body'],
  mute: ['finding_id', 'body'],
  record: ['kind', 'key', 'body'],
} as const;

export type DocumentTable = keyof typeof summed;
export const documentTables = Object.keys(summed) as readonly DocumentTable[];

/** The column with the document. */
export const documentColumn = (table: DocumentTable): string => (table === 'ledger' ? 'rest' : 'body');

/**
 * The SQL function `checksum`: CRC-32 over all cells, with a zero byte after each, which no text here holds. Signed, so that SQLite keeps
 * it in four bytes: a row that stays as long as it was is written over in place, and a long text in it not again.
 */
export const checksum = (...cells: readonly unknown[]): number =>
  cells.reduce((sum: number, cell) => crc32(`${cell ?? ''}\0`, sum), 0) | 0;

/** SQL that is 1 where a row of the table is what was written. */
export const isWhole = (table: DocumentTable): string => `sum is checksum(${summed[table].join(', ')})`;

/** The rows, each of them what was written. Throws `DamagedError` where one is not; they were asked for {@link isWhole}. */
export function whole<Row extends { readonly isWhole: number }>(
  table: DocumentTable,
  rows: readonly Row[],
): readonly Row[] {
  if (rows.some((row) => row.isWhole !== 1)) throw new DamagedError(`a row of ${table} is damaged`);
  return rows;
}
