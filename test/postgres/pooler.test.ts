import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sharedTemporaryFolder, unprivilegedAccount } from '../../src/demo/unprivileged-account.ts';
import { look } from '../support/look.ts';
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

describeOnPostgres(majors, (server) => {
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
});

interface Pooler {
  readonly url: string;
  stop(): Promise<void>;
}

/** pgbouncer refuses to run as root, as PostgreSQL does. */
async function startPooler(url: string): Promise<Pooler> {
  const target = new URL(url);
  const account = await unprivilegedAccount();
  if (account === 'none') throw new Error('there is no unprivileged account to run pgbouncer as');
  const temporary = account === undefined ? tmpdir() : await sharedTemporaryFolder(tmpdir());
  const folder = await mkdtemp(path.join(temporary, 'indexwarden-pooler-'));
  const port = await freePort();
  const users = path.join(folder, 'users.txt');
  const settings = path.join(folder, 'pgbouncer.ini');
  const quoted = (text: string): string => `"${decodeURIComponent(text).replaceAll('"', '""')}"`;
  await writeFile(users, `${quoted(target.username)} ${quoted(target.password)}\n`);
  await writeFile(
    settings,
    `[databases]
* = host=${target.hostname} port=${target.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = 1
server_tls_sslmode = disable
`,
  );
  for (const file of [folder, users, settings]) {
    await chmod(file, file === folder ? 0o700 : 0o600);
    if (account !== undefined) await chown(file, account.uid, account.gid);
  }
  const child = spawn('pgbouncer', [settings], {
    stdio: 'ignore',
    ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
  });
  const pooled = new URL(url);
  pooled.hostname = '127.0.0.1';
  pooled.port = String(port);
  const stop = async (): Promise<void> => {
    await ended(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await eventually('pgbouncer to answer', () =>
      withConnection(pooled.href, () => Promise.resolve(true)).catch(() => false),
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: pooled.href, stop };
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null || !child.kill('SIGKILL')) resolve();
    else child.once('exit', () => resolve());
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0));
    });
  });
}
