import { expect, test } from 'vitest';
import { z } from 'zod';
import { collectors } from '../../src/collectors/index.ts';
import { factTypes } from '../../src/postgres/fact-types.ts';
import { parseFacts } from '../../src/postgres/rows.ts';

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
