import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type CollectorName, collectorNames } from '../../src/collectors/index.ts';
import type { Snapshot } from '../../src/collectors/snapshot.ts';
import { nodeName } from '../../src/model/ids.ts';
import { readQuery } from '../../src/postgres/queries.ts';
import type { Ask, Session } from '../../src/postgres/session.ts';
import { type PassLimits, runPass } from '../../src/watch/pass.ts';
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
import { type LoopbackProxy, startProxy, through } from '../support/proxy.ts';
import { createMonitor, type TestRole } from '../support/roles.ts';
import { fleetOn, manualClock, neverScheduled, openSession, type WatchedFleet } from '../support/watching.ts';

const majors = await postgresMajors(aFewMajors());
const never = new AbortController().signal;

const limits: PassLimits = {
  bisectionBudgetMs: 1_000,
  secondLookDelayMs: 1_000,
  statementsMax: 200,
  statementTextMax: 8_192,
  rowsMax: 1_000_000,
  rowsPerSlice: 500,
  rereadInventoryAfterMs: 0,
  statementTimeoutMs: () => 30_000,
};

describeOnPostgres(majors, (server) => {
  let database: TestDatabase;
  let role: TestRole;
  beforeAll(async () => {
    database = await createDatabase(server(), 'passes');
    role = await createMonitor(server());
    await withConnection(database.url, async (client) => {
      await client.query(
        `create table t (a int, b text); insert into t select 1, g from generate_series(1, 2000) g; analyze t;
         create index copy_one on t (a); create index copy_two on t (a);
         create index lower_one on t (lower(b)); create index lower_two on t (lower(b))`,
      );
    });
  });
  const breakAnIndex = (): Promise<void> =>
    runOn(database.url, 'create unique index concurrently broken on t (a)').catch(() => {});
  const mendIt = (): Promise<void> => runOn(database.url, 'drop index if exists broken');
  afterEach(mendIt);

  describe('one pass', () => {
    let session: Session;
    beforeEach(async () => {
      session = await openSession(role.url(database.name));
      return () => session.close();
    });
    const nothingYet = (): Snapshot => ({
      target: { server: 's', datname: database.name },
      node: nodeName('primary'),
      takenAtMs: 0,
      outcomes: {},
    });
    /** The real session, telling what is asked, with a say before each transaction and after each answer. */
    const tapped = (
      asked: string[],
      on: {
        readonly before?: (at: number) => Promise<void>;
        readonly answer?: (at: number, rows: Awaited<ReturnType<Ask>>) => Awaited<ReturnType<Ask>>;
      },
    ): Session => {
      let at = 0;
      const stand: Pick<Session, 'isOpen' | 'transaction'> = {
        get isOpen() {
          return session.isOpen;
        },
        transaction: async (options, work) => {
          at += 1;
          const turn = at;
          await on.before?.(turn);
          return session.transaction(options, (ask) =>
            work(async (text, values) => {
              asked.push(text);
              const rows = await ask(text, values);
              return on.answer?.(turn, rows) ?? rows;
            }),
          );
        },
      };
      // It has all that a pass uses of one; a class with private fields cannot be stood in for otherwise.
      return stand as unknown as Session;
    };
    const pass = (
      through: Session,
      names: Iterable<CollectorName> = collectorNames,
      clock = manualClock(),
      previous = nothingYet(),
    ): Promise<Snapshot> => runPass(through, new Set(names), previous, { limits, clock, signal: never });

    test('collects everything, each file once, but for the columns of tables that somebody names', async () => {
      const asked: string[] = [];
      const { outcomes } = await pass(tapped(asked, {}));
      expect(Object.keys(outcomes).sort()).toEqual([...collectorNames].sort());
      const notCollected = Object.entries(outcomes).filter(([, { kind }]) => kind !== 'collected');
      expect(notCollected).toEqual([['statements', expect.objectContaining({ kind: 'skipped' })]]);
      const again = asked.filter((sql, place) => asked.indexOf(sql) < place);
      expect(again).toEqual([readQuery('expected-columns.sql')]);
    });

    test('asks a second time about invalid indexes only where it saw one', async () => {
      const clock = manualClock();
      const asked: string[] = [];
      const { outcomes } = await pass(tapped(asked, {}), collectorNames, clock);
      expect(asked).not.toContain(readQuery('invalid-indexes.sql'));
      expect(outcomes['invalid-indexes']).toMatchObject({ kind: 'collected', facts: [] });
      expect(clock.sleeps).toEqual([]);
    });

    test('waits the whole delay before the second look', async () => {
      await breakAnIndex();
      const clock = manualClock();
      const asked: string[] = [];
      const { outcomes } = await pass(tapped(asked, {}), collectorNames, clock);
      expect(clock.sleeps).toEqual([1_000]);
      expect(asked.at(-1)).toBe(readQuery('invalid-indexes.sql'));
      const [first, second] = [outcomes.indexes, outcomes['invalid-indexes']];
      expect(second).toMatchObject({ kind: 'collected', facts: [{ isValid: false, isBuilding: false }] });
      expect((second?.collectedAtMs ?? 0) - (first?.collectedAtMs ?? 0)).toBeGreaterThanOrEqual(1_000);
    });

    test('does not wait where the inventory is old enough already', async () => {
      await breakAnIndex();
      const clock = manualClock();
      const first = await pass(session, ['indexes'], clock);
      clock.advance(60_000);
      const second = await pass(session, ['invalid-indexes'], clock, first);
      expect(clock.sleeps).toEqual([]);
      expect(second.outcomes['invalid-indexes']).toMatchObject({
        kind: 'collected',
        facts: [{ isValid: false }],
      });
    });

    test('has nothing to look at again without an inventory, and says so', async () => {
      const { outcomes } = await pass(session, ['invalid-indexes']);
      expect(outcomes['invalid-indexes']).toMatchObject({
        kind: 'skipped',
        reason: 'there is no inventory to look at again',
      });
    });

    test('asks a server that is too old for nothing but its version', async () => {
      const asked: string[] = [];
      const old = tapped(asked, {
        // A real answer but for the version: no server as old is at hand.
        answer: (turn, { names, rows }) =>
          turn > 1
            ? { names, rows }
            : {
                names,
                rows: rows.map((row) =>
                  row.map((value, at) =>
                    names[at] === 'version_num' ? 120_022 : names[at] === 'version' ? '12.22' : value,
                  ),
                ),
              },
      });
      const { outcomes } = await pass(old);
      expect(asked).toEqual([readQuery('server.sql')]);
      const { server: own, ...others } = outcomes;
      expect(own?.kind).toBe('collected');
      expect(
        new Set(
          Object.values(others).map(
            (outcome) => outcome.kind === 'failed' && `${outcome.error.kind}: ${outcome.error.message}`,
          ),
        ),
      ).toEqual(
        new Set(['UnsupportedVersion: PostgreSQL 12.22 is older than 13, the oldest that is supported']),
      );
    });

    test('that loses its connection keeps what it has, and fails the rest without old facts', async () => {
      const whole = await pass(session);
      const breaking = tapped([], {
        before: async (turn) => {
          if (turn !== 6) return;
          await withConnection(server().url(), (client) =>
            client.query(
              "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'indexwarden' and usename = $1",
              [role.name],
            ),
          );
        },
      });
      const { outcomes } = await pass(breaking, collectorNames, manualClock(), whole);
      const kinds = collectorNames.map((name) => outcomes[name]?.kind);
      expect(kinds).toEqual(collectorNames.map((_, at) => (at < 5 ? 'collected' : 'failed')));
      for (const name of collectorNames.slice(5)) {
        expect(outcomes[name]).toMatchObject({ error: { kind: 'TargetUnavailable' } });
      }
    });

    test('with more rows than allowed fails that collector, loudly', async () => {
      const snapshot = await runPass(session, new Set(['operator-classes', 'tables']), nothingYet(), {
        limits: { ...limits, rowsMax: 10 },
        clock: manualClock(),
        signal: never,
      });
      expect(snapshot.outcomes.tables?.kind).toBe('collected');
      expect(snapshot.outcomes['operator-classes']).toMatchObject({
        kind: 'failed',
        error: { kind: 'QueryFailed', message: expect.stringContaining('limits.rowsMax (10)') },
      });
    });

    test('that is stopped says so of every collector it did not get to', async () => {
      const stop = new AbortController();
      const stopping = tapped([], {
        before: async (turn) => {
          if (turn === 4) stop.abort(new Error('shutting down'));
        },
      });
      const { outcomes } = await runPass(stopping, new Set(collectorNames), nothingYet(), {
        limits,
        clock: manualClock(),
        signal: stop.signal,
      });
      const cancelled = collectorNames.slice(3).map((name) => outcomes[name]);
      expect(cancelled.filter((outcome) => outcome?.kind === 'collected')).toEqual([]);
      expect(outcomes.tables?.kind).toBe('collected');
    });
  });

  describe('passes of a watcher', () => {
    const document = (url: string) => ({
      servers: [{ name: 's', primary: { url }, databases: [database.name] }],
      collectors: neverScheduled,
      policy: { unusedAfter: '0d' },
    });
    let watched: WatchedFleet;
    afterEach(() => watched?.fleet.stop());

    const states = (generation: {
      readonly findings: readonly {
        readonly indexrelname: string | null;
        readonly kind: string;
        readonly state: string;
      }[];
    }) =>
      Object.fromEntries(
        generation.findings
          .filter(({ kind }) => kind === 'duplicate-index')
          .map(({ indexrelname, state }) => [indexrelname, state]),
      );

    test('a collector that fails has no facts any more, and resolves nothing; it recovers by itself', async () => {
      watched = fleetOn(document(role.url(database.name)));
      watched.fleet.start();
      const first = await watched.until(database.name, 1);
      expect(states(first)).toEqual({ copy_two: 'open', lower_two: 'open' });

      const locker = new pg.Client(database.url);
      await locker.connect();
      await locker.query(
        'begin; lock table pg_catalog.pg_opfamily, pg_catalog.pg_opclass in access exclusive mode',
      );
      watched.fleet.activateAll();
      const second = await watched.until(database.name, 2);
      await locker.end();
      const failed = second.runs.find(({ name }) => name === 'operator-classes');
      expect(failed).toMatchObject({ state: 'failed', errorKind: 'QueryTimeout', facts: 0 });
      expect(failed?.lastSuccessAtMs).toBe(
        first.runs.find(({ name }) => name === 'operator-classes')?.lastSuccessAtMs,
      );
      expect(second.snapshot.outcomes['operator-classes']).not.toHaveProperty('facts');
      expect(second.inconclusive.map(({ kind }) => kind)).toContain('duplicate-index');
      expect(states(second)).toEqual({ copy_two: 'open', lower_two: 'open' });
      expect(second.isUp).toBe(true);

      watched.fleet.activateAll();
      const third = await watched.until(database.name, 3);
      expect(third.runs.filter(({ state }) => state !== 'collected').map(({ name }) => name)).toEqual([
        'statements',
      ]);
      expect(third.inconclusive.map(({ kind }) => kind)).not.toContain('duplicate-index');
    });

    test('a finding about an index whose table is locked stays as it is', async () => {
      // Read anew each time: else its definition would be known from before.
      const anew = { limits: { rereadInventoryAfter: '0s' } };
      watched = fleetOn({ ...document(role.url(database.name)), ...anew });
      watched.fleet.start();
      await watched.until(database.name, 1);
      const locker = new pg.Client(database.url);
      await locker.connect();
      await locker.query('begin; lock table t in access exclusive mode');
      watched.fleet.activateAll();
      const second = await watched.until(database.name, 2);
      await locker.end();
      expect(states(second)).toEqual({ copy_two: 'open', lower_two: 'open' });
      const unjudged = second.inconclusive.find(({ kind }) => kind === 'duplicate-index')?.relations;
      expect(unjudged).toEqual(expect.arrayContaining(['public.lower_one', 'public.lower_two']));
    });

    test('what becomes due during a pass runs once, after it, over the same connection', async () => {
      await breakAnIndex();
      let letGo: () => void = () => {};
      const held = new Promise<void>((resolve) => {
        letGo = resolve;
      });
      const clock = manualClock();
      let isHeld = false;
      watched = fleetOn(document(role.url(database.name)), {
        clock: {
          ...clock,
          sleep: async (ms) => {
            isHeld = true;
            await held;
            await clock.sleep(ms);
          },
        },
      });
      watched.fleet.start();
      await eventually('the pass to wait for its second look', () => isHeld);
      for (let time = 0; time < 5; time += 1) watched.fleet.activateAll();
      const connections = await withConnection(database.url, (client) =>
        client.query(
          "select 1 from pg_stat_activity where application_name = 'indexwarden' and usename = $1",
          [role.name],
        ),
      );
      expect(connections.rows).toHaveLength(1);
      expect(watched.published).toEqual([]);
      letGo();
      await watched.until(database.name, 2);
      // Asked once more, so that a third pass out of those five would have shown by now.
      watched.fleet.activateAll();
      const last = await watched.until(database.name, 3);
      expect(last.number).toBe(3);
      expect(watched.published.map(({ number }) => number)).toEqual([1, 2, 3]);
    });

    test('stopping in mid-pass cancels it, closes the connection and publishes nothing more', async () => {
      await breakAnIndex();
      let isWaiting = false;
      watched = fleetOn(document(role.url(database.name)), {
        clock: {
          ...manualClock(),
          sleep: (_, signal) =>
            new Promise((_resolve, reject) => {
              isWaiting = true;
              signal?.addEventListener('abort', () => reject(signal.reason));
            }),
        },
      });
      watched.fleet.start();
      await eventually('the pass to wait for its second look', () => isWaiting);
      await watched.fleet.stop();
      expect(watched.published).toEqual([]);
      await withConnection(server().url(), (client) =>
        eventually('the connection to be gone', async () => {
          const { rows } = await client.query(
            "select 1 from pg_stat_activity where application_name = 'indexwarden' and usename = $1",
            [role.name],
          );
          return rows.length === 0;
        }),
      );
    });

    describe('over a network that fails', () => {
      let proxy: LoopbackProxy;
      beforeEach(async () => {
        proxy = await startProxy(database.url);
        return () => proxy.close();
      });
      const url = (): string => `${through(proxy, role.url(database.name))}?sslmode=disable`;

      test('a target that was lost is down with its reason, its findings stay, and the next pass connects again', async () => {
        const lines: object[] = [];
        const note = (fields: object): void => void lines.push(fields);
        watched = fleetOn(document(url()), { log: { ...quiet, info: note, warn: note, error: note } });
        watched.fleet.start();
        await watched.until(database.name, 1);
        await withConnection(server().url(), (client) =>
          client.query(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'indexwarden' and usename = $1",
            [role.name],
          ),
        );
        watched.fleet.activateAll();
        // The connection was found broken before anything was asked of it, or while: up again either way.
        await watched.until(database.name, 2);
        watched.fleet.activateAll();
        expect(await watched.until(database.name, 3)).toMatchObject({ isUp: true, error: null });

        proxy.refuse();
        watched.fleet.activateAll();
        const down = await watched.until(database.name, 4);
        expect(down.isUp).toBe(false);
        expect(down.error).not.toBeNull();
        expect(states(down)).toEqual({ copy_two: 'open', lower_two: 'open' });
        expect(down.catalogue.tables).toEqual([]);
        const changes = lines.map((line) => ('event' in line ? line.event : undefined));
        expect(changes.filter((event) => event === 'target-down').length).toBeLessThanOrEqual(2);
        expect(changes[0]).toBe('target-up');
      });

      test.each([
        ['the least', 0, 2_500],
        ['the most', 0.999_999, 5_000],
      ])(
        'back-off is kept, jittered (%s) and doubled; what is due meanwhile repeats the error',
        async (_, random, firstMs) => {
          const clock = manualClock(random);
          proxy.refuse();
          watched = fleetOn(document(url()), { clock });
          watched.fleet.start();
          let count = 1;
          const first = await watched.until(database.name, count);
          expect(first.isUp).toBe(false);
          const again = async () => {
            watched.fleet.activateAll();
            count += 1;
            return watched.until(database.name, count);
          };
          let waitMs = firstMs;
          for (let attempts = 1; attempts <= 8; attempts += 1) {
            expect(proxy.accepted).toBe(attempts);
            clock.advance(waitMs - 10);
            const early = await again();
            expect(proxy.accepted).toBe(attempts);
            expect(early.runs.map(({ errorKind }) => errorKind)).toEqual(
              first.runs.map(({ errorKind }) => errorKind),
            );
            expect(early.error).toBe(first.error);
            clock.advance(20);
            await again();
            waitMs = Math.min(waitMs * 2, (300_000 / 5_000) * firstMs);
          }
          proxy.resume();
          clock.advance(300_000);
          expect(await again()).toMatchObject({ isUp: true, error: null });
          // Forgotten once it is up: the next failure waits as the first did.
          proxy.refuse();
          await again();
          await again();
          const attempts = proxy.accepted;
          clock.advance(firstMs + 10);
          await again();
          expect(proxy.accepted).toBeGreaterThan(attempts);
        },
      );
    });

    test('a server that stops at once and comes back is down and up again', async (context) => {
      const embedded = server().embedded;
      if (embedded === undefined) return context.skip('the server is not ours to stop');
      const clock = manualClock();
      watched = fleetOn(document(role.url(database.name)), { clock });
      watched.fleet.start();
      await watched.until(database.name, 1);
      await embedded.stop('immediate');
      watched.fleet.activateAll();
      const down = await watched.until(database.name, 2);
      watched.fleet.activateAll();
      const stillDown = await watched.until(database.name, 3);
      expect([down.isUp, stillDown.isUp]).toEqual([false, false]);
      expect(
        stillDown.runs.every(
          ({ state, errorKind }) => state === 'failed' && errorKind === 'TargetUnavailable',
        ),
      ).toBe(true);
      await embedded.start();
      clock.advance(300_000);
      watched.fleet.activateAll();
      expect(await watched.until(database.name, 4)).toMatchObject({ isUp: true });
    });
  });

  afterAll(() => database?.drop());
});
