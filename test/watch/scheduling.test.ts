import { afterEach, beforeAll, expect, test } from 'vitest';
import { collectorNames } from '../../src/collectors/index.ts';
import {
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  type TestDatabase,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { createMonitor, type TestRole } from '../support/roles.ts';
import { fleetOn, neverScheduled, type WatchedFleet } from '../support/watching.ts';

const majors = await postgresMajors([17]);
const everySecond = { schedule: '* * * * * *', maxRandomDelay: '0s' };

// What a schedule does does not depend on the server.
describeOnPostgres(majors, (server) => {
  let database: TestDatabase;
  let role: TestRole;
  let watched: WatchedFleet | undefined;
  beforeAll(async () => {
    database = await createDatabase(server(), 'scheduling');
    role = await createMonitor(server());
  });
  afterEach(async () => {
    await watched?.fleet.stop();
  });
  const fleet = (collectors: Readonly<Record<string, unknown>>): WatchedFleet => {
    watched = fleetOn({
      servers: [{ name: 's', primary: { url: role.url(database.name) }, databases: [database.name] }],
      collectors,
    });
    return watched;
  };

  test('the first collection is at once, of everything', async () => {
    const { fleet: running, until } = fleet(neverScheduled);
    running.start();
    const first = await until(database.name, 1);
    expect(first.runs.map(({ name }) => name)).toEqual(collectorNames);
    expect(running.waitingFor()).toEqual([]);
  });

  test('collectors of one schedule run in one pass', async () => {
    const {
      fleet: running,
      until,
      of,
    } = fleet(Object.fromEntries(collectorNames.map((name) => [name, everySecond])));
    running.start();
    await until(database.name, 4);
    const generations = of(database.name);
    for (const [at, generation] of generations.entries()) {
      const previous = generations[at - 1];
      if (previous === undefined) continue;
      const rerun = generation.runs
        .filter(({ ranAtMs }) => ranAtMs >= previous.publishedAtMs)
        .map(({ name }) => name);
      expect(rerun).toEqual(collectorNames);
    }
  });

  test('a pass runs what is due and no more; the rest keeps the time at which it was read', async () => {
    const { fleet: running, until } = fleet({ ...neverScheduled, 'index-usage': everySecond });
    running.start();
    const first = await until(database.name, 1);
    const third = await until(database.name, 3);
    const moved = third.runs.filter(
      ({ name, ranAtMs }) => ranAtMs !== first.runs.find((run) => run.name === name)?.ranAtMs,
    );
    // The server itself is asked first in every pass.
    expect(moved.map(({ name }) => name)).toEqual(['server', 'index-usage']);
  });

  test('a collector that is switched off never runs, and detectors that need it say so', async () => {
    const { fleet: running, until } = fleet({ ...neverScheduled, 'operator-classes': { enabled: false } });
    running.start();
    const first = await until(database.name, 1);
    expect(first.runs.map(({ name }) => name)).not.toContain('operator-classes');
    expect(first.inconclusive.find(({ kind }) => kind === 'duplicate-index')?.reason).toContain(
      'operator-classes',
    );
  });

  test('after stop() nothing more is collected, while another fleet goes on', async () => {
    const stopped = fleet({ ...neverScheduled, 'index-usage': everySecond });
    stopped.fleet.start();
    await stopped.until(database.name, 2);
    await stopped.fleet.stop();
    const count = stopped.published.length;
    const other = fleet({ ...neverScheduled, 'index-usage': everySecond });
    other.fleet.start();
    await other.until(database.name, 3);
    await eventually('the other to go on', () => other.published.length >= 3);
    expect(stopped.published).toHaveLength(count);
  });
});
