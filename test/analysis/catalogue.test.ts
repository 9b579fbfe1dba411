import fc from 'fast-check';
import { expect, test } from 'vitest';
import { buildCatalogue, type Catalogue, catalogueInSlices } from '../../src/analysis/catalogue.ts';
import type { Snapshot } from '../../src/collectors/snapshot.ts';
import { atOnce } from '../../src/model/sliced.ts';
import { aSnapshot, type DescribedTable, type Facts, factsOf, textOps } from '../support/builders.ts';

const tables: readonly DescribedTable[] = [
  {
    name: 'orders',
    columns: ['id', 'customer_id', { name: 'note', type: 'text' }],
    indexes: [
      { name: 'orders_pkey', keys: ['id'] },
      { name: 'orders_customer', keys: ['customer_id'], fact: { predicate: '(id > 7)', hasPredicate: true } },
      { name: 'orders_note', keys: ['note'] },
    ],
    foreignKeys: [{ columns: ['customer_id'], references: 'customers' }],
  },
  { name: 'customers', columns: ['id'], indexes: [{ name: 'customers_pkey', keys: ['id'] }] },
];

/** What may have happened between two looks; each makes new lists of what it changes, and leaves the others the same objects. */
const happenings: Readonly<Record<string, (facts: Facts) => Facts>> = {
  nothing: (facts) => facts,
  'everything was read again': (facts) => structuredClone(facts),
  'an index was renamed': (facts) => ({
    ...facts,
    indexes: (facts.indexes ?? []).map((fact, place) =>
      place === 1 ? { ...fact, indexrelname: 'renamed' } : fact,
    ),
  }),
  'a column was renamed': (facts) => ({
    ...facts,
    columns: (facts.columns ?? []).map((fact, place) =>
      place === 1 ? { ...fact, columnName: 'renamed' } : fact,
    ),
  }),
  'a table was renamed': (facts) => ({
    ...facts,
    tables: (facts.tables ?? []).map((fact, place) => (place === 0 ? { ...fact, relname: 'renamed' } : fact)),
  }),
  'a predicate was changed': (facts) => ({
    ...facts,
    indexes: (facts.indexes ?? []).map((fact, place) =>
      place === 1 ? { ...fact, predicate: '(id > 8)', hasPredicate: true } : fact,
    ),
  }),
  'an operator class was replaced': (facts) => ({
    ...facts,
    operatorClasses: [{ ...textOps, operatorClassName: 'other_ops' }],
  }),
  'a table was dropped': (facts) => ({
    ...facts,
    tables: (facts.tables ?? []).slice(0, 1),
    indexes: (facts.indexes ?? []).slice(0, 3),
  }),
  'the columns could not be read': (facts) => ({ ...facts, columns: [] }),
  'counters and sizes moved': (facts) => ({
    ...facts,
    indexUsage: (facts.indexUsage ?? []).map((fact) => ({ ...fact, scansTotal: fact.scansTotal + 1 })),
    relationSizes: (facts.relationSizes ?? []).map((fact) => ({
      ...fact,
      sizeBytes: 1 + (fact.sizeBytes ?? 0),
    })),
  }),
};

const watched = (): boolean => true;
const next = (snapshot: Snapshot, previous: Catalogue | undefined): Catalogue =>
  atOnce(catalogueInSlices(snapshot, watched, previous));

test('a catalogue that takes over what is the same says what one says that was made anew', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...Object.keys(happenings)), { minLength: 1, maxLength: 5 }),
      (names) => {
        let facts: Facts = factsOf(tables);
        let previous = next(aSnapshot(facts), undefined);
        for (const name of names) {
          facts = happenings[name]?.(facts) ?? facts;
          const snapshot = aSnapshot(facts);
          const now = next(snapshot, previous);
          expect(now, name).toEqual(buildCatalogue(snapshot, watched));
          previous = now;
        }
      },
    ),
  );
});

test('what is the same is the same object, so that nothing is made of it twice', () => {
  const snapshot = aSnapshot(factsOf(tables));
  const before = next(snapshot, undefined);
  const now = next(snapshot, before);
  for (const index of now.indexes) {
    expect(index).not.toBe(before.indexesByOid.get(index.oid));
    expect(index.keys).toBe(before.indexesByOid.get(index.oid)?.keys);
    expect(index.names).toBe(before.indexesByOid.get(index.oid)?.names);
  }
});
