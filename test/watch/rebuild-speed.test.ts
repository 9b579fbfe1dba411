import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import type { Finding } from '../../src/model/finding.ts';
import { KiB, minuteMs } from '../../src/model/units.ts';
import type { Store } from '../../src/store/store.ts';
import { MeasurementBudgets } from '../../src/watch/bloat/budget.ts';
import { buildRecordKind } from '../../src/watch/build-memory.ts';
import { places } from '../store/places.ts';
import {
  createDatabase,
  describeOnPostgres,
  oldestAndNewest,
  postgresMajors,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { createMonitor, type TestRole } from '../support/roles.ts';
import {
  fleetOn,
  type ManualClock,
  manualClock,
  neverScheduled,
  type WatchedFleet,
} from '../support/watching.ts';

/*
 * Real builds, seen by a role with pg_monitor alone. How long one takes is the test's to decide: an index on a function that waits
 * until it is let go on, and the program's clock stands still between two looks.
 */
const majors = await postgresMajors(oldestAndNewest());
const gate = 4_711;
const { path, open, tidy, end } = places();
afterAll(end);

describeOnPostgres(majors, (server) => {
  let role: TestRole;
  let database: TestDatabase;
  let watched: WatchedFleet | undefined;
  const clients: pg.Client[] = [];
  beforeAll(async () => {
    role = await createMonitor(server());
  });
  afterEach(async () => {
    await watched?.fleet.stop();
    watched = undefined;
    for (const client of clients.splice(0)) await client.end();
    await tidy();
    await database?.drop();
  });

  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: database.url });
    client.on('error', () => {});
    await client.connect();
    clients.push(client);
    return client;
  };
  /** Two thirds of the rows are gone, and of both indexes as much. */
  const prepare = async (): Promise<void> => {
    database = await createDatabase(server(), 'speed');
    await withConnection(database.url, (client) =>
      client.query(`create extension pgstattuple;
        create function gated(int) returns int immutable language plpgsql as $$
        begin
          if $1 = 1 then perform pg_catalog.pg_advisory_xact_lock_shared(${gate}); end if;
          return $1;
        end $$;
        create table orders (id int, name text) with (autovacuum_enabled = off);
        insert into orders select g, 'name ' || g from generate_series(1, 30000) g;
        create index orders_gated on orders (gated(id));
        create index orders_name on orders (name)`),
    );
    await withConnection(database.url, (client) => client.query('delete from orders where id % 3 <> 1'));
    await withConnection(database.url, (client) => client.query('vacuum (analyze) orders'));
  };
  const watch = (store: Store, clock: ManualClock): WatchedFleet => {
    watched = fleetOn(
      {
        servers: [
          {
            name: 's',
            primary: { url: role.url(database.name) },
            databases: [database.name],
            maxConnections: 5,
          },
        ],
        // The second look at an invalid index waits a second, which the clock would count.
        collectors: { ...neverScheduled, 'invalid-indexes': { enabled: false } },
        bloat: { buildMinSize: '64KiB', baselineMinSize: '64KiB' },
        detectors: { 'bloated-index': { wastedBytesMin: 64 * KiB, lastingRatioMin: 0.01 } },
      },
      { store, clock, measuring: { budgets: new MeasurementBudgets(clock) } },
    );
    return watched;
  };
  /** A minute later. */
  const look = async (clock: ManualClock): Promise<Generation> => {
    clock.advance(minuteMs);
    const [generation] = (await watched?.fleet.runOnce()) ?? [];
    if (generation === undefined) throw new Error('nothing was published');
    return generation;
  };
  const findingOn = ({ findings }: Generation, indexrelname: string): Finding => {
    const found = findings.find((one) => one.kind === 'bloated-index' && one.indexrelname === indexrelname);
    if (found === undefined) throw new Error(`${indexrelname} is not called bloated`);
    return found;
  };
  /** Runs a build that is under way for three looks and over at the fourth; the time between them is the clock's. */
  const buildFor = async (statement: string, clock: ManualClock, failure?: RegExp): Promise<void> => {
    const [holder, builder] = [await connect(), await connect()];
    await holder.query('select pg_advisory_lock($1)', [gate]);
    const build = builder.query(statement);
    const ending = build.then(
      () => '',
      (caught: unknown) => String(caught),
    );
    await eventually('the build to be under way', async () => {
      const { rows } = await holder.query<{ phase: string }>(
        'select phase from pg_stat_progress_create_index where datname = current_database()',
      );
      return rows[0]?.phase.startsWith('building index') === true;
    });
    for (let count = 0; count < 3; count += 1) await look(clock);
    await holder.query('select pg_advisory_unlock($1)', [gate]);
    expect(await ending).toMatch(failure ?? /^$/);
    await look(clock);
  };
  const sizeOf = async (name: string): Promise<number> => {
    const client = await connect();
    const { rows } = await client.query<{ bytes: number }>(
      'select pg_relation_size($1::regclass)::float8 as bytes',
      [name],
    );
    return rows[0]?.bytes ?? 0;
  };

  test('a REINDEX that was watched tells how long the next will take, after a restart too', async () => {
    await prepare();
    const file = path();
    const clock = manualClock();
    const first = await open(file);
    const { fleet } = watch(first.store, clock);
    await fleet.runOnce();
    const [measured] = await fleet.measureAll();
    if (measured === undefined) throw new Error('nothing was measured');
    expect(findingOn(measured, 'orders_name').fix).toMatchObject({
      rebuildSeconds: 1,
      notes: expect.stringContaining(
        'The time goes by policy.rebuildBytesPerSecond (25 MiB/s), since no build of a btree index was watched here yet.',
      ),
    });

    await look(clock);
    await buildFor('reindex index concurrently orders_gated', clock);
    const learned = await look(clock);
    // Seen for two minutes, over after four: between them as a factor.
    const bytes = await sizeOf('orders_gated');
    const bytesPerSecond = bytes / Math.sqrt(120 * 240);
    const { fix, evidence } = findingOn(learned, 'orders_name');
    expect(fix.notes).toMatch(/The time goes by 1 btree build watched here \([0-9.]+ KiB\/s\)\./);
    expect(fix.rebuildSeconds).toBe(Math.ceil(Number(evidence.expectedSizeBytes) / bytesPerSecond));
    expect(fix.rebuildSeconds).toBeGreaterThan(60);
    await fleet.stop();
    await first.store.close();

    const second = await open(file);
    watch(second.store, clock);
    const again = findingOn(await look(clock), 'orders_name').fix;
    expect(again).toMatchObject({ notes: fix.notes, rebuildSeconds: fix.rebuildSeconds });
    const records = await second.store.recordsOf({ server: 's', datname: database.name }, buildRecordKind);
    expect([...records.keys()]).toEqual(['btree']);
  });

  describe('what else is watched', () => {
    const learnedFrom = async (statement: string, failure?: RegExp): Promise<readonly unknown[]> => {
      const clock = manualClock();
      const { store } = await open(path());
      watch(store, clock);
      await look(clock);
      await buildFor(statement, clock, failure);
      await look(clock);
      const records = await store.recordsOf({ server: 's', datname: database.name }, buildRecordKind);
      return [...records].map(([accessMethod, record]) => [accessMethod, record]);
    };

    test.each([
      [
        'CREATE INDEX CONCURRENTLY',
        'create index concurrently made on orders using hash (gated(id))',
        'hash',
        'made',
        true,
      ],
      ['CREATE INDEX, which tells no oid', 'create index made on orders (gated(id))', 'btree', 'made', false],
      ['REINDEX, which gives another file', 'reindex index orders_gated', 'btree', 'orders_gated', false],
    ])('%s', async (_, statement, accessMethod, name, isConcurrent) => {
      await prepare();
      const learned = await learnedFrom(statement);
      const build = {
        ...{ atMs: expect.any(Number), bytes: await sizeOf(name) },
        ...{ leastMs: 2 * minuteMs, mostMs: 4 * minuteMs, isConcurrent },
      };
      expect(learned).toEqual([[accessMethod, { builds: [build] }]]);
    });

    test('a build that fails teaches nothing', async () => {
      await prepare();
      await withConnection(database.url, (client) => client.query('insert into orders values (1, null)'));
      const statement = 'create unique index concurrently made on orders (gated(id))';
      expect(await learnedFrom(statement, /could not create unique index/)).toEqual([]);
    });
  });
});
