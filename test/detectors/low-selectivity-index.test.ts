import { describe, expect, it } from 'vitest';
import type { ColumnStatisticsFact } from '../../src/collectors/column-statistics.ts';
import { lowSelectivityIndex } from '../../src/detectors/low-selectivity-index/detector.ts';
import { hourMs } from '../../src/model/units.ts';
import {
  aColumnStatisticsFact,
  aServerFact,
  collected,
  type DescribedIndex,
  type DescribedTable,
  indexOid,
  skipped,
  tableOid,
  takenAtMs,
} from '../support/builders.ts';
import { type Circumstances, judge, onlyDraft, reasonsOf } from './judge.ts';

const orders = (
  index: Partial<DescribedIndex> = {},
  table: Partial<DescribedTable> = {},
): DescribedTable => ({
  name: 'orders',
  columns: ['id', 'status', 'b'],
  rows: 200_000,
  indexes: [{ name: 'orders_status_idx', keys: ['status'], ...index }],
  ...table,
});

/** Four values, a quarter of the rows each, unless the test says otherwise. */
const withStatistics = (overrides: Partial<ColumnStatisticsFact> = {}): Circumstances => ({
  facts: {
    columnStatistics: [
      aColumnStatisticsFact({
        tableOid: tableOid(10_000),
        attributeNumber: 2,
        distinctValues: 4,
        commonFrequencies: [0.26, 0.25, 0.25, 0.24],
        ...overrides,
      }),
    ],
  },
});

describe('low-selectivity-index', () => {
  it('opens for a handful of evenly spread values', () => {
    const draft = onlyDraft(judge(lowSelectivityIndex, [orders()], withStatistics()));
    expect(draft).toMatchObject({
      severity: 'info',
      confidence: 'likely',
      columns: ['status'],
      title:
        'orders_status_idx on public.orders (status) is on a column with 4 distinct values in 200,000 rows; even the rarest is in 24 % of them',
      impact: { reclaimableBytes: 0 },
      remedy: { kind: 'review' },
    });
    expect(draft.evidence).toMatchObject({
      distinctValues: 4,
      rarestValueRatio: 0.24,
      commonestValueRatio: 0.26,
      nullRatio: 0,
      tableRows: 200_000,
    });
  });

  it.each([
    ['a share of the rows', { distinctValues: -0.00002 }],
    ['one value only', { distinctValues: 1, commonFrequencies: [1] }],
    ['one value only, without a list of common ones', { distinctValues: 1, commonFrequencies: [] }],
    ['a list that lacks the last value', { distinctValues: 4, commonFrequencies: [0.3, 0.3, 0.3] }],
    ['NULL as one common value of several', { nullFraction: 0.5, commonFrequencies: [0.2, 0.1, 0.1, 0.1] }],
  ])('resolves statistics given as %s', (_, statistics) => {
    expect(judge(lowSelectivityIndex, [orders()], withStatistics(statistics)).drafts).toHaveLength(1);
  });

  it.each([
    ['a rare value among common ones', { commonFrequencies: [0.5, 0.4, 0.08, 0.02] }],
    ['one value in nearly all rows', { distinctValues: 2, commonFrequencies: [0.97, 0.03] }],
    [
      'rare values that the list of common ones lacks',
      { distinctValues: 6, commonFrequencies: [0.48, 0.48] },
    ],
    ['few rows with a NULL', { nullFraction: 0.02 }],
    ['few rows without a NULL', { nullFraction: 0.96, commonFrequencies: [0.01, 0.01, 0.01, 0.01] }],
    ['eleven values', { distinctValues: 11, commonFrequencies: Array.from({ length: 11 }, () => 1 / 11) }],
    ['distinct values', { distinctValues: -1, commonFrequencies: [] }],
    ['a column without any value', { nullFraction: 1, distinctValues: 0, commonFrequencies: [] }],
  ])('is silent on %s', (_, statistics) => {
    expect(judge(lowSelectivityIndex, [orders()], withStatistics(statistics))).toMatchObject({
      drafts: [],
      undecided: [],
    });
  });

  it.each([
    ['a partial index', orders({ where: '(b = 1)' })],
    ['a unique index', orders({ fact: { isUnique: true } })],
    ['an index of two columns', orders({ keys: ['status', 'b'] })],
    ['an index with a payload, made for index-only scans', orders({ include: ['b'] })],
    ['an expression', orders({ keys: ['lower(status)'] })],
    ['hash', orders({ fact: { accessMethod: 'hash' } })],
    ['a clustered index', orders({ fact: { isClustered: true } })],
    ['a small table', orders({}, { rows: 9_999, usage: { liveRows: 9_999 } })],
    ['an invalid index', orders({ fact: { isValid: false } })],
  ])('is silent on %s', (_, table) => {
    expect(judge(lowSelectivityIndex, [table], withStatistics())).toMatchObject({
      drafts: [],
      undecided: [],
    });
  });

  it('names the foreign key that the index supports, and scans that do read few entries', () => {
    const customers: DescribedTable = { name: 'customers', columns: ['id'] };
    const table = orders(
      { scans: 500 },
      { foreignKeys: [{ name: 'orders_status_fkey', columns: ['status'], references: 'customers' }] },
    );
    const { caveats } = onlyDraft(judge(lowSelectivityIndex, [table, customers], withStatistics()));
    expect(caveats.join()).toContain('orders_status_fkey');
    expect(caveats.join()).toContain('read few entries');
  });

  it('does not take invisible statistics for a good index', () => {
    const [reason] = reasonsOf(judge(lowSelectivityIndex, [orders()]));
    expect(reason).toContain(
      'public.orders_status_idx: planner statistics of its column are not visible to this role',
    );
    expect(reason).toContain('deploy/column-statistics-view.sql');
  });

  it('says "never analysed" where that is the reason', () => {
    const table = orders({}, { rows: null, usage: { liveRows: 200_000, lastAnalyzedAtMs: null } });
    expect(reasonsOf(judge(lowSelectivityIndex, [table]))).toEqual([
      'public.orders_status_idx: the table was never analysed; run ANALYZE on it',
    ]);
  });

  it('says that ANALYZE has not seen the column where everything is visible', () => {
    const facts = { server: aServerFact({ hasColumnStatisticsView: true }) };
    expect(reasonsOf(judge(lowSelectivityIndex, [orders()], { facts }))[0]).toContain(
      'ANALYZE has not seen it',
    );
  });

  it('says that autovacuum analyses no partitioned table', () => {
    const parent = orders({ fact: { relkind: 'I' } }, { rows: null, usage: null, fact: { relkind: 'p' } });
    const leaf = {
      ...orders({ name: 'orders_1_status_idx', fact: { parentIndexOid: indexOid(10_001) } }),
      name: 'orders_1',
      fact: { isPartition: true, parentOid: tableOid(10_000) },
    };
    expect(reasonsOf(judge(lowSelectivityIndex, [parent, leaf]))[0]).toContain('never analysed as a whole');
  });

  it('does not guess at the spread of values that the statistics do not list', () => {
    const unlisted = withStatistics({ distinctValues: 3, commonFrequencies: [] });
    expect(reasonsOf(judge(lowSelectivityIndex, [orders()], unlisted))[0]).toContain('spread is not known');
  });

  it('does not judge a table of unknown rows', () => {
    const table = orders({}, { rows: null, usage: { liveRows: 0 } });
    expect(reasonsOf(judge(lowSelectivityIndex, [table], withStatistics()))[0]).toContain('how many rows');
  });

  it('is inconclusive, with the remedy, where column statistics were skipped', () => {
    const outcome = skipped(
      'column statistics are not visible',
      'create the view indexwarden.column_statistics',
    );
    const evaluation = judge(lowSelectivityIndex, [orders()], {
      facts: { outcomes: { 'column-statistics': outcome } },
    });
    expect(reasonsOf(evaluation)[0]).toContain('create the view');
    expect(evaluation.judged.size).toBe(0);
  });

  it('takes column statistics that are hours old, but not of the day before', () => {
    const facts = withStatistics().facts?.columnStatistics ?? [];
    const readAgo = (ageMs: number): Circumstances => ({
      facts: { outcomes: { 'column-statistics': collected(facts, { collectedAtMs: takenAtMs - ageMs }) } },
    });
    expect(judge(lowSelectivityIndex, [orders()], readAgo(2 * hourMs)).drafts).toHaveLength(1);
    expect(judge(lowSelectivityIndex, [orders()], readAgo(24 * hourMs)).judged.size).toBe(0);
  });
});
