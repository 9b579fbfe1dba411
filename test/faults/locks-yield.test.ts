import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
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
import { createRole, type TestRole } from '../support/roles.ts';
import { longestBehindUs, watchLocks } from './lock-watch.ts';
import { isShort, noteFault, times } from './rows.ts';
import { collectorsOn, daemons, everySecond, onceAtStart, type ServingDaemon } from './serving-daemon.ts';

/*
 * What reads relations of users for long, measurements and probes that are run, gives way to whoever waits for it.
 */

const majors = await postgresMajors(isShort ? [defaultMajor] : oldestAndNewest());
const lockTimeoutMs = 200;
const slackMs = 200;

/**
 * pgstattuple as it would be on an index of a terabyte: it holds what the real one holds, and goes on for minutes. It belongs to the
 * extension, since nobody else's function is ever called.
 */
const endlessMeasurement = `
create extension pgstattuple;
alter extension pgstattuple drop function pgstattuple(regclass);
drop function pgstattuple(regclass);
create function pgstattuple(regclass, out table_len int8, out tuple_count int8, out tuple_len int8, out tuple_percent float8,
  out dead_tuple_count int8, out dead_tuple_len int8, out dead_tuple_percent float8, out free_space int8, out free_percent float8)
language plpgsql security definer as $$
begin
  execute (select format('select 1 from %s limit 0', indrelid::regclass) from pg_index where indexrelid = $1);
  perform pg_sleep(600);
end $$;
alter extension pgstattuple add function pgstattuple(regclass)`;

describeOnPostgres(majors, (server, major) => {
  const { serve, file, end } = daemons();
  let role: TestRole;
  const databases: TestDatabase[] = [];
  beforeAll(async () => {
    role = await createRole(server(), 'yielding', { groups: ['pg_monitor'] });
  });
  let running: ServingDaemon | undefined;
  afterEach(async () => {
    running?.kill('SIGTERM');
    await running?.ended;
  });
  afterAll(async () => {
    await end();
    for (const database of databases) await database.drop();
  });

  const prepared = async (name: string, tables: readonly string[], sql: string): Promise<TestDatabase> => {
    const database = await createDatabase(server(), name);
    databases.push(database);
    await withConnection(database.url, async (client) => {
      for (const table of tables) {
        await client.query(`create table ${table} (id int, name text);
          insert into ${table} select g, 'name ' || g from generate_series(1, 60000) g;
          create index ${table}_name on ${table} (name); grant select on ${table} to ${role.name}`);
      }
      await client.query(sql);
    });
    await withConnection(database.url, (client) => client.query('vacuum (analyze)'));
    return database;
  };
  /** The table whose index we have been reading for a while. */
  const beingRead = (database: TestDatabase): Promise<string | undefined> =>
    withConnection(database.url, async (client) => {
      const { rows } = await client.query<{ relname: string }>(
        `select tc.relname from pg_stat_activity a join pg_locks l using (pid) join pg_class tc on tc.oid = l.relation
         where a.usename = $1 and a.state = 'active' and now() - a.query_start > interval '200 ms'
           and tc.relnamespace = 'public'::regnamespace and tc.relkind = 'r'`,
        [role.name],
      );
      return rows[0]?.relname;
    });

  /** Runs DDL while something of ours is under way, some times, and says how long it waited for us at the most. */
  const disturb = async (
    database: TestDatabase,
    statements: readonly ((table: string) => readonly string[])[],
  ): Promise<{ readonly waits: number; readonly longestMs: number }> => {
    const watch = await watchLocks(database.url);
    let seen: Awaited<ReturnType<typeof watch.stop>>;
    try {
      for (let round = 0; round < times(1, 5); round += 1) {
        for (const statement of statements) {
          const table = await until('something to be read', () => beingRead(database));
          await withConnection(database.url, async (client) => {
            // Shorter than what is in its way: without anybody giving way it would fail.
            await client.query("set lock_timeout = '3s'");
            for (const one of statement(table)) await client.query(one);
          });
        }
      }
    } finally {
      seen = await watch.stop();
    }
    const longestMs = longestBehindUs(seen, () => true);
    expect(seen.behindUs.length).toBeGreaterThanOrEqual(statements.length);
    // A machine so busy that looking took long is slow to give way, too.
    expect(longestMs).toBeLessThan(lockTimeoutMs + slackMs + 2 * seen.longestGapMs);
    return { waits: seen.behindUs.length, longestMs };
  };
  const watched = async (
    database: TestDatabase,
    more: object,
    serverMore: object = {},
  ): Promise<ServingDaemon> => {
    running = await serve({
      servers: [
        { name: 's', primary: { url: role.url(database.name) }, databases: [database.name], ...serverMore },
      ],
      collectors: { ...collectorsOn(onceAtStart), server: everySecond },
      limits: { lockTimeout: `${lockTimeoutMs}ms` },
      ...more,
    });
    return running;
  };

  test('a measurement gives way to DDL that waits for it', async () => {
    const database = await prepared(
      'measured',
      // One that was given up has its rest of ten minutes: each round takes another.
      Array.from({ length: 2 * times(1, 5) + 1 }, (_, at) => `orders_${at}`),
      endlessMeasurement,
    );
    const daemon = await watched(database, { bloat: { ...everySecond, statementTimeout: '60s' } });
    const { waits, longestMs } = await disturb(database, [
      (table) => [`reindex index ${table}_name`],
      (table) => [`create index concurrently ${table}_id on ${table} (id)`],
    ]);
    const gaveWay = await until('it to be counted', () =>
      daemon.value('indexwarden_measurements_total', { outcome: 'gave-way' }),
    );
    expect(gaveWay).toBeGreaterThan(0);
    noteFault({
      area: 'locks',
      fault: `REINDEX and CREATE INDEX CONCURRENTLY while an index is measured, PostgreSQL ${major}`,
      did: `gave way ${waits} times; nobody waited for it longer than ${Math.round(longestMs)} ms`,
      said: `target_up ${await daemon.value('indexwarden_target_up')}, measurements_total{outcome="gave-way"} ${gaveWay}`,
      recoveryMs: null,
    });
  });

  test('a probe that runs gives way to DDL that waits for it', async () => {
    // One process runs it, and not one for each core: whoever watches over it wants to run, too.
    const database = await prepared(
      'probed',
      ['orders'],
      `do $$ begin execute format('alter database %I set max_parallel_workers_per_gather = 0', current_database()); end $$`,
    );
    const manifest = file(
      'probes.yaml',
      `probes:\n  - name: slow\n    table: orders\n    sql: select count(*) from orders a, orders b where a.name < b.name\n    analyze: true\n    target: 5s\n    schedule: "* * * * * *"\n`,
    );
    const daemon = await watched(database, { bloat: { enabled: false } }, { probes: [{ file: manifest }] });
    const { waits, longestMs } = await disturb(database, [
      (table) => [`alter table ${table} add column more int`, `alter table ${table} drop column more`],
      (table) => [`create index concurrently ${table}_id on ${table} (id)`, `drop index ${table}_id`],
      (table) => [
        `truncate ${table}`,
        `insert into ${table} select g, 'name ' || g from generate_series(1, 60000) g`,
      ],
    ]);
    const up = await daemon.value('indexwarden_target_up');
    expect(up).toBe(1);
    noteFault({
      area: 'locks',
      fault: `ALTER TABLE, TRUNCATE and CREATE INDEX CONCURRENTLY while a probe runs, PostgreSQL ${major}`,
      did: `gave way ${waits} times; nobody waited for it longer than ${Math.round(longestMs)} ms`,
      said: `target_up ${up}`,
      recoveryMs: null,
    });
  });
});
