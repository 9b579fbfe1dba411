import { describe, expect, it } from 'vitest';
import {
  columnsOf,
  declaredExpression,
  declaredPredicate,
  whyUnstable,
} from '../../src/analysis/declared-expression.ts';

const types: Readonly<Record<string, string>> = {
  id: 'integer',
  status: 'character varying',
  note: 'text',
  at: 'timestamp with time zone',
  day: 'date',
  code: 'character',
};
const typeOf = (name: string): string | undefined => types[name];
const predicate = (sql: string): string => declaredPredicate(sql, typeOf);

// That the server prints them so is shown on real servers; here is what must, and must not, become one.
describe('a condition as written and as stored', () => {
  it.each([
    ["status = 'a'", "((status)::text = 'a'::text)"],
    [
      "status in ('b', 'a')",
      "((status)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
    ],
    ["status not in ('a','b')", "((status)::text <> ALL (ARRAY['b'::text, 'a'::text]))"],
    ['id between 1 and 5', '((id >= 1) AND (id <= 5))'],
    ['id not between 1 and 5', '((id < 1) OR (id > 5))'],
    ['id > 5.5', "((id)::numeric > '5.5'::numeric)"],
    ['id != -1', "(id <> '-1'::integer)"],
    ["not note ilike 'x%' and id = 1", "((id = 1) AND (NOT (note ~~* 'x%'::text)))"],
    ["at >= '2025-01-01T00:00:00Z'", "(at >= '2025-01-01 01:00:00+01'::timestamp with time zone)"],
    ["day = date '2025-01-01'", "(day = '2025-01-01'::date)"],
    ["coalesce(status, 'x') = 'x'", "((COALESCE(status, 'x'::character varying))::text = 'x'::text)"],
    ['"Odd ""name" is not null', '("Odd ""name" IS NOT NULL)'],
    ["cast(id as bigint) = '7'", '((id)::bigint = 7)'],
    ["at at time zone 'UTC' > day", "((at AT TIME ZONE 'UTC'::text) > day)"],
    ['id is not distinct from 3', '(NOT (id IS DISTINCT FROM 3))'],
  ])('%s is %s', (written, stored) => {
    expect(predicate(written)).toBe(predicate(stored));
  });

  it.each([
    ["status = 'a'", "((status)::text = 'A'::text)"],
    ["status = 'a'", "(lower((status)::text) = 'a'::text)"],
    ['id > 5', '(id >= 5)'],
    ['id > 5', '((id)::text > 5)'],
    ["code = 'a'", "((code)::text = 'a'::text)"],
    ["status in ('a', 'b')", "((status)::text <> ALL (ARRAY['a'::text, 'b'::text]))"],
    ['note is null', '(note IS NOT NULL)'],
    ["day > '2025-01-01'", "(day > '2025-01-02'::date)"],
    ["at > '2025-01-01'", "(at > '2025-01-01 00:00:00+00'::timestamp with time zone)"],
    ['id = 1 or id = 2 and note is null', '(((id = 1) OR (id = 2)) AND (note IS NULL))'],
    ['(note collate "C") > 1', '(note > 1)'],
  ])('%s is not %s', (written, stored) => {
    expect(predicate(written)).not.toBe(predicate(stored));
  });

  it('keeps what it cannot read as it stands', () => {
    const text = 'CASE WHEN (id > 3) THEN true ELSE false END';
    expect(predicate(text)).toBe(predicate(text));
    expect(columnsOf(text)).toBeUndefined();
  });
});

it('an expression loses the casts that the server adds, and no other', () => {
  expect(declaredExpression('lower(status)', typeOf)).toBe(
    declaredExpression('lower((status)::text)', typeOf),
  );
  expect(declaredExpression('note || status', typeOf)).toBe(
    declaredExpression('(note || (status)::text)', typeOf),
  );
  expect(declaredExpression('day', typeOf)).not.toBe(declaredExpression('(day)::text', typeOf));
});

it('columns are those that are named, without functions, types and literals', () => {
  expect(columnsOf(`lower(a) = 'b' and t."C c" > date '2025-01-01' and d::text ~ 'e'`)).toEqual([
    'a',
    'C c',
    'd',
  ]);
});

describe('what depends on the time zone', () => {
  it.each(['(at)::date', "date_trunc('day', at) = day", 'cast(at as text)', 'extract(year from at) = 2025'])(
    '%s',
    (sql) => {
      expect(whyUnstable(sql, typeOf)).toContain('time zone');
    },
  );
  it.each(['(day)::text', "date_trunc('day', at at time zone 'UTC')", '(at)::timestamptz', 'at > day'])(
    'is not %s',
    (sql) => {
      expect(whyUnstable(sql, typeOf)).toBeUndefined();
    },
  );
});
