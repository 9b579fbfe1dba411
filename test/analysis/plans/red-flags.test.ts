import { describe, expect, it } from 'vitest';
import { expectationStates } from '../../../src/analysis/expectation.ts';
import type { PlanNode } from '../../../src/analysis/plans/plan.ts';
import { planFacts } from '../../../src/analysis/plans/plan-facts.ts';
import { judgePlan, type PlanWishes } from '../../../src/analysis/plans/red-flags.ts';
import { aCatalogueOf, anExpectation, type DescribedTable } from '../../support/builders.ts';
import { aNode, aPlan, ordersRelation } from '../../support/probes.ts';

const wishes = (overrides: Partial<PlanWishes> = {}): PlanWishes => ({
  expectIndexes: [],
  noSequentialScanOn: [],
  table: { schemaname: 'public', relname: 'orders' },
  ...overrides,
});

const orders = (rows: number, more: Partial<DescribedTable> = {}): DescribedTable => ({
  name: 'orders',
  columns: ['id', 'a', 'b'],
  rows,
  indexes: [
    { name: 'orders_a', keys: ['a'] },
    { name: 'orders_a_copy', keys: ['a'] },
    { name: 'orders_b', keys: ['b'] },
  ],
  ...more,
});

const factsOver = (
  tables: readonly DescribedTable[],
  expected = [anExpectation({ name: 'expected_a', keys: ['a'] })],
) => {
  const catalogue = aCatalogueOf(tables);
  return planFacts(
    catalogue,
    expectationStates(catalogue, expected),
    ({ rows }) => rows !== undefined && rows < 1_000,
  );
};

/** `kind subject` of each red flag of a plan. */
const flagsOf = (root: Partial<PlanNode>, rows = 50_000, wanted: Partial<PlanWishes> = {}) =>
  judgePlan(aPlan(root), wishes(wanted), factsOver([orders(rows)])).flags.map(({ kind, subject }) =>
    `${kind} ${subject}`.trim(),
  );

const scan = (overrides: Partial<PlanNode> = {}): PlanNode =>
  aNode({ nodeType: 'Seq Scan', relation: ordersRelation, hasFilter: true, planRows: 100, ...overrides });

describe('a sequential scan', () => {
  it('of a large table for a few rows is a red flag, wherever it stands', () => {
    expect(flagsOf(scan())).toEqual(['sequential-scan public.orders']);
    expect(
      flagsOf({ nodeType: 'Limit', children: [aNode({ nodeType: 'Gather', children: [scan()] })] }),
    ).toEqual(['sequential-scan public.orders']);
  });
  it.each<[string, Partial<PlanNode>, number]>([
    ['of a table that is not large', {}, 9_999],
    ['without a condition that an index could look up', { hasFilter: false }, 50_000],
    ['that keeps a third of the table', { planRows: 16_000 }, 50_000],
    ['that really kept a third of it', { planRows: 1_000, actualRows: 16_000, loops: 1 }, 50_000],
  ])('%s is none', (_, node, rows) => {
    expect(flagsOf(scan(node), rows)).toEqual([]);
  });
  it('is none of a table whose rows nobody knows', () => {
    const facts = factsOver([]);
    expect(judgePlan(aPlan(scan()), wishes(), facts).flags).toEqual([]);
  });
});

describe('a sort', () => {
  const sort = (overrides: Partial<PlanNode> = {}, input: Partial<PlanNode> = {}): Partial<PlanNode> => ({
    nodeType: 'Limit',
    children: [
      aNode({
        nodeType: 'Sort',
        sortKeys: ['o.b DESC', 'o.id'],
        children: [aNode({ planRows: 5_000, ...input })],
        ...overrides,
      }),
    ],
  });
  it('of many rows for a LIMIT is a red flag, below a gather too', () => {
    expect(flagsOf(sort())).toEqual(['sort o.b DESC, o.id']);
    const [node] = sort().children ?? [];
    expect(
      flagsOf({
        nodeType: 'Limit',
        children: [aNode({ nodeType: 'Gather Merge', children: node ? [node] : [] })],
      }),
    ).toEqual(['sort o.b DESC, o.id']);
  });
  it.each<[string, Partial<PlanNode>]>([
    ['of a handful of rows', sort({}, { planRows: 999 })],
    ['of really few rows', sort({}, { planRows: 5_000, actualRows: 3, loops: 1 })],
    ['by an expression', sort({ sortKeys: ['(lower(o.note))'] })],
    ['by columns of two tables', sort({ sortKeys: ['o.b', 'p.c'] })],
    [
      'of all that is asked for',
      { nodeType: 'Sort', sortKeys: ['o.b'], children: [aNode({ planRows: 5_000 })] },
    ],
    [
      'for a merge join',
      {
        nodeType: 'Limit',
        children: [aNode({ nodeType: 'Merge Join', children: [...(sort().children ?? [])] })],
      },
    ],
  ])('%s is none', (_, root) => {
    expect(flagsOf(root)).toEqual([]);
  });
});

describe('a hash join', () => {
  const join = (overrides: Partial<PlanNode> = {}, input: Partial<PlanNode> = {}): Partial<PlanNode> => ({
    nodeType: 'Hash Join',
    planRows: 3,
    children: [
      scan({ hasFilter: false, planRows: 50_000, ...input }),
      aNode({ nodeType: 'Hash', children: [aNode()] }),
    ],
    ...overrides,
  });
  it('for a handful of rows over a large table is a red flag, on either side', () => {
    expect(flagsOf(join())).toEqual(['hash-join public.orders']);
    const hashed = aNode({ nodeType: 'Hash', children: [scan({ hasFilter: false })] });
    expect(flagsOf({ nodeType: 'Hash Join', planRows: 3, children: [aNode(), hashed] })).toEqual([
      'hash-join public.orders',
    ]);
  });
  it.each<[string, Partial<PlanNode>, number]>([
    ['that gives more than a handful', join({ planRows: 21 }), 50_000],
    ['that really gave more', join({ actualRows: 200, loops: 1 }), 50_000],
    ['over a small table', join(), 9_000],
    ['over what an index found', join({}, { nodeType: 'Index Scan' }), 50_000],
  ])('%s is none', (_, root, rows) => {
    expect(flagsOf(root, rows)).toEqual([]);
  });
});

describe('shared reads', () => {
  it.each([
    [1_000, ['shared-reads']],
    [999, []],
    [undefined, []],
  ])('of %s blocks', (sharedReadBlocks, expected) => {
    expect(flagsOf({ sharedReadBlocks, sharedHitBlocks: 100_000 })).toEqual(expected);
  });
});

describe('an estimate', () => {
  const off = (planRows: number, actualRows: number | undefined): Partial<PlanNode> => ({
    relation: ordersRelation,
    planRows,
    actualRows,
    loops: actualRows === undefined ? undefined : 1,
  });
  it('that is off by a hundred times is a red flag, of the node that errs first', () => {
    expect(flagsOf(off(1, 100))).toEqual(['misestimate orders']);
    expect(flagsOf(off(10_000, 20))).toEqual(['misestimate orders']);
    expect(
      flagsOf({ nodeType: 'Sort', ...off(1, 100), relation: undefined, children: [aNode(off(1, 100))] }),
    ).toEqual(['misestimate orders']);
  });
  it.each<[string, Partial<PlanNode>]>([
    ['off by less', off(1, 99)],
    ['of a plan that was not run', off(10_000, undefined)],
    ['of fewer rows, since a LIMIT had enough', { nodeType: 'Limit', children: [aNode(off(10_000, 20))] }],
    [
      'of the inner side of a semi-join',
      { nodeType: 'Nested Loop', joinType: 'Semi', children: [aNode(off(10_000, 20))] },
    ],
  ])('%s is none', (_, root) => {
    expect(flagsOf(root)).toEqual([]);
  });
  it('of more rows is one under a LIMIT too', () => {
    expect(flagsOf({ nodeType: 'Limit', children: [aNode(off(1, 500))] })).toEqual(['misestimate orders']);
  });
});

describe('an expected index', () => {
  const using = (indexName: string): Partial<PlanNode> => ({ indexName, relation: ordersRelation });
  const expecting = (...expectIndexes: string[][]): Partial<PlanWishes> => ({ expectIndexes });
  it.each<[string, string, string[]]>([
    ['by its name', 'orders_a', ['orders_a']],
    ['by a copy of it', 'orders_a_copy', ['orders_a']],
    ['by whatever satisfies the manifest’s expectation', 'orders_a', ['expected_a']],
    ['by one of several', 'orders_b', ['orders_a', 'orders_b']],
  ])('is used %s', (_, used, choice) => {
    expect(flagsOf(using(used), 50_000, expecting(choice))).toEqual([]);
  });
  it('is missed where another one is used, or none', () => {
    expect(flagsOf(using('orders_b'), 50_000, expecting(['orders_a']))).toEqual([
      'expected-index-unused orders_a',
    ]);
    expect(flagsOf(using('orders_b'), 50_000, expecting(['orders_b'], ['orders_a']))).toEqual([
      'expected-index-unused orders_a',
    ]);
  });
  it('that is not there is said not to be', () => {
    const { flags } = judgePlan(
      aPlan(using('orders_b')),
      wishes(expecting(['gone'])),
      factsOver([orders(50_000)]),
    );
    expect(flags.map(({ text }) => text)).toEqual(['the expected index gone is not there; orders_b is used']);
  });
  it('is not asked for on a table that is rightly read whole', () => {
    const wanted = wishes({ expectIndexes: [['orders_a']], noSequentialScanOn: [wishes().table] });
    const judged = judgePlan(aPlan(scan()), wanted, factsOver([orders(999)]));
    expect(judged.flags).toEqual([]);
    expect(judged.waived).toHaveLength(2);
  });
});

describe('a table that must not be read from end to end', () => {
  const forbidden = { noSequentialScanOn: [{ schemaname: 'public', relname: 'orders' }] };
  it('is not, whatever is kept of it', () => {
    expect(flagsOf(scan({ hasFilter: false }), 2_000, forbidden)).toEqual(['forbidden-scan public.orders']);
  });
  it('may be read by an index, or stand in another schema', () => {
    expect(flagsOf({ relation: ordersRelation }, 2_000, forbidden)).toEqual([]);
    expect(
      flagsOf(
        scan({ hasFilter: false, relation: { ...ordersRelation, schemaname: 'archive' } }),
        2_000,
        forbidden,
      ),
    ).toEqual([]);
  });
});
