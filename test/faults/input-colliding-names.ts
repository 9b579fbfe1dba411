import fc from 'fast-check';

/*
 * Names that PostgreSQL accepts and that are as nearly one another as possible: whoever folds case, trims, splits at dots, quotes by
 * halves, normalizes or cuts too early takes one for the other.
 */

const long = 'x'.repeat(61);

/** Each row is a family: any two of it are different objects to PostgreSQL and the same to somebody. */
const families: readonly (readonly string[])[] = [
  ['orders', 'Orders', 'ORDERS', 'ordErs', 'orders ', ' orders', 'orders\t', 'orders\n'],
  [
    '"orders"',
    '"orders',
    'orders"',
    '""orders""',
    "orders'",
    "'orders'",
    '`orders`',
    'orders\\',
    'orders\\"',
  ],
  ['a', 'a.b', 'b', 'a.b.c', 'b.c', 'c', '.', 'a.', '.b', 'a"."b', 'a"."b"."c', '"a"."b"'],
  // What a search path could find instead.
  ['public.orders', '$user', '"$user"', 'PG_CATALOG', 'Pg_class', 'PUBLIC', 'public ', 'information_schema '],
  // Cyrillic e, zero-width space, no-break space, composed and decomposed, full width, turned round, ligature, dotless.
  ['ordеrs', 'orders\u200b', 'orders\u00a0', '\u00f3rders', 'o\u0301rders', '\uff4frders', '\u202eorders'],
  ['file', '\ufb01le', 'f\u0131le', 'F\u0130LE', 'stra\u00dfe', 'strasse', 'STRA\u1e9eE', '\u03c3', '\u03c2'],
  // 63 bytes are what a name has.
  [`${long}aa`, `${long}ab`, `${long}a`, long, `${long}"`, `${long}é`, 'ж'.repeat(31), `${'ж'.repeat(31)}a`],
  ['select', 'SELECT', 'table', 'null', 'default', 'user', 'concurrently', 'only', 'if', 'exists', 'on'],
  [
    'a--b',
    '-- a',
    '/* a */',
    '*/',
    '$$',
    '$indexwarden$',
    '$kept$',
    '$check$',
    ';',
    'a;b',
    '; drop table a; --',
  ],
  [
    '%I',
    '%s',
    '{0}',
    '{{x}}',
    '$\u007bx}',
    ':x',
    ":'x'",
    ':"x"',
    '$1',
    '?',
    '\\x',
    '\\q',
    'E\\',
    'U&"\\0041"',
    '&',
  ],
  [
    '\n',
    '\r\n',
    '\t',
    ' ',
    '  ',
    '\u0001',
    '\u001b[2J',
    '\u007f',
    '\u0085',
    '\u2028',
    '\ufeffa',
    '\ufffe',
    '\uffff',
  ],
  [
    '1',
    '01',
    '1e5',
    '-1',
    '+1',
    '=1+1',
    '@a',
    '|a',
    "'=1",
    '_',
    '__',
    '\u{1f600}',
    '\u{1f469}\u200d\u{1f467}',
  ],
  [
    '<b>',
    '&lt;b&gt;',
    '<!-- a -->',
    ']]>',
    '[a](b)',
    '![a](b)',
    '*a*',
    '_a_',
    '`',
    '```',
    '|',
    '#',
    'http://a.b',
  ],
];

export const bytesMax = 63;

/** Valid UTF-8 without zeroes, 1 to 63 bytes: what PostgreSQL takes for a name as it is. */
const isName = (text: string): boolean =>
  text !== '' &&
  Buffer.from(text).toString() === text &&
  !text.includes('\0') &&
  Buffer.byteLength(text) <= bytesMax;

export const anyName: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }).filter(isName),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 15 }).filter(isName),
  fc.string({
    unit: fc.constantFrom('a', 'A', '"', '.', "'", '\\', ' ', '$', '-', '\n'),
    minLength: 1,
    maxLength: 8,
  }),
);

/** Different names, most of them of one or two families. */
export const names = (count: number): fc.Arbitrary<readonly string[]> =>
  fc
    .tuple(
      fc.shuffledSubarray([...families], { minLength: 2, maxLength: 4 }),
      fc.array(anyName, { minLength: 3, maxLength: 6 }),
      fc.infiniteStream(fc.nat()),
    )
    .map(([chosen, others, dice]) => {
      const pool = [...new Set([...chosen.flat(), ...others])].filter(isName);
      const random = (): number => dice.next().value as number;
      const taken: string[] = [];
      while (taken.length < count && pool.length > 0) taken.push(...pool.splice(random() % pool.length, 1));
      // Where the families are used up: the same again, told apart by what is appended.
      for (let number = 0; taken.length < count; number += 1)
        taken.push(`a${'.'.repeat(number % 20)}${number}`);
      return taken;
    });

/** As {@link names}, for schemas: PostgreSQL keeps names that begin with `pg_` for itself. */
export const isSchemaName = (name: string): boolean => !name.startsWith('pg_');

/** Every one of the families. */
export const knownNames: readonly string[] = [...new Set(families.flat())];
