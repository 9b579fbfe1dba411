import { describe, expect, it } from 'vitest';
import { unusedIndex } from '../../src/detectors/unused-index/detector.ts';
import { dayMs } from '../../src/model/units.ts';
import {
  aServerFact,
  constraintOid,
  type DescribedIndex,
  type DescribedTable,
  failed,
  takenAtMs,
} from '../support/builders.ts';
import { judge, onlyDraft, reasonsOf } from './judge.ts';

const idle: DescribedIndex = { name: 'idle', keys: ['a'], scans: 0 };
const orders = (index: DescribedIndex = idle, more: Partial<DescribedTable> = {}): DescribedTable => ({
  name: 'orders',
  columns: ['id', 'a'],
  usage: { sequentialScansTotal: 40 },
  indexes: [index],
  ...more,
});

describe('unused-index', () => {
  it('opens when the window has passed without a scan, and is likely at best', () => {
    expect(onlyDraft(judge(unusedIndex, [orders()]))).toMatchObject({
      severity: 'warning',
      confidence: 'likely',
      subject: 'idle',
      evidence: { scansTotal: 0, windowSeconds: 60 * 86_400, nodes: ['primary'] },
      remedy: { kind: 'drop-index' },
    });
  });

  it('is only possible without the operator’s word that every node is known', () => {
    const topology = { isComplete: false, unseenNodes: [] };
    expect(onlyDraft(judge(unusedIndex, [orders()], { topology })).confidence).toBe('possible');
  });

  it('is only possible before the window has seen a month’s end', () => {
    const server = aServerFact({ databaseStatsResetAtMs: takenAtMs - 31 * dayMs });
    expect(onlyDraft(judge(unusedIndex, [orders()], { facts: { server } })).confidence).toBe('possible');
  });

  it('prints no SQL while nodes were not looked at', () => {
    const topology = { isComplete: true, unseenNodes: ['standby-1'] };
    const draft = onlyDraft(judge(unusedIndex, [orders()], { topology }));
    expect(draft).toMatchObject({ severity: 'info', confidence: 'possible', remedy: { kind: 'review' } });
    expect(draft.caveats.join()).toContain('standby-1');
  });

  it('has no verdict before the window has passed, and says when it will', () => {
    const server = aServerFact({ databaseStatsResetAtMs: takenAtMs - 10 * dayMs });
    const evaluation = judge(unusedIndex, [orders()], { facts: { server } });
    expect(evaluation.drafts).toEqual([]);
    expect(reasonsOf(evaluation)).toEqual([
      'public.idle: the statistics are 10 d old and the window is 30 d: verdict on 2026-03-21 12:00 UTC',
    ]);
  });

  it('judges by what there is with a window of 0', () => {
    const server = aServerFact({ databaseStatsResetAtMs: takenAtMs - 60_000 });
    const circumstances = { facts: { server }, policy: { unusedAfterMs: 0 } };
    expect(judge(unusedIndex, [orders()], circumstances).drafts).toHaveLength(1);
  });

  it('does not call an index unused whose table was not read', () => {
    const unread = orders(idle, { usage: { sequentialScansTotal: 0, indexScansTotal: 0 } });
    const evaluation = judge(unusedIndex, [unread]);
    expect(evaluation.drafts).toEqual([]);
    expect(reasonsOf(evaluation).join()).toContain('its table was not read at all');
  });

  it('is info at most, without a drop, behind a foreign key whose parent changes', () => {
    const parent: DescribedTable = { name: 'parents', columns: ['id'], usage: { rowsDeletedTotal: 3 } };
    const foreignKeys = [{ name: 'k', columns: ['a'], references: 'parents' }];
    const draft = onlyDraft(judge(unusedIndex, [parent, orders(idle, { foreignKeys })]));
    expect(draft).toMatchObject({ severity: 'info', remedy: { kind: 'review' } });
    expect(draft.caveats.join()).toContain('the parent saw 3 deletes');
  });

  it('keeps the statistics of an expression before it drops its index', () => {
    const expression = {
      ...idle,
      keys: ['lower(a)'],
      fact: { columnNumbers: [0], expressions: 'lower(a)', hasExpressions: true },
    };
    expect(onlyDraft(judge(unusedIndex, [orders(expression)])).remedy).toMatchObject({
      kind: 'drop-index',
      keepStatisticsOf: ['lower(a)'],
    });
  });

  it.each<[string, DescribedIndex]>([
    ['a scanned index', { ...idle, scans: 1 }],
    ['a unique index', { ...idle, fact: { isUnique: true } }],
    ['a constraint', { ...idle, fact: { isUnique: true, constraintOid: constraintOid(9) } }],
    ['the replica identity', { ...idle, fact: { isReplicaIdentity: true } }],
    ['the index a table is clustered on', { ...idle, fact: { isClustered: true } }],
    ['an invalid index', { ...idle, fact: { isValid: false } }],
  ])('is silent about %s', (_, index) => {
    const evaluation = judge(unusedIndex, [orders(index)]);
    expect([evaluation.drafts, evaluation.undecided]).toEqual([[], []]);
  });

  it('is inconclusive where PostgreSQL does not count', () => {
    const evaluation = judge(unusedIndex, [orders()], {
      facts: { server: aServerFact({ trackCounts: false }) },
    });
    expect(reasonsOf(evaluation)).toEqual(['track_counts is off: PostgreSQL counts no scans']);
  });

  it('is inconclusive without the counters', () => {
    const facts = { outcomes: { 'index-usage': failed('it failed') } };
    expect(judge(unusedIndex, [orders()], { facts }).judged.size).toBe(0);
  });
});
