import { inspect } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { detectors } from '../../src/detectors/index.ts';
import type { Generation } from '../../src/findings/generation.ts';
import { look } from '../support/look.ts';
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
import { startProxy } from '../support/proxy.ts';
import { readText } from '../support/repository.ts';
import { createMonitor, createRole, type TestRole } from '../support/roles.ts';

const majors = await postgresMajors(aFewMajors());

describeOnPostgres(majors, (server) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase(server(), 'permissions');
    await withConnection(database.url, (client) =>
      client.query(`
        create table open_to_all (a int, b int, c text);
        create table by_column (a int, b int);
        create table by_row (a int, b int);
        alter table by_row enable row level security;
        create table hidden (a int, mostly_null int, same int);
        insert into hidden select g, case when g % 100 = 0 then g end, 1 from generate_series(1, 80000) g;
        create index copy_one on hidden (a); create index copy_two on hidden (a);
        create index nulls on hidden (mostly_null) with (deduplicate_items = off);
        insert into open_to_all select g, g, g from generate_series(1, 100) g;
        analyze`),
    );
  });

  const missing = (generation: Generation): readonly string[] =>
    generation.missingPermissions.map(({ permission }) => permission);
  const runOf = (generation: Generation, name: string) => generation.runs.find((run) => run.name === name);
  const whyInconclusive = (generation: Generation, kind: string): string =>
    generation.inconclusive
      .filter((entry) => entry.kind === kind)
      .map(({ reason }) => reason)
      .join();

  /** A look that could not be taken: nothing of it may read as a clean bill of health. */
  const expectNothingJudged = (generation: Generation): void => {
    expect(generation.isUp).toBe(false);
    expect(generation.findings).toEqual([]);
    expect(new Set(generation.inconclusive.map(({ kind }) => kind))).toEqual(
      // Those that judge by what is remembered take no part in a single look.
      new Set(detectors.filter(({ needsHistory }) => !needsHistory).map(({ id }) => id)),
    );
    expect(generation.runs.filter(({ state }) => state === 'collected')).toEqual([]);
  };
  const expectNoPassword = (generation: Generation, url: string): void => {
    expect(inspect(generation, { depth: null, maxArrayLength: null })).not.toContain(
      decodeURIComponent(new URL(url).password),
    );
  };

  test('pg_monitor is enough; what it cannot see is said with what would mend it', async () => {
    const role = await createMonitor(server());
    const generation = await look(role.url(database.name));
    expect(generation.isUp).toBe(true);
    // An extension that nobody installed is not for a grant to give.
    expect(generation.runs.filter(({ state }) => state !== 'collected')).toMatchObject([
      { name: 'statements', state: 'skipped' },
    ]);
    expect(generation.findings.map(({ indexrelname }) => indexrelname)).toContain('copy_two');
    expect(missing(generation)).toEqual(['column_statistics']);
    expect(generation.missingPermissions[0]).toMatchObject({
      permission: 'column_statistics',
      facts: 'planner statistics of 10 of 10 columns',
      grant: `run deploy/column-statistics-view.sql as superuser in ${database.name} (docs/grants.md)`,
    });
    expect(whyInconclusive(generation, 'null-heavy-index')).toContain('deploy/column-statistics-view.sql');
    expectNoPassword(generation, role.url(database.name));
  });

  test('a role that may only log in is told what it lacks, and the printed grant mends it', async () => {
    const role = await createRole(server(), 'Only "Login"');
    // Somebody else's build, which this role cannot see, is not called a failed one.
    const writer = new pg.Client(database.url);
    await writer.connect();
    await writer.query('begin; insert into hidden values (0)');
    const building = runOn(database.url, 'create index concurrently in_progress on hidden (same)').catch(
      () => {},
    );
    await withConnection(database.url, (client) =>
      eventually('the build to be under way', async () => {
        const { rows } = await client.query(
          'select 1 from pg_stat_progress_create_index where index_relid <> 0',
        );
        return rows.length > 0;
      }),
    );
    const before = await look(role.url(database.name));
    const grant =
      before.missingPermissions.find(({ permission }) => permission === 'pg_monitor')?.grant ?? '';
    expect(missing(before)).toContain('pg_monitor');
    expect(grant).toBe(`GRANT pg_monitor TO "${role.name.replaceAll('"', '""')}";`);
    expect(before.findings.map(({ kind }) => kind)).not.toContain('invalid-index');
    expect(whyInconclusive(before, 'invalid-index')).toContain('GRANT pg_monitor');

    await runOn(server().url(), grant);
    const after = await look(role.url(database.name));
    expect(missing(after)).not.toContain('pg_monitor');
    expect(whyInconclusive(after, 'invalid-index')).toBe('');
    expect(after.findings.map(({ kind }) => kind)).not.toContain('invalid-index');
    await writer.end();
    await building;
  });

  test('a role without CONNECT is told the grant, which mends it', async () => {
    const role = await createMonitor(server());
    const closed = await createDatabase(server(), 'Closed "Shop"');
    await runOn(server().url(), `revoke connect on database ${pg.escapeIdentifier(closed.name)} from public`);
    const before = await look(role.url(closed.name));
    expectNothingJudged(before);
    const [first, ...others] = before.missingPermissions;
    expect(others).toEqual([]);
    expect(first?.grant).toBe(
      `GRANT CONNECT ON DATABASE ${pg.escapeIdentifier(closed.name)} TO ${role.name};`,
    );
    expect(before.error).toContain(first?.grant);
    expect(runOf(before, 'server')?.errorKind).toBe('NotPermitted');

    await runOn(server().url(), first?.grant ?? '');
    const after = await look(role.url(closed.name));
    expect(after).toMatchObject({ isUp: true, error: null });
    await closed.drop();
  });

  describe('a target that cannot be reached is down, and nothing of it reads as healthy', () => {
    let role: TestRole;
    beforeAll(async () => {
      role = await createMonitor(server());
    });
    const expectUnavailable = async (url: string, sqlstate: string): Promise<void> => {
      const generation = await look(url);
      expectNothingJudged(generation);
      expect(generation.snapshot.outcomes.server).toMatchObject({
        kind: 'failed',
        error: { kind: 'TargetUnavailable', sqlstate },
      });
      expect(generation.missingPermissions).toEqual([]);
      expectNoPassword(generation, url);
    };

    test('wrong password', async () => {
      const url = new URL(role.url(database.name));
      url.password = 'not-the-%3A-password';
      await expectUnavailable(url.href, '28P01');
    });

    test('no such database', () => expectUnavailable(role.url('no_such_database'), '3D000'));

    test('no such role', async () => {
      const url = new URL(role.url(database.name));
      url.username = 'nobody_of_that_name';
      await expectUnavailable(url.href, '28P01');
    });

    test('nobody listens', async () => {
      const proxy = await startProxy(database.url);
      const url = new URL(role.url(database.name));
      url.port = String(proxy.port);
      await proxy.close();
      await expectUnavailable(url.href, 'ECONNREFUSED');
    });

    test('no such host', async () => {
      const url = new URL(role.url(database.name));
      url.hostname = 'no-such-host.invalid';
      const generation = await look(url.href);
      expectNothingJudged(generation);
      expect(runOf(generation, 'server')?.errorKind).toBe('TargetUnavailable');
    });

    test('too many connections', async () => {
      const limited = await createRole(server(), 'limited', {
        attributes: 'connection limit 1',
        groups: ['pg_monitor'],
      });
      await withConnection(limited.url(database.name), () =>
        expectUnavailable(limited.url(database.name), '53300'),
      );
      // The room is there again.
      await eventually(
        'the other connection to be gone',
        async () => (await look(limited.url(database.name))).isUp,
      );
    });
  });

  describe('column statistics', () => {
    let target: TestDatabase;
    let owner: TestRole;
    beforeAll(async () => {
      target = await createDatabase(server(), 'statistics');
      // The role that deploy/column-statistics-view.sql names.
      owner = await createRole(server(), 'indexwarden', { groups: ['pg_monitor'], exactName: true });
      await runOn(
        target.url,
        `create table hidden (a int, mostly_null int);
         insert into hidden select g, case when g % 100 = 0 then g end from generate_series(1, 80000) g;
         create index nulls on hidden (mostly_null) with (deduplicate_items = off); create index on hidden (lower(a::text)); analyze`,
      );
    });
    afterAll(() => target?.drop());

    test('without the view are unknown, which is no failure', async () => {
      const generation = await look(owner.url(target.name));
      expect(runOf(generation, 'column-statistics')).toMatchObject({ state: 'collected', facts: 0 });
      expect(missing(generation)).toEqual(['column_statistics']);
      expect(generation.findings.map(({ kind }) => kind)).not.toContain('null-heavy-index');
      expect(whyInconclusive(generation, 'null-heavy-index')).not.toBe('');
    });

    test('with the view are visible to pg_monitor, those of expressions too', async () => {
      await runOn(target.url, readText('deploy/column-statistics-view.sql'));
      const generation = await look(owner.url(target.name));
      expect(runOf(generation, 'column-statistics')).toMatchObject({ state: 'collected', facts: 3 });
      expect(missing(generation)).toEqual([]);
      expect(generation.findings.map(({ kind }) => kind)).toContain('null-heavy-index');
      expect(whyInconclusive(generation, 'null-heavy-index')).toBe('');
      // The right itself is still that of pg_stats: of no column.
      expect(generation.snapshot.outcomes['column-visibility']).toMatchObject({
        facts: [{ userColumns: 2, visibleColumns: 0 }],
      });
    });

    test('of a view that the role may not read: its own failure only, and the grant mends it', async () => {
      const other = await createMonitor(server());
      const before = await look(other.url(target.name));
      expect(before.isUp).toBe(true);
      expect(
        before.runs
          .filter(({ state }) => state !== 'collected')
          .map(({ name, errorKind }) => [name, errorKind]),
      ).toEqual([
        ['column-statistics', 'NotPermitted'],
        ['statements', null],
      ]);
      const { grant = '' } =
        before.missingPermissions.find(({ permission }) => permission === 'column-statistics') ?? {};
      expect(whyInconclusive(before, 'null-heavy-index')).toContain(grant);
      await runOn(target.url, grant);
      const after = await look(other.url(target.name));
      expect(missing(after)).toEqual([]);
      expect(runOf(after, 'column-statistics')).toMatchObject({ state: 'collected', facts: 3 });
    });

    test.each([
      [
        'lacks columns',
        'select 1 as starelid',
        { errorKind: 'QueryFailed', reason: expect.stringContaining('does not exist') },
      ],
      [
        'has columns of another type',
        "select c.oid as starelid, 1::int2 as staattnum, 'half' as stanullfrac, 4 as stawidth, 0::float4 as stadistinct, null::float4[] as most_common_freqs from pg_class c where relname = 'hidden'",
        { errorKind: 'FactMismatch', reason: expect.stringContaining('column nullFraction of row 1') },
      ],
    ])('of a view that %s are a failure, not an empty list', async (_, query, expected) => {
      await runOn(
        target.url,
        `drop view indexwarden.column_statistics;
         create view indexwarden.column_statistics as ${query};
         grant select on indexwarden.column_statistics to indexwarden`,
      );
      const generation = await look(owner.url(target.name));
      expect(generation.isUp).toBe(true);
      expect(runOf(generation, 'column-statistics')).toMatchObject({ state: 'failed', ...expected });
      expect(generation.findings.map(({ kind }) => kind)).not.toContain('null-heavy-index');
      expect(whyInconclusive(generation, 'null-heavy-index')).not.toBe('');
    });

    test('are counted column by column: grants on tables, on columns, and row security', async () => {
      const role = await createMonitor(server());
      await runOn(
        database.url,
        `grant select on open_to_all, by_row to ${role.name}; grant select (b) on by_column to ${role.name}`,
      );
      const visibility = (generation: Generation) => generation.snapshot.outcomes['column-visibility'];
      expect(visibility(await look(role.url(database.name)))).toMatchObject({
        kind: 'collected',
        facts: [{ userColumns: 10, visibleColumns: 4 }],
      });
      await runOn(database.url, `alter role ${role.name} bypassrls`);
      const generation = await look(role.url(database.name));
      expect(visibility(generation)).toMatchObject({ facts: [{ userColumns: 10, visibleColumns: 6 }] });
      expect(generation.missingPermissions.map(({ facts }) => facts)).toEqual([
        'planner statistics of 4 of 10 columns',
      ]);
      // Indeed: pg_stats shows those and no others, as far as ANALYZE has seen rows.
      expect(runOf(generation, 'column-statistics')?.facts).toBe(3);
    });
  });
});
