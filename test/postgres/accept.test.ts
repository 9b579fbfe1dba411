import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { definitions } from '../../src/collectors/definitions.ts';
import { catalogueFingerprints } from '../../src/collectors/fingerprints.ts';
import { collectors } from '../../src/collectors/index.ts';
import { statementsSource } from '../../src/collectors/statements.ts';
import { acceptOf, acceptsOf } from '../../src/postgres/accept.ts';
import { factTypes, sharingTypes } from '../../src/postgres/fact-types.ts';
import { parseFacts } from '../../src/postgres/rows.ts';

const all = [...Object.values(collectors), definitions, statementsSource, catalogueFingerprints];
const shapeOf = (schema: z.ZodType): Readonly<Record<string, z.ZodType>> =>
  (schema as unknown as z.ZodObject).shape as Readonly<Record<string, z.ZodType>>;

const bounds = [-1, 0, 0.5, 1, 2, 7, 4_294_967_295, Number.MAX_SAFE_INTEGER];
const strange = [
  -0,
  2 ** 53,
  1e300,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  undefined,
  '',
  '0',
  [],
  [null],
  {},
];
const texts = ['', 'r', 'i', 'p', 'd', 'always', 'btree', 'toString', '__proto__'];
const values: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, ...bounds, ...strange, ...texts),
  fc.double(),
  fc.integer(),
  fc.string(),
  fc.array(fc.oneof(fc.integer(), fc.constantFrom<unknown>(null, 'a', 0.5))),
  fc.anything(),
);

/** Values that a schema of a fact takes, as far as it is one of those that are checked without it. */
function fitting(schema: z.ZodType): fc.Arbitrary<unknown> {
  const candidates: fc.Arbitrary<unknown>[] = [
    fc.constantFrom<unknown>(null, true, ...bounds, ...texts, 'never'),
    fc.array(fc.constantFrom(1, 2, 8)),
    fc.array(fc.string(), { minLength: 1 }),
    fc.string(),
    fc.nat(),
  ];
  return fc.oneof(...candidates).filter((value) => schema.safeParse(value).success);
}

test.each(all.map((collector) => [collector.name, collector.fact as z.ZodType] as const))(
  '%s: what is taken without the schema is what the schema makes of it',
  (_, schema) => {
    const shape = shapeOf(schema);
    const keys = Object.keys(shape);
    const accepts = acceptsOf(schema, keys);
    if (accepts === undefined) throw new Error('every row goes through the schema');
    const rows = fc.record(
      Object.fromEntries(
        keys.map((key) => [
          key,
          fc.oneof({ weight: 30, arbitrary: fitting(shape[key] as z.ZodType) }, values),
        ]),
      ),
    );
    let taken = 0;
    fc.assert(
      fc.property(rows, (row) => {
        if (!keys.every((key, column) => accepts[column]?.(row[key]))) return;
        taken += 1;
        const parsed = schema.safeParse(row);
        expect(parsed.success).toBe(true);
        expect(parsed.data).toStrictEqual({ ...row });
      }),
      { numRuns: 100 },
    );
    expect(taken).toBeGreaterThan(0);
    // Column by column, and the other way round: what the schema takes as it is need not be asked about.
    for (const [column, key] of keys.entries())
      fc.assert(
        fc.property(fc.oneof(values, fitting(shape[key] as z.ZodType)), (value) => {
          expect(accepts[column]?.(value)).toBe((shape[key] as z.ZodType).safeParse(value).success);
        }),
        { numRuns: 50 },
      );
  },
);

describe('left to the schema', () => {
  test.each<[string, z.ZodType]>([
    ['a transformation', z.string().transform((text) => text.length)],
    ['a coercion', z.coerce.number()],
    ['a format', z.email()],
    ['a format of numbers', z.int32()],
    ['a length', z.string().min(1)],
    ['a length of an array', z.array(z.string()).min(1)],
    ['a refinement', z.number().refine((value) => value !== 3)],
    ['a default', z.number().default(3)],
    ['an optional value', z.number().optional()],
    ['a trimmed string', z.string().trim()],
    ['an array of any of these', z.array(z.string().trim())],
    ['a nullable one', z.string().trim().nullable()],
    ['a union', z.union([z.string(), z.number()])],
    ['a multiple', z.number().multipleOf(2)],
    ['a date', z.date()],
  ])('%s', (_, schema) => expect(acceptOf(schema)).toBeUndefined());

  test.each<[string, z.ZodType, readonly string[]]>([
    ['an object that keeps further keys', z.looseObject({ a: z.string() }), ['b']],
    ['one that is refined', z.strictObject({ a: z.string() }).refine(() => true), ['a']],
    ['a column more', z.strictObject({ a: z.string() }), ['a', 'b']],
    ['a column less', z.strictObject({ a: z.string(), b: z.string() }), ['a']],
    ['another column', z.strictObject({ a: z.string() }), ['toString']],
    ['a column twice', z.strictObject({ a: z.string(), b: z.string() }), ['a', 'a']],
    ['something in it that is', z.strictObject({ a: z.string(), b: z.date() }), ['a', 'b']],
  ])('%s', (_, schema, keys) => expect(acceptsOf(schema, keys)).toBeUndefined());
});

test('what the schema changes is changed, also where other columns are plain', async () => {
  const schema = z.strictObject({ a: z.number(), b: z.string().trim() });
  const parsed = await parseFacts('x', { names: ['a', 'b'], rows: [[1, ' b ']] }, schema);
  expect(parsed).toEqual({ ok: true, value: [{ a: 1, b: 'b' }] });
});

test('facts keep their values inside, and all in the same places', async () => {
  const { fact } = collectors.indexes;
  const keys = Object.keys(shapeOf(fact as z.ZodType));
  const row = keys.map((key) => fc.sample(fitting(shapeOf(fact as z.ZodType)[key] as z.ZodType), 1)[0]);
  const rows = Array.from({ length: 50 }, () => row);
  const names = keys.map((key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  const parsed = await parseFacts('indexes', { names, rows }, fact);
  if (!parsed.ok) throw new Error(parsed.error.message);
  setFlagsFromString('--allow-natives-syntax');
  const looks = runInThisContext('(a, b) => [%HasFastProperties(b), %HaveSameMap(a, b)]');
  // The first rows teach the engine what the values are.
  const settled = parsed.value.slice(10);
  const looked = settled.map((fact) => looks(settled[0], fact));
  setFlagsFromString('--no-allow-natives-syntax');
  expect(looked).toEqual(settled.map(() => [true, true]));
});

describe('values of a column that repeat', () => {
  const parser = (oid: number) => sharingTypes().getTypeParser(oid, 'text') as (text: string) => unknown;

  test.each([
    ['int2[]', 1005, '{1,2}', [1, 2]],
    ['oid[]', 1028, '{4294967295}', [4_294_967_295]],
    ['int4[]', 1007, '{}', []],
    ['text[]', 1009, '{"a,b",NULL}', ['a,b', null]],
    ['float4[]', 1021, '{0.5}', [0.5]],
  ])('%s: one frozen array', (_, oid, text, value) => {
    const parse = parser(oid);
    expect(parse(text)).toEqual(value);
    expect(parse(`${text}`)).toBe(parse(text));
    expect(Object.isFrozen(parse(text))).toBe(true);
    // Nothing is kept beyond one query.
    expect(parser(oid)(text)).not.toBe(parse(text));
  });

  test('a column without repeats is parsed all the same, and not kept', () => {
    const parse = parser(1005);
    for (let at = 0; at < 20_000; at += 1) expect(parse(`{${at}}`)).toEqual([at]);
    expect(parse('{1}')).not.toBe(parse('{1}'));
  });

  test('everything else is parsed as ever', () => {
    for (const oid of [16, 20, 21, 23, 26, 700, 701, 25, 19])
      for (const text of ['t', '1', '17', '1'])
        expect(parser(oid)(text)).toEqual(
          (factTypes.getTypeParser(oid, 'text') as (text: string) => unknown)(text),
        );
  });
});
