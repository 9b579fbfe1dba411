import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defaultMajor } from '../../src/demo/binaries.ts';
import { listed } from '../e2e/daemon-client.ts';
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
import { longestBehindUs, watchLocks } from './lock-watch.ts';
import { isShort, noteFault, times } from './rows.ts';
import { collectorsOn, daemons, everySecond, type ServingDaemon } from './serving-daemon.ts';

/*
 * A daemon that collects every second while others create, change and drop tables and indexes as fast as the server lets them.
 */

const majors = await postgresMajors(isShort ? [defaultMajor] : oldestAndNewest());
const lockTimeoutMs = 200;
const slackMs = 150;
const steadyTables = 300;

describeOnPostgres(
  majors,
  (server, major) => {
    const { serve, end } = daemons();
    let role: TestRole;
    const databases: TestDatabase[] = [];
    beforeAll(async () => {
      role = await createMonitor(server());
    });
    afterAll(async () => {
      await end();
      for (const database of databases) await database.drop();
    });

    const prepared = async (name: string, sql: string): Promise<TestDatabase> => {
      const database = await createDatabase(server(), name);
      databases.push(database);
      await withConnection(database.url, (client) => client.query(sql));
      return database;
    };
    const watch = (names: readonly string[]): Promise<ServingDaemon> =>
      serve({
        servers: [
          {
            name: 's',
            primary: { url: role.url(names[0] ?? '') },
            databases: names,
            maxConnections: names.length + 1,
          },
        ],
        collectors: collectorsOn(everySecond),
        limits: { lockTimeout: `${lockTimeoutMs}ms` },
      });
    /** Runs `work` on so many connections until stopped; how often it ran. */
    const busily = (
      url: string,
      connections: number,
      work: (client: pg.Client, worker: number, round: number) => Promise<unknown>,
    ) => {
      let isOver = false;
      let rounds = 0;
      const working = Promise.all(
        Array.from({ length: connections }, async (_, worker) => {
          const client = new pg.Client({ connectionString: url, application_name: 'storm' });
          await client.connect();
          try {
            for (let round = 0; !isOver; round += 1) {
              await work(client, worker, round);
              rounds += 1;
            }
          } finally {
            await client.end();
          }
        }),
      );
      working.catch(() => {});
      return {
        stop: async (): Promise<number> => {
          isOver = true;
          await working;
          return rounds;
        },
      };
    };

    test('a storm of DDL', async () => {
      const database = await prepared(
        'storm',
        `do $$ begin for n in 1..${steadyTables} loop
           execute format('create table steady_%s (id int primary key, a int)', n);
           execute format('create index steady_%s_a on steady_%s (a) where a > 0', n, n);
         end loop; end $$;`,
      );
      const daemon = await watch([database.name]);
      await daemon.generations(database.name, 1);
      const log = server().embedded?.logFile;
      const before = log === undefined ? 0 : (await readLog(log)).length;
      const watching = await watchLocks(database.url);
      const startedAtMs = Date.now();
      const perRound = 10;
      const storm = busily(database.url, 2, (client, worker, round) =>
        client
          .query(
            `do $$ begin for n in 1..${perRound} loop
             execute format('create table storm_${worker}_%s (id int primary key, a int); create index on storm_${worker}_%s (a) where a > n', n, n);
           end loop; end $$`.replaceAll('a > n', 'a > 1'),
          )
          .then(() =>
            client.query(
              `do $$ begin for n in 1..${perRound} loop execute format('drop table storm_${worker}_%s', n); end loop; end $$;
             alter table steady_${((worker * 150 + round) % steadyTables) + 1} set (fillfactor = ${50 + (round % 40)});
             reindex index steady_${((worker * 150 + round) % steadyTables) + 1}_a`,
            ),
          ),
      );
      const passes = times(10, 90);
      const complete: number[] = [];
      const steady = async (): Promise<number> => {
        const sizes = await daemon.samples(['pgindex_table_size_bytes'], ['table']);
        return sizes.filter(({ labels }) => labels.relname?.startsWith('steady_')).length;
      };
      for (let pass = 0; pass < passes; pass += 1) {
        await daemon.generations(database.name, 1);
        complete.push(await steady());
        expect(await daemon.value('indexwarden_target_up')).toBe(1);
        const failed = await daemon.samples(['indexwarden_collector_success'], ['target']);
        expect(failed.filter(({ value }) => value !== 1)).toEqual([]);
      }
      const rounds = await storm.stop();
      const elapsedMs = Date.now() - startedAtMs;
      const seen = await watching.stop();
      const perSecond = Math.round((2 * perRound * rounds * 1000) / elapsedMs);
      // Two connections have at most two of the steady ones locked at a time.
      expect(Math.min(...complete)).toBeGreaterThanOrEqual(steadyTables - 2);
      expect(perSecond).toBeGreaterThan(100);
      expect(seen.ourLongestWaitMs).toBeLessThan(lockTimeoutMs + slackMs);
      const behind = longestBehindUs(seen, () => true);
      expect(behind).toBeLessThan(lockTimeoutMs + slackMs);
      expect([...seen.modes.keys()].filter((mode) => mode !== 'AccessShareLock')).toEqual([]);
      if (log !== undefined)
        expect(loggedWaits((await readLog(log)).slice(before), new Set(seen.pids))).toEqual([]);
      const endedAtMs = Date.now();
      await until('every table to be known', async () => (await steady()) === steadyTables);
      noteFault({
        area: 'locks',
        fault: `Storm of DDL, PostgreSQL ${major}`,
        did: `${passes} passes beside ${perSecond} tables created or dropped a second; ${seen.ourWaits} waits of ours, the longest ${Math.round(seen.ourLongestWaitMs)} ms; longest wait behind us ${Math.round(behind)} ms (lock_timeout ${lockTimeoutMs} ms)`,
        said: `target_up 1, every collector succeeded, sizes of at least ${Math.min(...complete)} of ${steadyTables} other tables`,
        recoveryMs: Date.now() - endedAtMs,
      });
    });

    test('concurrent index builds and drops in a tight loop are never an invalid index', async () => {
      const names = await Promise.all(
        Array.from({ length: times(3, 5) }, (_, at) =>
          prepared(
            `builds_${at}`,
            `create table t (a int, b int); insert into t select g, g from generate_series(1, 2000) g; create index t_b on t (b);
             create index t_a on t (a)`,
          ),
        ),
      );
      const daemon = await watch(names.map(({ name }) => name));
      for (const { name } of names) await daemon.generations(name, 1);
      const watches = await Promise.all(names.map(({ url }) => watchLocks(url)));
      const storms = names.map(({ url }) =>
        busily(url, 1, async (client, _, round) => {
          await client.query('create index concurrently churned on t (a, b)');
          if (round % 5 === 0) await client.query('reindex index concurrently churned');
          await client.query('drop index concurrently churned');
        }),
      );
      const perDatabase = Math.ceil(times(12, 300) / names.length);
      const startedAtMs = Date.now();
      const passes = await Promise.all(
        names.map(async ({ name }) => {
          let suspicious = 0;
          for (let pass = 0; pass < perDatabase; pass += 1) {
            await daemon.generations(name, 1);
            const found = await daemon.samples(['pgindex_findings'], ['finding']);
            for (const { labels, value } of found)
              if (labels.kind === 'invalid-index' && value > 0) suspicious += 1;
          }
          return suspicious;
        }),
      );
      const elapsedMs = Date.now() - startedAtMs;
      const builds = (await Promise.all(storms.map((storm) => storm.stop()))).reduce(
        (sum, one) => sum + one,
        0,
      );
      const seen = await Promise.all(watches.map((one) => one.stop()));
      expect(passes).toEqual(names.map(() => 0));
      // What opened between two scrapes and was resolved would be in the diary.
      const opened = (await listed(daemon.address, 'events')).filter(({ kind }) => kind === 'invalid-index');
      expect(opened).toEqual([]);
      expect(builds).toBeGreaterThan(names.length * perDatabase);
      const behind = Math.max(...seen.map((one) => longestBehindUs(one, () => true)));
      expect(behind).toBeLessThan(lockTimeoutMs + slackMs);
      noteFault({
        area: 'locks',
        fault: `CREATE INDEX CONCURRENTLY, REINDEX CONCURRENTLY and DROP in a loop in ${names.length} databases, PostgreSQL ${major}`,
        did: `${perDatabase * names.length} passes beside ${builds} builds in ${Math.round(elapsedMs / 1000)} s; longest wait of a build for us ${Math.round(behind)} ms`,
        said: 'invalid-index 0 on every page, none in the diary',
        recoveryMs: null,
      });
    });
  },
  { settings: loggingLockWaits },
);
