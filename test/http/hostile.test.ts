import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest';
import { type RunningServer, startServer } from '../../src/http/server.ts';
import { inRepository } from '../support/repository.ts';
import { type Client, sendTo, serve, silent } from './daemon.ts';
import { basic, bearer, form, rules, secrets, users } from './people.ts';

const open: Client[] = [];
const running: RunningServer[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.close();
  await Promise.all(running.splice(0).map((server) => server.close(0)));
});
const start = async (...given: Parameters<typeof serve>): Promise<Client> => {
  const client = await serve(...given);
  open.push(client);
  return client;
};

/** What comes back for these very bytes, until the server hangs up. */
async function raw(port: number, ...chunks: readonly (string | Buffer)[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let heard = '';
  socket.on('data', (chunk) => {
    heard += chunk;
  });
  socket.on('error', () => {});
  for (const chunk of chunks) socket.write(chunk);
  await once(socket, 'close');
  return heard;
}

const bare = async (limits: Parameters<typeof startServer>[0]['limits'] = {}): Promise<RunningServer> => {
  const server = await startServer({
    app: (request, response) => {
      request.resume();
      request.on('end', () => response.end('hello'));
    },
    listen: { host: '127.0.0.1', port: 0 },
    limits,
  });
  running.push(server);
  return server;
};

describe('a slow client', () => {
  const limits = { headersTimeoutMs: 100, requestTimeoutMs: 150, keepAliveTimeoutMs: 100 };

  test.each([
    ['sends nothing', ''],
    ['does not finish the first line', 'GET /met'],
    ['sends one header after the other', 'GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n'],
    ['does not finish its body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc'],
    ['does not finish its chunks', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab'],
  ])('that %s is told 408 and cut off', async (_, sent) => {
    const { port } = await bare(limits);
    expect(await raw(port, sent)).toMatch(/^HTTP\/1\.1 408 .*"status": 408/s);
  });

  test('that keeps dripping headers is cut off all the same', async () => {
    const { port } = await bare(limits);
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    socket.write('GET / HTTP/1.1\r\n');
    const drip = setInterval(() => socket.write('X-A: b\r\n'), 10);
    await once(socket, 'close');
    clearInterval(drip);
  });

  test('that asks nothing more is let go', async () => {
    const { port } = await bare(limits);
    expect(await raw(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 .*hello/s);
  });

  test('does not take the place of all others', async () => {
    const server = await bare({ maxConnections: 2, headersTimeoutMs: 100, requestTimeoutMs: 100 });
    const stuck = [raw(server.port, 'GET'), raw(server.port, 'GET')];
    await Promise.all(stuck);
    expect((await sendTo(server.port, 'GET', '/')).text).toBe('hello');
  });
});

describe('what is no request', () => {
  test.each([
    ['an address without end', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    ['headers without end', `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    ['noise', 'this is not HTTP\r\n\r\n', 400],
    ['a TLS handshake', Buffer.from('160301020001000', 'hex'), 400],
    ['a method of its own', 'BREW / HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na', 400],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['a header with a zero byte', 'GET / HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n', 400],
    ['a folded header', 'GET / HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\n\r\n', 400],
  ])('%s', async (_, sent, status) => {
    const { port } = await bare({ headersTimeoutMs: 200 });
    const answer = await raw(port, sent);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).not.toMatch(/\bat .*\.ts|node:/);
  });

  test('an answer that is a problem, as far as Node.js leaves it to us', async () => {
    const { port } = await bare();
    expect(await raw(port, 'noise\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 400 Bad Request\r\nContent-Type: application\/problem\+json.*Connection: close\r\n\r\n\{.*"requestId": "[0-9a-f-]{36}"/s,
    );
  });
});

describe('the application', () => {
  it('has an end of addresses', async () => {
    const { get } = await start();
    const answer = await get(`/api/v1/findings?server=${'a'.repeat(9_000)}`);
    expect([answer.status, answer.json().title]).toEqual([414, 'URI too long']);
  });

  it('has an end of requests in a minute, metrics and health apart', async () => {
    const { get, send } = await start({ options: { requestsPerMinute: 5 } });
    for (let count = 0; count < 5; count++) expect((await get('/api/v1/findings')).status).toBe(200);
    const answer = await get('/');
    expect([answer.status, answer.headers['content-type']]).toEqual([
      429,
      'application/problem+json; charset=utf-8',
    ]);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.json().detail).toContain('http.requestsPerMinute');
    for (const path of ['/metrics', '/probe?target=a', '/-/healthy', '/healthz', '/-/ready', '/readyz'])
      expect((await get(path)).status, path).not.toBe(429);
    // Who claims another address is the same client.
    expect((await get('/', { 'X-Forwarded-For': '192.0.2.7', Forwarded: 'for=192.0.2.7' })).status).toBe(429);
    expect((await send('POST', '/login')).status).toBe(429);
  });

  it('answers to methods it does not know, and to paths that lead out of the documentation', async () => {
    const client = await start({ options: { docsDirectory: inRepository('docs') } });
    for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'POST'])
      for (const path of [
        '/',
        '/metrics',
        '/docs/',
        '/api/v1/findings',
        '/assets/style.css',
        '/api/v1/session',
      ])
        expect((await client.send(method, path)).status, `${method} ${path}`).toBe(
          method === 'TRACE' ? 405 : 405,
        );
    for (const path of [
      '/docs/../package.json',
      '/docs/%2e%2e/package.json',
      '/docs/..%2fpackage.json',
      '/docs/%2e%2e%2fpackage.json',
      '/docs/..\\package.json',
      '/docs/..%5cpackage.json',
      '/docs/....//package.json',
      '/docs//etc/passwd',
      '/docs/%00',
      '/docs/bloat.md%00.png',
      '/docs/file:///etc/passwd',
      '/assets/../package.json',
      '/assets/%2e%2e/package.json',
    ]) {
      const answer = await client.get(path);
      expect([400, 404], path).toContain(answer.status);
      expect(answer.text, path).not.toMatch(/"dependencies"|root:/);
    }
  });

  it('puts nothing of a request into its own headers', async () => {
    const { get } = await start({ newRequestId: () => 'ours' });
    for (const id of ['a b', 'x'.repeat(65), 'ä', '"', 'a,b', 'a;b=c'])
      expect((await get('/', { 'X-Request-Id': id })).headers['x-request-id']).toBe('ours');
    const redirect = await get('/docs', { Host: 'evil.example', 'X-Forwarded-Host': 'evil.example' });
    expect(redirect.headers.location).toBe('/docs/');
    expect(redirect.text).not.toContain('evil');
  });

  it('keeps browsers careful, unless the operator wants it otherwise', async () => {
    const { get } = await start();
    const { headers } = await get('/');
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    expect(headers).toMatchObject({
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'same-origin',
    });
    expect(headers['strict-transport-security']).toBeUndefined();
    const configured = new Map([
      ['X-Frame-Options', 'sameorigin'],
      ['Content-Security-Policy', ''],
    ]);
    const other = await start({ headers: () => configured });
    const answer = (await other.get('/nowhere')).headers;
    expect([answer['x-frame-options'], answer['content-security-policy']]).toEqual(['sameorigin', undefined]);
  });
});

describe('whatever stands in Authorization and Cookie', () => {
  let client: Client;
  const lines: string[] = [];
  beforeAll(async () => {
    const note = (...line: unknown[]): void => void lines.push(JSON.stringify(line));
    client = await serve({ rules, users, log: { ...silent, error: note, warn: note, info: note } });
  });
  afterAll(async () => client.close());

  /** What Node.js lets into a header at all. */
  const headerText = fc.string({
    unit: fc
      .integer({ min: 0x20, max: 0xff })
      .filter((code) => code !== 0x7f)
      .map((code) => String.fromCharCode(code)),
    maxLength: 200,
  });
  const base64 = fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes).toString('base64'));
  const authorization = fc.oneof(
    headerText,
    fc
      .tuple(
        fc.constantFrom('Bearer', 'bearer', 'Basic', 'BASIC', 'Digest'),
        fc.constantFrom(' ', '  ', '\t', ''),
        headerText,
      )
      .map((parts) => parts.join('')),
    base64.map((text) => `Basic ${text}`),
    fc.constantFrom('__proto__', 'constructor', 'toString').map((name) => basic(name, 'x').Authorization),
  );
  const cookie = fc.oneof(
    headerText,
    headerText.map((text) => `indexwarden_session=${text}`),
    fc
      .string({ minLength: 43, maxLength: 43 })
      .map((text) => `a=b; indexwarden_session=${Buffer.from(text).toString('base64url').slice(0, 43)}; c`),
  );

  it('nobody gets in by it, nothing breaks, and it is not told again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.option(authorization, { nil: undefined }),
        fc.option(cookie, { nil: undefined }),
        fc.constantFrom('/', '/api/v1/session', '/api/v1/mutes', '/metrics'),
        async (shown, sent, path) => {
          const answer = await client.get(path, {
            ...(shown === undefined ? {} : { Authorization: shown }),
            ...(sent === undefined ? {} : { Cookie: sent }),
          });
          expect([401, 429]).toContain(answer.status);
          if (shown !== undefined && shown.length > 12) expect(answer.text).not.toContain(shown);
        },
      ),
      { numRuns: 1_000 },
    );
    expect(lines).toEqual([]);
    // And whoever has a token is not kept out by all that.
    expect((await client.get('/', bearer(secrets.reader))).status).toBe(200);
  });

  it('of secrets nothing is told by pages, errors and the log', async () => {
    const answers = [
      await client.get('/', bearer(secrets.admin)),
      await client.get('/api/v1/session', bearer(secrets.admin)),
      await client.get('/nowhere', bearer(secrets.admin)),
      await client.send('POST', '/api/v1/mutes', bearer(secrets.admin)),
      await form(client, '/login', { token: `${secrets.admin}x` }),
      await form(client, '/login', { token: secrets.admin }),
    ];
    const told = [...lines, ...answers.map(({ text, headers }) => JSON.stringify([text, headers]))].join(
      '\n',
    );
    expect(told).toContain('signed in');
    for (const secret of [...Object.values(secrets), ...users.values()]) {
      expect(told).not.toContain(secret);
      expect(told).not.toContain(Buffer.from(secret).toString('base64'));
    }
    for (const { sha256 } of rules.tokens ?? []) expect(told).not.toContain(sha256);
  });
});
