import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { look } from '../support/look.ts';
import { type Pooler, startPooler } from '../support/pooler.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { isMissing } from '../support/tools.ts';
import { trySession } from '../support/watching.ts';

const hasNone = isMissing('pgbouncer', 'apt-get install pgbouncer');
const majors = await postgresMajors(aFewMajors());

describeOnPostgres(
  majors,
  (server) => {
    describe.skipIf(hasNone)(
      'behind pgbouncer in transaction mode, with one server connection for everybody',
      () => {
        let database: TestDatabase;
        let pooler: Pooler;
        beforeAll(async () => {
          database = await createDatabase(server(), 'pooled');
          await withConnection(database.url, (client) =>
            client.query('create table t (a int); create index one on t (a); create index two on t (a)'),
          );
          pooler = await startPooler(database.url);
        });
        afterAll(() => pooler?.stop());

        const documentWith = (allowPooler: boolean): Readonly<Record<string, unknown>> => ({
          servers: [{ name: 's', primary: { url: pooler.url }, databases: [database.name], allowPooler }],
        });

        test('a session is refused, and says what to do', async () => {
          const opened = await trySession(pooler.url);
          expect(opened).toMatchObject({ ok: false, error: { kind: 'PoolerRefused' } });
          if (!opened.ok)
            expect(opened.error.message).toContain('a connection pooler answered instead of PostgreSQL');
        });

        test('a check does not look, and nothing reads as healthy', async () => {
          const generation = await look('', { document: documentWith(false) });
          expect(generation).toMatchObject({ isUp: false, findings: [] });
          expect(generation.inconclusive.length).toBeGreaterThan(0);
          expect(generation.runs.every(({ errorKind }) => errorKind === 'PoolerRefused')).toBe(true);
        });

        test('where it is allowed, a check finds what it finds without', async () => {
          const generation = await look('', { document: documentWith(true) });
          expect(generation.isUp).toBe(true);
          expect(generation.findings.map(({ kind }) => kind)).toContain('duplicate-index');
        });

        test('whoever gets the connection next can write and finds no trace of us', async () => {
          const settings = 'select name, setting from pg_settings where name = any ($1) order by name';
          const names = [
            'statement_timeout',
            'lock_timeout',
            'idle_in_transaction_session_timeout',
            'search_path',
            'jit',
            'default_transaction_read_only',
            'transaction_read_only',
            'max_parallel_workers_per_gather',
          ];
          const application = new pg.Client({ connectionString: pooler.url, application_name: 'shop' });
          await application.connect();
          try {
            const before = await application.query(settings, [names]);
            await look('', { document: documentWith(true) });
            const after = await application.query(settings, [names]);
            expect(after.rows).toEqual(before.rows);
            await application.query('insert into t values (1)');
            const { rows } = await application.query(
              "select setting as name from pg_settings where name = 'application_name'",
            );
            expect(rows).toEqual([{ name: 'shop' }]);
          } finally {
            await application.end();
          }
        });

        test('a cancelled statement frees the connection for the others', async () => {
          const stop = new AbortController();
          const opened = await trySession(pooler.url, { allowPooler: true });
          if (!opened.ok) throw new Error(opened.error.message);
          const slept = opened.value
            .transaction({ statementTimeoutMs: 60_000, signal: stop.signal }, (ask) =>
              ask('select pg_sleep(60)'),
            )
            .catch((error: unknown) => error);
          const isAsleep = (): Promise<boolean> =>
            withConnection(database.url, async (client) => {
              const { rows } = await client.query(
                "select 1 from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'",
              );
              return rows.length > 0;
            });
          await eventually('the statement to run', isAsleep);
          stop.abort(new Error('shutting down'));
          expect(await slept).toMatchObject({ code: '57014' });
          await opened.value.close();
          await withConnection(pooler.url, (client) => client.query('insert into t values (2)'));
        });
      },
    );
  },
  { isUnguarded: true },
);
