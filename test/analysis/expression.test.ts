import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  canonicalExpression,
  canonicalPredicate,
  conjuncts,
  isSameExpression,
  splitExpressions,
  splitExpressionTexts,
} from '../../src/analysis/expression.ts';

describe('canonical predicates', () => {
  test.each([
    ['commuted', '(a > 5)', '(5 < a)'],
    ['commuted with equality', '(a >= 5)', '(5 <= a)'],
    ['operands of =', '(a = b)', '(b = a)'],
    ['operands of <>', "(s <> 'x'::text)", "('x'::text <> s)"],
    ['AND in any order', '((a > 5) AND (b < 3))', '((3 > b) AND (5 < a))'],
    ['OR in any order', "((a = 1) OR (v = 'x'::text))", "(('x'::text = v) OR (a = 1))"],
    ['repetition', '((a > 5) AND (a > 5))', '(a > 5)'],
    ['integers of another type', '(n > 5)', "(n > '5'::bigint)"],
    ['integers that are cast', '(n > 5)', '(n > (5)::bigint)'],
    ['text by way of varchar', "((v)::text = 'x'::text)", "((v)::text = ('x'::character varying)::text)"],
    [
      'members of a list',
      "((v)::text = ANY ((ARRAY['x'::character varying, 'y'::character varying])::text[]))",
      "((v)::text = ANY ((ARRAY['y'::character varying, 'x'::character varying])::text[]))",
    ],
    ['x and x = true', 'flag', '(flag = true)'],
    ['parentheses', '((((a > 5))))', '(a > 5)'],
    ['white space', '(a   >\n 5)', '(a > 5)'],
  ])('equal: %s', (_, one, other) => {
    expect(canonicalPredicate(one)).toBe(canonicalPredicate(other));
  });

  test.each([
    ['direction', '(a > 5)', '(a < 5)'],
    ['strictness', '(a > 5)', '(a >= 5)'],
    ['operands of <', '(a < b)', '(b < a)'],
    ['operands of -', '((a - b) > 5)', '((b - a) > 5)'],
    ['operands of ||', "((s || t) = 'x'::text)", "((t || s) = 'x'::text)"],
    ['AND and OR', '((a > 5) AND (b > 5))', '((a > 5) OR (b > 5))'],
    ['grouping', '(((a = 1) AND (b = 2)) OR (c = 3))', '((a = 1) AND ((b = 2) OR (c = 3)))'],
    ['case in a literal', "(s = 'X'::text)", "(s = 'x'::text)"],
    ['blanks in a literal', "(s = 'a  b'::text)", "(s = 'a b'::text)"],
    ['a literal that looks like code', "(s = 'a > 5'::text)", "(s = '5 < a'::text)"],
    ['case in a quoted name', '("A" > 5)', '(a > 5)'],
    ['a length, which truncates', "(v = ('abc'::character varying(2))::text)", "(v = 'abc'::text)"],
    ['order in a list that is compared by <', '(a < ANY (ARRAY[1, 2]))', '(a < ANY (ARRAY[1, 3]))'],
    ['ANY and ALL', '(a = ANY (ARRAY[1, 2]))', '(a = ALL (ARRAY[1, 2]))'],
    ['order in an array that is a value', '(arr = ARRAY[1, 2])', '(arr = ARRAY[2, 1])'],
    ['arguments', '(f(a, b) > 5)', '(f(b, a) > 5)'],
    ['names that begin alike', '(a1 > 5)', '(a10 > 5)'],
    ['IS NULL and IS NOT NULL', '(a IS NULL)', '(a IS NOT NULL)'],
    ['x and x IS TRUE, which the planner does not prove', 'flag', '(flag IS TRUE)'],
    ['NOT', 'flag', '(NOT flag)'],
    ['types', "(d = '2020-01-01'::date)", "(d = '2020-01-01'::timestamp without time zone)"],
    ['numeric and integer', '(n = 5.0)', '(n = 5)'],
    ['collations', '((s COLLATE "C") > \'a\'::text)', "(s > 'a'::text)"],
    ['schemas of operators', '(a OPERATOR(x.<) b)', '(a OPERATOR(x.>) b)'],
  ])('different: %s', (_, one, other) => {
    expect(canonicalPredicate(one)).not.toBe(canonicalPredicate(other));
  });

  it('does not look into lists that the planner does not look into either', () => {
    const list = (numbers: readonly number[]) => `(a = ANY (ARRAY[${numbers.join(', ')}]))`;
    const many = Array.from({ length: 101 }, (_, place) => place);
    expect(canonicalPredicate(list(many))).not.toBe(canonicalPredicate(list(many.toReversed())));
    const enough = many.slice(1);
    expect(canonicalPredicate(list(enough))).toBe(canonicalPredicate(list(enough.toReversed())));
  });

  it('splits into conditions', () => {
    expect(conjuncts('((a IS NOT NULL) AND ("Order" IS NOT NULL))')).toEqual([
      '"Order" IS NOT NULL',
      'a IS NOT NULL',
    ]);
    expect(conjuncts("(s = 'x AND y'::text)")).toHaveLength(1);
  });

  it('keeps what is not balanced as it stands', () => {
    for (const text of ['(a > 5', 'a > 5)', ')(', '']) expect(canonicalExpression(text)).toBe(text);
  });
});

describe('lists of expressions', () => {
  it('are split at top-level commas only', () => {
    const list = `lower(s), COALESCE(a, 0), (s || ', '::text), "odd, name", (ARRAY[1, 2])[1]`;
    expect(splitExpressionTexts(list)).toEqual([
      'lower(s)',
      'COALESCE(a, 0)',
      "(s || ', '::text)",
      '"odd, name"',
      '(ARRAY[1, 2])[1]',
    ]);
    expect(splitExpressions(list)).toHaveLength(5);
  });
});

describe('key expressions', () => {
  it('are equal to the letter, but for how a constant got its type', () => {
    expect(isSameExpression('COALESCE(n, (0)::bigint)', "COALESCE(n, '0'::bigint)")).toBe(true);
    expect(isSameExpression('(a > 5)', '(5 < a)')).toBe(false);
    expect(isSameExpression('(a * 2)', "(a * '2'::bigint)")).toBe(false);
    expect(isSameExpression("f('''0''::bigint'::text)", "f('(0)::bigint'::text)")).toBe(false);
  });
});

// Expressions as a server would print them: every operator in its own parentheses.

const column = fc.constantFrom('a', 'b', 'c1', 'c10', '"Order"', '"we""ird, name"');
const literal = fc.oneof(
  fc.integer({ min: 0, max: 99 }).map(String),
  fc.string({ maxLength: 6 }).map((text) => `'${text.replaceAll("'", "''")}'::text`),
);
const operand = fc.oneof(
  column,
  literal,
  column.map((name) => `lower(${name})`),
);

interface Twin {
  readonly one: string;
  /** The same condition, spelled otherwise. */
  readonly other: string;
}

const flipped: Readonly<Record<string, string>> = {
  '<': '>',
  '>': '<',
  '<=': '>=',
  '>=': '<=',
  '=': '=',
  '<>': '<>',
};

const comparison: fc.Arbitrary<Twin> = fc
  .record({
    left: operand,
    right: operand,
    operator: fc.constantFrom(...Object.keys(flipped)),
    flip: fc.boolean(),
  })
  .map(({ left, right, operator, flip }) => ({
    one: `(${left} ${operator} ${right})`,
    other: flip ? `(${right} ${flipped[operator]} ${left})` : `((${left} ${operator} ${right}))`,
  }));

const { condition } = fc.letrec<{ condition: Twin }>((tie) => ({
  condition: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    comparison,
    fc
      .record({
        parts: fc.array(tie('condition'), { minLength: 2, maxLength: 3 }),
        connective: fc.constantFrom('AND', 'OR'),
        reverse: fc.boolean(),
      })
      .map(({ parts, connective, reverse }) => {
        const others = parts.map(({ other }) => other);
        return {
          one: `(${parts.map(({ one }) => one).join(` ${connective} `)})`,
          other: `(${(reverse ? others.toReversed() : others).join(` ${connective} `)})`,
        };
      }),
    tie('condition').map(({ one, other }) => ({ one: `(NOT ${one})`, other: `(NOT ${other})` })),
  ),
}));

it('a condition joined with itself alone is that condition, wherever it stands', () => {
  expect(canonicalPredicate('((((x = 1) AND (x = 1)) OR (y = 2)) AND (z = 3))')).toBe(
    canonicalPredicate('(((x = 1) OR (y = 2)) AND (z = 3))'),
  );
  expect(canonicalPredicate('((((x = 1) OR (y = 2)) AND ((x = 1) OR (y = 2))) OR (z = 3))')).toBe(
    canonicalPredicate('((x = 1) OR (y = 2) OR (z = 3))'),
  );
  expect(canonicalPredicate('((((x = 1) AND (y = 1)) OR (y = 2)) AND (z = 3))')).not.toBe(
    canonicalPredicate('(((x = 1) OR (y = 2)) AND (z = 3))'),
  );
});

describe('properties', () => {
  it('another spelling of a condition has the same canonical text', () => {
    fc.assert(
      fc.property(condition, ({ one, other }) => {
        expect(canonicalPredicate(one)).toBe(canonicalPredicate(other));
      }),
    );
  });

  it('canonical text is its own canonical text', () => {
    fc.assert(
      fc.property(condition, ({ one }) => {
        const canonical = canonicalPredicate(one);
        expect(canonicalPredicate(canonical)).toBe(canonical);
      }),
    );
  });

  it('two comparisons are equal only when they are the same or each other’s mirror', () => {
    const parts = fc.record({
      left: operand,
      right: operand,
      operator: fc.constantFrom(...Object.keys(flipped)),
    });
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const text = ({ left, operator, right }: typeof one) => `(${left} ${operator} ${right})`;
        const isSame = text(one) === text(other);
        const isMirror =
          one.left === other.right && one.right === other.left && flipped[one.operator] === other.operator;
        expect(canonicalPredicate(text(one)) === canonicalPredicate(text(other))).toBe(isSame || isMirror);
      }),
    );
  });

  it('a list of expressions falls apart into its members, whatever they hold', () => {
    fc.assert(
      fc.property(fc.array(operand, { minLength: 1, maxLength: 4 }), (members) => {
        expect(splitExpressionTexts(members.join(', '))).toEqual(members);
        expect(splitExpressions(members.join(', '))).toHaveLength(members.length);
      }),
    );
  });

  it('any text at all is read without an error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
        expect(typeof canonicalExpression(text)).toBe('string');
        expect(typeof canonicalPredicate(text)).toBe('string');
      }),
    );
  });
});
