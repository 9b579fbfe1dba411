import { describe, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import { buildPage } from '../../src/metrics/exposition.ts';
import { SeriesMemory } from '../../src/metrics/relations.ts';
import { renderGeneration } from '../../src/metrics/render.ts';
import type { Finding } from '../../src/model/finding.ts';
import { dayMs, hourMs, MiB } from '../../src/model/units.ts';
import { aFinding, aGeneration, factsOf, failed, takenAtMs } from '../support/builders.ts';
import { parseExposition } from './parse-exposition.ts';

interface Look {
  /** By index, in MiB; null where it could not be read. */
  readonly sizes: Readonly<Record<string, number | null>>;
  readonly open?: readonly string[];
  readonly atMs?: number;
}

const generationOf = ({ sizes, open = [], atMs = takenAtMs }: Look): Generation =>
  aGeneration({
    publishedAtMs: atMs,
    facts: factsOf([
      {
        name: 'orders',
        columns: ['a'],
        indexes: Object.entries(sizes).map(([name, size]) => ({
          name,
          keys: ['a'],
          sizeBytes: size === null ? null : size * MiB,
        })),
      },
    ]),
    findings: open.map((indexrelname): Finding => aFinding({ indexrelname })),
  });

/** The indexes with series of their own in each of a target's pages, one after the other; two at most. */
function shownIn(generations: readonly Generation[]): readonly (readonly (string | undefined)[])[] {
  const memory = new SeriesMemory();
  return generations.map((generation) => {
    const rendered = renderGeneration(generation, { maxIndexSeries: 2, keepSeriesForMs: dayMs }, memory);
    const { samples } = parseExposition(buildPage([rendered], 'text'));
    return samples
      .filter(({ name }) => name === 'pgindex_info')
      .map(({ labels }) => labels.get('indexrelname'));
  });
}

describe('which indexes have series of their own does not flap', () => {
  test('two of a size do not change places whenever one of them grows a little', () => {
    const looks = [
      { a: 100, b: 90, c: 80 },
      { a: 100, b: 90, c: 95 },
      { a: 100, b: 90, c: 89 },
      { a: 100, b: 90, c: 110 },
    ].map((sizes) => generationOf({ sizes }));
    expect(shownIn(looks)).toEqual([
      ['a', 'b'],
      ['a', 'b'],
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  test('one that outgrows another by more than a quarter takes its place, and keeps it', () => {
    const looks = [
      { a: 100, b: 90, c: 80 },
      { a: 100, b: 90, c: 113 },
      { a: 100, b: 95, c: 91 },
    ].map((sizes) => generationOf({ sizes }));
    expect(shownIn(looks)).toEqual([
      ['a', 'b'],
      ['a', 'c'],
      ['a', 'c'],
    ]);
  });

  test('a finding that opens and closes does not take its index on and off the page', () => {
    const sizes = { a: 100, b: 90, tiny: 1 };
    const at = (hours: number, open: readonly string[]): Generation =>
      generationOf({ sizes, open, atMs: takenAtMs + hours * hourMs });
    expect(shownIn([at(0, []), at(1, ['tiny']), at(2, []), at(25, []), at(26, [])])).toEqual([
      ['a', 'b'],
      ['a', 'tiny'],
      ['a', 'tiny'],
      ['a', 'tiny'],
      ['a', 'b'],
    ]);
  });

  test('one that had a finding lately makes room for one that has it now', () => {
    const sizes = { a: 100, b: 90, c: 1, d: 1, e: 1 };
    const opened = [['c'], ['d'], ['d', 'e']].map((open) => generationOf({ sizes, open }));
    expect(shownIn(opened)).toEqual([
      ['a', 'c'],
      ['c', 'd'],
      ['d', 'e'],
    ]);
  });

  test('sizes that could not be read turn nothing over', () => {
    const [known, unknown] = [
      { a: 1, b: 100, c: 90 },
      { a: null, b: null, c: null },
    ];
    expect(shownIn([known, unknown].map((sizes) => generationOf({ sizes })))).toEqual([
      ['b', 'c'],
      ['b', 'c'],
    ]);
  });

  test('a round in which the indexes could not be read forgets nothing', () => {
    const unread = aGeneration({ facts: factsOf([], { outcomes: { indexes: failed('timeout') } }) });
    const looks = [
      generationOf({ sizes: { a: 100, b: 90, c: 80 } }),
      unread,
      generationOf({ sizes: { a: 100, b: 90, c: 95 } }),
    ];
    expect(shownIn(looks)).toEqual([['a', 'b'], [], ['a', 'b']]);
  });
});
