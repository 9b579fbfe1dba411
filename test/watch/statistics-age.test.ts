import { beforeAll, expect, test } from 'vitest';
import { look } from '../support/look.ts';
import {
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  runOn,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';

const majors = await postgresMajors();

/** A story: the tests follow each other on one server. */
describeOnPostgres(majors, (server) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase(server(), 'statistics_age');
    await runOn(
      database.url,
      'create table t (a int); insert into t select generate_series(1, 2000); create index i on t (a); analyze t',
    );
  });

  const windowNow = async () => {
    const { window, findings, inconclusive } = await look(database.url, {
      only: ['unused-index'],
      unusedAfter: '1h',
    });
    if (window === undefined) throw new Error('nothing is known of the window');
    return { ...window, findings, inconclusive };
  };
  const value = <T>(sql: string): Promise<T> =>
    withConnection(database.url, async (client) => {
      const { rows } = await client.query<{ value: T }>(`select (${sql}) as value`);
      // One row, one column: what the query says.
      return rows[0]?.value as T;
    });
  const serverNowMs = (): Promise<number> =>
    value<number>('extract(epoch from clock_timestamp())::float8 * 1000');
  /** Up to 14 a database has a time from its creation on, and its statistics come half a second late. */
  const wasResetSince = (ms: number): Promise<boolean> =>
    value<boolean>(
      `coalesce((select extract(epoch from stats_reset) * 1000 >= ${ms} - 1 from pg_stat_database where datname = current_database()), false)`,
    );

  test('a server that was never reset counts since initdb at the earliest', async () => {
    const window = await windowNow();
    expect(window.sinceMs).toBeDefined();
    expect(window.sinceMs).toBeLessThanOrEqual(await serverNowMs());
    expect(window.source).toMatch(/^pg_stat_(bgwriter|archiver|database)\.stats_reset$/);
    expect(window.findings).toEqual([]);
    expect(window.inconclusive[0]?.reason).toMatch(/the window is 1 h: verdict on/);
  });

  test('pg_stat_reset() begins the window anew', async () => {
    const before = await serverNowMs();
    await runOn(database.url, 'select pg_stat_reset()');
    await eventually('the reset', () => wasResetSince(before));
    const window = await windowNow();
    expect(window.source).toBe('pg_stat_database.stats_reset');
    expect(window.sinceMs).toBeGreaterThanOrEqual(before - 1);
    expect(window.ageMs).toBeLessThan(60_000);
  });

  test('so does the reset of a single index, whose counter is gone', async () => {
    const before = await serverNowMs();
    await runOn(database.url, "select pg_stat_reset_single_table_counters('i'::regclass)");
    await eventually('the reset', () => wasResetSince(before));
    expect((await windowNow()).sinceMs).toBeGreaterThanOrEqual(before - 1);
  });

  test('a crash wipes the counters, and the window moves though stats_reset of the database is NULL', async (context) => {
    const { embedded } = server();
    if (embedded === undefined) return context.skip('a given server is not crashed');
    const before = await serverNowMs();
    await embedded.crash();
    expect(
      await value('select stats_reset from pg_stat_database where datname = current_database()'),
    ).toBeNull();
    const window = await windowNow();
    expect(window.source).toMatch(/^pg_stat_(bgwriter|archiver)\.stats_reset$/);
    expect(window.sinceMs).toBeGreaterThanOrEqual(before - 1);
    expect(window.ageMs).toBeLessThan(60_000);
    expect(window.findings).toEqual([]);
  });
});
