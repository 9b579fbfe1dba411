import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findingsOf } from '../e2e/daemon-client.ts';
import { aReceiver, type Receiver } from '../notify/receiver.ts';
import { runOn, startPostgres, type TestServer } from '../support/postgres.ts';
import { noteFault, times } from './rows.ts';
import { daemons, until, type WatchedDaemon } from './watched-daemon.ts';
import { createShop, expectDownAndHonest, type Shop, shopFindings, wellWatched } from './watched-shop.ts';

/*
 * A daemon that ends, in order or not, and one that starts on what it left: findings are the same ones, said once.
 */

const { watch } = daemons();
const folder = mkdtempSync(path.join(tmpdir(), 'restarts-'));
let server: TestServer;
let shop: Shop;
let receiver: Receiver;

beforeAll(async () => {
  server = await startPostgres();
  shop = await createShop(server, 'restarts');
  receiver = await aReceiver();
});
afterAll(async () => {
  await receiver?.close();
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

const both = [...shopFindings, 'duplicate-index items_name_third'];
const begin = (): Promise<WatchedDaemon> =>
  watch([{ name: 's', primary: { url: shop.watchedUrl } }], {
    storage: { path: path.join(folder, 'store.sqlite') },
    notifications: { webhooks: [{ name: 'pager', url: receiver.url, minSeverity: 'info' }] },
  });

/** What identifies a finding and its life, of all that are known. */
const livesOf = async ({ address }: WatchedDaemon): Promise<readonly unknown[]> =>
  (await findingsOf(address))
    .map(({ id, kind, state, origin, firstSeen, reopened }) => ({
      id,
      kind,
      state,
      origin,
      firstSeen,
      reopened,
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));

test('restarts, in order and by kill -9, reopen nothing, duplicate nothing and notify of nothing again', async () => {
  let daemon = await begin();
  await wellWatched(daemon, shop);
  await runOn(shop.url, 'create index items_name_third on items (name)');
  await wellWatched(daemon, shop, both);
  await receiver.count(1);
  const lives = await livesOf(daemon);
  expect(lives.length).toBeGreaterThanOrEqual(both.length);
  const eventsBefore = await daemon.happened('finding-opened');
  let slowestMs = 0;
  const restarts = times(2, 40);
  for (let count = 0; count < restarts; count += 1) {
    await daemon.endBy(count % 2 === 0 ? 'SIGKILL' : 'SIGTERM');
    const endedAtMs = Date.now();
    daemon = await begin();
    // What was known is known at once, before anybody has looked.
    slowestMs = Math.max(slowestMs, await daemon.recovered(shop.name, endedAtMs));
    await wellWatched(daemon, shop, both);
    expect(await livesOf(daemon)).toEqual(lives);
  }
  expect(await daemon.happened('finding-opened')).toEqual(eventsBefore);
  for (const kind of ['finding-resolved', 'finding-reopened'])
    expect(await daemon.happened(kind)).toEqual([]);
  expect(receiver.received).toHaveLength(1);
  noteFault({
    area: 'truth',
    fault: `the daemon restarted ${restarts} times, by SIGTERM and by kill -9`,
    did: `kept ${lives.length} findings with their ids and first days; ${receiver.received.length} notification in all`,
    said: (await daemon.metrics()).said(shop.name),
    recoveryMs: slowestMs,
  });

  // And on a server that is down there is nothing new to say either.
  const { embedded } = server;
  if (embedded === undefined) throw new Error('the server is not ours to break');
  await daemon.endBy('SIGTERM');
  await embedded.stop('fast');
  const stoppedAtMs = Date.now();
  daemon = await begin();
  const down = await daemon.untilSaid('down', (view) => view.isDown(shop.name));
  expectDownAndHonest(down, shop.name, stoppedAtMs, both);
  expect(await livesOf(daemon)).toEqual(lives);
  const mendedAtMs = Date.now();
  await embedded.start();
  const recoveryMs = await daemon.recovered(shop.name, mendedAtMs);
  await until(
    'the same findings',
    async () => JSON.stringify(await livesOf(daemon)) === JSON.stringify(lives),
  );
  expect(await daemon.happened('finding-resolved')).toEqual([]);
  expect(receiver.received).toHaveLength(1);
  noteFault({
    area: 'truth',
    fault: 'the daemon restarted while the server is down',
    did: `showed the ${both.length} findings that it had kept, as they were; no notification`,
    said: down.said(shop.name),
    recoveryMs,
  });
});
