import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { variantFor } from '../../src/collectors/define.ts';
import { extensionVersionNum, type StatementFact, statements } from '../../src/collectors/statements.ts';
import type { Outcome } from '../../src/model/outcome.ts';
import { collectStatements } from '../../src/postgres/statements.ts';
import {
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  startPostgres,
  type TestDatabase,
  type TestServer,
  withConnection,
} from '../support/postgres.ts';
import { createRole, type TestRole } from '../support/roles.ts';
import { openSession } from '../support/watching.ts';

/** One look at the statements of a database, as a pass takes it. */
async function statementsOf(
  url: string,
  roleName: string,
  limits: { readonly statementsMax?: number; readonly statementTextMax?: number } = {},
): Promise<Outcome<StatementFact>> {
  const session = await openSession(url);
  try {
    return await collectStatements(session, {
      versionNum: 130_000,
      roleName,
      statementTimeoutMs: 10_000,
      bisectionBudgetMs: 0,
      rowsMax: 100_000,
      rowsPerSlice: 100,
      statementsMax: 200,
      statementTextMax: 8_192,
      ...limits,
      now: Date.now,
      signal: new AbortController().signal,
    });
  } finally {
    await session.close();
  }
}

function factsOf(outcome: Outcome<StatementFact>): readonly StatementFact[] {
  if (outcome.kind !== 'collected') throw new Error(JSON.stringify(outcome));
  return outcome.facts;
}

const textsOf = (outcome: Outcome<StatementFact>): readonly string[] =>
  factsOf(outcome)
    .map(({ queryText }) => queryText)
    .sort();

test.each([
  ['1.4', 'statements.sql'],
  ['1.7', 'statements.sql'],
  ['1.8', 'statements.ext1.8.sql'],
  ['1.9', 'statements.ext1.9.sql'],
  ['1.10', 'statements.ext1.9.sql'],
  ['1.11', 'statements.ext1.11.sql'],
  ['1.12', 'statements.ext1.11.sql'],
  ['2.0', 'statements.ext1.11.sql'],
])('version %s of the extension is asked with %s', (version, file) => {
  expect(variantFor(statements, extensionVersionNum(version) ?? 0).file).toBe(file);
});

/** What the application of these tests runs. */
const run = async (url: string): Promise<void> => {
  await withConnection(url, async (client) => {
    for (const value of [1, 2, 3]) await client.query('select * from orders where a = $1', [value]);
    await client.query('/* shop */ (select b from orders where a = 7) union select 1');
    await client.query('select count(*) from orders');
    await client.query('select a from orders order by a');
    await client.query('explain select * from orders where a = 1');
    await client.query('copy (select * from orders where a = 1) to stdout').catch(() => {});
    await client.query('insert into orders select 9, 9 where true');
    await client.query('update orders set b = b where a = 4');
    await client.query('delete from orders where a = 5');
    await client.query('with few as (select * from orders where b = 6) select * from few');
    await client.query(`select * from orders where a = 8 ${'and b > 0 '.repeat(100)}`);
    await client.query('analyze orders');
  });
};

describeOnPostgres(
  // Each has its own version of the extension, and a way of its own to clean texts.
  await postgresMajors([13, 14, 17, 18]),
  (server, major) => {
    let database: TestDatabase;
    let monitor: TestRole;
    let stranger: TestRole;

    beforeAll(async () => {
      database = await createDatabase(server(), 'statements');
      monitor = await createRole(server(), 'monitor', { groups: ['pg_monitor'] });
      stranger = await createRole(server(), 'stranger');
      await withConnection(database.url, async (client) => {
        await client.query('create schema "Odd "" schema"; create table orders (a int, b int)');
        await client.query('create extension pg_stat_statements with schema "Odd "" schema"');
        await client.query(`grant usage on schema "Odd "" schema" to "${monitor.name}"`);
        await client.query('select "Odd "" schema".pg_stat_statements_reset()');
      });
      await run(database.url);
    });

    test('statements with a WHERE are read, whatever schema the extension is in, and nothing else', async () => {
      const outcome = await statementsOf(monitor.url(database.name), monitor.name);
      // 18 leaves out what stands before a statement.
      const comment = major >= 18 ? '' : '/* shop */ ';
      expect(textsOf(outcome).map((text) => text.replace(/(?:and b > \$\d+ ?)+/, '…'))).toEqual(
        [
          `${comment}(select b from orders where a = $1) union select $2`,
          'delete from orders where a = $1',
          'select * from orders where a = $1',
          'select * from orders where a = $1 …',
          'update orders set b = b where a = $1',
          'with few as (select * from orders where b = $1) select * from few',
        ].sort(),
      );
      const repeated = factsOf(outcome).find(
        ({ queryText }) => queryText === 'select * from orders where a = $1',
      );
      expect(repeated).toMatchObject({ callsTotal: 3, isCut: false, blockReadMsTotal: 0 });
      expect(repeated?.executionMsTotal).toBeGreaterThan(0);
      expect(repeated?.executionMsMax).toBeGreaterThan(0);
      expect(repeated?.queryId).toMatch(/^-?\d+$/);
      if (major >= 14) expect(repeated?.countedSinceMs).toBeGreaterThan(Date.now() - 600_000);
      else expect(repeated?.countedSinceMs).toBeNull();
    });

    test('no more of them, and no more of their texts, than is asked for', async () => {
      const few = await statementsOf(monitor.url(database.name), monitor.name, { statementsMax: 2 });
      const all = factsOf(await statementsOf(monitor.url(database.name), monitor.name));
      const costliest = all.toSorted((a, b) => b.executionMsTotal - a.executionMsTotal).slice(0, 2);
      expect(
        factsOf(few)
          .map(({ queryId }) => queryId)
          .sort(),
      ).toEqual(costliest.map(({ queryId }) => queryId).sort());
      const short = await statementsOf(monitor.url(database.name), monitor.name, { statementTextMax: 40 });
      const cut = factsOf(short).filter(({ isCut }) => isCut);
      expect(cut.map(({ queryText }) => queryText.length)).toContain(40);
      expect(cut.every(({ queryText }) => /where/.test(queryText))).toBe(true);
    });

    test('statements of other databases are not ours', async () => {
      const other = await createDatabase(server(), 'other');
      await withConnection(other.url, (client) =>
        client.query(
          'create extension pg_stat_statements; select 1 where true; select 2 from pg_class where oid = 1',
        ),
      );
      const texts = textsOf(await statementsOf(monitor.url(other.name), monitor.name)).join('\n');
      expect(texts).not.toContain('orders');
    });

    test('texts that the role may not see are left out, and the role is told what it lacks', async () => {
      const unreachable = await statementsOf(stranger.url(database.name), stranger.name);
      expect(unreachable).toMatchObject({
        kind: 'skipped',
        reason: 'this role may not read pg_stat_statements',
        remedy: `run: GRANT USAGE ON SCHEMA "Odd "" schema" TO ${stranger.name};`,
      });
      await withConnection(database.url, (client) =>
        client.query(`grant usage on schema "Odd "" schema" to "${stranger.name}"`),
      );
      expect(textsOf(await statementsOf(stranger.url(database.name), stranger.name))).toEqual([]);
      await withConnection(database.url, (client) =>
        client.query('revoke select on "Odd "" schema".pg_stat_statements from public'),
      );
      expect(await statementsOf(stranger.url(database.name), stranger.name)).toMatchObject({
        kind: 'skipped',
        remedy: `run: GRANT SELECT ON "Odd "" schema".pg_stat_statements TO ${stranger.name};`,
      });
    });

    test('an extension that is not installed is a fact', async () => {
      const bare = await createDatabase(server(), 'bare');
      expect(await statementsOf(monitor.url(bare.name), monitor.name)).toMatchObject({
        kind: 'skipped',
        reason: 'pg_stat_statements is not installed in this database',
        remedy: expect.stringContaining('CREATE EXTENSION pg_stat_statements;'),
      });
    });

    // Each server brings scripts for the older versions of the extension that it still understands.
    test('SQL objects that are older than the server are read by their own version', async () => {
      const old = await createDatabase(server(), 'old');
      const versions = await withConnection(old.url, async (client) => {
        const { rows } = await client.query<{ version: string }>(
          "select version from pg_available_extension_versions where name = 'pg_stat_statements' order by 1",
        );
        return rows.map(({ version }) => version);
      });
      expect(versions.length).toBeGreaterThan(1);
      for (const version of versions) {
        await withConnection(old.url, async (client) => {
          await client.query(`drop extension if exists pg_stat_statements`);
          await client.query(`create extension pg_stat_statements version '${version}'`);
          await client.query('select relname from pg_class where oid = 1');
        });
        expect(textsOf(await statementsOf(monitor.url(old.name), monitor.name)), version).toContain(
          'select relname from pg_class where oid = $1',
        );
      }
    });
  },
  { settings: { shared_preload_libraries: 'pg_stat_statements' } },
);

describe('a server that did not preload it', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(async () => {
    await server?.close();
  });

  test.runIf(process.env.TEST_DATABASE_URL === undefined)(
    'says so, without an error in its log',
    async () => {
      const database = await createDatabase(server, 'unloaded');
      await withConnection(database.url, (client) => client.query('create extension pg_stat_statements'));
      const told = { kind: 'skipped', reason: 'pg_stat_statements is installed, but not preloaded' };
      expect(await statementsOf(database.url, 'postgres')).toMatchObject(told);
      // A setting of that name may stand in the configuration of a server that does not load it.
      await withConnection(database.url, (client) =>
        client.query(`alter database "${database.name}" set pg_stat_statements.max = 100`),
      );
      expect(await statementsOf(database.url, 'postgres')).toMatchObject(told);
    },
  );
});
