import { describe, expect, it } from 'vitest';
import type { RedFlag } from '../../src/analysis/plans/red-flags.ts';
import { probePlanRegression } from '../../src/detectors/probe-plan-regression/detector.ts';
import { aKnownPlan, aProbeState, type DescribedState, runsOf } from '../support/probes.ts';
import { judge, onlyDraft, reasonsOf } from './judge.ts';

const orders = {
  name: 'orders',
  columns: ['id', 'at'],
  rows: 50_000,
  indexes: [{ name: 'orders_at', keys: ['at'] }],
};

const judged = (state: DescribedState) =>
  judge(probePlanRegression, [orders], { probes: [aProbeState({ runs: [], ...state })] });

const scan: RedFlag = {
  kind: 'sequential-scan',
  subject: 'public.orders',
  text: 'public.orders is read from end to end',
};
const sort: RedFlag = { kind: 'sort', subject: 'o.at', text: '50,000 rows are sorted' };
const unused: RedFlag = {
  kind: 'expected-index-unused',
  subject: 'orders_at',
  text: 'the expected index orders_at is not used, but no index',
};
const slowRead: RedFlag = { kind: 'shared-reads', subject: '', text: '2,000 blocks had to be read' };

const old = aKnownPlan();
const now = (...flags: readonly RedFlag[]) =>
  aKnownPlan({
    hash: '00000000000000bb',
    text: 'Sort  (rows 50,000)\n  ->  Seq Scan on public.orders',
    flags: [...flags],
  });

describe('probe-plan-regression', () => {
  it('opens for another plan with a new red flag, and shows both', () => {
    const draft = onlyDraft(
      judged({ baseline: old, current: now(scan), probe: { expectIndexes: [['orders_at']] } }),
    );
    expect(draft).toMatchObject({
      severity: 'warning',
      confidence: 'likely',
      subject: 'recent-orders',
      title: 'Probe recent-orders has lost its plan: public.orders is read from end to end',
      evidence: {
        oldPlan: ['Limit  (rows 20)', '  ->  Index Scan using orders_at on public.orders  (rows 20)'],
        newPlan: ['Sort  (rows 50,000)', '  ->  Seq Scan on public.orders'],
        oldPlanHash: '00000000000000aa',
        newPlanHash: '00000000000000bb',
      },
      related: [{ indexrelname: 'orders_at', role: 'supports' }],
      remedy: { kind: 'review' },
    });
    expect(draft.remedy).toMatchObject({ notes: expect.stringContaining('acceptPlan: 00000000000000bb') });
  });

  it('opens for a plan that was never as declared', () => {
    const draft = onlyDraft(judged({ baseline: null, current: now(unused) }));
    expect(draft.title).toBe(
      'Probe recent-orders is not planned as declared: the expected index orders_at is not used, but no index',
    );
    expect(draft.evidence).toMatchObject({ oldPlan: null, oldPlanHash: null });
    expect(draft.severity).toBe('warning');
  });

  it('is info for what nobody declared, and where the target is met all the same', () => {
    expect(onlyDraft(judged({ baseline: old, current: now(sort) })).severity).toBe('info');
    expect(onlyDraft(judged({ baseline: old, current: now(unused), runs: runsOf(150) })).severity).toBe(
      'info',
    );
    expect(onlyDraft(judged({ baseline: old, current: now(unused), runs: runsOf(250) })).severity).toBe(
      'warning',
    );
  });

  it.each<[string, DescribedState]>([
    ['the plan it had', { baseline: old, current: old }],
    ['another plan without a red flag', { baseline: now(), current: now() }],
    [
      'a red flag that the plan before had, too',
      { baseline: aKnownPlan({ flags: [sort] }), current: now(sort) },
    ],
    ['what was seen of one run only', { baseline: old, current: now(slowRead) }],
    ['a first plan with a red flag that nobody ruled out', { baseline: now(scan), current: now(scan) }],
    [
      'a plan that the manifest accepts',
      { probe: { acceptPlan: '00000000000000bb' }, baseline: null, current: now(unused, scan) },
    ],
  ])('is silent on %s', (_, state) => {
    const { drafts, undecided } = judged(state);
    expect([drafts, undecided]).toEqual([[], []]);
  });

  it('is inconclusive about a probe that could not be planned, whatever it was before', () => {
    const evaluation = judged({
      baseline: old,
      current: now(scan),
      problem: {
        reason: 'role monitor may not read public.orders',
        grant: 'GRANT SELECT ON public.orders TO monitor;',
      },
    });
    expect(evaluation.drafts).toEqual([]);
    expect(reasonsOf(evaluation)).toEqual([
      'public.orders: probe recent-orders could not be planned: role monitor may not read public.orders; run: GRANT SELECT ON public.orders TO monitor;',
    ]);
  });
});
