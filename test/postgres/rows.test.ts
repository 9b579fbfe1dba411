import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { collectors } from '../../src/collectors/index.ts';
import { factTypes } from '../../src/postgres/fact-types.ts';
import { FactReader, parseFacts } from '../../src/postgres/rows.ts';

const fact = z.strictObject({
  tableOid: z.number(),
  scansTotal: z.number().nonnegative(),
  last16: z.string().nullable(),
});
const names = ['table_oid', 'scans_total', 'last_16'];

test('column names become the facts’ names', async () => {
  expect(await parseFacts('usage', { names, rows: [[1, 2, null]] }, fact)).toEqual({
    ok: true,
    value: [{ tableOid: 1, scansTotal: 2, last16: null }],
  });
});

test.each([
  [
    'a column of another type',
    names,
    [1, 'many', null],
    /^usage: column scansTotal of row 2 is not what the query promises/,
  ],
  ['a null where none was promised', names, [1, null, null], /column scansTotal of row 2/],
  ['a negative count', names, [1, -1, null], /column scansTotal of row 2/],
  ['a column that nobody knows', ['table_oid', 'scans_total', 'new_in_20'], [1, 2, null], /row 1/],
])('%s is a loud mismatch, never a fact less', async (_, columns, row, message) => {
  const parsed = await parseFacts('usage', { names: columns, rows: [[1, 2, null], row] }, fact);
  expect(parsed).toMatchObject({ ok: false, error: { kind: 'FactMismatch' } });
  if (!parsed.ok) expect(parsed.error.message).toMatch(message);
});

test('the values of a row that does not fit are not in the message', async () => {
  const parsed = await parseFacts('usage', { names, rows: [[1, 'private', null]] }, fact);
  if (!parsed.ok) expect(JSON.stringify(parsed.error)).not.toContain('private');
});

test('between slices everybody else gets a turn', async () => {
  const rows = Array.from({ length: 5_000 }, (_, at) => [at, at, null]);
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns += 1;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  const parsed = await parseFacts('usage', { names, rows }, fact, 500);
  isDone = true;
  expect(parsed).toMatchObject({ ok: true });
  expect(turns).toBeGreaterThanOrEqual(9);
});

describe('facts of the last reading', () => {
  const columns = ['table_oid', 'numbers', 'name'];
  const listed = z.strictObject({ tableOid: z.number(), numbers: z.array(z.number()), name: z.string() });
  type Listed = z.infer<typeof listed>;
  const read = (rows: readonly (readonly unknown[])[], before: readonly Listed[] = []): readonly Listed[] => {
    const reader = new FactReader('listed', columns, listed, before);
    for (const row of rows) reader.add(row);
    const facts = reader.facts;
    if (!facts.ok) throw new Error(facts.error.message);
    return facts.value;
  };
  const rowsOf = (facts: readonly Listed[]) =>
    facts.map(({ tableOid, numbers, name }) => [tableOid, [...numbers], name]);

  test('are taken again, list and all, where every row says the same', () => {
    const before = read([
      [1, [1, 2], 'a'],
      [1, [3], 'b'],
      [7, [], 'c'],
    ]);
    expect(read(rowsOf(before), before)).toBe(before);
  });

  test('are taken again beside rows that changed, came and went', () => {
    const before = read([
      [1, [1, 2], 'a'],
      [2, [3], 'gone'],
      [3, [4], 'changes'],
      [5, [5], 'stays'],
    ]);
    const now = read(
      [
        [1, [1, 2], 'a'],
        [3, [4, 4], 'changes'],
        [4, [1], 'new'],
        [5, [5], 'stays'],
        [6, [6], 'new'],
      ],
      before,
    );
    expect(now.map((fact) => before.indexOf(fact))).toEqual([0, -1, -1, 3, -1]);
    expect(now[1]).toEqual({ tableOid: 3, numbers: [4, 4], name: 'changes' });
  });

  test('are found where only a part of them is read again', () => {
    const rows = Array.from({ length: 1_000 }, (_, at) => [at * 2, [at], 'a']);
    const before = read(rows);
    const part = rows.filter((_, at) => at % 10 === 7).slice(40);
    expect(read(part, before).map((fact) => before.indexOf(fact))).toEqual(
      part.map(([oid]) => Number(oid) / 2),
    );
  });

  test('never stand for a row that says something else, whatever the order', () => {
    const row = fc.tuple(
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 2 }),
      fc.constantFrom('a', 'b'),
    );
    fc.assert(
      fc.property(fc.array(row), fc.array(row), (first, second) => {
        expect(read(second, read(first))).toEqual(read(second));
      }),
    );
  });

  test('stand for nothing where the schema makes something else of a value', () => {
    const trimmed = z.strictObject({
      tableOid: z.number(),
      name: z.string().transform((text) => `${text}!`),
    });
    const reader = new FactReader('trimmed', ['table_oid', 'name'], trimmed, [{ tableOid: 1, name: 'a!' }]);
    reader.add([1, 'a!']);
    expect(reader.facts).toEqual({ ok: true, value: [{ tableOid: 1, name: 'a!!' }] });
  });
});

test('large counters are numbers', () => {
  const parse = factTypes.getTypeParser(20, 'text') as (text: string) => unknown;
  expect(parse('9007199254740991')).toBe(9_007_199_254_740_991);
});

test('no collector accepts a column that it does not know', () => {
  for (const collector of Object.values(collectors)) {
    const parsed = (collector.fact as z.ZodType).safeParse({ surprise: 1 });
    expect(parsed.error?.issues.map(({ code }) => code)).toContain('unrecognized_keys');
  }
});
