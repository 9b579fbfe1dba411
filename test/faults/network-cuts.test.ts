import { afterAll, beforeAll, expect, test } from 'vitest';
import { runOn, startPostgres, type TestServer } from '../support/postgres.ts';
import { type Break, type LoopbackProxy, startProxy, through } from '../support/proxy.ts';
import type { MetricsView } from './metrics-view.ts';
import { noteFault, times } from './rows.ts';
import { daemons, until } from './watched-daemon.ts';
import { createShop, type Shop, shopFindings, wellWatched } from './watched-shop.ts';

/*
 * A network that fails after any byte of a conversation: it ends, is reset, or falls silent. The daemon never hangs beyond its timeouts,
 * never publishes a part of what it wanted to read, and has everything again once the network has.
 */

const { watch } = daemons();
/** Databases of one daemon that are cut off side by side, each by a proxy of its own. */
const sideBySide = 4;
const cutsEach = times(3, 50);
/** Seconds a cut, on a machine with other things to do. */
const longMs = 1_500_000;

let server: TestServer;
const shops: Shop[] = [];
const proxies: LoopbackProxy[] = [];

beforeAll(async () => {
  server = await startPostgres();
  for (let count = 1; count <= sideBySide; count += 1) {
    const shop = await createShop(server, `cut_${count}`);
    const tables = Array.from(
      { length: 40 },
      (_, n) => `create table t${n} (a int primary key, b int); create index t${n}_b on t${n} (b)`,
    );
    await runOn(shop.url, tables.join(';'));
    shops.push(shop);
    proxies.push(await startProxy(server.url()));
  }
});
afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await server?.close();
});

/** Facts of relations, each of which is there of all of them or of none. */
const relationFacts = [
  'pgindex_info',
  'pgindex_size_bytes',
  'pgindex_scans_total',
  'pgindex_table_size_bytes',
];
const countsOf = (view: MetricsView, datname: string): readonly number[] =>
  relationFacts.map((name) => view.samples(name, { datname }).length);

/** Pseudo-random numbers from 0 to 1, the same in each run that begins with the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test(
  `cut off after any byte, ${sideBySide * cutsEach} times`,
  async () => {
    const seed = Date.now() % 1_000_000;
    const random = randomFrom(seed);
    const daemon = await watch(
      shops.map((shop, at) => ({
        name: `s${at}`,
        primary: { url: `${through(proxies[at] as LoopbackProxy, shop.watchedUrl)}?sslmode=disable` },
      })),
    );
    for (const shop of shops) await wellWatched(daemon, shop);
    // A pass is counted from one publication to the next, and some.
    const [first] = proxies;
    const before = first?.received ?? 0;
    await daemon.recovered(shops[0]?.name ?? '', Date.now());
    const passBytes = Math.max(20_000, (first?.received ?? 0) - before);
    const full = countsOf(await daemon.metrics(), shops[0]?.name ?? '');
    expect(full.every((count) => count > 40)).toBe(true);

    let slowestMs = 0;
    const errors = new Map<string, number>();
    const cut = async (shop: Shop, proxy: LoopbackProxy, how: Break, bytes: number): Promise<void> => {
      const { name } = shop;
      const place = `seed ${seed}: ${how} after ${bytes} bytes`;
      const looked = (view: MetricsView): void => {
        countsOf(view, name).forEach((count, at) => {
          expect([0, full[at]], `${place}: ${relationFacts[at]}`).toContain(count);
        });
        expect(view.findings(name), place).toEqual(shopFindings);
        for (const error of view.errors(name)) errors.set(error, (errors.get(error) ?? 0) + 1);
      };
      proxy.breakAfter(bytes, how);
      await daemon.untilSaid(`${place}: an error`, (view) => {
        looked(view);
        return view.errors(name).length > 0;
      });
      const mendedAtMs = Date.now();
      proxy.resume();
      await until(`${place}: everything again`, async () => {
        const view = await daemon.metrics();
        looked(view);
        return view.hasFactsSince(name, mendedAtMs) && view.errors(name).length === 0;
      });
      slowestMs = Math.max(slowestMs, Date.now() - mendedAtMs);
    };
    await Promise.all(
      shops.map(async (shop, at) => {
        const proxy = proxies[at];
        for (let count = 0; proxy !== undefined && count < cutsEach; count += 1) {
          const how = (['end', 'reset', 'stall'] as const)[(at + count) % 3] ?? 'end';
          await cut(shop, proxy, how, Math.floor(random() * passBytes));
        }
      }),
    );
    expect([...errors.keys()]).toEqual(['TargetUnavailable']);
    expect((await daemon.happened('finding-resolved')).concat(await daemon.happened('index-gone'))).toEqual(
      [],
    );
    noteFault({
      area: 'network',
      fault: `ended, reset or silent after any byte of ${Math.round(passBytes / 1024)} KiB, ${sideBySide * cutsEach} times`,
      did: 'failed what was under way within its timeouts, connected again; no finding resolved',
      said: `each family of facts whole or absent, never a part; collector_error ${[...errors.keys()].join(', ')}`,
      recoveryMs: slowestMs,
    });
  },
  longMs,
);
