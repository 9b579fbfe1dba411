import { beforeAll, expect, test } from 'vitest';
import type { IndexView } from '../../src/analysis/catalogue.ts';
import type { Generation } from '../../src/findings/generation.ts';
import { look, runPrinted, statementsOf, summaries } from '../support/look.ts';
import { createDatabase, describeOnPostgres, postgresMajors, withConnection } from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { indexRows, missingFrom, uncommented } from './index-rows.ts';

const oneLevel = `
  create table h (d int not null, a int, b int) partition by range (d);
  create table h1 partition of h for values from (0) to (1000);
  create table h2 partition of h for values from (1000) to (3000);`;
const twoLevels = `
  create table h (d int not null, a int, b int) partition by range (d);
  create table h1 partition of h for values from (0) to (1000) partition by list (b);
  create table h11 partition of h1 for values in (0, 1); create table h12 partition of h1 for values in (2, 3);
  create table h2 partition of h for values from (1000) to (3000);`;
const filled = 'insert into h select g, g % 500, g % 4 from generate_series(0, 2000) g; analyze h;';

/** One schema a case. */
const cases: Readonly<Record<string, string>> = {
  duplicate_parents: `${oneLevel} ${filled} create index p1 on h (a); create index p2 on h (a)`,
  duplicate_trees: `${twoLevels} ${filled} create index p1 on h (a) where b > 1; create index p2 on h (a) with (fillfactor = 80) where 1 < b; comment on index p2 is 'it''s a copy'`,
  redundant_parents: `${oneLevel} ${filled} create index narrow on h (a); create index wide on h (a, b)`,
  private_copy: `${oneLevel} ${filled} create index i on h (a); create index mine on h1 (a)`,
  private_copy_is_older: `${oneLevel} ${filled} create index mine on h1 (a); create index other on h1 (a); create index i on h (a)`,
  private_narrow: `${oneLevel} ${filled} create index i on h (a, b); create index mine on h1 (a)`,
  private_wide: `${oneLevel} ${filled} create index i on h (a); create index mine on h1 (a, b)`,
  private_unique: `${oneLevel} ${filled} create index i on h (d); create unique index mine on h1 (d)`,
  private_primary: `${oneLevel} ${filled} create unique index i on h (d); alter table h1 add primary key (d)`,
  copy_half_way_up: `${twoLevels} ${filled} create index i on h (a); create index mid on h1 (a)`,
  constraint_and_index: `${oneLevel} ${filled} alter table h add constraint c unique (d); create unique index u on h (d)`,
  two_constraints: `${twoLevels.replaceAll('partition by list (b)', 'partition by range (d)').replace('in (0, 1)', 'from (0) to (500)').replace('in (2, 3)', 'from (500) to (1000)')} ${filled} alter table h add constraint c1 unique (d); alter table h add constraint c2 unique (d)`,
  sums: `${twoLevels} ${filled} create index i on h (a); create index on h (b)`,
  with_key: `${oneLevel} alter table h add primary key (d); ${filled}`,
  keys_on_partitions: `${oneLevel} alter table h1 add primary key (d); alter table h2 add primary key (d); ${filled}`,
};

const majors = await postgresMajors();

describeOnPostgres(majors, (server) => {
  let url: string;
  let generation: Generation;
  beforeAll(async () => {
    const database = await createDatabase(server(), 'partitions');
    url = database.url;
    await withConnection(url, async (client) => {
      for (const [schemaname, sql] of Object.entries(cases))
        await client.query(`create schema ${schemaname}; set search_path = ${schemaname}; ${sql}`);
    });
    await withConnection(url, async (client) => {
      await client.query('set search_path = sums; set enable_seqscan = off; set enable_bitmapscan = off');
      for (let scan = 0; scan < 3; scan += 1) await client.query('select count(*) from h11 where a = 4');
      await client.query('select count(*) from h2 where a = 4');
    });
    await withConnection(url, (client) =>
      eventually('the scans to be counted', async () => {
        const { rows } = await client.query<{ scans: number }>(
          "select sum(idx_scan)::int as scans from pg_stat_user_indexes where schemaname = 'sums'",
        );
        return rows[0]?.scans === 4;
      }),
    );
    generation = await look(url);
  });

  const on = (schemaname: string, ...kinds: readonly string[]) =>
    generation.findings.filter(
      (finding) => finding.schemaname === schemaname && (kinds.length === 0 || kinds.includes(finding.kind)),
    );
  const verdicts = (schemaname: string) =>
    Object.fromEntries(
      on(schemaname, 'duplicate-index', 'redundant-index').map(({ indexrelname, related }) => [
        indexrelname,
        related.find(({ role }) => role === 'keep')?.indexrelname,
      ]),
    );

  test.each([
    ['of two equal partitioned indexes one goes', 'duplicate_parents', { p2: 'p1' }],
    ['whatever the depth of the tree', 'duplicate_trees', { p2: 'p1' }],
    ['a narrow partitioned index gives way to a wider one', 'redundant_parents', { narrow: 'wide' }],
    [
      'a private copy of an inherited index goes, not the inherited one',
      'private_copy',
      { mine: 'h1_a_idx' },
    ],
    [
      'however old the private ones are',
      'private_copy_is_older',
      // CREATE INDEX on the parent attaches an equal index that it finds instead of building another.
      { other: 'mine' },
    ],
    ['a private prefix of an inherited index goes', 'private_narrow', { mine: 'h1_a_b_idx' }],
    ['an inherited prefix of a private index stays', 'private_wide', {}],
    ['a private unique index does not take the place of an inherited plain one', 'private_unique', {}],
    ['no primary key of a partition goes for an inherited unique index', 'private_primary', {}],
    ['a copy half way up the tree goes as a whole', 'copy_half_way_up', { mid: 'h1_a_idx' }],
    ['a constraint stays, its copy goes', 'constraint_and_index', { u: 'c' }],
    ['of two constraints the older stays', 'two_constraints', { c2: 'c1' }],
  ])('%s', (_, schemaname, expected) => {
    expect(verdicts(schemaname)).toEqual(expected);
  });

  test('no finding with SQL is ever about an index that is attached to another', () => {
    const attached = new Set(
      generation.catalogue.indexes
        .filter(({ parent }) => parent !== undefined)
        .map((index) => `${index.table.schemaname}.${index.name}`),
    );
    const about = generation.findings.filter(({ schemaname, indexrelname }) =>
      attached.has(`${schemaname}.${indexrelname}`),
    );
    expect(attached.size).toBeGreaterThan(20);
    expect(summaries(about)).toEqual([]);
  });

  test('sizes and scans of a partitioned index are those of its leaves', () => {
    const leaves = (index: IndexView): readonly IndexView[] =>
      index.children.length === 0 ? [index] : index.children.flatMap(leaves);
    const total = (index: IndexView, pick: (leaf: IndexView) => number | undefined) =>
      leaves(index).reduce((sum, leaf) => sum + (pick(leaf) ?? Number.NaN), 0);
    const index = generation.catalogue.indexes.find(
      ({ name, table }) => name === 'i' && table.schemaname === 'sums',
    );
    if (index === undefined) throw new Error('sums.i was not seen');
    expect(leaves(index)).toHaveLength(3);
    expect(index.usage?.scansTotal).toBe(4);
    expect(total(index, ({ usage }) => usage?.scansTotal)).toBe(4);
    expect(index.sizeBytes).toBeGreaterThan(3 * 8192);
    expect(total(index, ({ sizeBytes }) => sizeBytes)).toBe(index.sizeBytes);
    const [unused, ...others] = on('sums', 'unused-index');
    expect(others).toEqual([]);
    expect(unused).toMatchObject({ relname: 'h', indexrelname: 'h_b_idx' });
    expect(unused?.impact.reclaimableBytes).toBe(unused?.evidence.sizeBytes);
    expect(index.table.rows).toBe(2001);
  });

  test('a missing primary key is one finding, at the top of the tree', () => {
    expect(on('sums', 'missing-primary-key').map(({ relname }) => relname)).toEqual(['h']);
    expect(on('keys_on_partitions', 'missing-primary-key').map(({ relname }) => relname)).toEqual(['h']);
    expect(on('with_key', 'missing-primary-key')).toEqual([]);
  });

  test('dropping a partitioned index is printed commented out and says what it locks', () => {
    const [found] = on('duplicate_parents', 'duplicate-index');
    expect(statementsOf(found?.fix.sql ?? '')).toEqual([]);
    expect(found?.fix.sql?.split('\n').at(-1)).toBe('-- DROP INDEX duplicate_parents.p2;');
    expect(found?.fix.lock).toMatch(/^ACCESS EXCLUSIVE on the partitioned table and every partition/);
    expect(found?.fix.notes).toMatch(/cannot be dropped concurrently/);
  });

  test.each([
    'duplicate_parents',
    'duplicate_trees',
    'redundant_parents',
    'copy_half_way_up',
    'constraint_and_index',
    'two_constraints',
  ])('%s: once dropped, the rollback builds the very same valid tree', async (schemaname) => {
    const [found] = on(schemaname, 'duplicate-index', 'redundant-index');
    if (found === undefined) throw new Error('no finding');
    const before = await indexRows(url);
    const dropped = await runPrinted(url, uncommented(found.fix.sql ?? ''), found.fix.verifySql);
    expect(dropped.at(-1)?.rows).toEqual([{ done: true }]);
    const gone = missingFrom(await indexRows(url), before);
    expect(gone).toContain(`${schemaname}.${found.indexrelname}`);
    expect(gone.every((name) => name.startsWith(`${schemaname}.`))).toBe(true);
    await runPrinted(url, found.fix.rollbackSql);
    expect(await indexRows(url)).toEqual(before);
  });
});
