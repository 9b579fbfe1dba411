import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { toNobody } from '../e2e/places.ts';
import { runOn, startPostgres, type TestServer } from '../support/postgres.ts';
import { startProxy, through } from '../support/proxy.ts';
import { createRole } from '../support/roles.ts';
import { noteFault } from './rows.ts';
import { daemons } from './watched-daemon.ts';
import { createShop, type Shop } from './watched-shop.ts';

/*
 * `check` on what cannot be looked at: it ends with 3, never with 0 ("clean") nor 1 ("findings"). Poolers and servers that are too old
 * have their own tests, pooler.test.ts and database-versions.test.ts.
 */

const { run } = daemons();
let server: TestServer;
let shop: Shop;

beforeAll(async () => {
  server = await startPostgres();
  shop = await createShop(server, 'checked');
});
afterAll(() => server?.close());

interface Place {
  readonly url: string;
  readonly mend?: () => Promise<unknown>;
}

const closed = async (): Promise<Place> => {
  await runOn(server.url(), `revoke connect on database ${pg.escapeIdentifier(shop.name)} from public`);
  return {
    url: shop.watchedUrl,
    mend: () => runOn(server.url(), `grant connect on database ${pg.escapeIdentifier(shop.name)} to public`),
  };
};
const withRights = async (url: URL): Promise<Place> => ({ url: url.href });

test.each([
  ['nobody listens', async (): Promise<Place> => ({ url: await toNobody(shop.watchedUrl) }), /ECONNREFUSED/],
  [
    'a host that does not resolve',
    () => {
      const url = new URL(shop.watchedUrl);
      url.hostname = 'no-such-host.invalid';
      return withRights(url);
    },
    /ENOTFOUND|EAI_AGAIN/,
  ],
  [
    'every connection is turned away',
    async (): Promise<Place> => {
      const proxy = await startProxy(server.url());
      proxy.refuse();
      return { url: through(proxy, shop.watchedUrl), mend: () => proxy.close() };
    },
    /ECONNRESET|terminated/,
  ],
  [
    'half-open: nobody answers',
    async (): Promise<Place> => {
      const proxy = await startProxy(server.url());
      proxy.stall();
      return { url: through(proxy, shop.watchedUrl), mend: () => proxy.close() };
    },
    /timeout/,
  ],
  [
    'a wrong password',
    () => {
      const url = new URL(shop.watchedUrl);
      url.password = 'wrong';
      return withRights(url);
    },
    /password authentication failed/,
  ],
  ['no right to connect', closed, /GRANT CONNECT ON DATABASE/],
] as const)('check with %s ends with 3', async (fault, stage, reason) => {
  const { url, mend } = await stage();
  const { code, stdout, stderr } = await run(['check', '--url', url, '--limits.connectTimeout', '1s']);
  await mend?.();
  expect(code).toBe(3);
  expect(stdout).toMatch(reason);
  expect(stdout + stderr).not.toMatch(/: 0 findings|nothing to do|clean/i);
  noteFault({
    area: 'truth',
    fault: `check: ${fault}`,
    did: `exit code ${code}`,
    said: reason.exec(stdout)?.[0] ?? '',
    recoveryMs: null,
  });
});

test('check of a role without any grant finds what the catalogue tells, and names what it cannot tell', async () => {
  const role = await createRole(server, 'bare');
  const { code, stdout } = await run(['check', '--url', role.url(shop.name), '--fail-on', 'never']);
  expect(stdout).toContain('items_name_again');
  expect(stdout).toMatch(/GRANT pg_monitor TO/);
  expect(code).toBe(0);
  noteFault({
    area: 'truth',
    fault: 'check: a role without any grant',
    did: `exit code ${code} with --fail-on never`,
    said: /GRANT pg_monitor TO/.exec(stdout)?.[0] ?? '',
    recoveryMs: null,
  });
});
