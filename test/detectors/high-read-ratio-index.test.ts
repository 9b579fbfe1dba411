import { describe, expect, it } from 'vitest';
import { highReadRatioIndex } from '../../src/detectors/high-read-ratio-index/detector.ts';
import { hourMs } from '../../src/model/units.ts';
import {
  aServerFact,
  type DescribedIndex,
  type DescribedTable,
  failed,
  takenAtMs,
} from '../support/builders.ts';
import { judge, onlyDraft, reasonsOf } from './judge.ts';

/** 1,000 scans that read 5,000 entries each. */
const broad = (index: Partial<DescribedIndex> = {}, table: Partial<DescribedTable> = {}): DescribedTable => ({
  name: 'orders',
  columns: ['id', 'a', 'b'],
  indexes: [
    {
      name: 'orders_a_idx',
      keys: ['a'],
      usage: { scansTotal: 1_000, tuplesReadTotal: 5_000_000, tuplesFetchedTotal: 4_000_000 },
      ...index,
    },
  ],
  ...table,
});

describe('high-read-ratio-index', () => {
  it('opens when a scan reads more than a hundred entries on average', () => {
    const draft = onlyDraft(judge(highReadRatioIndex, [broad()]));
    expect(draft).toMatchObject({
      severity: 'info',
      confidence: 'possible',
      title:
        'orders_a_idx on public.orders (a) reads 5,000 entries a scan on average, over 1,000 scans in 60 d',
      impact: { reclaimableBytes: 0, tuplesReadPerScan: 5_000 },
      remedy: { kind: 'review' },
    });
    expect(draft.evidence).toMatchObject({
      scansTotal: 1_000,
      tuplesReadTotal: 5_000_000,
      tuplesReadPerScan: 5_000,
      readShareOfRowsRatio: 0.05,
      windowSeconds: 60 * 86_400,
    });
  });

  it('says that a small share of a large table is selective all the same', () => {
    const draft = onlyDraft(judge(highReadRatioIndex, [broad({}, { rows: 50_000_000 })]));
    expect(draft.caveats.join()).toContain('still selective');
    expect(onlyDraft(judge(highReadRatioIndex, [broad()])).caveats.join()).not.toContain('still selective');
  });

  it('says that a table clustered on the index was made for range scans', () => {
    const clustered = broad({ fact: { isClustered: true } });
    expect(onlyDraft(judge(highReadRatioIndex, [clustered])).caveats.join()).toContain('clustered');
  });

  it.each([
    ['a hundred entries a scan', broad({ usage: { scansTotal: 1_000, tuplesReadTotal: 100_000 } })],
    ['a few broad scans', broad({ usage: { scansTotal: 999, tuplesReadTotal: 99_000_000 } })],
    ['an index never scanned', broad({ scans: 0, usage: {} })],
    ['BRIN, whose bitmap counts pages', broad({ fact: { accessMethod: 'brin' } })],
    ['a primary key', broad({ fact: { isPrimary: true, isUnique: true } })],
    ['a unique index', broad({ fact: { isUnique: true } })],
    ['an exclusion constraint', broad({ fact: { isExclusion: true } })],
    ['an invalid index', broad({ fact: { isValid: false } })],
  ])('is silent on %s', (_, table) => {
    expect(judge(highReadRatioIndex, [table])).toMatchObject({ drafts: [], undecided: [] });
  });

  it('does not take the first hours of counting for few scans', () => {
    const facts = { server: aServerFact({ databaseStatsResetAtMs: takenAtMs - 5 * hourMs }) };
    const early = broad({ usage: { scansTotal: 12, tuplesReadTotal: 60_000 } });
    expect(reasonsOf(judge(highReadRatioIndex, [early], { facts }))).toEqual([
      'public.orders_a_idx: the statistics are 5 h old, and a verdict wants 1 d',
    ]);
    expect(judge(highReadRatioIndex, [broad()], { facts }).drafts).toHaveLength(1);
  });

  it('takes missing counters for unknown', () => {
    expect(reasonsOf(judge(highReadRatioIndex, [broad({ scans: null })]))).toEqual([
      'public.orders_a_idx: its counters were not collected',
    ]);
  });

  it('is inconclusive without usage facts', () => {
    const facts = { outcomes: { 'index-usage': failed('statement timeout') } };
    expect(judge(highReadRatioIndex, [broad()], { facts }).judged.size).toBe(0);
  });
});
