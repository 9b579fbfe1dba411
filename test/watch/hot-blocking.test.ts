import { beforeAll, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import type { Finding } from '../../src/model/finding.ts';
import { look, named } from '../support/look.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  runOn,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';

/** A table `t` for each case, of 200 rows on pages that are four fifths empty, and what is updated in every round. */
const cases: Readonly<Record<string, { readonly index: string; readonly update: string }>> = {
  indexed: { index: 'create index i on t (status)', update: 'status = status + 1' },
  unindexed: { index: 'create index i on t (status)', update: 'note = note + 1' },
  same_value: { index: 'create index i on t (status)', update: 'status = status, note = note + 1' },
  several: {
    index: 'create index i on t (status); create index other on t (note)',
    update: 'status = status + 1',
  },
  included: { index: 'create index i on t (parent) include (status)', update: 'status = status + 1' },
  predicate: { index: 'create index i on t (parent) where status > 0', update: 'status = status + 1' },
  expression: { index: 'create index i on t ((status % 2))', update: 'status = status + 2' },
  summarised: { index: 'create index i on t using brin (status)', update: 'status = status + 1' },
  key_only: { index: 'create unique index i on t (status)', update: 'status = status + 1000' },
};
const rounds = 60;
const rows = 200;

const describeTable = (schemaname: string, index: string): string => `
  create schema ${schemaname}; set search_path = ${schemaname};
  create table parents (id int primary key); insert into parents values (1);
  create table t (id int primary key, status int not null, note int not null, parent int not null references parents, padding text)
    with (fillfactor = 20, autovacuum_enabled = off);
  insert into t select g, g, g, 1, repeat('x', 20) from generate_series(1, ${rows}) g;
  ${index};`;

/** Rows on pages without room, where a new version never stays on its page. */
const describeFull = `
  create schema full_pages; set search_path = full_pages;
  create table t (id int primary key, status int not null, padding text) with (autovacuum_enabled = off);
  insert into t select g, g, repeat('x', 20) from generate_series(1, ${rows * rounds}) g;
  create index i on t (status);
  update t set status = status + 1;`;

const majors = await postgresMajors(aFewMajors());

describeOnPostgres(majors, (server, major) => {
  let database: TestDatabase;
  let generation: Generation;
  const only = { only: ['hot-blocking-index'] } as const;

  beforeAll(async () => {
    database = await createDatabase(server(), 'hot');
    await withConnection(database.url, async (client) => {
      for (const [schemaname, { index, update }] of Object.entries(cases)) {
        await client.query(describeTable(schemaname, index));
        for (let round = 0; round < rounds; round += 1) {
          await client.query(`update t set ${update}`);
          // What autovacuum does on a busy table: the old versions' places are free again.
          await client.query('vacuum t');
        }
      }
      await client.query(describeFull);
    });
    await withConnection(database.url, (client) =>
      eventually('the updates to be counted', async () => {
        const { rows: counted } = await client.query<{ updated: string }>(
          "select sum(n_tup_upd) as updated from pg_stat_user_tables where relname = 't'",
        );
        return Number(counted[0]?.updated) === rows * rounds * (Object.keys(cases).length + 1);
      }),
    );
    generation = await look(database.url, only);
  });

  const found = (schemaname: string): ReadonlyMap<string, Finding> =>
    named(generation, 'hot-blocking-index', schemaname);
  const hotRatioOf = (schemaname: string): number => {
    const usage = generation.catalogue.tables.find(
      (table) => table.schemaname === schemaname && table.relname === 't',
    )?.usage;
    return (usage?.rowsHotUpdatedTotal ?? Number.NaN) / (usage?.rowsUpdatedTotal ?? Number.NaN);
  };

  test('the only index on a column that is updated is named, and no drop is printed', () => {
    expect([...found('indexed').keys()]).toEqual(['i']);
    const finding = found('indexed').get('i');
    expect(finding).toMatchObject({
      severity: 'info',
      confidence: 'possible',
      columns: ['status'],
      impact: { reclaimableBytes: 0 },
      fix: { sql: null, rollbackSql: null },
    });
    expect(finding?.evidence).toMatchObject({
      rowsUpdatedTotal: rows * rounds,
      hotUpdateRatio: 0,
      fillfactorPercent: 20,
      columnsTakenForUnchanging: ['id', 'parent'],
      // From 16 on it is known that they stayed on their pages.
      rowsKeptFromHotTotal: major >= 16 ? expect.any(Number) : null,
    });
    if (major >= 16) expect(finding?.evidence.rowsKeptFromHotTotal).toBeGreaterThan((rows * rounds) / 2);
  });

  test.each(['included', 'predicate', 'expression'])('a column that is %s counts', (schemaname) => {
    expect(hotRatioOf(schemaname)).toBe(0);
    expect(found(schemaname).get('i')?.columns).toEqual(['status']);
  });

  test.each(['unindexed', 'same_value'])('updates that are HOT say nothing (%s)', (schemaname) => {
    expect(hotRatioOf(schemaname)).toBeGreaterThan(0.9);
    expect([...found(schemaname)]).toEqual([]);
  });

  test.each(['several', 'key_only'])('%s is silent though no update was HOT', (schemaname) => {
    expect(hotRatioOf(schemaname)).toBe(0);
    expect([...found(schemaname)]).toEqual([]);
  });

  test('BRIN keeps updates from being HOT before 16, and not from then on', () => {
    if (major >= 16) {
      expect(hotRatioOf('summarised')).toBeGreaterThan(0.9);
      expect([...found('summarised')]).toEqual([]);
    } else {
      expect(hotRatioOf('summarised')).toBe(0);
      expect([...found('summarised').keys()]).toEqual(['i']);
    }
  });

  test('where pages have no room no index is blamed', () => {
    expect(hotRatioOf('full_pages')).toBeLessThan(0.1);
    expect([...found('full_pages')]).toEqual([]);
    expect(generation.inconclusive).toMatchObject(
      major >= 16 ? [] : [{ reason: expect.stringContaining('before 16'), relations: ['full_pages.t'] }],
    );
  });

  test('an index that is locked is unknown, not innocent', async () => {
    await withConnection(database.url, async (client) => {
      await client.query('begin; lock table predicate.t in access exclusive mode');
      const seen = await look(database.url, only);
      await client.query('rollback');
      expect(named(seen, 'hot-blocking-index', 'predicate').size).toBe(0);
      expect(seen.inconclusive.flatMap(({ relations = [] }) => relations)).toContain('predicate.t');
    });
  });

  test('a server that counts nothing is inconclusive', async () => {
    const silent = await createDatabase(server(), 'uncounted');
    await runOn(silent.url, 'create table t (a int); create index i on t (a)');
    await runOn(silent.url, `alter database "${silent.name}" set track_counts = off`);
    expect((await look(silent.url, only)).inconclusive).toMatchObject([
      { reason: expect.stringMatching(/track_counts is off/) },
    ]);
  });
});
