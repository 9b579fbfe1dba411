import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import type { Probe } from '../../src/model/probe.ts';
import { hourMs, minuteMs } from '../../src/model/units.ts';
import { measureProbe, type ProbeOptions, planProbe } from '../../src/postgres/probe.ts';
import { systemClock } from '../../src/scheduler/clock.ts';
import { memoryStore } from '../../src/store/store.ts';
import type { FleetOptions } from '../../src/watch/fleet.ts';
import { look } from '../support/look.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { probesIn } from '../support/probes.ts';
import { eventually } from '../support/processes.ts';
import { readText } from '../support/repository.ts';
import { createMonitor, createRole, type TestRole } from '../support/roles.ts';
import { fleetOn, manualClock, neverScheduled, openSession, type WatchedFleet } from '../support/watching.ts';

/*
 * Probes on real servers: what they see, what they add to the counters, and what becomes of them when rights, indexes and the server's
 * patience change.
 */

const folder = mkdtempSync(path.join(tmpdir(), 'probes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function manifest(name: string, text: string): string {
  const file = path.join(folder, `${name}.yaml`);
  writeFileSync(file, text);
  return file;
}

const tables = `
create table orders (id int primary key, status text not null, at timestamptz not null, note text);
insert into orders select g, case when g % 5000 = 0 then 'open' else 'done' end, now() - g * interval '1 minute', 'n'
  from generate_series(1, 50000) g;
create index orders_status on orders (status);
create index orders_at on orders (at desc);
create table other (id int primary key);
create function meddle(int) returns int language sql as 'select $1';
create function calm(int) returns int language sql stable as 'select $1';
analyze orders`;

const openOrders = `
  - name: open-orders
    sql: select * from orders where status = $1 order by at desc limit 10
    parameters: [{type: text, value: open}]
    expectIndex: orders_status`;
const measured = `${openOrders}
    analyze: true
    target: 1s`;
const never = '0 30 4 29 2 *';
const withSchedule = (probes: string): string =>
  `probes:${probes.replaceAll(/^ {2}- name: .*$/gm, (line) => `${line}\n    schedule: "${never}"`)}\n`;

const majors = await postgresMajors(aFewMajors());

const options = (limits: Partial<ProbeOptions['limits']> = {}): ProbeOptions => ({
  limits: {
    planTimeoutMs: 5_000,
    analyzeTimeoutMs: 5_000,
    watchIntervalMs: 50,
    activeBackendsMax: 1_000,
    replicationLagMaxMs: hourMs,
    ...limits,
  },
  now: systemClock.now,
  sleep: (ms, signal) => systemClock.sleep(ms, signal),
  signal: new AbortController().signal,
});

describeOnPostgres(majors, (server, major) => {
  let database: TestDatabase;
  let monitor: TestRole;
  let reader: TestRole;
  beforeAll(async () => {
    database = await createDatabase(server(), 'probes');
    monitor = await createMonitor(server());
    reader = await createRole(server(), 'reader', { groups: ['pg_monitor'] });
    await withConnection(database.url, (client) =>
      client.query(`${tables}; grant select on orders to ${reader.name}`),
    );
  });

  const [open] = probesIn(withSchedule(openOrders));
  if (open === undefined) throw new Error('there is one');
  const sqlProbe = (sql: string, more = ''): Probe => {
    const [probe] = probesIn(
      `probes:\n  - name: p\n    table: orders\n    sql: ${JSON.stringify(sql)}\n${more}`,
    );
    if (probe === undefined) throw new Error('there is one');
    return probe;
  };
  const planned = async (probe: Probe, url = reader.url(database.name)) => {
    const session = await openSession(url);
    try {
      return await planProbe(session, probe, options());
    } finally {
      await session.close();
    }
  };
  const run = async (probe: Probe, limits: Partial<ProbeOptions['limits']> = {}) => {
    const [measuring, watching] = [
      await openSession(reader.url(database.name)),
      await openSession(reader.url(database.name)),
    ];
    try {
      const result = await measureProbe({ measuring, watching }, probe, options(limits));
      // Whatever became of it, both are as good as new.
      for (const session of [measuring, watching])
        expect((await planProbe(session, open, options())).ok).toBe(true);
      return result;
    } finally {
      await measuring.close();
      await watching.close();
    }
  };

  describe('a probe', () => {
    test('is planned for its values, and nothing of it is executed', async () => {
      const result = await planned(open);
      if (!result.ok) throw new Error(result.error.message);
      const { plan, durationMs, roleName } = result.value;
      expect(durationMs).toBeUndefined();
      expect(plan.executionMs).toBeUndefined();
      expect(JSON.stringify(plan)).toContain('orders_status');
      expect(roleName).toBe(reader.name);
      const common = await planned({ ...open, parameters: [{ kind: 'fixed', text: 'done' }] });
      expect(common.ok && JSON.stringify(common.value.plan)).toContain('orders_at');
    });

    test('that is run says how long it took, and what it added to the counters', async () => {
      const result = await run(open);
      if (!result.ok) throw new Error(result.error.message);
      expect(result.value.durationMs).toBeGreaterThan(0);
      expect(result.value.plan.root.actualRows).toBe(10);
      expect(result.value.plan.root.sharedHitBlocks).toBeDefined();
      expect([...result.value.ownScans.values()]).toEqual([1]);
    });

    test('that takes too long is ended, and counts as that slow', async () => {
      const slow = sqlProbe('select count(*) from orders a, orders b where a.note < b.note');
      const result = await run(slow, { analyzeTimeoutMs: 100 });
      if (!result.ok) throw new Error(result.error.message);
      expect(result.value.isTimeout).toBe(true);
      expect(result.value.durationMs).toBeGreaterThanOrEqual(90);
    });

    test('of a role without SELECT is refused with the grant that mends it', async () => {
      const result = await planned(open, monitor.url(database.name));
      expect(result).toMatchObject({
        ok: false,
        error: { kind: 'not-permitted', message: `role ${monitor.name} may not read public.orders` },
      });
      if (result.ok) throw new Error('it was planned');
      expect(result.error.grant).toBe(`GRANT SELECT ON public.orders TO ${monitor.name};`);
      await withConnection(database.url, (client) => client.query(result.error.grant ?? ''));
      expect((await planned(open, monitor.url(database.name))).ok).toBe(true);
      await withConnection(database.url, (client) =>
        client.query(`revoke select on orders from ${monitor.name}`),
      );
    });

    test('in a schema that the role may not use is refused with that grant, too', async () => {
      await withConnection(database.url, (client) =>
        client.query('create schema hidden; create table hidden.secrets (id int)'),
      );
      const result = await planned({ ...sqlProbe('select * from secrets'), schemaname: 'hidden' });
      expect(result.ok ? '' : result.error.grant).toBe(
        `GRANT USAGE ON SCHEMA hidden TO ${reader.name}; GRANT SELECT ON hidden.secrets TO ${reader.name};`,
      );
    });

    test.each<[string, string, string]>([
      ['names what is not there', 'select nonsense from orders', 'invalid'],
      ['names a table that is not there', 'select * from nothing_of_this_name', 'invalid'],
      ['is no SQL', 'select from where', 'invalid'],
    ])('that %s says so', async (_, sql, kind) => {
      const result = await planned(sqlProbe(sql));
      expect(result.ok ? 'planned' : result.error.kind).toBe(kind);
    });

    test('that calls what may do anything is planned, but not run', async () => {
      const meddling = sqlProbe('select meddle(id) from orders limit 1');
      expect((await planned(meddling)).ok).toBe(true);
      const result = await run(meddling);
      expect(result.ok ? '' : result.error.message).toContain('public.meddle() does: declared volatile');
      expect((await run(sqlProbe('select calm(id) from orders limit 1'))).ok).toBe(true);
    });

    test('that writes by a way that no words show is stopped by the server', async () => {
      await withConnection(database.url, (client) =>
        client.query(
          `create function liar() returns int language plpgsql immutable as $$ begin create table caught (a int); return 1; end $$`,
        ),
      );
      const result = await planned(sqlProbe('select liar() from orders'));
      expect(result.ok ? 'planned' : result.error.kind).not.toBe('planned');
      await withConnection(database.url, async (client) => {
        const { rows } = await client.query("select to_regclass('caught') as table");
        expect(rows).toEqual([{ table: null }]);
      });
    });

    test('is one statement to the server as well', async () => {
      const two = { ...open, sql: 'select 1 from orders; create table caught (a int)', parameters: [] };
      const result = await planned(two);
      expect(result.ok ? 'planned' : result.error.message).toContain('multiple commands');
    });

    test('does not wait for a table that somebody changes', async () => {
      await withConnection(database.url, async (client) => {
        await client.query('begin; lock table orders in access exclusive mode');
        const result = await planned(open);
        expect(result.ok ? 'planned' : result.error.kind).toBe('locked');
        await client.query('rollback');
      });
    });

    test('is not run while the server has enough to do', async () => {
      await withConnection(database.url, async (client) => {
        const busy = client.query('select pg_sleep(60)').catch(() => {});
        const { rows } = await withConnection(database.url, async (other) => {
          await eventually('the sleeper', async () => {
            const active = await other.query(
              "select from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'",
            );
            return active.rowCount === 1;
          });
          const result = await run(open, { activeBackendsMax: 0 });
          expect(result.ok ? 'run' : result.error.message).toContain(
            'more than probes.activeBackendsMax (0)',
          );
          return other.query(
            "select pg_cancel_backend(pid) from pg_stat_activity where query = 'select pg_sleep(60)'",
          );
        });
        expect(rows).toHaveLength(1);
        await busy;
      });
    });
  });

  describe('watched', () => {
    const fleets: WatchedFleet[] = [];
    afterEach(async () => {
      for (const { fleet } of fleets.splice(0)) await fleet.stop();
    });
    const watch = (
      file: string,
      { url = reader.url(database.name), ...more }: Partial<FleetOptions> & { readonly url?: string } = {},
      document: object = {},
    ): WatchedFleet => {
      const watched = fleetOn(
        {
          servers: [{ name: 's', primary: { url }, probes: [{ file }] }],
          collectors: neverScheduled,
          bloat: { enabled: false },
          ...document,
        },
        more,
      );
      fleets.push(watched);
      return watched;
    };
    const probesOf = ({ probes = [] }: Generation) => probes;
    /** Runs all probes and waits for what is published of it. */
    const again = async (watched: WatchedFleet): Promise<Generation> => {
      const before = watched.of(database.name).length;
      watched.fleet.activateProbes();
      return watched.until(database.name, before + 1);
    };
    const about = ({ findings }: Generation, kind: string) =>
      findings.filter((finding) => finding.kind === kind && finding.state === 'open');

    test('a probe without rights is unknown, with the grant, and never well', async () => {
      const watched = watch(manifest('rights', withSchedule(measured)), { url: monitor.url(database.name) });
      watched.fleet.start();
      const generation = await watched.until(database.name, 2);
      const reasons = generation.inconclusive.filter(({ kind }) => /probe/.test(kind));
      expect(reasons.map(({ kind }) => kind).sort()).toEqual(['probe-plan-regression', 'slow-probe']);
      for (const { reason } of reasons)
        expect(reason).toContain(`GRANT SELECT ON public.orders TO ${monitor.name};`);
      expect(probesOf(generation)[0]?.memory).toBeUndefined();
    });

    test('a plan that is lost is told with the old and the new one, and over when it returns', async () => {
      const store = memoryStore();
      const file = manifest('plan', withSchedule(openOrders));
      const first = watch(file, { store });
      first.fleet.start();
      const well = await first.until(database.name, 2);
      expect(about(well, 'probe-plan-regression')).toEqual([]);
      const hash = probesOf(well)[0]?.memory?.baseline?.hash;
      expect(hash).toMatch(/^[0-9a-f]{16}$/);
      await first.fleet.stop();

      // Over a restart: what it was like before is known.
      await withConnection(database.url, (client) => client.query('drop index orders_status'));
      const second = watch(file, { store });
      second.fleet.start();
      const lost = await second.until(database.name, 2);
      const [finding] = about(lost, 'probe-plan-regression');
      expect(finding).toMatchObject({ severity: 'warning', schemaname: 'public', relname: 'orders' });
      expect(finding?.title).toContain('has lost its plan: the expected index orders_status is not there');
      expect(finding?.evidence).toMatchObject({ oldPlanHash: hash });
      expect(JSON.stringify(finding?.evidence.oldPlan)).toContain('orders_status');
      expect(JSON.stringify(finding?.evidence.newPlan)).not.toContain('orders_status');
      expect(JSON.stringify(finding?.evidence)).not.toContain("'open'");
      const events = await store.eventsOf({ limit: 50, kinds: ['probe-plan-changed'] });
      expect(events.map(({ title }) => title)).toEqual([
        expect.stringContaining('Probe open-orders is planned in another way'),
      ]);

      // Under another name it does as well, since the manifest of probes goes by what the finding shows; by its own name at once.
      await withConnection(database.url, (client) =>
        client.query('create index orders_status on orders (status)'),
      );
      second.fleet.activateAll();
      await second.until(database.name, 3);
      const back = await again(second);
      expect(about(back, 'probe-plan-regression')).toEqual([]);
      expect(probesOf(back)[0]?.memory?.baseline?.hash).toBe(hash);
    });

    test('an index that nobody but a probe uses is unused', async () => {
      await withConnection(database.url, async (client) => {
        await client.query('drop index orders_status; create index orders_status on orders (status)');
      });
      const clock = manualClock();
      const watched = watch(
        manifest('own', withSchedule(measured)),
        { clock },
        { policy: { unusedAfter: '2h' }, history: { maxGap: '6h' } },
      );
      watched.fleet.start();
      await watched.until(database.name, 2);
      let generations = 2;
      for (let hour = 0; hour < 4; hour += 1) {
        clock.advance(hourMs);
        // Others read the table, and have no use for the index.
        await withConnection(database.url, (client) =>
          client.query("select count(*) from orders where note = 'x'"),
        );
        await again(watched);
        generations += 1;
        watched.fleet.activateAll();
        generations += 1;
        await watched.until(database.name, generations);
      }
      clock.advance(minuteMs);
      // The server shows the last scans when the connection that made them is gone.
      const scans = async (): Promise<number> =>
        withConnection(database.url, async (client) => {
          const { rows } = await client.query(
            "select idx_scan from pg_stat_user_indexes where indexrelname = 'orders_status'",
          );
          return Number(rows[0]?.idx_scan);
        });
      await eventually('the scans of the probe', async () => (await scans()) >= 5);
      watched.fleet.activateAll();
      const last = await watched.until(database.name, generations + 1);
      expect(probesOf(last)[0]?.memory?.runs).toHaveLength(5);
      const unused = () => about(last, 'unused-index').map(({ indexrelname }) => indexrelname);
      expect(unused(), JSON.stringify(last.inconclusive)).toContain('orders_status');

      // And one scan by somebody else is a use.
      const before = await scans();
      await withConnection(database.url, (client) =>
        client.query("select * from orders where status = 'open'"),
      );
      await eventually('the scan of somebody else', async () => (await scans()) > before);
      clock.advance(minuteMs);
      watched.fleet.activateAll();
      const used = await watched.until(database.name, generations + 2);
      expect(about(used, 'unused-index').map(({ indexrelname }) => indexrelname)).not.toContain(
        'orders_status',
      );
    });

    test('a target that is missed three times is a finding', async () => {
      const slow = `
  - name: slow
    sql: select count(*) from orders a join orders b on b.id = a.id where a.note <> 'x'
    analyze: true
    target: 1ms`;
      const watched = watch(manifest('slow', withSchedule(slow)));
      watched.fleet.start();
      await watched.until(database.name, 2);
      await again(watched);
      const generation = await again(watched);
      const [finding] = about(generation, 'slow-probe');
      expect(finding).toMatchObject({ severity: 'warning', evidence: { targetSeconds: 0.001 } });
      expect(finding?.title).toMatch(/^Probe slow takes .* instead of 1 ms at most, 3 runs in a row$/);
    });

    test('with one connection probes are planned and not run, and say why', async () => {
      const watched = watch(
        manifest('one', withSchedule(measured)),
        {},
        { limits: { connectionsPerServer: 1 } },
      );
      watched.fleet.start();
      const generation = await watched.until(database.name, 2);
      expect(probesOf(generation)[0]?.memory?.runs).toEqual([]);
      expect(generation.inconclusive.find(({ kind }) => kind === 'slow-probe')?.reason).toContain(
        'is not measured: that takes 2 connections',
      );
    });
  });

  const onNewest = major === majors.at(-1)?.major;
  // One server shows it; where it is left out there is no test that is skipped.
  if (onNewest)
    test('a single look plans, runs nothing, and judges no target', async () => {
      const file = manifest('once', withSchedule(measured.replace('orders_status', 'orders_at')));
      const generation = await look(reader.url(database.name), {
        document: {
          servers: [{ name: 's', primary: { url: reader.url(database.name) }, probes: [{ file }] }],
        },
        only: ['slow-probe', 'probe-plan-regression'],
      });
      expect(generation.findings.map(({ kind }) => kind)).toEqual(['probe-plan-regression']);
      expect(generation.inconclusive).toEqual([]);
      expect(generation.probes?.[0]?.memory?.runs).toEqual([]);
    });

  describe.each(['backtest', 'residency'])('the manifest of %s', (name) => {
    test('fits the schema of the demo', async () => {
      const own = await createDatabase(server(), name);
      await withConnection(own.url, (client) => client.query(readText('demo', `${name}.sql`)));
      const session = await openSession(own.url);
      try {
        for (const probe of probesIn(readText('probes', `${name}.yaml`))) {
          const result = await planProbe(session, probe, options());
          expect(result.ok ? 'planned' : result.error.message, probe.name).toBe('planned');
        }
      } finally {
        await session.close();
        await own.drop();
      }
    });
  });
});
