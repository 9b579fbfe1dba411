import { beforeAll, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import { look, summaries } from '../support/look.ts';
import { createDatabase, describeOnPostgres, postgresMajors, withConnection } from '../support/postgres.ts';

/** Two equal indexes, one unused one, and no primary key: if a table is seen at all it is found. */
const describeTable = (name: string, kind = 'table'): string => `
  create ${kind} ${name} (a int, b int, long text);
  insert into ${name} select g, g, repeat(md5(g::text), 200) from generate_series(1, 2000) g;
  create index on ${name} (a); create index on ${name} (a); create index on ${name} (b); analyze ${name};`;

const majors = await postgresMajors();

describeOnPostgres(majors, (server) => {
  let generation: Generation;
  beforeAll(async () => {
    const database = await createDatabase(server(), 'hidden');
    await withConnection(database.url, async (client) => {
      await client.query(describeTable('ordinary'));
      await client.query(describeTable('not_logged', 'unlogged table'));
      await client.query(
        `create materialized view stored as select a, b from ordinary;
         create index on stored (a); create index on stored (a); analyze stored`,
      );
      await client.query(describeTable('of_extension'));
      await client.query('create extension pg_stat_statements');
      await client.query('alter extension pg_stat_statements add table of_extension');
      await client.query(`${describeTable('referring')}
        alter table of_extension add unique (a);
        alter table referring add foreign key (b) references of_extension (a)`);
      await withConnection(database.url, async (other) => {
        await other.query(describeTable('of_another_session', 'temporary table'));
        await other.query('begin');
        await other.query(describeTable('of_another_transaction', 'temporary table'));
        generation = await look(database.url);
      });
    });
  });

  const relations = (): readonly string[] => [
    ...new Set(generation.findings.map(({ schemaname, relname }) => `${schemaname}.${relname}`)),
  ];

  test('was judged', () => {
    expect(generation.isUp).toBe(true);
    expect(generation.findings.length).toBeGreaterThan(0);
  });

  test('system, TOAST, temporary and extension-owned relations never appear, in findings or in the catalogue', () => {
    expect(relations().toSorted()).toEqual([
      'public.not_logged',
      'public.ordinary',
      'public.referring',
      'public.stored',
    ]);
    const known = generation.catalogue.tables.map(({ schemaname, relname }) => `${schemaname}.${relname}`);
    expect(known.toSorted()).toEqual(relations().toSorted());
    expect(generation.inconclusive.flatMap(({ relations: named = [] }) => named).join()).not.toMatch(
      /pg_|extension|session|transaction/,
    );
  });

  test('unlogged tables and materialized views are watched like others', () => {
    const duplicates = summaries(generation.findings.filter(({ kind }) => kind === 'duplicate-index'));
    expect(duplicates).toEqual([
      'duplicate-index public.not_logged_a_idx1',
      'duplicate-index public.ordinary_a_idx1',
      'duplicate-index public.referring_a_idx1',
      'duplicate-index public.stored_a_idx1',
    ]);
    // A materialized view cannot have a primary key.
    const keyless = generation.findings.filter(({ kind }) => kind === 'missing-primary-key');
    expect(keyless.map(({ relname }) => relname)).not.toContain('stored');
    expect(keyless.map(({ relname }) => relname)).toContain('not_logged');
  });
});
