import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import { type IndexMemory, indexMemoryOf, memoryFrom } from '../../src/history/bloat/memory.ts';
import { MiB } from '../../src/model/units.ts';
import { systemClock } from '../../src/scheduler/clock.ts';
import { memoryStore } from '../../src/store/store.ts';
import { MeasurementBudget, MeasurementBudgets } from '../../src/watch/bloat/budget.ts';
import { recordKind } from '../../src/watch/bloat/keeper.ts';
import type { FleetOptions } from '../../src/watch/fleet.ts';
import { look } from '../support/look.ts';
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
import { fleetOn, manualClock, neverScheduled, type WatchedFleet } from '../support/watching.ts';

describe('the budget of a server', () => {
  test('is one target’s at a time, in the order in which they came', async () => {
    const budget = new MeasurementBudget(60 * MiB, manualClock());
    const never = new AbortController().signal;
    const order: string[] = [];
    const first = await budget.acquire(never);
    const rest = ['second', 'third'].map(async (name) => {
      const lease = await budget.acquire(never);
      order.push(name);
      lease.release();
    });
    expect(order).toEqual([]);
    first.release();
    first.release();
    await Promise.all(rest);
    expect(order).toEqual(['second', 'third']);
  });

  test('lets nobody begin before what was read is paid for', async () => {
    const clock = manualClock();
    const budget = new MeasurementBudget(60 * MiB, clock);
    const never = new AbortController().signal;
    const first = await budget.acquire(never);
    first.charge(90 * MiB);
    expect(first.waitMs()).toBe(90_000);
    first.release();
    expect(budget.debtBytes).toBe(90 * MiB);
    (await budget.acquire(never)).release();
    expect(clock.sleeps).toEqual([90_000]);
    expect(budget.debtBytes).toBe(0);
  });

  test('keeps what is owed when its rate changes, and forgets servers that are gone', () => {
    const clock = manualClock();
    const budgets = new MeasurementBudgets(clock);
    const budget = budgets.of('main', 60 * MiB);
    void budget.acquire(new AbortController().signal).then((lease) => lease.charge(60 * MiB));
    return eventually('the lease', () => budget.debtBytes === 60 * MiB).then(() => {
      expect(budgets.of('main', 120 * MiB)).toBe(budget);
      expect(budget.debtBytes).toBe(60 * MiB);
      clock.advance(15_000);
      expect(budget.debtBytes).toBe(30 * MiB);
      budgets.retain(new Set());
      expect(budgets.all().size).toBe(0);
    });
  });

  test('is given up by those who stop waiting', async () => {
    const budget = new MeasurementBudget(60 * MiB, manualClock());
    const lease = await budget.acquire(new AbortController().signal);
    const stop = new AbortController();
    const waiting = budget.acquire(stop.signal);
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    lease.release();
    (await budget.acquire(new AbortController().signal)).release();
  });
});

const ends = (await postgresMajors(oldestAndNewest())).filter(
  ({ major }, at, all) => at === 0 || at === all.length - 1 || major === 17,
);
const everySecond = { schedule: '* * * * * *', maxRandomDelay: '0s' };
const rows = 60_000;

describeOnPostgres(ends, (server) => {
  let role: TestRole;
  let watched: WatchedFleet | undefined;
  const databases: TestDatabase[] = [];
  beforeAll(async () => {
    role = await createMonitor(server());
  });
  afterEach(async () => {
    await watched?.fleet.stop();
    watched = undefined;
  });
  afterAll(async () => {
    for (const database of databases) await database.drop();
  });

  /** Half of the rows are gone, and so half of each index is air. */
  const bloated = async (name: string, extension = true): Promise<TestDatabase> => {
    const database = await createDatabase(server(), name);
    databases.push(database);
    await withConnection(database.url, async (client) => {
      if (extension) await client.query('create extension pgstattuple');
      await client.query(`create table orders (id int primary key, name text);
        insert into orders select g, 'name ' || g from generate_series(1, ${rows}) g;
        create index orders_name on orders (name);
        create index orders_brin on orders using brin (id)`);
    });
    await withConnection(database.url, (client) => client.query('delete from orders where id % 2 = 0'));
    // In another session: VACUUM sets the counters, and what the deleting one reports later would be added to that.
    await withConnection(database.url, (client) => client.query('vacuum (analyze) orders'));
    return database;
  };
  const watch = (
    names: readonly TestDatabase[],
    {
      bloat = {},
      maxConnections = 5,
      ...options
    }: Partial<FleetOptions> & { readonly bloat?: object; readonly maxConnections?: number } = {},
  ): WatchedFleet => {
    const [first] = names;
    if (first === undefined) throw new Error('which database?');
    watched = fleetOn(
      {
        servers: [
          {
            name: 's',
            primary: { url: role.url(first.name) },
            databases: names.map(({ name }) => name),
            maxConnections,
          },
        ],
        collectors: neverScheduled,
        bloat: { ...everySecond, ...bloat },
      },
      { measuring: { budgets: new MeasurementBudgets(systemClock) }, ...options },
    );
    return watched;
  };
  /** Looks again until the generation says what is waited for. */
  const until = async (
    { fleet, of }: WatchedFleet,
    { name }: TestDatabase,
    what: string,
    holds: (generation: Generation) => boolean,
  ): Promise<Generation> => {
    let found: Generation | undefined;
    await eventually(what, () => {
      found = of(name).findLast(holds);
      if (found === undefined) fleet.activateAll();
      return found !== undefined;
    });
    if (found === undefined) throw new Error(what);
    return found;
  };
  const isMeasured = ({ measuring }: Generation): boolean =>
    measuring !== undefined && (measuring.outcomes.get('measured') ?? 0) >= 2 && measuring.waiting === 0;
  const answerOf = ({ catalogue, bloat }: Generation, name: string) => {
    const index = catalogue.indexes.find((one) => one.name === name);
    return index === undefined ? undefined : bloat.get(index.oid);
  };

  test('indexes are measured by a role with pg_monitor alone, and what is found is in the next generation', async () => {
    const database = await bloated('measured');
    const running = watch([database]);
    running.fleet.start();
    const first = await running.until(database.name, 1);
    expect(answerOf(first, 'orders_name')).toMatchObject({ method: 'unknown' });
    expect(first.measuring).toMatchObject({ waiting: 2, measuredBytesTotal: 0 });
    const generation = await until(running, database, 'both to be measured', isMeasured);
    for (const name of ['orders_pkey', 'orders_name']) {
      const answer = answerOf(generation, name);
      expect(answer).toMatchObject({ method: 'measured', confidence: 'high' });
      expect(answer?.ratio).toBeGreaterThan(0.4);
      expect(answer?.ratio).toBeLessThan(0.6);
    }
    expect(generation.measuring?.measuredBytesTotal).toBeGreaterThan(2 * MiB);
    expect(answerOf(generation, 'orders_brin')?.reason).toContain('BRIN');
  });

  test('what is known outlives a restart, and nothing is measured again', async () => {
    const database = await bloated('restart');
    const store = memoryStore();
    const before = watch([database], { store });
    before.fleet.start();
    const last = await until(before, database, 'both to be measured', isMeasured);
    await before.fleet.stop();

    const after = watch([database], { store });
    after.fleet.start();
    const first = await after.until(database.name, 1);
    const known = answerOf(last, 'orders_name');
    expect(answerOf(first, 'orders_name')).toMatchObject({
      method: 'measured',
      measuredAtMs: known?.measuredAtMs,
      wastedBytes: known?.wastedBytes,
    });
    expect(first.measuring).toMatchObject({ waiting: 0, measuredBytesTotal: 0 });
  });

  test('a damaged record is forgotten and costs the others nothing', async () => {
    const database = await bloated('damaged');
    const store = memoryStore();
    const target = { server: 's', datname: database.name };
    const damaged = '["public","orders","orders_name"]';
    await store.keepRecords(
      target,
      recordKind,
      new Map<string, unknown>([
        [damaged, { look: 'yesterday' }],
        ['{', 7],
      ]),
    );
    const running = watch([database], { store });
    running.fleet.start();
    await until(running, database, 'both to be measured', isMeasured);
    const kept = await store.recordsOf(target, recordKind);
    expect([...kept.keys()].sort()).toEqual([
      '["public","orders","orders_brin"]',
      damaged,
      '["public","orders","orders_pkey"]',
    ]);
    expect(kept.get(damaged)).toMatchObject({ scan: { tupleCount: expect.any(Number) } });
  });

  test('a rebuild is an event, and what later sizes are compared with', async () => {
    const database = await bloated('rebuilt');
    const store = memoryStore();
    const running = watch([database], { store });
    running.fleet.start();
    const bloatedAnswer = answerOf(
      await until(running, database, 'both to be measured', isMeasured),
      'orders_name',
    );
    await withConnection(database.url, (client) => client.query('reindex index concurrently orders_name'));
    const target = { server: 's', datname: database.name };
    await eventually('the event', async () => {
      running.fleet.activateAll();
      return (await store.eventsOf({ target, kinds: ['index-rebuilt'], limit: 9 })).length === 1;
    });
    const [event] = await store.eventsOf({ target, kinds: ['index-rebuilt'], limit: 9 });
    expect(event).toMatchObject({
      indexrelname: 'orders_name',
      evidence: { bytesBefore: bloatedAnswer?.sizeBytes, bytesAfter: expect.any(Number) },
    });
    const rebuilt = await until(running, database, 'the new answer', (generation) => {
      const answer = answerOf(generation, 'orders_name');
      return answer !== undefined && answer.ratio !== null && answer.ratio < 0.1;
    });
    expect(answerOf(rebuilt, 'orders_name')?.sizeBytes).toBe(event?.evidence.bytesAfter);
    expect([...(rebuilt.rebuilds ?? [])]).toEqual([
      [rebuilt.catalogue.indexes.find(({ name }) => name === 'orders_name')?.oid, event?.atMs],
    ]);
  });

  test('a scan right after a build shows how equal keys merge, and later ones leave that alone', async () => {
    const database = await bloated('fresh');
    const store = memoryStore();
    const target = { server: 's', datname: database.name };
    const running = watch([database], { store, bloat: { baselineMinSize: '64KiB' } });
    running.fleet.start();
    await until(running, database, 'both to be measured', isMeasured);
    // One index that was there is rebuilt, one comes that was not, one is made before its rows.
    await withConnection(database.url, (client) =>
      client.query(`create index orders_group on orders ((id / 40));
        create table late (id int) with (autovacuum_enabled = off); create index late_id on late (id);
        insert into late select g % 500 from generate_series(1, 30000) g;
        analyze orders`),
    );
    await withConnection(database.url, (client) => client.query('reindex index concurrently orders_name'));
    const remembered = async (table: string, name: string): Promise<IndexMemory | undefined> =>
      memoryFrom(await store.recordsOf(target, recordKind, indexMemoryOf)).memory.get(
        JSON.stringify(['public', table, name]),
      );
    await eventually('both to be measured while they are new', async () => {
      running.fleet.activateAll();
      const known = [await remembered('orders', 'orders_name'), await remembered('orders', 'orders_group')];
      return known.every((memory) => memory?.baseline?.fresh !== undefined);
    });
    const group = await remembered('orders', 'orders_group');
    expect(group?.baseline).toMatchObject({ source: 'rebuild', liveEntries: rows / 2 });
    // Twenty rows for each key.
    expect(group?.baseline?.fresh?.tupleCount).toBeLessThan(rows / 2 / 10);
    const name = await remembered('orders', 'orders_name');
    expect(name?.baseline).toMatchObject({ source: 'rebuild', fresh: { tupleCount: rows / 2 } });
    await eventually('the third to be measured', async () => {
      running.fleet.activateAll();
      return (await remembered('late', 'late_id'))?.scan !== undefined;
    });
    expect((await remembered('late', 'late_id'))?.baseline?.source).not.toBe('rebuild');

    await withConnection(database.url, (client) => client.query('delete from orders where id % 3 = 0'));
    await withConnection(database.url, (client) => client.query('vacuum (analyze) orders'));
    let again: IndexMemory | undefined;
    await eventually('it to be measured again', async () => {
      running.fleet.activateAll();
      again = await remembered('orders', 'orders_group');
      return again?.scan !== undefined && again.scan.atMs > (group?.scan?.atMs ?? 0);
    });
    expect(again?.baseline).toEqual(group?.baseline);
    const generation = await until(running, database, 'the answer to the second scan', (one) => {
      const answer = answerOf(one, 'orders_group');
      return answer?.measuredAtMs === again?.scan?.atMs;
    });
    // All keys are there as before, with two thirds of the rows.
    const answer = answerOf(generation, 'orders_group');
    expect(answer?.ratio).toBeGreaterThan(0.1);
    expect(answer?.ratio).toBeLessThan(0.45);
  });

  test('one connection more while measuring, none afterwards', async () => {
    const database = await bloated('connections');
    const running = watch([database]);
    const observer = new pg.Client(server().url());
    await observer.connect();
    const ours = async (): Promise<number> => {
      const { rows: found } = await observer.query<{ count: number }>(
        "select count(*)::int4 as count from pg_stat_activity where application_name = 'indexwarden' and datname = $1",
        [database.name],
      );
      return found[0]?.count ?? 0;
    };
    try {
      running.fleet.start();
      const seen = new Set<number>();
      await eventually('both to be measured', async () => {
        seen.add(await ours());
        running.fleet.activateAll();
        return running.of(database.name).some(isMeasured);
      });
      expect(Math.max(...seen)).toBeLessThanOrEqual(2);
      await eventually('the measuring connection to be closed', async () => (await ours()) === 1);
    } finally {
      await observer.end();
    }
  });

  test('with fewer connections than databases each gets its turn', async () => {
    const all = [await bloated('turn_a'), await bloated('turn_b'), await bloated('turn_c')];
    const running = watch(all, { maxConnections: 2 });
    running.fleet.start();
    for (const database of all) await until(running, database, `${database.name} to be measured`, isMeasured);
  });

  test('with one connection nothing is measured, and that is said', async () => {
    const database = await bloated('alone');
    const running = watch([database], { maxConnections: 1 });
    running.fleet.start();
    const first = await running.until(database.name, 1);
    expect(first.measuring).toBeUndefined();
    expect(answerOf(first, 'orders_name')).toMatchObject({
      method: 'unknown',
      reason: expect.stringContaining('takes 2 connections'),
    });
  });

  test('a database without the extension says how to get it, and costs the other nothing', async () => {
    const bare = await bloated('bare', false);
    const other = await bloated('other');
    const running = watch([bare, other]);
    running.fleet.start();
    await until(running, other, 'the other to be measured', isMeasured);
    const generation = await running.until(bare.name, 1);
    expect(answerOf(generation, 'orders_name')).toMatchObject({
      method: 'unknown',
      reason: expect.stringContaining(`pgstattuple is not installed in ${bare.name}`),
      improvement: 'CREATE EXTENSION pgstattuple;',
    });
  });

  test('a locked index waits for another time, and costs the others nothing', async () => {
    const database = await bloated('locked');
    const holder = new pg.Client({ connectionString: database.url });
    await holder.connect();
    try {
      const running = watch([database]);
      await running.fleet.runOnce();
      await holder.query('begin');
      await holder.query('reindex index orders_name');
      const generation = (await running.fleet.measureAll())[0];
      if (generation === undefined) throw new Error('nothing was measured');
      expect(generation.measuring?.outcomes).toEqual(
        new Map([
          ['measured', 1],
          ['locked', 1],
        ]),
      );
      expect(answerOf(generation, 'orders_pkey')).toMatchObject({ method: 'measured' });
      expect(answerOf(generation, 'orders_name')).toMatchObject({
        method: 'unknown',
        reason: expect.stringContaining('somebody holds it exclusively'),
      });
    } finally {
      await holder.end();
    }
  });

  test('indexes above the cap are left alone, with the reason', async () => {
    const database = await bloated('cap');
    const running = watch([database], { bloat: { maxIndexSize: '1500KiB' } });
    await running.fleet.runOnce();
    const [generation] = await running.fleet.measureAll();
    if (generation === undefined) throw new Error('nothing was measured');
    expect(answerOf(generation, 'orders_pkey')).toMatchObject({ method: 'measured' });
    expect(answerOf(generation, 'orders_name')).toMatchObject({
      method: 'unknown',
      reason: expect.stringContaining('larger than bloat.maxIndexSize (1.5 MiB)'),
    });
  });

  test('the second waits until the first is paid for', async () => {
    const database = await bloated('debt');
    const budgets = new MeasurementBudgets(systemClock);
    const running = watch([database], { bloat: { budgetPerMinute: '1MiB' }, measuring: { budgets } });
    running.fleet.start();
    const generation = await until(
      running,
      database,
      'the first to be measured',
      ({ measuring }) => measuring?.outcomes.get('measured') === 1,
    );
    expect(generation.measuring?.waiting).toBe(1);
    expect(budgets.all().get('s')?.debtBytes).toBeGreaterThan(MiB);
    // Waiting for a minute and more, it ends at once when told to.
    await running.fleet.stop();
  });

  test('a single look reads no index, and says so', async () => {
    const database = await bloated('look');
    const generation = await look(role.url(database.name));
    expect(answerOf(generation, 'orders_name')).toMatchObject({
      method: 'unknown',
      reason: expect.stringContaining('only the catalogue was read'),
    });
  });
});
