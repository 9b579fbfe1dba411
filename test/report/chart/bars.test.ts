import { expect, test } from 'vitest';
import { barsSvg } from '../../../src/report/chart/bars.ts';
import { markupProblem, textOf } from '../document/markup.ts';
import { hostileNames } from '../hostile.ts';

const widthsOf = (svg: string): readonly number[] =>
  [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));

test('bars are as long as their values, and the part that stands out lies on its bar', () => {
  const svg = barsSvg(
    {
      title: 'Sizes',
      bars: [
        { label: 'a', value: 200, text: '200 B', marked: 50 },
        { label: 'b', value: 100, text: '100 B' },
        { label: 'c', value: 0, text: '0 B' },
      ],
    },
    'c1',
  );
  const [whole = 0, marked = 0, half = 0, none] = widthsOf(svg);
  expect(half).toBeCloseTo(whole / 2, 0);
  expect(marked).toBeCloseTo(whole / 4, 0);
  expect(none).toBe(0);
  expect(svg).toContain('<desc id="c1-desc">a: 200 B; b: 100 B; c: 0 B</desc>');
  expect(svg).toContain('aria-labelledby="c1-title c1-desc"');
});

test('a small value can still be seen, and a marked part is never longer than its bar', () => {
  const svg = barsSvg(
    {
      title: 't',
      bars: [
        { label: 'a', value: 1e12, text: 'much' },
        { label: 'b', value: 1, text: 'little', marked: 9 },
      ],
    },
    'c',
  );
  const [, small = 0, marked = 0] = widthsOf(svg);
  expect(small).toBe(1);
  expect(marked).toBe(1);
});

test.each(hostileNames)('the label %j does no harm', (label) => {
  const svg = barsSvg({ title: label, bars: [{ label, value: 1, text: '1 B' }] }, 'c');
  expect(markupProblem(svg)).toBeUndefined();
  expect(textOf(svg)).toContain('1 B');
});
