import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { parseExposition } from '../metrics/parse-exposition.ts';
import {
  createDatabase,
  runOn,
  startPostgres,
  type TestDatabase,
  type TestServer,
  withConnection,
} from '../support/postgres.ts';
import { type LoopbackProxy, startProxy, through } from '../support/proxy.ts';
import { answerOf, findingsOf, listed, samplesOf, upByDatabase } from './daemon-client.ts';
import { closedPort, toNobody } from './places.ts';
import { programs, type Running, type StartOptions, until } from './program.ts';

/*
 * `indexwarden serve` as an operator runs it: with a file, signals and scrapes, on servers that are there, silent or gone.
 */

const { start, run, endAll } = programs();
const folder = mkdtempSync(path.join(tmpdir(), 'serve-'));
const proxies: LoopbackProxy[] = [];

let server: TestServer;
let shop: TestDatabase;
let store: TestDatabase;

beforeAll(async () => {
  server = await startPostgres();
  [shop, store] = await Promise.all([createDatabase(server, 'shop'), createDatabase(server, 'store')]);
  await Promise.all(
    [shop, store].map((database) =>
      runOn(
        database.url,
        `create table items (id int primary key, name text);
         insert into items select n, 'item' || n from generate_series(1, 2000) n;
         create index items_name on items (name);
         create index items_name_again on items (name);
         create index items_partly on items (name) where name <> 'top secret'`,
      ),
    ),
  );
});

afterEach(async () => {
  await endAll();
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
});

afterAll(async () => {
  await Promise.all([shop, store].map((database) => database?.drop()));
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

const proxyTo = async (url: string): Promise<LoopbackProxy> => {
  const proxy = await startProxy(url);
  proxies.push(proxy);
  return proxy;
};

/** Accepts connections and says nothing. */
const silenceBefore = async (url: string): Promise<LoopbackProxy> => {
  const proxy = await proxyTo(url);
  proxy.stall();
  return proxy;
};

/** Servers by name; JSON is YAML, and quotes everything. */
const configured = (
  servers: Readonly<Record<string, { readonly url: string; readonly databases?: unknown }>>,
  others: Readonly<Record<string, unknown>> = {},
): string =>
  JSON.stringify({
    servers: Object.entries(servers).map(([name, { url, ...rest }]) => ({ name, primary: { url }, ...rest })),
    ...others,
  });

const file = path.join(folder, 'indexwarden.yaml');

interface Daemon extends Running {
  readonly address: string;
}

/** With what stands in `file`, or is given; on a free port, which its log names. */
async function serve(
  content: string,
  args: readonly string[] = [],
  options: StartOptions = {},
): Promise<Daemon> {
  writeFileSync(file, content);
  const running = start(
    ['serve', '--config.file', file, '--web.listen-address', '127.0.0.1:0', ...args],
    options,
  );
  const [, address = ''] = await running.printed(/"address":"([^"]+)"/, 'stderr');
  return { ...running, address };
}

const isReady = async ({ address }: Daemon): Promise<boolean> =>
  (await answerOf(address, '/-/ready')).status === 200;
const ready = (daemon: Daemon): Promise<boolean> => until('readiness', () => isReady(daemon));

/** Every line of a daemon's log; fails where one is no JSON object. */
const logOf = ({ stderr }: Running): readonly Record<string, unknown>[] =>
  stderr()
    .trimEnd()
    .split('\n')
    // Of passwords in the file it is warned in plain words, before there is a log.
    .filter((line) => !line.startsWith('indexwarden: warning:'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** The series of a reload: whether the last one worked. */
const lastReload = async (address: string): Promise<number | undefined> =>
  (await samplesOf(address, 'indexwarden_config_last_reload_successful'))[0]?.value;

describe('a daemon on a database', () => {
  test('is alive before and ready after the first look, and serves metrics all the time', async () => {
    const proxy = await proxyTo(shop.url);
    const silent = await silenceBefore(store.url);
    const daemon = await serve(
      configured(
        { main: { url: through(proxy, shop.url) }, late: { url: through(silent, store.url) } },
        { limits: { connectTimeout: '1m' } },
      ),
    );
    // The server called late has not answered yet.
    expect(await answerOf(daemon.address, '/-/ready')).toMatchObject({
      status: 503,
      body: expect.stringContaining(`waiting for`),
    });
    expect((await answerOf(daemon.address, '/-/ready')).body).toContain(`late/${store.name}`);
    for (const path of ['/-/healthy', '/healthz']) {
      expect((await answerOf(daemon.address, path)).status, path).toBe(200);
    }
    const before = await answerOf(daemon.address, '/metrics');
    expect(before.status).toBe(200);
    parseExposition(before.body);
    expect(before.body).toContain('indexwarden_build_info');
    expect(before.body).not.toMatch(new RegExp(`indexwarden_target_up\\{.*"${store.name}"`));
    await until(
      'metrics of the database that answers',
      async () => (await upByDatabase(daemon.address))[shop.name] === 1,
    );
    expect((await answerOf(daemon.address, '/readyz')).status).toBe(503);
  });

  test('serves what it found: lists, one finding, page and documentation', async () => {
    const daemon = await serve(configured({ main: { url: shop.url } }));
    await ready(daemon);
    const { address } = daemon;
    expect((await answerOf(address, '/readyz')).status).toBe(200);
    const [finding, ...others] = (await findingsOf(address)).filter(({ kind }) => kind === 'duplicate-index');
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ server: 'main', datname: shop.name, indexrelname: 'items_name_again' });
    expect(JSON.parse((await answerOf(address, `/api/v1/findings/${finding?.id}`)).body)).toEqual(finding);
    expect(await listed(address, 'findings?kind=duplicate-index&limit=1')).toHaveLength(1);
    const indexes = await listed(address, 'indexes');
    expect(indexes.map(({ indexrelname }) => indexrelname).sort()).toEqual([
      'items_name',
      'items_name_again',
      'items_partly',
      'items_pkey',
    ]);
    expect(await listed(address, 'tables')).toMatchObject([{ relname: 'items', relationKind: 'table' }]);
    expect(await listed(address, 'targets')).toMatchObject([{ id: `main/${shop.name}`, up: true }]);
    expect(await listed(address, 'collectors?state=collected')).not.toEqual([]);
    const page = JSON.parse((await answerOf(address, '/api/v1/indexes?limit=3')).body) as object;
    expect(Object.keys(page)).toEqual(['items', 'next', 'generatedAt']);
    expect(page).toMatchObject({ next: expect.any(String) });
    expect((await answerOf(address, '/api/v1/findings?severity=dreadful')).status).toBe(400);
    expect((await answerOf(address, '/api/v1/nothing')).status).toBe(404);
    expect((await answerOf(address, '/')).body).toContain('items_name_again');
    // A link of a finding leads to a page of this daemon.
    expect(await answerOf(address, finding?.docs ?? '')).toMatchObject({
      status: 200,
      body: expect.stringContaining('duplicate'),
    });
  });

  test('answers with the format and the encoding that are asked for', async () => {
    const daemon = await serve(configured({ main: { url: shop.url } }));
    await ready(daemon);
    const plain = await answerOf(daemon.address, '/metrics', { headers: { accept: 'text/plain' } });
    expect(plain.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(parseExposition(plain.body).hasEnd).toBe(false);
    const open = await answerOf(daemon.address, '/metrics', {
      headers: { accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' },
    });
    expect(open.headers.get('content-type')).toMatch(/^application\/openmetrics-text; version=1\.0\.0/);
    expect(parseExposition(open.body).hasEnd).toBe(true);
    // fetch unpacks by itself and does not tell.
    const packed = await rawGet(`${daemon.address}/metrics`, { 'accept-encoding': 'gzip' });
    expect(packed.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(packed.body).toString()).toContain('pgindex_size_bytes');
    const unpacked = await rawGet(`${daemon.address}/metrics`, { 'accept-encoding': 'identity' });
    expect(unpacked.headers['content-encoding']).toBeUndefined();
    expect(packed.body.length).toBeLessThan(unpacked.body.length / 2);
  });

  test('is ready also when the database is down, and says that it is', async () => {
    const url = await toNobody(shop.url);
    const daemon = await serve(configured({ main: { url } }));
    await ready(daemon);
    expect(await upByDatabase(daemon.address)).toEqual({ [shop.name]: 0 });
    expect(await listed(daemon.address, 'targets')).toMatchObject([
      { up: false, error: expect.stringMatching(/refused/i), tables: null },
    ]);
    expect((await answerOf(daemon.address, '/')).body).toContain('down');
    expect((await answerOf(daemon.address, '/-/healthy')).status).toBe(200);
    expect(logOf(daemon).filter(({ event }) => event === 'target-down')).toHaveLength(1);
  });

  test('one that is silent does not delay another', async () => {
    const silent = await silenceBefore(store.url);
    const eachSecond = { schedule: '* * * * * *' };
    const daemon = await serve(
      configured(
        { silent: { url: through(silent, store.url) }, main: { url: shop.url } },
        { limits: { connectTimeout: '1m' }, collectors: { 'index-usage': eachSecond, server: eachSecond } },
      ),
    );
    await until('three generations of the one that answers', async () => {
      const targets = await listed<{ id: string; generation: number }>(daemon.address, 'targets');
      expect(targets.map(({ id }) => id)).toEqual([`main/${shop.name}`]);
      return (targets[0]?.generation ?? 0) >= 3;
    });
    expect(silent.accepted).toBeGreaterThan(0);
    expect(await isReady(daemon)).toBe(false);
  });

  test('named databases, and those that are discovered', async () => {
    const daemon = await serve(
      configured({
        named: { url: server.url(), databases: [shop.name, 'no_such_database'] },
        found: {
          url: server.url(),
          databases: { discover: true, include: ['sho*', 'sto*'], exclude: ['store*'] },
        },
      }),
    );
    await ready(daemon);
    const targets = await listed<{ id: string; up: boolean }>(daemon.address, 'targets');
    expect(targets.map(({ id, up }) => `${id} ${up}`)).toEqual([
      `found/${shop.name} true`,
      'named/no_such_database false',
      `named/${shop.name} true`,
    ]);
  });
});

describe('a reload', () => {
  const one = (): string => configured({ main: { url: server.url(), databases: [shop.name] } });

  test('by SIGHUP keeps the old configuration when the file is bad, and takes up a good one', async () => {
    const daemon = await serve(one());
    await ready(daemon);
    expect(await lastReload(daemon.address)).toBe(1);

    writeFileSync(file, 'servers: [{name: main, primary: {prot: 1}}]\nhttp: {lifecycle: perhaps}\n');
    daemon.kill('SIGHUP');
    await until('the metric of the failure', async () => (await lastReload(daemon.address)) === 0);
    const failures = logOf(daemon).filter(({ event }) => event === 'reload-failed');
    expect(failures).toMatchObject([
      {
        level: 'error',
        problems: expect.stringMatching(/servers\[0\]\.primary\.prot[\s\S]*http\.lifecycle/),
      },
    ]);
    expect(await isReady(daemon)).toBe(true);
    expect((await findingsOf(daemon.address)).length).toBeGreaterThan(0);

    writeFileSync(file, configured({ main: { url: server.url(), databases: [shop.name, store.name] } }));
    daemon.kill('SIGHUP');
    await until('the added database', async () => (await upByDatabase(daemon.address))[store.name] === 1);
    expect(await lastReload(daemon.address)).toBe(1);
    expect(await upByDatabase(daemon.address)).toEqual({ [shop.name]: 1, [store.name]: 1 });

    writeFileSync(file, configured({ main: { url: server.url(), databases: [store.name] } }));
    daemon.kill('SIGHUP');
    await until(
      'the database that is gone',
      async () => !(shop.name in (await upByDatabase(daemon.address))),
    );
    await until('its entries', async () => (await listed(daemon.address, 'targets')).length === 1);
    expect(await listed(daemon.address, 'targets')).toMatchObject([{ id: `main/${store.name}` }]);
  });

  test('forgets no finding while the new configuration has not been looked with', async () => {
    const proxy = await proxyTo(shop.url);
    const content = configured({ main: { url: through(proxy, shop.url) } });
    const daemon = await serve(content);
    await ready(daemon);
    const before = await findingsOf(daemon.address);
    proxy.stall();
    daemon.kill('SIGHUP');
    await daemon.printed(/configuration reloaded/, 'stderr');
    expect(await findingsOf(daemon.address)).toEqual(before);
    expect(await upByDatabase(daemon.address)).toEqual({ [shop.name]: 1 });
  });

  test('takes up what the page and the log depend on', async () => {
    const content = (settings: Readonly<Record<string, unknown>>): string =>
      configured({ main: { url: shop.url } }, settings);
    const daemon = await serve(content({}));
    await ready(daemon);
    const predicates = async (): Promise<string> => JSON.stringify(await listed(daemon.address, 'indexes'));
    expect(await predicates()).toContain('top secret');
    writeFileSync(file, content({ privacy: { redactLiterals: true }, http: { maxConnections: 7 } }));
    daemon.kill('SIGHUP');
    await until('literals to be hidden', async () => !(await predicates()).includes('top secret'));
    expect(logOf(daemon)).toContainEqual(
      expect.objectContaining({ level: 'warn', settings: ['http.maxConnections'] }),
    );
    writeFileSync(file, content({ log: { level: 'silent' } }));
    daemon.kill('SIGHUP');
    await until('literals to be shown again', async () => (await predicates()).includes('top secret'));
    daemon.kill('SIGTERM');
    expect((await daemon.ended).stderr).not.toContain('"stopped"');
  });

  test('twice at once leaves nothing running that nobody would end', async () => {
    const daemon = await serve(one(), ['--http.lifecycle']);
    const post = (): Promise<{ readonly status: number }> =>
      answerOf(daemon.address, '/-/reload', { method: 'POST' });
    expect(await Promise.all([post(), post(), post()])).toMatchObject([
      { status: 200 },
      { status: 200 },
      { status: 200 },
    ]);
    await ready(daemon);
    daemon.kill('SIGHUP');
    daemon.kill('SIGTERM');
    expect(await daemon.ended).toMatchObject({ code: 0 });
    await until('no connection of ours', async () => (await ourConnections()) === 0);
  });

  test('over HTTP is forbidden, unless the lifecycle is on', async () => {
    const closed = await serve(one());
    expect(await answerOf(closed.address, '/-/reload', { method: 'POST' })).toMatchObject({
      status: 403,
      body: expect.stringContaining('--http.lifecycle'),
    });
    expect((await answerOf(closed.address, '/-/reload')).status).toBe(405);
    await endAll();
    const open = await serve(one(), ['--http.lifecycle']);
    expect(await answerOf(open.address, '/-/reload', { method: 'POST' })).toMatchObject({ status: 200 });
    const foreign = { method: 'POST', headers: { origin: 'http://elsewhere.example' } };
    expect(await answerOf(open.address, '/-/reload', foreign)).toMatchObject({ status: 403 });
    writeFileSync(file, 'servers: nonsense\n');
    expect(await answerOf(open.address, '/-/reload', { method: 'POST' })).toMatchObject({
      status: 500,
      body: expect.stringContaining('the one before stays'),
    });
  });
});

describe('the end', () => {
  /** It promises five seconds; this machine may be busy. */
  const endMs = 10_000;

  test('SIGTERM and SIGINT end it with 0', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const daemon = await serve(configured({ main: { url: shop.url } }));
      await ready(daemon);
      daemon.kill(signal);
      expect(await daemon.ended, signal).toMatchObject({ code: 0, stdout: '' });
      expect(logOf(daemon).map(({ event }) => event)).toEqual(
        expect.arrayContaining(['listening', 'target-up', 'stopping', 'stopped']),
      );
    }
    await until('no connection of ours', async () => (await ourConnections()) === 0);
  });

  test(
    'while a statement hangs it is cancelled',
    async () => {
      const hanging = await createDatabase(server, 'hanging');
      await runOn(hanging.url, viewThatHangs);
      const daemon = await serve(
        configured(
          { main: { url: hanging.url } },
          { limits: { statementTimeout: '10m' }, collectors: unhurried },
        ),
      );
      const sleeping = (): Promise<number> => statementsAbout(hanging.name, 'PgSleep');
      await until('the statement to hang', async () => (await sleeping()) === 1);
      daemon.kill('SIGTERM');
      expect(await daemon.ended).toMatchObject({ code: 0 });
      await until('the statement to be cancelled', async () => (await sleeping()) === 0);
      await hanging.drop();
    },
    endMs + 60_000,
  );

  test('while a server is silent it ends all the same, answers under way included', async () => {
    const proxy = await proxyTo(shop.url);
    const eachSecond = { schedule: '* * * * * *' };
    const daemon = await serve(
      configured({ main: { url: through(proxy, shop.url) } }, { collectors: { 'index-usage': eachSecond } }),
    );
    await ready(daemon);
    const kept = await rawGet(`${daemon.address}/metrics`, { connection: 'keep-alive' });
    expect(kept.body.length).toBeGreaterThan(0);
    proxy.stall();
    daemon.kill('SIGTERM');
    const late = new Promise((resolve) => setTimeout(resolve, endMs, 'still running').unref());
    expect(await Promise.race([daemon.ended, late])).toMatchObject({ code: 0 });
  });

  test('before it begins when the port is taken, saying what to do', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const taken = other.address();
    const port = typeof taken === 'object' ? taken?.port : undefined;
    const ended = await run(['serve', '--http.listen', `127.0.0.1:${port}`], {
      env: { DATABASE_URL: shop.url },
    });
    other.close();
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(/cannot listen on 127\.0\.0\.1:\d+: the port is taken; .*--http\.listen/);
  });

  test('before it begins when the configuration is bad', async () => {
    writeFileSync(file, 'servers: []\n');
    expect(await run(['serve', '--config.file', file])).toMatchObject({ code: 2, stdout: '' });
  });
});

/** Where the log goes, and what a scrape may ask. */
test('the log goes where it is told to, as one JSON object a line', async () => {
  const log = path.join(folder, 'daemon.log');
  const daemon = await serve(configured({ main: { url: shop.url } }), ['--log.level', 'debug']);
  await ready(daemon);
  daemon.kill('SIGTERM');
  await daemon.ended;
  for (const line of logOf(daemon)) {
    expect(line).toMatchObject({
      level: expect.any(String),
      time: expect.any(String),
      msg: expect.any(String),
    });
  }
  const address = `127.0.0.1:${await closedPort()}`;
  const quiet = start(['serve', '--http.listen', address, '--log.destination', log], {
    env: { DATABASE_URL: shop.url },
  });
  await until('readiness', async () => (await answerOf(`http://${address}`, '/-/ready')).status === 200);
  quiet.kill('SIGTERM');
  expect(await quiet.ended).toMatchObject({
    code: 0,
    stdout: '',
    stderr: expect.not.stringContaining('"event"'),
  });
});

/** The optional view on column statistics, made so that reading it does not end. */
const viewThatHangs = `
  create schema indexwarden;
  create view indexwarden.column_statistics as
    select 1::oid as starelid, 1::smallint as staattnum, 0::real as stanullfrac, 1::real as stawidth,
      0::real as stadistinct, null::real[] as most_common_freqs
    from pg_sleep(600)`;

/** The same bound for the one collector that would otherwise give up sooner. */
const unhurried = { 'column-statistics': { statementTimeout: '10m' } };

/** Sessions that wait for this event in a database. */
const statementsAbout = (datname: string, event: string): Promise<number> =>
  countSessions('datname = $1 and wait_event = $2', [datname, event]);

const ourConnections = (): Promise<number> =>
  countSessions("application_name = 'indexwarden' and datname = any ($1)", [[shop.name, store.name]]);

const countSessions = (condition: string, values: readonly unknown[]): Promise<number> =>
  withConnection(server.url(), async (client) => {
    const { rows } = await client.query<{ sessions: number }>(
      `select count(*)::int as sessions from pg_catalog.pg_stat_activity where ${condition}`,
      [...values],
    );
    return rows[0]?.sessions ?? 0;
  });

/** An answer as it came over the wire. */
async function rawGet(
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly headers: Readonly<Record<string, unknown>>; readonly body: Buffer }> {
  const asked = request(url, { headers }).end();
  const [response] = (await once(asked, 'response')) as [import('node:http').IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { headers: response.headers, body: Buffer.concat(chunks) };
}
