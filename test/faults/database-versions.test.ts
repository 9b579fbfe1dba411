import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPostgres, type TestServer, withConnection } from '../support/postgres.ts';
import { throughPort } from '../support/proxy.ts';
import { startRewritingProxy } from './rewriting-proxy.ts';
import { noteFault } from './rows.ts';
import { daemons } from './watched-daemon.ts';
import { createShop, type Shop, shopFindings, wellWatched } from './watched-shop.ts';

/*
 * A real server that a proxy gives out for another version: older than any that is known, and newer than any there is. What it holds
 * is its own; only what it says of its version is not.
 */

const { watch, run } = daemons();
let server: TestServer;
let shop: Shop;
let number: string;
let version: string;

beforeAll(async () => {
  server = await startPostgres();
  shop = await createShop(server, 'versions');
  await withConnection(server.url(), async (client) => {
    const { rows } = await client.query<{ number: string; version: string }>(
      "select current_setting('server_version_num') as number, current_setting('server_version') as version",
    );
    number = rows[0]?.number ?? '';
    version = rows[0]?.version ?? '';
  });
});
afterAll(() => server?.close());

/** The server by another version, each text as long as the true one. `server_version_num` travels as text in a row of its own. */
async function posingAs(
  major: number,
): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  const proxy = await startRewritingProxy(server.url(), [
    [number, `${major}${number.slice(2)}`],
    [version, `${major}${version.slice(2)}`],
  ]);
  return { url: `${throughPort(proxy.port, shop.watchedUrl)}?sslmode=disable`, close: proxy.close };
}

test('a server older than supported is asked for nothing but its version, and no check of it is clean', async () => {
  const old = await posingAs(12);
  const daemon = await watch([{ name: 's', primary: { url: old.url } }]);
  const view = await daemon.untilSaid('the refusal', (page) => page.errors(shop.name).length > 0);
  expect(view.errors(shop.name)).toEqual(['UnsupportedVersion']);
  expect(view.collectors(shop.name, 1)).toEqual(['server']);
  expect(view.facts(shop.name).filter((name) => /size|scans|rows/.test(name))).toEqual([]);
  expect(view.samples('pgindex_findings', { datname: shop.name })).toEqual([]);
  const checked = await run(['check', '--url', old.url]);
  expect(checked.code).toBe(3);
  expect(checked.stdout).toContain('older than 13');
  const said = view.said(shop.name);
  await old.close();
  const mendedAtMs = Date.now();
  await daemon.reconfigure([{ name: 's', primary: { url: shop.watchedUrl } }]);
  const recoveryMs = await daemon.recovered(shop.name, mendedAtMs);
  await wellWatched(daemon, shop);
  noteFault({
    area: 'database',
    fault: 'server older than supported (12), by a proxy that changes its version',
    did: `asked for the version alone; check ended with ${checked.code}`,
    said,
    recoveryMs,
  });
});

test('a server newer than any known is read as the newest known; what fails says so, and nothing is made up', async () => {
  const newer = await posingAs(99);
  const daemon = await watch([{ name: 's', primary: { url: newer.url } }]);
  const view = await daemon.untilSaid('an outcome', (page) => page.isUp(shop.name));
  const failed = view.collectors(shop.name, 0);
  // The newest variants of the queries meet an older server here: those that it does not know fail, loudly, and alone.
  expect(view.errors(shop.name)).toEqual(failed.length === 0 ? [] : ['QueryFailed']);
  expect(view.collectors(shop.name, 1)).toEqual(expect.arrayContaining(['server', 'tables', 'indexes']));
  expect(view.findings(shop.name)).toEqual(shopFindings);
  noteFault({
    area: 'database',
    fault: 'server newer than any known (99), by a proxy that changes its version',
    did: `read it as the newest known; ${failed.length === 0 ? 'every collector succeeded' : `failed: ${failed.join(', ')}`}`,
    said: view.said(shop.name),
    recoveryMs: null,
  });
  await newer.close();
});
