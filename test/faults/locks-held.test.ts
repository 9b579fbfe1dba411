import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { defaultMajor } from '../../src/demo/binaries.ts';
import { until } from '../e2e/program.ts';
import {
  createDatabase,
  describeOnPostgres,
  oldestAndNewest,
  postgresMajors,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { createMonitor, type TestRole } from '../support/roles.ts';
import { readLog } from '../support/server-log.ts';
import { loggedWaits, loggingLockWaits } from './lock-log.ts';
import { longestBehindUs, type WaitsSeen, watchLocks } from './lock-watch.ts';
import { isShort, noteFault, times } from './rows.ts';
import { collectorsOn, daemons, everySecond, type ServingDaemon } from './serving-daemon.ts';

/*
 * A daemon that collects every second from a database whose relations somebody keeps locked. What the server itself sees of waiting
 * is sampled all the while.
 */

const majors = await postgresMajors(isShort ? [defaultMajor] : oldestAndNewest());
const tableCount = times(1_000, 10_000);
const lockTimeoutMs = 200;
const statementTimeoutMs = 10_000;
/** A sample may come late by as much on a busy machine, and a timer of the server as well. */
const slackMs = 150;
/** Passes that a lock is held for; each is many times `lock_timeout` long. */
const passes = times(2, 20);

const name = (at: number): string => `t_${String(at).padStart(5, '0')}`;

describeOnPostgres(
  majors,
  (server, major) => {
    const { serve, end } = daemons();
    let database: TestDatabase;
    let role: TestRole;
    let daemon: ServingDaemon;
    const holders: pg.Client[] = [];

    beforeAll(async () => {
      database = await createDatabase(server(), 'held');
      role = await createMonitor(server());
      await withConnection(database.url, async (client) => {
        for (let from = 0; from < tableCount; from += 500) {
          await client.query(`do $$ begin
            for n in ${from}..${Math.min(tableCount, from + 500) - 1} loop
              execute format('create table %1$I (id int primary key, a int); create index %2$I on %1$I (a) where a > 10',
                't_' || lpad(n::text, 5, '0'), 't_' || lpad(n::text, 5, '0') || '_partial');
            end loop; end $$`);
        }
        await client.query(
          `insert into ${name(7)} select g, g from generate_series(1, ${times(200_000, 1_000_000)}) g; analyze`,
        );
      });
      daemon = await serve({
        servers: [{ name: 's', primary: { url: role.url(database.name) }, databases: [database.name] }],
        collectors: collectorsOn(everySecond),
        limits: { lockTimeout: `${lockTimeoutMs}ms`, statementTimeout: `${statementTimeoutMs}ms` },
        metrics: { maxIndexSeries: 50_000, maxTableSeries: 50_000 },
      });
      await until('the first collection', async () => (await facts()).tables === tableCount);
    });
    afterEach(async () => {
      for (const holder of holders.splice(0)) await holder.end();
    });
    afterAll(async () => {
      await end();
      await database?.drop();
    });

    /** How many tables and indexes have a size on /metrics, and how many each collector says were left out. */
    const facts = async () => {
      const samples = await daemon.samples(
        [
          'indexwarden_target_up',
          'indexwarden_collector_success',
          'indexwarden_skipped_relations',
          'pgindex_size_bytes',
          'pgindex_table_size_bytes',
        ],
        ['target', 'index', 'table'],
      );
      const of = (family: string) => samples.filter((sample) => sample.name === family);
      return {
        up: of('indexwarden_target_up')[0]?.value,
        failed: of('indexwarden_collector_success').filter(({ value }) => value === 0).length,
        tables: of('pgindex_table_size_bytes').length,
        indexes: of('pgindex_size_bytes').length,
        skipped: Object.fromEntries(
          of('indexwarden_skipped_relations')
            .filter(({ value }) => value > 0)
            .map(({ labels, value }) => [labels.collector, value]),
        ),
        sized: new Set(
          [...of('pgindex_table_size_bytes'), ...of('pgindex_size_bytes')].map(
            ({ labels }) => labels.indexrelname ?? labels.relname,
          ),
        ),
      };
    };

    /** A transaction that stays open until the test is over. */
    const hold = async (...statements: readonly string[]): Promise<pg.Client> => {
      const client = new pg.Client({ connectionString: database.url, application_name: 'holder' });
      client.on('error', () => {});
      await client.connect();
      holders.push(client);
      for (const statement of ['begin', ...statements]) await client.query(statement);
      return client;
    };

    /** Watches the server while `work` runs, and holds what was promised about waiting. */
    const watched = async <T>(
      work: () => Promise<T>,
    ): Promise<{ readonly seen: WaitsSeen; readonly result: T }> => {
      const log = server().embedded?.logFile;
      const before = log === undefined ? 0 : (await readLog(log)).length;
      const watch = await watchLocks(database.url);
      let result: T;
      let seen: WaitsSeen;
      try {
        result = await work();
      } finally {
        seen = await watch.stop();
      }
      expect(seen.looks).toBeGreaterThan(20);
      expect(seen.ourLongestWaitMs).toBeLessThan(lockTimeoutMs + slackMs);
      expect(longestBehindUs(seen, () => true)).toBeLessThan(lockTimeoutMs + slackMs);
      expect([...seen.modes.keys()].filter((mode) => mode !== 'AccessShareLock')).toEqual([]);
      expect(seen.connectionsMax).toBe(1);
      const ours = new Set(seen.pids);
      if (log !== undefined) expect(loggedWaits((await readLog(log)).slice(before), ours)).toEqual([]);
      return { seen, result };
    };

    /** Ends what is held, and waits until everything has a size again; how long that took, in ms. */
    const recovered = async (): Promise<number> => {
      for (const holder of holders.splice(0)) {
        await holder.query('rollback');
        await holder.end();
      }
      const endedAtMs = Date.now();
      await until('every size to be known again', async () => {
        const now = await facts();
        return (
          now.tables === tableCount && now.indexes === 2 * tableCount && Object.keys(now.skipped).length === 0
        );
      });
      return Date.now() - endedAtMs;
    };

    const waitsIn = ({ seen }: { readonly seen: WaitsSeen }): string =>
      `our longest wait ${ms(seen.ourLongestWaitMs)}, longest wait behind us ${ms(longestBehindUs(seen, () => true))} (lock_timeout ${lockTimeoutMs} ms)`;
    const said = (now: Awaited<ReturnType<typeof facts>>): string =>
      `target_up ${now.up}, sizes of ${now.tables} of ${tableCount} tables and ${now.indexes} of ${2 * tableCount} indexes, skipped_relations ${JSON.stringify(now.skipped).replaceAll('"', '')}`;

    test('ACCESS EXCLUSIVE held on one table for many passes', async () => {
      const outcome = await watched(async () => {
        await hold(`lock table ${name(7)} in access exclusive mode`);
        // The pass under way may have begun before.
        await daemon.generations(database.name, passes + 1);
        return facts();
      });
      const now = outcome.result;
      expect(now).toMatchObject({ up: 1, failed: 0, tables: tableCount - 1, indexes: 2 * tableCount });
      expect(now.sized.has(name(7))).toBe(false);
      const recoveryMs = await recovered();
      noteFault({
        area: 'locks',
        fault: `ACCESS EXCLUSIVE held on one of ${tableCount} tables, PostgreSQL ${major}`,
        did: `${passes} passes; ${waitsIn(outcome)}`,
        said: said(now),
        recoveryMs,
      });
    });

    test('ACCESS EXCLUSIVE held on every tenth table', async () => {
      const tables = Array.from({ length: tableCount / 10 }, (_, at) => name(at * 10));
      const outcome = await watched(async () => {
        await hold(`lock table ${tables.join(', ')} in access exclusive mode`);
        await daemon.generations(database.name, passes + 1);
        return facts();
      });
      const now = outcome.result;
      expect(now).toMatchObject({
        up: 1,
        failed: 0,
        tables: tableCount - tables.length,
        indexes: 2 * tableCount,
      });
      expect(tables.filter((table) => now.sized.has(table))).toEqual([]);
      const recoveryMs = await recovered();
      noteFault({
        area: 'locks',
        fault: `ACCESS EXCLUSIVE held on every tenth of ${tableCount} tables, PostgreSQL ${major}`,
        did: `${passes} passes; ${waitsIn(outcome)}`,
        said: said(now),
        recoveryMs,
      });
    });

    test('ACCESS EXCLUSIVE waited for behind a reader, with more readers queued behind it', async () => {
      const table = name(8);
      const queued: Promise<unknown>[] = [];
      const outcome = await watched(async () => {
        await hold(`select count(*) from ${table}`);
        const ddl = await hold();
        queued.push(ddl.query(`alter table ${table} add column b int`));
        await until('the lock to be waited for', () => isWaitedFor(table));
        const reader = await hold();
        queued.push(reader.query(`select count(*) from ${table}`));
        await daemon.generations(database.name, passes + 1);
        return facts();
      });
      const now = outcome.result;
      expect(now).toMatchObject({ up: 1, failed: 0, tables: tableCount - 1, indexes: 2 * tableCount });
      expect(outcome.seen.ourWaits).toBe(0);
      // In the order in which they wait: the reader, the DDL, the reader behind it.
      for (const [place, holder] of holders.splice(0).entries()) {
        await queued[place - 1];
        await holder.query('rollback');
        await holder.end();
      }
      const recoveryMs = await recovered();
      noteFault({
        area: 'locks',
        fault: `ACCESS EXCLUSIVE waited for behind a reader and not granted, PostgreSQL ${major}`,
        did: `${passes} passes, left the table out rather than queue; ${waitsIn(outcome)}`,
        said: said(now),
        recoveryMs,
      });
    });

    const isWaitedFor = (table: string): Promise<boolean> =>
      withConnection(database.url, async (client) => {
        const { rows } = await client.query(
          'select from pg_locks where not granted and relation = $1::regclass',
          [table],
        );
        return rows.length > 0;
      });

    test('CREATE INDEX CONCURRENTLY, which waits for the snapshot of a statement of ours', async () => {
      let isOver = false;
      let builds = 0;
      const watch = await watchLocks(database.url);
      const building = withConnection(database.url, async (client) => {
        while (!isOver) {
          await client.query(`create index concurrently built on ${name(9)} (a)`);
          await client.query('drop index built');
          builds += 1;
        }
      });
      try {
        await daemon.generations(database.name, passes + 1);
      } finally {
        isOver = true;
        await building;
      }
      const seen = await watch.stop();
      const forSnapshots = longestBehindUs(seen, (type) => type === 'virtualxid');
      expect(builds).toBeGreaterThan(1);
      // One statement at a time, each with a snapshot of its own: never a whole pass.
      expect(forSnapshots).toBeLessThan(statementTimeoutMs);
      expect(longestBehindUs(seen, (type) => type !== 'virtualxid')).toBeLessThan(lockTimeoutMs + slackMs);
      noteFault({
        area: 'locks',
        fault: `CREATE INDEX CONCURRENTLY beside passes over ${tableCount} tables, PostgreSQL ${major}`,
        did: `${passes} passes beside ${builds} builds; the longest that a build waited for a snapshot of ours was ${ms(forSnapshots)}, the time of one statement`,
        said: `target_up ${(await facts()).up}`,
        recoveryMs: null,
      });
    });

    describe('in flight', () => {
      test.each([
        ['REINDEX INDEX', `reindex index ${name(11)}_partial`, [`${name(11)}_partial`]],
        ['DROP INDEX', `drop index ${name(12)}_partial`, [name(12), `${name(12)}_partial`]],
        ['TRUNCATE', `truncate ${name(13)}`, [name(13), `${name(13)}_partial`, `${name(13)}_pkey`]],
      ])('%s', async (what, statement, unsized) => {
        const outcome = await watched(async () => {
          await hold(statement);
          await daemon.generations(database.name, passes + 1);
          return facts();
        });
        const now = outcome.result;
        expect(now).toMatchObject({ up: 1, failed: 0 });
        expect(now.tables + now.indexes).toBe(3 * tableCount - unsized.length);
        expect(unsized.filter((one) => now.sized.has(one))).toEqual([]);
        const recoveryMs = await recovered();
        noteFault({
          area: 'locks',
          fault: `${what} in flight, PostgreSQL ${major}`,
          did: `${passes} passes; ${waitsIn(outcome)}`,
          said: said(now),
          recoveryMs,
        });
      });

      test('VACUUM FULL, again and again', async () => {
        const outcome = await watched(async () => {
          let isOver = false;
          let rounds = 0;
          const rewriting = withConnection(database.url, async (client) => {
            while (!isOver) {
              await client.query(`vacuum full ${name(7)}`);
              rounds += 1;
            }
          });
          const looked: Awaited<ReturnType<typeof facts>>[] = [];
          try {
            for (let pass = 0; pass < passes; pass += 1) {
              await daemon.generations(database.name, 1);
              looked.push(await facts());
            }
          } finally {
            isOver = true;
            await rewriting;
          }
          return { rounds, looked };
        });
        const { rounds, looked } = outcome.result;
        expect(rounds).toBeGreaterThan(1);
        // The one that is rewritten may lack its sizes, nobody else does.
        const own = new Set([name(7), `${name(7)}_partial`, `${name(7)}_pkey`]);
        for (const now of looked) {
          expect(now).toMatchObject({ up: 1, failed: 0 });
          const others = [...now.sized].filter((one) => one !== undefined && !own.has(one));
          expect(others.length).toBe(3 * tableCount - own.size);
        }
        const recoveryMs = await recovered();
        const [first] = looked;
        noteFault({
          area: 'locks',
          fault: `VACUUM FULL in flight, PostgreSQL ${major}`,
          did: `${passes} passes beside ${rounds} rewrites; ${waitsIn(outcome)}`,
          said: first === undefined ? '' : said(first),
          recoveryMs,
        });
      });
    });
  },
  { settings: { ...loggingLockWaits, max_locks_per_transaction: '1024' } },
);

const ms = (value: number): string => `${Math.round(value)} ms`;
