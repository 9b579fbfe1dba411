import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeCursor, encodeCursor } from '../../src/http/api/cursor.ts';
import type { Finding } from '../../src/model/finding.ts';
import { MiB } from '../../src/model/units.ts';
import { shop, unreachable } from '../metrics/scene.ts';
import { aFinding, aGeneration, factsOf } from '../support/builders.ts';
import { type Client, serve } from './daemon.ts';

let client: Client;
beforeAll(async () => {
  const generations = [unreachable(), shop()];
  client = await serve({ generations: () => generations });
});
afterAll(() => client.close());

const get = (path: string) => client.get(path);
const idsOf = (items: readonly { readonly id: string }[]) => items.map((item) => item.id);

describe('lists', () => {
  test.each(['findings', 'indexes', 'tables', 'targets', 'collectors', 'probes'])(
    '%s come in the envelope, in the order of their ids',
    async (list) => {
      const { status, headers, json } = await get(`/api/v1/${list}`);
      expect(status).toBe(200);
      expect(headers['content-type']).toBe('application/json; charset=utf-8');
      const page = json();
      expect(Object.keys(page)).toEqual(['items', 'next', 'generatedAt']);
      expect(page.next).toBeNull();
      expect(page.generatedAt).toBe('2026-03-01T12:00:01.500Z');
      expect(page.items.length).toBeGreaterThan(0);
      expect(idsOf(page.items)).toEqual([...new Set(idsOf(page.items))].sort());
    },
  );

  test('are empty, and dated now, before the first generation', async () => {
    const empty = await serve();
    const page = (await empty.get('/api/v1/findings')).json();
    expect(page).toEqual({ items: [], next: null, generatedAt: '2026-03-01T12:00:00.000Z' });
    await empty.close();
  });

  test('walk through everything once, page by page', async () => {
    const whole = (await get('/api/v1/collectors')).json().items;
    for (const limit of [1, 2, 5, 7]) {
      const walked: string[] = [];
      let next: string | null = null;
      do {
        const cursor: string = next === null ? '' : `&cursor=${next}`;
        const page = (await get(`/api/v1/collectors?limit=${limit}${cursor}`)).json();
        expect(page.items.length).toBeLessThanOrEqual(limit);
        walked.push(...idsOf(page.items));
        next = page.next;
      } while (next !== null);
      expect(walked).toEqual(idsOf(whole));
    }
  });

  test('neither skip nor repeat what stays when entries come and go between two pages', async () => {
    const numbered = (...ids: readonly number[]): Finding[] =>
      ids.map((id) => aFinding({ id: id.toString(16).padStart(16, '0') }));
    let findings = numbered(1, 2, 3, 4, 5, 6);
    const changing = await serve({ generations: () => [aGeneration({ findings })] });
    const first = (await changing.get('/api/v1/findings?limit=3')).json();
    findings = numbered(0, 2, 4, 5, 6);
    const second = (await changing.get(`/api/v1/findings?limit=3&cursor=${first.next}`)).json();
    expect(idsOf([...first.items, ...second.items]).map((id) => Number.parseInt(id, 16))).toEqual([
      1, 2, 3, 4, 5, 6,
    ]);
    expect(second.next).toBeNull();
    await changing.close();
  });

  test.each([
    ['limit=0', 'limit must be a whole number from 1 to 1000'],
    ['limit=1001', 'limit must be a whole number from 1 to 1000'],
    ['limit=1e2', 'limit must be a whole number from 1 to 1000'],
    ['limit=', 'limit must be a whole number from 1 to 1000'],
    ['limit=5&limit=6', 'limit may be given once'],
    ['offset=10', 'offset is refused'],
    ['colour=red', 'unknown parameter "colour"'],
    ['__proto__=1', 'unknown parameter "__proto__"'],
    ['severity=fatal', 'severity must be one of info, warning, critical'],
    ['kind=', 'kind must be one of invalid-index'],
    ['cursor=', 'cursor is not one that this list gave'],
    ['cursor=abc', 'cursor is not one that this list gave'],
    ['limit=0&severity=fatal', 'severity must be one of info, warning, critical; limit must be'],
  ])('refuse ?%s', async (query, detail) => {
    const answer = await get(`/api/v1/findings?${query}`);
    expect(answer.status).toBe(400);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer.json().detail).toContain(detail);
  });

  test('refuse a cursor of other filters, of another list, and one that was tampered with', async () => {
    const { next } = (await get('/api/v1/findings?limit=1')).json();
    expect((await get(`/api/v1/findings?cursor=${next}`)).status).toBe(200);
    expect((await get(`/api/v1/findings?limit=2&cursor=${next}`)).status).toBe(200);
    for (const path of [
      `findings?state=open&cursor=${next}`,
      `indexes?cursor=${next}`,
      `findings?cursor=${next}A`,
      `findings?cursor=${next}=`,
      `findings?cursor=${next.slice(1)}`,
      `findings?cursor=${next.slice(0, -1)}`,
    ])
      expect((await get(`/api/v1/${path}`)).status, path).toBe(400);
  });

  test('never break, whatever the parameters', async () => {
    const name = fc.constantFrom('limit', 'cursor', 'kind', 'server', 'state', 'offset', 'x', '__proto__');
    const pair = fc.tuple(name, fc.string({ maxLength: 20 }));
    await fc.assert(
      fc.asyncProperty(fc.array(pair, { maxLength: 4 }), async (pairs) => {
        const { status } = await get(`/api/v1/findings?${new URLSearchParams(pairs)}`);
        expect([200, 400]).toContain(status);
      }),
      { numRuns: 60 },
    );
  });
});

describe('cursors', () => {
  test('hold any id and notice every change', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 300 }), fc.nat(), (id, place) => {
        const cursor = encodeCursor('list', id);
        expect(cursor).toMatch(/^[\w-]+$/);
        const wellFormed = Buffer.from(id).toString() === id;
        if (wellFormed) expect(decodeCursor('list', cursor)).toEqual({ ok: true, value: id });
        expect(decodeCursor('other', cursor).ok).toBe(false);
        const at = place % cursor.length;
        const changed = `${cursor.slice(0, at)}${cursor[at] === 'A' ? 'B' : 'A'}${cursor.slice(at + 1)}`;
        expect(decodeCursor('list', changed).ok).toBe(false);
      }),
    );
  });
});

describe('findings', () => {
  test.each([
    ['datname=archive', ['00000000000000b1']],
    ['state=open&kind=unindexed-foreign-key', ['00000000000000f1', '00000000000000f2']],
    ['state=muted&state=resolved', ['00000000000000a1', '00000000000000e1']],
    ['severity=info&origin=baseline&server=main&schemaname=public', ['00000000000000f1', '00000000000000f2']],
    ['server=elsewhere', []],
    ['schemaname=<b>', []],
  ])('filtered by %s', async (query, ids) => {
    expect(idsOf((await get(`/api/v1/findings?${encodeURI(query)}`)).json().items)).toEqual(ids);
  });

  test('one by its id, in full, as the contract has it', async () => {
    const { json, status } = await get('/api/v1/findings/00000000000000d1');
    expect(status).toBe(200);
    expect(json()).toEqual(aFinding({ id: '00000000000000d1' }));
  });

  test('an id that is not there is 404', async () => {
    for (const id of ['ffffffffffffffff', 'x', encodeURIComponent('../secret')]) {
      const answer = await get(`/api/v1/findings/${id}`);
      expect(answer.status).toBe(404);
      expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    }
  });

  test('are revalidated by their entity tag', async () => {
    const first = await get('/api/v1/findings');
    const again = await client.get('/api/v1/findings', { 'If-None-Match': first.headers.etag ?? '' });
    expect(again.status).toBe(304);
  });
});

describe('indexes', () => {
  const named = async (name: string) =>
    (await get(`/api/v1/indexes?indexrelname=${encodeURIComponent(name)}`)).json().items[0];

  test('say what they are, what they cost and what was found', async () => {
    expect(await named('orders_a_idx1')).toMatchObject({
      server: 'main',
      datname: 'shop',
      schemaname: 'public',
      relname: 'orders',
      indexrelname: 'orders_a_idx1',
      accessMethod: 'btree',
      shape: '(a)',
      keys: [{ text: 'a', isExpression: false, operatorClass: 'int4_ops', isDescending: false }],
      isUnique: false,
      isValid: true,
      sizeBytes: 10 * MiB,
      scansTotal: 0,
      lastScanAt: null,
      findings: ['00000000000000d1'],
    });
    expect((await named('orders_a_idx')).findings).toEqual([]);
  });

  test('say what a rebuild would free and how that is known', async () => {
    expect((await named('orders_pkey')).bloat).toEqual({
      method: 'measured',
      confidence: 'high',
      sizeBytes: 10 * MiB,
      expectedSizeBytes: 6 * MiB,
      wastedBytes: 4 * MiB,
      ratio: 0.4,
      low: 0.4,
      high: 0.4,
      naturalFillBytes: 0,
      reason: null,
      improvement: null,
      measuredAt: '2026-03-01T11:00:00.000Z',
    });
    expect((await named('orders_lower_idx')).bloat).toMatchObject({
      method: 'unknown',
      wastedBytes: null,
      reason: 'it was not measured',
    });
    expect((await named('orders_a_idx1')).bloat).toBeNull();
  });

  test('unknown facts are null', async () => {
    const odd = await named('"; drop table x; --');
    expect(odd).toMatchObject({ sizeBytes: null, scansTotal: null, relname: 'we"ird\n\\табличка' });
  });

  test('constants of definitions are hidden where that is asked for', async () => {
    const facts = factsOf([
      {
        name: 'orders',
        columns: ['a'],
        indexes: [{ name: 'i', keys: ['(a + 4711)'], where: '(a = 1234)' }],
      },
    ]);
    const redacting = await serve({
      generations: () => [aGeneration({ facts })],
      options: { redactLiterals: true },
    });
    const { text } = await redacting.get('/api/v1/indexes');
    expect(text).not.toMatch(/4711|1234/);
    expect(text).toContain('?');
    await redacting.close();
  });
});

describe('tables', () => {
  test('say what they are and what was found on them', async () => {
    const { items } = (await get('/api/v1/tables?relname=orders')).json();
    expect(items).toMatchObject([
      {
        relname: 'orders',
        relationKind: 'table',
        rows: 100_000,
        indexes: ['orders_pkey', 'orders_a_idx', 'orders_a_idx1', 'orders_lower_idx'],
        indexBytes: 32 * MiB,
        rowsHotUpdatedTotal: 18_000,
        findings: ['00000000000000d1', '00000000000000f1', '00000000000000f2', '00000000000000c1'],
      },
    ]);
    const odd = (await get('/api/v1/tables?schemaname=%3Cb%3Eodd%3C%2Fb%3E')).json().items[0];
    expect(odd).toMatchObject({ rows: null, sizeBytes: null, indexBytes: null, rowsInsertedTotal: null });
  });
});

describe('targets', () => {
  test('say who was asked, what failed, what could not be judged and what to grant', async () => {
    const [target] = (await get('/api/v1/targets?datname=shop')).json().items;
    expect(target).toMatchObject({
      id: 'main/shop',
      up: true,
      error: null,
      generation: 3,
      version: '17.10',
      role: 'primary',
      statisticsSince: '2025-12-31T12:00:00.000Z',
      statisticsSinceSource: 'pg_stat_database.stats_reset',
      tables: 2,
      indexes: 5,
      findings: { open: 4, muted: 1, resolved: 1 },
      missingPermissions: [{ grant: 'GRANT SELECT ON indexwarden.column_statistics TO indexwarden;' }],
    });
    expect(target.inconclusive).toContainEqual({
      kind: 'oversized-index',
      reason: 'its size is not known: it was locked',
      relations: ['<b>odd</b>."; drop table x; --'],
    });
    expect(target.collectors).toContainEqual(
      expect.objectContaining({ name: 'column-statistics', state: 'failed', errorKind: 'QueryTimeout' }),
    );
  });

  test('that are down claim nothing', async () => {
    const [target] = (await get('/api/v1/targets?up=false')).json().items;
    expect(target).toMatchObject({
      id: 'main/archive',
      up: false,
      version: null,
      role: null,
      statisticsSince: null,
      tables: null,
      indexes: null,
    });
    expect(target.error).toContain('ECONNREFUSED');
  });
});

test('collectors can be asked for by what came of them', async () => {
  const { items } = (await get('/api/v1/collectors?state=failed&datname=shop')).json();
  expect(items).toMatchObject([
    {
      id: 'main/shop/column-statistics',
      reason: 'canceling statement due to statement timeout',
      facts: null,
    },
  ]);
});
