import { describe, expect, it } from 'vitest';
import { duplicateIndex } from '../../src/detectors/duplicate-index/detector.ts';
import { constraintOid, type DescribedIndex, type DescribedTable, failed } from '../support/builders.ts';
import { judge, onlyDraft, reasonsOf } from './judge.ts';

const orders = (...indexes: readonly DescribedIndex[]): DescribedTable => ({
  name: 'orders',
  columns: ['id', 'a', 'b'],
  indexes,
});
const older: DescribedIndex = { name: 'older', keys: ['a'] };
const newer: DescribedIndex = { name: 'newer', keys: ['a'] };

describe('duplicate-index', () => {
  it('opens on the copy, and names the one that stays', () => {
    const draft = onlyDraft(judge(duplicateIndex, [orders(older, newer)]));
    expect(draft).toMatchObject({
      severity: 'warning',
      confidence: 'proven',
      subject: 'newer',
      columns: ['a'],
      related: [{ indexrelname: 'older', role: 'keep', why: 'it is older' }],
      remedy: { kind: 'drop-index' },
    });
    expect(draft.title).toContain('newer on public.orders (a) is an exact duplicate of older');
  });

  it('keeps the one that is used', () => {
    const draft = onlyDraft(judge(duplicateIndex, [orders({ ...older, scans: 0 }, { ...newer, scans: 9 })]));
    expect(draft.subject).toBe('older');
    expect(draft.related[0]?.why).toBe('it is the one that is used (9 scans against 0)');
  });

  it('names twenty of a hundred copies beside each, and how many there are', () => {
    const copies = Array.from(
      { length: 100 },
      (_, place): DescribedIndex => ({ ...older, name: `copy_${place}` }),
    );
    const { drafts } = judge(duplicateIndex, [orders(...copies)]);
    expect(drafts).toHaveLength(99);
    for (const { subject, related, evidence } of drafts) {
      expect(related.map(({ role }) => role)).toEqual(['keep', ...Array(20).fill('overlaps')]);
      expect(new Set(related.map(({ indexrelname }) => indexrelname)).size).toBe(21);
      expect(related.map(({ indexrelname }) => indexrelname)).not.toContain(subject);
      expect(evidence).toMatchObject({ copies: 100 });
    }
  });

  it('keeps the smaller of two that are used alike', () => {
    const tables = [
      orders({ ...older, scans: 3, sizeBytes: 90_000 }, { ...newer, scans: 3, sizeBytes: 80_000 }),
    ];
    expect(onlyDraft(judge(duplicateIndex, tables)).subject).toBe('older');
  });

  it('is info on a tiny table', () => {
    const tiny = { ...orders(older, newer), rows: 12, usage: { liveRows: 12 } };
    expect(onlyDraft(judge(duplicateIndex, [tiny])).severity).toBe('info');
  });

  it('prints no SQL for a copy that foreign keys refer to', () => {
    const key = {
      isUnique: true,
      constraintOid: constraintOid(9),
      constraintName: 'k',
      constraintType: 'u',
    } as const;
    const tables = [
      orders(
        { name: 'orders_pkey', keys: ['id'], fact: { ...key, isPrimary: true, constraintType: 'p' } },
        { name: 'referenced', keys: ['id'], fact: { ...key, referencingForeignKeys: 2 } },
      ),
    ];
    const draft = onlyDraft(judge(duplicateIndex, tables));
    expect(draft).toMatchObject({
      subject: 'referenced',
      remedy: { kind: 'review' },
      impact: { reclaimableBytes: 0 },
    });
  });

  it.each<[string, DescribedIndex]>([
    ['another column', { name: 'newer', keys: ['b'] }],
    ['another order of columns', { name: 'newer', keys: ['a', 'b'] }],
    ['uniqueness', { name: 'newer', keys: ['a'], fact: { isUnique: true } }],
    ['an invalid index', { name: 'newer', keys: ['a'], fact: { isValid: false } }],
    ['an index that is not ready', { name: 'newer', keys: ['a'], fact: { isReady: false } }],
  ])('is silent about %s', (_, other) => {
    expect(judge(duplicateIndex, [orders(older, other)]).drafts).toEqual([]);
  });

  it('says which index it could not judge because its table was locked', () => {
    const evaluation = judge(duplicateIndex, [
      orders(older, { ...newer, fact: { isDefinitionKnown: false } }),
    ]);
    expect(evaluation.drafts).toEqual([]);
    expect(reasonsOf(evaluation).join()).toContain('public.newer: its table was locked');
  });

  it('is inconclusive without the inventory, and not "no findings"', () => {
    const facts = { outcomes: { indexes: failed('it failed') } };
    const evaluation = judge(duplicateIndex, [orders(older, newer)], { facts });
    expect(evaluation.judged.size).toBe(0);
    expect(evaluation.undecided).toHaveLength(1);
  });
});
