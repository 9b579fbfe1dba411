import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runOn, startPostgres, type TestServer } from '../support/postgres.ts';
import { noteFault } from './rows.ts';
import { daemons, shortLimits, until, type WatchedDaemon } from './watched-daemon.ts';
import {
  createShop,
  disconnect,
  expectDownAndHonest,
  type Shop,
  shopFindings,
  wellWatched,
} from './watched-shop.ts';

/*
 * A server that goes, comes back, or turns us away: what the daemon's page says meanwhile, and how soon it has facts again.
 */

const { watch } = daemons();
let server: TestServer;
let shop: Shop;
let isOurs = true;

beforeAll(async () => {
  server = await startPostgres(undefined, { settings: { max_connections: '20' } });
  isOurs = server.embedded !== undefined;
  shop = await createShop(server, 'shop');
});
afterAll(() => server?.close());

const embedded = () => {
  if (server.embedded === undefined) throw new Error('the server is not ours to break');
  return server.embedded;
};
const watchShop = (): Promise<WatchedDaemon> =>
  watch([{ name: 's', primary: { url: shop.watchedUrl } }], {
    limits: { ...shortLimits, lockTimeout: '500ms' },
  });

interface Fault {
  readonly fault: string;
  readonly daemon: WatchedDaemon;
  readonly mend: () => Promise<unknown>;
  /** What the error that is said must match. */
  readonly reason: RegExp;
  readonly found?: readonly string[];
}

/** Waits for the page to say that the target is down, mends the fault, waits for fresh facts, and notes both. */
async function downUntilMended({ fault, daemon, mend, reason, found = shopFindings }: Fault): Promise<void> {
  const { name } = shop;
  const brokenAtMs = Date.now();
  const down = await daemon.untilSaid(`${fault}: down`, (view) => view.isDown(name));
  expectDownAndHonest(down, name, brokenAtMs, found);
  // And it stays so: the next attempt neither makes it look fresh nor lets the findings go.
  const later = await daemon.untilSaid(
    `${fault}: another attempt`,
    (view) => (view.publishedAtMs(name) ?? 0) > (down.publishedAtMs(name) ?? 0) + 900,
  );
  expectDownAndHonest(later, name, brokenAtMs, found);
  const [line] = daemon.events('target-down').slice(-1);
  expect(String(line?.error)).toMatch(reason);
  const mendedAtMs = Date.now();
  await mend();
  const recoveryMs = await daemon.recovered(name, mendedAtMs);
  expect((await wellWatched(daemon, shop)).findings(name)).toEqual(shopFindings);
  expect(await daemon.happened('finding-resolved')).toEqual([]);
  noteFault({
    area: 'database',
    fault,
    did: `said ${reason.exec(String(line?.error))?.[0] ?? ''}, tried again${found.length === 0 ? '' : `, kept ${found.length} finding`}`,
    said: later.said(name),
    recoveryMs,
  });
}

/** Our statement waits for a lock on a catalogue, so that what happens next happens in mid-query. */
async function inMidQuery(work: (pid: number) => Promise<void>): Promise<void> {
  const client = new pg.Client(shop.url);
  client.on('error', () => {});
  await client.connect();
  await client.query('begin; lock table pg_catalog.pg_opclass in access exclusive mode');
  const pid = await until('a statement of ours to be under way', async () => {
    // Within a transaction the view would be read once.
    await client.query('select pg_stat_clear_snapshot()');
    const { rows } = await client.query<{ pid: number }>(
      "select pid from pg_stat_activity where usename = $1 and state = 'active' and wait_event_type = 'Lock'",
      [shop.role.name],
    );
    return rows[0]?.pid;
  });
  await work(pid);
  // It went with the others; nobody would answer a good-bye.
}

test.skipIf(!isOurs)('down at start', async () => {
  await embedded().stop('fast');
  const daemon = await watchShop();
  await downUntilMended({
    fault: 'down at start',
    daemon,
    mend: () => embedded().start(),
    reason: /ECONNREFUSED/,
    found: [],
  });
});

test('kill -9 of the backend in mid-query', async () => {
  const daemon = await watchShop();
  const before = await wellWatched(daemon, shop);
  const killedAtMs = Date.now();
  await inMidQuery(async (pid) => {
    process.kill(pid, 'SIGKILL');
  });
  // A server may have recovered before anybody looked at the page in between.
  let meanwhile = before;
  await daemon.untilSaid('facts from after the crash', (view) => {
    if (view.errors(shop.name).length > 0) meanwhile = view;
    return view.hasFactsSince(shop.name, killedAtMs);
  });
  expect(meanwhile.errors(shop.name)).toEqual(meanwhile === before ? [] : ['TargetUnavailable']);
  expect(meanwhile.findings(shop.name)).toEqual(shopFindings);
  const recoveryMs = await daemon.recovered(shop.name, killedAtMs);
  expect((await wellWatched(daemon, shop)).findings(shop.name)).toEqual(shopFindings);
  expect(await daemon.happened('finding-resolved')).toEqual([]);
  noteFault({
    area: 'database',
    fault: 'kill -9 of our backend in mid-query',
    did: 'gave up the pass, connected again, kept 1 finding',
    said: meanwhile.said(shop.name),
    recoveryMs,
  });
});

test('kill -9 of the whole server in mid-query', async () => {
  const daemon = await watchShop();
  await wellWatched(daemon, shop);
  await inMidQuery(async () => {
    const { pid } = embedded();
    if (pid === undefined) throw new Error('the server does not run');
    process.kill(pid, 'SIGKILL');
  });
  await downUntilMended({
    fault: 'kill -9 of the postmaster in mid-query',
    daemon,
    mend: () => embedded().start(),
    reason: /terminat\w+|ECONNRE\w+/,
  });
});

test('restart', async () => {
  const daemon = await watchShop();
  await wellWatched(daemon, shop);
  await embedded().stop('fast');
  await downUntilMended({
    fault: 'stopped, and started again',
    daemon,
    mend: () => embedded().start(),
    reason: /terminat\w+|ECONNRE\w+/,
  });
});

test('max_connections reached', async () => {
  const daemon = await watchShop();
  await wellWatched(daemon, shop);
  const others: pg.Client[] = [];
  const fill = async (): Promise<number> => {
    for (;;) {
      const client = new pg.Client(shop.watchedUrl);
      client.on('error', () => {});
      try {
        await client.connect();
        others.push(client);
      } catch {
        return others.length;
      }
    }
  };
  await fill();
  // Whoever has a connection keeps it; ours is lost, and there is no room for another.
  await runOn(
    server.url(),
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'indexwarden' and usename = '${shop.role.name}'`,
  );
  await fill();
  await downUntilMended({
    fault: 'max_connections reached',
    daemon,
    mend: () => Promise.all(others.map((client) => client.end())),
    reason: /remaining connection slots are reserved|too many clients/,
  });
});

test('rejected by pg_hba.conf', async () => {
  const daemon = await watchShop();
  await wellWatched(daemon, shop);
  const file = path.join(embedded().dataDirectory, 'pg_hba.conf');
  const rules = readFileSync(file, 'utf8');
  const write = async (content: string): Promise<void> => {
    writeFileSync(file, content);
    await runOn(server.url(), 'select pg_reload_conf()');
  };
  await write(`host all ${shop.role.name} all reject\n${rules}`);
  await disconnect(server, shop.role);
  await downUntilMended({
    fault: 'rejected by pg_hba.conf',
    daemon,
    mend: () => write(rules),
    reason: /pg_hba.conf rejects connection/,
  });
});

test('a host name that does not resolve', async () => {
  const nowhere = new URL(shop.watchedUrl);
  nowhere.hostname = 'no-such-host.invalid';
  const daemon = await watch([{ name: 's', primary: { url: nowhere.href } }]);
  await downUntilMended({
    fault: 'host name does not resolve (mended by a reload)',
    daemon,
    mend: () => daemon.reconfigure([{ name: 's', primary: { url: shop.watchedUrl } }]),
    reason: /ENOTFOUND|EAI_AGAIN/,
    found: [],
  });
});
