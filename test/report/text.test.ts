import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayWidth, fewOf, isShownVerbatim, safeBlock, safeLine, wrap } from '../../src/report/text.ts';
import { dangerous, hostileName } from './hostile.ts';

describe('safe text', () => {
  it('shows controls, escapes, bidi and zero-width characters instead of obeying them', () => {
    expect(safeLine('a\nb\tc')).toBe('a\\nb\\tc');
    expect(safeLine('\u001b[31m\u009b')).toBe('\\x1b[31m\\x9b');
    expect(safeLine('\u202e\u200b\ufeff')).toBe('\\u{202e}\\u{200b}\\u{feff}');
    expect(safeLine('\ud800')).toBe('\\u{d800}');
    expect(safeLine('a\u00a0b')).toBe('a\\xa0b');
  });

  it('leaves ordinary names of every script alone', () => {
    for (const name of ['idx_a', 'имя', '漢字', 'שם', 'é', '👍', "it's \\ 50 %"])
      expect(safeLine(name)).toBe(name);
  });

  it('keeps the lines of SQL and nothing else', () => {
    expect(safeBlock('a\r\nb\n\u001bc')).toBe('a\nb\n\\x1bc');
    expect(isShownVerbatim('select 1;\nselect 2;')).toBe(true);
    expect(isShownVerbatim('drop index "\u202e";')).toBe(false);
  });

  it('is one harmless line whatever comes', () => {
    fc.assert(
      fc.property(hostileName, (name) => {
        expect(safeLine(name)).not.toMatch(/\n/);
        expect(safeLine(name)).not.toMatch(dangerous);
      }),
    );
  });
});

describe('wrapping', () => {
  it('breaks at spaces, and inside of words that are too long', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('abcdefghij k', 4)).toEqual(['abcd', 'efgh', 'ij k']);
    expect(wrap('', 10)).toEqual(['']);
  });

  it('never exceeds the width and loses nothing but spaces', () => {
    fc.assert(
      fc.property(hostileName, fc.integer({ min: 2, max: 60 }), (name, width) => {
        const line = safeLine(name);
        const lines = wrap(line, width);
        for (const part of lines) expect(displayWidth(part)).toBeLessThanOrEqual(width);
        expect(lines.join('').replaceAll(' ', '')).toBe(line.replaceAll(' ', ''));
      }),
    );
  });

  it('counts wide characters as two columns and accents as none', () => {
    expect(displayWidth('漢字')).toBe(4);
    expect(displayWidth('e\u0301')).toBe(1);
    expect(displayWidth('👍')).toBe(2);
  });
});

it('shortens lists', () => {
  expect(fewOf(['a', 'b'], 2)).toBe('a, b');
  expect(fewOf(['a', 'b', 'c', 'd'], 2)).toBe('a, b and 2 more');
});
