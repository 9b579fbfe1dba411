import { afterAll, beforeAll, expect, test } from 'vitest';
import { runOn, startPostgres, type TestServer } from '../support/postgres.ts';
import { noteFault } from './rows.ts';
import { shiftedClock } from './shifted-clock.ts';
import { collectingEachSecond, daemons, until, type WatchedDaemon } from './watched-daemon.ts';
import {
  createShop,
  disconnect,
  expectDownAndHonest,
  type Shop,
  shopFindings,
  wellWatched,
} from './watched-shop.ts';

/*
 * What changes on a server while it is watched: databases, extensions, grants, settings.
 */

const { watch } = daemons();
let server: TestServer;
let shop: Shop;

beforeAll(async () => {
  server = await startPostgres(undefined, { settings: { shared_preload_libraries: 'pg_stat_statements' } });
  shop = await createShop(server, 'changes');
});
afterAll(() => server?.close());

const watchShop = async (
  others: Readonly<Record<string, unknown>> = {},
  found: readonly string[] = shopFindings,
): Promise<WatchedDaemon> => {
  const daemon = await watch([{ name: 's', primary: { url: shop.watchedUrl } }], {
    collectors: collectingEachSecond,
    ...others,
  });
  await wellWatched(daemon, shop, found);
  return daemon;
};
/** A statement again and again until nobody is in its way: the daemon connects anew each second. */
const insist = (what: string, sql: string): Promise<boolean> =>
  until(what, () =>
    runOn(server.url(), sql).then(
      () => true,
      () => false,
    ),
  );

test('databases that are created, dropped and renamed are watched, forgotten, and both', async () => {
  const [dropped, renamed] = await Promise.all([createShop(server, 'gone'), createShop(server, 'before')]);
  // Every five minutes the databases are asked for: this daemon begins some seconds before.
  const beforeTickMs = 14_000;
  const fiveMinutesMs = 300_000;
  const tickMs = Math.ceil(Date.now() / fiveMinutesMs) * fiveMinutesMs + 45_000;
  const clock = shiftedClock(tickMs - beforeTickMs - Date.now());
  const prefix = { include: ['changes_*', 'gone_*', 'before_*', 'after_*', 'made_*'] };
  const daemon = await watch(
    [{ name: 's', primary: { url: server.url() }, databases: { discover: true, ...prefix } }],
    { collectors: collectingEachSecond },
    { env: clock.env },
  );
  await daemon.untilSaid('three databases', (view) =>
    [shop, dropped, renamed].every(({ name }) => view.isUp(name)),
  );
  const [made, after] = [shop.name.replace('changes', 'made'), renamed.name.replace('before', 'after')];
  await runOn(server.url(), `drop database ${dropped.name} with (force)`);
  await insist(
    'the rename',
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${renamed.name}'; alter database ${renamed.name} rename to ${after}`,
  );
  await runOn(server.url(), `create database ${made}`);
  const changedAtMs = Date.now();
  const lost = await daemon.untilSaid(
    'the loss',
    (view) => view.isDown(dropped.name) && view.isDown(renamed.name),
  );
  for (const { name } of [dropped, renamed]) expectDownAndHonest(lost, name, clock.now(), shopFindings);
  const said = lost.said(dropped.name);
  const wanted = [shop.name, made, after].sort();
  const view = await daemon.untilSaid(
    'the databases that there are',
    (page) =>
      String([...page.databases].sort()) === String(wanted) && wanted.every((name) => page.isUp(name)),
  );
  expect(view.findings(after)).toEqual(shopFindings);
  expect(daemon.events('discovery-failed')).toEqual([]);
  clock.remove();
  noteFault({
    area: 'database',
    fault: 'databases dropped, renamed and created while watched (looked for every five minutes)',
    did: 'down at once; at the next look it watched the new and the renamed, and forgot the others',
    said,
    recoveryMs: Date.now() - changedAtMs,
  });
  await runOn(server.url(), `drop database ${made} with (force)`);
  await runOn(server.url(), `drop database ${after} with (force)`);
});

test('an extension that is created, and dropped again', async () => {
  const daemon = await watchShop({ bloat: { schedule: '* * * * * *', maxRandomDelay: '0s' } });
  const statementsAre = (state: 'skipped' | 'read') => (view: Awaited<ReturnType<typeof daemon.metrics>>) =>
    view.value('indexwarden_collector_skipped', { datname: shop.name, collector: 'statements' }) ===
    (state === 'skipped' ? 1 : 0);
  await daemon.untilSaid('statements to be skipped', statementsAre('skipped'));
  const createdAtMs = Date.now();
  await runOn(shop.url, 'create extension pg_stat_statements; create extension pgstattuple');
  await daemon.untilSaid('statements to be read', statementsAre('read'));
  const recoveryMs = Date.now() - createdAtMs;
  await runOn(shop.url, 'drop extension pg_stat_statements; drop extension pgstattuple');
  const without = await daemon.untilSaid('statements to be skipped again', statementsAre('skipped'));
  const later = Date.now();
  const after = await daemon.untilSaid('facts without them', (view) => view.hasFactsSince(shop.name, later));
  expect([after.errors(shop.name), without.errors(shop.name)]).toEqual([[], []]);
  expect(after.findings(shop.name)).toEqual(shopFindings);
  expect(daemon.events('target-down')).toEqual([]);
  noteFault({
    area: 'database',
    fault: 'extensions created and dropped (pg_stat_statements, pgstattuple)',
    did: 'read statements while they could be read, skipped them before and after',
    said: without.said(shop.name),
    recoveryMs,
  });
});

test('pg_monitor revoked in mid-flight', async () => {
  const daemon = await watchShop();
  const isMissing = (view: Awaited<ReturnType<typeof daemon.metrics>>): boolean =>
    view.value('indexwarden_permission_missing', { datname: shop.name, permission: 'pg_monitor' }) === 1;
  await runOn(server.url(), `revoke pg_monitor from ${shop.role.name}`);
  const without = await daemon.untilSaid('what is missing', isMissing);
  expect(without.isUp(shop.name)).toBe(true);
  expect(without.findings(shop.name)).toEqual(shopFindings);
  const mendedAtMs = Date.now();
  await runOn(server.url(), `grant pg_monitor to ${shop.role.name}`);
  const view = await daemon.untilSaid(
    'nothing missing',
    (page) => !isMissing(page) && page.hasFactsSince(shop.name, mendedAtMs),
  );
  const recoveryMs = Date.now() - mendedAtMs;
  expect(view.errors(shop.name)).toEqual([]);
  expect(await daemon.happened('finding-resolved')).toEqual([]);
  noteFault({
    area: 'database',
    fault: 'pg_monitor revoked in mid-flight',
    did: 'went on with what it may still read, resolved nothing',
    said: `permission_missing pg_monitor 1; ${without.said(shop.name)}`,
    recoveryMs,
  });
});

test('CONNECT revoked in mid-flight', async () => {
  const daemon = await watchShop();
  await runOn(server.url(), `revoke connect on database ${shop.name} from public`);
  const brokenAtMs = Date.now() + 1_000;
  await disconnect(server, shop.role);
  const down = await daemon.untilSaid('down', (view) => view.isDown(shop.name));
  expectDownAndHonest(down, shop.name, brokenAtMs, shopFindings);
  expect(down.errors(shop.name)).toEqual(['NotPermitted']);
  const [line] = daemon.events('target-down');
  const grant = `GRANT CONNECT ON DATABASE ${shop.name} TO ${shop.role.name};`;
  expect(String(line?.error)).toContain(grant);
  const mendedAtMs = Date.now();
  await runOn(server.url(), grant);
  const recoveryMs = await daemon.recovered(shop.name, mendedAtMs);
  await wellWatched(daemon, shop);
  noteFault({
    area: 'database',
    fault: 'CONNECT revoked in mid-flight',
    did: 'printed the GRANT that mends it',
    said: down.said(shop.name),
    recoveryMs,
  });
});

test('track_counts turned off: what rests on counters is unknown, and not unused', async () => {
  const daemon = await watchShop({ policy: { unusedAfter: '0d' } }, [
    ...shopFindings,
    'unused-index items_name_again',
  ]);
  const isUnknown = (view: Awaited<ReturnType<typeof daemon.metrics>>): boolean =>
    view.value('pgindex_inconclusive', { datname: shop.name, kind: 'unused-index' }) === 1;
  const set = async (value: string): Promise<void> => {
    await runOn(server.url(), `alter system set track_counts = ${value}`);
    await runOn(server.url(), 'select pg_reload_conf()');
  };
  const before = await daemon.metrics();
  await set('off');
  const without = await daemon.untilSaid('unused-index to be inconclusive', isUnknown);
  expect(without.isUp(shop.name)).toBe(true);
  expect(without.findings(shop.name)).toEqual(before.findings(shop.name));
  // What is open stays counted; "none" is said of no kind that was not judged.
  const counts = without.samples('pgindex_findings', { datname: shop.name, kind: 'unused-index' });
  expect(counts.map(({ value }) => value)).toEqual([1]);
  const mendedAtMs = Date.now();
  await set('on');
  await daemon.recovered(shop.name, mendedAtMs);
  const recoveryMs = Date.now() - mendedAtMs;
  expect(await daemon.happened('finding-resolved')).toEqual([]);
  noteFault({
    area: 'database',
    fault: 'track_counts = off',
    did: 'unused-index inconclusive; opened and resolved nothing',
    said: `inconclusive unused-index 1; ${without.said(shop.name)}`,
    recoveryMs,
  });
});
