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
import { type DescribedUsage, usageOver } from '../support/usage.ts';
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

describe('unused-index with a history', () => {
  const judged = (
    described: DescribedUsage,
    tables: readonly DescribedTable[] = [orders()],
    more: Parameters<typeof judge>[2] = {},
  ) => judge(unusedIndex, tables, { ...more, usage: usageOver(tables, described) });
  const twoNodes = ['primary', 'standby-1'];

  it('opens when every node was watched for the window and saw no use', () => {
    expect(onlyDraft(judged({ days: 40, nodes: twoNodes }))).toMatchObject({
      severity: 'warning',
      confidence: 'likely',
      evidence: {
        basis: 'history',
        nodes: twoNodes,
        windowSeconds: 40 * 86_400,
        perNode: [{ node: 'primary' }, { node: 'standby-1' }],
        tableReadsPerDay: 120,
      },
      remedy: { kind: 'drop-index' },
    });
  });

  it('is only possible before it lasted a month’s end, also where it was watched longer', () => {
    const scans = (_: string, { day }: { day: number }) => (day === 32 ? 1 : 0);
    const draft = onlyDraft(judged({ days: 40, scans }));
    expect(draft.confidence).toBe('possible');
    expect(draft.caveats.join()).toContain('It was used before: last on 2026-01-28');
  });

  it('is only possible without the operator’s word on the nodes', () => {
    const topology = { isComplete: false, unseenNodes: [] };
    expect(onlyDraft(judged({ days: 40 }, undefined, { topology })).confidence).toBe('possible');
  });

  it('judges by what was seen, not by what was counted before', () => {
    const used = orders({ ...idle, scans: 50 });
    expect(judged({ days: 40, scansBefore: 50 }, [used]).drafts).toHaveLength(1);
  });

  it.each(twoNodes)('is silent where %s alone used it', (node) => {
    const scans = (_: string, moment: { node: string; day: number }) =>
      moment.node === node && moment.day === 3 ? 1 : 0;
    const evaluation = judged({ days: 40, nodes: twoNodes, scans });
    expect([evaluation.drafts, evaluation.undecided]).toEqual([[], []]);
  });

  it('waits for the window, with the day on which there will be a verdict', () => {
    const evaluation = judged({ days: 10, scansBefore: 1 });
    expect(evaluation.drafts).toEqual([]);
    expect(reasonsOf(evaluation)).toEqual([
      'public.idle: it has been observed without a break on node primary since 2026-02-19 (it was first seen then) and the window is 30 d: verdict after 2026-03-21',
    ]);
  });

  it('names the day on which the counters can speak, where these are older', () => {
    const server = () => ({
      databaseStatsResetAtMs: takenAtMs - 20 * dayMs,
      bgwriterStatsResetAtMs: null,
      archiverStatsResetAtMs: null,
    });
    expect(reasonsOf(judged({ days: 10, server }))).toEqual([
      'public.idle: it was not used since 2026-02-09, as far as counters go back, and the window is 30 d: verdict after 2026-03-11',
    ]);
  });

  it('judges the counters of all nodes as they stand with a window of 0, each place for itself', () => {
    const policy = { unusedAfterMs: 0 };
    const tables = [orders(idle, { schema: 'tenant_a' }), orders(idle, { schema: 'tenant_b' })];
    const scans = (index: string) => (index === 'tenant_b.idle' ? 1 : 0);
    const draft = onlyDraft(judged({ days: 1, nodes: twoNodes, scans }, tables, { policy }));
    expect(draft.table.schemaname).toBe('tenant_a');
    expect(draft.confidence).toBe('possible');
    const onStandby = (_: string, { node }: { node: string }) => (node === 'standby-1' ? 1 : 0);
    expect(judged({ days: 1, nodes: twoNodes, scans: onStandby }, tables, { policy }).drafts).toEqual([]);
  });

  it('takes counters that are older than what was watched, as possible', () => {
    const draft = onlyDraft(judged({ days: 10 }));
    expect(draft).toMatchObject({ confidence: 'possible', evidence: { basis: 'statistics' } });
    expect(draft.caveats.join()).toContain('an index made after they began would look the same');
  });

  it('but not for an index that came later, nor after a break', () => {
    const isThere = (_: string, { day }: { day: number }) => day < 5;
    expect(judged({ days: 10, isThere }).drafts).toEqual([]);
    const isBlind = ({ day }: { day: number }) => day === 5;
    expect(reasonsOf(judged({ days: 10, isBlind }))[0]).toMatch(
      /since 2026-02-24 \(nobody looked for a while\)/,
    );
  });

  it('begins anew after a reset on one of the nodes', () => {
    const server = ({ node, day }: { node: string; day: number }) =>
      node === 'standby-1' && day < 20 ? { databaseStatsResetAtMs: takenAtMs - 20 * dayMs } : {};
    const evaluation = judged({ days: 40, nodes: twoNodes, server });
    expect(evaluation.drafts).toEqual([]);
    expect(reasonsOf(evaluation)[0]).toMatch(
      /on node standby-1 since 2026-02-09 \(the statistics were reset\) .* verdict after 2026-03-11/,
    );
  });

  it('has no verdict while a configured node cannot be read', () => {
    const unreachable = { 'standby-1': 'connection refused' };
    expect(reasonsOf(judged({ days: 40, nodes: twoNodes, unreachable }))[0]).toContain(
      'node standby-1 could not be read (connection refused)',
    );
  });

  it('still knows use on the others then', () => {
    const unreachable = { 'standby-1': 'connection refused' };
    const evaluation = judged({ days: 40, nodes: twoNodes, unreachable, scans: () => 1 });
    expect([evaluation.drafts, evaluation.undecided]).toEqual([[], []]);
  });

  it('says nothing of an index whose table is not read, or less than usual on these weekdays', () => {
    expect(reasonsOf(judged({ days: 40, reads: () => 0 }))[0]).toContain('its table was not read at all');
    const reads = (_: string, { day }: { day: number }) => (day < 7 ? 1 : 10);
    expect(reasonsOf(judged({ days: 40, reads }))[0]).toContain(
      'less than half as often in the last week as usual',
    );
  });

  it('knows weekends: a table that is always quiet then is read as usual', () => {
    const reads = (_: string, { atMs }: { atMs: number }) =>
      [0, 6].includes(new Date(atMs).getUTCDay()) ? 0 : 10;
    expect(judged({ days: 40, reads }).drafts).toHaveLength(1);
  });

  describe('behind a foreign key', () => {
    const parent: DescribedTable = { name: 'parents', columns: ['id'], usage: { rowsDeletedTotal: 3 } };
    const child = orders(idle, { foreignKeys: [{ name: 'k', columns: ['a'], references: 'parents' }] });

    it('goes by what the parent saw in the window, not ever', () => {
      const deletedOn = (day: number) => (table: string, moment: { day: number }) =>
        table === 'parents' && moment.day === day ? { deleted: 1 } : {};
      const quiet = onlyDraft(judged({ days: 45, writes: deletedOn(40) }, [parent, child]));
      expect(quiet.caveats.join()).toContain(
        'the parent saw neither deletes nor updates of keys in the window',
      );
      expect(quiet.remedy.kind).toBe('drop-index');
      const busy = onlyDraft(judged({ days: 45, writes: deletedOn(20) }, [parent, child]));
      expect(busy.remedy.kind).toBe('review');
      expect(busy.caveats.join()).toContain('the parent saw deletes, the last on 2026-02-0');
      expect(busy).toMatchObject({ severity: 'info' });
    });

    it('takes a parent that is not watched, or not on a primary, for one that changes', () => {
      const draft = onlyDraft(judged({ days: 45, nodes: ['standby-1'] }, [parent, child]));
      expect(draft).toMatchObject({ severity: 'info', remedy: { kind: 'review' } });
      expect(draft.caveats.join()).toContain('no primary is observed');
    });
  });

  describe('of one index in many schemas', () => {
    const tenants = ['tenant_a', 'tenant_b', 'tenant_c'];
    const tables = tenants.map((schema) => orders(idle, { schema }));

    it('is one finding with a list of places', () => {
      const draft = onlyDraft(judged({ days: 40 }, tables));
      expect(draft.table.schemaname).toBe('tenant_a');
      expect(draft.evidence.places).toEqual(tenants.map((schema) => `${schema}.idle`));
      expect(draft.related.map(({ schemaname }) => schemaname)).toEqual(['tenant_b', 'tenant_c']);
    });

    it('is none where one of them is used', () => {
      const scans = (index: string, { day }: { day: number }) =>
        index === 'tenant_b.idle' && day === 3 ? 1 : 0;
      const evaluation = judged({ days: 40, scans }, tables);
      expect([evaluation.drafts, evaluation.undecided]).toEqual([[], []]);
    });

    it('leaves out places whose table nobody reads', () => {
      const reads = (table: string) => (table === 'tenant_a.orders' ? 0 : 10);
      const evaluation = judged({ days: 40, reads }, tables);
      expect(onlyDraft(evaluation).evidence.places).toEqual(['tenant_b.idle', 'tenant_c.idle']);
      expect(reasonsOf(evaluation).join()).toContain('tenant_a.idle: its table was not read at all');
    });

    it('waits for all of them', () => {
      const usage = usageOver(tables, { days: 40 });
      const elsewhere = () => ({ datname: 'other', schemaname: 'tenant_z', lastUsedAtMs: takenAtMs });
      expect(judge(unusedIndex, tables, { usage: { ...usage, elsewhere } }).drafts).toEqual([]);
      const young = [...tables, orders(idle, { schema: 'tenant_d' })];
      const subjects = usageOver(tables, { days: 40 });
      expect(reasonsOf(judge(unusedIndex, young, { usage: subjects })).join()).toContain(
        'tenant_d.idle: it has not been seen on node primary yet',
      );
    });

    it('has no verdict for different definitions under one name: these are two indexes', () => {
      const other = orders({ ...idle, keys: ['id'] }, { schema: 'tenant_z' });
      expect(judged({ days: 40 }, [...tables, other]).drafts).toHaveLength(2);
    });
  });
});
