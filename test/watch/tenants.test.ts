import { afterEach, beforeAll, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import { dayMs, minuteMs } from '../../src/model/units.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  runOn,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { createMonitor, type TestRole } from '../support/roles.ts';
import { fleetOn, manualClock, neverScheduled, type WatchedFleet } from '../support/watching.ts';

describeOnPostgres(await postgresMajors(aFewMajors()), (server) => {
  let role: TestRole;
  let watched: WatchedFleet | undefined;
  beforeAll(async () => {
    role = await createMonitor(server());
  });
  afterEach(async () => {
    await watched?.fleet.stop();
  });

  async function tenant(name: string): Promise<TestDatabase> {
    const database = await createDatabase(server(), name);
    for (const statement of [
      'create table orders (id int primary key, customer int)',
      'insert into orders select g, g % 100 from generate_series(1, 5000) g',
      'create index orders_customer on orders (customer)',
      'analyze orders',
    ])
      await runOn(database.url, statement);
    return database;
  }

  const query = (database: TestDatabase, where: string): Promise<void> =>
    withConnection(database.url, async (client) => {
      await client.query('set enable_seqscan = off');
      await client.query(`select id from orders where ${where}`);
    });

  test('an index that one tenant uses is not called unused in another', async () => {
    const [one, two] = [await tenant('tenant_one'), await tenant('tenant_two')];
    const clock = manualClock();
    watched = fleetOn(
      {
        servers: [
          {
            name: 's',
            primary: { url: role.url(one.name) },
            databases: [one.name, two.name],
            topology: 'complete',
          },
        ],
        policy: { unusedAfter: '7d' },
        history: { maxGap: '30h' },
        collectors: neverScheduled,
      },
      { clock },
    );
    const unusedAfter = async (days: number, isUsedByOne: boolean): Promise<readonly string[]> => {
      let generations: readonly Generation[] = [];
      for (let day = 0; day < days; day += 1) {
        await query(one, isUsedByOne ? 'customer = 7' : 'id = 7');
        await query(two, 'id = 7');
        generations = (await watched?.fleet.runOnce()) ?? [];
        clock.advance(dayMs + minuteMs);
      }
      return generations.flatMap(({ target, findings }) =>
        findings
          .filter(({ kind, state }) => kind === 'unused-index' && state === 'open')
          .map(({ indexrelname }) => `${target.datname}.${indexrelname}`),
      );
    };
    expect(await unusedAfter(10, true)).toEqual([]);
    // Once no tenant uses it any more, it is said of both.
    const unused = await unusedAfter(10, false);
    expect([...unused].sort()).toEqual([`${one.name}.orders_customer`, `${two.name}.orders_customer`].sort());
  });
});
