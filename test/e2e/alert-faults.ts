import pg from 'pg';
import { runOn, withConnection } from '../support/postgres.ts';

/** What the first look finds: ten tables with fifty copies of one index each. */
export const baselineTables = 10;
export const baselineCopies = 50;

/** The database before anything goes wrong. Nothing in it but the copies is worth a ticket at any scale. */
export const schemaBefore = `
  create extension pgstattuple;
  do $$ begin
    for n in 1..${baselineTables} loop
      execute format('create table old_%s (a int)', n);
      execute format('insert into old_%s select generate_series(1, 1500)', n);
      for copy in 0..${baselineCopies} loop execute format('create index old_%s_%s on old_%s (a)', n, copy, n); end loop;
    end loop;
  end $$;
  create table orders (id int primary key, note text);
  insert into orders select n, repeat('x', 100) || n from generate_series(1, 5000) n;
  create index orders_note on orders (note);
  create collation drifting (provider = icu, locale = 'de');
  create table people (name text collate drifting);
  insert into people select 'n' || n from generate_series(1, 3000) n;
  create unique index people_name on people (name);
  create table emails (address text);
  insert into emails select 'e' || n / 2 from generate_series(1, 3000) n;
  create table queue (id int);
  insert into queue select n from generate_series(1, 200000) n;
  create index queue_id on queue (id);
  create table parted (id int) partition by range (id);
  create table parted_1 partition of parted for values from (0) to (2000);
  create table parted_2 partition of parted for values from (2000) to (9000);
  insert into parted select generate_series(1, 4000);
  create table wanted (id int primary key, customer int);
  insert into wanted select n, n from generate_series(1, 3000) n;
  create index wanted_customer on wanted (customer);
  create table customers (id int primary key);
  insert into customers select generate_series(1, 3000);
  create table lines (id int, words text);
  insert into lines select n, 'line ' || n from generate_series(1, 600000) n;
  create index lines_id on lines (id);
  alter table queue set (autovacuum_enabled = off);
  vacuum analyze;`;

/** What a manifest expects of it. */
export const manifest =
  'indexes:\n  - {name: wanted_customer, table: wanted, columns: [customer], priority: 1}\n';

/** A query that takes a millisecond with its index and many without. */
export const probes = `probes:
  - {name: one-line, sql: 'select words from lines where id = $1', parameters: [{type: integer, value: 4711}],
     target: 8ms, page: 10ms, analyze: true, schedule: '* * * * * *'}
`;

/** Cancels a DROP INDEX CONCURRENTLY that waits for a reader: the index is invalid from then on, and still written to. */
export async function interruptDrop(url: string, table: string, index: string): Promise<void> {
  await withConnection(url, async (reader) => {
    await reader.query(`begin; select count(*) from ${table}`);
    await withConnection(url, async (dropper) => {
      await dropper.query(`set statement_timeout = '700ms'`);
      await dropper.query(`drop index concurrently ${index}`).catch(() => {});
    });
    await reader.query('rollback');
  });
}

/** A unique index whose build finds duplicates: it stays behind, invalid. */
export const failBuild = (url: string): Promise<void> =>
  withConnection(url, async (client) => {
    await client.query('create unique index concurrently emails_address on emails (address)').catch(() => {});
  });

export const faults = {
  duplicate: 'create index orders_note_again on orders (note)',
  drift: `update pg_collation set collversion = '0' where collname = 'drifting'`,
  partitions: 'create index parted_id on only parted (id)',
  slowProbe: 'drop index lines_id',
  fasterProbe: 'create index lines_id on lines (id)',
  dropExpected: 'drop index wanted_customer',
  foreignKey: `
    create table invoices (id int, customer int references customers);
    insert into invoices select n, 1 + n % 2000 from generate_series(1, 5000) n;
    delete from customers where id > 2990;
    analyze invoices`,
} as const;

/** Vacuum cannot run with other statements. */
export async function bloat(url: string): Promise<void> {
  await runOn(url, 'delete from queue where id % 10 <> 0');
  await runOn(url, 'vacuum analyze queue');
}

export interface StuckBuild {
  readonly end: () => Promise<void>;
}

/** CREATE INDEX CONCURRENTLY that waits for a writer, until that is ended. */
export async function stickBuild(url: string): Promise<StuckBuild> {
  const writer = new pg.Client({ connectionString: url });
  const builder = new pg.Client({ connectionString: url });
  for (const client of [writer, builder]) {
    client.on('error', () => {});
    await client.connect();
  }
  await writer.query('begin; insert into slow values (1)');
  const building = builder.query('create index concurrently slow_a on slow (a)').catch(() => {});
  return {
    end: async () => {
      await writer.query('commit');
      await building;
      await Promise.all([writer.end(), builder.end()]);
    },
  };
}
