import { MiB } from '../../../src/model/units.ts';
import type { Plan } from '../../../src/plan/script/plan.ts';
import type { DescribedTable } from '../../support/builders.ts';
import { creating, dropping, expecting, planFor, replacing } from './scene.ts';

const orders: DescribedTable = {
  name: 'orders',
  columns: [
    'id',
    'customer_id',
    { name: 'placed_at', type: 'timestamptz' },
    { name: 'note', type: 'text' },
    'a',
  ],
  indexes: [
    { name: 'orders_pkey', keys: ['id'], fact: { isUnique: true, isPrimary: true } },
    { name: 'orders_note', keys: ['note'] },
    { name: 'Orders "note"\nagain', keys: ['note'], scans: 12 },
    { name: 'orders_a', keys: ['a'], scans: 0, sizeBytes: 3 * MiB },
    { name: 'orders_placed_at', keys: ['placed_at'], sizeBytes: 40 * MiB },
    { name: 'orders_key', keys: ['a', 'id'], fact: { isValid: false, isUnique: true } },
  ],
  foreignKeys: [{ columns: ['customer_id'], references: 'customers' }],
};
const customers: DescribedTable = {
  name: 'customers',
  columns: ['id', { name: 'country', type: 'text' }],
  indexes: [{ name: 'customers_pkey', keys: ['id'], fact: { isUnique: true, isPrimary: true } }],
};

/** One step of every sort, in two batches, with something left out, announced and undecided. */
export const aPlan: Plan = planFor([orders, customers], ({ index, table }) => [
  replacing(index('Orders "note"\nagain'), index('orders_note')),
  dropping(index('orders_a'), {
    confidence: 'possible',
    title: 'orders_a on public.orders (a), 3 MiB, was not scanned once in 60 d',
    caveats: ['A standby that nobody configured may use it.'],
  }),
  { remedy: { kind: 'replace-index', index: index('orders_key') } },
  { remedy: { kind: 'rebuild-index', index: index('orders_placed_at'), expectedBytes: 15 * MiB } },
  { remedy: { kind: 'rebuild-index', index: index('orders_a') } },
  creating(table('orders'), ['customer_id'], { evidence: { constraint: 'orders_customer_id_fkey' } }),
  expecting(table('orders'), ['a', 'customer_id'], { phase: 1, priority: 2 }),
  expecting(table('customers'), ['country'], { phase: 1, priority: 1 }),
  {
    remedy: { kind: 'drop-index', index: index('orders_placed_at') },
    finding: {
      kind: 'rarely-used-index',
      fix: {
        sql: null,
        rollbackSql: null,
        lock: null,
        rebuildSeconds: null,
        notes: 'Ask who reads it.',
        preflightSql: null,
        verifySql: null,
      },
    },
    subject: 'orders_placed_at',
  },
]);

/** Nothing to do. */
export const emptyPlan: Plan = planFor([customers], () => []);
