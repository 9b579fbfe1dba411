import { describe, expect, it } from 'vitest';
import { modulesFor } from '../../bench/scale/catalogue.ts';
import { type Figure, isMet, slope, told } from '../../bench/scale/figure.ts';
import { flameGraph } from '../../bench/scale/flame-graph.ts';
import { withResults } from '../../bench/scale/page.ts';
import {
  bytesByComponent,
  type CpuProfile,
  during,
  type HeapProfile,
  timeByComponent,
  topCalls,
} from '../../bench/scale/profile.ts';
import { timeByPart } from '../../bench/scale/shapes.ts';
import { readText } from '../support/repository.ts';

const frame = (functionName: string, file: string) => ({
  functionName,
  url: file === '' ? '' : `file:///x/dist/${file}.js`,
  lineNumber: 6,
});

/** 10 ms each: a pass that judges, a sort that the detector calls, the collector of garbage, nothing to do. */
const profile: CpuProfile = {
  startTime: 1_000_000,
  endTime: 1_040_000,
  nodes: [
    { id: 1, callFrame: frame('(root)', ''), children: [2, 5, 6] },
    { id: 2, callFrame: frame('#pass', 'watch/target-watcher'), children: [3] },
    { id: 3, callFrame: frame('evaluate', 'detectors/unused-index/detector'), children: [4] },
    { id: 4, callFrame: frame('sort', '') },
    { id: 5, callFrame: frame('(garbage collector)', '') },
    { id: 6, callFrame: frame('(idle)', '') },
  ],
  samples: [2, 4, 5, 6, 6],
  timeDeltas: [0, 10_000, 10_000, 10_000, 10_000],
};

describe('profiles', () => {
  it('give what builtins take to who called them', () => {
    expect(Object.fromEntries(timeByComponent(profile))).toEqual({
      watch: 10,
      detectors: 10,
      'garbage collection': 10,
      idle: 10,
    });
  });

  it('count a call with everything it calls', () => {
    expect(topCalls(profile)).toEqual([
      ['#pass watch/target-watcher:7', 20],
      ['evaluate detectors/unused-index/detector:7', 10],
    ]);
  });

  it('tell who was at work while the event loop was held up', () => {
    expect(during(profile, 1_010_000, 10)).toEqual([['evaluate detectors/unused-index/detector:7', 10]]);
  });

  it('give a detector what it calls, whoever runs it in slices', () => {
    const sliced: CpuProfile = {
      ...profile,
      nodes: profile.nodes.map((node) =>
        node.id === 2 ? { ...node, callFrame: frame('inSlices', 'store/in-slices') } : node,
      ),
    };
    expect(Object.fromEntries(timeByPart(sliced))).toEqual({
      other: 10,
      'detector unused-index': 10,
      'garbage collection': 10,
      idle: 10,
    });
  });

  it('give memory that libraries asked for to who called them', () => {
    const node = (name: string, file: string, selfSize: number, children: readonly object[] = []) => ({
      callFrame: frame(name, file),
      selfSize,
      children,
    });
    const head = node('(root)', '', 0, [
      node('evaluate', 'detectors/evaluate', 1, [node('sort', '', 2), node('add', 'postgres/rows', 4)]),
      node('(anonymous)', '', 8),
    ]);
    expect(Object.fromEntries(bytesByComponent({ head } as HeapProfile))).toEqual({
      detectors: 3,
      parse: 4,
      other: 8,
    });
  });

  it('become a flame graph without idle time, with names escaped', () => {
    const graph = flameGraph(profile, 'a <first> pass');
    expect(graph).toContain('a &lt;first&gt; pass');
    expect(graph).toContain('<title>#pass watch/target-watcher:7: 20 ms, 66.7 %</title>');
    expect(graph).not.toContain('idle');
  });
});

describe('figures', () => {
  const figure: Figure = {
    piece: 'floor',
    what: 'pass / floor',
    at: '10 indexes',
    value: 3,
    unit: 'times',
    aim: 2.5,
  };

  it('are met, not met, or have no aim', () => {
    expect(isMet(figure)).toBe(false);
    expect(isMet({ ...figure, value: 2.5 })).toBe(true);
    expect(isMet({ ...figure, value: Number.NaN })).toBeUndefined();
  });

  it('stand in the page beside their aim', () => {
    expect(withResults(readText('docs/performance.md'), [figure], ['10 indexes'])).toContain(
      '| pass / floor | 3.00 × (NOT met) | ≤ 2.50 × |',
    );
  });

  it('take the place of those of the same piece, and leave those of others', () => {
    const page = readText('docs/performance.md');
    const loop: Figure = { ...figure, piece: 'loop', what: 'longest block', unit: 'ms' };
    const both = withResults(withResults(page, [figure], ['10 indexes']), [loop], ['20 indexes']);
    const again = withResults(both, [{ ...figure, value: 2 }], ['30 indexes']);
    expect(both).toContain('3.00 × (NOT met)');
    expect(both).toContain('- 10 indexes');
    expect(again).not.toContain('3.00 × (NOT met)');
    expect(again).toContain('| pass / floor | 2.00 × (met) | ≤ 2.50 × |');
    expect(again).toContain('| longest block | 3.00 ms (NOT met) |');
    expect(again).toContain('- 30 indexes');
    expect(withResults(again, [{ ...figure, value: 2 }], ['30 indexes'])).toBe(again);
  });

  it('have a slope that is the change from one to the next', () => {
    expect(slope([5, 7, 9, 11])).toBeCloseTo(2);
    expect(slope([4, 4, 4])).toBe(0);
  });

  it('are told in the units that people read', () => {
    expect([told(0.004, 'share'), told(1_234, 'ms'), told(2.345, 'times')]).toEqual([
      '0.400 %',
      '1,234 ms',
      '2.35 ×',
    ]);
  });
});

describe('wide catalogues', () => {
  it('have about as many indexes as were asked for', () => {
    for (const wanted of [1_000, 10_000, 100_000])
      expect(Math.abs(modulesFor(wanted).indexes - wanted)).toBeLessThan(40);
  });
});

describe('docs/performance.md', () => {
  it('has a place for the results', () => {
    const page = readText('docs/performance.md');
    expect(page.indexOf('<!-- results: written by')).toBeLessThan(page.indexOf('<!-- end of results -->'));
  });
});
