import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { IndexView } from '../../src/analysis/catalogue.ts';
import {
  compareByWorth,
  coverOf,
  foreignKeysAround,
  isDuplicate,
  isForeignKeySupported,
  whyKept,
} from '../../src/analysis/index-identity.ts';
import { replacementsOn } from '../../src/analysis/replacement.ts';
import type { IndexFact } from '../../src/collectors/inventory.ts';
import { MiB } from '../../src/model/units.ts';
import {
  aCatalogue,
  aCatalogueOf,
  aColumnFact,
  aConstraintFact,
  anIndexFact,
  aTableFact,
  constraintOid,
  type DescribedIndex,
  ginJsonbOps,
  ginJsonbPathOps,
  indexNamed,
  indexOid,
  tableOid,
  textPatternOps,
  varcharOps,
} from '../support/builders.ts';

const columns = ['id', 'a', 'b', { name: 's', type: 'text' }, { name: 'j', type: 'jsonb' }] as const;

/** Two indexes of one table. */
function pair(
  one: Omit<DescribedIndex, 'name'>,
  other: Omit<DescribedIndex, 'name'>,
): readonly [IndexView, IndexView] {
  const catalogue = aCatalogueOf([
    {
      name: 't',
      columns,
      indexes: [
        { name: 'one', ...one },
        { name: 'other', ...other },
      ],
    },
  ]);
  return [indexNamed(catalogue, 'one'), indexNamed(catalogue, 'other')];
}
const on = (...keys: readonly string[]): Omit<DescribedIndex, 'name'> => ({ keys });
const having = (fact: Partial<IndexFact>, ...keys: readonly string[]) => ({ keys, fact });

describe('duplicates', () => {
  test.each([
    ['the same', on('a', 'b'), on('a', 'b')],
    ['mirrored', on('a', 'b DESC'), on('a DESC', 'b')],
    ['mirrored with nulls', on('a NULLS FIRST'), on('a DESC NULLS LAST')],
    [
      'payload in another order',
      { keys: ['id'], include: ['a', 'b'] },
      { keys: ['id'], include: ['b', 'a'] },
    ],
    ['commuted predicates', { keys: ['id'], where: '(a > 5)' }, { keys: ['id'], where: '(5 < a)' }],
    ['two names of one class', on('s'), having({ operatorClasses: [varcharOps.operatorClassOid] }, 's')],
    ['fillfactor', on('a'), having({ options: ['fillfactor=70'] }, 'a')],
    ['the same expression', on('lower(s)'), on('lower(s)')],
  ])('%s', (_, one, other) => {
    expect(isDuplicate(...pair(one, other))).toBe(true);
  });

  test.each([
    ['another order', on('a', 'b'), on('b', 'a')],
    ['half mirrored', on('a', 'b'), on('a', 'b DESC')],
    ['nulls elsewhere', on('a'), on('a NULLS FIRST')],
    ['a prefix', on('a'), on('a', 'b')],
    ['payload', on('id'), { keys: ['id'], include: ['a'] }],
    ['payload and key', on('id', 'a'), { keys: ['id'], include: ['a'] }],
    ['partial and full', on('id'), { keys: ['id'], where: '(a > 5)' }],
    ['another class', on('s'), having({ operatorClasses: [textPatternOps.operatorClassOid] }, 's')],
    ['an unknown class', having({ operatorClasses: [] }, 'a'), having({ operatorClasses: [] }, 'a')],
    [
      'another collation',
      on('s'),
      having({ collations: anIndexFact({ columnNumbers: [4] }).collations }, 's'),
    ],
    ['another method', on('a'), having({ accessMethod: 'hash' }, 'a')],
    [
      'another JSON class',
      having({ accessMethod: 'gin', operatorClasses: [ginJsonbOps.operatorClassOid] }, 'j'),
      having({ accessMethod: 'gin', operatorClasses: [ginJsonbPathOps.operatorClassOid] }, 'j'),
    ],
    [
      'parameters of the class',
      having({ accessMethod: 'gist', operatorClassOptions: ['siglen=12'] }, 's'),
      having({ accessMethod: 'gist', operatorClassOptions: ['siglen=64'] }, 's'),
    ],
    ['unique and plain', on('a'), having({ isUnique: true }, 'a')],
    [
      'how nulls count',
      having({ isUnique: true }, 'a'),
      having({ isUnique: true, nullsNotDistinct: true }, 'a'),
    ],
    [
      'when it is checked',
      having({ isUnique: true }, 'a'),
      having({ isUnique: true, isImmediate: false }, 'a'),
    ],
    ['exclusions', having({ isExclusion: true }, 'a'), having({ isExclusion: true }, 'a')],
    ['other expressions', on('lower(s)'), on('upper(s)')],
    ['a key expression commuted, which the planner only compares', on('(a > 5)'), on('(5 < a)')],
    ['a column and an expression that reads alike', on('a'), on('(a)::text')],
  ])('not: %s', (_, one, other) => {
    expect(isDuplicate(...pair(one, other))).toBe(false);
  });
});

const anyKey = fc.constantFrom('id', 'a', 'b DESC', 'a DESC', 'b', 'lower(s)');
const anyShape = fc
  .record({
    keys: fc.uniqueArray(anyKey, { minLength: 1, maxLength: 3, selector: (key) => key.split(' ')[0] ?? key }),
    isUnique: fc.boolean(),
    accessMethod: fc.constantFrom('btree', 'btree', 'btree', 'hash'),
    scans: fc.constantFrom(0, 5, 5_000),
    sizeBytes: fc.integer({ min: 1, max: 9 }).map((size) => size * MiB),
    where: fc.constantFrom(undefined, undefined, '(id > 5)'),
  })
  .map(
    ({ isUnique, accessMethod, where, ...rest }): Omit<DescribedIndex, 'name'> => ({
      ...rest,
      ...(where === undefined ? {} : { where }),
      fact: { isUnique: isUnique && accessMethod === 'btree', accessMethod },
    }),
  );

describe('whatever the indexes', () => {
  it('duplicates are so of each other, and cover never goes both ways', () => {
    fc.assert(
      fc.property(anyShape, anyShape, (one, other) => {
        const [a, b] = pair(one, other);
        expect(isDuplicate(a, b)).toBe(isDuplicate(b, a));
        expect(isDuplicate(a, a)).toBe(false);
        if (coverOf(a, b) !== undefined) {
          expect(coverOf(b, a)).toBeUndefined();
          expect(isDuplicate(a, b)).toBe(false);
          expect(a.fact.isUnique).toBe(false);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('the order of who stays is total', () => {
    fc.assert(
      fc.property(fc.array(anyShape, { minLength: 3, maxLength: 3 }), (shapes) => {
        const catalogue = aCatalogueOf([
          { name: 't', columns, indexes: shapes.map((shape, place) => ({ ...shape, name: `i${place}` })) },
        ]);
        const [a, b, c] = catalogue.indexes as [IndexView, IndexView, IndexView];
        expect(Math.sign(compareByWorth(a, b))).toBe(-Math.sign(compareByWorth(b, a)));
        expect(compareByWorth(a, b)).not.toBe(0);
        if (compareByWorth(a, b) < 0 && compareByWorth(b, c) < 0)
          expect(compareByWorth(a, c)).toBeLessThan(0);
      }),
    );
  });

  it('nothing that stays goes, and each goes once', () => {
    fc.assert(
      fc.property(fc.array(anyShape, { maxLength: 7 }), (shapes) => {
        const catalogue = aCatalogueOf([
          { name: 't', columns, indexes: shapes.map((shape, place) => ({ ...shape, name: `i${place}` })) },
        ]);
        const [table] = catalogue.tables;
        if (table === undefined) throw new Error('the table is described');
        const found = replacementsOn(table);
        const gone = found.filter(({ isForReview }) => !isForReview).map(({ drop }) => drop);
        expect(new Set(found.map(({ drop }) => drop)).size).toBe(found.length);
        expect(found.filter(({ keep }) => gone.includes(keep))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});

describe('who stays', () => {
  const better = (one: Omit<DescribedIndex, 'name'>, other: Omit<DescribedIndex, 'name'>): number =>
    Math.sign(compareByWorth(...pair(one, other)));

  test.each<[string, Partial<IndexFact>, Partial<IndexFact>]>([
    [
      'primary before constraint',
      { isPrimary: true, constraintOid: constraintOid(1) },
      { constraintOid: constraintOid(2) },
    ],
    [
      'constraint before what keys refer to',
      { constraintOid: constraintOid(1) },
      { referencingForeignKeys: 1 },
    ],
    [
      'what keys refer to before replica identity',
      { referencingForeignKeys: 1 },
      { isReplicaIdentity: true },
    ],
    ['replica identity before clustered', { isReplicaIdentity: true }, { isClustered: true }],
    ['clustered before unique', { isClustered: true }, { isUnique: true }],
    ['unique before plain', { isUnique: true }, {}],
  ])('%s', (_, one, other) => {
    expect(better({ keys: ['a'], fact: one, scans: 0 }, { keys: ['a'], fact: other, scans: 9 })).toBe(-1);
  });

  it('then the more used, the smaller, the older', () => {
    expect(better({ keys: ['a'], scans: 9, sizeBytes: 9 }, { keys: ['a'], scans: 8, sizeBytes: 8 })).toBe(-1);
    expect(better({ keys: ['a'], scans: 9, sizeBytes: 9 }, { keys: ['a'], scans: 9, sizeBytes: 8 })).toBe(1);
    expect(better({ keys: ['a'], scans: 9 }, { keys: ['a'], scans: 9 })).toBe(-1);
  });

  it('says why', () => {
    const why = (fact: Partial<IndexFact>) => whyKept(pair(having(fact, 'a'), on('b'))[0]);
    expect(why({ isPrimary: true })).toBe('it is the primary key');
    expect(why({ constraintOid: constraintOid(1), constraintName: 'c' })).toBe(
      'it belongs to the constraint c',
    );
    expect(why({})).toBeUndefined();
  });
});

describe('a partition tree', () => {
  const [top, leaf, parentIndex] = [tableOid(1), tableOid(2), indexOid(11)];
  const catalogue = (leafIndex: Partial<IndexFact>, inherited: Partial<IndexFact> = {}) =>
    aCatalogue({
      tables: [
        aTableFact({ tableOid: top, relname: 'h', relkind: 'p', hasChildren: true }),
        aTableFact({ tableOid: leaf, relname: 'h1', isPartition: true, parentOid: top }),
      ],
      // The partition numbers its columns otherwise.
      columns: [
        aColumnFact({ tableOid: top, attributeNumber: 1, columnName: 'a' }),
        aColumnFact({ tableOid: leaf, attributeNumber: 3, columnName: 'a' }),
      ],
      indexes: [
        anIndexFact({
          indexOid: parentIndex,
          tableOid: top,
          indexrelname: 'i',
          relkind: 'I',
          columnNumbers: [1],
        }),
        anIndexFact({
          indexOid: indexOid(12),
          tableOid: leaf,
          indexrelname: 'h1_a_idx',
          columnNumbers: [3],
          parentIndexOid: parentIndex,
          ...inherited,
        }),
        anIndexFact({
          indexOid: indexOid(13),
          tableOid: leaf,
          indexrelname: 'mine',
          columnNumbers: [3],
          ...leafIndex,
        }),
      ],
      constraints: [aConstraintFact({ tableOid: top, columnNumbers: [1] })],
    });

  it('knows whose foreign keys its indexes serve, and that a dropped parent takes its partitions along', () => {
    const tree = catalogue({ isValid: false });
    const [key] = tree.foreignKeys;
    if (key === undefined) throw new Error('the key is described');
    const [i, attached] = [indexNamed(tree, 'i'), indexNamed(tree, 'h1_a_idx')];
    expect(foreignKeysAround(attached)).toEqual([key]);
    expect(foreignKeysAround(i)).toEqual([key]);
    expect(isForeignKeySupported(key)).toBe(true);
    expect(isForeignKeySupported(key, new Set([attached]))).toBe(true);
    expect(isForeignKeySupported(key, new Set([i]))).toBe(false);
    const private_ = catalogue({});
    expect(isForeignKeySupported(key, new Set([indexNamed(private_, 'i')]))).toBe(true);
  });

  it('gives up a private copy, but no primary key for an inherited unique index', () => {
    const verdicts = (leafIndex: Partial<IndexFact>, inherited: Partial<IndexFact> = {}) =>
      catalogue(leafIndex, inherited).tables.flatMap((table) =>
        replacementsOn(table).map(({ drop, keep }) => [drop.name, keep.name]),
      );
    expect(verdicts({})).toEqual([['mine', 'h1_a_idx']]);
    expect(verdicts({ isUnique: true }, { isUnique: true })).toEqual([['mine', 'h1_a_idx']]);
    expect(verdicts({ isUnique: true, isPrimary: true }, { isUnique: true })).toEqual([]);
  });
});
