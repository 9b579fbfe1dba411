import { afterEach, describe, expect, it } from 'vitest';
import { hashOfToken } from '../../src/config/http-tokens.ts';
import type { MuteSettings } from '../../src/config/schema-mutes.ts';
import { dayMs } from '../../src/model/units.ts';
import { memoryStore, type Store } from '../../src/store/store.ts';
import { aFinding, aGeneration, takenAtMs } from '../support/builders.ts';
import { type Answer, type Client, serve } from './daemon.ts';

const open: Client[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.close();
});

const token = 'a-token-of-32-characters-or-more';
const findingId = aFinding().id;

async function scene(
  options: { readonly token?: string | undefined; readonly configuredMutes?: readonly MuteSettings[] } = {
    token,
  },
): Promise<{
  readonly client: Client;
  readonly store: Store;
  readonly lines: readonly string[];
  readonly post: (body: unknown, headers?: Record<string, string>) => Promise<Answer>;
}> {
  const store = memoryStore();
  const lines: string[] = [];
  const note = (fields: object, message: string): void => void lines.push(JSON.stringify([fields, message]));
  const client = await serve({
    diary: store,
    generations: () => [aGeneration({ findings: [aFinding()] })],
    configuredMutes: options.configuredMutes ?? [],
    rules: {
      tokens:
        options.token === undefined
          ? []
          : [{ name: 'ops', role: 'admin', sha256: hashOfToken(options.token) }],
    },
    log: { debug: note, info: note, warn: note, error: note },
  });
  open.push(client);
  const post = (body: unknown, headers: Record<string, string> = {}): Promise<Answer> => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return client.send(
      'POST',
      '/api/v1/mutes',
      {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
        'Content-Length': String(Buffer.byteLength(text)),
        ...headers,
      },
      text,
    );
  };
  return { client, store, lines, post };
}

const mute = { findingId, reason: 'needed for the audit', author: 'ann' };

describe('POST /api/v1/mutes', () => {
  it('mutes a finding, for ever or until a day or an instant', async () => {
    const { post, store, lines } = await scene();
    const answer = await post(mute);
    expect([answer.status, answer.json()]).toEqual([
      201,
      {
        id: findingId,
        source: 'api',
        match: { findingId },
        reason: 'needed for the audit',
        author: 'ann',
        setAt: '2026-03-01T12:00:00.000Z',
        until: null,
        isExpired: false,
      },
    ]);
    expect(await store.mutes()).toEqual([{ ...mute, setAtMs: takenAtMs, untilMs: null }]);
    expect(lines.join()).toContain('mute-set');
    const again = await post({ ...mute, until: '2026-03-31' });
    expect([again.status, again.json().until]).toEqual([200, '2026-04-01T00:00:00.000Z']);
    expect((await post({ ...mute, until: '2026-03-31T08:00:00Z' })).json().until).toBe(
      '2026-03-31T08:00:00.000Z',
    );
    expect(await store.mutes()).toHaveLength(1);
  });

  it.each([
    ['no reason', { findingId, author: 'ann' }, 'reason is missing'],
    ['an empty reason', { ...mute, reason: ' ' }, 'reason must not be empty'],
    ['a book for a reason', { ...mute, reason: 'x'.repeat(501) }, 'reason must have at most 500 characters'],
    ['no author', { findingId, reason: 'x' }, 'author is missing'],
    ['no id', { ...mute, findingId: 'orders_idx' }, 'findingId must be the id of a finding'],
    ['a day that no calendar has', { ...mute, until: '2026-02-30' }, 'until must be a day'],
    ['a time that is over', { ...mute, until: '2026-02-28' }, 'until lies in the past'],
    ['an unknown key', { ...mute, forever: true }, 'unknown key "forever"'],
    ['no object', [1], 'the body must be an object'],
    ['no JSON', '{"findingId":', 'no JSON'],
    ['a bare word', 'null', 'no JSON'],
  ])('refuses %s', async (_, body, why) => {
    const { post, store } = await scene();
    const answer = await post(body);
    expect([answer.status, answer.json().detail]).toEqual([400, expect.stringContaining(why)]);
    expect(await store.mutes()).toEqual([]);
  });

  it('knows the findings that there are', async () => {
    const { post } = await scene();
    expect((await post({ ...mute, findingId: 'ffffffffffffffff' })).status).toBe(404);
  });

  it('forgets mutes that ended long ago', async () => {
    const { post, store } = await scene();
    const ended = { ...mute, setAtMs: 0 };
    await store.keepMute({ ...ended, findingId: 'long-ago', untilMs: takenAtMs - 31 * dayMs });
    await store.keepMute({ ...ended, findingId: 'lately', untilMs: takenAtMs - dayMs });
    await post(mute);
    expect((await store.mutes()).map((kept) => kept.findingId)).toEqual(['lately', findingId]);
  });
});

describe('whoever changes something', () => {
  it('is refused where no token is configured, and told how to configure one', async () => {
    const { post, client } = await scene({});
    for (const answer of [
      await post(mute),
      await client.send('DELETE', `/api/v1/mutes/${findingId}`, { Authorization: 'Bearer ' }),
    ]) {
      expect([answer.status, answer.json().detail]).toEqual([
        403,
        expect.stringContaining('http.adminTokenFile'),
      ]);
    }
    expect((await client.get('/api/v1/mutes')).status).toBe(200);
  });

  it.each([
    '',
    'Bearer',
    `Basic ${Buffer.from(`x:${token}`).toString('base64')}`,
    'Bearer wrong',
    `Bearer ${token}x`,
    `Bearer ${token.slice(0, -1)}`,
    token,
  ])('must show it: %s', async (authorization) => {
    const { post, client, store } = await scene();
    await store.keepMute({ ...mute, setAtMs: 0, untilMs: null });
    for (const answer of [
      await post(mute, { Authorization: authorization }),
      await client.send('DELETE', `/api/v1/mutes/${findingId}`, { Authorization: authorization }),
    ]) {
      expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, expect.any(String)]);
      expect(answer.text).not.toContain(token);
    }
    expect(await store.mutes()).toHaveLength(1);
  });

  it('must send JSON by name, which no form can', async () => {
    const { post, store } = await scene();
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', '']) {
      expect((await post(mute, { 'Content-Type': type })).status).toBe(415);
    }
    expect((await post(mute, { 'Content-Type': 'application/json; charset=utf-8' })).status).toBe(201);
    expect(await store.mutes()).toHaveLength(1);
  });

  it('may not come from the page of another site', async () => {
    const { post } = await scene();
    expect((await post(mute, { Origin: 'https://evil.example' })).status).toBe(403);
    expect((await post(mute, { 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403);
  });

  it('must be brief, and not compressed', async () => {
    const { post } = await scene();
    expect((await post({ ...mute, reason: 'x'.repeat(10_000) })).status).toBe(413);
    expect((await post(mute, { 'Content-Encoding': 'gzip' })).status).toBe(400);
  });

  it('never finds the token in the log', async () => {
    const { post, lines } = await scene();
    await post(mute);
    await post('{', {});
    expect(lines.join()).not.toContain(token);
  });
});

describe('DELETE /api/v1/mutes/{findingId}', () => {
  it('lifts a mute', async () => {
    const { client, post, store } = await scene();
    await post(mute);
    const headers = { Authorization: `bearer ${token}` };
    const answer = await client.send('DELETE', `/api/v1/mutes/${findingId}`, headers);
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(await store.mutes()).toEqual([]);
    expect((await client.send('DELETE', `/api/v1/mutes/${findingId}`, headers)).status).toBe(404);
  });

  it('is the only thing that can be done there', async () => {
    const { client } = await scene();
    const answer = await client.get(`/api/v1/mutes/${findingId}`);
    expect([answer.status, answer.headers.allow]).toEqual([405, 'DELETE']);
    const other = await client.send('PUT', '/api/v1/mutes');
    expect([other.status, other.headers.allow]).toEqual([405, 'GET, HEAD, POST']);
  });
});

describe('GET /api/v1/mutes', () => {
  const configuredMutes: readonly MuteSettings[] = [
    { kind: 'unused-index', server: '*', reason: 'soaking', until: '2026-02-01' },
    { index: 'audit_*', reason: 'for the auditors', author: 'dba' },
  ];

  it('lists those of the API and of the configuration, page by page', async () => {
    const { client, post } = await scene({ token, configuredMutes });
    await post(mute);
    const first = (await client.get('/api/v1/mutes?limit=2')).json();
    const second = (await client.get(`/api/v1/mutes?limit=2&cursor=${first.next}`)).json();
    expect(second.next).toBeNull();
    expect([...first.items, ...second.items]).toMatchObject([
      { id: findingId, source: 'api', isExpired: false },
      {
        id: 'configuration-00000',
        match: { kind: 'unused-index', server: '*' },
        reason: 'soaking',
        author: null,
        until: '2026-02-01',
        isExpired: true,
      },
      {
        id: 'configuration-00001',
        match: { index: 'audit_*' },
        author: 'dba',
        until: null,
        isExpired: false,
      },
    ]);
  });

  it('refuses what it does not know', async () => {
    const { client } = await scene();
    expect((await client.get('/api/v1/mutes?server=main')).status).toBe(400);
  });
});
