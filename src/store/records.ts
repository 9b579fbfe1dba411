import { inSlices } from './in-slices.ts';
import type { Answer } from './protocol.ts';

/** Records that come over at once: some megabytes of the largest. */
const perPage = 1_000;

/** What a record is read as where nobody says how: T is then `unknown`. */
export const asItIs = <T>(record: unknown): T => record as T;

/** The next records by key, from the one after `after` on; undefined for the first. */
export interface PageAsked {
  readonly after: string | undefined;
  readonly limit: number;
}

/** All records, page by page, each parsed and read for itself. */
export async function readRecords<T>(
  pageOf: (asked: PageAsked) => Answer<'recordsOf'> | Promise<Answer<'recordsOf'>>,
  read: (record: unknown) => T,
): Promise<Map<string, T>> {
  const records = new Map<string, T>();
  let after: string | undefined;
  do {
    const rows = await pageOf({ after, limit: perPage });
    await inSlices(
      (function* () {
        for (const { key, body } of rows) {
          yield;
          records.set(key, read(JSON.parse(body)));
        }
      })(),
    );
    after = rows.length < perPage ? undefined : rows.at(-1)?.key;
  } while (after !== undefined);
  return records;
}
