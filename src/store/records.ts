import type { Sliced } from '../model/sliced.ts';
import type { Answer } from './protocol.ts';

/** Records that come over at once: some megabytes of the largest. */
export const recordsPerPage = 1_000;

/** What a record is read as where nobody says how: T is then `unknown`. */
export const asTheyAre = <T>(record: unknown): T => record as T;

/** Parses a page of records into a map, each for itself, and returns the key that the next page begins after; undefined at the end. */
export function* readPage<T>(
  rows: Answer<'recordsOf'>,
  read: (record: unknown) => T,
  into: Map<string, T>,
): Sliced<string | undefined> {
  for (const { key, body } of rows) {
    yield;
    into.set(key, read(JSON.parse(body)));
  }
  return rows.length < recordsPerPage ? undefined : rows.at(-1)?.key;
}
