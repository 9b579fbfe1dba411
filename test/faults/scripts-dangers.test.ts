import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { rollbackScript, sqlScript } from '../../src/plan/script/sql-script.ts';
import { until } from '../e2e/program.ts';
import { look, statementsOf } from '../support/look.ts';
import { runScript } from '../support/planning.ts';
import {
  createDatabase,
  describeOnPostgres,
  oldestAndNewest,
  postgresMajors,
  runOn,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { uncommented } from '../watch/index-rows.ts';
import { isShort, noteFault } from './rows.ts';
import { catalogueDump, differences } from './scripts-catalogue.ts';
import { cancelled, expired, type Stage, stage, stateOf, waits, whileWriting } from './scripts-stage.ts';

/*
 * What can go wrong between the making of a script and its end. Each test stages it on a server, runs the script as it was printed,
 * and looks at the catalogue. The other half of the list is in test/watch/plan-dangers.test.ts; docs/plan.md says which is where.
 */

const all = await postgresMajors(oldestAndNewest());
const majors = isShort ? all.slice(-1) : all;

/** The launcher goes from one database to the next; on 13 it is a minute until it comes to the one that needs it. */
const launcherRoundMs = 240_000;

/** What a script stopped with. */
async function stopped(url: string, script: string): Promise<{ message: string; hint: string }> {
  return runScript(url, script).then(
    () => ({ message: 'it ran to its end', hint: '' }),
    (error: pg.DatabaseError) => ({ message: error.message, hint: error.hint ?? '' }),
  );
}

describeOnPostgres(
  majors,
  (server, major) => {
    let on: Stage;
    let before: readonly string[];
    beforeEach(async () => {
      on = await stage(server());
      before = await catalogueDump(on.url);
    });
    // Few databases: what goes from one to the next, as autovacuum does, comes round sooner.
    afterEach(() => on.remove());
    const nothingChanged = async () => differences(before, await catalogueDump(on.url));
    const note = (fault: string, did: string, said: string): void =>
      noteFault({
        area: 'printed scripts',
        fault: `${fault}, PostgreSQL ${major}`,
        did,
        said,
        recoveryMs: null,
      });

    test('timeouts of the role leave no invalid index: the script builds without any', async () => {
      const script = sqlScript(on.creation);
      const short = `${on.url}?options=${encodeURIComponent('-c lock_timeout=50ms -c statement_timeout=300ms')}`;
      // Without the script's settings that is what happens.
      await whileWriting(on.url, async () => {
        await expect(runOn(short, 'create index concurrently by_hand on t (p_id)')).rejects.toThrow(
          /timeout/,
        );
      });
      expect(await stateOf(on.url, 'by_hand')).toMatch(/^false/);
      await runOn(on.url, 'drop index by_hand');
      let ended: Promise<unknown> = Promise.resolve();
      await whileWriting(on.url, async () => {
        ended = runScript(short, script);
        ended.catch(() => {});
        await withConnection(on.url, (client) =>
          eventually('the build to have waited beyond both timeouts', async () => {
            const { rowCount } = await client.query(
              "select from pg_stat_activity where query ~ '^CREATE INDEX CONCURRENTLY' and wait_event_type = 'Lock' and query_start < now() - interval '400 ms'",
            );
            return rowCount === 1;
          }),
        );
      });
      await ended;
      expect(await stateOf(on.url, on.created)).toBe('true true');
      note(
        'Role with lock_timeout 50 ms, a writer in the way',
        'by hand: an invalid index; the script waited',
        `${on.created} ${await stateOf(on.url, on.created)} (valid, ready)`,
      );
    });

    test('a drop that was cancelled is carried to its end by the next run', async () => {
      const script = sqlScript(on.drop);
      const error = await whileWriting(on.url, () =>
        cancelled(on.url, `drop index concurrently ${on.dropped}`),
      );
      expect(error).toMatch(/canceling statement/);
      const left = await stateOf(on.url, on.dropped);
      expect(left).toMatch(/^false/);
      await runScript(on.url, script);
      expect(await stateOf(on.url, on.dropped)).toBeUndefined();
      await runScript(on.url, rollbackScript(on.drop));
      expect(await nothingChanged()).toEqual([]);
      note(
        'Drop cancelled half-way',
        `left ${left} (valid, ready); the next run of the script dropped it`,
        'after the way back no line of the catalogue differs',
      );
    });

    test('a build that was cancelled stops the script, and its hint clears it away', async () => {
      const script = sqlScript(on.creation);
      await whileWriting(on.url, () =>
        cancelled(on.url, `create index concurrently ${on.created} on t (p_id)`),
      );
      const first = await stopped(on.url, script);
      expect(first.message).toMatch(/is an invalid leftover, which IF NOT EXISTS would pass over/);
      await runOn(on.url, /DROP INDEX CONCURRENTLY [\w.]+/.exec(first.hint)?.[0] ?? '');
      await runScript(on.url, script);
      expect(await stateOf(on.url, on.created)).toBe('true true');
      note(
        'Concurrent build cancelled, its leftover invalid',
        `stopped: ${first.message}`,
        `hint: ${first.hint}`,
      );
    });

    test('another index under the name stops the script', async () => {
      const script = sqlScript(on.creation);
      await runOn(on.url, `create index ${on.created} on p (id)`);
      const { message } = await stopped(on.url, script);
      expect(message).toMatch(/is there and is no index of/);
      note(
        'Name of the new index taken by another table’s',
        `stopped: ${message}`,
        `nothing created: ${await stateOf(on.url, on.created)}`,
      );
    });

    test('a partitioned index is only printed; by hand it gives way after half a second', async () => {
      const step = on.drop.steps.find(({ commented }) => commented !== null);
      const sql = uncommented(step?.commented ?? '');
      const partitioned = step?.indexrelname ?? '';
      await runScript(on.url, sqlScript(on.drop));
      expect(await stateOf(on.url, partitioned)).toBe('true true');
      await withConnection(on.url, async (reader) => {
        await reader.query('begin');
        await reader.query('select count(*) from w1');
        const drop = runScript(on.url, sql);
        await expect(drop).rejects.toThrow(/lock timeout/);
        // Nobody queues behind it any more.
        await withConnection(on.url, (other) =>
          other.query("set lock_timeout = '1s'; select count(*) from w"),
        );
        await reader.query('rollback');
      });
      expect(await stateOf(on.url, partitioned)).toBe('true true');
      await runScript(on.url, sql);
      expect(await stateOf(on.url, partitioned)).toBeUndefined();
      note(
        'Drop of a partitioned index behind a reader',
        'printed commented out; by hand: canceling statement due to lock timeout',
        'readers went on, the second try took',
      );
    });

    test.each([
      ['a prepared transaction', 'prepared'],
      ['an inactive slot', 'slot'],
      ['an old transaction', 'transaction'],
      // It takes a minute until a server turns to the one table.
      ...(isShort ? [] : ([['a wraparound vacuum of the table', 'wraparound']] as const)),
    ] as const)('%s stops the script before it does anything', async (what, kind) => {
      // A quarter of an hour cannot be waited for: the script as printed, with a shorter bound.
      const script = sqlScript(on.all).replaceAll("interval '15 minutes'", "interval '1 second'");
      const end = await blockers[kind](on.url);
      try {
        const { message } = await stopped(on.url, kind === 'transaction' ? script : sqlScript(on.all));
        expect(message).toMatch(said[kind]);
        expect(await stateOf(on.url, on.created)).toBeUndefined();
        expect(await stateOf(on.url, on.dropped)).toBe('true true');
        note(
          what.replace(/^./, (first) => first.toUpperCase()),
          'stopped before the first statement',
          message.replace(/\d{4}-\d\d-\d\d \S+/g, '…'),
        );
      } finally {
        await end();
      }
      await runScript(on.url, sqlScript(on.all));
      expect(await stateOf(on.url, on.created)).toBe('true true');
    });

    const said = {
      prepared: /prepared transaction iw_test of .* would hold this up/,
      slot: /replication slot iw_idle is inactive: the WAL of this statement would pile up/,
      wraparound:
        /an autovacuum to prevent wraparound \(process \d+\) is at work on the table: let it finish/,
      transaction: /process \d+ has been in a transaction since .*: it would hold this up/,
    };

    const blockers: Record<keyof typeof said, (url: string) => Promise<() => Promise<unknown>>> = {
      prepared: async (url) => {
        await withConnection(url, async (client) => {
          for (const statement of [
            'begin',
            'insert into t values (7000, 1, 1)',
            "prepare transaction 'iw_test'",
          ])
            await client.query(statement);
        });
        return () => runOn(url, "rollback prepared 'iw_test'");
      },
      slot: async (url) => {
        await runOn(url, "select pg_create_physical_replication_slot('iw_idle')");
        return () => runOn(url, "select pg_drop_replication_slot('iw_idle')");
      },
      transaction: async (url) => {
        const client = new pg.Client({ connectionString: url });
        await client.connect();
        await client.query('begin');
        await client.query('select 1');
        await withConnection(url, (other) =>
          eventually('the transaction to be a second old', async () => {
            const { rowCount } = await other.query(
              "select from pg_stat_activity where state = 'idle in transaction' and datname = current_database() and xact_start < now() - interval '1.1 seconds'",
            );
            return rowCount === 1;
          }),
        );
        return () => client.end();
      },
      wraparound: async (url) => {
        await withConnection(url, async (client) => {
          // As slow as a vacuum can be made, so that it is seen at work.
          await client.query(
            'alter table t set (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1, autovacuum_freeze_max_age = 100000)',
          );
          await client.query('insert into t select g, 1, g from generate_series(10000, 60000) g');
          await client.query(
            'do $$ begin for i in 1..110000 loop perform txid_current(); commit; end loop; end $$',
          );
        });
        await until(
          'a vacuum against wraparound',
          () =>
            withConnection(url, async (client) => {
              const { rowCount } = await client.query(
                "select from pg_stat_progress_vacuum v join pg_stat_activity a using (pid) where v.relid = 't'::regclass and a.query ~ 'to prevent wraparound'",
              );
              return rowCount === 1;
            }),
          launcherRoundMs,
        );
        return () =>
          withConnection(url, async (client) => {
            await client.query(
              'alter table t reset (autovacuum_vacuum_cost_delay, autovacuum_vacuum_cost_limit, autovacuum_freeze_max_age)',
            );
            await client.query(
              "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'autovacuum worker'",
            );
            await client.query('delete from t where id >= 10000');
            await client.query('vacuum (freeze, analyze) t');
          });
      },
    };

    test('a plan runs in its own database and cluster, and in its time, only', async () => {
      const other = await createDatabase(server(), 'other');
      const results = {
        database: await stopped(other.url, sqlScript(on.all)),
        cluster: await stopped(on.url, sqlScript({ ...on.all, systemIdentifier: '7000000000000000001' })),
        time: await stopped(on.url, sqlScript(expired(on.all))),
      };
      expect(results.database.message).toMatch(/made for database scripts.*this is other/);
      expect(results.cluster.message).toMatch(/made for another cluster/);
      expect(results.time.message).toMatch(/this plan expired at/);
      expect(await nothingChanged()).toEqual([]);
      note(
        'Plan of another database',
        'stopped at its first check',
        results.database.message.replace(/_[0-9a-f]{8}/g, ''),
      );
      note('Plan of another cluster', 'stopped at its first check', results.cluster.message);
      note(
        'Plan whose time is over',
        'stopped at its first check',
        results.time.message.replace(/at \d.*/, 'at …'),
      );
    });

    test('no printed statement cascades, touches the catalogue or sets a timeout for what is concurrent', () => {
      for (const plan of [on.all, on.creation, on.drop])
        for (const script of [sqlScript(plan), rollbackScript(plan)]) {
          const statements = statementsOf(script.replace(/^--.*$/gm, ''));
          expect(
            statements.filter((one) =>
              /\bCASCADE\b|UPDATE pg_|DELETE FROM pg_|allow_system_table_mods/i.test(one),
            ),
          ).toEqual([]);
          let lockTimeout = 'unknown';
          for (const statement of statements) {
            lockTimeout = /^SET lock_timeout = (.*)$/m.exec(statement)?.[1] ?? lockTimeout;
            if (/^(?:CREATE|DROP|REINDEX) [A-Z ]*INDEX CONCURRENTLY\b/.test(statement))
              expect([statement, lockTimeout]).toEqual([statement, '0']);
          }
        }
    });

    test('a rebuild that was cancelled leaves debris, which is found, named and cleared away', async () => {
      const error = await whileWriting(on.url, () =>
        cancelled(on.url, `reindex index concurrently ${on.dropped}`),
      );
      expect(error).toMatch(/canceling statement/);
      const left = await stateOf(on.url, `${on.dropped}_ccnew`);
      expect(left).toMatch(/^false/);
      const { findings } = await look(on.url);
      const debris = findings.find(({ indexrelname }) => indexrelname === `${on.dropped}_ccnew`);
      expect(debris?.kind).toBe('invalid-index');
      expect(debris?.fix.sql).toBe(`DROP INDEX CONCURRENTLY public.${on.dropped}_ccnew;`);
      await runOn(on.url, debris?.fix.sql ?? '');
      expect(await nothingChanged()).toEqual([]);
      note(
        'Concurrent rebuild cancelled',
        `reported ${debris?.indexrelname} as ${debris?.kind}`,
        `${debris?.fix.sql}`,
      );
    });

    test('a build by somebody else at that moment is waited for by a person, not by a guess', async () => {
      const script = sqlScript(on.creation);
      const builder = new pg.Client({ connectionString: on.url });
      await builder.connect();
      const message = await whileWriting(on.url, async () => {
        const { rows } = await builder.query<{ pid: number }>('select pg_backend_pid() as pid');
        const build = builder.query(`create index concurrently ${on.created} on t (p_id)`);
        build.catch(() => {});
        await waits(on.url, rows[0]?.pid ?? 0);
        const seen = await stopped(on.url, script);
        return { seen, build };
      }).then(async ({ seen, build }) => {
        await build;
        return seen.message;
      });
      await builder.end();
      expect(message).toMatch(/is being built at this moment: wait for that/);
      await runScript(on.url, script);
      note(
        'The index is being built by somebody else',
        `stopped: ${message}`,
        `afterwards the script passed over it: ${await stateOf(on.url, on.created)} (valid, ready)`,
      );
    });
  },
  {
    settings: {
      max_prepared_transactions: '5',
      max_replication_slots: '5',
      autovacuum_naptime: '1s',
      autovacuum_freeze_max_age: '100000',
      autovacuum_max_workers: '6',
    },
  },
);
