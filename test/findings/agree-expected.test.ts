import { describe, expect, it } from 'vitest';
import { buildCatalogue } from '../../src/analysis/catalogue.ts';
import { expectationStates } from '../../src/analysis/expectation.ts';
import { statementReader } from '../../src/analysis/sql/conditions.ts';
import { loadSqlParser } from '../../src/analysis/sql/parser.ts';
import { usageWindow } from '../../src/analysis/usage-window.ts';
import type { Detector } from '../../src/detectors/define.ts';
import type { Draft } from '../../src/detectors/draft.ts';
import { duplicateIndex } from '../../src/detectors/duplicate-index/detector.ts';
import { evaluate } from '../../src/detectors/evaluate.ts';
import { missingExpectedIndex } from '../../src/detectors/missing-expected-index/detector.ts';
import { missingIndexCandidate } from '../../src/detectors/missing-index-candidate/detector.ts';
import { redundantIndex } from '../../src/detectors/redundant-index/detector.ts';
import { unindexedForeignKey } from '../../src/detectors/unindexed-foreign-key/detector.ts';
import { unusedIndex } from '../../src/detectors/unused-index/detector.ts';
import { agree } from '../../src/findings/agree.ts';
import type { Expectation } from '../../src/model/expectation.ts';
import { aPolicy } from '../detectors/judge.ts';
import {
  anExpectation,
  aSnapshot,
  aStatementFact,
  type DescribedTable,
  factsOf,
} from '../support/builders.ts';

const readStatement = statementReader(await loadSqlParser());

const detectors = [
  duplicateIndex,
  redundantIndex,
  unusedIndex,
  unindexedForeignKey,
  missingExpectedIndex,
  missingIndexCandidate,
] as readonly Detector[];

function agreed(expected: readonly Expectation[], orders: Partial<DescribedTable>): readonly Draft[] {
  const tables = [
    { name: 'orders', columns: ['a', 'b', 'c'], ...orders },
    { name: 'customers', columns: ['id'], usage: { rowsDeletedTotal: 0, rowsUpdatedTotal: 0 } },
  ];
  const snapshot = aSnapshot(factsOf(tables, { statements: [aStatementFact()] }));
  const catalogue = buildCatalogue(snapshot, () => true);
  const expectations = expectationStates(catalogue, expected);
  const { drafts } = evaluate(detectors, {
    snapshot,
    catalogue,
    window: catalogue.server && usageWindow(catalogue.server, snapshot.node, snapshot.takenAtMs),
    policyFor: () => aPolicy(),
    topology: { isComplete: true, unseenNodes: [] },
    settings: {},
    readStatement,
    expectations,
  });
  return agree(drafts, expectations);
}

const about = (drafts: readonly Draft[], name: string): Draft | undefined =>
  drafts.find(({ subject }) => subject === name);

describe('what a manifest expects', () => {
  it('is not dropped for being unused', () => {
    const drafts = agreed([anExpectation()], { indexes: [{ name: 'mine', keys: ['a'], scans: 0 }] });
    expect(about(drafts, 'mine')).toMatchObject({
      kind: 'unused-index',
      severity: 'info',
      impact: { reclaimableBytes: 0 },
      remedy: { kind: 'review', notes: expect.stringContaining('A manifest expects this index') },
      caveats: expect.arrayContaining([
        'The manifest expectations/shop.yaml expects it as idx_orders_a, and no other index that stays does the same.',
      ]),
    });
  });

  it('is not dropped for a wider index that is expected as well', () => {
    const expected = [anExpectation({ name: 'narrow' }), anExpectation({ name: 'wide', keys: ['a', 'b'] })];
    const indexes = [
      { name: 'narrow', keys: ['a'], scans: 5 },
      { name: 'wide', keys: ['a', 'b'], scans: 5 },
    ];
    expect(about(agreed(expected, { indexes }), 'narrow')).toMatchObject({
      kind: 'redundant-index',
      remedy: { kind: 'review' },
    });
    expect(about(agreed([], { indexes }), 'narrow')).toMatchObject({ remedy: { kind: 'drop-index' } });
  });

  it('may lose a copy, whatever the copies are called, and the drop says so', () => {
    const indexes = [
      { name: 'idx_orders_a', keys: ['a'], scans: 0 },
      { name: 'used', keys: ['a'], scans: 5 },
    ];
    const draft = about(agreed([anExpectation()], { indexes }), 'idx_orders_a');
    expect(draft).toMatchObject({ kind: 'duplicate-index', remedy: { kind: 'drop-index' } });
    expect(draft?.caveats.at(-1)).toBe(
      'The manifest expectations/shop.yaml expects it; used, which stays, does the same.',
    );
  });

  it('keeps one where every copy would go', () => {
    const indexes = [
      { name: 'one', keys: ['a'], scans: 0 },
      { name: 'two', keys: ['a'], scans: 0 },
      { name: 'wide', keys: ['a', 'b'], scans: 5, sizeBytes: 1_000_000 },
    ];
    const drafts = agreed([anExpectation()], { indexes }).filter(({ index }) => index !== null);
    // Each is unused besides being redundant.
    expect(new Set(drafts.map(({ subject, remedy }) => `${subject}: ${remedy.kind}`))).toEqual(
      new Set(['one: review', 'two: drop-index']),
    );
  });

  it('counts by its name where it could not be judged', () => {
    const typo = anExpectation({ keys: ['a', 'nope'] });
    const drafts = agreed([typo], { indexes: [{ name: 'idx_orders_a', keys: ['a'], scans: 0 }] });
    expect(about(drafts, 'idx_orders_a')).toMatchObject({ remedy: { kind: 'review' } });
  });
});

describe('a foreign key without an index', () => {
  const foreignKeys = [{ name: 'fk', columns: ['a'], references: 'customers' }];

  it('leaves the SQL to the expected index that will serve it', () => {
    const drafts = agreed([anExpectation({ keys: ['a', 'b'] })], { foreignKeys });
    expect(about(drafts, 'fk')).toMatchObject({
      kind: 'unindexed-foreign-key',
      remedy: { kind: 'review', notes: expect.stringContaining('idx_orders_a') },
    });
    expect(about(drafts, 'idx_orders_a')).toMatchObject({
      evidence: { servesForeignKeys: ['fk'] },
      remedy: {
        kind: 'create-expected-index',
        notes: 'It serves the foreign key fk as well, which has no index.',
      },
    });
  });

  it.each([
    [1, 'info', 'warning'],
    [2, 'warning', 'info'],
  ])('is warned of once, whatever the priority %i of the expected index is', (priority, key, expected) => {
    const drafts = agreed([anExpectation({ priority })], { foreignKeys });
    expect(about(drafts, 'fk')?.severity).toBe(key);
    expect(about(drafts, 'idx_orders_a')?.severity).toBe(expected);
  });

  it('is told with all the keys that the expected index serves', () => {
    const keys = [...foreignKeys, { name: 'fk2', columns: ['a'], references: 'customers' }];
    const drafts = agreed([anExpectation()], { foreignKeys: keys });
    expect(about(drafts, 'idx_orders_a')?.evidence.servesForeignKeys).toEqual(['fk', 'fk2']);
    // Both point to where the SQL is.
    for (const name of ['fk', 'fk2'])
      expect(about(drafts, name)).toMatchObject({
        severity: 'info',
        remedy: { kind: 'review', notes: expect.stringContaining('idx_orders_a') },
      });
  });

  it.each([
    ['does not begin with its column', anExpectation({ keys: ['b', 'a'] })],
    ['is partial on something else', anExpectation({ predicate: 'b = 3' })],
  ])('prints its own where the expected one %s', (_, expected) => {
    expect(about(agreed([expected], { foreignKeys }), 'fk')).toMatchObject({
      remedy: { kind: 'create-index' },
    });
  });
});

describe('an index that statements seem to want', () => {
  /** Read sequentially a thousand times a day; a statement searches it by `a`. */
  const usage = { sequentialScansTotal: 60_000, sequentialRowsReadTotal: 60_000_000_000 };
  const orders = { usage, rows: 1_000_000 };
  const candidate = (drafts: readonly Draft[]): Draft | undefined =>
    drafts.find(({ kind }) => kind === 'missing-index-candidate');

  it('is printed where nobody else asks for it', () => {
    expect(candidate(agreed([], orders))?.remedy).toMatchObject({ kind: 'create-index', columns: ['a'] });
    expect(candidate(agreed([anExpectation({ keys: ['b', 'a'] })], orders))?.remedy.kind).toBe(
      'create-index',
    );
  });

  it.each([
    ['the same', ['a']],
    ['a wider one', ['a', 'b']],
  ])('gives way to an expected index: %s', (_, keys) => {
    const drafts = agreed([anExpectation({ keys })], orders);
    expect(candidate(drafts)?.remedy).toEqual({
      kind: 'review',
      notes:
        'The finding missing-expected-index about idx_orders_a asks for an index that begins with a: build that one first, and see what the statements still lack.',
    });
    expect(drafts.filter(({ remedy }) => remedy.kind.startsWith('create'))).toHaveLength(1);
  });

  it('gives way to the index of a foreign key', () => {
    const foreignKeys = [{ name: 'fk', columns: ['a'], references: 'customers' }];
    const drafts = agreed([], { ...orders, foreignKeys });
    expect(candidate(drafts)?.remedy).toMatchObject({
      kind: 'review',
      notes: expect.stringContaining('about fk'),
    });
    expect(about(drafts, 'fk')?.remedy.kind).toBe('create-index');
  });
});
