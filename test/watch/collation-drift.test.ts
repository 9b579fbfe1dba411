import { beforeAll, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import type { Finding } from '../../src/model/finding.ts';
import { look, named, runPrinted } from '../support/look.ts';
import {
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  runOn,
  type TestDatabase,
  type TestServer,
  withConnection,
} from '../support/postgres.ts';

/** One schema of tables with 2,000 rows, text in the order of a collation of ICU unless said otherwise. */
const describeTables = (major: number): string => `
  create schema s; set search_path = s;
  create collation drifted (provider = icu, locale = 'de');
  create collation steady (provider = icu, locale = 'sv');
  create collation "Ignoring ""case""" (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  create table t (id int, name text collate drifted, other text collate steady, plain text, byte text collate "C", ci text collate "Ignoring ""case""");
  insert into t select g, 'n' || g, 'o' || g, 'p' || g, 'b' || g, 'c' || g from generate_series(1, 2000) g;
  create index plain_btree on t (id, name);
  create unique index unique_btree on t (name);
  create unique index unique_ci on t (ci);
  create unique index unique_expression on t (lower(name)) where plain > 'p' collate drifted;
  create index brin_minmax on t using brin (name);
  create index by_hash on t using hash (name);
  create index by_hash_ci on t using hash (ci);
  create index by_radix on t using spgist (name);
  create index by_pattern on t (name text_pattern_ops);
  create index by_steady on t (other);
  create index by_byte on t (byte);
  create index by_default on t (plain);
  create index carried on t (id) include (name);
  create index in_predicate on t (id) where plain > 'p' collate drifted;
  create table parted (id int, name text collate drifted) partition by range (id);
  create table parted_1 partition of parted for values from (0) to (5000);
  insert into parted select g, 'n' || g from generate_series(1, 2000) g;
  create index parted_name on parted (name);
  create table without_rows (name text collate drifted);
  create index on_nothing on without_rows (name);
  create table few (name text collate drifted);
  insert into few values ('x');
  create index on_few on few (name);
  ${major >= 15 ? 'create table nulls (name text collate drifted); insert into nulls values (null); create unique index one_null on nulls (name) nulls not distinct;' : ''}
  analyze;`;

const drift = `
  update pg_collation set collversion = '0' where collnamespace = 's'::regnamespace and collname in ('drifted', 'Ignoring "case"')`;

const majors = await postgresMajors();

/** A story: the tests follow each other on one server. */
describeOnPostgres(majors, (server, major) => {
  let database: TestDatabase;
  let before: Generation;
  let generation: Generation;
  const only = { only: ['collation-drift'] } as const;
  const drifted = (): ReadonlyMap<string, Finding> => named(generation, 'collation-drift', 's');
  const finding = (name: string): Finding => {
    const found = drifted().get(name);
    if (found === undefined) throw new Error(`${name} is no finding`);
    return found;
  };

  beforeAll(async () => {
    database = await createDatabase(server(), 'drift');
    await runOn(database.url, describeTables(major));
    before = await look(database.url, only);
    await runOn(database.url, drift);
    generation = await look(database.url, only);
  });

  test('nothing has drifted on a fresh server', () => {
    expect(before.findings).toEqual([]);
  });

  test('bytes need no version: a database in C is judged in full on every major', () => {
    expect(generation.inconclusive).toEqual([]);
  });

  if (major < 15) {
    test('13 and 14 keep no version of another default collation, and it says so', async () => {
      const like = await createDatabase(server(), 'libc_default');
      await like.drop();
      await runOn(
        server().url(),
        `create database "${like.name}" template template0 locale 'C.UTF-8' encoding 'utf8'`,
      );
      await runOn(
        like.url,
        "create table t (name text); insert into t select 'n' || g from generate_series(1, 2000) g; create index by_default on t (name); analyze t",
      );
      const { inconclusive } = await look(like.url, only);
      expect(inconclusive).toMatchObject([
        { reason: expect.stringContaining('before 15'), relations: ['public.by_default'] },
      ]);
      await like.drop();
    });
  }

  test('every index that keeps texts in the order of the collation is a finding, and no other', () => {
    expect([...drifted().keys()].sort()).toEqual(
      [
        'brin_minmax',
        'by_hash_ci',
        'in_predicate',
        'on_few',
        ...(major >= 15 ? ['one_null'] : []),
        'parted_name',
        'plain_btree',
        'unique_btree',
        'unique_ci',
        'unique_expression',
      ].sort(),
    );
  });

  test('only what enforces uniqueness is critical', () => {
    expect(finding('unique_btree')).toMatchObject({ severity: 'critical', confidence: 'likely' });
    expect(finding('plain_btree').severity).toBe('warning');
    expect(finding('on_few').severity).toBe('info');
    const [collation] = finding('plain_btree').evidence.collations as readonly Record<string, unknown>[];
    expect(collation).toMatchObject({ collation: 's.drifted', provider: 'icu', recordedVersion: '0' });
    expect(collation?.actualVersion).toMatch(/^\d/);
  });

  test.each(['unique_btree', 'unique_ci', 'unique_expression', ...(major >= 15 ? ['one_null'] : [])])(
    'the query for duplicates of %s runs as printed and finds none where there are none',
    async (name) => {
      const query = duplicatesQuery(finding(name));
      const results = await runPrinted(database.url, query);
      expect(results.map(({ command }) => command)).toContain('SELECT');
      expect(results.flatMap(({ rows }) => rows)).toEqual([]);
    },
  );

  test('it finds the duplicates that an index in another order let in', async () => {
    const rules = "'und-u-kn-true'";
    const changed =
      major >= 17
        ? `colllocale = ${rules}`
        : major >= 15
          ? `colliculocale = ${rules}`
          : `collcollate = ${rules}, collctype = ${rules}`;
    await runOn(
      database.url,
      `create schema d; set search_path = d;
       create collation renumbered (provider = icu, locale = 'und');
       create table t (name text collate renumbered);
       insert into t select 'n' || g from generate_series(1, 2000) g;
       create unique index by_name on t (name)`,
    );
    // The order of numbers inside of texts changes under the index, as if by a new version.
    await runOn(
      database.url,
      `update pg_collation set ${changed}, collversion = '0' where collname = 'renumbered'`,
    );
    const letIn = await withConnection(database.url, (client) =>
      client.query(
        "insert into d.t select 'n' || g from generate_series(1, 2000) g on conflict do nothing returning name",
      ),
    );
    expect(letIn.rowCount).toBeGreaterThan(0);
    const seen = named(await look(database.url, only), 'collation-drift', 'd').get('by_name');
    if (seen === undefined) throw new Error('d.by_name is no finding');
    const results = await runPrinted(database.url, duplicatesQuery(seen));
    const duplicates = results.flatMap(({ rows }) => rows as readonly { readonly name: string }[]);
    expect(duplicates.map(({ name }) => name).sort()).toEqual(letIn.rows.map(({ name }) => name).sort());
    await runOn(database.url, 'drop schema d cascade');
  });

  test('the rebuild runs as printed; the finding closes only when the version is recorded', async () => {
    for (const name of ['unique_btree', 'parted_name']) {
      const { fix } = finding(name);
      if (major < 14 && name === 'parted_name') {
        expect(fix).toMatchObject({ sql: null, notes: expect.stringContaining('13 cannot rebuild') });
        continue;
      }
      expect(fix.sql).toBe(`REINDEX INDEX CONCURRENTLY s.${name};`);
      const done = await runPrinted(database.url, fix.preflightSql, fix.sql, fix.verifySql);
      expect(done.at(-1)?.rows).toEqual([{ done: true }]);
    }
    const rebuilt = await look(database.url, only);
    expect(rebuilt.findings).toHaveLength(generation.findings.length);
    for (const name of ['unique_btree', 'unique_ci'])
      await runPrinted(database.url, refreshStatement(finding(name)));
    expect((await look(database.url, only)).findings).toEqual([]);
  });

  // 13 and 14 keep no version of it.
  if (major >= 15) {
    test('a database whose default collation has drifted', async () => {
      const icu = await createIcuDatabase(server());
      await runOn(
        icu.url,
        'create table t (id int primary key, name text); insert into t select g, \'n\' || g from generate_series(1, 2000) g; create unique index by_name on t (name); create index by_c on t (name collate "C"); analyze t',
      );
      expect((await look(icu.url, only)).findings).toEqual([]);
      await runOn(icu.url, `update pg_database set datcollversion = '0' where datname = '${icu.name}'`);
      const seen = await look(icu.url, only);
      expect(seen.findings.map(({ indexrelname }) => indexrelname)).toEqual(['by_name']);
      const [found] = seen.findings;
      expect(found?.title).toContain('the database’s default collation is recorded as version 0');
      await runPrinted(icu.url, found?.fix.sql ?? '', found === undefined ? '' : refreshStatement(found));
      expect((await look(icu.url, only)).findings).toEqual([]);
      await icu.drop();
    });
  }
});

const duplicatesQuery = ({ fix }: Finding): string => /BEGIN;.*?ROLLBACK;/s.exec(fix.notes)?.[0] ?? '';
const refreshStatement = ({ fix }: Finding): string =>
  /ALTER (?:COLLATION|DATABASE) .*?;/s.exec(fix.notes)?.[0] ?? '';

/** A database whose default collation ICU provides. */
async function createIcuDatabase(server: TestServer): Promise<TestDatabase> {
  const like = await createDatabase(server, 'icu_default');
  await like.drop();
  await runOn(
    server.url(),
    `create database "${like.name}" template template0 locale_provider icu icu_locale 'de' encoding 'utf8' locale 'C'`,
  );
  return like;
}
