import { chmodSync, chownSync, copyFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { anAuthority, type Certificate } from '../support/certificates.ts';
import { runOn, startPostgres, type TestServer } from '../support/postgres.ts';
import { noteFault } from './rows.ts';
import { daemons, until, type WatchedDaemon } from './watched-daemon.ts';
import {
  createShop,
  disconnect,
  expectDownAndHonest,
  type Shop,
  shopFindings,
  wellWatched,
} from './watched-shop.ts';

/*
 * TLS that is asked for and not there, and certificates that are not to be trusted. Each is mended on the server: the daemon takes up
 * what the server shows with its next attempt.
 */

const { watch } = daemons();
const authority = anAuthority();
let server: TestServer;
let shop: Shop;
let ours: Certificate;
let good: Certificate;
let strange: Certificate;
let expired: Certificate;

beforeAll(async () => {
  server = await startPostgres();
  shop = await createShop(server, 'tls');
  ours = authority.issue('ours', { isAuthority: true });
  const stranger = authority.issue('stranger', { isAuthority: true });
  good = authority.issue('good', { by: ours });
  strange = authority.issue('strange', { by: stranger });
  expired = authority.issue('expired', { by: ours });
  authority.expire(expired, ours);
});
afterAll(async () => {
  await server?.close();
  authority.remove();
});

/** Lets the server show a certificate, or speak no TLS at all, to whoever connects from now on. */
async function show(certificate: Certificate | undefined): Promise<void> {
  const { embedded } = server;
  if (embedded === undefined) throw new Error('the server is not ours to break');
  if (certificate !== undefined) {
    for (const [from, name] of [
      [certificate.certFile, 'server.crt'],
      [certificate.keyFile, 'server.key'],
    ] as const) {
      const file = path.join(embedded.dataDirectory, name);
      copyFileSync(from, file);
      chmodSync(file, 0o600);
      if (embedded.account !== undefined) chownSync(file, embedded.account.uid, embedded.account.gid);
    }
  }
  await runOn(server.url(), `alter system set ssl = ${certificate === undefined ? 'off' : 'on'}`);
  await runOn(server.url(), 'select pg_reload_conf()');
  const url = `${server.url()}?sslmode=${certificate === undefined ? 'disable' : 'no-verify'}`;
  await until(
    'the server to have read its settings',
    (): Promise<boolean> =>
      runOn(url, 'select 1').then(
        () => true,
        () => false,
      ),
  );
  await disconnect(server, shop.role);
}

const primary = (sslmode: string): Readonly<Record<string, unknown>> => ({
  url: shop.watchedUrl,
  sslmode,
  sslrootcert: ours.certFile,
});
const watchWith = (sslmode: string): Promise<WatchedDaemon> =>
  watch([{ name: 's', primary: primary(sslmode) }]);

test.each([
  [
    'TLS required, and the server has none',
    'verify-full',
    (): Certificate | undefined => undefined,
    /does not support SSL connections/,
  ],
  [
    'the certificate is of another authority',
    'verify-ca',
    () => strange,
    /self-signed certificate|unable to (?:get|verify)[\w ]+/,
  ],
  ['the certificate has expired', 'verify-full', () => expired, /certificate has expired/],
] as const)('%s', async (fault, sslmode, wrong, reason) => {
  await show(good);
  const daemon = await watchWith(sslmode);
  await wellWatched(daemon, shop);
  await show(wrong());
  const brokenAtMs = Date.now();
  const down = await daemon.untilSaid(`${fault}: down`, (view) => view.isDown(shop.name));
  expectDownAndHonest(down, shop.name, brokenAtMs, shopFindings);
  const [line] = daemon.events('target-down').slice(-1);
  expect(String(line?.error)).toMatch(reason);
  expect(down.errors(shop.name)).toEqual(['TargetUnavailable']);
  const mendedAtMs = Date.now();
  await show(good);
  const recoveryMs = await daemon.recovered(shop.name, mendedAtMs);
  await wellWatched(daemon, shop);
  noteFault({
    area: 'database',
    fault,
    did: `said "${reason.exec(String(line?.error))?.[0]}", never went on without TLS`,
    said: down.said(shop.name),
    recoveryMs,
  });
});
