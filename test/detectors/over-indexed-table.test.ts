import { describe, expect, it } from 'vitest';
import { overIndexedTable } from '../../src/detectors/over-indexed-table/detector.ts';
import { hourMs, MiB } from '../../src/model/units.ts';
import { aServerFact, type DescribedTable, failed, tableOid, takenAtMs } from '../support/builders.ts';
import { judge, onlyDraft, reasonsOf } from './judge.ts';

const written = {
  rowsInsertedTotal: 900_000,
  rowsUpdatedTotal: 400_000,
  rowsHotUpdatedTotal: 100_000,
  rowsDeletedTotal: 0,
  sequentialScansTotal: 0,
  indexScansTotal: 1_000_000,
};
/** Eleven indexes of 10 MiB on 64 MiB of rows, 20,000 rows written a day. */
const orders = (table: Partial<DescribedTable> = {}, indexes = 11): DescribedTable => ({
  name: 'orders',
  columns: ['id', 'a'],
  sizeBytes: 64 * MiB,
  usage: written,
  indexes: Array.from({ length: indexes }, (_, place) => ({
    name: `orders_${place}_idx`,
    keys: ['a'],
    scans: place < 3 ? 0 : 1_000,
  })),
  ...table,
});

describe('over-indexed-table', () => {
  it('opens for many indexes on a table that is written to', () => {
    const draft = onlyDraft(judge(overIndexedTable, [orders()]));
    expect(draft).toMatchObject({
      severity: 'info',
      confidence: 'possible',
      index: null,
      title:
        'Table public.orders has 11 indexes (110 MiB, 1.72 times the table) and takes 20,000 row writes a day',
      impact: { reclaimableBytes: 0, rowsWrittenPerDay: 20_000 },
      remedy: { kind: 'review' },
    });
    expect(draft.evidence).toMatchObject({
      indexes: 11,
      indexesWithoutScans: 3,
      indexBytes: 110 * MiB,
      tableBytes: 64 * MiB,
      hotUpdateRatio: 0.25,
      rowsWrittenTotal: 1_200_000,
      windowSeconds: 60 * 86_400,
    });
  });

  it.each([
    ['ten indexes', orders({ sizeBytes: MiB }, 10)],
    ['indexes that are smaller than the table', orders({ sizeBytes: 110 * MiB })],
    ['a table that is hardly written', orders({ usage: { ...written, rowsInsertedTotal: 1_000 } })],
    [
      'a table that is read far more than written',
      orders({ usage: { ...written, indexScansTotal: 20_000_000 } }),
    ],
    [
      'updates that were all HOT',
      orders({ usage: { ...written, rowsInsertedTotal: 0, rowsHotUpdatedTotal: 400_000 } }),
    ],
    ['a materialized view', orders({ fact: { relkind: 'm' } })],
    ['a partition', orders({ fact: { isPartition: true, parentOid: tableOid(20_000) } })],
  ])('is silent on %s', (_, table) => {
    const parent: DescribedTable = { name: 'all_orders', columns: ['id'], fact: { relkind: 'p' } };
    expect(judge(overIndexedTable, [table, parent])).toMatchObject({ drafts: [], undecided: [] });
  });

  it('does not count invalid indexes, which are invalid-index’s', () => {
    const indexes = (orders().indexes ?? []).map((index, place) =>
      place === 0 ? { ...index, fact: { isValid: false } } : index,
    );
    expect(judge(overIndexedTable, [orders({ indexes })]).drafts).toEqual([]);
  });

  it('does not judge by the counters of less than a day, unless told to', () => {
    const facts = { server: aServerFact({ databaseStatsResetAtMs: takenAtMs - hourMs }) };
    expect(reasonsOf(judge(overIndexedTable, [orders()], { facts }))).toEqual([
      'public.orders: the statistics are 1 h old, and a verdict wants 1 d',
    ]);
    expect(judge(overIndexedTable, [orders()], { facts, policy: { unusedAfterMs: 0 } }).drafts).toHaveLength(
      1,
    );
  });

  it('takes missing sizes and counters for unknown', () => {
    expect(reasonsOf(judge(overIndexedTable, [orders({ sizeBytes: null })]))[0]).toContain('not known');
    expect(reasonsOf(judge(overIndexedTable, [orders({ usage: null })]))[0]).toContain('were not collected');
  });

  it('is inconclusive on a standby, which counts no writes', () => {
    const facts = { server: aServerFact({ isInRecovery: true }) };
    expect(reasonsOf(judge(overIndexedTable, [orders()], { facts }))[0]).toContain('standby');
  });

  it('is inconclusive without counters', () => {
    const facts = { outcomes: { 'table-usage': failed('statement timeout') } };
    expect(judge(overIndexedTable, [orders()], { facts }).judged.size).toBe(0);
  });
});
