import { describe, expect, it } from 'vitest';
import { missingExpectedIndex } from '../../src/detectors/missing-expected-index/detector.ts';
import type { Expectation } from '../../src/model/expectation.ts';
import {
  aColumnStatisticsFact,
  anExpectation,
  collationOid,
  type DescribedIndex,
  type DescribedTable,
  failed,
  ginJsonbOps,
  ginJsonbPathOps,
  tableOid,
  textPatternOps,
} from '../support/builders.ts';
import { type Circumstances, judge, onlyDraft, reasonsOf } from './judge.ts';

const orders = (
  indexes: readonly DescribedIndex[] = [],
  more: Partial<DescribedTable> = {},
): DescribedTable => ({
  name: 'orders',
  columns: [
    'id',
    'a',
    'b',
    { name: 'status', type: 'text' },
    { name: 'doc', type: 'jsonb' },
    { name: 'at', type: 'timestamptz' },
  ],
  indexes,
  ...more,
});

const judged = (
  expected: readonly Expectation[],
  indexes: readonly DescribedIndex[] = [],
  more: Partial<DescribedTable> = {},
  circumstances: Circumstances = {},
) => judge(missingExpectedIndex, [orders(indexes, more)], { expectations: expected, ...circumstances });

const failedOnly = anExpectation({ keys: ['at DESC'], predicate: "status = 'failed'" });

describe('missing-expected-index', () => {
  it('opens for an expected index that nothing on its table is equal to', () => {
    const draft = onlyDraft(
      judged([anExpectation({ phase: 2, reason: 'lists by a', expectedGain: '60 %' })]),
    );
    expect(draft).toMatchObject({
      severity: 'warning',
      confidence: 'proven',
      index: null,
      subject: 'idx_orders_a',
      columns: ['a'],
      title: 'Expected index idx_orders_a on public.orders (a) is missing',
      evidence: {
        expectedIndex: 'idx_orders_a',
        shape: '(a)',
        manifest: 'expectations/shop.yaml',
        priority: 1,
        phase: 2,
        reason: 'lists by a',
        expectedGain: '60 %',
      },
      caveats: [],
      remedy: { kind: 'create-expected-index' },
    });
  });

  it.each<[string, Expectation, DescribedIndex]>([
    ['one under another name', anExpectation(), { name: 'other', keys: ['a'] }],
    ['its mirror', anExpectation({ keys: ['a DESC', 'b'] }), { name: 'i', keys: ['a', 'b DESC'] }],
    ['a unique one', anExpectation(), { name: 'i', keys: ['a'], fact: { isUnique: true } }],
    [
      'its payload in another order',
      anExpectation({ include: ['b', 'id'] }),
      { name: 'i', keys: ['a'], include: ['id', 'b'] },
    ],
    [
      'the condition as the server prints it',
      failedOnly,
      { name: 'i', keys: ['at DESC'], where: "((status)::text = 'failed'::text)" },
    ],
    [
      'the expression as the server prints it',
      anExpectation({ keys: ['(lower(status))'] }),
      { name: 'i', keys: ['lower(status)'], fact: { expressions: 'lower((status)::text)' } },
    ],
  ])('is silent with %s', (_, expected, index) => {
    expect(judged([expected], [index])).toMatchObject({ drafts: [], undecided: [] });
  });

  const inClass = (name: string): Expectation => ({
    ...anExpectation({ method: 'gin' }),
    keys: [{ kind: 'column', text: 'doc', isDescending: false, isNullsFirst: false, operatorClass: name }],
  });
  it.each<[string, Expectation, DescribedIndex]>([
    ['another column order', anExpectation({ keys: ['a', 'b'] }), { name: 'i', keys: ['b', 'a'] }],
    ['another sort order', anExpectation({ keys: ['a', 'b DESC'] }), { name: 'i', keys: ['a', 'b'] }],
    ['another null order', anExpectation({ keys: ['a NULLS FIRST'] }), { name: 'i', keys: ['a'] }],
    ['a wider index', anExpectation(), { name: 'i', keys: ['a', 'b'] }],
    [
      'a key as payload only',
      anExpectation({ keys: ['a', 'b'] }),
      { name: 'i', keys: ['a'], include: ['b'] },
    ],
    ['less payload', anExpectation({ include: ['b'] }), { name: 'i', keys: ['a'] }],
    ['an invalid one', anExpectation(), { name: 'i', keys: ['a'], fact: { isValid: false } }],
    ['another method', anExpectation(), { name: 'i', keys: ['a'], fact: { accessMethod: 'hash' } }],
    ['one that is not unique', anExpectation({ isUnique: true }), { name: 'i', keys: ['a'] }],
    [
      'a deferrable unique constraint',
      anExpectation({ isUnique: true }),
      { name: 'i', keys: ['a'], fact: { isUnique: true, isImmediate: false } },
    ],
    [
      'another operator class',
      anExpectation({ keys: ['status'] }),
      { name: 'i', keys: ['status'], fact: { operatorClasses: [textPatternOps.operatorClassOid] } },
    ],
    [
      'another collation',
      anExpectation({ keys: ['status'] }),
      { name: 'i', keys: ['status'], fact: { collations: [collationOid(950)] } },
    ],
    [
      'the default class where another one is named',
      inClass('jsonb_path_ops'),
      {
        name: 'i',
        keys: ['doc'],
        fact: { accessMethod: 'gin', operatorClasses: [ginJsonbOps.operatorClassOid] },
      },
    ],
    ['a full one for a partial one', failedOnly, { name: 'i', keys: ['at DESC'] }],
    [
      'a partial one for a full one',
      anExpectation({ keys: ['at DESC'] }),
      { name: 'i', keys: ['at DESC'], where: "(status = 'failed'::text)" },
    ],
    [
      'another condition',
      failedOnly,
      { name: 'i', keys: ['at DESC'], where: "(status = 'interrupted'::text)" },
    ],
  ])('opens in spite of %s', (_, expected, index) => {
    expect(onlyDraft(judged([expected], [index])).confidence).toBe('proven');
  });

  it('is satisfied by the operator class that is named', () => {
    const index: DescribedIndex = {
      name: 'i',
      keys: ['doc'],
      fact: { accessMethod: 'gin', operatorClasses: [ginJsonbPathOps.operatorClassOid] },
    };
    expect(judged([inClass('jsonb_path_ops')], [index]).drafts).toEqual([]);
    expect(judged([inClass('pg_catalog.jsonb_path_ops')], [index]).drafts).toEqual([]);
  });

  it('says in what an index of the expected name differs', () => {
    const draft = onlyDraft(
      judged([anExpectation({ keys: ['a DESC'], include: ['b'] })], [{ name: 'idx_orders_a', keys: ['id'] }]),
    );
    expect(draft.title).toBe(
      'idx_orders_a on public.orders is not what is expected: keys (id) instead of (a DESC); payload none instead of (b)',
    );
    expect(draft.evidence.differences).toHaveLength(2);
    expect(draft.related).toMatchObject([{ indexrelname: 'idx_orders_a', role: 'overlaps' }]);
    expect(draft.remedy).toMatchObject({
      kind: 'create-expected-index',
      notes: expect.stringContaining('The name idx_orders_a is taken'),
    });
  });

  it('is only possible where the name is the same and two texts may mean the same', () => {
    const index: DescribedIndex = {
      name: 'idx_orders_a',
      keys: ['at DESC'],
      where: "(upper(status) = 'FAILED'::text)",
    };
    expect(onlyDraft(judged([failedOnly], [index]))).toMatchObject({
      severity: 'info',
      confidence: 'possible',
      remedy: { kind: 'review' },
      caveats: [expect.stringContaining('pg_get_indexdef')],
    });
  });

  it('points at the invalid index that has the definition', () => {
    const draft = onlyDraft(
      judged([anExpectation()], [{ name: 'broken', keys: ['a'], fact: { isValid: false } }]),
    );
    expect(draft.title).toContain('only as broken, which is invalid');
    expect(draft.remedy).toMatchObject({ kind: 'review', notes: expect.stringContaining('invalid-index') });
  });

  describe('severity', () => {
    it.each([
      ['info for a lower priority', anExpectation({ priority: 2 }), [], {}],
      ['info on a tiny table', anExpectation(), [], { rows: 12, usage: { liveRows: 12 } }],
      ['info where an index covers it', anExpectation(), [{ name: 'wide', keys: ['a', 'b'] }], {}],
    ] as const)('is %s', (_, expected, indexes, more) => {
      expect(onlyDraft(judged([expected], indexes, more)).severity).toBe('info');
    });
  });

  describe('alternatives', () => {
    const either = anExpectation({ name: 'one', keys: ['a'], priority: 2, alternatives: ['g'] });
    const or = anExpectation({ name: 'other', keys: ['b'], priority: 1, alternatives: ['g'] });

    it('are one finding where none is there, which prints the one of the highest priority', () => {
      const draft = onlyDraft(judged([either, or]));
      expect(draft).toMatchObject({
        severity: 'warning',
        subject: 'alternatives g',
        title: 'None of the alternatives other, one is on public.orders (group g)',
        columns: ['b'],
        evidence: { alternatives: ['other (b)', 'one (a)'] },
        remedy: { kind: 'create-expected-index', expectation: { name: 'other' } },
      });
    });

    it.each(['a', 'b'])('are satisfied by one on %s', (key) => {
      expect(judged([either, or], [{ name: 'i', keys: [key] }]).drafts).toEqual([]);
    });

    it('are open if the one that is there is invalid', () => {
      expect(
        judged([either, or], [{ name: 'i', keys: ['b'], fact: { isValid: false } }]).drafts,
      ).toHaveLength(1);
    });

    it('are not judged where one of them cannot be', () => {
      const typo = anExpectation({ name: 'third', keys: ['nope'], alternatives: ['g'] });
      const said = judged([either, typo]);
      expect(said.drafts).toEqual([]);
      expect(reasonsOf(said)[0]).toContain('there is no column nope');
    });
  });

  describe('what speaks against it', () => {
    const caveatsOf = (...given: Parameters<typeof judged>): string =>
      onlyDraft(judged(...given)).caveats.join('\n');

    it('says that an existing index covers it', () => {
      const draft = onlyDraft(judged([anExpectation()], [{ name: 'wide', keys: ['a', 'b'] }]));
      expect(draft.caveats).toEqual([
        'It would be covered by wide (a, b), which begins with the same keys: once built it is redundant.',
      ]);
      expect(draft.related).toMatchObject([{ indexrelname: 'wide', role: 'overlaps' }]);
    });

    it('says which existing index it makes redundant', () => {
      const draft = onlyDraft(
        judged([anExpectation({ keys: ['a', 'b'] })], [{ name: 'narrow', keys: ['a'] }]),
      );
      expect(draft.caveats).toEqual(['It makes narrow (a) redundant, since it begins with the same keys.']);
      expect(draft.related).toMatchObject([{ indexrelname: 'narrow', role: 'overlaps' }]);
    });

    it('says how expected indexes stand to each other', () => {
      const narrow = anExpectation({ name: 'narrow', keys: ['a'] });
      const wide = anExpectation({ name: 'wide', keys: ['a', 'b'] });
      const copy = anExpectation({ name: 'copy', keys: ['a'] });
      const by = new Map(judged([narrow, wide, copy]).drafts.map((draft) => [draft.subject, draft.caveats]));
      expect(by.get('narrow')).toEqual([
        'It would be covered by the expected index wide (a, b) once that exists, which begins with the same keys.',
        'It would duplicate the expected index copy (a): one of the two is enough.',
      ]);
      expect(by.get('wide')).toEqual([
        'It makes the expected index narrow (a) redundant once both exist, since it begins with the same keys.',
        'It makes the expected index copy (a) redundant once both exist, since it begins with the same keys.',
      ]);
    });

    it('does not weigh alternatives of one group against each other', () => {
      const one = anExpectation({ name: 'one', keys: ['a'], alternatives: ['g'] });
      const other = anExpectation({ name: 'other', keys: ['a', 'b'], alternatives: ['g'] });
      expect(caveatsOf([one, other])).toBe('');
    });

    it('says how few rows there are', () => {
      expect(caveatsOf([anExpectation()], [], { rows: 12, usage: { liveRows: 12 } })).toBe(
        'public.orders has 12 rows, fewer than 1,000: reading all of it costs no more than going through an index.',
      );
    });

    const statistics = (distinctValues: number) => ({
      facts: {
        columnStatistics: [
          aColumnStatisticsFact({
            tableOid: tableOid(10_000),
            attributeNumber: 2,
            distinctValues,
            commonFrequencies: [0.6, 0.4],
          }),
        ],
      },
    });
    it('says how few distinct values the column has', () => {
      expect(caveatsOf([anExpectation()], [], {}, statistics(2))).toMatch(
        /^a has 2 distinct values in 100,000 rows, the commonest in 60 % of them: /,
      );
      expect(caveatsOf([anExpectation()], [], {}, statistics(11))).toBe('');
      expect(caveatsOf([anExpectation({ keys: ['a', 'b'] })], [], {}, statistics(2))).toBe('');
    });

    it('says how much more is written than read', () => {
      const usage = { rowsInsertedTotal: 1_000_000, rowsUpdatedTotal: 0, rowsDeletedTotal: 0 };
      const read = { sequentialScansTotal: 1_000, indexScansTotal: 2_000 };
      expect(caveatsOf([anExpectation()], [], { usage: { ...usage, ...read } })).toMatch(
        /^Since the statistics began 1,000,000 rows were written and the table was read 3,000 times: /,
      );
      expect(
        caveatsOf([anExpectation()], [], { usage: { ...usage, ...read, indexScansTotal: 100_000 } }),
      ).toBe('');
    });
  });

  describe('is inconclusive', () => {
    it.each<[string, Expectation, RegExp]>([
      ['about a table that is not there', anExpectation({ relname: 'ordres' }), /no such table/],
      ['about a column that is not there', anExpectation({ keys: ['a', 'nope'] }), /no column nope/],
      ['about payload that is not there', anExpectation({ include: ['nope'] }), /no column nope/],
      ['about a column in a condition', anExpectation({ predicate: 'nope > 3' }), /no column nope/],
      ['about a column in an expression', anExpectation({ keys: ['(lower(nope))'] }), /no column nope/],
      [
        'about a type without a class',
        anExpectation({ keys: ['at'], method: 'gin' }),
        /no default operator class for gin/,
      ],
      [
        'about a day that depends on the time zone',
        anExpectation({ keys: ['((at)::date)'] }),
        /time zone; say which/,
      ],
    ])('%s', (_, expected, reason) => {
      const said = judged([expected]);
      expect(said.drafts).toEqual([]);
      expect(reasonsOf(said)).toEqual([expect.stringMatching(reason)]);
    });

    it('where the table was locked, unless it is seen to be there', () => {
      const locked = { name: 'hidden', keys: ['b'], fact: { isDefinitionKnown: false } };
      expect(reasonsOf(judged([anExpectation()], [locked]))[0]).toContain('the table was locked');
      expect(judged([anExpectation()], [locked, { name: 'i', keys: ['a'] }])).toMatchObject({
        undecided: [],
      });
    });

    it('without the columns of the tables', () => {
      const facts = { outcomes: { 'expected-columns': failed('the server is gone') } };
      const said = judged([anExpectation()], [], {}, { facts });
      expect(said.drafts).toEqual([]);
      expect(reasonsOf(said)[0]).toContain('the server is gone');
    });
  });

  it('says nothing where no manifest does', () => {
    expect(judged([])).toMatchObject({ drafts: [], undecided: [] });
  });
});
