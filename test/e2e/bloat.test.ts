import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  createDatabase,
  describeOnPostgres,
  oldestAndNewest,
  postgresMajors,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { createMonitor, type TestRole } from '../support/roles.ts';
import { toNobody } from './places.ts';
import { type Ended, programs } from './program.ts';

/*
 * `indexwarden bloat` as a person and as a script use it, by a role with pg_monitor and nothing else, against the truth: the
 * size that REINDEX leaves.
 */

const { run, start, endAll } = programs();
const ends = (await postgresMajors(oldestAndNewest())).filter(
  ({ major }, at, all) => at === 0 || at === all.length - 1 || major === 17,
);

interface Row {
  readonly schemaname: string;
  readonly indexrelname: string;
  readonly sizeBytes: number | null;
  readonly expectedSizeBytes: number | null;
  readonly ratio: number | null;
  readonly wastedBytes: number | null;
  readonly method: string;
  readonly confidence: string;
  readonly reason: string | null;
}
const rowsOf = ({ stdout }: Ended): ReadonlyMap<string, Row> => {
  // What is tested is that it is this.
  const { indexes } = JSON.parse(stdout) as { readonly indexes: readonly Row[] };
  return new Map(indexes.map((row) => [row.indexrelname, row]));
};

describeOnPostgres(ends, (server) => {
  let database: TestDatabase;
  let role: TestRole;
  let url: string;
  beforeAll(async () => {
    database = await createDatabase(server(), 'bloat');
    role = await createMonitor(server());
    url = role.url(database.name);
    await withConnection(database.url, (client) =>
      client.query(`create extension pgstattuple; create schema shop;
        create table shop.orders (id int primary key, code uuid, status int, note text, span int4range);
        insert into shop.orders select g, gen_random_uuid(), g % 40, 'note ' || g, int4range(g, g + 3)
        from generate_series(1, 100000) g;
        create index orders_code on shop.orders (code); create index orders_status on shop.orders (status);
        create index orders_note on shop.orders (note) where note is not null;
        create index orders_hash on shop.orders using hash (code); create index orders_brin on shop.orders using brin (id);
        create index orders_span on shop.orders using gist (span);
        create table empty (id int primary key);
        create index broken on shop.orders (id);
        update pg_index set indisvalid = false where indexrelid = 'shop.broken'::regclass`),
    );
    await withConnection(database.url, (client) => client.query('delete from shop.orders where id % 3 <> 0'));
    await withConnection(database.url, (client) => client.query('vacuum (analyze) shop.orders'));
  });
  afterAll(async () => {
    await database?.drop();
    await endAll();
  });

  test('without --measure nothing is read, and what is not known says so', async () => {
    const ended = await run(['bloat', '--url', url, '--format', 'json']);
    expect(ended.code).toBe(0);
    const rows = rowsOf(ended);
    expect(rows.get('orders_code')).toMatchObject({ ratio: null, method: 'unknown', confidence: 'none' });
    expect(rows.get('orders_code')?.reason).toContain('only the catalogue was read');
    expect([...rows.values()].filter(({ method }) => method === 'measured')).toEqual([]);
  });

  test('no index is told to be larger after a rebuild: not a small one, nor one whose NULLs only inserts merge', async () => {
    const tiny = await createDatabase(server(), 'tiny');
    try {
      await withConnection(tiny.url, (client) =>
        client.query(`create extension pgstattuple; create extension pg_freespacemap;
          create table few (id int primary key, code text unique, tags int[], place point);
          create index few_code on few (code); create index few_hash on few using hash (code);
          create index few_tags on few using gin (tags); create index few_place on few using gist (place);
          create index few_spot on few using spgist (place);
          create table gaps (gap int unique); insert into gaps select null from generate_series(1, 20000); analyze gaps;
          insert into few select g, repeat('x', g % 90), array[g % 3], point(g, g) from generate_series(1, 300) g
            where g % 90 <> 0 on conflict do nothing;
          analyze few; create table none (id int primary key)`),
      );
      const ended = await run(['bloat', '--url', role.url(tiny.name), '--measure', '--format', 'json']);
      expect({ code: ended.code, stderr: ended.stderr }).toMatchObject({ code: 0 });
      const known = [...rowsOf(ended).values()].filter(({ wastedBytes }) => wastedBytes !== null);
      expect(known.length).toBeGreaterThanOrEqual(7);
      for (const { indexrelname, sizeBytes, expectedSizeBytes, wastedBytes } of known) {
        expect(expectedSizeBytes, indexrelname).toBeGreaterThan(0);
        expect(expectedSizeBytes, indexrelname).toBeLessThanOrEqual(sizeBytes ?? 0);
        expect((expectedSizeBytes ?? 0) + (wastedBytes ?? 0), indexrelname).toBe(sizeBytes);
      }
    } finally {
      await tiny.drop();
    }
  });

  test('measured, it is what REINDEX frees', async () => {
    const ended = await run(['bloat', '--url', url, '--measure', '--budget', '4GiB', '--format', 'json']);
    expect({ code: ended.code, stderr: ended.stderr }).toMatchObject({ code: 0 });
    // No bar and no lines where nobody looks at a terminal.
    expect(ended.stderr).not.toMatch(/measuring/);
    const rows = rowsOf(ended);
    expect([...rows.keys()].sort()).toEqual([
      ...['broken', 'empty_pkey', 'orders_brin', 'orders_code', 'orders_hash', 'orders_note'],
      ...['orders_pkey', 'orders_span', 'orders_status'],
    ]);
    expect(Object.keys(rows.get('orders_code') ?? {})).toEqual([
      ...['server', 'datname', 'schemaname', 'relname', 'indexrelname', 'access_method', 'sizeBytes'],
      ...['expectedSizeBytes', 'wastedBytes', 'ratio', 'low', 'high', 'method', 'confidence', 'reason'],
    ]);
    expect(rows.get('broken')?.reason).toContain('not valid');
    expect(rows.get('orders_brin')?.reason).toContain('BRIN');
    expect(rows.get('empty_pkey')).toMatchObject({ wastedBytes: 0 });
    await withConnection(database.url, async (client) => {
      for (const name of ['orders_pkey', 'orders_code', 'orders_status', 'orders_note', 'orders_hash']) {
        const size = async (): Promise<number> => {
          const { rows: found } = await client.query<{ size: string }>(
            'select pg_relation_size($1::regclass) as size',
            [`shop.${name}`],
          );
          return Number(found[0]?.size);
        };
        await client.query('begin');
        const before = await size();
        await client.query(`reindex index shop.${name}`);
        const truth = 1 - (await size()) / before;
        await client.query('rollback');
        const row = rows.get(name);
        expect(row, name).toMatchObject({ method: 'measured' });
        expect(Math.abs((row?.ratio ?? 9) - truth), `${name}: ${row?.ratio} for ${truth}`).toBeLessThan(0.05);
      }
    });
  });

  test('as a table, for the indexes asked for', async () => {
    const ended = await run([
      'bloat',
      '--url',
      url,
      '--measure',
      '--index',
      'orders_c*',
      '--index',
      'shop.orders_status',
    ]);
    expect(ended.code).toBe(0);
    expect(ended.stdout).toMatch(/^index +table +size/);
    expect(ended.stdout).toMatch(/shop\.orders_code +orders .* measured, high/);
    expect(ended.stdout).toContain('shop.orders_status');
    expect(ended.stdout).not.toContain('orders_pkey');
    expect(ended.stdout.trimEnd().split('\n').at(-1)).toMatch(/^2 indexes, .* of which rebuilds would free/);
  });

  test('of some schemas', async () => {
    const ended = await run(['bloat', '--url', url, '--schema', 'public', '--format', 'json']);
    expect([...rowsOf(ended).keys()]).toEqual(['empty_pkey']);
  });

  test('interrupted, it ends with 130 and leaves nobody behind', async () => {
    const running = start(['bloat', '--url', url, '--measure', '--budget', '1MiB']);
    // The first is read at once; the second waits for a minute and more.
    await withConnection(server().url(), async (client) => {
      const measured = async (): Promise<boolean> => {
        const { rows } = await client.query<{ count: number }>(
          "select count(*)::int4 as count from pg_stat_activity where usename = $1 and query <> ''",
          [role.name],
        );
        return (rows[0]?.count ?? 0) > 0;
      };
      while (!(await measured()));
      running.kill('SIGINT');
      expect((await running.ended).code).toBe(130);
      while (await measured());
    });
  });

  describe('exit codes', () => {
    test('2 for a command line that is wrong', async () => {
      expect((await run(['bloat', '--url', url, '--budget', '1GiB'])).code).toBe(2);
    });

    test('3 for a database that cannot be reached', async () => {
      const ended = await run(['bloat', '--url', await toNobody(url), '--format', 'json']);
      expect(ended.code).toBe(3);
      expect(JSON.parse(ended.stdout)).toEqual({ indexes: [] });
      expect(ended.stderr).toContain('could not be read');
    });
  });
});
