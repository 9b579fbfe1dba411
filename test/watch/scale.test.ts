import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCatalogue } from '../../bench/scale/catalogue.ts';
import { readFloor } from '../../bench/scale/floor-read.ts';
import { defaultMajor } from '../../src/demo/binaries.ts';
import type { Detector } from '../../src/detectors/define.ts';
import { detectors } from '../../src/detectors/index.ts';
import { renderGeneration } from '../../src/metrics/render.ts';
import { createDatabase, startPostgres, type TestDatabase, type TestServer } from '../support/postgres.ts';
import { fleetOn } from '../support/watching.ts';

/*
 * A coarse guard against passes that have become slow: the CPU of the cheapest of some passes beside that of the cheapest of some bare reads
 * of the same catalogue, taken in turn in this process. How it stands in numbers is what `npm run bench:scale` tells.
 */

const indexes = 1_000;
/**
 * A pass takes some eighteen times the CPU of reading the floor's rows and dropping them: with so few indexes most of it is what every
 * pass has to do. The test below shows that what grows with the square of the indexes goes beyond, even at this size.
 */
const timesMax = 45;

let server: TestServer;
let database: TestDatabase;
beforeAll(async () => {
  server = await startPostgres(defaultMajor, { settings: { max_locks_per_transaction: '1024' } });
  database = await createDatabase(server, 'wide');
  await buildCatalogue(database.url, indexes, () => {});
});
afterAll(() => server?.close());

/** How often the CPU of the bare read would fit into that of a pass: the least of each, which other work on the machine has disturbed least. */
async function passesInReads(judging: readonly Detector[], rounds: number): Promise<number> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { fleet } = fleetOn(
    { servers: [{ name: 'wide', primary: { url: database.url }, databases: [database.name] }] },
    { detectors: judging, publish: (generation) => void renderGeneration(generation) },
  );
  let [read, pass] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  try {
    for (let round = 0; round < rounds; round += 1) {
      read = Math.min(read, await cpuOf(() => readFloor(client)));
      pass = Math.min(pass, await cpuOf(() => fleet.runOnce()));
    }
  } finally {
    await fleet.stop();
    await client.end();
  }
  expect(fleet.generations()).toMatchObject([{ isUp: true }]);
  return pass / read;
}

/** CPU of this process in ms: unlike the time on the clock it does not grow with what else the machine does. */
async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  const began = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1e3;
}

/** A detector that looks at every index once for each index, as none may. */
const squared: Detector = {
  ...detectors[0]!,
  *evaluate({ catalogue }) {
    let same = 0;
    for (const one of catalogue.indexes) {
      for (const other of catalogue.indexes) if ([...one.name].sort().join() === other.name) same += 1;
      yield;
    }
    return { findings: [], inconclusive: `${same} indexes` };
  },
};

describe('a pass over 1,000 indexes', () => {
  it('stays within a generous multiple of the bare read of the catalogue', async () => {
    expect(await passesInReads(detectors, 5)).toBeLessThan(timesMax);
  });

  it('would be noticed if a detector looked at each index for each index', async () => {
    expect(await passesInReads([...detectors.slice(1), squared], 2)).toBeGreaterThan(timesMax);
  });
});
