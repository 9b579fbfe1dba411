import { describe, expect, it } from 'vitest';
import { nullHeavyIndex } from '../../src/detectors/null-heavy-index/detector.ts';
import { MiB } from '../../src/model/units.ts';
import {
  aColumnStatisticsFact,
  aServerFact,
  constraintOid,
  type DescribedIndex,
  type DescribedTable,
  skipped,
  tableOid,
} from '../support/builders.ts';
import { type Circumstances, judge, onlyDraft, reasonsOf } from './judge.ts';

const orders = (
  index: Partial<DescribedIndex> = {},
  table: Partial<DescribedTable> = {},
): DescribedTable => ({
  name: 'orders',
  columns: ['id', 'cancelled_on', 'b'],
  indexes: [{ name: 'orders_cancelled_on_idx', keys: ['cancelled_on'], sizeBytes: 2 * MiB, ...index }],
  ...table,
});
const withNulls = (nullFraction: number): Circumstances => ({
  facts: {
    columnStatistics: [
      aColumnStatisticsFact({ tableOid: tableOid(10_000), attributeNumber: 2, nullFraction }),
    ],
  },
});

describe('null-heavy-index', () => {
  it('opens from nine NULLs in ten', () => {
    const draft = onlyDraft(judge(nullHeavyIndex, [orders()], withNulls(0.9)));
    expect(draft).toMatchObject({
      severity: 'info',
      confidence: 'likely',
      title:
        'orders_cancelled_on_idx on public.orders (cancelled_on), 2 MiB, consists of NULLs to 90 %: cancelled_on is seldom filled',
      impact: { reclaimableBytes: 0 },
      remedy: { kind: 'review' },
    });
    expect(draft.evidence).toMatchObject({
      nullRatio: 0.9,
      nullRows: 90_000,
      tableRows: 100_000,
      indexBytes: 2 * MiB,
    });
  });

  it('does not call almost all of the rows all of them', () => {
    expect(onlyDraft(judge(nullHeavyIndex, [orders()], withNulls(0.9996))).title).toContain('99.9 %');
  });

  it('is less sure of several columns: the NULLs may be what is searched for', () => {
    const draft = onlyDraft(
      judge(nullHeavyIndex, [orders({ keys: ['cancelled_on', 'b'] })], withNulls(0.95)),
    );
    expect(draft.confidence).toBe('possible');
    expect(draft.caveats.join()).toContain('cancelled_on IS NULL AND');
    expect(draft.caveats.join()).not.toContain('skip');
    const server = aServerFact({ versionNum: 180_004 });
    const on18 = judge(nullHeavyIndex, [orders({ keys: ['cancelled_on', 'b'] })], {
      facts: { ...withNulls(0.95).facts, server },
    });
    expect(onlyDraft(on18).caveats.join()).toContain('skip through it');
  });

  it('takes a plain unique index, which a partial one replaces, and says what ON CONFLICT needs then', () => {
    const unique = orders({ fact: { isUnique: true } });
    expect(onlyDraft(judge(nullHeavyIndex, [unique], withNulls(0.95))).caveats.join()).toContain(
      'ON CONFLICT',
    );
  });

  it.each(['gist', 'spgist'])('opens for %s, which stores NULLs', (accessMethod) => {
    expect(judge(nullHeavyIndex, [orders({ fact: { accessMethod } })], withNulls(0.95)).drafts).toHaveLength(
      1,
    );
  });

  it.each([
    ['fewer NULLs', orders(), 0.89],
    [
      'NULLs behind the leading column',
      orders(
        { keys: ['b', 'cancelled_on'] },
        { columns: ['id', 'cancelled_on', { name: 'b', isNotNull: true }] },
      ),
      0.95,
    ],
    ['a partial index', orders({ where: '(cancelled_on IS NOT NULL)' }), 0.95],
    ['a small index', orders({ sizeBytes: MiB - 1 }), 0.95],
    ['a UNIQUE constraint', orders({ fact: { isUnique: true, constraintOid: constraintOid(9) } }), 0.95],
    ['NULLS NOT DISTINCT', orders({ fact: { isUnique: true, nullsNotDistinct: true } }), 0.95],
    [
      'an index that foreign keys refer to',
      orders({ fact: { isUnique: true, referencingForeignKeys: 1 } }),
      0.95,
    ],
    ['a clustered index', orders({ fact: { isClustered: true } }), 0.95],
    ['GIN, which keeps one list of NULLs', orders({ fact: { accessMethod: 'gin' } }), 0.95],
    ['hash, which keeps none', orders({ fact: { accessMethod: 'hash' } }), 0.95],
    ['BRIN', orders({ fact: { accessMethod: 'brin' } }), 0.95],
    ['a leading expression', orders({ keys: ['lower(cancelled_on)'] }), 0.95],
    ['an invalid index', orders({ fact: { isValid: false } }), 0.95],
  ])('is silent on %s', (_, table, nullFraction) => {
    expect(judge(nullHeavyIndex, [table], withNulls(nullFraction))).toMatchObject({
      drafts: [],
      undecided: [],
    });
  });

  it('asks for no statistics of a column that cannot be NULL', () => {
    const table = orders({}, { columns: ['id', { name: 'cancelled_on', isNotNull: true }] });
    expect(judge(nullHeavyIndex, [table])).toMatchObject({ drafts: [], undecided: [] });
  });

  it('does not take invisible statistics for a good index', () => {
    expect(reasonsOf(judge(nullHeavyIndex, [orders()]))[0]).toContain('not visible to this role');
  });

  it('takes a missing size for unknown', () => {
    expect(reasonsOf(judge(nullHeavyIndex, [orders({ sizeBytes: null })], withNulls(0.95)))[0]).toContain(
      'its size is not known',
    );
  });

  it('is inconclusive where column statistics were skipped', () => {
    const facts = { outcomes: { 'column-statistics': skipped('not visible', 'create the view') } };
    const evaluation = judge(nullHeavyIndex, [orders()], { facts });
    expect(evaluation.judged.size).toBe(0);
    expect(reasonsOf(evaluation)[0]).toContain('create the view');
  });
});
