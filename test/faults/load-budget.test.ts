import { afterAll, beforeAll, expect, test } from 'vitest';
import { defaultMajor } from '../../src/demo/binaries.ts';
import { until } from '../e2e/program.ts';
import {
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { createRole, type TestRole } from '../support/roles.ts';
import { noteFault, times } from './rows.ts';
import { collectorsOn, daemons, everySecond, type ServingDaemon } from './serving-daemon.ts';

/*
 * What a pass costs the server, by its own count, and what is left there of a daemon that is killed.
 */

const majors = await postgresMajors([defaultMajor]);
const tables = times(500, 3_000);
const analyzeTimeoutMs = 2_000;
/** So much later a process may be gone on a machine that is busy. */
const slackMs = 1_000;

describeOnPostgres(
  majors,
  (server) => {
    const { serve, file, end } = daemons();
    let database: TestDatabase;
    let role: TestRole;
    beforeAll(async () => {
      database = await createDatabase(server(), 'budget');
      role = await createRole(server(), 'budgeted', { groups: ['pg_monitor'] });
      await withConnection(database.url, (client) =>
        client.query(`create extension pg_stat_statements;
          do $$ begin for n in 1..${tables} loop
            execute format('create table t_%s (id int primary key, a int); create index on t_%s (a) where a > 0', n, n);
          end loop; end $$;
          create table slow (id int, a text); insert into slow select g, 'name ' || g from generate_series(1, 100000) g;
          grant select on slow to ${role.name}; analyze`),
      );
    });
    afterAll(async () => {
      await end();
      await database?.drop();
    });

    const watch = (more: object, serverMore: object = {}): Promise<ServingDaemon> =>
      serve({
        servers: [
          { name: 's', primary: { url: role.url(database.name) }, databases: [database.name], ...serverMore },
        ],
        collectors: collectorsOn(everySecond),
        bloat: { enabled: false },
        ...more,
      });
    /** Sessions of our role, with how long their statement has run. */
    const ours = () =>
      withConnection(database.url, async (client) => {
        const { rows } = await client.query<{
          pid: number;
          name: string;
          state: string;
          query: string;
          ran_ms: number;
        }>(
          `select pid, application_name as name, state, query, extract(epoch from clock_timestamp() - query_start)::float8 * 1000 as ran_ms
           from pg_stat_activity where usename = $1`,
          [role.name],
        );
        return rows;
      });

    test('what passes cost, as pg_stat_statements has it', async () => {
      const statementTimeoutMs = 5_000;
      const daemon = await watch({ limits: { statementTimeout: `${statementTimeoutMs}ms` } });
      await daemon.generations(database.name, 1);
      await withConnection(database.url, (client) => client.query('select pg_stat_statements_reset()'));
      const passes = times(2, 30);
      await daemon.generations(database.name, passes);
      const up = await daemon.value('indexwarden_target_up');
      daemon.kill('SIGTERM');
      await daemon.ended;
      const { rows } = await withConnection(database.url, (client) =>
        client.query<{ calls: number; total: number; longest: number; written: number; spilled: number }>(
          `select sum(calls)::int4 as calls, sum(total_exec_time)::float8 as total, max(max_exec_time)::float8 as longest,
             sum(shared_blks_written + local_blks_written)::int4 as written, sum(temp_blks_written)::int4 as spilled
           from pg_stat_statements s join pg_roles r on r.oid = s.userid where r.rolname = $1`,
          [role.name],
        ),
      );
      const [spent] = rows;
      if (spent === undefined) throw new Error('nothing was counted');
      expect(spent.calls).toBeGreaterThan(passes * 10);
      // A pass asks each collector's statement once; none may take longer than its time.
      expect(spent.longest).toBeLessThan(statementTimeoutMs);
      // The pass after the last one that was waited for may have begun.
      const perPassMs = spent.total / passes;
      expect(perPassMs).toBeLessThan(statementTimeoutMs);
      expect(spent.spilled).toBe(0);
      noteFault({
        area: 'load',
        fault: `What a pass with every collector costs, ${tables} tables and ${2 * tables} indexes`,
        did: `${passes} passes: ${Math.round(perPassMs)} ms of the server each in ${Math.round(spent.calls / passes)} statements, the longest ${Math.round(spent.longest)} ms (statementTimeout ${statementTimeoutMs} ms)`,
        said: `target_up ${up}`,
        recoveryMs: null,
      });
    });

    test('killed while a statement runs: it ends within its timeout, and everything of ours has our name', async () => {
      const probes = file(
        'probes.yaml',
        `probes:\n  - name: slow\n    table: slow\n    sql: select count(*) from slow a, slow b where a.a < b.a\n    analyze: true\n    target: 5s\n    schedule: "* * * * * *"\n`,
      );
      let longestMs = 0;
      const left: string[] = [];
      for (let round = 0; round < times(1, 5); round += 1) {
        const daemon = await watch(
          { probes: { analyzeTimeout: `${analyzeTimeoutMs}ms` } },
          { probes: [{ file: probes }] },
        );
        const running = await until('the probe to run', async () =>
          (await ours()).find(
            ({ query, state }) => state === 'active' && query.startsWith('explain (analyze'),
          ),
        );
        const before = await ours();
        // Parallel workers of a statement have the name of their leader.
        expect(new Set(before.filter(({ state }) => state !== null).map(({ name }) => name))).toEqual(
          new Set(['indexwarden']),
        );
        daemon.kill('SIGKILL');
        await daemon.ended;
        const ranMs = running.ran_ms;
        const sinceMs = Date.now() - ranMs;
        left.push(`${before.length}`);
        await until('the server to have none of ours', async () => (await ours()).length === 0);
        longestMs = Math.max(longestMs, Date.now() - sinceMs);
      }
      expect(longestMs).toBeLessThan(analyzeTimeoutMs + slackMs);
      noteFault({
        area: 'load',
        fault: 'The daemon is killed (SIGKILL) while a statement of its runs',
        did: `${times(1, 5)} times with ${left.join(', ')} sessions, all called indexwarden; the statement ended ${(longestMs / 1000).toFixed(1)} s after it began at the latest (its timeout: ${analyzeTimeoutMs / 1000} s)`,
        said: 'no session of ours left on the server',
        recoveryMs: null,
      });
    });

    test('killed at any moment of a pass, nothing of ours stays', async () => {
      let longestMs = 0;
      const kills = times(3, 50);
      for (let kill = 0; kill < kills; kill += 1) {
        const daemon = await watch({});
        await until('it to be connected', async () => (await ours()).length > 0);
        // A few looks at it, so that each kill meets another moment of the first pass.
        for (let look = 0; look < kill % 5; look += 1) await ours();
        daemon.kill('SIGKILL');
        await daemon.ended;
        const killedAtMs = Date.now();
        await until('the server to have none of ours', async () => (await ours()).length === 0);
        longestMs = Math.max(longestMs, Date.now() - killedAtMs);
      }
      expect(longestMs).toBeLessThan(5_000);
      noteFault({
        area: 'load',
        fault: 'The daemon is killed (SIGKILL) at any moment of its first pass',
        did: `${kills} times; its last session was gone from the server after ${(longestMs / 1000).toFixed(1)} s at the latest`,
        said: 'no session of ours left on the server',
        recoveryMs: null,
      });
    });
  },
  { settings: { shared_preload_libraries: 'pg_stat_statements', max_locks_per_transaction: '1024' } },
);
