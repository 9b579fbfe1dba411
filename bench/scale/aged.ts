import { dayMs, GiB, KiB } from '../../src/model/units.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';

/** As many days as sizes are remembered of. */
const days = 40;
/** Records written at once. */
const batch = 2_000;

/** A point of an index or of a table, as the store's JSON has it. */
type Point = Readonly<Record<string, number | null>> & { readonly atMs: number };

/**
 * Makes a store that saw its first day as old as stores become: with the sizes of forty days for every index and table, every third of
 * which has shrunk by a page and a hundred rows each day: small ones could not have grown that much. No daemon may have it open.
 */
export async function age(
  file: string,
  target: { readonly server: string; readonly datname: string },
): Promise<void> {
  const store = await openSqliteStore({
    file: { path: file, busyTimeoutMs: 5_000, synchronous: 'normal', checkTimeLimitMs: 0 },
    retention: { usageDays: 400, eventsForMs: 400 * dayMs, eventsMax: 100_000, bytesMax: 4 * GiB },
    now: Date.now,
  });
  const ageKind = async (kind: string, aged: (record: unknown, moves: boolean) => unknown): Promise<void> => {
    const records = [...(await store.recordsOf(target, kind))];
    for (let from = 0; from < records.length; from += batch) {
      const some = records.slice(from, from + batch);
      await store.keepRecords(
        target,
        kind,
        new Map(some.map(([key, record], place) => [key, aged(record, place % 3 === 0)])),
      );
    }
  };
  try {
    await ageKind('bloat', (record, moves) => {
      const { sizes, ...rest } = record as { readonly sizes: readonly Point[] };
      return { ...rest, sizes: pointsBefore(sizes, moves) };
    });
    await ageKind('table-sizes', (record, moves) => pointsBefore(record as readonly Point[], moves));
  } finally {
    await store.close();
  }
}

/** The newest point, and those of the days before it. */
function pointsBefore(points: readonly Point[], moves: boolean): readonly Point[] {
  const newest = points.at(-1);
  if (newest === undefined) return points;
  return Array.from({ length: days }, (_, place) => {
    const ago = days - 1 - place;
    // What a kind does not have, and what is not known, stays as it is.
    const before = (name: string, each: number): Readonly<Record<string, number>> => {
      const now = newest[name];
      return moves && typeof now === 'number' ? { [name]: now + ago * each } : {};
    };
    return {
      ...newest,
      ...before('sizeBytes', 8 * KiB),
      ...before('indexBytes', 8 * KiB),
      ...before('liveEntries', 100),
      ...before('rows', 100),
      atMs: newest.atMs - ago * dayMs,
    };
  });
}
