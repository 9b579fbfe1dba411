import type { Generation } from '../../src/findings/generation.ts';
import type { SizePoint } from '../../src/history/bloat/memory.ts';
import type { KeptEvent } from '../../src/model/event.ts';
import { type NodeName, nodeName } from '../../src/model/ids.ts';
import { dayMs, MiB } from '../../src/model/units.ts';
import { memoryStore, type Store, type UsageDay } from '../../src/store/store.ts';
import { aFinding, aGeneration, type DescribedTable, factsOf, takenAtMs } from '../support/builders.ts';
import { usageOver } from '../support/usage.ts';
import { type Client, knowledgeOf, serve } from './daemon.ts';

const days = 30;
const tables: readonly DescribedTable[] = [
  {
    name: 'orders',
    columns: ['id', 'customer_id', 'placed_on', { name: 'note', type: 'text' }],
    indexes: [
      {
        name: 'orders_pkey',
        keys: ['id'],
        fact: { isPrimary: true, isUnique: true, constraintType: 'p', constraintName: 'orders_pkey' },
      },
      { name: 'orders_customer', keys: ['customer_id'] },
      { name: 'orders_customer_placed', keys: ['customer_id', 'placed_on DESC'], where: '(id > 424242)' },
      { name: 'orders_note', keys: ['lower(note)'], include: ['placed_on'] },
    ],
    foreignKeys: [{ columns: ['customer_id'], references: 'customers' }],
  },
  {
    name: 'customers',
    columns: ['id', 'order_id'],
    indexes: [{ name: 'customers_pkey', keys: ['id'], fact: { isPrimary: true, isUnique: true } }],
    foreignKeys: [{ columns: ['order_id'], references: 'orders' }],
  },
];

/** A shop that was watched for a month on two nodes, the second for a week. */
export async function watchedShop(
  redactLiterals = false,
): Promise<{ generation: Generation; store: Store; client: Client }> {
  const ended: [NodeName, UsageDay][] = [];
  const usage = usageOver(tables, {
    days,
    onDays: (node, those) => ended.push(...those.map((day): [NodeName, UsageDay] => [nodeName(node), day])),
    nodes: ['primary', 'replica'],
    isBlind: ({ node, day }) => (node === 'replica' && day > 7) || (day > 15 && day < 20),
    scans: (index, { day }) => (index === 'orders_customer' ? 5 + ((day * 7) % 11) : 0),
    writes: (_, { node }) => (node === 'primary' ? { inserted: 40, deleted: 3, updated: 9 } : {}),
  });
  const store = memoryStore();
  const target = { server: 'main', datname: 'shop' };
  for (const [node, day] of ended)
    await store.foldUsage(target, node, { checkpoint: new Uint8Array(), days: [day] });
  const event: Omit<KeptEvent, 'id'> = {
    kind: 'index-rebuilt',
    atMs: takenAtMs - 6 * dayMs,
    ...target,
    schemaname: 'public',
    relname: 'orders',
    indexrelname: 'orders_customer',
    node: null,
    findingId: null,
    title: 'orders_customer was rebuilt',
    evidence: {},
  };
  await store.keepLedger(target, await store.ledgerOf(target), [
    event,
    { ...event, indexrelname: 'orders_note', title: 'another one was rebuilt' },
  ]);
  const point = (ago: number): SizePoint => ({
    atMs: takenAtMs - ago * dayMs,
    sizeBytes: (ago > 6 ? 60 - ago : 18 - ago) * MiB,
    liveEntries: 1,
    bloat: { ratio: ago > 6 ? 0.6 - ago / 100 : 0.1, method: 'measured' },
  });
  const findings = [aFinding({ id: '00000000000000a1', relname: 'orders', indexrelname: 'orders_customer' })];
  const generation: Generation = {
    ...aGeneration({ target, facts: factsOf(tables), findings }),
    usage,
    sizes: {
      ofIndex: () => Array.from({ length: 25 }, (_, place) => point(24 - place)),
      ofTable: () => [{ atMs: takenAtMs, sizeBytes: 5 * MiB, indexBytes: 9 * MiB, rows: 7 }],
    },
  };
  const client = await serve({
    generations: () => [generation],
    diary: store,
    knowledge: knowledgeOf(() => [generation], store),
    options: { redactLiterals },
  });
  return { generation, store, client };
}
