import { describe, expect, it } from 'vitest';
import { oversizedIndex } from '../../src/detectors/oversized-index/detector.ts';
import { dayMs, hourMs, KiB, MiB } from '../../src/model/units.ts';
import {
  aServerFact,
  type DescribedIndex,
  type DescribedTable,
  failed,
  takenAtMs,
} from '../support/builders.ts';
import { judge, onlyDraft, reasonsOf } from './judge.ts';

const orders = (
  index: Partial<DescribedIndex> = {},
  table: Partial<DescribedTable> = {},
): DescribedTable => ({
  name: 'orders',
  columns: ['id', 'a', 'b', 'c', { name: 'doc', type: 'jsonb' }],
  sizeBytes: 64 * MiB,
  indexes: [{ name: 'orders_a_idx', keys: ['a'], sizeBytes: 80 * MiB, scans: 1_000_000, ...index }],
  ...table,
});
const statisticsAged = (ageMs: number) => ({
  facts: { server: aServerFact({ databaseStatsResetAtMs: takenAtMs - ageMs }) },
});

describe('oversized-index, against its table', () => {
  it('opens for an index larger than its table with TOAST', () => {
    const draft = onlyDraft(judge(oversizedIndex, [orders()]));
    expect(draft).toMatchObject({
      severity: 'info',
      confidence: 'likely',
      title: 'orders_a_idx on public.orders (a) takes 80 MiB, 1.25 times its table with TOAST (64 MiB)',
      impact: { reclaimableBytes: 0 },
      remedy: { kind: 'review' },
    });
    expect(draft.evidence).toMatchObject({
      indexBytes: 80 * MiB,
      tableBytes: 64 * MiB,
      indexToTableRatio: 1.25,
      scansTotal: 1_000_000,
      bytesPerEntry: 839,
    });
  });

  it('counts a primary key, too: that is bloat or a table that shrank', () => {
    const key = orders({ fact: { isPrimary: true, isUnique: true } });
    expect(judge(oversizedIndex, [key]).drafts).toHaveLength(1);
  });

  it('says so where the table is empty', () => {
    const emptied = orders({}, { sizeBytes: 0, rows: 0 });
    const draft = onlyDraft(judge(oversizedIndex, [emptied]));
    expect(draft.title).toBe('orders_a_idx on public.orders (a) takes 80 MiB, while the table is empty');
    expect(draft.evidence).toMatchObject({ indexToTableRatio: null });
  });

  it('says that GIN over documents may be large by nature', () => {
    const gin = orders({ keys: ['doc'], fact: { accessMethod: 'gin' } });
    expect(onlyDraft(judge(oversizedIndex, [gin])).caveats.join()).toContain('JSONB');
  });

  it('says that an index over most columns repeats the row', () => {
    const wide = orders({ keys: ['a', 'b'], include: ['c', 'doc'] });
    expect(onlyDraft(judge(oversizedIndex, [wide])).caveats.join()).toContain('4 columns');
  });

  it.each([
    ['an index as large as its table', orders({ sizeBytes: 64 * MiB })],
    ['an index below a megabyte', orders({ sizeBytes: 1_000 * KiB }, { sizeBytes: 8 * KiB })],
    ['BRIN', orders({ fact: { accessMethod: 'brin' } })],
    ['an invalid index', orders({ fact: { isValid: false } })],
  ])('is silent on %s', (_, table) => {
    expect(judge(oversizedIndex, [table])).toMatchObject({ drafts: [], undecided: [] });
  });

  it('counts the TOAST table as part of the table', () => {
    const toasted = orders({}, { fact: { toastOid: 900 } });
    // The table's TOAST size is not among the facts: the whole is unknown, not its heap alone.
    expect(reasonsOf(judge(oversizedIndex, [toasted]))[0]).toContain('size of its table is not known');
  });

  it('takes a missing size for unknown', () => {
    expect(reasonsOf(judge(oversizedIndex, [orders({ sizeBytes: null })]))).toEqual([
      'public.orders_a_idx: its size is not known: it was locked or dropped while being measured',
    ]);
  });

  it('is inconclusive without sizes', () => {
    const facts = { outcomes: { 'relation-sizes': failed('lock timeout') } };
    expect(judge(oversizedIndex, [orders()], { facts }).judged.size).toBe(0);
  });
});

describe('oversized-index, large and hardly scanned', () => {
  const large = (index: Partial<DescribedIndex> = {}): DescribedTable =>
    orders({ sizeBytes: 100 * MiB, scans: 59, ...index }, { sizeBytes: 1_000 * MiB });

  it('opens below one scan a day', () => {
    const draft = onlyDraft(judge(oversizedIndex, [large()]));
    expect(draft).toMatchObject({
      confidence: 'possible',
      title: 'orders_a_idx on public.orders (a) takes 100 MiB and was scanned 59 times in 60 d',
    });
    expect(draft.evidence).toMatchObject({ windowSeconds: 60 * 86_400, indexToTableRatio: 0.1 });
  });

  it.each([
    ['one scan a day', large({ scans: 60 })],
    ['an index never scanned, which is for unused-index', large({ scans: 0 })],
    ['an index below 100 MiB', large({ sizeBytes: 99 * MiB })],
    ['a unique index, which works without scans', large({ fact: { isUnique: true } })],
  ])('is silent on %s', (_, table) => {
    expect(judge(oversizedIndex, [table])).toMatchObject({ drafts: [], undecided: [] });
  });

  it('does not judge by the counters of less than a day', () => {
    const young = judge(oversizedIndex, [large({ scans: 0 })], statisticsAged(23 * hourMs));
    expect(reasonsOf(young)).toEqual([
      'public.orders_a_idx: the statistics are 23 h old, and a verdict wants 1 d',
    ]);
    expect(judge(oversizedIndex, [large({ scans: 1 })], statisticsAged(3 * dayMs)).drafts).toHaveLength(1);
  });

  it('takes missing counters for unknown', () => {
    expect(reasonsOf(judge(oversizedIndex, [large({ scans: null })]))[0]).toContain('were not collected');
  });
});
