import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import type { KeptEvent } from '../../src/model/event.ts';
import type { Finding } from '../../src/model/finding.ts';
import { dayMs } from '../../src/model/units.ts';
import { memoryStore } from '../../src/store/store.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  runOn,
  type TestDatabase,
} from '../support/postgres.ts';
import { createMonitor, type TestRole } from '../support/roles.ts';
import { fleetOn, manualClock, neverScheduled } from '../support/watching.ts';

const majors = await postgresMajors(aFewMajors());

describeOnPostgres(majors, (server) => {
  let role: TestRole;
  let database: TestDatabase;
  beforeAll(async () => {
    role = await createMonitor(server());
    database = await createDatabase(server(), 'diary');
  });
  beforeEach(() =>
    runOn(
      database.url,
      `drop table if exists orders, purchases;
       create table orders (id int, a int);
       insert into orders select n, n from generate_series(1, 2000) n;
       create index orders_a_one on orders (a);
       create index orders_a_two on orders (a);
       analyze orders`,
    ),
  );
  afterAll(() => database?.drop());

  /** Looks at the database when told to, on a clock that moves when told to. */
  function watch(more: Readonly<Record<string, unknown>> = {}) {
    const store = memoryStore();
    const clock = manualClock();
    const told: string[] = [];
    const { fleet } = fleetOn(
      {
        servers: [{ name: 'main', primary: { url: role.url(database.name) } }],
        collectors: neverScheduled,
        policy: { unusedAfter: '1000d' },
        ...more,
      },
      { store, clock, tell: (events) => void told.push(...events.map(({ kind }) => kind)) },
    );
    let lastId = 0;
    return {
      store,
      clock,
      told,
      stop: () => fleet.stop(),
      /** Does something to the database, looks, and returns the duplicate and the events since the look before. */
      after: async (
        sql = 'select 1',
      ): Promise<{
        readonly duplicate: Finding | undefined;
        readonly events: readonly KeptEvent[];
        readonly generation: Generation;
      }> => {
        await runOn(database.url, sql);
        clock.advance(60_000);
        const [generation] = await fleet.runOnce();
        if (generation === undefined) throw new Error('nothing was looked at');
        expect(generation.error).toBeNull();
        const events = (await store.eventsOf({ limit: 1_000 })).filter(({ id }) => id > lastId).reverse();
        lastId = events.at(-1)?.id ?? lastId;
        const duplicates = generation.findings.filter(
          ({ kind, state }) => kind === 'duplicate-index' && state !== 'resolved',
        );
        return { duplicate: duplicates[0], events, generation };
      },
    };
  }

  const turns = (events: readonly KeptEvent[]): readonly string[] =>
    events
      .filter(({ kind, evidence }) => kind.startsWith('index-') || evidence.kind === 'duplicate-index')
      .map(({ kind, indexrelname }) => `${kind} ${indexrelname}`);

  test('indexes that are created, renamed, rebuilt and dropped, and the finding about one', async () => {
    const watched = watch();
    const first = await watched.after();
    expect(turns(first.events)).toEqual(['finding-opened orders_a_two']);
    expect(first.duplicate).toMatchObject({ origin: 'baseline', indexrelname: 'orders_a_two' });

    expect(turns((await watched.after('create index concurrently orders_id on orders (id)')).events)).toEqual(
      ['index-created orders_id'],
    );

    const renamed = await watched.after('alter index orders_a_two rename to orders_a_2');
    expect(turns(renamed.events)).toEqual([
      'index-changed orders_a_2',
      'finding-reopened orders_a_2',
      'finding-resolved orders_a_two',
    ]);
    expect(renamed.duplicate).toMatchObject({
      origin: 'baseline',
      renamedFrom: 'public.orders.orders_a_two',
      firstSeen: first.duplicate?.firstSeen,
    });

    const rebuilt = await watched.after('reindex index concurrently orders_a_2');
    expect(turns(rebuilt.events)).toEqual([]);
    expect(rebuilt.duplicate?.id).toBe(renamed.duplicate?.id);

    const moved = await watched.after('alter table orders rename to purchases');
    expect(turns(moved.events)).toEqual(['finding-reopened orders_a_2', 'finding-resolved orders_a_2']);
    expect(moved.duplicate).toMatchObject({ relname: 'purchases', renamedFrom: 'public.orders.orders_a_2' });

    const dropped = await watched.after('drop index orders_a_2; drop index orders_id');
    expect(turns(dropped.events)).toEqual([
      'index-dropped orders_id',
      'index-dropped orders_a_2',
      'finding-resolved orders_a_2',
    ]);
    expect(watched.told).toEqual(expect.arrayContaining(['index-created', 'index-dropped']));
    expect(turns((await watched.after()).events)).toEqual([]);
    await watched.stop();
  });

  test('what is remembered of the indexes outlives the watcher', async () => {
    const one = watch();
    await one.after();
    await one.stop();
    const two = fleetOn(
      { servers: [{ name: 'main', primary: { url: role.url(database.name) } }], collectors: neverScheduled },
      { store: one.store },
    );
    await runOn(database.url, 'create index orders_later on orders (id)');
    await two.fleet.runOnce();
    await two.fleet.stop();
    const created = await one.store.eventsOf({ kinds: ['index-created'], limit: 10 });
    expect(created.map(({ indexrelname }) => indexrelname)).toEqual(['orders_later']);
  });

  test('a mute set over the API holds from the next look on, and reopens when it ends', async () => {
    const watched = watch();
    const { duplicate } = await watched.after();
    if (duplicate === undefined) throw new Error('no duplicate');
    const untilMs = watched.clock.now() + dayMs;
    const { id: findingId } = duplicate;
    await watched.store.keepMute({ findingId, reason: 'known', author: 'ann', setAtMs: 0, untilMs });
    const muted = await watched.after();
    expect(muted.duplicate).toMatchObject({ state: 'muted', muted: { reason: 'known', by: 'ann' } });
    expect(turns(muted.events)).toEqual(['mute-set orders_a_two']);
    watched.clock.advance(dayMs);
    const open = await watched.after();
    expect(open.duplicate).toMatchObject({ state: 'open', firstSeen: duplicate.firstSeen });
    expect(turns(open.events)).toEqual(['mute-expired orders_a_two']);
    await watched.stop();
  });

  test('a mute of the configuration, and one in a comment that is taken away', async () => {
    const configured = watch({ mutes: [{ index: 'orders_a_*', reason: 'soaking' }] });
    expect((await configured.after()).duplicate?.muted).toMatchObject({
      reason: 'soaking',
      by: 'the configuration',
    });
    await configured.stop();
    const watched = watch();
    await watched.after();
    const muted = await watched.after(`comment on index orders_a_two is 'indexwarden: keep reason=audit'`);
    expect(turns(muted.events)).toEqual(['mute-set orders_a_two']);
    const open = await watched.after('comment on index orders_a_two is null');
    expect(turns(open.events)).toEqual(['mute-lifted orders_a_two']);
    await watched.stop();
  });

  test('an index that was valid and is not is no baseline, even where its detector looks for the first time', async () => {
    const blind = watch({ detectors: { 'invalid-index': { enabled: false } } });
    await blind.after();
    await blind.stop();
    // A concurrent drop that is cancelled while it waits leaves an index like this.
    await runOn(
      database.url,
      `update pg_index set indisvalid = false where indexrelid = 'orders_a_one'::regclass`,
    );
    const seeing = fleetOn(
      { servers: [{ name: 'main', primary: { url: role.url(database.name) } }], collectors: neverScheduled },
      { store: blind.store },
    );
    const [generation] = await seeing.fleet.runOnce();
    await seeing.fleet.stop();
    const invalid = generation?.findings.filter(({ kind }) => kind === 'invalid-index');
    expect(invalid).toMatchObject([{ indexrelname: 'orders_a_one', origin: 'new' }]);
    expect(await blind.store.eventsOf({ kinds: ['index-changed'], limit: 10 })).toMatchObject([
      { indexrelname: 'orders_a_one', evidence: { isValidNow: false } },
    ]);
  });
});
