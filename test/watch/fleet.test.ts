import type pg from 'pg';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { TargetId } from '../../src/model/ids.ts';
import { memoryStore } from '../../src/store/store.ts';
import { StoreError } from '../../src/store/thread.ts';
import { quiet } from '../support/look.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  runOn,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { startProxy, through } from '../support/proxy.ts';
import { createMonitor, type TestRole } from '../support/roles.ts';
import { fleetOn, neverScheduled, type WatchedFleet } from '../support/watching.ts';

const majors = await postgresMajors(aFewMajors());

describeOnPostgres(majors, (server) => {
  let role: TestRole;
  let watched: WatchedFleet | undefined;
  beforeAll(async () => {
    role = await createMonitor(server());
  });
  afterEach(async () => {
    await watched?.fleet.stop();
    watched = undefined;
  });

  /** Databases that our role is connected to, one entry a connection. */
  const connected = (client: pg.Client): Promise<readonly string[]> =>
    client
      .query<{ datname: string }>(
        "select datname from pg_stat_activity where application_name = 'indexwarden' and usename = $1 order by datname",
        [role.name],
      )
      .then(({ rows }) => rows.map(({ datname }) => datname));

  test('a pass that could not read the store is made again, and is no bug', async () => {
    const database = await createDatabase(server(), 'fleet');
    const events: string[] = [];
    const note = (fields: object): void => void events.push('event' in fields ? String(fields.event) : '');
    const store = memoryStore();
    let openings = 1;
    let asked = 0;
    watched = fleetOn(
      {
        servers: [{ name: 'main', primary: { url: role.url(database.name) }, databases: [database.name] }],
        collectors: neverScheduled,
      },
      {
        store: {
          ...store,
          openings: () => openings,
          usageOf: async (target, node) => {
            asked += 1;
            if (openings === 1) throw new StoreError('the file was removed');
            return store.usageOf(target, node);
          },
        },
        log: { ...quiet, warn: note, error: note },
      },
    );
    watched.fleet.start();
    await eventually('the store was asked for', () => events.includes('store-unread'));
    // Nor is the server read in vain until the store is there again.
    expect(asked).toBe(1);
    openings = 2;
    await watched.until(database.name, 1);
    expect(asked).toBe(2);
    expect(events).not.toContain('pass-failed');
  });

  test('one server that hangs delays no other', async () => {
    const database = await createDatabase(server(), 'fleet');
    const twin = await createDatabase(server(), 'fleet_twin');
    const proxy = await startProxy(database.url);
    watched = fleetOn({
      servers: [
        {
          name: 'hanging',
          primary: { url: `${through(proxy, role.url(database.name))}?sslmode=disable` },
          databases: [database.name],
        },
        { name: 'well', primary: { url: role.url(twin.name) }, databases: [twin.name] },
      ],
      collectors: neverScheduled,
    });
    watched.fleet.start();
    await watched.until(database.name, 1);
    await watched.until(twin.name, 1);
    proxy.stall();
    for (let pass = 2; pass <= 6; pass += 1) {
      watched.fleet.activateAll();
      expect(await watched.until(twin.name, pass)).toMatchObject({ isUp: true });
    }
    expect(watched.of(database.name)).toHaveLength(1);
    // Nor does it hold up the end.
    await watched.fleet.stop();
    expect(
      watched.fleet
        .generations()
        .map(({ target }) => target.server)
        .sort(),
    ).toEqual(['hanging', 'well']);
    await proxy.close();
  });

  test.each([1, 2])(
    'with room for %i connections, three databases never have more',
    async (maxConnections) => {
      const databases = await Promise.all(
        ['cap_a', 'cap_b', 'cap_c'].map((name) => createDatabase(server(), name)),
      );
      const names = databases.map(({ name }) => name);
      const fleet = fleetOn({
        servers: [
          { name: 's', primary: { url: role.url(names[0] ?? '') }, databases: names, maxConnections },
        ],
        collectors: neverScheduled,
      });
      watched = fleet;
      fleet.fleet.start();
      let most = 0;
      await withConnection(server().url(), async (client) => {
        for (let pass = 1; pass <= 4; pass += 1) {
          let isDone = false;
          const done = Promise.all(names.map((name) => fleet.until(name, pass))).finally(() => {
            isDone = true;
          });
          while (!isDone) most = Math.max(most, (await connected(client)).length);
          for (const generation of await done) expect(generation.isUp).toBe(true);
          fleet.fleet.activateAll();
        }
      });
      expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThanOrEqual(maxConnections);
    },
  );

  describe('databases that are discovered', () => {
    let prefix: string;
    let first: TestDatabase;
    beforeAll(async () => {
      first = await createDatabase(server(), 'disc_one');
      prefix = first.name.slice(-8);
      await runOn(server().url(), `create database "disc_${prefix}_a"`);
      await runOn(server().url(), `create database "disc_${prefix}_b"`);
      await runOn(server().url(), `create database "disc_${prefix}_tmp"`);
      await runOn(server().url(), `create database "disc_${prefix}_template" is_template true`);
      await runOn(server().url(), `create database "disc_${prefix}_shut" allow_connections false`);
      return async () => {
        await runOn(server().url(), `alter database "disc_${prefix}_template" is_template false`);
        for (const name of ['a', 'b', 'tmp', 'template', 'shut'])
          await runOn(server().url(), `drop database if exists "disc_${prefix}_${name}" with (force)`);
      };
    });
    const document = (maxConnections = 5) => ({
      servers: [
        {
          name: 's',
          primary: { url: role.url('postgres') },
          databases: { discover: true, include: [`disc_${prefix}_*`], exclude: ['*_tmp'] },
          maxConnections,
        },
      ],
      collectors: neverScheduled,
    });
    const named = (targets: readonly TargetId[] | undefined): readonly string[] | undefined =>
      targets?.map(({ datname }) => datname.replace(`disc_${prefix}_`, '')).sort();

    test('are those that the globs let through, that are no templates and take connections', async () => {
      const retained: (readonly TargetId[])[] = [];
      watched = fleetOn(document(), { retain: (targets) => void retained.push(targets) });
      watched.fleet.start();
      await watched.until(`disc_${prefix}_a`, 1);
      await watched.until(`disc_${prefix}_b`, 1);
      expect(named(retained.at(-1))).toEqual(['a', 'b']);
      expect(watched.fleet.waitingFor()).toEqual([]);
    });

    test('of a single look are the same', async () => {
      watched = fleetOn(document());
      const generations = await watched.fleet.runOnce();
      expect(named(generations.map(({ target }) => target))).toEqual(['a', 'b']);
      expect(generations.every(({ isUp }) => isUp)).toBe(true);
    });

    test.each([5, 2, 1])(
      'come and go while running, with room for %i connections',
      async (maxConnections) => {
        const retained: (readonly TargetId[])[] = [];
        const fleet = fleetOn(document(maxConnections), { retain: (targets) => void retained.push(targets) });
        watched = fleet;
        fleet.fleet.start();
        await fleet.until(`disc_${prefix}_a`, 1);
        await fleet.until(`disc_${prefix}_b`, 1);

        const added = `disc_${prefix}_new`;
        await runOn(server().url(), `create database "${added}"`);
        await fleet.fleet.rediscover();
        expect(await fleet.until(added, 1)).toMatchObject({ isUp: true });
        expect(named(retained.at(-1))).toEqual(['a', 'b', 'new']);
        // With more databases than room, those that were there give way at their next pass.
        fleet.fleet.activateAll();
        await fleet.until(`disc_${prefix}_a`, 2);
        await fleet.until(added, 2);

        // Our own connection is no obstacle to its end.
        await runOn(server().url(), `drop database "${added}" with (force)`);
        await fleet.fleet.rediscover();
        expect(named(retained.at(-1))).toEqual(['a', 'b']);
        const count = fleet.of(added).length;
        fleet.fleet.activateAll();
        await fleet.until(`disc_${prefix}_b`, fleet.of(`disc_${prefix}_b`).length + 1);
        expect(fleet.of(added)).toHaveLength(count);
        expect(named(fleet.fleet.generations().map(({ target }) => target))).toEqual(['a', 'b']);
        await withConnection(server().url(), async (client) => {
          await eventually('no connection too many', async () => {
            const now = await connected(client);
            return now.length <= maxConnections && !now.includes(added);
          });
        });
      },
    );

    test('of a server that does not answer stay as they were; before the first answer it shows as down', async () => {
      const proxy = await startProxy(server().url());
      const lines: { readonly event?: unknown }[] = [];
      const note = (fields: object): void => void lines.push(fields);
      const base = document();
      const primary = { url: `${through(proxy, role.url('postgres'))}?sslmode=disable` };
      proxy.refuse();
      watched = fleetOn(
        { ...base, servers: base.servers.map((entry) => ({ ...entry, primary })) },
        { log: { ...quiet, info: note, warn: note, error: note } },
      );
      watched.fleet.start();
      expect(await watched.until('postgres', 1)).toMatchObject({ isUp: false });
      expect(lines.map(({ event }) => event)).toContain('discovery-failed');

      proxy.resume();
      await watched.fleet.rediscover();
      await watched.until(`disc_${prefix}_a`, 1);
      await watched.until(`disc_${prefix}_b`, 1);
      expect(named(watched.fleet.generations().map(({ target }) => target))).toEqual(['a', 'b']);

      proxy.refuse();
      await watched.fleet.rediscover();
      expect(named(watched.fleet.generations().map(({ target }) => target))).toEqual(['a', 'b']);
      await watched.fleet.stop();
      await proxy.close();
    });

    test('asked for twice at once are asked for once', async () => {
      const proxy = await startProxy(server().url());
      const base = document();
      const primary = { url: `${through(proxy, role.url('postgres'))}?sslmode=disable` };
      watched = fleetOn({ ...base, servers: base.servers.map((entry) => ({ ...entry, primary })) });
      await Promise.all([watched.fleet.rediscover(), watched.fleet.rediscover(), watched.fleet.rediscover()]);
      await watched.until(`disc_${prefix}_a`, 1);
      await watched.until(`disc_${prefix}_b`, 1);
      // One for the list and one for each database.
      expect(proxy.accepted).toBe(3);
      await watched.fleet.stop();
      await proxy.close();
    });
  });
});
