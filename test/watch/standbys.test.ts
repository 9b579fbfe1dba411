import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import { dayMs, minuteMs } from '../../src/model/units.ts';
import { memoryStore } from '../../src/store/store.ts';
import { misconfiguredNodes } from '../../src/watch/check.ts';
import { aFewMajors, type MajorUnderTest, postgresMajors, withConnection } from '../support/postgres.ts';
import { type Cluster, canReplicate, startCluster } from '../support/replication.ts';
import {
  fleetOn,
  type ManualClock,
  manualClock,
  neverScheduled,
  type WatchedFleet,
} from '../support/watching.ts';

/*
 * Real physical replication: a primary, a standby that streams from it, and an index that only the standby's queries use. The clock
 * of the program is the test's, so that weeks pass between two looks; the servers' own clocks are not touched.
 */
const schema = `
  create table orders (id int primary key, customer int, note text);
  insert into orders select g, g % 500, md5(g::text) from generate_series(1, 20000) g;
  create index orders_customer on orders (customer);
  create index orders_note on orders (note);
  vacuum analyze orders`;

const byId = 'select note from orders where id = 42';
const byCustomer = 'select count(*) from orders where customer = 42';

for (const major of (await postgresMajors(aFewMajors())).filter(canReplicate))
  describe(`PostgreSQL ${major.major}`, () => suite(major));

function suite(major: MajorUnderTest): void {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster(major, ['replica'], (url) =>
      withConnection(url, async (client) => {
        for (const statement of schema.split(';')) await client.query(statement);
      }),
    );
  });
  afterAll(() => cluster?.close());

  const standbyUrl = (): string => cluster.standbys[0]?.superuserUrl() ?? '';
  const document = (standbys: readonly object[], topology = 'complete'): Record<string, unknown> => ({
    servers: [{ name: 's', primary: { url: cluster.primary.url('postgres') }, standbys, topology }],
    policy: { unusedAfter: '30d' },
    history: { maxGap: '30h' },
    collectors: neverScheduled,
  });
  const withStandby = () => document([{ name: 'replica', url: standbyUrl() }]);

  test('an index that only a standby uses is never called unused', async () => {
    const story = await storyOf(withStandby());
    await story.days(20, () => ask(standbyUrl(), byCustomer, 3));
    expect(story.unused()).toEqual([]);
    expect(story.newest().nodes).toMatchObject([
      { node: 'primary', role: 'primary', state: 'observed' },
      { node: 'replica', role: 'standby', state: 'observed' },
    ]);
    expect(story.newest().unknownReplicas).toEqual([]);
    await story.days(15, () => ask(standbyUrl(), byCustomer, 3));
    // A month has passed: what nobody used on either node is unused, what the standby used is not.
    expect(story.unused()).toEqual(['orders_note']);
    await story.end();
  });

  test('a standby that is not configured is a caveat, and the verdict stays possible', async () => {
    const story = await storyOf(document([]));
    await story.days(40, () => ask(cluster.primary.url(), byId, 1));
    expect(story.newest().unknownReplicas).toEqual(['replica@127.0.0.1']);
    const found = story.findings();
    expect(found.map(({ indexrelname }) => indexrelname)).toContain('orders_customer');
    for (const finding of found) {
      expect(finding).toMatchObject({ confidence: 'possible', severity: 'info', fix: { sql: null } });
      expect(finding.caveats.join(' ')).toContain('replica@127.0.0.1');
    }
    await story.end();
  });

  test('a configured standby that cannot be reached leaves the verdict open, and its return closes the gap', async () => {
    const story = await storyOf(withStandby());
    await story.days(35, () => ask(cluster.primary.url(), byId, 1));
    expect(story.unused()).toEqual(['orders_customer', 'orders_note']);
    await cluster.standbys[0]?.stop();
    await story.days(1);
    const { nodes, inconclusive } = story.newest();
    expect(nodes[1]).toMatchObject({ node: 'replica', state: 'unreachable' });
    expect(inconclusive.filter(({ kind }) => kind === 'unused-index')[0]?.reason).toMatch(
      /node replica could not be read/,
    );
    // What was found before is neither resolved nor repeated while nobody can say.
    expect(story.unused()).toEqual(['orders_customer', 'orders_note']);
    await cluster.standbys[0]?.start();
    await story.days(1);
    expect(story.newest().nodes[1]).toMatchObject({ state: 'observed' });
    expect((await story.events()).map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['node-lost', 'node-returned']),
    );
    await story.end();
  });

  test('a standby of another cluster is a mistake of the configuration, and counts for nothing', async () => {
    const other = await startCluster(major, []);
    try {
      const story = await storyOf(document([{ name: 'stranger', url: other.primary.url('postgres') }]));
      await story.days(35);
      expect(story.newest().nodes[1]).toMatchObject({
        node: 'stranger',
        state: 'another-cluster',
        reason: expect.stringMatching(/belongs to another cluster.*standbys/),
      });
      expect(misconfiguredNodes([story.newest()])).toMatchObject([
        { value: 'stranger of server s', message: expect.stringMatching(/another cluster/) },
      ]);
      expect(story.unused()).toEqual([]);
      await story.end();
    } finally {
      await other.close();
    }
  });

  // Last: there is no way back from it.
  test('promotion breaks the window of the node that changed its role', async () => {
    const story = await storyOf(document([]), standbyUrl());
    await story.days(35);
    expect(story.newest().catalogue.server?.isInRecovery).toBe(true);
    await withConnection(standbyUrl(), (client) => client.query('select pg_promote(true, 60)'));
    await story.days(2);
    expect(story.newest().catalogue.server?.isInRecovery).toBe(false);
    const reasons = story.newest().inconclusive.filter(({ kind }) => kind === 'unused-index');
    expect(reasons[0]?.reason).toMatch(/changed between primary and standby.*verdict after/);
    expect((await story.events()).map(({ kind }) => kind)).toContain('statistics-reset');
    await story.end();
  });

  /** Runs a query by index on a node, and waits until the node has counted it. */
  async function ask(url: string, sql: string, times: number): Promise<void> {
    await withConnection(url, async (client) => {
      await client.query('set enable_seqscan = off');
      for (let at = 0; at < times; at += 1) await client.query(sql);
    });
  }

  async function storyOf(config: Record<string, unknown>, url?: string): Promise<Story> {
    const clock = manualClock();
    const store = memoryStore();
    const given = url === undefined ? config : { ...config, servers: [{ name: 's', primary: { url } }] };
    return new Story(fleetOn(given, { clock, store }), clock, store);
  }
}

class Story {
  readonly #watched: WatchedFleet;
  readonly #clock: ManualClock;
  readonly #store: ReturnType<typeof memoryStore>;
  #newest: Generation | undefined;

  constructor(watched: WatchedFleet, clock: ManualClock, store: ReturnType<typeof memoryStore>) {
    this.#watched = watched;
    this.#clock = clock;
    this.#store = store;
  }

  /** Lets days pass, with whatever happens and a look on each. */
  async days(count: number, happens: () => Promise<void> = async () => {}): Promise<void> {
    for (let day = 0; day < count; day += 1) {
      await happens();
      [this.#newest] = await this.#watched.fleet.runOnce();
      this.#clock.advance(dayMs + minuteMs);
    }
  }

  newest(): Generation {
    if (this.#newest === undefined) throw new Error('no day has passed yet');
    return this.#newest;
  }

  findings() {
    return this.newest().findings.filter(({ kind, state }) => kind === 'unused-index' && state === 'open');
  }

  unused(): readonly (string | null)[] {
    return this.findings()
      .map(({ indexrelname }) => indexrelname)
      .sort();
  }

  events() {
    return this.#store.eventsOf({ limit: 100 });
  }

  end(): Promise<void> {
    return this.#watched.fleet.stop();
  }
}
