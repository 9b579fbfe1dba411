import { beforeAll, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import { look, named } from '../support/look.ts';
import { createDatabase, describeOnPostgres, postgresMajors, withConnection } from '../support/postgres.ts';

/** One schema a case; each has a table t of 2,000 rows, since findings on smaller ones are info at most. */
const cases: Readonly<Record<string, string>> = {
  plain: 'create index keep_me on t (a); create index drop_me on t (a)',
  three_copies: 'create index one on t (a); create index two on t (a); create index three on t (a)',
  like_a_prefix_of_the_name: 'create index c1 on t (a); create index c10 on t (a1)',
  expressions: 'create index l on t (lower(s)); create index u on t (upper(s), a)',
  same_expression: 'create index e1 on t (lower(s)); create index e2 on t (lower(s))',
  access_method:
    'create index b on t (a); create index h on t using hash (a); create index j1 on t using gin (j); create index j2 on t using gin (j jsonb_path_ops)',
  operator_class: 'create index d on t (s); create index p on t (s text_pattern_ops)',
  same_class_by_two_names: 'create index v1 on t (v); create index v2 on t (v varchar_ops)',
  other_collation: 'create index d on t (s); create index c on t (s collate "C")',
  sort_order: 'create index s1 on t (a, b); create index s2 on t (a, b desc)',
  mirrored: 'create index m1 on t (a, b); create index m2 on t (a desc, b desc)',
  mirrored_single: 'create index m1 on t (a); create index m2 on t (a desc)',
  nulls_order: 'create index n1 on t (a desc); create index n2 on t (a desc nulls last)',
  payload_order: 'create index i1 on t (a) include (b, s); create index i2 on t (a) include (s, b)',
  payload_is_no_key: 'create index k on t (a, b); create index i on t (a) include (b, s)',
  commuted: 'create index p1 on t (a) where b > 5; create index p2 on t (a) where 5 < b',
  cast_spelled_otherwise:
    "create index p1 on t (a) where v = 'x'; create index p2 on t (a) where v = 'x'::varchar; create index q1 on t (b) where n > 5; create index q2 on t (b) where n > 5::bigint",
  list_in_other_order:
    "create index p1 on t (a) where v in ('x', 'y'); create index p2 on t (a) where v in ('y', 'x')",
  other_predicate:
    'create index p1 on t (a) where b > 5; create index p2 on t (a) where b > 6; create index p3 on t (a)',
  storage_parameters: 'create index f1 on t (a) with (fillfactor = 70); create index f2 on t (a)',
  unique_twice: 'create unique index u1 on t (id); create unique index u2 on t (id)',
  constraint_and_unique: 'alter table t add constraint c unique (id); create unique index u on t (id)',
  deferrable: 'alter table t add constraint c unique (id) deferrable; create unique index u on t (id)',
  replica_identity:
    'alter table t alter id set not null; create unique index a_unused on t (id); create unique index b_identity on t (id); alter table t replica identity using index b_identity',
  clustered: 'create index older on t (a); create index on_disk on t (a); alter table t cluster on on_disk',
  referenced:
    'create unique index older on t (id); create unique index used_by_key on t (id); drop index older; create table child (p int references t (id)); create unique index newer on t (id)',
  exclusion:
    'create table r (a int4range); alter table r add constraint x exclude using gist (a with &&); create index plain on r using gist (a); insert into r select int4range(g, g) from generate_series(1, 2000) g; analyze r',
};

const describeTable = (schemaname: string): string => `
  create schema "${schemaname}"; set search_path = "${schemaname}";
  create table t (id int, a int, a1 int, b int, n bigint, s text, v varchar(20), j jsonb);
  insert into t select g, g % 100, g % 90, g % 50, g, 's' || g, 'v' || g, '{}' from generate_series(1, 2000) g;
  analyze t;`;

const majors = await postgresMajors();

describeOnPostgres(majors, (server, major) => {
  let generation: Generation;
  beforeAll(async () => {
    const database = await createDatabase(server(), 'duplicates');
    await withConnection(database.url, async (client) => {
      for (const [schemaname, sql] of Object.entries(cases))
        await client.query(`${describeTable(schemaname)} ${sql}`);
      if (major >= 15) {
        await client.query(`${describeTable('nulls_not_distinct')}
          create unique index distinct_nulls on t (id); create unique index one_null on t (id) nulls not distinct`);
      }
      await client.query(describeTable('invalid_copy'));
      await client.query('create index valid on t (a); update t set id = 1 where id = 2');
      await client.query('create unique index concurrently broken on t (id)').catch(() => {});
      await client.query('create unique index concurrently broken_too on t (id)').catch(() => {});
      await client.query('create index lone on t (id)');
    });
    generation = await look(database.url, { only: ['duplicate-index'] });
  });

  const dropped = (schemaname: string): Readonly<Record<string, string>> =>
    Object.fromEntries(
      [...named(generation, 'duplicate-index', schemaname)].map(([name, finding]) => [
        name,
        finding.related.find((related) => related.role === 'keep')?.indexrelname ?? 'nothing',
      ]),
    );

  test('was judged', () => {
    expect(generation.inconclusive).toEqual([]);
    expect(generation.isUp).toBe(true);
  });

  test('the later of two equal indexes goes, and the finding says who stays and why', () => {
    expect(dropped('plain')).toEqual({ drop_me: 'keep_me' });
    const finding = named(generation, 'duplicate-index', 'plain').get('drop_me');
    expect(finding).toMatchObject({ severity: 'warning', confidence: 'proven', columns: ['a'] });
    expect(finding?.related[0]?.why).toBe('it is older');
    expect(finding?.impact.reclaimableBytes).toBeGreaterThan(0);
  });

  test('of three copies two are findings, and both keep the same one', () => {
    expect(dropped('three_copies')).toEqual({ two: 'one', three: 'one' });
  });

  test.each([
    ['(c1) is no copy of (c10)', 'like_a_prefix_of_the_name'],
    ['two expressions are not equal because both are attribute 0', 'expressions'],
    ['another access method or JSON operator class is another index', 'access_method'],
    ['text_pattern_ops is not the default class', 'operator_class'],
    ['another collation is another index', 'other_collation'],
    ['(a, b) and (a, b DESC) cannot replace each other', 'sort_order'],
    ['nulls first and nulls last differ', 'nulls_order'],
    ['a payload column is no key', 'payload_is_no_key'],
    ['another predicate is another index', 'other_predicate'],
    ['a deferrable constraint is no copy of an immediate one', 'deferrable'],
    ['a valid index is never the copy of an invalid one', 'invalid_copy'],
  ])('%s', (_, schemaname) => {
    expect(dropped(schemaname)).toEqual({});
  });

  test.each([
    ['the same expression', 'same_expression', { e2: 'e1' }],
    ['one operator class under two names', 'same_class_by_two_names', { v2: 'v1' }],
    ['mirrored sort orders, read backwards', 'mirrored', { m2: 'm1' }],
    ['ascending and descending on one column', 'mirrored_single', { m2: 'm1' }],
    ['the order of a payload', 'payload_order', { i2: 'i1' }],
    ['a commuted predicate', 'commuted', { p2: 'p1' }],
    ['a cast that is spelled otherwise', 'cast_spelled_otherwise', { p2: 'p1', q2: 'q1' }],
    ['a list in another order', 'list_in_other_order', { p2: 'p1' }],
    ['storage parameters', 'storage_parameters', { f1: 'f2' }],
    ['unique indexes with the same promise', 'unique_twice', { u2: 'u1' }],
  ])('%s make no difference', (_, schemaname, expected) => {
    expect(dropped(schemaname)).toEqual(expected);
  });

  test('what differs without changing an answer is said', () => {
    const finding = named(generation, 'duplicate-index', 'storage_parameters').get('f1');
    expect(finding?.caveats.join()).toContain('fillfactor=70');
  });

  test.each([
    ['the constraint', 'constraint_and_unique', { u: 'c' }],
    ['the replica identity', 'replica_identity', { a_unused: 'b_identity' }],
    ['the one the table is clustered on', 'clustered', { older: 'on_disk' }],
    ['the one that foreign keys refer to', 'referenced', { newer: 'used_by_key' }],
  ])('%s stays', (_, schemaname, expected) => {
    expect(dropped(schemaname)).toEqual(expected);
  });

  test('an exclusion constraint is never dropped for a plain copy of its index', () => {
    expect(dropped('exclusion')).toEqual({});
  });

  if (major >= 15)
    test('NULLS NOT DISTINCT is part of what a unique index means', () => {
      expect(dropped('nulls_not_distinct')).toEqual({});
    });
});
