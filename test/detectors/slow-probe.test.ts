import { describe, expect, it } from 'vitest';
import { slowProbe } from '../../src/detectors/slow-probe/detector.ts';
import { aKnownPlan, aProbeState, type DescribedState, runsOf } from '../support/probes.ts';
import { usageOver } from '../support/usage.ts';
import { judge, onlyDraft, reasonsOf } from './judge.ts';

const orders = { name: 'orders', columns: ['id'], indexes: [], rows: 50_000 };
const usage = usageOver([orders], { days: 1 });

const judged = (state: DescribedState, settings: Readonly<Record<string, unknown>> = {}) =>
  judge(slowProbe, [orders], { probes: [aProbeState(state)], settings, usage });

describe('slow-probe', () => {
  it('opens when the last three runs missed the target, with plan and red flags', () => {
    const flag = { kind: 'sort', subject: 'o.b', text: '5,000 rows are sorted' } as const;
    const draft = onlyDraft(
      judged({ runs: runsOf(100, 250, 340, 320), current: aKnownPlan({ flags: [flag] }) }),
    );
    expect(draft).toMatchObject({
      severity: 'warning',
      subject: 'recent-orders',
      index: null,
      title: 'Probe recent-orders takes 320 ms instead of 200 ms at most, 3 runs in a row',
      evidence: {
        targetSeconds: 0.2,
        pageSeconds: null,
        durationsSeconds: [0.1, 0.25, 0.34, 0.32],
        slowSince: '2026-03-01T11:50:00.000Z',
        redFlags: ['5,000 rows are sorted'],
        plan: ['Limit  (rows 20)', '  ->  Index Scan using orders_at on public.orders  (rows 20)'],
        roleName: 'monitor',
      },
      remedy: { kind: 'review', notes: 'The plan shows why: 5,000 rows are sorted.' },
    });
  });

  it.each<[string, DescribedState]>([
    ['two runs that missed it', { runs: runsOf(100, 250, 340) }],
    ['runs that met it in the end', { runs: runsOf(250, 340, 320, 200) }],
    [
      'a probe without a target, however long it takes',
      { probe: { targetMs: undefined as never }, runs: runsOf(9_000, 9_000, 9_000) },
    ],
  ])('is silent on %s', (_, state) => {
    const { drafts, undecided } = judged(state);
    expect([drafts, undecided]).toEqual([[], []]);
  });

  it('is not silenced by a small table: the query was declared', () => {
    const { drafts } = judge(slowProbe, [{ ...orders, rows: 10 }], {
      probes: [aProbeState({ runs: runsOf(300, 300, 300) })],
      policy: { minRows: 100 },
      usage,
    });
    expect(drafts.map(({ severity }) => severity)).toEqual(['warning']);
  });

  describe('is critical', () => {
    const paged = (...durations: readonly number[]) =>
      onlyDraft(judged({ probe: { pageMs: 400 }, runs: runsOf(...durations) })).severity;
    it('above the page threshold in three runs over 15 minutes', () => {
      expect(paged(500, 500, 500, 500)).toBe('critical');
      expect(onlyDraft(judged({ runs: runsOf(500, 500, 500, 500) })).severity).toBe('warning');
    });
    it.each<[string, readonly number[]]>([
      ['for a shorter time', [300, 500, 500, 500]],
      ['with a run below in between', [500, 500, 400, 500]],
    ])('but not %s', (_, durations) => {
      expect(paged(...durations)).toBe('warning');
    });
    it('as its settings say', () => {
      const state: DescribedState = { probe: { pageMs: 400 }, runs: runsOf(500, 500) };
      const settings = { slowRuns: 2, pageRuns: 2, pageForMinutes: 5 };
      expect(onlyDraft(judged(state, settings)).severity).toBe('critical');
    });
  });

  it('takes a run that was ended for as slow as it was', () => {
    const [first, second, third] = runsOf(5_000, 5_000, 5_000).map((run) => ({ ...run, isTimeout: true }));
    const runs = [first, second, third].flatMap((run) => run ?? []);
    expect(onlyDraft(judged({ runs })).title).toContain('takes more than 5 s instead of 200 ms at most');
  });

  it.each<[string, DescribedState, string]>([
    [
      'may not read its tables',
      { problem: { reason: 'role monitor may not read public.orders', grant: 'GRANT SELECT …;' } },
      'public.orders: probe recent-orders could not be planned: role monitor may not read public.orders; run: GRANT SELECT …;',
    ],
    [
      'is only planned',
      { unmeasured: 'probes.analyze is false' },
      'is not measured: probes.analyze is false',
    ],
    ['has not run yet', { runs: [] }, 'has not been measured yet'],
    ['was never planned', { current: null, runs: [] }, 'has not been planned yet'],
    [
      'was ended before its target',
      { runs: [{ atMs: 0, durationMs: 100, isTimeout: true }] },
      'was ended after 100 ms, before its target: raise probes.analyzeTimeout',
    ],
    [
      'is about a table that is not watched',
      { probe: { table: { schemaname: 'hidden', relname: 't' } } },
      'belongs to a table that is not there',
    ],
  ])('is inconclusive about a probe that %s', (_, state, reason) => {
    const evaluation = judged(state);
    expect(evaluation.drafts).toEqual([]);
    expect(reasonsOf(evaluation)).toEqual([expect.stringContaining(reason)]);
  });
});
