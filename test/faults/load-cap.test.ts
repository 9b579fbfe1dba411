import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defaultMajor } from '../../src/demo/binaries.ts';
import { until } from '../e2e/program.ts';
import {
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  runOn,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { createRole, type TestRole } from '../support/roles.ts';
import { countConnections } from './our-connections.ts';
import { byWayOf, type RecordingProxy, startRecordingProxy } from './recording-proxy.ts';
import { noteFault, times } from './rows.ts';
import { collectorsOn, daemons, everySecond, type ServingDaemon } from './serving-daemon.ts';

/*
 * More databases than connections, with everything on that wants a connection: collectors, discovery, measuring, probes that are run.
 * The server counts.
 */

const majors = await postgresMajors([defaultMajor]);
const cap = 3;
const databaseCount = times(5, 12);

describeOnPostgres(majors, (server) => {
  const { serve, file, end } = daemons();
  let role: TestRole;
  let proxy: RecordingProxy;
  let daemon: ServingDaemon;
  const databases: TestDatabase[] = [];
  beforeAll(async () => {
    role = await createRole(server(), 'capped', { groups: ['pg_monitor', 'pg_read_all_data'] });
    for (let at = 0; at < databaseCount; at += 1) {
      const database = await createDatabase(server(), `capped_${at}`);
      databases.push(database);
      await withConnection(database.url, (client) =>
        client.query(`create extension pgstattuple; create table t (id int primary key, a text);
          insert into t select g, 'name ' || g from generate_series(1, 20000) g; create index t_a on t (a); delete from t where id % 2 = 0`),
      );
    }
    proxy = await startRecordingProxy(server().url());
    daemon = await serve({
      servers: [
        {
          name: 's',
          primary: { url: byWayOf(proxy, role.url('postgres')) },
          databases: { discover: true, include: ['capped_*'] },
          maxConnections: cap,
          probes: [
            {
              file: file(
                'probes.yaml',
                `probes:\n  - name: slow\n    table: t\n    sql: select count(*) from t a, t b where a.a < b.a\n    analyze: true\n    target: 5s\n    schedule: "*/5 * * * * *"\n`,
              ),
            },
          ],
        },
      ],
      collectors: collectorsOn(everySecond),
      bloat: everySecond,
      probes: { analyzeTimeout: '300ms' },
      limits: { connectTimeout: '2s', retryFirst: '500ms', retryMax: '2s', statementTimeout: '3s' },
    });
    await allUp();
  });
  afterAll(async () => {
    await end();
    await proxy?.close();
    for (const database of databases) await database.drop();
  });

  const up = async (): Promise<number> =>
    (await daemon.samples(['indexwarden_target_up'], ['target'])).filter(({ value }) => value === 1).length;
  const allUp = (): Promise<boolean> => until('all to be up', async () => (await up()) === databaseCount);
  /** Every database was looked at again, however often it takes. */
  const looked = async (count: number): Promise<void> => {
    await Promise.all(databases.map(({ name }) => daemon.generations(name, count)));
  };

  /** How many databases are down, once all are. */
  const allDown = async (): Promise<number> => {
    await until('all to be down', async () => (await up()) === 0);
    return databaseCount - (await up());
  };
  /** What was staged, with how many databases were down meanwhile, and when it was over. */
  type Stage = () => Promise<{ readonly down: number; readonly endedAtMs: number }>;
  const faults: readonly (readonly [string, Stage])[] = [
    ['no fault', async () => ({ down: databaseCount - (await up()), endedAtMs: Date.now() })],
    [
      'the server is stopped and started',
      async () => {
        await server().embedded?.stop('fast');
        const down = await allDown();
        await server().embedded?.start();
        return { down, endedAtMs: Date.now() };
      },
    ],
    [
      'the server crashes and recovers',
      async () => {
        for (let crash = 0; crash < times(1, 3); crash += 1) await server().embedded?.crash();
        const endedAtMs = Date.now();
        return { down: databaseCount - (await up()), endedAtMs };
      },
    ],
    [
      'our sessions are terminated again and again',
      async () => {
        let down = 0;
        for (let round = 0; round < times(20, 100); round += 1) {
          await runOn(
            server().url(),
            `select pg_terminate_backend(pid) from pg_stat_activity where usename = '${role.name}'`,
          );
          await delay(50);
          down = Math.max(down, databaseCount - (await up()));
        }
        return { down, endedAtMs: Date.now() };
      },
    ],
    [
      'the network is silent and comes back',
      async () => {
        for (let round = 0; ; round += 1) {
          proxy.stall();
          const down = await allDown();
          proxy.pass();
          const endedAtMs = Date.now();
          if (round + 1 >= times(1, 4)) return { down, endedAtMs };
          await allUp();
        }
      },
    ],
    [
      'connections are reset and refused',
      async () => {
        proxy.refuse();
        const down = await allDown();
        proxy.pass();
        return { down, endedAtMs: Date.now() };
      },
    ],
  ];
  test.each(faults)('never more connections than the cap: %s', async (fault, stage) => {
    if (server().embedded === undefined && /server/.test(fault)) return;
    const counter = countConnections(() => server().url(), role.name);
    await looked(1);
    const { down, endedAtMs } = await stage();
    await allUp();
    const recoveryMs = Date.now() - endedAtMs;
    await looked(1);
    const seen = await counter.stop();
    expect(seen.looks).toBeGreaterThan(100);
    expect(seen.most).toBeLessThanOrEqual(cap);
    expect(seen.names).toEqual(['indexwarden']);
    noteFault({
      area: 'load',
      fault: `${databaseCount} databases, room for ${cap} connections: ${fault}`,
      did: `at most ${seen.most} connections in ${seen.looks} counts on the server, all called ${seen.names.join()}`,
      said: `target_up 0 of ${down}, then 1 of ${await up()} databases`,
      recoveryMs: fault === 'no fault' ? null : recoveryMs,
    });
  });
});
