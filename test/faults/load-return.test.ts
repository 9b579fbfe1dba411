import { afterAll, beforeAll, expect, test } from 'vitest';
import { defaultMajor } from '../../src/demo/binaries.ts';
import { until } from '../e2e/program.ts';
import {
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  type TestDatabase,
} from '../support/postgres.ts';
import { createMonitor, type TestRole } from '../support/roles.ts';
import { countConnections } from './our-connections.ts';
import { type Attempt, byWayOf, type RecordingProxy, startRecordingProxy } from './recording-proxy.ts';
import { noteFault, times } from './rows.ts';
import { collectorsOn, daemons, everySecond } from './serving-daemon.ts';

/*
 * A hundred databases of one server that goes away and comes back. Who tries to connect, and when, is seen by a proxy before it.
 */

const majors = await postgresMajors([defaultMajor]);
const targets = times(30, 100);
const cap = 3;
const limits = { retryFirst: '1s', retryMax: '4s' };
const attemptsEach = times(4, 8);

describeOnPostgres(majors, (server) => {
  const { serve, end } = daemons();
  let role: TestRole;
  let proxy: RecordingProxy;
  const databases: TestDatabase[] = [];
  beforeAll(async () => {
    role = await createMonitor(server());
    for (let at = 0; at < targets; at += 1) databases.push(await createDatabase(server(), `many_${at}`));
    proxy = await startRecordingProxy(server().url());
  });
  afterAll(async () => {
    await end();
    await proxy?.close();
  });

  test('targets that are refused come back at intervals that grow, each at its own time, and without a rush', async () => {
    const counter = countConnections(() => server().url(), role.name);
    const daemon = await serve({
      servers: [
        {
          name: 's',
          primary: { url: byWayOf(proxy, role.url(databases[0]?.name ?? '')) },
          databases: databases.map(({ name }) => name),
          maxConnections: cap,
        },
      ],
      // All at the same time, as schedules are.
      collectors: { ...collectorsOn({ enabled: false }), server: everySecond },
      limits,
      bloat: { enabled: false },
    });
    const up = async (): Promise<number> =>
      (await daemon.samples(['indexwarden_target_up'], ['target'])).filter(({ value }) => value === 1).length;
    await until('all to be up', async () => (await up()) === targets);

    const before = proxy.attempts.length;
    proxy.refuse();
    await until('several attempts of each', () => {
      const each = perDatabase(proxy.attempts.slice(before));
      return each.length === targets && each.every((own) => own.length >= attemptsEach);
    });
    const down = targets - (await up());
    const refused = proxy.attempts.slice(before);
    const returned = proxy.attempts.length;
    proxy.pass();
    const backAtMs = Date.now();
    await until('all to be up again', async () => (await up()) === targets);
    const recoveryMs = Date.now() - backAtMs;
    const back = perDatabase(proxy.attempts.slice(returned)).flatMap(([first]) => first ?? []);
    const seen = await counter.stop();

    // The first refusals come with the schedule; from then on each target has its own times.
    const gaps = perDatabase(refused).map((own) =>
      own.slice(1, attemptsEach).map(({ atMs }, at) => atMs - (own[at]?.atMs ?? atMs)),
    );
    const means = Array.from({ length: attemptsEach - 1 }, (_, at) =>
      mean(gaps.map((own) => own[at] ?? Number.NaN)),
    );
    const thirds = perDatabase(refused).flatMap(([, , third]) => third ?? []);
    const again = perDatabase(refused).flatMap(([, ...others]) => others);
    expect(down).toBe(targets);
    expect(means[1]).toBeGreaterThan(means[0] ?? Number.NaN);
    expect(means[2]).toBeGreaterThan(means[1] ?? Number.NaN);
    expect(new Set(gaps.map((own) => own.join())).size).toBeGreaterThan(targets / 2);
    expect(busiest(thirds)).toBeLessThan(targets / 3);
    expect(busiest(back)).toBeLessThan(targets / 3);
    expect(seen.most).toBeLessThanOrEqual(cap);
    const seconds = means.map((gap) => `${(gap / 1000).toFixed(1)} s`).join(', ');
    noteFault({
      area: 'load',
      fault: `${targets} databases of one server refused, then let in again; retryFirst ${limits.retryFirst}, retryMax ${limits.retryMax}, a cap of ${cap}`,
      did: `tried again after ${seconds} in the mean; at most ${busiest(again)} attempts in a tenth of a second while refused and ${busiest(back)} on return, spread over ${(spreadMs(back) / 1000).toFixed(1)} s; at most ${seen.most} connections`,
      said: `target_up 0 of ${down} databases, then 1 of ${targets}`,
      recoveryMs,
    });
  });
});

/** The attempts of each database, in order. */
function perDatabase(attempts: readonly Attempt[]): readonly (readonly Attempt[])[] {
  const own = new Map<string, Attempt[]>();
  for (const attempt of attempts) own.set(attempt.database, [...(own.get(attempt.database) ?? []), attempt]);
  return [...own.values()];
}
/** The most attempts within any tenth of a second. */
function busiest(attempts: readonly Attempt[]): number {
  const times = attempts.map(({ atMs }) => atMs).sort((a, b) => a - b);
  return Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + 100).length));
}
const spreadMs = (attempts: readonly Attempt[]): number =>
  Math.max(...attempts.map(({ atMs }) => atMs)) - Math.min(...attempts.map(({ atMs }) => atMs));
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
