import { describe, expect, it } from 'vitest';
import { staleStatistics } from '../../src/detectors/stale-statistics/detector.ts';
import { dayMs } from '../../src/model/units.ts';
import { aServerFact, type DescribedTable, failed, tableOid, takenAtMs } from '../support/builders.ts';
import { judge, onlyDraft, reasonsOf } from './judge.ts';

/** Loaded with 50,000 rows and never analysed, nor given a row count. */
const loaded = (table: Partial<DescribedTable> = {}): DescribedTable => ({
  name: 'orders',
  columns: ['id'],
  rows: null,
  usage: {
    liveRows: 50_000,
    rowsInsertedTotal: 50_000,
    rowsUpdatedTotal: 0,
    rowsDeletedTotal: 0,
    rowsChangedSinceAnalyze: 50_000,
    lastAnalyzedAtMs: null,
  },
  ...table,
});

/** 100,000 rows, analysed eight days ago, 20,000 changed since. */
const aged = (usage: DescribedTable['usage'] = {}, table: Partial<DescribedTable> = {}): DescribedTable => ({
  name: 'orders',
  columns: ['id'],
  rows: 100_000,
  usage: { rowsChangedSinceAnalyze: 20_000, lastAnalyzedAtMs: takenAtMs - 8 * dayMs, ...usage },
  ...table,
});

const resetAgo = (ageMs: number) => ({
  facts: { server: aServerFact({ databaseStatsResetAtMs: takenAtMs - ageMs }) },
});

describe('stale-statistics, never analysed', () => {
  it('warns of a table that ANALYZE has never seen', () => {
    const draft = onlyDraft(judge(staleStatistics, [loaded()]));
    expect(draft).toMatchObject({
      severity: 'warning',
      confidence: 'likely',
      title: 'Table public.orders with 50,000 rows was never analysed: the planner guesses at its contents',
      remedy: { kind: 'analyze-table' },
    });
    expect(draft.evidence).toMatchObject({
      plannerRows: null,
      tableRows: 50_000,
      lastAnalyzedAt: null,
      autovacuumThresholdRows: 50,
      isAutovacuumEnabled: true,
    });
  });

  it('is silent on a small table', () => {
    const small = loaded({ usage: { liveRows: 999, rowsChangedSinceAnalyze: 999, lastAnalyzedAtMs: null } });
    expect(judge(staleStatistics, [small])).toMatchObject({ drafts: [], undecided: [] });
  });

  it('is silent where autovacuum’s own threshold is not reached', () => {
    const patient = loaded({ fact: { options: ['autovacuum_analyze_threshold=50000'] } });
    expect(judge(staleStatistics, [patient]).drafts).toEqual([]);
  });

  it('says so where autovacuum passes the table over', () => {
    for (const spelling of ['false', 'off', 'OFF', '0', 'no'])
      expect(
        onlyDraft(judge(staleStatistics, [loaded({ fact: { options: [`autovacuum_enabled=${spelling}`] } })]))
          .caveats,
      ).toEqual(['autovacuum_enabled is off in this table’s options: autovacuum passes it over.']);
    const facts = { server: aServerFact({ autovacuum: false }) };
    expect(onlyDraft(judge(staleStatistics, [loaded()], { facts })).caveats.join()).toContain(
      'off on this server',
    );
  });

  it('knows a new table by its rows where CREATE INDEX has given it a row count', () => {
    const indexed = loaded({ rows: 50_000 });
    const draft = onlyDraft(judge(staleStatistics, [indexed], resetAgo(dayMs)));
    expect(draft.severity).toBe('info');
    expect(draft.title).toContain('was never analysed');
  });

  it('does not say "never" after a statistics reset', () => {
    const forgotten = aged({ lastAnalyzedAtMs: null, rowsInsertedTotal: 20_000, rowsUpdatedTotal: 0 });
    const early = judge(staleStatistics, [forgotten], resetAgo(2 * dayMs));
    expect(early.drafts).toEqual([]);
    expect(reasonsOf(early)).toEqual([
      'public.orders: when it was last analysed was lost with the reset of the counters 2 d ago',
    ]);
    const later = onlyDraft(judge(staleStatistics, [forgotten], resetAgo(8 * dayMs)));
    expect(later.severity).toBe('info');
    expect(later.title).toBe(
      'Table public.orders was not analysed since its counters began 8 d ago, while 20,000 rows of 100,000 changed',
    );
  });
});

describe('stale-statistics, analysed long ago', () => {
  it('opens after a week with much change', () => {
    expect(onlyDraft(judge(staleStatistics, [aged()]))).toMatchObject({
      severity: 'info',
      title: 'Table public.orders was last analysed 8 d ago, and 20,000 rows of 100,000 changed since',
      evidence: { rowsChangedSinceAnalyze: 20_000, autovacuumThresholdRows: 10_100 },
    });
  });

  it.each([
    ['a table analysed within the week', aged({ lastAnalyzedAtMs: takenAtMs - 6 * dayMs })],
    ['little change', aged({ rowsChangedSinceAnalyze: 9_999 })],
    ['what autovacuum’s thresholds excuse', aged({ rowsChangedSinceAnalyze: 10_050 })],
    [
      'what the table’s own thresholds excuse',
      aged({}, { fact: { options: ['autovacuum_analyze_scale_factor=0.5'] } }),
    ],
    ['a small table', aged({ liveRows: 900, rowsChangedSinceAnalyze: 900 }, { rows: 900 })],
  ])('is silent on %s', (_, table) => {
    expect(judge(staleStatistics, [table])).toMatchObject({ drafts: [], undecided: [] });
  });

  it('takes -1 in a table’s options for the server’s setting', () => {
    const reset = aged({}, { fact: { options: ['autovacuum_analyze_scale_factor=-1'] } });
    expect(judge(staleStatistics, [reset]).drafts).toHaveLength(1);
  });
});

describe('stale-statistics, partitions', () => {
  const parent: DescribedTable = {
    name: 'events',
    columns: ['id'],
    rows: null,
    usage: null,
    fact: { relkind: 'p', hasChildren: true },
  };
  const leaf = (table: DescribedTable): DescribedTable => ({
    ...table,
    fact: { isPartition: true, parentOid: tableOid(10_000) },
  });

  it('judges each partition on its own, since statistics are its own', () => {
    const analysed = { ...parent, rows: 200_000 };
    const drafts = judge(staleStatistics, [analysed, leaf(aged())]).drafts;
    expect(drafts.map((draft) => draft.table.relname)).toEqual(['orders']);
  });

  it('tells of a partitioned table that was never analysed as a whole', () => {
    const draft = onlyDraft(judge(staleStatistics, [parent, leaf(aged({ lastAnalyzedAtMs: takenAtMs }))]));
    expect(draft).toMatchObject({
      severity: 'info',
      title:
        'Partitioned table public.events with 100,000 rows was never analysed as a whole, which autovacuum does not do',
      remedy: { kind: 'analyze-table' },
    });
  });

  it('does not tell on 13, which does not record it', () => {
    const facts = { server: aServerFact({ versionNum: 130_023 }) };
    const fresh = leaf(aged({ lastAnalyzedAtMs: takenAtMs }));
    expect(judge(staleStatistics, [parent, fresh], { facts }).drafts).toEqual([]);
  });

  it('does not judge a tree of which one partition’s rows are unknown', () => {
    const unknown = leaf(loaded({ usage: { liveRows: 0, lastAnalyzedAtMs: null } }));
    expect(reasonsOf(judge(staleStatistics, [parent, unknown])).join('; ')).toContain(
      'public.events: how many rows',
    );
  });
});

describe('stale-statistics, without facts', () => {
  it('does not judge a table of unknown rows or without counters', () => {
    const unknown = loaded({ usage: { liveRows: 0, rowsChangedSinceAnalyze: 0, lastAnalyzedAtMs: null } });
    expect(reasonsOf(judge(staleStatistics, [unknown]))).toEqual([
      'public.orders: how many rows it has is not known',
    ]);
    expect(reasonsOf(judge(staleStatistics, [aged({}, { usage: null })]))).toEqual([
      'public.orders: its counters were not collected',
    ]);
  });

  it('is inconclusive on a standby, where ANALYZE is not recorded', () => {
    const facts = { server: aServerFact({ isInRecovery: true }) };
    expect(reasonsOf(judge(staleStatistics, [loaded()], { facts }))[0]).toContain('standby');
  });

  it('is inconclusive without counters', () => {
    const facts = { outcomes: { 'table-usage': failed('statement timeout') } };
    expect(judge(staleStatistics, [loaded()], { facts }).judged.size).toBe(0);
  });
});
