import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startPostgres, type TestServer } from '../support/postgres.ts';
import { type LoopbackProxy, startProxy, through } from '../support/proxy.ts';
import { noteFault } from './rows.ts';
import { daemons, type WatchedDaemon } from './watched-daemon.ts';
import { createShop, expectDownAndHonest, type Shop, shopFindings, wellWatched } from './watched-shop.ts';

/*
 * A network in between that stalls, turns everybody away, or is slow.
 */

const { watch } = daemons();
let server: TestServer;
let shop: Shop;
let proxy: LoopbackProxy;

beforeAll(async () => {
  server = await startPostgres();
  shop = await createShop(server, 'paths');
});
beforeEach(async () => {
  proxy = await startProxy(server.url());
  return () => proxy.close();
});
afterAll(() => server?.close());

const watchThrough = async (): Promise<WatchedDaemon> => {
  const daemon = await watch([
    { name: 's', primary: { url: `${through(proxy, shop.watchedUrl)}?sslmode=disable` } },
  ]);
  await wellWatched(daemon, shop);
  return daemon;
};

test.each([
  ['half-open: no byte passes any more', () => proxy.stall(), /no answer within \d+ ms|timeout expired/],
  ['every connection is turned away', () => proxy.refuse(), /ECONNRESET|terminated unexpectedly/],
] as const)('%s', async (fault, breakIt, reason) => {
  const daemon = await watchThrough();
  const brokenAtMs = Date.now();
  breakIt();
  const down = await daemon.untilSaid(`${fault}: down`, (view) => view.isDown(shop.name));
  expectDownAndHonest(down, shop.name, brokenAtMs, shopFindings);
  expect(down.errors(shop.name)).toEqual(['TargetUnavailable']);
  const [line] = daemon.events('target-down');
  expect(String(line?.error)).toMatch(reason);
  const mendedAtMs = Date.now();
  proxy.resume();
  const recoveryMs = await daemon.recovered(shop.name, mendedAtMs);
  await wellWatched(daemon, shop);
  expect(await daemon.happened('finding-resolved')).toEqual([]);
  noteFault({
    area: 'network',
    fault,
    did: `said "${reason.exec(String(line?.error))?.[0]}"; tried again`,
    said: down.said(shop.name),
    recoveryMs,
  });
});

test('a server that is 150 ms away with every packet is slow, and not down', async () => {
  const daemon = await watchThrough();
  proxy.delay(150);
  const sinceMs = Date.now();
  const slow = await daemon.untilSaid('facts all the same', (view) => view.hasFactsSince(shop.name, sinceMs));
  expect(slow.findings(shop.name)).toEqual(shopFindings);
  expect(daemon.events('target-down')).toEqual([]);
  const recoveryMs = Date.now() - sinceMs;
  proxy.resume();
  noteFault({
    area: 'network',
    fault: 'every packet 150 ms late',
    did: 'waited, and read everything',
    said: slow.said(shop.name),
    recoveryMs,
  });
});
