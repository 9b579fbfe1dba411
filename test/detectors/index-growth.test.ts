import { describe, expect, it } from 'vitest';
import { indexGrowth } from '../../src/detectors/index-growth/detector.ts';
import type { SizePoint } from '../../src/history/bloat/memory.ts';
import { dayMs, GiB, MiB } from '../../src/model/units.ts';
import {
  aBloat,
  type DescribedIndex,
  type DescribedTable,
  failed,
  indexOid,
  takenAtMs,
} from '../support/builders.ts';
import { type Circumstances, judge, onlyDraft, reasonsOf } from './judge.ts';

const orders = (
  index: Partial<DescribedIndex> = {},
  table: Partial<DescribedTable> = {},
): DescribedTable => ({
  name: 'orders',
  columns: ['id', 'a'],
  rows: 1_000_000,
  usage: { rowsInsertedTotal: 0 },
  indexes: [
    {
      name: 'orders_a_idx',
      keys: ['a'],
      sizeBytes: 300 * MiB,
      fact: { estimatedEntries: 1_000_000 },
      ...index,
    },
  ],
  ...table,
});
const point = (daysAgo: number, sizeMiB: number, liveEntries = 1_000_000): SizePoint => ({
  atMs: takenAtMs - daysAgo * dayMs,
  sizeBytes: sizeMiB * MiB,
  liveEntries,
});
const judged = (points: readonly SizePoint[], more: Circumstances = {}, tables = [orders()]) =>
  judge(indexGrowth, tables, { sizes: { orders_a_idx: points }, ...more });

describe('index-growth', () => {
  it('opens when an index takes half as much again for each row', () => {
    const draft = onlyDraft(
      judged([point(20, 100), point(7, 200), point(1, 290)], { bloat: { orders_a_idx: aBloat() } }),
    );
    expect(draft).toMatchObject({
      severity: 'info',
      confidence: 'likely',
      title:
        'orders_a_idx on public.orders (a) takes 50 % more for each row than 7 d ago: 300 MiB, 100 MiB of them beyond its rows',
      impact: { reclaimableBytes: 0, excessBytes: 100 * MiB },
      remedy: { kind: 'review' },
    });
    expect(draft.evidence).toMatchObject({
      sizeBytesBefore: 200 * MiB,
      bytesPerRowBefore: 210,
      bytesPerRow: 315,
      growthRatio: 0.5,
      bloatRatio: 0.4,
      comparedWith: '2026-02-22T12:00:00.000Z',
    });
    expect(draft.caveats.join()).toContain('wider');
  });

  it('is a warning when it outgrew its rows by much', () => {
    const large = orders({ sizeBytes: 4 * GiB });
    expect(onlyDraft(judged([point(7, 2048)], {}, [large])).severity).toBe('warning');
    expect(
      onlyDraft(judged([point(7, 2048)], {}, [orders({ sizeBytes: 4 * GiB }, { rows: 10 })])).severity,
    ).toBe('info');
  });

  it.each<[string, readonly SizePoint[]]>([
    ['an index that grew with its table', [point(7, 150, 500_000)]],
    ['one that grew a little', [point(7, 201)]],
    ['one that shrank', [point(7, 600)]],
    ['growth that lies further back', [point(20, 100), point(8, 290)]],
  ])('is silent on %s', (_, points) => {
    expect(judged(points)).toMatchObject({ drafts: [], undecided: [] });
  });

  it.each<[string, DescribedTable]>([
    ['a small index', orders({ sizeBytes: 100 * MiB - 1 })],
    ['an invalid one', orders({ fact: { isValid: false } })],
    ['BRIN', orders({ fact: { accessMethod: 'brin' } })],
  ])('is silent on %s', (_, table) => {
    expect(judged([point(7, 1)], {}, [table])).toMatchObject({ drafts: [], undecided: [] });
  });

  it('does not judge what it has not known for long enough', () => {
    expect(reasonsOf(judged([point(3, 100), point(2, 100)]))).toEqual([
      'public.orders_a_idx: its size is known for 3 d, and a verdict wants 7 d',
    ]);
    expect(reasonsOf(judged([]))[0]).toContain('known for 0 ms');
    // Nor by what was three weeks ago, with nothing in between.
    expect(reasonsOf(judged([point(21, 100)]))).toHaveLength(1);
  });

  it('takes a missing size or an unknown number of rows for unknown', () => {
    expect(reasonsOf(judged([point(7, 100)], {}, [orders({ sizeBytes: null })]))[0]).toContain(
      'size is not known',
    );
    const uncounted = orders({ fact: { estimatedEntries: 0 } }, { rows: null, usage: null });
    expect(reasonsOf(judged([point(7, 100)], {}, [uncounted]))[0]).toContain('number of its rows');
  });

  it('compares a partitioned index by the sum of its leaves, on days when all were known', () => {
    const leaf = (name: string, relname: string, place: number): DescribedTable =>
      orders(
        {
          name,
          sizeBytes: 150 * MiB,
          fact: {
            estimatedEntries: 1_000_000,
            indexOid: indexOid(place * 10_000 + 1),
            parentIndexOid: indexOid(10_001),
          },
        },
        { name: relname },
      );
    const tree = [
      {
        name: 'whole',
        columns: ['a'],
        fact: { relkind: 'p' as const },
        indexes: [{ name: 'whole_a', keys: ['a'], fact: { relkind: 'I' as const } }],
      },
      leaf('one_a', 'one', 2),
      leaf('two_a', 'two', 3),
    ];
    const sizes = { one_a: [point(8, 50), point(7, 100)], two_a: [point(7, 100)] };
    const draft = onlyDraft(judge(indexGrowth, tree, { sizes }));
    expect(draft.index?.name).toBe('whole_a');
    expect(draft.evidence).toMatchObject({ sizeBytesBefore: 200 * MiB, rows: 2_000_000 });
  });

  it('is inconclusive without sizes', () => {
    const facts = { outcomes: { 'relation-sizes': failed('lock timeout') } };
    expect(judged([point(7, 100)], { facts }).judged.size).toBe(0);
  });
});
