import { describe, expect, it, test } from 'vitest';
import { buildCatalogue } from '../../src/analysis/catalogue.ts';
import type { IndexFact } from '../../src/collectors/inventory.ts';
import {
  changedIndexes,
  type IndexChanges,
  indexChanges,
  indexKey,
  isInventoryWhole,
  type KnownIndexes,
  knownIndexes,
} from '../../src/findings/changes.ts';
import { atOnce } from '../../src/model/sliced.ts';
import {
  aColumnFact,
  anIndexFact,
  aSnapshot,
  aTableFact,
  collected,
  type Facts,
  failed,
  indexOid,
  tableOid,
  textOps,
} from '../support/builders.ts';

interface Look {
  readonly indexes?: readonly IndexFact[];
  readonly facts?: Facts;
  readonly isWatched?: (schemaname: string) => boolean;
}

const columns = [
  aColumnFact(),
  aColumnFact({ attributeNumber: 2, columnName: 'a' }),
  aColumnFact({ attributeNumber: 3, columnName: 'b' }),
];

function look(before: KnownIndexes | undefined, { indexes, facts, isWatched = () => true }: Look) {
  const snapshot = aSnapshot({ tables: [aTableFact()], columns, ...(indexes && { indexes }), ...facts });
  if (!isInventoryWhole(snapshot)) return undefined;
  const now = new Map(knownIndexes(buildCatalogue(snapshot, isWatched), before));
  return indexChanges(before, now, snapshot, isWatched);
}

/** One look after the other; what the last one yields. */
function looks(first: Look, ...others: readonly Look[]): IndexChanges {
  const step = (before: IndexChanges | undefined, next: Look): IndexChanges => {
    const changes = look(before?.known, next);
    if (changes === undefined) throw new Error('the inventory was not whole');
    return changes;
  };
  return others.reduce(step, step(undefined, first));
}

const told = (...all: readonly [Look, ...Look[]]) =>
  looks(...all).events.map(({ kind, indexrelname }) => [kind, indexrelname]);

const one = anIndexFact();
const two = anIndexFact({ indexOid: indexOid(2), indexrelname: 'orders_a_idx', columnNumbers: [2] });
const many = (count: number): readonly IndexFact[] =>
  Array.from({ length: count }, (_, place) =>
    anIndexFact({ indexOid: indexOid(100 + place), indexrelname: `idx_${place}` }),
  );

describe('indexes that come and go', () => {
  it('are no news at first sight, whatever is there', () => {
    expect(told({ indexes: [one, two] })).toEqual([]);
    expect(told({ indexes: [] }, { indexes: [one] })).toEqual([['index-created', 'orders_id_idx']]);
  });

  it('are told', () => {
    expect(looks({ indexes: [one] }, { indexes: [one, two] }).events).toMatchObject([
      {
        kind: 'index-created',
        server: 'main',
        datname: 'shop',
        schemaname: 'public',
        relname: 'orders',
        indexrelname: 'orders_a_idx',
        title: 'public.orders_a_idx on orders was created',
      },
    ]);
    expect(told({ indexes: [one, two] }, { indexes: [one] })).toEqual([['index-dropped', 'orders_a_idx']]);
    expect(told({ indexes: [one] }, { indexes: [one] })).toEqual([]);
  });

  it('are told once they are valid; one that never was is not told at all', () => {
    const building = { ...two, isValid: false, isReady: false };
    expect(told({ indexes: [one] }, { indexes: [one, building] })).toEqual([]);
    const before = { indexes: [one] };
    const during = { indexes: [one, building] };
    expect(told(before, during, { indexes: [one, two] })).toEqual([['index-created', 'orders_a_idx']]);
    expect(told(before, during, before)).toEqual([]);
  });

  it('are not told when they are the share of a partition', () => {
    const share = { ...two, parentIndexOid: one.indexOid };
    expect(told({ indexes: [one] }, { indexes: [one, share] }, { indexes: [one] })).toEqual([]);
  });

  it('are one event when they are many at once', () => {
    expect(told({ indexes: [one] }, { indexes: [one, ...many(20)] })).toHaveLength(20);
    expect(looks({ indexes: [one] }, { indexes: [one, ...many(21)] }).events).toMatchObject([
      {
        kind: 'index-created',
        indexrelname: null,
        title: '21 indexes of shop were created at once',
        evidence: { count: 21 },
      },
    ]);
  });
});

describe('indexes that change', () => {
  const changed = (fact: Partial<IndexFact>) =>
    looks({ indexes: [one] }, { indexes: [{ ...one, ...fact }] }).events;

  test.each<[string, Partial<IndexFact>]>([
    ['its column', { columnNumbers: [2] }],
    ['its order', { keyOptions: [3] }],
    ['its access method', { accessMethod: 'hash' }],
    ['what it enforces', { isUnique: true }],
    ['its operator class', { operatorClasses: [textOps.operatorClassOid] }],
    ['its predicate', { predicate: 'a > 0', hasPredicate: true }],
    ['its fill factor', { options: ['fillfactor=70'] }],
    ['what it includes', { columnNumbers: [1, 2], keyCount: 1 }],
  ])('in %s', (_, fact) => {
    expect(changed(fact)).toMatchObject([
      {
        kind: 'index-changed',
        title: 'public.orders_id_idx on orders changed: its definition',
        evidence: { definitionBefore: expect.any(String), definitionNow: expect.any(String) },
      },
    ]);
  });

  test('in validity, both ways', () => {
    const invalid = { ...one, isValid: false };
    expect(changed({ isValid: false })).toMatchObject([
      { title: expect.stringContaining('no longer valid'), evidence: { isValidNow: false } },
    ]);
    expect(looks({ indexes: [one] }, { indexes: [invalid] }, { indexes: [one] }).events).toMatchObject([
      { kind: 'index-changed', title: expect.stringContaining('valid again') },
    ]);
  });

  test('in name, and stay the same otherwise', () => {
    expect(changed({ indexrelname: 'renamed_idx' })).toMatchObject([
      {
        kind: 'index-changed',
        indexrelname: 'renamed_idx',
        title: 'public.renamed_idx on orders changed: its name, which was public.orders_id_idx',
        evidence: { nameBefore: 'public.orders_id_idx' },
      },
    ]);
  });

  test('not when they are rebuilt, moved with their table, or commented on', () => {
    expect(changed({ indexOid: indexOid(77), relfilenode: 77 })).toEqual([]);
    expect(changed({ relfilenode: 78, comment: 'hello', isClustered: true })).toEqual([]);
    const tables = [aTableFact({ relname: 'orders_2' })];
    expect(told({ indexes: [one] }, { indexes: [one], facts: { tables } })).toEqual([]);
  });

  test('not while a concurrent rebuild has two of them', () => {
    const copy = { ...one, indexOid: indexOid(9), indexrelname: 'orders_id_idx_ccnew', isValid: false };
    const rebuilt = { ...one, indexOid: indexOid(9) };
    const old = { ...one, indexrelname: 'orders_id_idx_ccold', isValid: false };
    const passes = [{ indexes: [one, copy] }, { indexes: [rebuilt, old] }, { indexes: [rebuilt] }];
    let known = looks({ indexes: [one] });
    for (const pass of passes) {
      const next = look(known.known, pass);
      expect(next?.events).toEqual([]);
      known = next!;
    }
  });

  test('by another of the same name on another table', () => {
    const customersOid = tableOid(16_500);
    const facts = {
      tables: [aTableFact(), aTableFact({ tableOid: customersOid, relname: 'customers' })],
      columns: [...columns, aColumnFact({ tableOid: customersOid })],
    };
    const moved = { ...one, tableOid: customersOid, indexOid: indexOid(5) };
    expect(looks({ indexes: [one], facts }, { indexes: [moved], facts }).events).toMatchObject([
      { kind: 'index-changed', evidence: { tableBefore: 'orders' } },
    ]);
  });
});

describe('what could not be seen', () => {
  it('has not changed: no inventory, no events', () => {
    const { known } = looks({ indexes: [one] });
    for (const name of ['tables', 'columns', 'indexes', 'operator-classes'] as const) {
      expect(look(known, { facts: { outcomes: { [name]: failed('down') } } })).toBeUndefined();
      expect(look(known, { facts: { missing: [name] } })).toBeUndefined();
    }
  });

  it('keeps its definition while it is locked', () => {
    const partial = { ...one, predicate: 'a > 0', hasPredicate: true };
    const locked = { ...one, predicate: null, hasPredicate: true, isDefinitionKnown: false };
    const facts = {
      outcomes: { indexes: collected([locked], { skippedRelations: [locked.indexOid] }) },
    };
    expect(told({ indexes: [partial] }, { facts }, { indexes: [partial] })).toEqual([]);
    expect(told({ facts }, { indexes: [partial] })).toEqual([]);
    const other = { ...partial, predicate: 'a > 1' };
    expect(told({ indexes: [partial] }, { facts }, { indexes: [other] })).toEqual([
      ['index-changed', 'orders_id_idx'],
    ]);
  });

  it('has no definition while a column of it is not known yet', () => {
    const facts = { columns: columns.slice(0, 1) };
    expect(told({ indexes: [two], facts }, { indexes: [two] })).toEqual([]);
  });

  it('is no news when its schema is no longer watched, nor when it is again', () => {
    const isWatched = (schemaname: string): boolean => schemaname !== 'public';
    const all = { indexes: [one] };
    expect(told(all, { ...all, isWatched })).toEqual([]);
    expect(told(all, { ...all, isWatched }, all)).toEqual([]);
  });

  it('is news in a schema that was not there before', () => {
    const sales = tableOid(1);
    const facts = {
      tables: [aTableFact(), aTableFact({ tableOid: sales, schemaname: 'sales' })],
      columns: [...columns, aColumnFact({ tableOid: sales })],
    };
    const added = anIndexFact({ indexOid: indexOid(3), tableOid: sales, indexrelname: 'sales_idx' });
    expect(told({ indexes: [one] }, { indexes: [one, added], facts })).toEqual([
      ['index-created', 'sales_idx'],
    ]);
  });
});

describe('what is remembered', () => {
  it('is JSON, and written only where it differs', () => {
    const before = looks({ indexes: [one, two] }).known.indexes;
    expect(JSON.parse(JSON.stringify([...before]))).toEqual([...before]);
    expect(atOnce(changedIndexes(undefined, before)).size).toBe(2);
    expect(atOnce(changedIndexes(before, before)).size).toBe(0);
    const renamed = { ...two, indexrelname: 'renamed_idx' };
    const after = looks({ indexes: [one, two] }, { indexes: [one, renamed] }).known.indexes;
    expect([...atOnce(changedIndexes(before, after))]).toEqual([
      [indexKey('public', 'renamed_idx'), expect.objectContaining({ wasValid: true, oid: 2 })],
      [indexKey('public', 'orders_a_idx'), undefined],
    ]);
  });

  it('says that an invalid index was valid once, under whatever name', () => {
    const broken = { ...one, isValid: false, indexrelname: 'renamed_idx' };
    const { known } = looks({ indexes: [one] }, { indexes: [broken] });
    expect(known.indexes.get(indexKey('public', 'renamed_idx'))).toMatchObject({
      isValid: false,
      wasValid: true,
    });
  });

  it('tells names apart that hold dots and quotes', () => {
    expect(indexKey('a.b', 'c')).not.toBe(indexKey('a', 'b.c'));
    expect(indexKey('a","b', 'c')).not.toBe(indexKey('a', 'b","c'));
  });
});
