import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MeasuringFunction, measuringFunctions, readIndex } from '../../src/postgres/measure.ts';
import type { Session } from '../../src/postgres/session.ts';
import { systemClock } from '../../src/scheduler/clock.ts';
import { aFewMajors, type MajorUnderTest, postgresMajors, withConnection } from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { type Cluster, canReplicate, startCluster } from '../support/replication.ts';
import { openSession } from '../support/watching.ts';

/*
 * A standby that lets no query hold up replay: what the primary removes while an index is read there cancels the reading. One major:
 * the code that the server answers with has been the same since 9.0.
 */
const [major] = (await postgresMajors(aFewMajors())).filter(canReplicate).slice(-1);
describe.skipIf(major === undefined)(`a standby of PostgreSQL ${major?.major}`, () => {
  if (major !== undefined) suite(major);
});

/** A measurement that lasts until it is cancelled: holds lock and snapshot as pgstattuple does, and then sleeps. */
const endless = `
  create schema endless;
  create function endless.pgstattuple(regclass)
    returns table (table_len int8, tuple_count int8, tuple_len int8, free_space int8) language plpgsql as $$
  begin
    perform 1 from public.orders where name = '';
    perform pg_sleep(600);
    return query select 1::int8, 1::int8, 1::int8, 1::int8;
  end $$`;

function suite(entry: MajorUnderTest): void {
  let cluster: Cluster;
  let measuring: Session;
  let watching: Session;
  let pgstattuple: MeasuringFunction;
  let oid = 0;
  const signal = new AbortController().signal;
  const primary = <T>(sql: string): Promise<readonly T[]> =>
    withConnection(cluster.primary.url('postgres'), async (client) => (await client.query(sql)).rows);
  const standby = <T>(sql: string): Promise<readonly T[]> =>
    withConnection(standbyUrl(), async (client) => (await client.query(sql)).rows);
  const standbyUrl = (): string => cluster.standbys[0]?.superuserUrl() ?? '';

  beforeAll(async () => {
    cluster = await startCluster(entry, ['replica'], (url) =>
      withConnection(url, async (client) => {
        await client.query(
          `create extension pgstattuple; ${endless};
          create table orders (id int, name text) with (autovacuum_enabled = off);
          insert into orders select g, 'name ' || g from generate_series(1, 20000) g;
          create index orders_name on orders (name)`,
        );
      }),
    );
    await standby("alter system set max_standby_streaming_delay = '0'");
    await standby("alter system set hot_standby_feedback = 'off'");
    await standby('select pg_reload_conf()');
    await eventually('the standby to have read its settings', async () => {
      const [row] = await standby<{ delay: string }>(
        "select current_setting('max_standby_streaming_delay') as delay",
      );
      return row?.delay === '0';
    });
    measuring = await openSession(standbyUrl());
    watching = await openSession(standbyUrl());
    const found = await measuringFunctions(watching, { signal });
    const one = found.ok && found.value.find(({ functionName }) => functionName === 'pgstattuple');
    if (!one) throw new Error('pgstattuple is there');
    pgstattuple = one;
    const [row] = await primary<{ oid: number }>("select 'orders_name'::regclass::oid::int4 as oid");
    oid = row?.oid ?? 0;
    await cluster.caughtUp();
  });
  afterAll(async () => {
    await measuring?.close();
    await watching?.close();
    await cluster?.close();
  });

  const read = (from: MeasuringFunction) =>
    readIndex(
      { measuring, watching },
      { oid, pgstattuple: from },
      {
        // Looks once, at the beginning: what ends the measurement is the server.
        limits: { statementTimeoutMs: 300_000, watchIntervalMs: 300_000, activeBackendsMax: 1_000 },
        sleep: systemClock.sleep,
        now: systemClock.now,
        signal,
      },
    );
  test.each([
    ['vacuums away rows that the reading may need', ['delete from orders where id % 2 = 0', 'vacuum orders']],
    ['locks the index', ['reindex index orders_name']],
  ] as const)('a measurement ends when the primary %s, as a conflict', async (_, statements) => {
    const reading = read({ ...pgstattuple, schemaname: 'endless' });
    await eventually('the measurement to be under way', async () => {
      const [row] = await standby<{ count: number }>(
        "select count(*)::int4 as count from pg_stat_activity where wait_event = 'PgSleep' and application_name = 'indexwarden'",
      );
      return row?.count === 1;
    });
    for (const statement of statements) await primary(statement);
    expect(await reading).toMatchObject({
      ok: false,
      error: { kind: 'conflict', message: expect.stringContaining('due to conflict with recovery') },
    });
    // Both connections are as good as before, and the index can be read when nothing is in the way.
    await cluster.caughtUp();
    const again = await read(pgstattuple);
    expect(again).toMatchObject({ ok: true });
  });
}
