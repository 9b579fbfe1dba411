import { beforeAll, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import type { Finding } from '../../src/model/finding.ts';
import { look, runPrinted } from '../support/look.ts';
import { createDatabase, describeOnPostgres, postgresMajors, withConnection } from '../support/postgres.ts';

const onA = 'alter table c add constraint fk foreign key (a) references p (id);';
const onXY = 'alter table c add constraint fk foreign key (x, y) references p (x, y);';

/** One schema a case; each has a parent p and a child c of 2,000 rows. */
const cases: Readonly<Record<string, string>> = {
  none: onA,
  plain: `${onA} create index i on c (a)`,
  leading: `${onA} create index i on c (a, b)`,
  not_leading: `${onA} create index i on c (b, a)`,
  payload_only: `${onA} create index i on c (b) include (a)`,
  expression: `${onA} create index i on c (abs(a))`,
  any_order: `${onXY} create index i on c (y, x)`,
  any_order_longer: `${onXY} create index i on c (y desc, x, a)`,
  gap: `${onXY} create index i on c (x, a, y)`,
  prefix_only: `${onXY} create index i on c (x)`,
  partial_status: `${onA} create index i on c (a) where st = 7`,
  partial_not_null: `${onA} create index i on c (a) where a is not null`,
  partial_not_null_quoted:
    'alter table c add constraint fk foreign key ("Order") references p (id); create index i on c ("Order") where "Order" is not null',
  partial_not_null_keyword:
    'alter table c rename column "Order" to "order"; alter table c add constraint fk foreign key ("order") references p (id); create index i on c ("order") where "order" is not null',
  partial_both_not_null: `${onXY} create index i on c (x, y) where y is not null and x is not null`,
  partial_and_more: `${onA} create index i on c (a) where a is not null and st = 7`,
  partial_other_not_null: `${onA} create index i on c (a) where b is not null`,
  pattern_class:
    'alter table c add constraint fk foreign key (s) references p (s); create index i on c (s varchar_pattern_ops)',
  jsonb_without_equality:
    'alter table c add constraint fk foreign key (j) references p (j); create index i on c using gin (j); create index i2 on c using gin (j jsonb_path_ops)',
  cross_type: 'alter table c add constraint fk foreign key (a) references p (k); create index i on c (a)',
  cross_type_up:
    'alter table c add constraint fk foreign key (big) references p (id); create index i on c (big)',
  mismatch: 'alter table c add constraint fk foreign key (a) references p (n); create index i on c (a)',
  mismatch_char:
    'alter table c add constraint fk foreign key (ch) references p (t); create index i on c (ch)',
  numeric_typmod: 'alter table c add constraint fk foreign key (n) references p (n)',
  brin: `${onA} create index i on c using brin (a)`,
  hash: `${onA} create index i on c using hash (a)`,
  two_keys:
    'create table q (x int, y int, unique (y, x)); insert into q select g, g from generate_series(1, 2000) g; alter table c add constraint fk_p foreign key (x, y) references p (x, y), add constraint fk_q foreign key (y, x) references q (y, x)',
  self: 'create table s (id int primary key, up int references s); insert into s select g, nullif(g - 1, 0) from generate_series(1, 2000) g; analyze s',
  mostly_null:
    'create table m (up int references p); insert into m select case when g = 1 then 1 end from generate_series(1, 2000) g; analyze m',
  tiny: 'create table few (a int references p); insert into few values (1); analyze few',
  parted_none: partitioned('references p'),
  parted_by_parent: `${partitioned('references p')} create index i on h (a)`,
  parted_each: `${partitioned('references p')} create index i1 on h1 (a); create index i2 on h2 (a)`,
  parted_some: `${partitioned('references p')} create index i1 on h1 (a)`,
  parted_not_attached_yet: `${partitioned('references p')} create index i on only h (a)`,
  parted_key_on_partition: `${partitioned('')} alter table h1 add constraint fk foreign key (a) references p; create index i2 on h2 (a)`,
  parted_key_on_partition_served: `${partitioned('')} alter table h1 add constraint fk foreign key (a) references p; create index i on h (a)`,
  parted_two_levels: `
    create table h (d int, a int references p) partition by range (d);
    create table h1 partition of h for values from (0) to (1000) partition by range (d);
    create table h11 partition of h1 for values from (0) to (500);
    create table h12 partition of h1 for values from (500) to (1000);
    create table h2 partition of h for values from (1000) to (3000);
    insert into h select g, g from generate_series(1, 2000) g; analyze h`,
  parted_empty: 'create table h (d int, a int references p) partition by range (d)',
};

/** Of two partitions the second has its columns in another order. */
function partitioned(clause: string): string {
  return `
    create table h (d int, a int ${clause}) partition by range (d);
    create table h1 partition of h for values from (0) to (1000);
    create table h2 (junk int, a int, d int); alter table h2 drop column junk;
    alter table h attach partition h2 for values from (1000) to (3000);
    insert into h (d, a) select g, g from generate_series(1, 2000) g; analyze h;`;
}

const describeTables = (schemaname: string): string => `
  create schema "${schemaname}"; set search_path = "${schemaname}";
  create table p (id int primary key, k bigint unique, n numeric unique, s varchar(20) unique, t text unique, j jsonb unique, x int, y int, unique (x, y));
  insert into p select g, g, g, 's' || g, 't' || g, to_jsonb(g), g, g from generate_series(1, 2000) g;
  create table c (a int, b int, st int, big bigint, n numeric(10, 2), s varchar(20), ch char(8), j jsonb, "Order" int, x int, y int);
  insert into c select g, g, 7, g, g, 's' || g, 't' || g, to_jsonb(g), g, g, g from generate_series(1, 2000) g;
  analyze p; analyze c;`;

const majors = await postgresMajors();

describeOnPostgres(majors, (server, major) => {
  let url: string;
  let generation: Generation;
  beforeAll(async () => {
    const database = await createDatabase(server(), 'foreign_keys');
    url = database.url;
    await withConnection(url, async (client) => {
      for (const [schemaname, sql] of Object.entries(cases))
        await client.query(`${describeTables(schemaname)} ${sql}`);
      await client.query(describeTables('invalid'));
      await client.query('alter table c add constraint fk foreign key (st) references p (id)');
      await client.query('create unique index concurrently broken on c (st)').catch(() => {});
      if (major >= 18) {
        await client.query(
          `${describeTables('not_enforced')} alter table c add constraint fk foreign key (a) references p (id) not enforced`,
        );
      }
    });
    generation = await look(url, { only: ['unindexed-foreign-key'] });
  });

  const of = (schemaname: string): readonly Finding[] =>
    generation.findings.filter((finding) => finding.schemaname === schemaname);
  const constraints = (schemaname: string) => of(schemaname).map(({ evidence }) => evidence.constraint);

  test('was judged', () => {
    expect(generation.inconclusive).toEqual([]);
  });

  test('a key without an index is a finding that names its constraint, columns, actions and the parent', () => {
    const [found] = of('none');
    expect(found).toMatchObject({
      severity: 'warning',
      confidence: 'proven',
      relname: 'c',
      indexrelname: null,
      columns: ['a'],
      fix: {
        sql: 'CREATE INDEX CONCURRENTLY ix_c_a ON "none".c (a);',
        rollbackSql: 'DROP INDEX CONCURRENTLY "none".ix_c_a;',
      },
    });
    expect(found?.evidence).toMatchObject({
      constraint: 'fk',
      referencedTable: 'none.p',
      onDelete: 'NO ACTION',
      onUpdate: 'NO ACTION',
      tableRows: 2000,
    });
  });

  test.each([
    ['an index on the column', 'plain'],
    ['one that begins with it', 'leading'],
    ['the columns of the key in any order', 'any_order'],
    ['the same, and more columns behind', 'any_order_longer'],
    ['a partial index on the key being not null', 'partial_not_null'],
    ['the same for a name that needs quotes', 'partial_not_null_quoted'],
    ['the same for a keyword', 'partial_not_null_keyword'],
    ['the same for both columns', 'partial_both_not_null'],
    ['text_pattern_ops, which has the equality', 'pattern_class'],
    ['an index on integer for a key to bigint', 'cross_type'],
    ['an index on bigint for a key to integer', 'cross_type_up'],
    ['hash on the one column', 'hash'],
    ['an index on the partitioned table', 'parted_by_parent'],
    ['an index on each partition, whatever the order of its columns', 'parted_each'],
    ['an attached index for a key declared on a partition', 'parted_key_on_partition_served'],
  ])('%s serves the key', (_, schemaname) => {
    expect(constraints(schemaname)).toEqual([]);
  });

  test.each([
    ['the column behind another', 'not_leading'],
    ['the column as payload', 'payload_only'],
    ['an expression on it', 'expression'],
    ['a gap between its columns', 'gap'],
    ['only the first of its columns', 'prefix_only'],
    ['a partial index on something else', 'partial_status'],
    ['a partial index that asks for more', 'partial_and_more'],
    ['a partial index on another column being not null', 'partial_other_not_null'],
    ['operator classes without the equality', 'jsonb_without_equality'],
    ['a type whose equality is another', 'mismatch'],
    ['char(n) for a key to text', 'mismatch_char'],
    ['BRIN', 'brin'],
    ['an invalid index', 'invalid'],
  ])('%s does not', (_, schemaname) => {
    expect(constraints(schemaname)).toEqual(['fk']);
  });

  test('what serves a part of the key is named', () => {
    expect(of('prefix_only')[0]?.related).toEqual([
      {
        schemaname: 'prefix_only',
        indexrelname: 'i',
        role: 'overlaps',
        why: 'it begins with a column of the key but does not serve all of it',
      },
    ]);
    expect(of('invalid')[0]?.related).toEqual([]);
  });

  test('where no index can serve the check none is printed', () => {
    for (const schemaname of ['mismatch', 'mismatch_char']) {
      const [found] = of(schemaname);
      expect(found?.fix.sql).toBeNull();
      expect(found?.fix.notes).toMatch(/give both sides the same types/);
      expect(found?.title).toContain('no index that its check could use');
    }
    expect(of('numeric_typmod')[0]?.fix.sql).not.toBeNull();
  });

  test('two keys on the same columns are two findings and one CREATE INDEX', () => {
    const found = of('two_keys');
    expect(constraints('two_keys').toSorted()).toEqual(['fk_p', 'fk_q']);
    expect(found.flatMap(({ fix }) => fix.sql ?? [])).toEqual([
      'CREATE INDEX CONCURRENTLY ix_c_x_y ON two_keys.c (x, y);',
    ]);
    expect(found.find(({ evidence }) => evidence.constraint === 'fk_q')?.fix.notes).toContain('fk_p');
  });

  test('a key that refers to its own table', () => {
    expect(of('self')).toMatchObject([{ relname: 's', columns: ['up'], severity: 'warning' }]);
  });

  test('a column that is mostly NULL gets the hint at a partial index', () => {
    expect(of('mostly_null')[0]?.caveats.join()).toMatch(/up is NULL in 100 % of the rows/);
  });

  test('on a table of few rows it is info', () => {
    expect(of('tiny')).toMatchObject([{ severity: 'info' }]);
  });

  if (major >= 18) {
    test('a key that is not enforced has no checks and needs no index', () => {
      expect(constraints('not_enforced')).toEqual([]);
    });
  }

  test('a partitioned table is one finding, at its top; a key declared on a partition is judged there', () => {
    expect(of('parted_none')).toMatchObject([{ relname: 'h', severity: 'warning' }]);
    expect(of('parted_some')).toMatchObject([{ relname: 'h' }]);
    expect(of('parted_not_attached_yet')).toMatchObject([{ relname: 'h' }]);
    expect(of('parted_key_on_partition')).toMatchObject([{ relname: 'h1' }]);
    expect(of('parted_two_levels')).toMatchObject([{ relname: 'h' }]);
    expect(of('parted_empty')).toMatchObject([{ relname: 'h', severity: 'info' }]);
  });

  test('where some partitions have their own index, only the others get one', () => {
    expect(of('parted_some')[0]?.fix.sql).toBe('CREATE INDEX CONCURRENTLY ix_h2_a ON parted_some.h2 (a);');
  });

  test('the printed SQL runs, verifies itself, and then only what no index can serve is left', async () => {
    const printed = generation.findings.filter(({ fix }) => fix.sql !== null);
    for (const { fix, title } of printed) {
      const results = await runPrinted(url, fix.preflightSql, fix.sql, fix.verifySql);
      expect(results.at(-1)?.rows, title).toEqual([{ done: true }]);
    }
    const after = await look(url, { only: ['unindexed-foreign-key', 'invalid-index', 'duplicate-index'] });
    const left = after.findings
      .filter(({ kind, schemaname }) => kind !== 'invalid-index' || schemaname !== 'invalid')
      .map(({ kind, schemaname }) => `${kind} ${schemaname}`)
      .filter((line) => line !== 'invalid-index parted_not_attached_yet');
    expect(left.toSorted()).toEqual([
      'unindexed-foreign-key mismatch',
      'unindexed-foreign-key mismatch_char',
    ]);
  });
});
