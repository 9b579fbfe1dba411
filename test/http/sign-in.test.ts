import { afterEach, describe, expect, it, test } from 'vitest';
import { localPath } from '../../src/http/access/authenticate.ts';
import { Gate, openToAll } from '../../src/http/access/gate.ts';
import { Sessions } from '../../src/http/access/sessions.ts';
import { hourMs } from '../../src/model/units.ts';
import { takenAtMs } from '../support/builders.ts';
import { type Client, serve } from './daemon.ts';
import { bearer, cookieOf, csrfTokenFor, form, rules, secrets, signIn, users } from './people.ts';

const open: Client[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.close();
});
const start = async (...given: Parameters<typeof serve>): Promise<Client> => {
  const client = await serve(...given);
  open.push(client);
  return client;
};
const statusOf = async (client: Client, headers: Record<string, string>) =>
  (await client.get('/api/v1/findings', headers)).status;

describe('the form', () => {
  it('asks for what is configured, without a script', async () => {
    const { get } = await start({ rules, users });
    const { text, headers } = await get('/login?next=/docs/');
    expect(text.match(/<form/g)).toHaveLength(2);
    expect(text).toContain('name="token"');
    expect(text).toContain('name="password"');
    expect(text).toContain('name="next" value="/docs/"');
    expect(text).not.toMatch(/<script(?! src="\/assets\/)|style=| on\w+=/);
    expect(headers['cache-control']).toBe('no-store');
    const tokensOnly = await start({ rules });
    expect((await tokensOnly.get('/login')).text).not.toContain('name="password"');
    const neither = await start();
    expect((await neither.get('/login')).text).toContain('Nobody has to sign in here');
  });

  it.each([
    ['a token', { token: secrets.admin }, 'ops', 'admin'],
    ['a token that was pasted with its newline', { token: ` ${secrets.reader}\n` }, 'grafana', 'read'],
    ['a user', { user: 'ann', password: secrets.ann }, 'ann', 'admin'],
  ])('lets in whoever has %s, and goes on to where they wanted', async (_, fields, name, role) => {
    const client = await start({ rules, users });
    const answer = await form(client, '/login', { ...fields, next: '/docs/bloat.md?a=b' });
    expect([answer.status, answer.headers.location]).toEqual([303, '/docs/bloat.md?a=b']);
    const { header, attributes } = cookieOf(answer);
    expect(header.Cookie).toMatch(/^indexwarden_session=[\w-]{43}$/);
    expect(attributes).toMatch(/Max-Age=43200; Path=\/; .*HttpOnly; SameSite=Strict/);
    expect(attributes).not.toMatch(/Domain|Secure/);
    expect((await client.get('/api/v1/session', header)).json()).toMatchObject({ name, role });
    expect((await client.get('/login', header)).text).toContain(`signed in as <strong>${name}</strong>`);
  });

  it.each([
    ['a wrong token', { token: 'wrong' }],
    ['a wrong password', { user: 'ann', password: secrets.bob }],
    ['nobody', { user: 'eve', password: secrets.bob }],
    ['a name alone', { user: 'ann' }],
    ['nothing', {}],
  ])('says the same of %s', async (_, fields) => {
    const client = await start({ rules, users });
    const answer = await form(client, '/login', { ...fields, next: '/docs/' });
    expect([answer.status, answer.headers['set-cookie']]).toEqual([401, undefined]);
    expect(answer.text).toContain('That was not right, or is no longer.');
    expect(answer.text).toContain('name="next" value="/docs/"');
    for (const secret of Object.values(fields)) expect(answer.text).not.toContain(`"${secret}"`);
  });

  it('is not filled in by other sites, and takes nothing but forms', async () => {
    const client = await start({ rules, users });
    const token = { token: secrets.admin };
    expect((await form(client, '/login', token, { Origin: 'https://evil.example' })).status).toBe(403);
    expect((await form(client, '/login', token, { 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403);
    expect((await form(client, '/login', token, { 'Content-Type': 'application/json' })).status).toBe(415);
    expect((await form(client, '/login', token, { 'Content-Encoding': 'gzip' })).status).toBe(400);
    expect((await form(client, '/login', { token: 'x'.repeat(5000) })).status).toBe(413);
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`field${at}`, '1']));
    expect((await form(client, '/login', many)).status).toBe(400);
    const two = await client.send(
      'POST',
      '/login',
      { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': '15' },
      'token=a&token=b',
    );
    expect(two.status).toBe(401);
    expect((await client.send('DELETE', '/login')).status).toBe(405);
    expect((await client.get('/logout')).status).toBe(405);
  });

  test.each([
    ['/findings?a=b', '/findings?a=b'],
    ['https://evil.example', '/'],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['/.//evil.example', '/'],
    ['/x/..//evil.example', '/'],
    ['/\t/evil.example', '/'],
    ['\\\\evil.example', '/'],
    ['javascript:alert(1)', '/'],
    ['/a\r\nSet-Cookie: b=c', '/aSet-Cookie:%20b=c'],
    ['', '/'],
  ])('leads nowhere else: %j', async (next, place) => {
    expect(localPath(next)).toBe(place);
    const client = await start({ rules, users });
    const answer = await form(client, '/login', { token: secrets.admin, next }, { Host: 'evil.example' });
    expect([answer.status, answer.headers.location]).toEqual([303, place]);
  });
});

describe('a session', () => {
  it('ends after its time', async () => {
    let nowMs = takenAtMs;
    const gate = new Gate({ rules: { ...openToAll, ...rules }, users: () => users, now: () => nowMs });
    const client = await start({ gate });
    const session = await signIn(client, secrets.reader);
    nowMs += 12 * hourMs - 1;
    expect(await statusOf(client, session)).toBe(200);
    nowMs += 1;
    expect(await statusOf(client, session)).toBe(401);
  });

  it('ends when somebody signs out, which takes the token of the form', async () => {
    const client = await start({ rules, users });
    const session = await signIn(client, secrets.reader);
    expect((await form(client, '/logout', {}, session)).status).toBe(403);
    expect((await form(client, '/logout', { csrf: 'wrong' }, session)).status).toBe(403);
    expect(await statusOf(client, session)).toBe(200);
    const csrf = await csrfTokenFor(client, session);
    expect((await client.get('/login', session)).text).toContain(`name="csrf" value="${csrf}"`);
    const out = await form(client, '/logout', { csrf }, session);
    expect([out.status, out.headers.location]).toEqual([303, '/login']);
    expect(out.headers['set-cookie']).toEqual([
      expect.stringMatching(/^indexwarden_session=; .*Expires=Thu, 01 Jan 1970/),
    ]);
    expect(await statusOf(client, session)).toBe(401);
  });

  it('is never one that somebody else planted', async () => {
    const client = await start({ rules, users });
    const planted = { Cookie: `indexwarden_session=${'A'.repeat(43)}` };
    const answer = await form(client, '/login', { token: secrets.admin }, planted);
    const { header } = cookieOf(answer);
    expect(header.Cookie).not.toBe(planted.Cookie);
    expect(await statusOf(client, planted)).toBe(401);
    // Signing in again ends the one before.
    const again = cookieOf(await form(client, '/login', { token: secrets.reader }, header)).header;
    expect([await statusOf(client, header), await statusOf(client, again)]).toEqual([401, 200]);
    const twice = { Cookie: `${planted.Cookie}; ${again.Cookie}` };
    expect(await statusOf(client, twice)).toBe(401);
  });

  it('is one of a thousand at most: the oldest makes room', () => {
    const sessions = new Sessions(() => 0);
    const holder = { kind: 'token', sha256: '00' } as const;
    const ids = Array.from({ length: 1001 }, () => sessions.begin(holder, 1).id);
    expect(new Set(ids).size).toBe(1001);
    expect(sessions.find(ids[0]!)).toBeUndefined();
    expect(ids.slice(1).every((id) => sessions.find(id) !== undefined)).toBe(true);
  });

  it('is for browsers: a bearer token needs none and begins none', async () => {
    const client = await start({ rules, users });
    const answer = await client.get('/', bearer(secrets.reader));
    expect(answer.headers['set-cookie']).toBeUndefined();
  });
});
