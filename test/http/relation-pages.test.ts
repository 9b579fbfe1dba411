import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dayOf } from '../../src/history/usage/state.ts';
import { indexId, tableId } from '../../src/http/api/listings.ts';
import { MiB } from '../../src/model/units.ts';
import { createPast } from '../../src/watch/past.ts';
import { hostileNames } from '../report/hostile.ts';
import { aFinding, aGeneration, type DescribedTable, factsOf, takenAtMs } from '../support/builders.ts';
import { usageOver } from '../support/usage.ts';
import { knowledgeOf, serve } from './daemon.ts';
import { expectSound } from './sound.ts';
import { watchedShop } from './watched-shop.ts';

let shop: Awaited<ReturnType<typeof watchedShop>>;
beforeAll(async () => {
  shop = await watchedShop();
});
afterAll(() => shop.client.close());

const idOf = (name: string): string => {
  const index = shop.generation.catalogue.indexes.find((one) => one.name === name);
  if (index === undefined) throw new Error(`no index ${name}`);
  return indexId(shop.generation.target, index);
};
const ordersId = (): string => {
  const [orders] = shop.generation.catalogue.tables;
  if (orders === undefined) throw new Error('no table');
  return tableId(shop.generation.target, orders);
};

describe('the history of an index', () => {
  const history = async (query = '') =>
    (await shop.client.get(`/api/v1/indexes/${idOf('orders_customer')}/history${query}`)).json();

  it('has every day asked for, gaps where nobody looked, and each node', async () => {
    const { days: told, nodes, events, isCut } = await history('?days=30');
    expect(told).toHaveLength(30);
    const today = dayOf(takenAtMs);
    const gap = told.filter(({ day }: { day: string }) => {
      const ago = today - dayOf(Date.parse(day));
      return ago > 16 && ago < 19;
    });
    expect(gap).toHaveLength(2);
    for (const day of gap) expect(day).toMatchObject({ scans: null, observedSeconds: null });
    expect(nodes.map(({ node }: { node: string }) => node)).toEqual(['primary', 'replica']);
    const [primary, replica] = nodes;
    expect(replica.scans.slice(0, 20).every((scans: unknown) => scans === null)).toBe(true);
    expect(told.at(-2).scans).toBe(primary.scans.at(-2) + replica.scans.at(-2));
    expect(told.at(-2).scans).toBeGreaterThan(0);
    expect(told.at(-1)).toMatchObject({ sizeBytes: 18 * MiB, bloatRatio: 0.1, bloatMethod: 'measured' });
    expect(told[0].sizeBytes).toBeNull();
    expect(events.map(({ title }: { title: string }) => title)).toEqual(['orders_customer was rebuilt']);
    expect(isCut).toBe(false);
  });

  it('is as long as it may be, and of days alone', async () => {
    expect((await history()).days).toHaveLength(90);
    expect((await history('?days=1')).days).toHaveLength(1);
    for (const wrong of ['days=0', 'days=401', 'days=x', 'days=1&days=2', 'offset=3'])
      expect(
        (await shop.client.get(`/api/v1/indexes/${idOf('orders_customer')}/history?${wrong}`)).status,
      ).toBe(400);
  });

  it('is cut where it would take too much reading, the newest days kept, and says so', async () => {
    const { generation, store } = shop;
    const [, index] = generation.catalogue.indexes;
    if (index === undefined) throw new Error('no index');
    const past = createPast({ store, daysMax: 90, bytesMax: 1 });
    const read = await past.ofIndex(generation, index, 90);
    if (!read.ok) throw new Error(read.error.message);
    const known = read.value.nodes[0]?.scans.map((scans, place) => (scans === null ? -1 : place)) ?? [];
    expect(read.value.isCut).toBe(true);
    expect(known.filter((place) => place >= 0).length).toBeGreaterThan(5);
    expect(known.slice(0, 80).every((place) => place === -1)).toBe(true);
  });

  it('has no room for a crowd: who comes too late is told to come again, and nothing is lost', async () => {
    const { generation, store } = shop;
    const [index] = generation.catalogue.indexes;
    if (index === undefined) throw new Error('no index');
    const past = createPast({ store, daysMax: 90, bytesMax: MiB });
    const answers = await Promise.all(Array.from({ length: 20 }, () => past.ofIndex(generation, index, 7)));
    expect(answers.filter(({ ok }) => ok)).toHaveLength(16);
    expect(answers.find(({ ok }) => !ok)).toMatchObject({ error: { kind: 'busy' } });
    expect((await past.ofIndex(generation, index, 7)).ok).toBe(true);
  });

  it('that cannot be read is an answer, and the page is there without it', async () => {
    const broken = {
      ...shop.store,
      eventsOf: () => Promise.reject(new Error('disk on fire')),
    };
    const client = await serve({
      generations: () => [shop.generation],
      knowledge: knowledgeOf(() => [shop.generation], broken),
    });
    const answer = await client.get(`/api/v1/indexes/${idOf('orders_customer')}/history`);
    expect(answer.status).toBe(503);
    expect(answer.json().detail).toContain('disk on fire');
    const page = await client.get(`/indexes/${idOf('orders_customer')}`);
    expect(page.status).toBe(200);
    expect(page.text).toContain('The past cannot be shown');
    await client.close();
  });
});

describe('the history of a table', () => {
  it('counts reads on all nodes and writes on the primary', async () => {
    const { days: told } = (await shop.client.get(`/api/v1/tables/${ordersId()}/history?days=4`)).json();
    expect(told).toHaveLength(4);
    expect(told[1]).toMatchObject({ rowsInserted: 240, rowsDeleted: 18, sizeBytes: null });
    expect(told[1].sequentialScans).toBe(120);
    expect(told[3]).toMatchObject({ sizeBytes: 5 * MiB, indexBytes: 9 * MiB, rows: 7 });
  });
});

describe('one index and one table', () => {
  it('tell everything, with the keys that indexes share', async () => {
    const index = (await shop.client.get(`/api/v1/indexes/${idOf('orders_customer')}`)).json();
    expect(index).toMatchObject({
      tableId: ordersId(),
      findings: ['00000000000000a1'],
      foreignKeys: ['orders_customer_id_fkey'],
      definition: null,
    });
    expect(index.nodes).toHaveLength(2);
    const table = (await shop.client.get(`/api/v1/tables/${ordersId()}`)).json();
    const aligned = table.alignment.map(
      ({ indexrelname, sharedKeys }: { indexrelname: string; sharedKeys: number }) => [
        indexrelname,
        sharedKeys,
      ],
    );
    expect(aligned).toEqual([
      ['orders_customer', 1],
      ['orders_customer_placed', 1],
      ['orders_pkey', 0],
      ['orders_note', 0],
    ]);
    expect(table.foreignKeyDetails).toMatchObject([
      { supportedBy: ['orders_customer'], onDelete: 'NO ACTION' },
    ]);
    expect(table.referencedBy).toMatchObject([{ relname: 'customers', supportedBy: [] }]);
  });

  it('withhold constants where these are private', async () => {
    const { client } = await watchedShop(true);
    for (const path of [
      `/api/v1/tables/${ordersId()}`,
      `/tables/${ordersId()}`,
      `/indexes/${idOf('orders_customer_placed')}`,
    ])
      expect((await client.get(path)).text).not.toMatch(/424242/);
    await client.close();
    expect((await shop.client.get(`/tables/${ordersId()}`)).text).toMatch(/424242/);
  });
});

describe('pages', () => {
  it('of an index and its table show them, and lead to each other and to what was found', async () => {
    const index = await shop.client.get(`/indexes/${idOf('orders_customer')}`);
    expect(index.status).toBe(200);
    expectSound(index.text);
    for (const path of [`/tables/${ordersId()}`, '/findings/00000000000000a1'])
      expect(index.text).toContain(`href="${path}"`);
    expect(index.text.match(/<svg/g)).toHaveLength(3);
    expect(index.text).toContain('orders_customer was rebuilt');
    const table = await shop.client.get(`/tables/${ordersId()}`);
    expectSound(table.text);
    expect(table.text.match(/<mark>/g)).toHaveLength(2);
    expect(table.text).toContain(`href="/indexes/${idOf('orders_note')}"`);
    expect(table.text).toContain('no index');
    const finding = await shop.client.get('/findings/00000000000000a1');
    expectSound(finding.text);
    expect(finding.text).toContain(`href="/tables/${ordersId()}"`);
    expect(finding.text).toContain(`href="/indexes/${idOf('orders_customer')}"`);
    expect(finding.text.match(/<svg/g)).toHaveLength(3);
  });

  it('that are none are told as such', async () => {
    for (const path of ['/indexes/ffffffffffffffff', '/tables/x', '/indexes/%00'])
      expect((await shop.client.get(path, { Accept: 'text/html' })).status).toBe(404);
  });
});

describe('names from strangers', () => {
  it.each([...hostileNames, 'x'.repeat(63), 'я'.repeat(31)].map((name) => [name]))(
    'such as %j are harmless',
    async (name) => {
      const table: DescribedTable = {
        name,
        schema: name,
        columns: ['id', name],
        indexes: [
          { name, keys: ['id'] },
          { name: `${name}2`, keys: ['id', 'id'], scans: 0 },
        ],
        foreignKeys: [{ name, columns: ['id'], references: name }],
      };
      const target = { server: 'main', datname: name };
      const facts = factsOf([table]);
      const finding = aFinding({
        datname: name,
        schemaname: name,
        relname: name,
        indexrelname: name,
        title: name,
      });
      const generation = {
        ...aGeneration({ target, facts, findings: [finding] }),
        usage: usageOver([table], { days: 2, nodes: ['primary', 'replica'] }),
      };
      const client = await serve({ generations: () => [generation] });
      const [index] = generation.catalogue.indexes;
      const [view] = generation.catalogue.tables;
      if (index === undefined || view === undefined) throw new Error('no index');
      const paths = [
        `/indexes/${indexId(target, index)}`,
        `/tables/${tableId(target, view)}`,
        `/findings/${finding.id}`,
        '/plan',
        '/plan?every=1',
        `/plan?make=1&finding=${finding.id}`,
        '/report',
        '/about',
        '/probes',
        `/api/v1/plan?download=true&format=alembic`,
        '/api/v1/report?format=html',
      ];
      for (const path of paths) {
        const answer = await client.get(path, { Accept: path.startsWith('/api') ? '*/*' : 'text/html' });
        expect([path, answer.status]).toEqual([path, 200]);
        const isPage = !path.startsWith('/api');
        if (isPage) expectSound(answer.text);
        if (isPage || path.includes('html')) {
          expect(answer.text).not.toContain('<script>alert');
          // Directions are turned by nothing but our own elements.
          expect(
            answer.text.replaceAll(/(?:data-text|type="hidden" name="target" value)="[^"]*"/g, ''),
          ).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
        }
        const file = String(answer.headers['content-disposition'] ?? 'inline; filename="a.sql"');
        expect(file).toMatch(/^(?:inline|attachment); filename="[A-Za-z0-9_.-]+"$/);
      }
      await client.close();
    },
  );
});
