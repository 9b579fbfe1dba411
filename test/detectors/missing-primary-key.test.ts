import { describe, expect, it } from 'vitest';
import { missingPrimaryKey } from '../../src/detectors/missing-primary-key/detector.ts';
import {
  aTableFact,
  collected,
  constraintOid,
  type DescribedIndex,
  type DescribedTable,
  failed,
  tableOid,
  takenAtMs,
} from '../support/builders.ts';
import { judge, onlyDraft, reasonsOf } from './judge.ts';

const unique: DescribedIndex = { name: 'orders_id_key', keys: ['id'], fact: { isUnique: true } };
const columns: DescribedTable['columns'] = [{ name: 'id', isNotNull: true }, 'a'];
const orders = (table: Partial<DescribedTable> = {}): DescribedTable => ({
  name: 'orders',
  columns,
  ...table,
});

describe('missing-primary-key', () => {
  it('opens for a table without a key', () => {
    const draft = onlyDraft(judge(missingPrimaryKey, [orders()]));
    expect(draft).toMatchObject({
      severity: 'warning',
      confidence: 'proven',
      index: null,
      subject: '',
      title: 'Table public.orders has no primary key (100,000 rows, 64 MiB)',
      impact: { reclaimableBytes: 0 },
      remedy: { kind: 'review' },
    });
    expect(draft.evidence).toMatchObject({ replicaIdentity: 'default (primary key)', isPartitioned: false });
    expect(draft.caveats.join()).toContain('UPDATE and DELETE on it fail');
  });

  it('is info on a tiny table', () => {
    const tiny = orders({ rows: 12, usage: { liveRows: 12 } });
    expect(onlyDraft(judge(missingPrimaryKey, [tiny])).severity).toBe('info');
  });

  it('is a warning where the rows are unknown and the table is not small', () => {
    const unknown = orders({ rows: null, usage: null });
    const draft = onlyDraft(judge(missingPrimaryKey, [unknown]));
    expect(draft.severity).toBe('warning');
    expect(draft.title).toBe('Table public.orders has no primary key (64 MiB)');
  });

  it('is info where a unique index over NOT NULL columns does the work, and says that it can be promoted', () => {
    const draft = onlyDraft(judge(missingPrimaryKey, [orders({ indexes: [unique] })]));
    expect(draft.severity).toBe('info');
    expect(draft.related).toMatchObject([{ indexrelname: 'orders_id_key', role: 'supports' }]);
    expect(draft.remedy).toMatchObject({ notes: expect.stringContaining('ADD PRIMARY KEY USING INDEX') });
  });

  it.each([
    [
      'a UNIQUE constraint',
      { fact: { isUnique: true, constraintOid: constraintOid(9), constraintName: 'k' } },
      'belongs to the constraint k',
    ],
    ['descending order', { keys: ['id DESC'] }, 'not a B-tree in default order'],
  ])('does not promise to promote an index of %s', (_, index, why) => {
    const draft = onlyDraft(judge(missingPrimaryKey, [orders({ indexes: [{ ...unique, ...index }] })]));
    expect(draft.severity).toBe('info');
    expect(draft.remedy).toMatchObject({ notes: expect.stringContaining(why) });
  });

  it.each([
    ['over a nullable column', { keys: ['a'] }],
    ['that is partial', { where: '(a > 0)' }],
    ['that is deferrable', { fact: { isUnique: true, isImmediate: false } }],
    ['that is invalid', { fact: { isUnique: true, isValid: false } }],
    ['over an expression', { keys: ['abs(id)'] }],
    ['that is not unique at all', { fact: {} }],
  ])('does not take an index %s for a key', (_, index) => {
    const draft = onlyDraft(judge(missingPrimaryKey, [orders({ indexes: [{ ...unique, ...index }] })]));
    expect(draft.severity).toBe('warning');
    expect(draft.related).toEqual([]);
  });

  it('prefers the index that can be promoted', () => {
    const owned = {
      ...unique,
      name: 'a_constraint',
      fact: { isUnique: true, constraintOid: constraintOid(9) },
    };
    const draft = onlyDraft(judge(missingPrimaryKey, [orders({ indexes: [owned, unique] })]));
    expect(draft.related[0]?.indexrelname).toBe('orders_id_key');
  });

  it.each([
    ['a table with a key', orders({ indexes: [{ ...unique, fact: { isUnique: true, isPrimary: true } }] })],
    [
      'a key that is still being attached to its partitions',
      orders({ indexes: [{ ...unique, fact: { isUnique: true, isPrimary: true, isValid: false } }] }),
    ],
    ['a materialized view', orders({ fact: { relkind: 'm' } })],
    [
      'a partition whose parent is not watched',
      orders({ fact: { isPartition: true, parentOid: tableOid(7) } }),
    ],
  ])('is silent on %s', (_, table) => {
    expect(judge(missingPrimaryKey, [table])).toMatchObject({ drafts: [], undecided: [] });
  });

  it('judges a partition tree once, at its top', () => {
    const parent = orders({ fact: { relkind: 'p' } });
    const leaf = orders({ name: 'orders_1', fact: { isPartition: true, parentOid: tableOid(10_000) } });
    const draft = onlyDraft(judge(missingPrimaryKey, [parent, leaf]));
    expect(draft.table.relname).toBe('orders');
    expect(draft.evidence).toMatchObject({ isPartitioned: true });
  });

  it('judges the child of a plain inheritance alone: keys are not inherited', () => {
    const parent = orders({
      indexes: [{ ...unique, fact: { isUnique: true, isPrimary: true } }],
      fact: { hasChildren: true },
    });
    const child = orders({ name: 'orders_old', fact: { parentOid: tableOid(10_000) } });
    expect(onlyDraft(judge(missingPrimaryKey, [parent, child])).table.relname).toBe('orders_old');
  });

  it('does not warn of replication for an unlogged table', () => {
    const { caveats } = onlyDraft(judge(missingPrimaryKey, [orders({ fact: { persistence: 'u' } })]));
    expect(caveats.join()).not.toContain('publication');
  });

  it('does not judge a table that may be younger than the list of indexes', () => {
    const facts = {
      outcomes: {
        tables: collected([aTableFact()], { collectedAtMs: takenAtMs }),
        indexes: collected([], { collectedAtMs: takenAtMs - 60_000 }),
      },
    };
    const evaluation = judge(missingPrimaryKey, [], { facts });
    expect(evaluation.drafts).toEqual([]);
    expect(reasonsOf(evaluation)[0]).toContain('younger than the list of indexes');
  });

  it('is inconclusive without the list of indexes', () => {
    const facts = { outcomes: { indexes: failed('statement timeout') } };
    expect(judge(missingPrimaryKey, [orders()], { facts }).judged.size).toBe(0);
  });
});
