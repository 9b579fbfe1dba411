import { describe, expect, it } from 'vitest';
import { indexesIn, parsePlan, type QueryPlan } from '../../../src/analysis/plans/plan.ts';
import { planHash, planText, withoutValues } from '../../../src/analysis/plans/plan-text.ts';

const raw = (changes: object = {}, top: object = {}) => [
  {
    Plan: {
      'Node Type': 'Limit',
      'Startup Cost': 0.29,
      'Total Cost': 12.5,
      'Plan Rows': 20,
      Plans: [
        {
          'Node Type': 'Index Scan',
          'Parent Relationship': 'Outer',
          'Scan Direction': 'Backward',
          'Index Name': 'orders_at',
          Schema: 'public',
          'Relation Name': 'orders',
          Alias: 'o',
          'Total Cost': 99,
          'Plan Rows': 1960,
          'Index Cond': "(o.status = 'ok'::text)",
          Filter: '(o.total > 100)',
          Output: ['o.id'],
          ...changes,
        },
      ],
    },
    ...top,
  },
];

function read(answer: unknown): QueryPlan {
  const plan = parsePlan(answer);
  if (!plan.ok) throw new Error(plan.error);
  return plan.value;
}
const hashOf = (changes: object = {}) => planHash(read(raw(changes)));

describe('a plan', () => {
  it('reads as in psql, without costs and values', () => {
    expect(planText(read(raw()))).toBe(
      `Limit  (rows 20)
  ->  Index Scan Backward using orders_at on public.orders o  (rows 1,960)
        Index Cond: (o.status = ?::text)
        Filter: (o.total > ?)`,
    );
  });
  it('says what was measured', () => {
    const measured = { 'Actual Rows': 3, 'Actual Loops': 2 };
    const text = planText(read(raw(measured, { 'Planning Time': 0.5, 'Execution Time': 1.25 })));
    expect(text).toContain('(rows 1,960, really 3 × 2)');
    expect(text.endsWith('\nTime: 1.8 ms')).toBe(true);
    expect(planText(read(raw({ 'Actual Rows': 0, 'Actual Loops': 0 })))).toContain('never executed');
  });
  it('knows the indexes it reads', () => {
    expect(indexesIn(read(raw()))).toEqual(new Set(['orders_at']));
  });
  it.each([[[]], [{}], [[{ Plan: { 'Node Type': 'Limit' } }]], [null]])(
    'that is none is refused: %j',
    (answer) => {
      expect(parsePlan(answer).ok).toBe(false);
    },
  );
});

describe('the hash', () => {
  it.each<[string, object]>([
    ['costs', { 'Total Cost': 1, 'Startup Cost': 7 }],
    ['row counts', { 'Plan Rows': 1, 'Actual Rows': 2, 'Actual Loops': 1 }],
    ['buffers', { 'Shared Hit Blocks': 12, 'Shared Read Blocks': 3 }],
    ['a value', { 'Index Cond': "(o.status = 'it''s another'::text)" }],
    ['a filter', { Filter: '(o.total > 7.5)' }],
    ['what newer versions print', { 'Index Searches': 1, Disabled: false }],
  ])('is stable over %s', (_, changes) => {
    expect(hashOf(changes)).toBe(hashOf());
    expect(hashOf()).toMatch(/^[0-9a-f]{16}$/);
  });
  it.each<[string, object]>([
    ['another index', { 'Index Name': 'orders_status' }],
    ['another table', { Schema: 'archive' }],
    ['another node', { 'Node Type': 'Index Only Scan' }],
    [
      'another condition to look up',
      { 'Index Cond': "((o.status = 'ok'::text) AND (o.at > '2026-01-01'::date))" },
    ],
    ['another direction', { 'Scan Direction': 'Forward' }],
  ])('differs with %s', (_, changes) => {
    expect(hashOf(changes)).not.toBe(hashOf());
  });
});

describe('values', () => {
  it.each([
    ["(a.b = 'x'::text)", '(a.b = ?::text)'],
    ["(id = ANY ('{1,2}'::integer[]))", '(id = ANY (?::integer[]))'],
    ['(t1.c2 > 5.5e-3)', '(t1.c2 > ?)'],
    ['("Col 1" = 7)', '("Col 1" = ?)'],
    ["(\"it's\" = 'y')", '("it\'s" = ?)'],
    ['(x = $1)', '(x = $1)'],
    ["(note ~~ E'a\\\\b''c')", '(note ~~ ?)'],
  ])('%s is shown as %s', (text, shown) => {
    expect(withoutValues(text)).toBe(shown);
  });
});
