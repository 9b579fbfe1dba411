import { describe, expect, it } from 'vitest';
import type { IndexView, TableView } from '../../src/analysis/catalogue.ts';
import { catalogueAfter } from '../../src/analysis/catalogue-after.ts';
import { hypotheticalIndex } from '../../src/analysis/hypothetical-index.ts';
import { coverOf, isDuplicate, isForeignKeySupported } from '../../src/analysis/index-identity.ts';
import { aCatalogue, factsOf, indexOid, tableOid } from '../support/builders.ts';

const catalogue = aCatalogue(
  factsOf([
    {
      name: 'orders',
      columns: ['id', 'customer_id', { name: 'note', type: 'text' }],
      indexes: [
        { name: 'orders_customer', keys: ['customer_id'] },
        { name: 'orders_note', keys: ['note'] },
      ],
      foreignKeys: [{ columns: ['customer_id'], references: 'customers' }],
    },
    { name: 'customers', columns: ['id'] },
  ]),
);
const table = (of = catalogue): TableView => of.tables.find(({ relname }) => relname === 'orders')!;
const index = (name: string, of = catalogue): IndexView => of.indexes.find((one) => one.name === name)!;
const imagined = (...columns: readonly string[]): IndexView =>
  hypotheticalIndex({ table: table(), name: 'new', columns }, catalogue, 1)!;

describe('the catalogue after a change', () => {
  it('has what was added and lacks what was removed, and the one before stays as it was', () => {
    const after = catalogueAfter(catalogue, {
      added: [imagined('id')],
      removed: new Set([index('orders_note')]),
    });
    expect(table(after).indexes.map(({ name }) => name)).toEqual(['orders_customer', 'new']);
    expect(table().indexes.map(({ name }) => name)).toEqual(['orders_customer', 'orders_note']);
    expect(after.indexes).toHaveLength(2);
  });

  it('refers to nothing of the one before', () => {
    const after = catalogueAfter(catalogue, { added: [imagined('id')], removed: new Set() });
    for (const one of after.indexes) expect(after.tables).toContain(one.table);
    for (const key of after.foreignKeys) {
      expect(after.tables).toContain(key.table);
      expect(after.tables).toContain(key.referenced);
      expect(key.table.foreignKeys).toContain(key);
    }
  });

  it('is judged like any other: a key without its index, and with a new one', () => {
    const removed = new Set([index('orders_customer')]);
    const isServed = (added: readonly IndexView[]) =>
      isForeignKeySupported(catalogueAfter(catalogue, { added, removed }).foreignKeys[0]!);
    expect(isServed([])).toBe(false);
    expect(isServed([imagined('id', 'customer_id')])).toBe(false);
    expect(isServed([imagined('customer_id', 'id')])).toBe(true);
  });

  it('loses with a partitioned index what is attached to it', () => {
    const tree = aCatalogue(
      factsOf([
        {
          name: 'orders',
          columns: ['id'],
          fact: { relkind: 'p', hasChildren: true },
          indexes: [{ name: 'whole', keys: ['id'], fact: { relkind: 'I' } }],
        },
        {
          name: 'part',
          columns: ['id'],
          fact: { isPartition: true, parentOid: tableOid(10_000) },
          indexes: [{ name: 'leaf', keys: ['id'], fact: { parentIndexOid: indexOid(10_001) } }],
        },
      ]),
    );
    const before = catalogueAfter(tree, { added: [], removed: new Set() });
    expect(index('leaf', before).parent).toBe(index('whole', before));
    expect(table(before).partitions[0]?.indexes).toEqual(index('whole', before).children);
    expect(catalogueAfter(tree, { added: [], removed: new Set([index('whole', tree)]) }).indexes).toEqual([]);
  });
});

describe('an index that does not exist yet', () => {
  it('compares with those that do', () => {
    expect(isDuplicate(imagined('customer_id'), index('orders_customer'))).toBe(true);
    expect(isDuplicate(imagined('note'), index('orders_note'))).toBe(true);
    expect(coverOf(index('orders_customer'), imagined('customer_id', 'id'))).toBe('covered-by-prefix');
    expect(isDuplicate(imagined('id'), index('orders_customer'))).toBe(false);
  });

  it('is nothing where a column is not known', () => {
    expect(
      hypotheticalIndex({ table: table(), name: 'new', columns: ['nowhere'] }, catalogue, 1),
    ).toBeUndefined();
  });
});
