import { describe, expect, it } from 'vitest';
import { unexpectedIndex } from '../../src/detectors/unexpected-index/detector.ts';
import type { Expectation } from '../../src/model/expectation.ts';
import { anExpectation, type DescribedIndex, failed } from '../support/builders.ts';
import { type Circumstances, judge, onlyDraft, reasonsOf } from './judge.ts';

const judged = (
  expected: readonly Expectation[],
  indexes: readonly DescribedIndex[],
  circumstances: Circumstances = {},
) =>
  judge(unexpectedIndex, [{ name: 'orders', columns: ['id', 'a', 'b'], indexes }], {
    expectations: expected,
    ...circumstances,
  });

const unnamed: Circumstances = { settings: { unnamed: true } };
const one = anExpectation({ name: 'one', keys: ['a'], priority: 1, alternatives: ['g'] });
const other = anExpectation({ name: 'other', keys: ['b'], priority: 2, alternatives: ['g'] });
const stray: DescribedIndex = { name: 'stray', keys: ['b'] };

describe('unexpected-index', () => {
  it('opens for the alternative of lower priority where two of a group are there', () => {
    const draft = onlyDraft(
      judged(
        [other, one],
        [
          { name: 'x', keys: ['b'] },
          { name: 'y', keys: ['a'] },
        ],
      ),
    );
    expect(draft).toMatchObject({
      severity: 'info',
      confidence: 'proven',
      subject: 'x',
      evidence: { group: 'g' },
      related: [{ indexrelname: 'y', role: 'overlaps' }],
      remedy: { kind: 'review' },
    });
    expect(draft.title).toContain('is an alternative to y, which is there as well (group g)');
  });

  it.each<[string, readonly Expectation[], readonly DescribedIndex[]]>([
    ['one of a group', [one, other], [stray]],
    [
      'an alternative that is expected by itself as well',
      [one, other, anExpectation({ name: 'third', keys: ['b'] })],
      [stray, { name: 'y', keys: ['a'] }],
    ],
    [
      'an alternative that enforces uniqueness',
      [one, other],
      [
        { name: 'x', keys: ['b'], fact: { isUnique: true } },
        { name: 'y', keys: ['a'] },
      ],
    ],
    ['what no manifest names, unasked', [anExpectation()], [stray]],
  ])('is silent on %s', (_, expected, indexes) => {
    expect(judged(expected, indexes)).toMatchObject({ drafts: [], undecided: [] });
  });

  it('opens for what no manifest names, if asked', () => {
    const draft = onlyDraft(judged([anExpectation()], [stray, { name: 'i', keys: ['a'] }], unnamed));
    expect(draft).toMatchObject({ severity: 'info', subject: 'stray', evidence: { group: null } });
    expect(draft.title).toBe('stray on public.orders (b), 10 MiB is in no manifest');
  });

  it.each<[string, readonly Expectation[], DescribedIndex]>([
    ['of the expected name, whatever it is', [anExpectation()], { name: 'idx_orders_a', keys: ['b'] }],
    ['that is unique', [anExpectation()], { name: 'i', keys: ['b'], fact: { isUnique: true } }],
    [
      'that is a primary key',
      [anExpectation()],
      { name: 'i', keys: ['id'], fact: { isUnique: true, isPrimary: true } },
    ],
    ['that is invalid', [anExpectation()], { name: 'i', keys: ['b'], fact: { isValid: false } }],
    ['where there is no manifest', [], stray],
    ['in a schema that no manifest names', [anExpectation({ schemaname: 'elsewhere' })], stray],
  ])('is silent, even if asked, on an index %s', (_, expected, index) => {
    expect(judged(expected, [index], unnamed).drafts).toEqual([]);
  });

  it('is inconclusive where the indexes could not be read', () => {
    const facts = { outcomes: { indexes: failed('the server is gone') } };
    const said = judged([one], [stray], { facts });
    expect(said.drafts).toEqual([]);
    expect(reasonsOf(said)[0]).toContain('the server is gone');
  });
});
