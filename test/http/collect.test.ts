import { afterEach, describe, expect, test } from 'vitest';
import { hashOfToken } from '../../src/config/http-tokens.ts';
import { type TargetId, targetKey } from '../../src/model/ids.ts';
import { takenAtMs } from '../support/builders.ts';
import { type Client, serve } from './daemon.ts';

const token = 'a-token-of-sixteen-and-more';
const authorization = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
const targets: readonly TargetId[] = [
  { server: 'main', datname: 'shop' },
  { server: 'main', datname: 'archive' },
  { server: 'other', datname: 'shop' },
];

const open: Client[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.close();
});

async function scene() {
  const started: string[][] = [];
  const clock = { nowMs: takenAtMs };
  const client = await serve({
    rules: { tokens: [{ name: 'ops', role: 'admin', sha256: hashOfToken(token) }] },
    now: () => clock.nowMs,
    collecting: { targets: () => targets, collect: (asked) => started.push(asked.map(targetKey)) },
    options: { collectCooldownMs: 10_000 },
  });
  open.push(client);
  const post = (body?: unknown, headers: Record<string, string> = authorization) =>
    client.send('POST', '/api/v1/collect', headers, body === undefined ? undefined : JSON.stringify(body));
  return { client, post, started, clock };
}

describe('POST /api/v1/collect', () => {
  test('starts all targets, those of a server, or one', async () => {
    const { post, started, clock } = await scene();
    const all = await post(undefined, { Authorization: `Bearer ${token}` });
    expect(all.status).toBe(202);
    expect(all.json()).toEqual({ started: targets, waiting: [] });
    clock.nowMs += 10_000;
    expect((await post({ server: 'main' })).json().started).toHaveLength(2);
    clock.nowMs += 10_000;
    expect((await post({ server: 'other', datname: 'shop' })).json().started).toEqual([targets[2]]);
    expect(started.map((keys) => keys.length)).toEqual([3, 2, 1]);
  });

  test('waits for each target by itself, and says how long', async () => {
    const { post, started, clock } = await scene();
    await post({ server: 'other' });
    clock.nowMs += 2_500;
    const again = await post({ server: 'other' });
    expect(again.status).toBe(429);
    expect(again.headers['retry-after']).toBe('8');
    expect(again.headers['content-type']).toContain('problem+json');
    const all = (await post()).json();
    expect(all.started).toHaveLength(2);
    expect(all.waiting).toEqual([{ server: 'other', datname: 'shop', retryAfterSeconds: 8 }]);
    clock.nowMs += 7_500;
    expect((await post({ server: 'other' })).status).toBe(202);
    expect(started).toHaveLength(3);
  });

  test('refuses what it does not know, and whoever may not', async () => {
    const { post, started, client } = await scene();
    expect((await post({ server: 'nobody' })).status).toBe(404);
    for (const body of [{ servers: [] }, [], 'x', { server: 3 }]) expect((await post(body)).status).toBe(400);
    expect((await post({}, { Authorization: `Bearer ${token}`, 'Content-Type': 'text/plain' })).status).toBe(
      415,
    );
    expect((await post({}, { 'Content-Type': 'application/json' })).status).toBe(401);
    expect((await post({}, { ...authorization, Origin: 'https://evil.example' })).status).toBe(403);
    expect((await client.get('/api/v1/collect', authorization)).status).toBe(405);
    expect(started).toEqual([]);
  });

  test('is a button on the page of targets, for administrators', async () => {
    const { client, started } = await scene();
    const form = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/x-www-form-urlencoded' };
    const pressed = await client.send('POST', '/targets/collect', form, 'server=main&datname=shop');
    expect([pressed.status, pressed.headers.location]).toEqual([303, '/targets?collecting=yes']);
    expect(started).toEqual([['main/shop']]);
    const again = await client.send(
      'POST',
      '/targets/collect',
      { ...form, Accept: 'text/html' },
      'server=main&datname=shop',
    );
    expect(again.status).toBe(429);
    expect(again.headers['retry-after']).toBe('10');
    expect(again.text).toContain('<h1>Just collected</h1>');
    expect((await client.send('POST', '/targets/collect', { ...form, Authorization: '' }, '')).status).toBe(
      401,
    );
  });
});
