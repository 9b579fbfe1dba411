import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  grantsFor,
  type MeasurementOptions,
  type MeasuringFunction,
  measuringFunctions,
  readFreeSpace,
  readHashIndex,
  readIndex,
} from '../../src/postgres/measure.ts';
import type { Session } from '../../src/postgres/session.ts';
import { systemClock } from '../../src/scheduler/clock.ts';
import {
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { createMonitor, createRole, type TestRole } from '../support/roles.ts';
import { openSession } from '../support/watching.ts';

const ends = (await postgresMajors()).filter(
  ({ major }, at, all) => at === 0 || at === all.length - 1 || major === 17,
);
const never = new AbortController().signal;
/** The extension's schema may be any, and named as one likes. */
const schema = 'tools "x"';
/** Long enough to be caught at: pgstattuple reads it in tens of milliseconds, again and again. */
const largeRows = 400_000;

const options = (more: Partial<MeasurementOptions['limits']> = {}): MeasurementOptions => ({
  limits: { statementTimeoutMs: 20_000, watchIntervalMs: 50, activeBackendsMax: 1_000, ...more },
  sleep: systemClock.sleep,
  now: systemClock.now,
  signal: never,
});

describeOnPostgres(ends, (server) => {
  let database: TestDatabase;
  let role: TestRole;
  let measuring: Session;
  let watching: Session;
  let oids: ReadonlyMap<string, number>;
  let functions: ReadonlyMap<string, MeasuringFunction>;
  const holders: pg.Client[] = [];

  beforeAll(async () => {
    database = await createDatabase(server(), 'measure');
    role = await createMonitor(server());
    await withConnection(database.url, async (client) => {
      const quoted = pg.escapeIdentifier(schema);
      await client.query(
        `create schema ${quoted};
        create extension pgstattuple schema ${quoted}; create extension pg_freespacemap schema ${quoted};
        grant usage on schema ${quoted} to public;
        create schema hidden; revoke all on schema hidden from public;
        create table hidden.t (id int primary key, a int, tags int[], r int4range);
        insert into hidden.t select g, g % 50, array[g % 7, g % 9], int4range(g, g + 3) from generate_series(1, 20000) g;
        create index t_a on hidden.t (a); create index t_gin on hidden.t using gin (tags);
        create index t_gist on hidden.t using gist (r); create index t_hash on hidden.t using hash (a);
        create index t_brin on hidden.t using brin (id);
        create table empty (id int primary key);
        create table large (id int, name text);
        insert into large select g, repeat('x', 60) || g from generate_series(1, ${largeRows}) g;
        create index large_name on large (name);
        create table parted (id int) partition by range (id);
        create table parted_1 partition of parted for values from (0) to (10);
        create index parted_id on parted (id);
        create index broken on hidden.t (a);
        update pg_index set indisvalid = false where indexrelid = 'broken'::regclass`.replace(
          "'broken'",
          "'hidden.broken'",
        ),
      );
      const { rows } = await client.query<{ relname: string; oid: number }>(
        "select relname, oid::int4 as oid from pg_class where relkind in ('i', 'I')",
      );
      oids = new Map(rows.map(({ relname, oid }) => [relname, oid]));
    });
    measuring = await openSession(role.url(database.name));
    watching = await openSession(role.url(database.name));
    const found = await measuringFunctions(watching, { signal: never });
    if (!found.ok) throw new Error(found.error.message);
    functions = new Map(found.value.map((one) => [one.functionName, one]));
  });
  afterEach(async () => {
    for (const holder of holders.splice(0)) await holder.end();
  });
  afterAll(async () => {
    await measuring?.close();
    await watching?.close();
    await database?.drop();
  });

  const fn = (name: MeasuringFunction['functionName']): MeasuringFunction => {
    const found = functions.get(name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  };
  const oidOf = (name: string): number => {
    const oid = oids.get(name);
    if (oid === undefined) throw new Error(`no ${name}`);
    return oid;
  };
  const read = (name: string, more: Partial<MeasurementOptions> = {}) =>
    readIndex(
      { measuring, watching },
      { oid: oidOf(name), pgstattuple: fn('pgstattuple') },
      { ...options(), ...more },
    );
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: database.url, application_name: 'somebody' });
    client.on('error', () => {});
    await client.connect();
    holders.push(client);
    return client;
  };
  const hold = async (statement: string): Promise<pg.Client> => {
    const client = await connect();
    await client.query('begin');
    await client.query(statement);
    return client;
  };
  /** What every test that ran into something must leave behind: the next measurement works. */
  const expectOthersMeasured = async (): Promise<void> => {
    expect((await read('t_pkey')).ok).toBe(true);
  };

  describe('a role with pg_monitor and nothing else', () => {
    test('finds the functions wherever they are', () => {
      expect([...functions.keys()].sort()).toEqual([
        'pg_freespace',
        'pgstatginindex',
        'pgstathashindex',
        'pgstattuple',
      ]);
      for (const found of functions.values())
        expect(found).toMatchObject({ schemaname: schema, isExecutable: true, isReachable: true });
    });

    test('reads indexes of tables and schemas that it may not look into', async () => {
      for (const [name, tuples] of [
        ['t_pkey', 20_000],
        ['t_gist', 20_000],
      ] as const) {
        const reading = await read(name);
        expect(reading).toMatchObject({ ok: true });
        if (!reading.ok) continue;
        expect(reading.value.tupleCount).toBeGreaterThanOrEqual(tuples);
        expect(reading.value.tableLen % 8_192).toBe(0);
        expect(reading.value.tupleLen + reading.value.freeSpace).toBeLessThan(reading.value.tableLen);
      }
    });

    test('reads an empty index as empty', async () => {
      expect(await read('empty_pkey')).toEqual({
        ok: true,
        value: { tableLen: 8_192, tupleCount: 0, tupleLen: 0, freeSpace: 0 },
      });
    });

    test('reads the pages of a hash index', async () => {
      const target = { oid: oidOf('t_hash'), pgstathashindex: fn('pgstathashindex') };
      const reading = await readHashIndex({ measuring, watching }, target, options());
      expect(reading).toMatchObject({ ok: true, value: { liveItems: 20_000, blockSizeBytes: 8_192 } });
    });

    test('reads the free-space map and the pending list of GIN', async () => {
      const functionsOf = { pgFreespace: fn('pg_freespace'), pgstatginindex: fn('pgstatginindex') };
      const reading = await readFreeSpace(
        { measuring, watching },
        { oid: oidOf('t_gin'), ...functionsOf },
        options(),
      );
      expect(reading).toMatchObject({ ok: true, value: { pendingPages: 0 } });
      if (reading.ok) expect(reading.value.sizeBytes).toBeGreaterThan(reading.value.freeBytes);
    });
  });

  describe('what cannot be measured is named, and costs nobody else anything', () => {
    afterEach(expectOthersMeasured);

    test.each([
      ['t_gin', 'unsupported'],
      ['t_brin', 'unsupported'],
      ['parted_id', 'unsupported'],
      ['broken', 'invalid'],
    ])('%s: %s', async (name, kind) => {
      expect(await read(name)).toMatchObject({ ok: false, error: { kind } });
    });

    test('an index that is gone', async () => {
      const gone = { oid: 999_999_999, pgstattuple: fn('pgstattuple') };
      expect(await readIndex({ measuring, watching }, gone, options())).toMatchObject({
        ok: false,
        error: { kind: 'gone' },
      });
    });

    test('an index of a temporary table of somebody else', async () => {
      const client = await connect();
      await client.query('create temp table own (id int primary key); insert into own values (1)');
      const { rows } = await client.query<{ oid: number }>("select 'own_pkey'::regclass::oid::int4 as oid");
      const target = { oid: rows[0]?.oid ?? 0, pgstattuple: fn('pgstattuple') };
      expect(await readIndex({ measuring, watching }, target, options())).toMatchObject({
        ok: false,
        error: { kind: 'unsupported' },
      });
    });

    test('an index that is locked, without waiting for it', async () => {
      const holder = await hold('reindex index hidden.t_a');
      expect(await read('t_a')).toEqual({
        ok: false,
        error: { kind: 'locked', message: 'somebody holds it exclusively, or wants to' },
      });
      await holder.query('rollback');
      expect((await read('t_a')).ok).toBe(true);
    });

    test('an index that takes too long', async () => {
      const limits = options({ statementTimeoutMs: 5 }).limits;
      expect(await read('large_name', { limits })).toMatchObject({ ok: false, error: { kind: 'timeout' } });
    });

    test('a server that is busy', async () => {
      const sleeper = await connect();
      const sleeping = sleeper.query('select pg_sleep(60)').catch(() => {});
      await eventually('the sleeper to sleep', async () => {
        const limits = options({ activeBackendsMax: 0 }).limits;
        const reading = await read('t_a', { limits });
        return (
          !reading.ok &&
          reading.error.kind === 'busy' &&
          reading.error.message.includes('bloat.activeBackendsMax')
        );
      });
      // Its backend would sleep on, and hold up whoever waits for old snapshots.
      await withConnection(database.url, (client) =>
        client.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where query ~ '^select pg_sleep'",
        ),
      );
      await sleeping;
    });

    test('an extension that is gone, and one that is not there', async () => {
      const elsewhere = { ...fn('pgstattuple'), schemaname: 'nowhere' };
      const target = { oid: oidOf('t_a'), pgstattuple: elsewhere };
      expect(await readIndex({ measuring, watching }, target, options())).toMatchObject({
        ok: false,
        error: { kind: 'extension-missing' },
      });
      const other = await createDatabase(server(), 'bare');
      const session = await openSession(role.url(other.name));
      expect(await measuringFunctions(session, { signal: never })).toEqual({ ok: true, value: [] });
      await session.close();
      await other.drop();
    });

    test('a role without the right, with the grants that give it', async () => {
      const plain = await createRole(server(), 'plain');
      await withConnection(database.url, (client) =>
        client.query(
          `revoke usage on schema ${pg.escapeIdentifier(schema)} from public; grant usage on schema ${pg.escapeIdentifier(schema)} to ${pg.escapeIdentifier(role.name)}`,
        ),
      );
      const session = await openSession(plain.url(database.name));
      const other = await openSession(plain.url(database.name));
      const found = await measuringFunctions(session, { signal: never });
      if (!found.ok) throw new Error(found.error.message);
      const pgstattuple = found.value.find(({ functionName }) => functionName === 'pgstattuple');
      if (pgstattuple === undefined) throw new Error('pgstattuple is there');
      expect(pgstattuple).toMatchObject({ isExecutable: false, isReachable: false });
      const attempt = () =>
        readIndex({ measuring: session, watching: other }, { oid: oidOf('t_a'), pgstattuple }, options());
      expect(await attempt()).toMatchObject({ ok: false, error: { kind: 'not-permitted' } });
      await withConnection(database.url, (client) => client.query(grantsFor(pgstattuple, plain.name)));
      expect((await attempt()).ok).toBe(true);
      await session.close();
      await other.close();
    });
  });

  describe('while an index is read', () => {
    /** Measures the large index again and again, until one of the readings is cut short. */
    const readUntilDisturbed = async (disturb: () => Promise<unknown>) => {
      let isOver = false;
      const disturbed = disturb().finally(() => {
        isOver = true;
      });
      for (;;) {
        const reading = await read('large_name', { limits: options({ watchIntervalMs: 1 }).limits });
        if (!reading.ok || isOver) {
          await disturbed;
          return reading;
        }
      }
    };

    test('it holds ACCESS SHARE on the index alone, in a read-only transaction', async () => {
      const observer = await connect();
      const modes = new Set<string>();
      // A reading takes tens of milliseconds: again, until a look has fallen into one.
      await eventually('a look at the locks of a reading', async () => {
        let isOver = false;
        const reading = read('large_name').finally(() => {
          isOver = true;
        });
        while (!isOver) {
          const { rows } = await observer.query<{ what: string }>(
            `select l.mode || ' ' || c.relname as what from pg_locks l join pg_class c on c.oid = l.relation
             join pg_stat_activity a using (pid) where a.usename = $1 and c.relnamespace = 'public'::regnamespace`,
            [role.name],
          );
          for (const { what } of rows) modes.add(what);
        }
        expect((await reading).ok).toBe(true);
        return modes.size > 0;
      });
      expect([...modes]).toEqual(['AccessShareLock large_name']);
    });

    test.each([
      ['DROP INDEX', 'drop index large_name'],
      ['REINDEX', 'reindex index large_name'],
      ['TRUNCATE', 'truncate large'],
    ])('%s proceeds, whatever is measured again and again', async (_, statement) => {
      const client = await connect();
      // Longer than our grace, far shorter than the default statement timeout: it would fail if nobody gave way.
      await client.query("set lock_timeout = '5s'; begin");
      const reading = await readUntilDisturbed(() => client.query(statement));
      await client.query('rollback');
      expect(reading.ok ? 'measured' : reading.error.kind).toMatch(/^(?:gave-way|locked)$/);
      await eventually('our measurements to be over', async () => (await read('large_name')).ok);
    });

    /** A measurement that takes a minute unless it is cancelled, and holds what pgstattuple holds meanwhile. */
    const endless = async (): Promise<MeasuringFunction> => {
      await withConnection(database.url, (client) =>
        client.query(`create schema if not exists endless; grant usage on schema endless to public;
          create or replace function endless.pgstattuple(regclass) returns table (table_len int8, tuple_count int8, tuple_len int8, free_space int8)
          language plpgsql security definer as $$
          begin
            perform 1 from public.large where name = '';
            perform pg_sleep(60);
            return query select 1::int8, 1::int8, 1::int8, 1::int8;
          end $$`),
      );
      return { ...fn('pgstattuple'), schemaname: 'endless' };
    };

    test.each([
      [
        'REINDEX, which waits for the index',
        'reindex index large_name',
        /waited for it \(AccessExclusiveLock\)/,
      ],
      [
        'CREATE INDEX CONCURRENTLY, which waits for our snapshot',
        'create index concurrently large_id on large (id)',
        /waited for it \(ShareLock\)/,
      ],
    ])('it gives way to %s', async (_, statement, message) => {
      const pgstattuple = await endless();
      const client = await connect();
      const startedAtMs = Date.now();
      const reading = readIndex(
        { measuring, watching },
        { oid: oidOf('large_name'), pgstattuple },
        options(),
      );
      const isReading = async (): Promise<boolean> => {
        const { rows } = await client.query<{ count: number }>(
          "select count(*)::int4 as count from pg_stat_activity where usename = $1 and wait_event = 'PgSleep'",
          [role.name],
        );
        return rows[0]?.count === 1;
      };
      await eventually('the measurement to be under way', isReading);
      await client.query(statement);
      expect(Date.now() - startedAtMs).toBeLessThan(30_000);
      expect(await reading).toMatchObject({
        ok: false,
        error: { kind: 'gave-way', message: expect.stringMatching(message) },
      });
      await client.query('drop index if exists large_id');
    });

    test('it ends with the program, and leaves the connection that watched usable', async () => {
      const stop = new AbortController();
      const reading = read('large_name', { signal: stop.signal });
      stop.abort(new Error('shutting down'));
      expect(await reading).toMatchObject({ ok: false, error: { kind: 'cancelled' } });
      await expectOthersMeasured();
    });
  });
});
