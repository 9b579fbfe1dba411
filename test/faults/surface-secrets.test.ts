import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { apiOperations } from '../../src/http/api/document.ts';
import { defaultHttpOptions } from '../../src/http/options.ts';
import { answerOf } from '../e2e/daemon-client.ts';
import { closedPort, placeOf } from '../e2e/places.ts';
import { programs, until } from '../e2e/program.ts';
import {
  createDatabase,
  runOn,
  startPostgres,
  type TestDatabase,
  type TestServer,
} from '../support/postgres.ts';
import { noteFault } from './rows.ts';

/*
 * A canary in place of each secret that there is: in everything that the program shows, none sings, in no spelling. That passwords of
 * every kind, right and wrong, are shown by no command is in test/e2e/secrets.test.ts; here are the channels: each page and list, the
 * reports and plans, errors, the log at its finest, and what is left when the process dies.
 */

const { start, run, endAll } = programs();
const folder = mkdtempSync(path.join(tmpdir(), 'canary-'));
const fileOf = (name: string, content: string): string => {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return file;
};

const canary = (what: string): string => `CanaryQ7x${what}zV5end`;
const secrets = {
  database: canary('Database'),
  wrong: canary('Wrong'),
  token: `${canary('Token')}-0123456789abcdef`,
  webhook: canary('Webhook'),
  signing: `${canary('Signing')}-0123456789abcdef`,
  environment: canary('Environment'),
};

/** Spellings under which a secret may travel: as it is, escaped, and in base64 at each of its three alignments. */
function spellings(secret: string): readonly string[] {
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.from(`${'x'.repeat(shift)}${secret}`)
      .toString('base64')
      .slice(shift === 0 ? 0 : 4, -4),
  );
  return [
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString('hex'),
    [...secret].reverse().join(''),
    ...base64,
    ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
  ];
}

let channels = 0;
function expectSilence(shown: Readonly<Record<string, string>>): void {
  for (const [where, text] of Object.entries(shown)) {
    channels += 1;
    for (const [what, secret] of Object.entries(secrets))
      for (const spelling of spellings(secret)) {
        const at = text.indexOf(spelling);
        expect(at < 0 ? 'silent' : text.slice(Math.max(0, at - 80), at + 10), `${what} in ${where}`).toBe(
          'silent',
        );
      }
  }
}

let server: TestServer;
let shop: TestDatabase;
let role: string;
beforeAll(async () => {
  server = await startPostgres();
  shop = await createDatabase(server, 'shop');
  role = `canary_${process.pid}`;
  await runOn(shop.url, 'create table items (id int primary key, name text)');
  await runOn(shop.url, 'create index items_name on items (name)');
  await runOn(shop.url, 'create index items_name_again on items (name)');
  await runOn(server.url(), `create role ${role} login password '${secrets.database}' in role pg_monitor`);
});
afterAll(async () => {
  await endAll();
  await shop?.drop();
  if (server !== undefined) await runOn(server.url(), `drop role if exists ${role}`);
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

const primary = (password: string) => {
  const { host, port } = placeOf(server.url());
  return `postgresql://${role}:${password}@${host}:${port}/${shop.name}`;
};

async function configuration(): Promise<string> {
  return fileOf(
    'indexwarden.yaml',
    JSON.stringify({
      servers: [
        { name: 'right', primary: { url: primary(secrets.database) }, databases: [shop.name] },
        { name: 'wrong', primary: { url: primary(secrets.wrong) }, databases: [shop.name] },
        {
          name: 'down',
          primary: {
            host: '127.0.0.1',
            port: await closedPort(),
            user: role,
            password_file: fileOf('password', secrets.database),
          },
          databases: [shop.name],
        },
      ],
      notifications: {
        webhooks: [
          {
            name: 'chat',
            url_file: fileOf('hook', `http://127.0.0.1:9/services/${secrets.webhook}`),
            secret_file: fileOf('key', secrets.signing),
            events: ['finding-opened', 'node-lost'],
          },
        ],
      },
      http: {
        lifecycle: true,
        tokens: [{ name: 'ops', role: 'admin', file: fileOf('token', secrets.token) }],
      },
    }),
  );
}

const pages = [
  '/',
  '/findings',
  '/findings.csv',
  '/findings.json',
  '/targets',
  '/plan',
  '/report',
  '/about',
  '/probes',
  '/events',
  '/docs/',
  '/login',
  '/metrics',
  '/probe?target=right%2Fx',
  '/-/ready',
  '/-/healthy',
  '/nowhere',
  '/%ff',
  '/api/v1/findings?limit=x',
  '/api/v1/openapi.json',
];
const lists = apiOperations(defaultHttpOptions)
  .filter(({ method, path: one }) => method === 'get' && !one.includes('{') && !one.includes('stream'))
  .map(({ path: one }) => `/api/v1${one}`);

test('secrets are in no page, list, report, plan, error, log or crash', async () => {
  const config = await configuration();
  const env = { PGPASSWORD: secrets.environment, SOME_API_KEY: secrets.environment };
  const daemon = start(
    ['serve', '--config.file', config, '--http.listen', '127.0.0.1:0', '--log.level', 'trace'],
    { env },
  );
  const [, address = ''] = await daemon.printed(/"address":"([^"]+)"/, 'stderr');
  const bearer = { Authorization: `Bearer ${secrets.token}` };
  await until('readiness', async () => (await answerOf(address, '/-/ready')).status === 200);

  const shown: Record<string, string> = {};
  const ask = async (one: string, init: RequestInit = {}): Promise<number> => {
    const { status, body, headers } = await answerOf(address, one, init);
    shown[`${init.method ?? 'GET'} ${one} ${JSON.stringify(init.headers ?? {}).length}`] =
      `${body}\n${JSON.stringify([...headers])}`;
    return status;
  };
  for (const one of [...pages, ...lists]) {
    await ask(one, { headers: bearer });
    await ask(one);
    await ask(one, { headers: { ...bearer, Accept: 'text/html' } });
  }
  // What is sent back to somebody who got it nearly right.
  await ask('/', { headers: { Authorization: `Bearer ${secrets.token}x` } });
  await ask('/login', { method: 'POST', body: new URLSearchParams({ token: `${secrets.token}x` }) });
  await ask('/-/reload', { method: 'POST', headers: bearer });
  expect(await ask('/api/v1/config', { headers: bearer })).toBe(200);
  expect(shown[`GET /api/v1/config ${JSON.stringify(bearer).length}`]).toContain(role);
  expectSilence(shown);

  // The end that nobody handles: whatever is printed by Node.js itself.
  daemon.kill('SIGABRT');
  const died = await daemon.ended;
  expectSilence({ 'log of the daemon': died.stderr, 'output of the daemon': died.stdout });
  expect(died.stderr.length).toBeGreaterThan(1_000);

  const ended = {
    check: await run(['check', '--config.file', config], { env }),
    report: await run(['report', '--config.file', config, '--format', 'html'], { env }),
    'report as JSON': await run(['report', '--config.file', config, '--format', 'json'], { env }),
    plan: await run(['plan', '--config.file', config, '--target', `right/${shop.name}`], { env }),
    'plan as JSON': await run(
      ['plan', '--config.file', config, '--target', `right/${shop.name}`, '--format', 'json'],
      { env },
    ),
    'plan where it cannot look': await run(
      ['plan', '--config.file', config, '--target', `wrong/${shop.name}`],
      { env },
    ),
    migration: await run(
      ['plan', '--config.file', config, '--target', `right/${shop.name}`, '--format', 'alembic'],
      { env },
    ),
    bloat: await run(['bloat', '--config.file', config], { env }),
    'config check': await run(['config', 'check', '--config.file', config], { env }),
  };
  expect(ended.plan.stdout).toContain('DROP INDEX CONCURRENTLY');
  expect(ended['config check'].stdout).toContain(role);
  for (const [what, { stdout, stderr }] of Object.entries(ended))
    expectSilence({ [`${what}: output`]: stdout, [`${what}: errors`]: stderr });

  // And the canaries do sing where they are let.
  expect(() => expectSilence({ test: Buffer.from(`a:${secrets.token}b`).toString('base64') })).toThrow(
    /token in test/,
  );
  noteFault({
    area: 'surface',
    fault:
      'Canaries for passwords, tokens and the environment; right, wrong and unreachable servers; SIGABRT',
    did: `${channels} texts looked through: pages, lists, reports, plans, errors, the log at level trace, what a crash leaves`,
    said: 'none in any spelling (plain, escaped, hex, reversed, base64 at each alignment)',
    recoveryMs: null,
  });
});
