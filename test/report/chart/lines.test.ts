import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../../src/model/units.ts';
import { type LineChart, linesSvg } from '../../../src/report/chart/lines.ts';
import { scaleFor, type Unit } from '../../../src/report/chart/scale.ts';
import { markupProblem } from '../document/markup.ts';
import { hostileNames } from '../hostile.ts';

const chart = (more: Partial<LineChart> = {}): LineChart => ({
  title: 'Size',
  unit: 'bytes',
  places: ['2026-02-27', '2026-02-28', '2026-03-01', '2026-03-02'],
  lines: [{ label: 'size', values: [1 * MiB, 2 * MiB, 3 * MiB, 4 * MiB] }],
  ...more,
});
const drawn = (more: Partial<LineChart> = {}): string => linesSvg(chart(more), 'c1') ?? '';

describe('a chart of lines', () => {
  it('has a name and a description for those who do not see it', () => {
    const svg = drawn();
    expect(svg).toContain('role="img" aria-labelledby="c1-title c1-desc"');
    expect(svg).toContain('<title id="c1-title">Size</title>');
    expect(svg).toContain(
      'From 2026-02-27 to 2026-03-02. size: 1 MiB at first, 4 MiB at last, between 1 MiB and 4 MiB.',
    );
  });

  it('breaks its line where nothing is known, shades that, and never draws a zero for it', () => {
    const svg = drawn({ lines: [{ label: 'size', values: [MiB, MiB, null, 2 * MiB] }] });
    expect(svg.match(/<path d="M[^"]*"/)?.[0].match(/[ML]/g)).toEqual(['M', 'L', 'M']);
    expect(svg.match(/class="gap"/g)).toHaveLength(1);
    expect(svg.match(/<circle/g)).toHaveLength(1);
    expect(svg).toContain('unknown at 1 of 4');
  });

  it('is none where nothing at all is known', () => {
    expect(
      linesSvg(chart({ lines: [{ label: 'size', values: [null, null, null, null] }] }), 'c'),
    ).toBeUndefined();
    expect(linesSvg(chart({ lines: [] }), 'c')).toBeUndefined();
    expect(linesSvg(chart({ places: [], lines: [] }), 'c')).toBeUndefined();
  });

  it('draws one known day as a point', () => {
    const svg = drawn({ places: ['2026-03-01'], lines: [{ label: 'size', values: [3] }] });
    expect(svg.match(/<circle/g)).toHaveLength(1);
    expect(svg).not.toContain('NaN');
  });

  it('tells several lines apart by more than colour, and names them', () => {
    const svg = drawn({
      lines: [
        { label: 'primary', values: [1, 2, 3, 4] },
        { label: 'standby', values: [1, null, 3, 4] },
      ],
    });
    expect(svg).toContain('>primary</text>');
    expect(svg).toContain('stroke-dasharray="6 3"');
    expect(svg).not.toContain('class="gap"');
  });

  it('marks what happened and leaves out what lies elsewhere', () => {
    const svg = drawn({
      marks: [
        { place: 2, label: 'rebuilt' },
        { place: 9, label: 'elsewhere' },
      ],
    });
    expect(svg).toContain('<title>rebuilt</title>');
    expect(svg).not.toContain('elsewhere');
  });

  it('needs neither styles nor scripts, whatever it is about', () => {
    for (const name of hostileNames) {
      const svg = drawn({
        title: name,
        lines: [
          { label: name, values: [1, 2, 3, 4] },
          { label: 'other', values: [1, 2, 3, 4] },
        ],
        marks: [{ place: 1, label: name }],
        limit: { value: 3, label: name },
      });
      expect(markupProblem(svg)).toBeUndefined();
      expect(svg).not.toMatch(/<script|style=|\son\w+=/i);
    }
  });

  it('has finite numbers in it whatever is drawn', () => {
    const value = fc.option(fc.double({ min: 0, max: 1e15, noNaN: true }), { nil: null });
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 400 }),
        fc.constantFrom<Unit>('bytes', 'count', 'ratio', 'seconds'),
        (values, unit) => {
          const svg = linesSvg(
            { ...chart(), unit, places: values.map(String), lines: [{ label: 'l', values }] },
            'c',
          );
          expect(svg === undefined).toBe(values.every((one) => one === null));
          expect(svg ?? '').not.toMatch(/NaN|Infinity|undefined/);
        },
      ),
    );
  });
});

describe('an axis', () => {
  it.each<[number, Unit, readonly string[]]>([
    [0, 'count', ['0', '1']],
    [3, 'count', ['0', '1', '2', '3']],
    [97, 'count', ['0', '50', '100']],
    [1_300_000, 'count', ['0', '500 k', '1 M', '1.5 M']],
    [0.43, 'ratio', ['0 %', '20 %', '40 %', '60 %']],
    [3 * GiB, 'bytes', ['0', '1 GiB', '2 GiB', '3 GiB']],
    [8192, 'bytes', ['0', '2 KiB', '4 KiB', '6 KiB', '8 KiB']],
    [0.0042, 'seconds', ['0', '2 ms', '4 ms', '6 ms']],
  ])('up to %s of %s has the lines %j', (largest, unit, texts) => {
    expect(scaleFor(largest, unit).ticks.map(({ text }) => text)).toEqual(texts);
  });

  it('holds every value, with five lines at most', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e16, noNaN: true }),
        fc.constantFrom<Unit>('bytes', 'count', 'ratio', 'seconds'),
        (largest, unit) => {
          const { most, ticks } = scaleFor(largest, unit);
          expect(most).toBeGreaterThanOrEqual(largest * 0.999_999);
          expect(ticks.length).toBeLessThanOrEqual(6);
        },
      ),
    );
  });
});
