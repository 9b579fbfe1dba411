import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { collectors } from '../../src/collectors/index.ts';
import { collectionError } from '../../src/postgres/errors.ts';
import { type RunOptions, runCollector } from '../../src/postgres/run-collector.ts';
import type { Session } from '../../src/postgres/session.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { type LoopbackProxy, startProxy, through } from '../support/proxy.ts';
import { createMonitor } from '../support/roles.ts';
import { ofATest } from '../support/statement-guard.ts';
import { openSession, trySession } from '../support/watching.ts';

const majors = await postgresMajors(aFewMajors());
const never = new AbortController().signal;
const patient = { statementTimeoutMs: 60_000, signal: never };

const runOptions = (overrides: Partial<RunOptions> = {}): RunOptions => ({
  versionNum: 130_000,
  roleName: 'postgres',
  statementTimeoutMs: 30_000,
  bisectionBudgetMs: 1_000,
  rowsMax: 1_000_000,
  rowsPerSlice: 500,
  now: Date.now,
  signal: never,
  ...overrides,
});

describeOnPostgres(majors, (server) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase(server(), 'session');
  });

  /** Statements of ours that the server is running now. */
  const running = (): Promise<readonly { pid: number; query: string }[]> =>
    withConnection(database.url, async (client) => {
      const { rows } = await client.query<{ pid: number; query: string }>(
        "select pid, query from pg_stat_activity where application_name = 'indexwarden' and state = 'active' and datname = current_database()",
      );
      return rows;
    });
  const sleeping = async (): Promise<boolean> =>
    (await running()).some(({ query }) => /pg_sleep/.test(query));
  const sleep = (session: Session, signal = never, statementTimeoutMs = 60_000): Promise<unknown> =>
    session.transaction({ statementTimeoutMs, signal }, (ask) => ask('select pg_sleep($1)', [60]));

  test('a server that asks for a password which nobody gave is named in words that help', async () => {
    const role = await createMonitor(server());
    const url = new URL(role.url(database.name));
    url.password = '';
    const opened = await trySession(url.href);
    expect(opened).toMatchObject({
      ok: false,
      error: {
        kind: 'TargetUnavailable',
        message: expect.stringContaining('asks for a password, and none was given; put it into ~/.pgpass'),
      },
    });
  });

  describe('a transaction', () => {
    let session: Session;
    beforeAll(async () => {
      session = await openSession(database.url, { lockTimeoutMs: 150 });
    });
    afterAll(() => session?.close());

    test('has its settings for itself, and leaves none behind', async () => {
      const settings = [
        'statement_timeout',
        'lock_timeout',
        'idle_in_transaction_session_timeout',
        'search_path',
        'jit',
        'transaction_read_only',
        'default_transaction_read_only',
        'max_parallel_workers_per_gather',
      ];
      const [inside, outside] = await session.transaction(patient, async (ask) => {
        const show = async (): Promise<Readonly<Record<string, unknown>>> =>
          Object.fromEntries(
            (
              await ask(
                `select name, setting from pg_settings where name = any ($1) order by name ${ofATest}`,
                [settings],
              )
            ).rows,
          );
        const during = await show();
        // What remains on the connection once the transaction is over.
        await ask('rollback');
        return [during, await show()];
      });
      expect(inside).toMatchObject({
        statement_timeout: '60000',
        lock_timeout: '150',
        search_path: 'pg_catalog',
        jit: 'off',
        transaction_read_only: 'on',
        max_parallel_workers_per_gather: '0',
      });
      const fresh = await withConnection(database.url, (client) =>
        client.query<{ name: string; setting: string }>(
          'select name, setting from pg_settings where name = any ($1)',
          [settings],
        ),
      );
      expect(outside).toEqual(Object.fromEntries(fresh.rows.map(({ name, setting }) => [name, setting])));
    });

    test.each(['create table t (a int)', 'create temporary sequence s', "select nextval('q')", 'vacuum'])(
      'cannot: %s',
      async (statement) => {
        await withConnection(database.url, (client) =>
          client.query('create sequence if not exists public.q'),
        );
        const attempt = session.transaction(patient, (ask) => ask(statement.replace("'q'", "'public.q'")));
        await expect(attempt).rejects.toThrow(/read-only transaction|cannot run inside a transaction block/);
        expect(session.isOpen).toBe(true);
      },
    );

    test('hands over rows as they arrive, in order, and lets others have their turn', async () => {
      const seen: unknown[] = [];
      const namesSeen = new Set<readonly string[]>();
      let turns = 0;
      let isOver = false;
      const turn = (): void => {
        turns += 1;
        if (!isOver) setImmediate(turn);
      };
      setImmediate(turn);
      const answer = await session.transaction({ ...patient, rowsPerSlice: 100 }, (ask) =>
        ask(
          'select g as number, $1::text as word from generate_series(1, 100000) g',
          ['same'],
          (row, names) => {
            seen.push(row[0]);
            namesSeen.add(names);
          },
        ),
      );
      isOver = true;
      expect(seen).toEqual(Array.from({ length: 100_000 }, (_, at) => at + 1));
      expect([...namesSeen]).toEqual([['number', 'word']]);
      expect(answer).toEqual({ names: ['number', 'word'], rows: [] });
      // What one packet holds comes at once: up to 64 KiB, some thousands of rows.
      expect(turns).toBeGreaterThan(20);
    });

    test('of which the statement fails half way has handed over what came before, and goes on', async () => {
      const seen: unknown[] = [];
      await session.transaction({ ...patient, rowsPerSlice: 10 }, async (ask) => {
        const failing = ask('select 1 / (3000 - g) from generate_series(1, 5000) g', [], (row) =>
          seen.push(row),
        );
        await expect(failing).rejects.toMatchObject({ code: '22012' });
      });
      expect(seen.length).toBeLessThan(3_000);
      const { names, rows } = await session.transaction(patient, (ask) => ask('select 1 as one where false'));
      expect({ names, rows }).toEqual({ names: ['one'], rows: [] });
    });

    test('ends when its work throws, and the connection is as good as before', async () => {
      await expect(
        session.transaction(patient, async () => {
          throw new Error('a bug');
        }),
      ).rejects.toThrow('a bug');
      const { rows } = await session.transaction(patient, (ask) => ask('select 1'));
      expect(rows).toEqual([[1]]);
    });

    test('past its statement timeout is cancelled by the server: 57014', async () => {
      const caught: unknown = await sleep(session, never, 50).catch((error: unknown) => error);
      expect(collectionError(caught, 'sleeping')).toMatchObject({ kind: 'QueryTimeout', sqlstate: '57014' });
    });

    test('that is aborted ends on the server too, and in silence', async () => {
      const warnings: string[] = [];
      const note = (warning: Error): void => void warnings.push(warning.message);
      process.on('warning', note);
      const stop = new AbortController();
      const slept = sleep(session, stop.signal).catch((error: unknown) => error);
      await eventually('the statement to run', sleeping);
      stop.abort(new Error('shutting down'));
      expect(collectionError(await slept, 'sleeping')).toMatchObject({ sqlstate: '57014' });
      await eventually('the statement to be gone', async () => !(await sleeping()));
      expect(session.isOpen).toBe(true);
      process.off('warning', note);
      expect(warnings).toEqual([]);
    });

    test('aborted before it began sends nothing', async () => {
      await expect(sleep(session, AbortSignal.abort(new Error('shutting down')))).rejects.toThrow(
        'shutting down',
      );
    });
  });

  describe('a catalogue that somebody has locked', () => {
    test.each([
      ['longer than lock_timeout', 30_000, '55P03'],
      ['longer than statement_timeout', 50, '57014'],
    ])('%s fails the collector, and only that one', async (_, statementTimeoutMs, sqlstate) => {
      const session = await openSession(database.url);
      try {
        await withConnection(database.url, async (client) => {
          await client.query(
            'begin; lock table pg_catalog.pg_opfamily, pg_catalog.pg_opclass in access exclusive mode',
          );
          const outcome = await runCollector(
            session,
            collectors['operator-classes'],
            runOptions({ statementTimeoutMs }),
          );
          expect(outcome).toMatchObject({ kind: 'failed', error: { kind: 'QueryTimeout', sqlstate } });
          await client.query('rollback');
        });
        expect(await runCollector(session, collectors['operator-classes'], runOptions())).toMatchObject({
          kind: 'collected',
        });
      } finally {
        await session.close();
      }
    });
  });

  describe('a connection that breaks', () => {
    const breakWhileAsleep = async (end: (pid: number) => Promise<void>): Promise<void> => {
      const session = await openSession(database.url);
      const slept = sleep(session).catch((error: unknown) => error);
      await eventually('the statement to run', sleeping);
      for (const { pid } of await running()) await end(pid);
      const error = collectionError(await slept, 'sleeping');
      expect(error.kind).toBe('TargetUnavailable');
      expect(session.isOpen).toBe(false);
      const outcome = await runCollector(session, collectors.server, runOptions());
      expect(outcome).toMatchObject({ kind: 'failed', error: { kind: 'TargetUnavailable' } });
    };

    test('by pg_terminate_backend is an unavailable target', () =>
      breakWhileAsleep((pid) =>
        withConnection(server().url(), (client) =>
          client.query('select pg_terminate_backend($1)', [pid]),
        ).then(() => {}),
      ));

    test('by kill -9 of the backend is an unavailable target, until the server has recovered', async (context) => {
      if (server().embedded === undefined) context.skip('the server is not ours to crash');
      await breakWhileAsleep(async (pid) => void process.kill(pid, 'SIGKILL'));
      await eventually('the server to come back', () =>
        withConnection(database.url, () => Promise.resolve(true)).catch(() => false),
      );
    });
  });

  describe('a network that passes nothing on', () => {
    let proxy: LoopbackProxy;
    beforeEach(async () => {
      proxy = await startProxy(database.url);
      return () => proxy.close();
    });
    const limits = { graceMs: 500 };
    const viaProxy = (): Promise<Session> => openSession(through(proxy, database.url), limits);

    test('from the start: connecting ends by its timeout', async () => {
      proxy.stall();
      const opened = await trySession(through(proxy, database.url), { connectTimeoutMs: 100 });
      expect(opened).toMatchObject({ ok: false, error: { kind: 'TargetUnavailable' } });
    });

    test('while connecting: an abort ends it at once', async () => {
      proxy.stall();
      const stop = new AbortController();
      const opening = trySession(through(proxy, database.url), { connectTimeoutMs: 60_000 }, stop.signal);
      await eventually('the connection', () => proxy.accepted > 0);
      stop.abort(new Error('shutting down'));
      expect(await opening).toMatchObject({ ok: false });
    });

    test('between two transactions: the next one ends by the grace', async () => {
      const session = await viaProxy();
      proxy.stall();
      const outcome = await runCollector(session, collectors.server, runOptions());
      expect(outcome).toMatchObject({ kind: 'failed', error: { kind: 'TargetUnavailable' } });
      if (outcome.kind === 'failed') expect(outcome.error.message).toBe('server: no answer within 500 ms');
      expect(session.isOpen).toBe(false);
    });

    test('in mid-statement: it ends by statement timeout and grace', async () => {
      const session = await viaProxy();
      const slept = sleep(session, never, 2_000).catch((error: unknown) => error);
      await eventually('the statement to run', sleeping);
      proxy.stall();
      expect(collectionError(await slept, 'sleeping')).toEqual({
        kind: 'TargetUnavailable',
        message: 'sleeping: no answer within 2500 ms',
        sqlstate: 'ETIMEDOUT',
      });
      expect(session.isOpen).toBe(false);
    });

    test('not even a CancelRequest: an abort gives the connection up', async () => {
      const session = await viaProxy();
      const stop = new AbortController();
      const slept = sleep(session, stop.signal).catch((error: unknown) => error);
      await eventually('the statement to run', sleeping);
      proxy.stall();
      stop.abort(new Error('shutting down'));
      expect(collectionError(await slept, 'sleeping').kind).toBe('TargetUnavailable');
      expect(session.isOpen).toBe(false);
    });

    test('and nobody listens any more: an abort does not end the program', async () => {
      const session = await viaProxy();
      const stop = new AbortController();
      const slept = sleep(session, stop.signal).catch((error: unknown) => error);
      await eventually('the statement to run', sleeping);
      const closed = proxy.close();
      stop.abort(new Error('shutting down'));
      await closed;
      expect(collectionError(await slept, 'sleeping').kind).toBe('TargetUnavailable');
    });

    test('closing does not wait for it', async () => {
      const session = await viaProxy();
      proxy.stall();
      await expect(session.close()).resolves.toBeUndefined();
    });
  });
});
