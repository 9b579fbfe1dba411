import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Pooler, startPooler } from '../support/pooler.ts';
import { startPostgres, type TestServer } from '../support/postgres.ts';
import { isMissing } from '../support/tools.ts';
import { noteFault } from './rows.ts';
import { daemons } from './watched-daemon.ts';
import { createShop, type Shop, shopFindings, wellWatched } from './watched-shop.ts';

/*
 * pgbouncer in transaction mode with one server connection for all: whoever comes next gets the very connection that we have used.
 */

const hasNone = isMissing('pgbouncer', 'apt-get install pgbouncer');
const { watch, run } = daemons();

/** All that our transactions set, see src/postgres/session.ts, and what a leftover of them would show in. */
const settings = [
  ...[
    'statement_timeout',
    'lock_timeout',
    'idle_in_transaction_session_timeout',
    'search_path',
    'datestyle',
    'intervalstyle',
  ],
  ...[
    'timezone',
    'jit',
    'max_parallel_workers_per_gather',
    'transaction_read_only',
    'default_transaction_read_only',
  ],
  ...['extra_float_digits', 'bytea_output', 'quote_all_identifiers', 'standard_conforming_strings'],
];

describe.skipIf(hasNone)('behind pgbouncer', () => {
  let server: TestServer;
  let shop: Shop;
  let pooler: Pooler;
  beforeAll(async () => {
    server = await startPostgres(undefined, { isUnguarded: true });
    shop = await createShop(server, 'pooled');
    pooler = await startPooler(shop.url);
  });
  afterAll(async () => {
    await pooler?.stop();
    await server?.close();
  });

  test('a pooler is refused, says what to do, and is no clean check', async () => {
    const daemon = await watch([{ name: 's', primary: { url: pooler.url } }]);
    const view = await daemon.untilSaid('the refusal', (page) => page.isDown(shop.name));
    expect(view.errors(shop.name)).toEqual(['PoolerRefused']);
    expect([view.facts(shop.name), view.findings(shop.name)]).toEqual([[], []]);
    expect(String(daemon.events('target-down')[0]?.error)).toContain('allow_pooler');
    const checked = await run(['check', '--url', pooler.url]);
    expect(checked.code).toBe(3);
    const mendedAtMs = Date.now();
    await daemon.reconfigure([{ name: 's', primary: { url: pooler.url }, allowPooler: true }]);
    const recoveryMs = await daemon.recovered(shop.name, mendedAtMs);
    noteFault({
      area: 'pooler',
      fault: 'pgbouncer in transaction mode, not allowed (then allowed by a reload)',
      did: `refused it; check ended with ${checked.code}`,
      said: view.said(shop.name),
      recoveryMs,
    });
  });

  test('where it is allowed, an application on the same server connection finds no trace of us, and can write', async () => {
    const daemon = await watch([{ name: 's', primary: { url: pooler.url }, allowPooler: true }]);
    const first = await wellWatched(daemon, shop);
    expect(first.findings(shop.name)).toEqual(shopFindings);
    const clients = ['shop', 'office'].map(
      (application_name) => new pg.Client({ connectionString: pooler.url, application_name }),
    );
    await Promise.all(clients.map((client) => client.connect()));
    const direct = new pg.Client(shop.url);
    await direct.connect();
    const shown = async (client: pg.Client): Promise<readonly unknown[]> => {
      const { rows } = await client.query(
        'select name, setting, source from pg_settings where lower(name) = any ($1) order by name',
        [settings],
      );
      return rows.map(({ name, setting, source }) => ({
        name,
        setting,
        isOurs: source === 'session' && !clientSet.has(name.toLowerCase()),
      }));
    };
    const clean = await shown(direct);
    expect(clean).toHaveLength(settings.length);
    let writes = 0;
    let seenAtMs = first.publishedAtMs(shop.name) ?? 0;
    // Between, during and after our passes: the one connection goes from hand to hand.
    for (let passes = 0; passes < 4; ) {
      for (const client of clients) {
        expect(await shown(client)).toEqual(clean);
        await client.query('insert into items select max(id) + 1, $1 from items', ['written']);
        writes += 1;
      }
      const publishedAtMs = (await daemon.metrics()).publishedAtMs(shop.name) ?? 0;
      if (publishedAtMs > seenAtMs) passes += 1;
      seenAtMs = Math.max(seenAtMs, publishedAtMs);
    }
    const { rows } = await direct.query<{ written: string; backends: string }>(
      "select (select count(*) from items where name = 'written') as written, (select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()) as backends",
    );
    expect(Number(rows[0]?.written)).toBe(writes);
    // One server connection for the daemon and both applications.
    expect(Number(rows[0]?.backends)).toBe(1);
    const view = await daemon.metrics();
    await Promise.all([...clients, direct].map((client) => client.end()));
    noteFault({
      area: 'pooler',
      fault: 'pgbouncer allowed, one server connection shared with two applications',
      did: `left all ${settings.length} settings as they were; ${writes} writes of the applications succeeded`,
      said: view.said(shop.name),
      recoveryMs: null,
    });
  });
});

/** What clients set themselves as they connect; pgbouncer carries it from one to the next. */
const clientSet: ReadonlySet<string> = new Set(['datestyle', 'timezone', 'intervalstyle']);
