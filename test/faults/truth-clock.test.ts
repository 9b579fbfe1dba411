import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { hourMs } from '../../src/model/units.ts';
import { runOn, startPostgres, type TestServer } from '../support/postgres.ts';
import type { MetricsView } from './metrics-view.ts';
import { noteFault } from './rows.ts';
import { type ShiftedClock, shiftedClock } from './shifted-clock.ts';
import { collectingEachSecond, daemons, type WatchedDaemon } from './watched-daemon.ts';
import { createShop, expectDownAndHonest, type Shop, shopFindings, wellWatched } from './watched-shop.ts';

/*
 * The host's clock jumps by hours. Nothing looks fresher than it is, nothing is resolved, and the daemon goes on by the new time.
 */

const { watch } = daemons();
let server: TestServer;
let shop: Shop;
let clock: ShiftedClock;

beforeAll(async () => {
  server = await startPostgres();
  shop = await createShop(server, 'clock');
});
beforeEach(() => {
  clock = shiftedClock();
  return () => clock.remove();
});
afterAll(() => server?.close());

/** The inventory is read once an hour, as though it were large: what it was read at is then what jumps. */
const hourly = { schedule: '59 59 * * * *', maxRandomDelay: '0s' };
const watchShop = (collectors: Readonly<Record<string, unknown>>): Promise<WatchedDaemon> =>
  watch([{ name: 's', primary: { url: shop.watchedUrl } }], { collectors }, { env: clock.env });
const mixed = { ...collectingEachSecond, tables: hourly, indexes: hourly, constraints: hourly };

/** No time on the page is later than now: not one of them could have been seen yet. */
function expectNothingFromTheFuture(view: MetricsView): void {
  const names = [
    'indexwarden_snapshot_timestamp_seconds',
    'indexwarden_generation_timestamp_seconds',
    'indexwarden_collector_last_success_timestamp_seconds',
  ];
  for (const name of names)
    for (const { labels, value } of view.samples(name))
      expect(value * 1_000, `${name} ${[...labels.values()]}`).toBeLessThanOrEqual(clock.now() + 1_000);
  expect(view.negative).toEqual([]);
}

test.each([
  ['back by three hours', -3 * hourMs, mixed],
  ['forward by five hours', 5 * hourMs, collectingEachSecond],
] as const)('the clock is set %s', async (what, byMs, collectors) => {
  const daemon = await watchShop(collectors);
  await wellWatched(daemon, shop);
  // Once an hour is long enough for nobody to have seen it yet.
  await runOn(shop.url, 'create index items_name_third on items (name)');
  const setAtMs = Date.now();
  clock.shift(byMs);
  await daemon.untilSaid(
    'what is there by the new time',
    (view) => view.findings(shop.name).length === 2 && everyCollectorAround(view, clock.now()),
  );
  const recoveryMs = Date.now() - setAtMs;
  const again = clock.now();
  const view = await daemon.untilSaid('later facts', (page) => (page.snapshotAtMs(shop.name) ?? 0) > again);
  expectNothingFromTheFuture(view);
  expect(view.findings(shop.name)).toEqual([...shopFindings, 'duplicate-index items_name_third']);
  expect(await daemon.happened('finding-resolved')).toEqual([]);
  expect(await daemon.happened('finding-opened')).toHaveLength(2);
  await runOn(shop.url, 'drop index items_name_third');
  noteFault({
    area: 'truth',
    fault: `clock of the host set ${what}`,
    did: byMs < 0 ? `said "${daemon.events('clock-set-back')[0]?.msg}"` : 'went on by the new time',
    said: `${view.said(shop.name)}; no negative value, no time in the future, no finding resolved`,
    recoveryMs,
  });
});

const everyCollectorAround = (view: MetricsView, nowMs: number): boolean =>
  view
    .samples('indexwarden_collector_last_success_timestamp_seconds', { datname: shop.name })
    .every(({ value }) => Math.abs(value * 1_000 - nowMs) < 60_000);

test('a server that is down while the clock is set back is tried again at once, and not when the old time has come', async () => {
  const { embedded } = server;
  if (embedded === undefined) throw new Error('the server is not ours to break');
  const daemon = await watchShop(collectingEachSecond);
  await wellWatched(daemon, shop);
  await embedded.stop('fast');
  const stoppedAtMs = Date.now();
  await daemon.untilSaid('down', (view) => view.isDown(shop.name));
  clock.shift(-6 * hourMs);
  const down = await daemon.untilSaid(
    'down by the new time',
    (view) => (view.publishedAtMs(shop.name) ?? Number.POSITIVE_INFINITY) < clock.now() + 1_000,
  );
  expectDownAndHonest(down, shop.name, stoppedAtMs, shopFindings);
  expectNothingFromTheFuture(down);
  await embedded.start();
  const mendedAtMs = Date.now();
  await daemon.untilSaid('fresh facts', (view) =>
    view.hasFactsSince(shop.name, clock.now() - (Date.now() - mendedAtMs)),
  );
  const recoveryMs = Date.now() - mendedAtMs;
  await wellWatched(daemon, shop);
  expect(await daemon.happened('finding-resolved')).toEqual([]);
  noteFault({
    area: 'truth',
    fault: 'clock set back by six hours while the server is down',
    did: 'tried again at once',
    said: down.said(shop.name),
    recoveryMs,
  });
});
