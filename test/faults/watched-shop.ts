import { expect } from 'vitest';
import {
  createDatabase,
  runOn,
  type TestDatabase,
  type TestServer,
  withConnection,
} from '../support/postgres.ts';
import { createMonitor, type TestRole } from '../support/roles.ts';
import type { MetricsView } from './metrics-view.ts';
import type { WatchedDaemon } from './watched-daemon.ts';

/** A database with something to find in it, and the role that watches it. */
export interface Shop extends TestDatabase {
  readonly server: TestServer;
  readonly role: TestRole;
  /** Connection string of the watching role. */
  readonly watchedUrl: string;
}

/** What is found in a shop, as `MetricsView.findings` says it. */
export const shopFindings = ['duplicate-index items_name_again'];

export async function createShop(server: TestServer, name: string): Promise<Shop> {
  const role = await createMonitor(server);
  const database = await createDatabase(server, name);
  await runOn(
    database.url,
    `create table items (id int primary key, name text);
     insert into items select n, 'item' || n from generate_series(1, 5000) n;
     create index items_name on items (name);
     create index items_name_again on items (name);
     analyze items`,
  );
  return { ...database, server, role, watchedUrl: role.url(database.name) };
}

/** Waits until the shop is watched and found out about, and returns that page. */
export async function wellWatched(
  daemon: WatchedDaemon,
  { name }: Shop,
  found: readonly string[] = shopFindings,
): Promise<MetricsView> {
  const view = await daemon.untilSaid(
    `findings of ${name}`,
    (page) => page.isUp(name) && page.findings(name).length >= found.length,
  );
  expect(view.findings(name)).toEqual(found);
  expect(view.facts(name).length).toBeGreaterThan(20);
  return view;
}

/**
 * What must hold of any target that cannot be read: it is down, no collector has succeeded, no fact stands on the page, the snapshot
 * is no newer than when it could be read, and what was found before is neither gone nor resolved.
 */
export function expectDownAndHonest(
  view: MetricsView,
  name: string,
  endedAtMs: number,
  found: readonly string[],
): void {
  expect(view.isDown(name)).toBe(true);
  expect(view.collectors(name, 1)).toEqual([]);
  expect(view.collectors(name, 0).length).toBeGreaterThan(10);
  expect(view.facts(name)).toEqual([]);
  expect(view.snapshotAtMs(name) ?? 0).toBeLessThanOrEqual(endedAtMs);
  expect(view.findings(name)).toEqual(found);
}

/** Ends the connections of a role, so that it has to come anew. */
export const disconnect = (server: TestServer, role: TestRole): Promise<void> =>
  withConnection(server.url(), async (client) => {
    await client.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
      role.name,
    ]);
  });
