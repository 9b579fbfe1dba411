import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  asServerPrints,
  commentedOut,
  portableSql,
  qualified,
  quoteIdentifier,
  quoteLiteral,
} from '../../src/plan/sql.ts';

const anyName = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 });

describe('names', () => {
  test.each([
    ['plain', 'plain'],
    ['with_1', 'with_1'],
    ['order', '"order"'],
    ['select', '"select"'],
    ['name', 'name'],
    ['Upper', '"Upper"'],
    ['1st', '"1st"'],
    ['a b', '"a b"'],
    ['a.b', '"a.b"'],
    ['dollar$', '"dollar$"'],
    ['weird"; drop table x; --', '"weird""; drop table x; --"'],
    ['', '""'],
    ['имя', '"имя"'],
  ])('%j is written %s', (name, written) => {
    expect(quoteIdentifier(name)).toBe(written);
  });

  it('are quoted apart from their schema', () => {
    expect(qualified('app', 'app.dup')).toBe('app."app.dup"');
  });

  it('come back whole', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        const written = quoteIdentifier(name);
        const read = written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written;
        expect(read).toBe(name);
        if (!written.startsWith('"')) expect(name).toMatch(/^[a-z_][a-z0-9_]*$/);
      }),
    );
  });
});

test.each([
  ['plain', "'plain'"],
  ["it's", "'it''s'"],
  ['back\\slash', "E'back\\\\slash'"],
  ["\\'", "E'\\\\'''"],
])('the literal %j is written %s', (text, written) => {
  expect(quoteLiteral(text)).toBe(written);
});

describe('SQL of the server', () => {
  test.each([
    ["a <> 'x\\y'", "a <> E'x\\\\y'"],
    ["a <> 'it''s \\'", "a <> E'it''s \\\\'"],
    [`"a'\\'" <> 'plain'`, `"a'\\'" <> 'plain'`],
    ["f('\\', \"it's\", '\\')", "f(E'\\\\', \"it's\", E'\\\\')"],
    // What somebody wrote may know escapes already.
    ["a <> E'\\'' and b <> 'c'", "a <> E'\\'' and b <> 'c'"],
    ["a <> $$ it's \\ $$ and b <> '\\'", "a <> $$ it's \\ $$ and b <> E'\\\\'"],
  ])('%s means the same everywhere as %s', (printed, portable) => {
    expect(portableSql(printed)).toBe(portable);
  });

  it('comes back as it was, with each string written as a literal of ours', () => {
    const name = anyName
      .map((text) => `"${text.replaceAll('"', '""')}"`)
      .map((quoted) => ({ printed: quoted, portable: quoted }));
    const literal = fc.string({ unit: fc.constantFrom('\\', "'", '"', 'a', 'E', '$', ' ') }).map((text) => ({
      printed: `'${text.replaceAll("'", "''")}'`,
      portable: quoteLiteral(text),
    }));
    fc.assert(
      fc.property(fc.array(fc.oneof(name, literal)), (tokens) => {
        const printed = tokens.map((token) => token.printed).join(' = ');
        expect(portableSql(printed)).toBe(tokens.map((token) => token.portable).join(' = '));
        expect(asServerPrints(portableSql(printed))).toBe(printed);
      }),
    );
  });
});

describe('what is commented out', () => {
  it('has no line left that would run', () => {
    fc.assert(
      fc.property(fc.array(anyName, { minLength: 1 }), fc.constantFrom('\n', '\r\n', '\r'), (lines, end) => {
        const text = commentedOut(lines.join(end));
        for (const line of text.split(/[\n\r]/)) expect(line === '' || line.startsWith('-- ')).toBe(true);
      }),
    );
  });

  it('stays so with a newline in a name', () => {
    expect(commentedOut('DROP INDEX "a\n; drop table x";')).toBe('-- DROP INDEX "a\n-- ; drop table x";');
  });
});
