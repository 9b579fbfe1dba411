import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cutLabelValue,
  escapeLabelValue,
  formatValue,
  labelBlock,
  labelPairs,
} from '../../src/metrics/samples.ts';
import { parseSample } from './parse-exposition.ts';

/** Whatever PostgreSQL lets a name hold, with the characters that matter more often than chance would have them. */
const hostile = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.string({
    unit: fc.constantFrom('\\', '"', '\n', 'n', '{', '}', ',', '=', ' ', '\r', '\t', 'Ж', '💥', "'"),
    maxLength: 80,
  }),
);

describe('label values', () => {
  test('read back as they were, whatever they hold', () => {
    fc.assert(
      fc.property(hostile, hostile, (relname, indexrelname) => {
        const line = `m${labelBlock(labelPairs({ relname, indexrelname }, 10_000))} 1`;
        const parsed = parseSample(line);
        expect(parsed.labels.get('relname')).toBe(relname.replaceAll('\0', '\uFFFD'));
        expect(parsed.labels.get('indexrelname')).toBe(indexrelname.replaceAll('\0', '\uFFFD'));
        expect(line).not.toContain('\n');
      }),
    );
  });

  test('are escaped as the format says', () => {
    expect(escapeLabelValue('a\\b"c\nd')).toBe('a\\\\b\\"c\\nd');
  });

  test('are never longer than the limit, stay whole characters and stay apart', () => {
    const long = fc.string({ unit: 'grapheme', minLength: 20, maxLength: 300 });
    fc.assert(
      fc.property(long, fc.integer({ min: 64, max: 200 }), (value, bytesMax) => {
        const cut = cutLabelValue(value, bytesMax);
        const whole = Buffer.from(value).toString();
        if (Buffer.byteLength(value) <= bytesMax) {
          expect(cut).toBe(value);
          return;
        }
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(bytesMax);
        const [, beginning = ''] = /^(.*)…[0-9a-f]{8}$/s.exec(cut) ?? [];
        expect(whole.startsWith(beginning)).toBe(true);
        expect(Buffer.byteLength(beginning)).toBeGreaterThan(bytesMax - 11 - 4);
      }),
    );
    const [a, b] = ['a', 'b'].map((last) => cutLabelValue('x'.repeat(300) + last, 200));
    expect(a).not.toBe(b);
  });

  test('63 bytes of Cyrillic and a name of exactly the limit are left alone', () => {
    expect(cutLabelValue('ж'.repeat(31), 200)).toBe('ж'.repeat(31));
    expect(cutLabelValue('x'.repeat(200), 200)).toBe('x'.repeat(200));
    expect(cutLabelValue('x'.repeat(201), 200)).toMatch(/^x{189}…[0-9a-f]{8}$/);
  });
});

test('values are written in a form that both formats read', () => {
  expect([0, 1.5, 1e21, 2 ** 53, Number.NaN, Infinity, -Infinity].map(formatValue)).toEqual([
    '0',
    '1.5',
    '1e+21',
    '9007199254740992',
    'NaN',
    '+Inf',
    '-Inf',
  ]);
});
