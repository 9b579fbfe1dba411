import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildCatalogue, type Catalogue } from '../../src/analysis/catalogue.ts';
import { isDuplicate, isForeignKeySupported } from '../../src/analysis/index-identity.ts';
import { usageWindow } from '../../src/analysis/usage-window.ts';
import { bloatedIndex } from '../../src/detectors/bloated-index/detector.ts';
import type { Detector } from '../../src/detectors/define.ts';
import type { Draft } from '../../src/detectors/draft.ts';
import { duplicateIndex } from '../../src/detectors/duplicate-index/detector.ts';
import { evaluate } from '../../src/detectors/evaluate.ts';
import { redundantIndex } from '../../src/detectors/redundant-index/detector.ts';
import { unindexedForeignKey } from '../../src/detectors/unindexed-foreign-key/detector.ts';
import { unusedIndex } from '../../src/detectors/unused-index/detector.ts';
import { agree } from '../../src/findings/agree.ts';
import { MiB } from '../../src/model/units.ts';
import { aPolicy } from '../detectors/judge.ts';
import {
  aBloat,
  aSnapshot,
  bloatByOid,
  constraintOid,
  type DescribedForeignKey,
  type DescribedIndex,
  type DescribedTable,
  type Facts,
  factsOf,
} from '../support/builders.ts';

const detectors = [duplicateIndex, redundantIndex, unusedIndex, unindexedForeignKey] as readonly Detector[];

interface Agreed {
  readonly catalogue: Catalogue;
  readonly drafts: readonly Draft[];
}

const agreed = (tables: readonly DescribedTable[]): Agreed => agreedOn(factsOf(tables));

function agreedOn(facts: Facts): Agreed {
  const snapshot = aSnapshot(facts);
  const catalogue = buildCatalogue(snapshot, () => true);
  const { drafts } = evaluate(detectors, {
    snapshot,
    catalogue,
    window: catalogue.server && usageWindow(catalogue.server, snapshot.node, snapshot.takenAtMs),
    policyFor: () => aPolicy(),
    topology: { isComplete: true, unseenNodes: [] },
    settings: {},
  });
  return { catalogue, drafts: agree(drafts) };
}

const customers: DescribedTable = {
  name: 'customers',
  columns: ['id'],
  usage: { rowsDeletedTotal: 0, rowsUpdatedTotal: 0 },
};
const orders = (
  indexes: readonly DescribedIndex[],
  foreignKeys: readonly DescribedForeignKey[] = [],
): readonly DescribedTable[] => [
  { name: 'orders', columns: ['a', 'b', 'c'], indexes, foreignKeys },
  customers,
];
const onA: DescribedForeignKey = { columns: ['a'], references: 'customers' };
const unused = (name: string, ...keys: readonly string[]): DescribedIndex => ({ name, keys, scans: 0 });
const said = (drafts: readonly Draft[]) =>
  drafts.map(({ kind, subject, remedy }) => [kind, subject, remedy.kind]);

describe('findings agree', () => {
  it('an unused index that its copies are to leave behind waits until they are gone', () => {
    const { drafts } = agreed(orders([unused('one', 'a'), unused('two', 'a')]));
    expect(said(drafts)).toEqual([
      ['duplicate-index', 'two', 'drop-index'],
      ['unused-index', 'two', 'drop-index'],
    ]);
  });

  it('the only index behind a foreign key is not dropped, however unused', () => {
    const { drafts } = agreed(orders([unused('one', 'a')], [onA]));
    expect(said(drafts)).toEqual([['unused-index', 'one', 'review']]);
    expect(drafts[0]).toMatchObject({ severity: 'info', impact: { reclaimableBytes: 0 } });
  });

  it.each(['rowsDeletedTotal', 'rowsUpdatedTotal'])('nor while the parent counts in %s', (counter) => {
    const [child] = orders([unused('one', 'a')], [onA]);
    if (child === undefined) throw new Error('orders are described');
    const parent = { ...customers, usage: { ...customers.usage, [counter]: 5 } };
    const { drafts } = agreed([child, parent]);
    expect(drafts[0]).toMatchObject({
      severity: 'info',
      impact: { reclaimableBytes: 0 },
      remedy: {
        kind: 'review',
        notes: expect.stringMatching(/^Keep it: .* rows of the parent are deleted or updated/),
      },
    });
  });

  it('of two unused indexes behind one foreign key the worthier stays', () => {
    const { drafts } = agreed(
      orders([{ ...unused('large', 'a', 'b'), sizeBytes: 90 * MiB }, unused('small', 'a', 'c')], [onA]),
    );
    expect(said(drafts)).toEqual([
      ['unused-index', 'large', 'drop-index'],
      ['unused-index', 'small', 'review'],
    ]);
    expect(drafts[1]?.caveats.join()).toMatch(
      /With the other drops advised .* last index behind foreign key/,
    );
  });

  it('a key that is not enforced keeps nothing', () => {
    const { drafts } = agreed(orders([unused('one', 'a')], [{ ...onA, fact: { isEnforced: false } }]));
    expect(said(drafts)).toEqual([['unused-index', 'one', 'drop-index']]);
  });
});

const columns = fc.shuffledSubarray(['a', 'b', 'c'], { minLength: 1, maxLength: 3 });
const anyIndex: fc.Arbitrary<Omit<DescribedIndex, 'name'>> = fc
  .record({
    keys: columns,
    direction: fc.constantFrom('', ' DESC'),
    where: fc.constantFrom(undefined, undefined, undefined, '(a IS NOT NULL)', '(b = 7)'),
    role: fc.constantFrom('plain', 'plain', 'plain', 'unique', 'constraint', 'clustered', 'invalid'),
    scans: fc.constantFrom(0, 0, 700),
    sizeMiB: fc.integer({ min: 1, max: 40 }),
    include: fc.constantFrom(undefined, undefined, ['c']),
  })
  .map(({ keys, direction, where, role, scans, sizeMiB, include }) => ({
    keys: keys.map((key) => `${key}${direction}`),
    scans,
    sizeBytes: sizeMiB * MiB,
    ...(include === undefined || keys.includes('c') ? {} : { include }),
    ...(where === undefined || role === 'constraint' ? {} : { where }),
    fact: {
      isUnique: role === 'unique' || role === 'constraint',
      isClustered: role === 'clustered',
      isValid: role !== 'invalid',
      ...(role === 'constraint'
        ? { constraintOid: constraintOid(1), constraintName: 'c', constraintType: 'u' as const }
        : {}),
    },
  }));
const anyOrders = fc
  .record({
    indexes: fc.array(anyIndex, { maxLength: 7 }),
    keys: fc.array(columns, { maxLength: 3 }),
  })
  .map(({ indexes, keys }) =>
    orders(
      indexes.map((index, place) => ({ ...index, name: `i${place}` })),
      keys.map((key, place) => ({ name: `fk${place}`, columns: key, references: 'customers' })),
    ),
  );

describe('whatever the indexes of a table', () => {
  it('what is kept is not dropped, promises and foreign keys outlive all drops together', () => {
    fc.assert(
      fc.property(anyOrders, (tables) => {
        const { catalogue, drafts } = agreed(tables);
        const dropped = new Set(
          drafts.flatMap(({ remedy }) => (remedy.kind === 'drop-index' ? [remedy.index] : [])),
        );
        const names = new Set([...dropped].map(({ name }) => name));
        const kept = drafts.flatMap(({ related }) =>
          related.filter(({ role }) => role === 'keep').map(({ indexrelname }) => indexrelname),
        );
        expect(kept.filter((name) => names.has(name))).toEqual([]);
        const before = catalogue.foreignKeys.filter((key) => isForeignKeySupported(key));
        expect(before.filter((key) => !isForeignKeySupported(key, dropped))).toEqual([]);
        for (const index of dropped) {
          expect(index.fact.isValid).toBe(true);
          if (!index.fact.isUnique) continue;
          const heirs = catalogue.indexes.filter((other) => !dropped.has(other) && isDuplicate(index, other));
          expect(heirs).not.toEqual([]);
        }
        const subjects = drafts.map(({ kind, subject }) => `${kind} ${subject}`);
        expect(new Set(subjects).size).toBe(subjects.length);
      }),
      { numRuns: 1_000 },
    );
  });

  it('the order in which the server lists them changes no verdict', () => {
    fc.assert(
      fc.property(anyOrders, fc.integer(), (tables, seed) => {
        const facts = factsOf(tables);
        const shuffled = {
          ...facts,
          indexes: [...(facts.indexes ?? [])].sort(
            (a, b) => ((a.indexOid * seed) % 7) - ((b.indexOid * seed) % 7),
          ),
        };
        const verdicts = (these: Facts) => said(agreedOn(these).drafts).map(String).sort();
        expect(verdicts(shuffled)).toEqual(verdicts(facts));
      }),
    );
  });
});

describe('an index that is bloated', () => {
  const tables = orders([
    { name: 'orders_a', keys: ['a'], sizeBytes: 100 * MiB },
    { name: 'orders_a_again', keys: ['a'], sizeBytes: 100 * MiB },
  ]);
  const half = aBloat({
    sizeBytes: 100 * MiB,
    expectedSizeBytes: 50 * MiB,
    wastedBytes: 50 * MiB,
    ratio: 0.5,
    low: 0.5,
    high: 0.5,
  });

  it('is not rebuilt where another finding advises to drop it', () => {
    const snapshot = aSnapshot(factsOf(tables));
    const catalogue = buildCatalogue(snapshot, () => true);
    const judged = evaluate([...detectors, bloatedIndex as Detector], {
      snapshot,
      catalogue,
      window: catalogue.server && usageWindow(catalogue.server, snapshot.node, snapshot.takenAtMs),
      policyFor: () => aPolicy(),
      topology: { isComplete: true, unseenNodes: [] },
      settings: {},
      bloat: bloatByOid(catalogue, { orders_a: half, orders_a_again: half }),
    });
    const drafts = agree(judged.drafts);
    const dropped = drafts.find(({ kind }) => kind === 'duplicate-index')?.index?.name;
    const remedies = new Map(
      drafts
        .filter(({ kind }) => kind === 'bloated-index')
        .map((draft) => [draft.index?.name === dropped ? 'dropped' : 'kept', draft] as const),
    );
    expect(remedies.get('kept')).toMatchObject({
      remedy: { kind: 'rebuild-index' },
      impact: { reclaimableBytes: 50 * MiB },
    });
    expect(remedies.get('dropped')).toMatchObject({
      severity: 'info',
      remedy: { kind: 'review', notes: expect.stringContaining('duplicate-index') },
      impact: { reclaimableBytes: 0 },
    });
  });
});
