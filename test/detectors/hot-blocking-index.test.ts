import { describe, expect, it } from 'vitest';
import { columnsIn } from '../../src/detectors/hot-blocking-index/changing-columns.ts';
import { hotBlockingIndex } from '../../src/detectors/hot-blocking-index/detector.ts';
import { hourMs } from '../../src/model/units.ts';
import {
  aServerFact,
  brinInt4Ops,
  type DescribedIndex,
  type DescribedTable,
  failed,
  tableOid,
  takenAtMs,
} from '../support/builders.ts';
import { judge, onlyDraft, reasonsOf } from './judge.ts';

const key: DescribedIndex = { name: 'orders_pkey', keys: ['id'], fact: { isUnique: true, isPrimary: true } };
const byStatus: DescribedIndex = { name: 'orders_status_idx', keys: ['status'] };
const customers: DescribedTable = { name: 'customers', columns: ['id'], indexes: [] };

/** Two million updates in sixty days, a tenth of them HOT, a tenth of the others without room on their page. */
const updated = {
  rowsUpdatedTotal: 2_000_000,
  rowsHotUpdatedTotal: 200_000,
  rowsNewPageUpdatedTotal: 180_000,
};
const orders = (
  indexes: readonly DescribedIndex[] = [byStatus],
  table: Partial<DescribedTable> = {},
): DescribedTable => ({
  name: 'orders',
  columns: ['id', 'status', 'note', 'customer_id', 'created_at'],
  usage: updated,
  indexes: [key, { name: 'by_customer', keys: ['customer_id', 'created_at DESC'] }, ...indexes],
  foreignKeys: [{ columns: ['customer_id'], references: 'customers' }],
  ...table,
});
const look = (table: DescribedTable, circumstances?: Parameters<typeof judge>[2]) =>
  judge(hotBlockingIndex, [customers, table], circumstances);
const on15 = { facts: { server: aServerFact({ versionNum: 150_018 }) } };
const uncounted = { ...updated, rowsNewPageUpdatedTotal: null };

describe('hot-blocking-index', () => {
  it('opens where one index alone explains why few updates are HOT', () => {
    const draft = onlyDraft(look(orders()));
    expect(draft).toMatchObject({
      severity: 'info',
      confidence: 'possible',
      subject: 'orders_status_idx',
      columns: ['status'],
      title:
        'orders_status_idx on public.orders (status) may keep updates from being HOT: 10 % of 2,000,000 updates were, in 60 d, and only this index holds columns that may change (status)',
      impact: { reclaimableBytes: 0, rowsUpdatedNotHotPerDay: 30_000 },
      remedy: { kind: 'review' },
    });
    expect(draft.evidence).toMatchObject({
      changingColumns: ['status'],
      columnsTakenForUnchanging: ['created_at', 'customer_id', 'id'],
      hotUpdateRatio: 0.1,
      rowsKeptFromHotTotal: 1_620_000,
      rowsNewPageUpdatedTotal: 180_000,
      fillfactorPercent: 100,
    });
    expect(draft.caveats.join()).toContain('created_at, customer_id, id');
  });

  it.each([
    ['an included column', { name: 'i', keys: ['customer_id'], include: ['status'] }, ['status']],
    [
      'a column of the predicate',
      { name: 'i', keys: ['customer_id'], where: "(status = 'open'::text)" },
      ['status'],
    ],
    ['a column inside an expression', { name: 'i', keys: ["lower((note ->> 'x'::text))"] }, ['note']],
  ])('counts %s', (_, index, columns) => {
    expect(onlyDraft(look(orders([index])))).toMatchObject({ subject: 'i', columns });
  });

  it('says of what is only carried along that the key can do without it', () => {
    const carrying = onlyDraft(look(orders([{ name: 'i', keys: ['customer_id'], include: ['status'] }])));
    expect(carrying.remedy.notes).toContain('only carried along (INCLUDE)');
    const searching = onlyDraft(
      look(orders([{ name: 'i', keys: ['customer_id'], include: ['status'], where: 'status > 0' }])),
    );
    expect(searching.remedy.notes).not.toContain('INCLUDE');
  });

  it.each([
    ['two candidates', orders([byStatus, { name: 'by_note', keys: ['note'] }])],
    ['two indexes on the same column', orders([byStatus, { name: 'longer', keys: ['status', 'id'] }])],
    ['no candidate', orders([])],
    ['a unique index, whose key is not what changes', orders([{ ...byStatus, fact: { isUnique: true } }])],
    [
      'a candidate and a key whose payload may change too',
      orders([byStatus, { name: 'u', keys: ['id'], include: ['note'], fact: { isUnique: true } }]),
    ],
    [
      'a key whose payload may change',
      orders([{ name: 'u', keys: ['id'], include: ['note'], fact: { isUnique: true } }]),
    ],
    ['an invalid index', orders([{ ...byStatus, fact: { isValid: false } }])],
    [
      'a candidate and an invalid index, which is written to as well',
      orders([byStatus, { name: 'i', keys: ['note'], fact: { isValid: false } }]),
    ],
    [
      'updates most of which are HOT',
      orders(undefined, { usage: { ...updated, rowsHotUpdatedTotal: 1_000_000 } }),
    ],
    [
      'few updates',
      orders(undefined, {
        usage: { rowsUpdatedTotal: 500_000, rowsHotUpdatedTotal: 0, rowsNewPageUpdatedTotal: 0 },
      }),
    ],
    [
      'no updates',
      orders(undefined, {
        usage: { rowsUpdatedTotal: 0, rowsHotUpdatedTotal: 0, rowsNewPageUpdatedTotal: 0 },
      }),
    ],
    [
      'updates that found no room on their page',
      orders(undefined, { usage: { ...updated, rowsNewPageUpdatedTotal: 1_000_000 } }),
    ],
    ['a materialized view', orders(undefined, { fact: { relkind: 'm' } })],
    ['a partition', orders(undefined, { fact: { isPartition: true, parentOid: tableOid(10_000) } })],
    [
      'BRIN',
      orders([
        { ...byStatus, fact: { accessMethod: 'brin', operatorClasses: [brinInt4Ops.operatorClassOid] } },
      ]),
    ],
  ])('is silent on %s', (_, table) => {
    expect(look(table)).toMatchObject({ drafts: [], undecided: [] });
  });

  it('does not count BRIN from 16 on, but before', () => {
    const indexes = [byStatus, { name: 'b', keys: ['note'], fact: { accessMethod: 'brin' } }];
    expect(look(orders(indexes)).drafts).toHaveLength(1);
    const roomy: Partial<DescribedTable> = { usage: uncounted, fact: { options: ['fillfactor=70'] } };
    expect(look(orders(indexes, roomy), on15).drafts).toEqual([]);
    expect(onlyDraft(look(orders(indexes.slice(1), roomy), on15)).subject).toBe('b');
  });

  it('knows before 16 only by the fillfactor that there is room', () => {
    const roomy: Partial<DescribedTable> = { usage: uncounted, fact: { options: ['fillfactor=90'] } };
    const draft = onlyDraft(look(orders(undefined, roomy), on15));
    expect(draft.evidence).toMatchObject({
      fillfactorPercent: 90,
      rowsNewPageUpdatedTotal: null,
      rowsKeptFromHotTotal: null,
    });
    expect(draft.caveats.join()).toContain('Before 16');
    const full = look(orders(undefined, { usage: uncounted, fact: { options: ['fillfactor=95'] } }), on15);
    expect(full.drafts).toEqual([]);
    expect(reasonsOf(full)[0]).toContain('public.orders: before 16 nothing counts');
  });

  it('judges a partition tree by the sums of its leaves, and is silent where one of them has an index of its own', () => {
    const parted: DescribedTable = orders([{ ...byStatus, fact: { relkind: 'I' } }], {
      fact: { relkind: 'p' },
      usage: null,
      foreignKeys: [],
    });
    const tree = { ...parted, indexes: (parted.indexes ?? []).filter(({ name }) => name !== 'by_customer') };
    const leaf = (name: string, indexes: readonly DescribedIndex[] = []): DescribedTable => ({
      name,
      columns: ['id', 'status', 'note'],
      usage: updated,
      indexes,
      fact: { isPartition: true, parentOid: tableOid(10_000) },
    });
    const whole = onlyDraft(judge(hotBlockingIndex, [tree, leaf('one'), leaf('two')]));
    expect(whole).toMatchObject({
      subject: 'orders_status_idx',
      evidence: { rowsUpdatedTotal: 4_000_000, rowsNewPageUpdatedTotal: 360_000 },
    });
    expect(
      judge(hotBlockingIndex, [tree, leaf('one'), leaf('two', [{ name: 'own', keys: ['note'] }])]).drafts,
    ).toEqual([]);
  });

  it('does not judge by counters that are missing or young, nor by indexes that were locked', () => {
    expect(reasonsOf(look(orders(undefined, { usage: null })))[0]).toContain('not collected');
    const facts = { server: aServerFact({ databaseStatsResetAtMs: takenAtMs - hourMs }) };
    expect(reasonsOf(look(orders(), { facts }))).toEqual([
      'public.orders: the statistics are 1 h old, and a verdict wants 1 d',
    ]);
    const locked = orders([
      { name: 'i', keys: ['id'], fact: { isDefinitionKnown: false, hasPredicate: true } },
    ]);
    expect(look(locked).drafts).toEqual([]);
    expect(reasonsOf(look(locked))[0]).toContain('locked');
  });

  it('is inconclusive on a standby, and without counters', () => {
    expect(
      reasonsOf(look(orders(), { facts: { server: aServerFact({ isInRecovery: true }) } }))[0],
    ).toContain('standby');
    const facts = { outcomes: { 'table-usage': failed('statement timeout') } };
    expect(look(orders(), { facts }).judged.size).toBe(0);
  });
});

describe('the columns in what the server prints', () => {
  it.each([
    [null, []],
    ["(status = 'open and shut'::text)", ['status']],
    ["((status)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))", ['status']],
    ['(deleted_at IS NULL)', ['deleted_at']],
    ['lower("Last ""Name"""), (a + 1)', ['Last "Name"', 'a']],
    ['is_open', ['is_open']],
    ['(is_open = true)', ['is_open']],
    ['((data ->> \'key\'::text) COLLATE "de-x-icu")', ['data']],
    ["date_trunc('day'::text, (at)::timestamp without time zone)", ['at']],
    ['public.first_word(code), "My Schema"."Fn"(b)', ['code', 'b']],
    ['EXTRACT(epoch FROM at)', ['at']],
    ['(price)::numeric(10,2)', ['price']],
    ['(a OPERATOR(public.@@) b)', ['a', 'b']],
    ['(place).street', ['place']],
  ])('%s', (deparsed, columns) => {
    expect(columnsIn(deparsed)).toEqual(columns);
  });
});
