import { describe, expect, test } from 'vitest';
import { liveCounts, liveEntries } from '../../../src/analysis/bloat/estimate.ts';
import { growthSince } from '../../../src/analysis/bloat/live.ts';
import type { IndexFact } from '../../../src/collectors/inventory.ts';
import type { TableUsageFact } from '../../../src/collectors/usage.ts';
import { aCatalogue, factsOf } from '../../support/builders.ts';

interface Described {
  /** reltuples of the index and the table; null where the table's was never counted. */
  readonly reltuples: number;
  readonly planned: number | null;
  readonly usage?: Partial<TableUsageFact> | null;
  readonly where?: string;
  readonly fact?: Partial<IndexFact>;
}

const indexOf = ({ reltuples, planned, usage, where, fact }: Described) =>
  aCatalogue(
    factsOf([
      {
        name: 't',
        columns: ['a'],
        rows: planned,
        usage: usage === undefined || usage === null ? (usage ?? {}) : usage,
        ...(usage === null ? { usage: null } : {}),
        indexes: [
          {
            name: 'i',
            keys: ['a'],
            ...(where === undefined ? {} : { where }),
            fact: { estimatedEntries: reltuples, ...fact },
          },
        ],
      },
    ]),
  ).indexes[0]!;

/** Counters of a table that was loaded with `inserted` rows, as they are when nothing was lost. */
const counted = (
  inserted: number,
  deleted = 0,
  more: Partial<TableUsageFact> = {},
): Partial<TableUsageFact> => ({
  rowsInsertedTotal: inserted,
  rowsDeletedTotal: deleted,
  liveRows: inserted - deleted,
  deadRows: deleted,
  ...more,
});

describe('live entries', () => {
  test('are the live rows', () => {
    expect(liveEntries(indexOf({ reltuples: 1_000, planned: 1_000, usage: counted(1_000) }))).toBe(1_000);
  });

  test('an index that was created on an empty table keeps reltuples 0 after inserts and VACUUM', () => {
    expect(liveEntries(indexOf({ reltuples: 0, planned: null, usage: counted(1_192) }))).toBe(1_192);
  });

  test('an index’s reltuples stays behind a table that grew', () => {
    expect(liveEntries(indexOf({ reltuples: 100_000, planned: 100_000, usage: counted(200_000) }))).toBe(
      200_000,
    );
  });

  test('-1 is unknown', () => {
    const unknown = { liveRows: 0, deadRows: 0, rowsInsertedTotal: 0, rowsDeletedTotal: 0 };
    expect(liveEntries(indexOf({ reltuples: -1, planned: null, usage: unknown }))).toBeUndefined();
    expect(liveEntries(indexOf({ reltuples: -1, planned: null, usage: null }))).toBeUndefined();
  });

  test('n_live_tup 0 after a crash gives way to what the planner knows', () => {
    const reset = { liveRows: 0, deadRows: 0, rowsInsertedTotal: 0, rowsDeletedTotal: 0 };
    expect(liveEntries(indexOf({ reltuples: 90_000, planned: 90_000, usage: reset }))).toBe(90_000);
  });

  test('rows that came after a crash are not all there are', () => {
    const since = { liveRows: 10, deadRows: 0, rowsInsertedTotal: 10, rowsDeletedTotal: 0 };
    expect(liveEntries(indexOf({ reltuples: 90_000, planned: 90_000, usage: since }))).toBe(90_000);
    // Not even if they are many and mostly gone again: the counters have forgotten that anybody ever analysed the table.
    const busy = counted(100_000, 95_000, { lastAnalyzedAtMs: null, lastVacuumedAtMs: null });
    expect(liveEntries(indexOf({ reltuples: 90_000, planned: 90_000, usage: busy }))).toBe(90_000);
  });

  test('DELETE, VACUUM and ANALYZE in one session: the deletes are counted twice', () => {
    // As on 13, 16 and 18: n_live_tup 0, n_dead_tup 224,753, with 25,247 rows alive.
    const twice = { liveRows: 0, deadRows: 224_753, rowsInsertedTotal: 250_000, rowsDeletedTotal: 224_753 };
    expect(liveEntries(indexOf({ reltuples: 25_247, planned: 25_247, usage: twice }))).toBe(25_247);
    // Thirty percent of 100,000: it looks like a table of 70,000 whose deletes nobody has vacuumed, but for the inserts.
    const some = { liveRows: 40_000, deadRows: 30_000, rowsInsertedTotal: 100_000, rowsDeletedTotal: 30_000 };
    expect(liveEntries(indexOf({ reltuples: 70_000, planned: 70_000, usage: some }))).toBe(70_000);
  });

  test('INSERT and ANALYZE in one session: the inserts are counted twice', () => {
    const twice = { liveRows: 100_000, deadRows: 0, rowsInsertedTotal: 50_000, rowsDeletedTotal: 0 };
    expect(liveEntries(indexOf({ reltuples: 50_000, planned: 50_000, usage: twice }))).toBe(50_000);
  });

  test('a DELETE that nobody has vacuumed or analysed yet', () => {
    const index = indexOf({ reltuples: 60_000, planned: 60_000, usage: counted(60_000, 36_000) });
    expect(liveEntries(index)).toBe(24_000);
    expect(liveCounts(index).liveShare).toBeCloseTo(0.4, 6);
  });

  test('GIN counts keys where others count rows', () => {
    const gin = { accessMethod: 'gin' };
    expect(
      liveEntries(indexOf({ reltuples: 73_000, planned: 60_000, usage: counted(60_000), fact: gin })),
    ).toBe(60_000);
  });

  describe('of a partial index', () => {
    test('follow the table', () => {
      const index = indexOf({ reltuples: 10_000, planned: 100_000, usage: counted(200_000), where: 'a > 7' });
      expect(liveEntries(index)).toBe(20_000);
    });

    test('are unknown where it was never counted', () => {
      const index = indexOf({ reltuples: 0, planned: null, usage: counted(100), where: 'a > 7' });
      expect(liveEntries(index)).toBeUndefined();
    });

    test('CREATE INDEX refreshes the table’s reltuples but not those of its siblings', () => {
      const before = indexOf({
        reltuples: 10_000,
        planned: 100_000,
        usage: counted(100_000),
        where: 'a > 7',
      });
      const then = { liveEntries: liveEntries(before) ?? null, counts: liveCounts(before) };
      // The table doubles, and another index is created: 10,000 of 200,000, though it holds 20,000 by now.
      const after = indexOf({ reltuples: 10_000, planned: 200_000, usage: counted(200_000), where: 'a > 7' });
      expect(liveEntries(after)).toBe(10_000);
      expect(growthSince(after, then)).toBe(2);
      // ANALYZE counts the index anew, and its count is believed again.
      const analysed = indexOf({
        reltuples: 12_000,
        planned: 200_000,
        usage: counted(200_000),
        where: 'a > 7',
      });
      expect(growthSince(analysed, then)).toBeCloseTo(1.2, 6);
    });
  });
});

describe('growth', () => {
  test('is 1 where nothing is known of then or now', () => {
    const index = indexOf({ reltuples: 1_000, planned: 1_000, usage: counted(1_000) });
    expect(growthSince(index, { liveEntries: null })).toBe(1);
    expect(growthSince(index, { liveEntries: 0 })).toBe(1);
    const unknown = indexOf({ reltuples: -1, planned: null, usage: null });
    expect(growthSince(unknown, { liveEntries: 500 })).toBe(1);
  });

  test('is entries now over entries then', () => {
    const index = indexOf({ reltuples: 1_000, planned: 1_000, usage: counted(1_500) });
    expect(growthSince(index, { liveEntries: 1_000 })).toBe(1.5);
  });
});

test('a share of live rows is 1 where there are no counters', () => {
  expect(liveCounts(indexOf({ reltuples: 10, planned: 10, usage: null }))).toEqual({
    reltuples: 10,
    tableRows: 10,
    liveShare: 1,
  });
});
