import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  commentedOut,
  newIndexName,
  newRelationName,
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

describe('new names', () => {
  it('say the table and its columns', () => {
    expect(newIndexName('orders', ['a', 'b'], new Set())).toBe('ix_orders_a_b');
  });

  it('are numbered where taken', () => {
    expect(newIndexName('t', ['a'], new Set(['ix_t_a', 'ix_t_a_2']))).toBe('ix_t_a_3');
  });

  it('differ though PostgreSQL would cut them to the same', () => {
    const long = 'x'.repeat(70);
    const names = ['a', 'b'].map((last) => newRelationName(`${long}${last}`, new Set()));
    expect(new Set(names).size).toBe(2);
  });

  it('are free, and 63 bytes at most, in whole characters', () => {
    const longName = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 90 });
    fc.assert(
      fc.property(longName, fc.nat(3), (wanted, times) => {
        const taken = new Set<string>();
        for (let time = 0; time <= times; time += 1) {
          const name = newRelationName(wanted, taken);
          expect(taken.has(name)).toBe(false);
          expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
          expect(Buffer.from(name).toString()).toBe(name);
          taken.add(name);
        }
      }),
    );
  });
});
