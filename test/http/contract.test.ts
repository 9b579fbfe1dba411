import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashOfToken } from '../../src/config/http-tokens.ts';
import { apiOperations } from '../../src/http/api/document.ts';
import type { Operation } from '../../src/http/api/operations.ts';
import { defaultHttpOptions } from '../../src/http/options.ts';
import { reportSchema } from '../../src/report/document/document.ts';
import { memoryStore } from '../../src/store/store.ts';
import { shop, unreachable } from '../metrics/scene.ts';
import { takenAtMs } from '../support/builders.ts';
import { type Client, serve } from './daemon.ts';

const operations = apiOperations(defaultHttpOptions);
const token = 'a-token-of-sixteen-and-more';
const authorization = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };

/** The part of an OpenAPI document that is read here. */
interface OpenApi {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, Response>> }>>>
  >;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}
interface Response {
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}

const validators = new Map<string, ReturnType<Ajv2020['compile']>>();
let client: Client;
let document: OpenApi;
const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { 'date-time': true } });

beforeAll(async () => {
  const generations = [unreachable(), shop()];
  const diary = memoryStore();
  const { target, findings } = shop();
  await diary.keepLedger(target, await diary.ledgerOf(target), [
    {
      kind: 'finding-opened',
      atMs: takenAtMs,
      ...target,
      schemaname: 'public',
      relname: 'orders',
      indexrelname: null,
      node: null,
      findingId: findings[0]?.id ?? null,
      title: 'found',
      evidence: { bytes: 3 },
    },
  ]);
  client = await serve({
    generations: () => generations,
    diary,
    rules: { tokens: [{ name: 'ops', role: 'admin', sha256: hashOfToken(token) }] },
    configuredMutes: [{ kind: 'unused-index', reason: 'known', until: '2030-01-01' } as never],
  });
  document = (await client.get('/api/v1/openapi.json')).json();
});
afterAll(() => client.close());

/** Whether an answer is what the document says of this request and status; fails with what is wrong. */
function expectDescribed(
  operation: Pick<Operation, 'method' | 'path'>,
  answer: Awaited<ReturnType<Client['get']>>,
): void {
  const described = document.paths[operation.path]?.[operation.method]?.responses[String(answer.status)];
  expect(described, `${operation.path} answered ${answer.status}`).toBeDefined();
  if (described?.content === undefined) {
    expect(answer.body).toHaveLength(0);
    return;
  }
  const [contentType = ''] = String(answer.headers['content-type']).split(';');
  expect(Object.keys(described.content)).toContain(contentType);
  if (!contentType.endsWith('json')) {
    expect(answer.body.length).toBeGreaterThan(0);
    return;
  }
  const key = `${operation.method} ${operation.path} ${answer.status}`;
  // Pointers into the components are looked up from the top of what is compiled.
  const validate =
    validators.get(key) ??
    ajv.compile({ ...described.content[contentType]?.schema, components: document.components });
  validators.set(key, validate);
  validate(answer.json());
  expect(validate.errors ?? []).toEqual([]);
}

const pathOf = ({ path }: Pick<Operation, 'path'>, id: string): string =>
  `/api/v1${path.replace(/\{\w+\}/, id)}`;

/** Of something that there is. */
async function idFor({ path }: Pick<Operation, 'path'>): Promise<string> {
  const [, list = ''] = path.split('/');
  if (!path.includes('{') || list === 'mutes') return shop().findings[0]?.id ?? '';
  return (await client.get(`/api/v1/${list}`)).json().items[0].id;
}

describe('the OpenAPI document', () => {
  test('is valid OpenAPI 3.1', async () => {
    const result = await new Validator().validate({ ...structuredClone(document) });
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
  });

  test('has an operation for each request, each with an id of its own', () => {
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods as object).map((method) => `${method} ${path}`),
    );
    expect(described.sort()).toEqual(operations.map(({ method, path }) => `${method} ${path}`).sort());
  });

  test('lets answers grow: a field that is not described is no error for a client', () => {
    expect(JSON.stringify(document.components.schemas.Finding)).not.toContain('additionalProperties":false');
  });
});

describe('every answer is as described', () => {
  const readable = operations.filter(({ method, path }) => method === 'get' && !path.includes('stream'));

  test.each(readable.map((operation) => [operation.path, operation] as const))(
    'GET %s',
    async (_, operation) => {
      const oneDatabase = operation.path === '/plan' ? '?target=main/shop' : '';
      const answer = await client.get(pathOf(operation, await idFor(operation)) + oneDatabase);
      expect(answer.status).toBe(200);
      expectDescribed(operation, answer);
      if (String(answer.headers['content-type']).includes('json')) {
        const strictly = operation.answers[200]?.schema?.safeParse(answer.json());
        expect(strictly?.error?.issues ?? []).toEqual([]);
      }
      const isAskedAnything = operation.path.includes('{') || (operation.parameters ?? []).length > 0;
      if (isAskedAnything) {
        const unknown = await client.get(
          pathOf(operation, 'ffffffffffffffff') + (operation.path.includes('{') ? '' : '?no=1'),
        );
        expect(operation.problems).toContain(unknown.status);
        expectDescribed(operation, unknown);
      }
    },
  );

  test.each([
    ['/plan', 'format=json&target=main/shop', 'application/json'],
    ['/plan', 'format=alembic&target=shop&for=drop&downRevision=4ae1c0', 'text/plain'],
    ['/report', 'format=json&since=90d', 'application/json'],
    ['/report', 'format=html', 'text/html'],
  ])('GET %s?%s in %s', async (path, query, contentType) => {
    const answer = await client.get(`/api/v1${path}?${query}`);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe(`${contentType}; charset=utf-8`);
    expectDescribed({ method: 'get', path }, answer);
    if (path === '/report' && contentType === 'application/json')
      expect(reportSchema.safeParse(answer.json()).error?.issues ?? []).toEqual([]);
  });

  test('of mutes: set, replaced, lifted, refused', async () => {
    const [finding] = shop().findings;
    const body = JSON.stringify({
      findingId: finding?.id,
      reason: 'known',
      author: 'dba',
      until: '2031-01-01',
    });
    const post = { method: 'post', path: '/mutes' } as const;
    for (const status of [201, 200]) {
      const set = await client.send('POST', '/api/v1/mutes', authorization, body);
      expect(set.status).toBe(status);
      expectDescribed(post, set);
    }
    expectDescribed({ method: 'get', path: '/mutes' }, await client.get('/api/v1/mutes'));
    for (const [sent, status] of [
      ['{}', 400],
      [body.replace(finding?.id ?? '', 'ffffffffffffffff'), 404],
    ] as const) {
      const refused = await client.send('POST', '/api/v1/mutes', authorization, sent);
      expect(refused.status).toBe(status);
      expectDescribed(post, refused);
    }
    const anonymous = await client.send(
      'POST',
      '/api/v1/mutes',
      { 'Content-Type': 'application/json' },
      body,
    );
    expect(anonymous.status).toBe(401);
    expectDescribed(post, anonymous);
    const lift = { method: 'delete', path: '/mutes/{findingId}' } as const;
    for (const status of [204, 404]) {
      const lifted = await client.send('DELETE', `/api/v1/mutes/${finding?.id}`, authorization);
      expect(lifted.status).toBe(status);
      expectDescribed(lift, lifted);
    }
  });
});

describe('every change is as described', () => {
  test('of a finding by its address', async () => {
    const [finding] = shop().findings;
    const mute = { method: 'post', path: '/findings/{id}/mute' } as const;
    const send = (id: string, body: object) =>
      client.send('POST', `/api/v1/findings/${id}/mute`, authorization, JSON.stringify(body));
    const wanted = { reason: 'known', author: 'dba' };
    for (const [id, body, status] of [
      [finding?.id ?? '', wanted, 201],
      [finding?.id ?? '', wanted, 200],
      [finding?.id ?? '', {}, 400],
      ['ffffffffffffffff', wanted, 404],
    ] as const) {
      const answer = await send(id, body);
      expect(answer.status).toBe(status);
      expectDescribed(mute, answer);
    }
  });

  test('of collecting now', async () => {
    const collect = { method: 'post', path: '/collect' } as const;
    const collecting = await serve({
      rules: { tokens: [{ name: 'ops', role: 'admin', sha256: hashOfToken(token) }] },
      collecting: { targets: () => [shop().target], collect: () => {} },
    });
    const send = (body: object) =>
      collecting.send('POST', '/api/v1/collect', authorization, JSON.stringify(body));
    for (const [body, status] of [
      [{}, 202],
      [{ server: 'main' }, 429],
      [{ server: 'nobody' }, 404],
      [{ server: 3 }, 400],
    ] as const) {
      const answer = await send(body);
      expect(answer.status).toBe(status);
      expectDescribed(collect, answer);
    }
    await collecting.close();
  });
});

describe('caching', () => {
  test.each(['/api/v1/findings', '/api/v1/openapi.json', '/api/v1/indexes?limit=2'])(
    '%s is not sent again while nothing has changed',
    async (path) => {
      const first = await client.get(path);
      const etag = String(first.headers.etag);
      expect(etag).toMatch(/^(W\/)?"/);
      const again = await client.get(path, { 'If-None-Match': etag });
      expect(again.status).toBe(304);
      expect(again.body).toHaveLength(0);
      expect((await client.get(path, { 'If-None-Match': '"other"' })).status).toBe(200);
    },
  );
});

test('whatever parameters are sent, the answer is described, and never an error of ours', async () => {
  const readable = operations.filter(({ method, path }) => method === 'get' && !path.includes('stream'));
  const known = [...new Set(operations.flatMap(({ parameters = [] }) => parameters.map(({ name }) => name)))];
  const value = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom(
      '',
      '0',
      '1',
      '1000',
      '-1',
      '1e9',
      'null',
      '%00',
      '../..',
      "'; drop table x; --",
      'critical',
    ),
    fc.nat().map(String),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...readable.map(({ path }) => path)),
      fc.array(fc.tuple(fc.oneof(fc.constantFrom(...known), fc.string()), value), {
        maxLength: 4,
      }) as fc.Arbitrary<[string, string][]>,
      value,
      async (path, query, id) => {
        const search = new URLSearchParams(query);
        const answer = await client.get(`${pathOf({ path }, encodeURIComponent(id))}?${search}`);
        expect(answer.status).toBeLessThan(500);
        // An empty id is the path of a list.
        if (answer.status !== 404 && !(path.includes('{') && id === ''))
          expectDescribed({ method: 'get', path }, answer);
      },
    ),
    { numRuns: Number(process.env.INDEXWARDEN_API_REQUESTS ?? 300) },
  );
});
