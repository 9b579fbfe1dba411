import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runOn, startPostgres, type TestServer } from '../support/postgres.ts';
import { noteFault } from './rows.ts';
import { daemons } from './watched-daemon.ts';
import {
  createShop,
  disconnect,
  expectDownAndHonest,
  type Shop,
  shopFindings,
  wellWatched,
} from './watched-shop.ts';

/*
 * A password that expires, and a new one that somebody puts into the file: the daemon goes on without being told.
 */

const { watch } = daemons();
const folder = mkdtempSync(path.join(tmpdir(), 'passwords-'));
let server: TestServer;
let shop: Shop;

beforeAll(async () => {
  server = await startPostgres();
  shop = await createShop(server, 'rotated');
});
afterAll(async () => {
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

const file = path.join(folder, 'password');
/** As secrets are put into place: written beside, and renamed. */
function put(content: string): void {
  writeFileSync(`${file}.new`, content);
  chmodSync(`${file}.new`, 0o600);
  renameSync(`${file}.new`, file);
}
const setPassword = (password: string, until: string): Promise<void> =>
  runOn(server.url(), `alter role ${shop.role.name} password '${password}' valid until '${until}'`);

test.each([
  ['password_file', (password: string) => `${password}\n`],
  ['PGPASSFILE', (password: string) => `*:*:*:*:${password}\n`],
] as const)('a password that expired and was rotated in %s', async (place, content) => {
  await setPassword('first one', 'infinity');
  put(content('first one'));
  const url = new URL(shop.watchedUrl);
  url.password = '';
  const daemon = await watch(
    [{ name: 's', primary: { url: url.href, ...(place === 'password_file' && { password_file: file }) } }],
    {},
    { env: place === 'PGPASSFILE' ? { PGPASSFILE: file } : {} },
  );
  await wellWatched(daemon, shop);
  await setPassword('first one', '2001-01-01');
  const brokenAtMs = Date.now();
  await disconnect(server, shop.role);
  const down = await daemon.untilSaid('down', (view) => view.isDown(shop.name));
  expectDownAndHonest(down, shop.name, brokenAtMs + 1_000, shopFindings);
  expect(down.errors(shop.name)).toEqual(['TargetUnavailable']);
  const [line] = daemon.events('target-down');
  expect(String(line?.error)).toMatch(/password authentication failed/);
  await setPassword('second: \\one', 'infinity');
  const mendedAtMs = Date.now();
  put(content(place === 'PGPASSFILE' ? 'second\\: \\\\one' : 'second: \\one'));
  const recoveryMs = await daemon.recovered(shop.name, mendedAtMs);
  await wellWatched(daemon, shop);
  expect(daemon.stderr()).not.toMatch(/first one|second: /);
  noteFault({
    area: 'database',
    fault: `password expired, rotated in ${place}`,
    did: `said "${/password authentication failed/.exec(String(line?.error))?.[0]}", read the file with the next attempt`,
    said: down.said(shop.name),
    recoveryMs,
  });
});
