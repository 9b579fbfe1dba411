import { describe, expect, it } from 'vitest';
import { rarelyUsedIndex } from '../../src/detectors/rarely-used-index/detector.ts';
import { dayMs } from '../../src/model/units.ts';
import {
  aServerFact,
  type DescribedIndex,
  type DescribedTable,
  failed,
  indexOid,
  statisticsSinceMs,
  tableOid,
  takenAtMs,
} from '../support/builders.ts';
import { type DescribedUsage, usageOver } from '../support/usage.ts';
import { judge, onlyDraft, reasonsOf } from './judge.ts';

const customers: DescribedTable = { name: 'customers', columns: ['id'] };

/** 120 scans and 1.2 million row writes in sixty days: two scans a day, ten thousand writes for each. */
const orders = (
  index: Partial<DescribedIndex> = {},
  table: Partial<DescribedTable> = {},
): DescribedTable => ({
  name: 'orders',
  columns: ['id', 'a', 'b'],
  indexes: [{ name: 'orders_a_idx', keys: ['a'], scans: 120, ...index }],
  usage: {
    rowsInsertedTotal: 1_000_000,
    rowsUpdatedTotal: 250_000,
    rowsHotUpdatedTotal: 100_000,
    rowsDeletedTotal: 50_000,
  },
  ...table,
});
const onServer = (sinceMs: number | null) => ({
  facts: {
    server: aServerFact({
      databaseStatsResetAtMs: sinceMs,
      bgwriterStatsResetAtMs: null,
      archiverStatsResetAtMs: null,
    }),
  },
});

describe('rarely-used-index', () => {
  it('weighs the scans of an index against the writes of its table', () => {
    const draft = onlyDraft(judge(rarelyUsedIndex, [orders()]));
    expect(draft).toMatchObject({
      severity: 'info',
      confidence: 'possible',
      subject: 'orders_a_idx',
      columns: ['a'],
      title:
        'orders_a_idx on public.orders (a) was scanned 120 times in 60 d, and 10,000 rows were written for each scan',
      impact: { reclaimableBytes: 0, rowsWrittenPerDay: 20_000 },
      remedy: { kind: 'review' },
    });
    expect(draft.evidence).toMatchObject({
      scansTotal: 120,
      scansPerDay: 2,
      rowsWrittenTotal: 1_200_000,
      rowsWrittenPerScan: 10_000,
      rowsUpdatedNotHotTotal: 150_000,
      windowSeconds: 60 * 86_400,
      statisticsSince: new Date(statisticsSinceMs).toISOString(),
    });
  });

  it('leaves an index without any scan to unused-index', () => {
    expect(judge(rarelyUsedIndex, [orders({ scans: 0 })]).drafts).toEqual([]);
  });

  it.each([
    ['more than one scan an hour', orders({ scans: 24 * 60 + 1 })],
    ['fewer than a thousand writes a scan', orders({ scans: 1_201 })],
    [
      'updates that were all HOT',
      orders(
        {},
        {
          usage: {
            rowsInsertedTotal: 0,
            rowsUpdatedTotal: 9_000_000,
            rowsHotUpdatedTotal: 9_000_000,
            rowsDeletedTotal: 0,
          },
        },
      ),
    ],
    [
      'a table that is hardly written',
      orders({ scans: 1 }, { usage: { rowsInsertedTotal: 9_000, rowsUpdatedTotal: 0, rowsDeletedTotal: 0 } }),
    ],
    ['a unique index', orders({ fact: { isUnique: true } })],
    ['a replica identity', orders({ fact: { isReplicaIdentity: true } })],
    ['a clustered index', orders({ fact: { isClustered: true } })],
    ['an exclusion constraint', orders({ fact: { isExclusion: true } })],
    ['a partial index', orders({ where: '(b = 1)' })],
    ['BRIN', orders({ fact: { accessMethod: 'brin' } })],
    ['an invalid index', orders({ fact: { isValid: false } })],
    ['a materialized view', orders({}, { fact: { relkind: 'm' } })],
  ])('is silent on %s', (_, table) => {
    expect(judge(rarelyUsedIndex, [table])).toMatchObject({ drafts: [], undecided: [] });
  });

  it('judges a partitioned index by the sum of its leaves, and no leaf', () => {
    const leaf = (name: string, place: number): DescribedTable => ({
      ...orders({ name: `${name}_a_idx`, fact: { parentIndexOid: indexOid(10_001) } }),
      name,
      fact: { isPartition: true, parentOid: tableOid(10_000), relpages: place },
    });
    const parent = orders({ fact: { relkind: 'I' } }, { fact: { relkind: 'p' }, usage: null });
    const draft = onlyDraft(judge(rarelyUsedIndex, [parent, leaf('orders_1', 1), leaf('orders_2', 2)]));
    expect(draft.subject).toBe('orders_a_idx');
    expect(draft.evidence).toMatchObject({ scansTotal: 240, rowsWrittenTotal: 2_400_000 });
  });

  it('names the foreign keys that the index supports', () => {
    const table = orders(
      {},
      { foreignKeys: [{ name: 'orders_a_fkey', columns: ['a'], references: 'customers' }] },
    );
    expect(onlyDraft(judge(rarelyUsedIndex, [table, customers])).caveats.join()).toContain('orders_a_fkey');
  });

  it('names nodes whose scans nobody counted', () => {
    const topology = { isComplete: false, unseenNodes: ['reporting'] };
    expect(onlyDraft(judge(rarelyUsedIndex, [orders()], { topology })).caveats.join()).toContain('reporting');
  });

  it('does not judge before the window of the policy has passed', () => {
    const young = judge(rarelyUsedIndex, [orders({ scans: 2 })], onServer(takenAtMs - 29 * dayMs));
    expect(young.drafts).toEqual([]);
    expect(reasonsOf(young)).toEqual([
      'public.orders_a_idx: the statistics are 29 d old, and a verdict wants 30 d',
    ]);
  });

  it('does not wait for the window where the scans so far are more than the whole window may have', () => {
    const plenty = judge(rarelyUsedIndex, [orders({ scans: 100_000 })], onServer(takenAtMs - 2 * dayMs));
    expect(plenty).toMatchObject({ drafts: [], undecided: [] });
  });

  it('judges by what there is when told to, a young window counting as a day', () => {
    const circumstances = { ...onServer(takenAtMs - 600_000), policy: { unusedAfterMs: 0 } };
    const draft = onlyDraft(judge(rarelyUsedIndex, [orders({ scans: 5 })], circumstances));
    expect(draft.evidence).toMatchObject({ scansPerDay: 5, windowSeconds: 600 });
  });

  it('says nothing certain where no reset time is known', () => {
    expect(reasonsOf(judge(rarelyUsedIndex, [orders()], onServer(null)))).toEqual([
      'public.orders_a_idx: the age of the statistics is unknown: no reset time is recorded',
    ]);
  });

  it('does not compare counters that were reset at different times', () => {
    const resetApart = orders({ usage: { statsResetAtMs: takenAtMs - 31 * dayMs } });
    expect(reasonsOf(judge(rarelyUsedIndex, [resetApart]))[0]).toContain('reset at different times');
  });

  it('takes missing counters for unknown, not for zero', () => {
    expect(reasonsOf(judge(rarelyUsedIndex, [orders({ scans: null })]))[0]).toContain('were not collected');
    expect(reasonsOf(judge(rarelyUsedIndex, [orders({}, { usage: null })]))[0]).toContain(
      'were not collected',
    );
  });

  it.each([
    ['on a standby, which counts no writes', aServerFact({ isInRecovery: true }), 'standby'],
    ['while track_counts is off', aServerFact({ trackCounts: false }), 'track_counts'],
  ])('is inconclusive %s', (_, server, word) => {
    expect(reasonsOf(judge(rarelyUsedIndex, [orders()], { facts: { server } }))[0]).toContain(word);
  });

  it('is inconclusive without usage facts', () => {
    const facts = { outcomes: { 'index-usage': failed('statement timeout') } };
    expect(judge(rarelyUsedIndex, [orders()], { facts }).judged.size).toBe(0);
  });
});

describe('rarely-used-index with a history', () => {
  const judged = (described: Partial<DescribedUsage>, tables: readonly DescribedTable[] = [orders()]) =>
    judge(rarelyUsedIndex, tables, {
      usage: usageOver(tables, { days: 35, scans: onceADay, writes: busy, ...described }),
    });
  const onceADay = (_: string, { node, atMs }: { node: string; atMs: number }) =>
    node === 'primary' && new Date(atMs).getUTCHours() === 0 ? 1 : 0;
  const busy = (_: string, { node }: { node: string }) => (node === 'primary' ? { inserted: 10_000 } : {});

  it('weighs what was seen on whole days, on every node', () => {
    const draft = onlyDraft(judged({ nodes: ['primary', 'standby'] }));
    expect(draft).toMatchObject({
      severity: 'info',
      title:
        'orders_a_idx on public.orders (a) was scanned 34 times in 34 days, and 60,000 rows were written for each scan',
      evidence: {
        scansTotal: 34,
        scansPerDay: 1,
        rowsWrittenTotal: 34 * 60_000,
        windowSeconds: 34 * 86_400,
        nodes: ['primary', 'standby'],
      },
    });
    expect(draft.caveats.join()).not.toContain('before the index was created');
  });

  it('is silent where another node uses it', () => {
    const scans = (_: string, { node }: { node: string }) => (node === 'standby' ? 100 : 1);
    expect(judged({ nodes: ['primary', 'standby'], scans })).toMatchObject({ drafts: [], undecided: [] });
  });

  it('leaves one that was not used in the window to unused-index, whatever was counted before', () => {
    expect(judged({ scans: () => 0, scansBefore: 120 })).toMatchObject({ drafts: [], undecided: [] });
  });

  it('judges by the counters until the window has been watched', () => {
    expect(onlyDraft(judged({ days: 10 })).evidence).toMatchObject({
      scansTotal: 120,
      windowSeconds: 60 * 86_400,
    });
  });

  it('does not judge while a configured node cannot be read', () => {
    const evaluation = judged({
      nodes: ['primary', 'standby'],
      unreachable: { standby: 'connection refused' },
      scans: () => 0,
    });
    expect(reasonsOf(evaluation)[0]).toContain('node standby could not be read');
  });
});
