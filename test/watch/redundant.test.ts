import { beforeAll, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import { look, named } from '../support/look.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';

/** One schema a case; each has a table t of 5,000 rows. Of (a) and (a, long) the second is many times larger. */
const cases: Readonly<Record<string, string>> = {
  cheap: 'create index narrow on t (a); create index wide on t (a, b)',
  costly_and_used: 'create index narrow on t (a); create index wide on t (a, long)',
  costly_and_unused: 'create index narrow on t (a); create index wide on t (a, long)',
  unique_same_key: 'create index plain on t (id); create unique index u on t (id)',
  unique_longer_key: 'create index plain on t (id); create unique index u on t (id, a)',
  unique_under_wider: 'create unique index u on t (id); create index wide on t (id, a)',
  unique_under_wider_unique: 'create unique index u on t (id); create unique index wide on t (id, a)',
  unique_beside_plain: 'create unique index u on t (id); create index plain on t (id)',
  constraint_under_wider: 'alter table t add constraint c unique (id); create index wide on t (id, a)',
  all_three:
    'create index plain on t (id); create unique index u on t (id); alter table t add constraint c unique (id)',
  gin: 'create index g on t using gin (j); create index g2 on t using gin (j, tags); create index b on t (tags)',
  hash: 'create index h on t using hash (a); create index wide on t (a, b)',
  mirrored: 'create index narrow on t (a desc); create index wide on t (a, b)',
  mirrored_pair: 'create index narrow on t (a desc, b); create index wide on t (a, b desc, id)',
  half_mirrored: 'create index narrow on t (a desc, b); create index wide on t (a, b, id)',
  other_order: 'create index ab on t (a, b); create index ba on t (b, a)',
  partial_under_full: 'create index p on t (a) where b > 5; create index full_one on t (a, b)',
  full_under_partial: 'create index f on t (a); create index p on t (a, b) where b > 5',
  partial_under_partial: 'create index p on t (a) where b > 5; create index wide on t (a, b) where 5 < b',
  payload: 'create index narrow on t (a); create index wide on t (a) include (b)',
  payload_within_keys: 'create index narrow on t (a) include (b); create index wide on t (a, b)',
  payload_elsewhere: 'create index narrow on t (a) include (long); create index wide on t (a, b)',
  deferrable: 'create index plain on t (id); alter table t add constraint c unique (id) deferrable',
  exclusion:
    'create table r (during int4range); alter table r add constraint x exclude using gist (during with &&); create index plain on r using gist (during); insert into r select int4range(g, g + 1) from generate_series(1, 2000) g; analyze r',
  three_levels:
    'create index a on t (a); create index ab on t (a, b); create index abid on t (a, b, a1); create index other on t (b)',
  copies_and_wider: 'create index one on t (a); create index two on t (a); create index wide on t (a, b)',
  copies_and_costly: 'create index one on t (a); create index two on t (a); create index wide on t (a, long)',
  like_a_prefix_of_the_name: 'create index c1 on t (a); create index c10 on t (a1, b)',
  expressions: 'create index l on t (lower(s)); create index u on t (upper(s), a)',
  same_expression: 'create index l on t (lower(s)); create index la on t (lower(s), a)',
  classes_and_collations:
    'create index d on t (s); create index p on t (s text_pattern_ops, a); create index c on t (s collate "C", a)',
};

const describeTable = (schemaname: string): string => `
  create schema "${schemaname}"; set search_path = "${schemaname}";
  create table t (id int, a int, a1 int, b int, s text, long text, j jsonb, tags text[]);
  insert into t select g, g % 100, g % 50, g % 50, 's' || g, repeat(md5(g::text), 3), '{}', '{x}'
    from generate_series(1, 5000) g;
  analyze t;`;

/** Enough scans of one index that nobody would call them negligible. */
const scansOfNarrow = 30;

const majors = await postgresMajors(aFewMajors());

describeOnPostgres(majors, (server) => {
  let generation: Generation;
  beforeAll(async () => {
    const database = await createDatabase(server(), 'redundant');
    await withConnection(database.url, async (client) => {
      for (const [schemaname, sql] of Object.entries(cases))
        await client.query(`${describeTable(schemaname)} ${sql}`);
    });
    await withConnection(database.url, async (client) => {
      await client.query('set enable_seqscan = off; set enable_bitmapscan = off');
      for (const table of ['cheap.t', 'costly_and_used.t', 'copies_and_costly.t']) {
        // The planner takes the smallest index that will do.
        for (let scan = 0; scan < scansOfNarrow; scan += 1)
          await client.query(`select count(*) from ${table} where a = $1`, [scan]);
      }
    });
    await withConnection(database.url, (client) =>
      eventually('the scans to be counted', async () => {
        const { rows } = await client.query<{ count: number }>(
          'select count(*)::int from pg_stat_user_indexes where idx_scan >= $1',
          [scansOfNarrow],
        );
        return (rows[0]?.count ?? 0) >= 3;
      }),
    );
    generation = await look(database.url, { only: ['duplicate-index', 'redundant-index'] });
  });

  const finding = (schemaname: string, name: string) =>
    named(generation, 'redundant-index', schemaname).get(name);
  const verdicts = (kind: 'redundant-index' | 'duplicate-index', schemaname: string) =>
    Object.fromEntries(
      [...named(generation, kind, schemaname)].map(([name, { related }]) => [
        name,
        related.find(({ role }) => role === 'keep')?.indexrelname ?? 'nothing',
      ]),
    );
  const redundant = (schemaname: string) => verdicts('redundant-index', schemaname);

  test('was judged', () => {
    expect(generation.inconclusive).toEqual([]);
  });

  test('a prefix at little cost is to be dropped, though it is used', () => {
    expect(redundant('cheap')).toEqual({ narrow: 'wide' });
    const found = finding('cheap', 'narrow');
    expect(found).toMatchObject({ severity: 'warning', confidence: 'likely' });
    expect(found?.evidence).toMatchObject({ reason: 'covered-by-prefix' });
    expect(found?.evidence.sizeRatio).toBeLessThanOrEqual(1.5);
    expect(found?.fix.sql).toBe('DROP INDEX CONCURRENTLY cheap.narrow;');
    expect(found?.fix.rollbackSql).toBe('CREATE INDEX CONCURRENTLY narrow ON cheap.t USING btree (a);');
  });

  test('a used prefix of a much larger index is for review: no SQL, nothing reclaimed, the numbers given', () => {
    const found = finding('costly_and_used', 'narrow');
    expect(found).toMatchObject({
      severity: 'info',
      confidence: 'possible',
      impact: { reclaimableBytes: 0 },
      fix: { sql: null, rollbackSql: null },
    });
    expect(found?.evidence.sizeRatio).toBeGreaterThan(1.5);
    expect(found?.evidence.scansTotal).toBeGreaterThanOrEqual(scansOfNarrow);
    expect(found?.evidence).toHaveProperty('rowsUpdatedTotal');
    expect(found?.fix.notes).toMatch(/times the size and narrow is in use/);
  });

  test('a prefix that is hardly scanned goes, however large the other', () => {
    const found = finding('costly_and_unused', 'narrow');
    expect(found?.severity).toBe('warning');
    expect(found?.evidence.sizeRatio).toBeGreaterThan(1.5);
    expect(found?.fix.sql).toBe('DROP INDEX CONCURRENTLY costly_and_unused.narrow;');
  });

  test.each([
    ['a unique index covers the plain one on its key', 'unique_same_key', { plain: 'u' }],
    ['whichever is older', 'unique_beside_plain', { plain: 'u' }],
    ['a unique index covers the plain one on a prefix of its key', 'unique_longer_key', { plain: 'u' }],
    ['a deferrable constraint covers it too', 'deferrable', { plain: 'c' }],
    ['an exclusion constraint covers the plain index on its key', 'exclusion', { plain: 'x' }],
    ['a B-tree is read backwards', 'mirrored', { narrow: 'wide' }],
    ['in every one of its keys', 'mirrored_pair', { narrow: 'wide' }],
    ['partial indexes with one predicate, commuted', 'partial_under_partial', { p: 'wide' }],
    ['more payload', 'payload', { narrow: 'wide' }],
    ['payload that is a key of the wider', 'payload_within_keys', { narrow: 'wide' }],
    ['the same expression', 'same_expression', { l: 'la' }],
  ])('%s', (_, schemaname, expected) => {
    expect(redundant(schemaname)).toEqual(expected);
  });

  test.each([
    ['a unique index is never redundant to a wider plain one', 'unique_under_wider'],
    ['nor to a wider unique one', 'unique_under_wider_unique'],
    ['nor is a constraint', 'constraint_under_wider'],
    ['GIN is not covered by GIN with more keys, nor by a B-tree', 'gin'],
    ['hash is not covered by a B-tree', 'hash'],
    ['(a DESC, b) is not (a, b)', 'half_mirrored'],
    ['(a, b) is not (b, a)', 'other_order'],
    ['a partial index is not covered by a full one', 'partial_under_full'],
    ['a full index is not covered by a partial one', 'full_under_partial'],
    ['payload that the wider one lacks', 'payload_elsewhere'],
    ['a column name that begins with another', 'like_a_prefix_of_the_name'],
    ['two expressions, both attribute 0', 'expressions'],
    ['other operator classes and collations', 'classes_and_collations'],
  ])('silent: %s', (_, schemaname) => {
    expect(redundant(schemaname)).toEqual({});
  });

  test('of plain, unique and constraint on one column the constraint stays and nothing is dropped twice', () => {
    expect(redundant('all_three')).toEqual({ plain: 'c' });
    expect(verdicts('duplicate-index', 'all_three')).toEqual({ u: 'c' });
  });

  test('the reason is named as it is', () => {
    const why = (schemaname: string, name: string) => finding(schemaname, name)?.related[0]?.why;
    expect(why('unique_same_key', 'plain')).toBe('it is unique on the same keys');
    expect(why('exclusion', 'plain')).toBe('it enforces an exclusion constraint on the same keys');
    expect(why('payload', 'narrow')).toBe('it has the same keys and carries more columns');
    expect(why('cheap', 'narrow')).toBe('it begins with the same keys');
  });

  test('of three levels both narrower ones give way to the widest, which stays', () => {
    expect(redundant('three_levels')).toEqual({ a: 'abid', ab: 'abid' });
  });

  test('two copies and a wider index: both copies go, the wider stays', () => {
    expect({ ...redundant('copies_and_wider'), ...verdicts('duplicate-index', 'copies_and_wider') }).toEqual({
      one: 'wide',
      two: 'wide',
    });
  });

  test('two copies and a far larger index: one copy goes, the other is for review', () => {
    const duplicates = verdicts('duplicate-index', 'copies_and_costly');
    const [[dropped, kept] = ['nothing', 'nothing']] = Object.entries(duplicates);
    expect([dropped, kept].sort()).toEqual(['one', 'two']);
    expect(redundant('copies_and_costly')).toEqual({ [kept]: 'wide' });
    expect(finding('copies_and_costly', kept)?.fix.sql).toBeNull();
  });

  test('what one finding keeps no other drops', () => {
    const key = (schemaname: string, name: string | null) => `${schemaname}.${name}`;
    const kept = new Set(
      generation.findings.flatMap(({ related }) =>
        related
          .filter(({ role }) => role === 'keep')
          .map((other) => key(other.schemaname, other.indexrelname)),
      ),
    );
    const dropped = generation.findings.filter(({ fix }) => fix.sql !== null);
    expect(dropped.filter(({ schemaname, indexrelname }) => kept.has(key(schemaname, indexrelname)))).toEqual(
      [],
    );
  });
});
