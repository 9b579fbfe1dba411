import { describe, expect, it } from 'vitest';
import { dayMs, hourMs, MiB } from '../../../src/model/units.ts';
import { makePlan } from '../../../src/plan/script/plan.ts';
import { aServerFact, type DescribedTable, takenAtMs } from '../../support/builders.ts';
import {
  creating,
  dropping,
  expecting,
  outline,
  planFacts,
  planFor,
  reasons,
  replacing,
  type Wish,
} from './scene.ts';

const orders: DescribedTable = {
  name: 'orders',
  columns: ['id', 'customer_id', { name: 'placed_at', type: 'timestamptz' }, 'a', 'b', 'c'],
  indexes: [
    { name: 'orders_pkey', keys: ['id'], fact: { isUnique: true, isPrimary: true } },
    { name: 'orders_a', keys: ['a'], scans: 0 },
    { name: 'orders_a_again', keys: ['a'], scans: 0 },
    { name: 'orders_a_b', keys: ['a', 'b'], scans: 0 },
    { name: 'orders_c', keys: ['c'], scans: 0 },
  ],
};
const customers: DescribedTable = {
  name: 'customers',
  columns: ['id'],
  indexes: [{ name: 'customers_pkey', keys: ['id'], fact: { isUnique: true, isPrimary: true } }],
};

describe('the order of a plan', () => {
  it('is creations, statistics, rebuilds, drops, whatever the order of the findings', () => {
    const plan = planFor([orders, customers], ({ index, table }) => [
      dropping(index('orders_c')),
      { remedy: { kind: 'rebuild-index', index: index('orders_a_b') } },
      { remedy: { kind: 'analyze-table', table: table('customers') } },
      creating(table('orders'), ['customer_id']),
    ]);
    expect(outline(plan)).toEqual([
      'create ix_orders_customer_id',
      'analyze customers',
      'rebuild orders_a_b',
      'drop orders_c in batch 1',
    ]);
    expect(plan.steps.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
  });

  it('builds foreign keys, times, filters, composites, metrics, GIN and covering ones in this order', () => {
    const runs: DescribedTable = {
      name: 'runs',
      columns: [
        'id',
        'batch_id',
        { name: 'created_at', type: 'timestamptz' },
        { name: 'status', type: 'text' },
        { name: 'strategy', type: 'text' },
      ],
      foreignKeys: [{ columns: ['batch_id'], references: 'batches' }],
    };
    const batches: DescribedTable = { name: 'batches', columns: ['id'] };
    const plan = planFor([runs, batches], ({ table }) => [
      expecting(table('runs'), ['strategy', 'created_at']),
      expecting(table('runs'), ['status']),
      expecting(table('runs'), ['created_at', 'id']),
      creating(table('runs'), ['batch_id']),
    ]);
    expect(plan.steps.map(({ indexrelname, category }) => [indexrelname, category])).toEqual([
      ['ix_runs_batch_id', 'foreign key'],
      ['ix_runs_created_at_id', 'time'],
      ['ix_runs_status', 'filter'],
      ['ix_runs_strategy_created_at', 'composite'],
    ]);
  });

  it('goes by phase and priority within a category', () => {
    const plan = planFor([orders], ({ table }) => [
      expecting(table('orders'), ['c', 'a'], { phase: 2, priority: 1 }),
      expecting(table('orders'), ['c', 'b'], { phase: 1, priority: 3 }),
      expecting(table('orders'), ['b', 'c'], { phase: 1, priority: 2 }),
    ]);
    expect(plan.steps.map(({ indexrelname }) => indexrelname)).toEqual([
      'ix_orders_b_c',
      'ix_orders_c_b',
      'ix_orders_c_a',
    ]);
  });

  it('analyses a table once, after the last index that it gets, and mends stale statistics with that', () => {
    const plan = planFor([orders], ({ table }) => [
      creating(table('orders'), ['customer_id'], { evidence: { constraint: 'one' } }),
      creating(table('orders'), ['b'], { evidence: { constraint: 'two' } }),
      { remedy: { kind: 'analyze-table', table: table('orders') } },
    ]);
    expect(outline(plan)).toEqual(['create ix_orders_customer_id', 'create ix_orders_b']);
    expect(plan.steps.map(({ statements }) => statements.includes('ANALYZE public.orders;'))).toEqual([
      false,
      true,
    ]);
    expect(plan.steps.map(({ alsoMends }) => alsoMends.map(({ kind }) => kind))).toEqual([
      [],
      ['stale-statistics'],
    ]);
  });

  it('reads ONLY a parent of inheritance from 18 on', () => {
    const parent = { ...orders, fact: { hasChildren: true } };
    const analyse = (versionNum: number) =>
      planFor([parent], ({ table }) => [creating(table('orders'), ['customer_id'])], {
        facts: { server: aServerFact({ versionNum }) },
      }).steps[0]?.statements.at(-1);
    expect(analyse(180_000)).toBe('ANALYZE ONLY public.orders;');
    expect(analyse(170_010)).toBe('ANALYZE public.orders;');
  });
});

describe('what is right by itself and wrong together', () => {
  const keyed: DescribedTable = {
    ...orders,
    foreignKeys: [{ name: 'orders_a_fkey', columns: ['a'], references: 'customers' }],
  };

  it('each of the indexes of a foreign key could go, but not all of them', () => {
    const plan = planFor([keyed, customers], ({ index }) => [
      dropping(index('orders_a')),
      dropping(index('orders_a_again')),
      dropping(index('orders_a_b')),
    ]);
    expect(outline(plan).map((line) => line.split(' ')[1])).toEqual(['orders_a_again', 'orders_a_b']);
    expect(reasons(plan.leftOut)).toEqual([
      'orders_a: after the whole plan foreign key orders_a_fkey would have no index left',
    ]);
  });

  it('may take the last one where the plan creates another, and then waits for that', () => {
    const plan = planFor([keyed, customers], ({ index, table }) => [
      dropping(index('orders_a')),
      dropping(index('orders_a_again')),
      dropping(index('orders_a_b')),
      expecting(table('orders'), ['a', 'c']),
    ]);
    expect(plan.leftOut).toEqual([]);
    for (const { conditions, kind } of plan.steps.filter((step) => step.kind === 'drop')) {
      expect(conditions, kind).toContainEqual({
        kind: 'in-place',
        index: { schemaname: 'public', name: 'ix_orders_a_c' },
        hash: undefined,
      });
    }
  });

  it('two copies that each are to go because of the other', () => {
    const plan = planFor([orders], ({ index }) => [
      replacing(index('orders_a'), index('orders_a_again')),
      replacing(index('orders_a_again'), index('orders_a')),
      dropping(index('orders_a_b')),
    ]);
    const dropped = plan.steps.map(({ indexrelname }) => indexrelname);
    expect(dropped).not.toEqual(expect.arrayContaining(['orders_a', 'orders_a_again', 'orders_a_b']));
    expect(dropped).toHaveLength(2);
  });

  it('an index that is said to be unused and for which another goes', () => {
    const plan = planFor([orders], ({ index }) => [
      replacing(index('orders_a'), index('orders_a_b'), { kind: 'redundant-index' }),
      replacing(index('orders_a_again'), index('orders_a_b'), { kind: 'redundant-index' }),
      dropping(index('orders_a_b')),
    ]);
    expect(reasons(plan.leftOut)).toEqual([
      'orders_a_b: it serves in place of orders_a, which this plan drops',
    ]);
  });

  it('an index that is dropped is not rebuilt first', () => {
    const plan = planFor([orders], ({ index }) => [
      { remedy: { kind: 'rebuild-index', index: index('orders_c') } },
      dropping(index('orders_c')),
    ]);
    expect(outline(plan)).toEqual(['drop orders_c in batch 1']);
    expect(reasons(plan.leftOut)).toEqual([
      'orders_c: it is dropped by this plan and need not be rebuilt first',
    ]);
  });

  it('two creations that would be copies are one: the one that is asked for by name', () => {
    const plan = planFor([keyed, customers], ({ table }) => [
      creating(table('orders'), ['customer_id'], { evidence: { constraint: 'x' } }),
      expecting(table('orders'), ['customer_id']),
    ]);
    expect(plan.steps.map(({ finding }) => finding.kind)).toEqual(['missing-expected-index']);
    expect(reasons(plan.leftOut)).toEqual([
      'orders: ix_orders_customer_id_2, which this plan creates, serves it as well',
    ]);
  });

  it('a foreign key needs no index of its own beside a wider one, in whatever order of columns', () => {
    const two: DescribedTable = {
      ...customers,
      columns: ['id', 'x', 'y', 'z'],
      foreignKeys: [{ name: 'pair', columns: ['x', 'y'], references: 'orders' }],
    };
    const plan = planFor([orders, two], ({ table }) => [
      creating(table('customers'), ['x', 'y'], { evidence: { constraint: 'pair' } }),
      expecting(table('customers'), ['y', 'x', 'z']),
    ]);
    expect(outline(plan)).toEqual(['create ix_customers_y_x_z']);
  });

  it('but what is asked for by name is created though another covers it, and that is said', () => {
    const plan = planFor([orders], ({ table }) => [
      expecting(table('orders'), ['placed_at']),
      expecting(table('orders'), ['placed_at', 'id']),
    ]);
    expect(plan.steps).toHaveLength(2);
    expect(plan.announced).toEqual([
      {
        kind: 'redundant-index',
        schemaname: 'public',
        relname: 'orders',
        indexrelname: 'ix_orders_placed_at',
        why: 'ix_orders_placed_at_id does all that it does',
      },
    ]);
  });

  it('a copy that a new index covers is announced, though it is a copy already', () => {
    const bare = { ...orders, indexes: orders.indexes?.filter(({ name }) => name !== 'orders_a_b') ?? [] };
    const plan = planFor([bare], ({ table }) => [expecting(table('orders'), ['a', 'customer_id'])]);
    expect(plan.announced.map(({ kind, indexrelname }) => `${kind} ${indexrelname}`).toSorted()).toEqual([
      'redundant-index orders_a',
      'redundant-index orders_a_again',
    ]);
  });

  it('what two findings drop is one step, by the surer one', () => {
    const plan = planFor([orders], ({ index }) => [
      dropping(index('orders_a_again'), { confidence: 'possible' }),
      replacing(index('orders_a_again'), index('orders_a')),
    ]);
    expect(outline(plan)).toEqual(['drop orders_a_again in batch 1']);
    expect(plan.steps[0]?.finding.kind).toBe('duplicate-index');
    expect(plan.steps[0]?.alsoMends.map(({ kind }) => kind)).toEqual(['unused-index']);
  });
});

describe('batches', () => {
  it('hold one drop of each table, a leftover first, and are a soak time apart', () => {
    const plan = planFor(
      [
        {
          ...orders,
          indexes: [...(orders.indexes ?? []), { name: 'broken', keys: ['b'], fact: { isValid: false } }],
        },
        {
          ...customers,
          indexes: [{ name: 'customers_x', keys: ['id'] }],
        },
      ],
      ({ index }) => [
        dropping(index('orders_a_b')),
        dropping(index('orders_c')),
        { remedy: { kind: 'replace-index', index: index('broken') } },
        dropping(index('customers_x')),
      ],
      { limits: { soakMs: 2 * dayMs } },
    );
    expect(outline(plan)).toEqual([
      'drop broken in batch 1',
      'drop customers_x in batch 1',
      'drop orders_a_b in batch 2',
      'drop orders_c in batch 3',
    ]);
    expect(plan.steps.map(({ batch }) => batch?.notBeforeMs)).toEqual([
      undefined,
      undefined,
      takenAtMs + 2 * dayMs,
      takenAtMs + 4 * dayMs,
    ]);
  });

  it('take a table and its partitions for one', () => {
    const part = (name: string): DescribedTable => ({
      name,
      columns: ['x'],
      indexes: [{ name: `${name}_x`, keys: ['x'] }],
    });
    const parent: DescribedTable = {
      name: 'whole',
      columns: ['x'],
      fact: { relkind: 'p', hasChildren: true },
    };
    const tables = [parent, part('one'), part('two')].map((table, place) =>
      place === 0 ? table : { ...table, fact: { isPartition: true, parentOid: 10_000 as never } },
    );
    const plan = planFor(tables, ({ index }) => [dropping(index('one_x')), dropping(index('two_x'))]);
    expect(outline(plan)).toEqual(['drop one_x in batch 1', 'drop two_x in batch 2']);
  });
});

describe('what is checked before a drop', () => {
  const conditionsOf = (wish: (find: Parameters<Parameters<typeof planFor>[1]>[0]) => Wish) =>
    planFor([orders], (find) => [wish(find)]).steps[0]?.conditions ?? [];

  it('is the definition, and the counter where the drop rests on disuse', () => {
    expect(conditionsOf(({ index }) => dropping(index('orders_c')))).toMatchObject([
      {
        kind: 'same-or-gone',
        hash: expect.stringMatching(/^[0-9a-f]{16}$/),
        disuse: { scansTotal: 0, atMs: takenAtMs },
      },
    ]);
  });

  it('is the successor where the drop rests on a copy or a cheap cover, which may be in use', () => {
    for (const [kind, keep] of [
      ['duplicate-index', 'orders_a'],
      ['redundant-index', 'orders_a_b'],
    ] as const) {
      expect(
        conditionsOf(({ index }) =>
          replacing(index('orders_a_again'), index(keep), { kind, evidence: { sizeRatio: 1.2 } }),
        ),
      ).toMatchObject([
        { kind: 'in-place', index: { name: keep }, hash: expect.stringMatching(/^[0-9a-f]{16}$/) },
        { kind: 'same-or-gone', disuse: undefined },
      ]);
    }
  });

  it('is both where the cover is much larger, so that it rests on few scans', () => {
    const conditions = conditionsOf(({ index }) =>
      replacing(index('orders_a'), index('orders_a_b'), {
        kind: 'redundant-index',
        evidence: { sizeRatio: 3 },
      }),
    );
    expect(conditions).toMatchObject([{ kind: 'in-place' }, { disuse: { scansTotal: 0 } }]);
  });

  it('is not possible without a definition, so that nothing is printed', () => {
    const plan = planFor([orders], ({ index }) => [dropping(index('orders_c'), { fix: droppable })], {
      definitions: () => ({ definition: null }),
    });
    expect(plan.steps).toEqual([]);
    expect(reasons(plan.leftOut)).toEqual(['orders_c: its definition could not be read']);
  });

  it('nor where the definition may not be shown', () => {
    const plan = planFor([orders], ({ index }) => [
      dropping(index('orders_c'), { fix: { ...droppable, rollbackSql: null } }),
    ]);
    expect(reasons(plan.leftOut)).toEqual([
      'orders_c: its definition may not be shown, and nothing is dropped without the way back',
    ]);
  });
});

const droppable = {
  sql: 'DROP INDEX CONCURRENTLY public.orders_c;',
  rollbackSql: 'CREATE INDEX CONCURRENTLY orders_c ON public.orders USING btree (c);',
  lock: null,
  rebuildSeconds: 1,
  notes: '',
  preflightSql: null,
  verifySql: null,
};

describe('what is asked for', () => {
  const wishes = ({ index, table }: Parameters<Parameters<typeof planFor>[1]>[0]): readonly Wish[] => [
    dropping(index('orders_c')),
    { remedy: { kind: 'rebuild-index', index: index('orders_a_b') } },
    { remedy: { kind: 'analyze-table', table: table('customers') } },
    creating(table('orders'), ['customer_id']),
    expecting(table('orders'), ['placed_at'], { phase: 1 }),
    expecting(table('orders'), ['b'], { phase: 2 }),
  ];
  const kinds = (request: NonNullable<Parameters<typeof planFor>[2]>['request']) =>
    planFor([orders, customers], wishes, { request: { ...request } }).steps.map(({ kind }) => kind);

  it('is one sort of steps or all', () => {
    expect(kinds({ scope: 'drop' })).toEqual(['drop']);
    expect(kinds({ scope: 'reindex' })).toEqual(['rebuild']);
    expect(kinds({ scope: 'create' })).toEqual(['create', 'create', 'create']);
    expect(kinds({ scope: 'all' })).toEqual(['create', 'create', 'create', 'analyze', 'rebuild', 'drop']);
  });

  it('is the creations of one phase', () => {
    const plan = planFor([orders, customers], wishes, { request: { phase: 2 } });
    expect(outline(plan)).toEqual(['create ix_orders_b']);
  });

  it('is findings by the beginnings of their ids; the muted are said', () => {
    const { findings } = planFacts([orders, customers], wishes);
    const [drop, rebuild] = findings;
    const ids = [drop?.id.slice(0, 8) ?? '', rebuild?.id.toUpperCase() ?? ''];
    expect(outline(planFor([orders, customers], wishes, { request: { findings: ids } }))).toEqual([
      'rebuild orders_a_b',
      'drop orders_c in batch 1',
    ]);
    const muted = planFor([orders], ({ index }) => [dropping(index('orders_c'), { state: 'muted' })], {
      request: { findings: ids },
    });
    expect([muted.steps, reasons(muted.leftOut)]).toEqual([[], ['orders_c: it is muted']]);
  });

  it('leaves findings without SQL to a person', () => {
    const plan = planFor([orders], ({ index }) => [
      {
        remedy: { kind: 'drop-index', index: index('orders_c') },
        finding: { fix: { ...droppable, sql: null, notes: 'ask first' } },
      },
    ]);
    expect(plan.steps).toEqual([]);
    expect(reasons(plan.undecided)).toEqual(['orders_c: ask first']);
  });

  it('does not act on what this look did not find again', () => {
    const facts = planFacts([orders], ({ index }) => [dropping(index('orders_c'))]);
    const made = makePlan(
      { ...facts, remedies: new Map() },
      { scope: 'all', findings: [] },
      { expiresAfterMs: dayMs, soakMs: dayMs },
    );
    expect(made.ok && [made.value.steps, reasons(made.value.undecided)]).toEqual([
      [],
      ['orders_c: this look did not find it again'],
    ]);
  });
});

describe('a plan', () => {
  const wishes = ({ index }: Parameters<Parameters<typeof planFor>[1]>[0]) => [dropping(index('orders_c'))];

  it('belongs to a cluster and a database, and ends', () => {
    const plan = planFor([orders], wishes, { limits: { expiresAfterMs: 3 * hourMs } });
    expect(plan).toMatchObject({
      systemIdentifier: '7300000000000000001',
      datname: 'shop',
      madeAtMs: takenAtMs,
      expiresAtMs: takenAtMs + 3 * hourMs,
    });
  });

  it('goes by the clock of the server, against which its end is checked', () => {
    const server = aServerFact({ serverNowAtMs: takenAtMs + hourMs });
    expect(planFor([orders], wishes, { facts: { server } }).madeAtMs).toBe(takenAtMs + hourMs);
  });

  it('has the same id for the same statements, whenever it is made, and another elsewhere', () => {
    const id = (server: Partial<ReturnType<typeof aServerFact>>) =>
      planFor([orders], wishes, { facts: { server: aServerFact(server) } }).id;
    expect(id({})).toMatch(/^[0-9a-f]{12}$/);
    expect(id({ serverNowAtMs: takenAtMs + dayMs })).toBe(id({}));
    expect(id({ systemIdentifier: '1' })).not.toBe(id({}));
    expect(planFor([orders], ({ index }) => [dropping(index('orders_a'))]).id).not.toBe(id({}));
  });

  it('cannot be made without the facts of the server', () => {
    const facts = planFacts([orders], wishes);
    const catalogue = { ...facts.catalogue, server: undefined };
    expect(
      makePlan(
        { ...facts, catalogue },
        { scope: 'all', findings: [] },
        { expiresAfterMs: dayMs, soakMs: dayMs },
      ),
    ).toEqual({ ok: false, error: 'nothing is known of the server' });
  });

  it('counts what each step takes', () => {
    const [step] = planFor([orders], ({ table }) => [creating(table('orders'), ['customer_id'])]).steps;
    expect(step?.estimate).toMatchObject({
      diskBytes: step?.estimate.sizeBytes,
      walBytesPerStandby: step?.estimate.sizeBytes,
      freedBytes: 0,
    });
    expect(step?.estimate.sizeBytes).toBeGreaterThan(MiB);
  });
});
