import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allClaims, allMeasures, claimsNamed } from '../../bench/spec/claims.ts';
import type { Claim, Expects, Measurement, Row, Timing } from '../../bench/spec/model.ts';
import { findNode, shortPlan } from '../../bench/spec/plan-form.ts';
import { median, percentile } from '../../bench/spec/statistics.ts';
import { linesOf, type RunFacts, resultsPage, significant, verdictText } from '../../bench/spec/table.ts';
import { verdictOf } from '../../bench/spec/verdict.ts';
import { inRepository, readText } from '../support/repository.ts';

const timing = (medianMs: number, p95Ms = medianMs, plan = 'Seq Scan t'): Timing => ({
  medianMs,
  p95Ms,
  runs: 40,
  plan,
});
const compared = (before: number, after: number, label = 'q'): Measurement => ({
  kind: 'compared',
  label,
  before: { ...timing(before), blocks: 1_500 },
  after: { ...timing(after, after, 'Index Scan i'), blocks: 4 },
  ratio: after / before,
});
const verdict = (expects: Expects, ...measurements: readonly Measurement[]): string =>
  verdictText(verdictOf({ kind: 'measured', by: [], expects }, measurements));

describe('statistics', () => {
  it('takes the middle of times', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it('takes a 95th percentile that was seen', () => {
    const hundred = Array.from({ length: 100 }, (_, place) => 100 - place);
    expect(percentile(hundred, 0.95)).toBe(95);
    expect(percentile([5, 1, 2], 0.95)).toBe(5);
    expect(percentile([7], 0.5)).toBe(7);
    expect(percentile([], 0.95)).toBeNaN();
  });
});

describe('a verdict', () => {
  it('lets a gain miss its claim by a few points', () => {
    const expects: Expects = { kind: 'gain', from: 50, to: 70 };
    expect(verdict(expects, compared(100, 40))).toBe('holds');
    expect(verdict(expects, compared(100, 54))).toBe('holds');
    expect(verdict(expects, compared(100, 56))).toBe('does not hold');
    expect(verdict(expects, compared(100, 150))).toBe('does not hold');
    expect(verdict(expects, compared(100, 10))).toBe('holds: more than said');
  });

  it('goes by the ratio of pairs, not by that of medians', () => {
    const pairs: Measurement = { ...compared(100, 90), ratio: 0.4 } as Measurement;
    expect(verdict({ kind: 'gain', from: 50, to: 70 }, pairs)).toBe('holds');
  });

  it('sees no gain where the plan is the same', () => {
    const noise: Measurement = {
      kind: 'compared',
      label: 'q',
      before: timing(100),
      after: timing(30),
      ratio: 0.3,
    };
    expect(verdict({ kind: 'gain', from: 50, to: 70 }, noise)).toBe('does not hold: the same plan in both');
  });

  it('takes a cost for a bound', () => {
    const expects: Expects = { kind: 'cost', from: 5, to: 10 };
    expect(verdict(expects, compared(100, 108))).toBe('holds');
    expect(verdict(expects, compared(100, 90))).toBe('holds: less than said');
    expect(verdict(expects, compared(100, 140))).toBe('does not hold');
  });

  it('compares factors', () => {
    const expects: Expects = { kind: 'speedup', from: 2, to: 3 };
    expect(verdict(expects, compared(25, 10))).toBe('holds');
    expect(verdict(expects, compared(50, 10))).toBe('holds: more than said');
    expect(verdict(expects, compared(15, 10))).toBe('does not hold');
  });

  it('asks the 95th percentile of a bound, too', () => {
    const expects: Expects = { kind: 'below', ms: 100, side: 'after' };
    expect(verdict(expects, { kind: 'timed', label: 'q', timing: timing(10, 20) })).toBe('holds');
    expect(verdict(expects, { kind: 'timed', label: 'q', timing: timing(10, 120) })).toMatch(
      /^depends: the load/,
    );
    expect(verdict(expects, { kind: 'timed', label: 'q', timing: timing(110, 120) })).toBe('does not hold');
  });

  it('takes the side of a comparison that the claim is about', () => {
    const slow = compared(300, 50);
    expect(verdict({ kind: 'above', ms: 200, side: 'before' }, slow)).toBe('holds');
    expect(verdict({ kind: 'above', ms: 200, side: 'after' }, slow)).toBe(
      'does not hold: 4.0 × as fast as said',
    );
    expect(verdict({ kind: 'takes', fromMs: 40, toMs: 60, side: 'after' }, slow)).toBe('holds');
    expect(verdict({ kind: 'takes', fromMs: 100, toMs: 200, side: 'after' }, slow)).toBe(
      'holds: faster than said',
    );
    expect(verdict({ kind: 'takes', fromMs: 10, toMs: 20, side: 'after' }, slow)).toBe(
      'does not hold: slower than said',
    );
  });

  it('cannot tell what somebody else’s machine took', () => {
    const expects: Expects = { kind: 'took', fromMs: 400, toMs: 800, side: 'before' };
    expect(verdict(expects, compared(500, 1))).toBe('holds');
    expect(verdict(expects, compared(4, 1))).toBe('depends: the machine and its data: 100 × as fast here');
    expect(verdict(expects, compared(250, 1))).toBe('holds');
    expect(verdict(expects, compared(3200, 1))).toBe('depends: the machine and its data: 4.0 × as slow here');
  });

  it('keeps figures to their bounds, and refusals for refusals', () => {
    const figure = (value: number): Measurement => ({ kind: 'figure', label: 'f', value, unit: 'MB' });
    expect(verdict({ kind: 'figure', from: 15, to: 20 }, figure(15))).toBe('holds');
    expect(verdict({ kind: 'figure', from: 15, to: 20 }, figure(21))).toBe('does not hold: more');
    expect(verdict({ kind: 'figure', from: 15, to: 20 }, figure(3))).toBe('does not hold: less');
    expect(verdict({ kind: 'figure', from: 15, to: 20, dependsOn: 'the rows' }, figure(3))).toBe(
      'depends: the rows: less here',
    );
    expect(verdict({ kind: 'possible' }, { kind: 'refused', label: 'i', why: 'not immutable' })).toBe(
      'does not hold: not immutable',
    );
    expect(verdict({ kind: 'possible' }, { kind: 'done', label: 'i' })).toBe('holds');
  });

  it('tells several measurements apart where they disagree', () => {
    const expects: Expects = { kind: 'gain', from: 50, to: 50 };
    const good = compared(100, 40, 'joins');
    const bad = compared(100, 100, 'filters');
    expect(verdict(expects, good, good)).toBe('holds: all 2');
    expect(verdict(expects, bad, bad)).toBe('does not hold: none of 2');
    expect(verdict(expects, good, bad)).toBe('depends: holds for joins');
    expect(verdict(expects, good, bad, bad, bad, good)).toBe('depends: 2 of 5 hold');
  });

  it('is none where nothing, or the wrong thing, was measured', () => {
    const gain: Expects = { kind: 'gain', from: 50, to: 50 };
    expect(verdict(gain)).toMatch(/^NOT MEASURED/);
    expect(verdict(gain, { kind: 'done', label: 'i' })).toMatch(/^NOT MEASURED/);
    expect(verdict(gain, compared(2, 1), { kind: 'done', label: 'i' })).toMatch(/^NOT MEASURED/);
  });
});

describe('the short form of a plan', () => {
  const scan = { 'Node Type': 'Index Scan', 'Index Name': 'i', 'Relation Name': 't', 'Actual Rows': 20 };
  it('names indexes, and tables only where none is used', () => {
    expect(shortPlan({ 'Node Type': 'Limit', Plans: [scan] })).toBe('Index Scan i');
    expect(
      shortPlan({
        'Node Type': 'Nested Loop',
        'Join Type': 'Left',
        Plans: [scan, { 'Node Type': 'Seq Scan', 'Relation Name': 'u' }],
      }),
    ).toBe('Nested Loop Left(Index Scan i, Seq Scan u)');
    expect(
      shortPlan({
        'Node Type': 'Bitmap Heap Scan',
        'Relation Name': 't',
        Plans: [{ 'Node Type': 'Bitmap Index Scan', 'Index Name': 'i' }],
      }),
    ).toBe('Bitmap Scan i');
    expect(shortPlan({ 'Node Type': 'Result' })).toBe('');
  });

  it('finds the first node of a type', () => {
    expect(findNode({ 'Node Type': 'Limit', Plans: [scan] }, 'Index Scan')?.['Actual Rows']).toBe(20);
    expect(findNode({ 'Node Type': 'Limit', Plans: [scan] }, 'Sort')).toBeUndefined();
  });
});

const claim: Claim = {
  id: 'residency.a.b',
  document: 'residency',
  section: 'Section | one',
  claim: '50 % less',
  answer: { kind: 'measured', by: ['x'], expects: { kind: 'gain', from: 50, to: 50 } },
};
const rowOf = (measurements: readonly Measurement[]): Row => ({
  claim,
  measurements,
  verdict: verdictOf(claim.answer, measurements),
});
const facts: RunFacts = {
  postgresVersion: '17.1',
  runs: 40,
  fewestRuns: 40,
  scale: 1,
  rows: [['assignments', 109_500]],
  settings: [['autovacuum', 'off']],
};

describe('the table', () => {
  it('puts the ratio first, and the times of both sides behind', () => {
    expect(linesOf(rowOf([compared(10, 4)]))).toEqual([
      {
        id: 'residency.a.b',
        claim: '50 % less',
        label: 'q',
        ratio: '−60 %',
        blocks: '1,500 → 4',
        medianMs: '10 → 4',
        p95Ms: '10 → 4',
        plan: 'Seq Scan t → Index Scan i',
        verdict: 'holds: more than said',
      },
    ]);
  });

  it('has a line for each measurement, and one for many', () => {
    const lines = linesOf(rowOf([compared(10, 5, 'a'), compared(10, 12, 'b')]));
    expect(lines.map(({ id, label, ratio, verdict: said }) => [id, label, ratio, said])).toEqual([
      ['residency.a.b', 'a', '−50 %', 'depends: holds for a'],
      ['', 'b', '+20 %', ''],
    ]);
    const many = linesOf(rowOf(Array.from({ length: 20 }, (_, place) => compared(10, 1 + place / 2))));
    expect(many).toHaveLength(1);
    expect(many[0]).toMatchObject({
      label: '20 queries',
      ratio: expect.stringMatching(/^−90 % to \+?±?.* %/),
    });
  });

  it('says a time as a share of its bound', () => {
    const [line] = linesOf({
      claim: {
        ...claim,
        answer: { kind: 'measured', by: [], expects: { kind: 'below', ms: 100, side: 'after' } },
      },
      measurements: [{ kind: 'timed', label: 'q', timing: timing(12.345, 20) }],
      verdict: { kind: 'holds' },
    });
    expect(line).toMatchObject({ ratio: '0.123 of 100 ms', medianMs: '12.3', p95Ms: '20' });
  });

  it('writes numbers without an exponent', () => {
    expect([0.001234, 1.5, 12.345, 123.45, 1234.5, 2000].map(significant)).toEqual([
      '0.00123',
      '1.5',
      '12.3',
      '123',
      '1,235',
      '2,000',
    ]);
  });

  it('makes the same page of the same results', () => {
    const rows = [rowOf([compared(10, 4)])];
    const page = resultsPage(rows, facts);
    expect(page).toBe(resultsPage(rows, facts));
    expect(page).toContain('| assignments | 109,500 |');
    expect(page).toContain('| runs of each statement | 40 |');
    expect(resultsPage(rows, { ...facts, fewestRuns: 7 })).toContain('| 40, at least 7 |');
    expect(page).toContain(
      '| `residency.a.b` | 50 % less | q | −60 % | 1,500 → 4 | 10 → 4 | 10 → 4 | Seq Scan t → Index Scan i |',
    );
    // As many cells in every row of a table as in its head.
    const cells = (line: string): number => line.replaceAll('\\|', '').split('|').length;
    const lines = page.split('\n');
    for (const [place, line] of lines.entries())
      if (line.startsWith('|') && lines[place - 1]?.startsWith('|'))
        expect(cells(line), line).toBe(cells(lines[place - 1] ?? ''));
  });
});

describe('the list of claims', () => {
  it('has an id, a document and a section for each', () => {
    const ids = allClaims.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { id, document, section, claim: text } of allClaims) {
      expect(id).toMatch(/^(?:residency|backtest)(?:\.[a-z0-9-]+)+$/);
      expect(id.startsWith(`${document}.`), id).toBe(true);
      expect(
        [section, text].filter((each) => each.trim() === ''),
        id,
      ).toEqual([]);
    }
  });

  it('is measured by what there is, and measures nothing that no claim asks for', () => {
    const asked = new Set(allClaims.flatMap(({ answer }) => (answer.kind === 'measured' ? answer.by : [])));
    expect([...asked].filter((name) => !allMeasures.has(name))).toEqual([]);
    expect([...allMeasures.keys()].filter((name) => !asked.has(name))).toEqual([]);
    for (const { id, answer } of allClaims)
      if (answer.kind === 'measured') expect(answer.by.length, id).toBeGreaterThan(0);
  });

  it('says what each number is that is no claim, and names files that are there', () => {
    for (const { id, answer } of allClaims) {
      if (answer.kind !== 'no-claim') continue;
      expect(answer.why.length, id).toBeGreaterThan(20);
      const files = [...answer.why.matchAll(/`([\w.-]+(?:\/[\w.-]+)+)`/g)].map(([, file = '']) => file);
      expect(
        files.filter((file) => !existsSync(inRepository(file))),
        id,
      ).toEqual([]);
    }
  });

  it('is found by parts of ids', () => {
    expect(claimsNamed([])).toEqual(allClaims);
    expect(claimsNamed(['cursor-speedup']).map(({ id }) => id)).toEqual([
      'backtest.pagination.cursor-speedup',
      'backtest.summary.cursor-speedup',
    ]);
    expect(claimsNamed(['no such claim'])).toEqual([]);
  });

  it('stands in docs/spec-results.md, whole, in its order and with a verdict each', () => {
    const rows = readText('docs', 'spec-results.md')
      .split('\n')
      .filter((line) => /^\| `(?:residency|backtest)\./.test(line));
    const ids = rows.map((line) => /^\| `([^`]+)`/.exec(line)?.[1]);
    expect(ids).toEqual(allClaims.map(({ id }) => id));
    for (const line of rows)
      expect(line).toMatch(
        /\| (?:holds|does not hold|depends: .+|no claim: .+|holds: .+|does not hold: .+) \|$/,
      );
  });
});
