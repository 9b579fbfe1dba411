import { describe, expect, it } from 'vitest';
import { unindexedForeignKey } from '../../src/detectors/unindexed-foreign-key/detector.ts';
import { type DescribedIndex, type DescribedTable, failed } from '../support/builders.ts';
import { judge, onlyDraft } from './judge.ts';

const parent: DescribedTable = { name: 'customers', columns: ['id', 'region'] };
const orders = (
  indexes: readonly DescribedIndex[] = [],
  more: Partial<DescribedTable> = {},
): DescribedTable => ({
  name: 'orders',
  columns: ['id', 'customer', 'region'],
  indexes,
  foreignKeys: [{ name: 'orders_customer_fkey', columns: ['customer'], references: 'customers' }],
  ...more,
});

describe('unindexed-foreign-key', () => {
  it('opens where no index leads with the key', () => {
    const draft = onlyDraft(judge(unindexedForeignKey, [parent, orders()]));
    expect(draft).toMatchObject({
      severity: 'warning',
      confidence: 'proven',
      index: null,
      subject: 'orders_customer_fkey',
      columns: ['customer'],
      evidence: { referencedTable: 'public.customers' },
      remedy: { kind: 'create-index', columns: ['customer'] },
    });
    expect(draft.title).toContain('has no index: deletes in public.customers read the whole table');
  });

  it.each<[string, DescribedIndex]>([
    ['an index on the key', { name: 'i', keys: ['customer'] }],
    ['a wider index that leads with it', { name: 'i', keys: ['customer', 'region'] }],
    [
      'a partial index that asks no more than NOT NULL',
      { name: 'i', keys: ['customer'], where: '(customer IS NOT NULL)' },
    ],
  ])('is silent with %s', (_, index) => {
    expect(judge(unindexedForeignKey, [parent, orders([index])]).drafts).toEqual([]);
  });

  it.each<[string, DescribedIndex]>([
    ['an index that only contains it', { name: 'i', keys: ['region', 'customer'] }],
    ['an invalid index', { name: 'i', keys: ['customer'], fact: { isValid: false } }],
    ['a partial index on something else', { name: 'i', keys: ['customer'], where: '(region = 7)' }],
    ['BRIN', { name: 'i', keys: ['customer'], fact: { accessMethod: 'brin' } }],
  ])('opens in spite of %s', (_, index) => {
    expect(judge(unindexedForeignKey, [parent, orders([index])]).drafts).toHaveLength(1);
  });

  it('is served by the columns of the key in any order', () => {
    const foreignKeys = [{ name: 'k', columns: ['customer', 'region'], references: 'customers' }];
    const index: DescribedIndex = { name: 'i', keys: ['region', 'customer'] };
    expect(judge(unindexedForeignKey, [parent, orders([index], { foreignKeys })]).drafts).toEqual([]);
  });

  it('prints one index for two keys on the same column', () => {
    const foreignKeys = [
      { name: 'b_fkey', columns: ['customer'], references: 'customers' },
      { name: 'a_fkey', columns: ['customer'], references: 'customers' },
    ];
    const { drafts } = judge(unindexedForeignKey, [parent, orders([], { foreignKeys })]);
    expect(drafts.map(({ subject, remedy }) => [subject, remedy.kind])).toEqual([
      ['b_fkey', 'review'],
      ['a_fkey', 'create-index'],
    ]);
  });

  it('is info on a tiny table', () => {
    const tiny = orders([], { rows: 12, usage: { liveRows: 12 } });
    expect(onlyDraft(judge(unindexedForeignKey, [parent, tiny])).severity).toBe('info');
  });

  it('is inconclusive without the constraints', () => {
    const facts = { outcomes: { constraints: failed('it failed') } };
    expect(judge(unindexedForeignKey, [parent, orders()], { facts }).undecided).toHaveLength(1);
  });
});
