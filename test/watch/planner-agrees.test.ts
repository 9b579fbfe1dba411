import type pg from 'pg';
import { expect, test } from 'vitest';
import { canonicalPredicate, isSameExpression } from '../../src/analysis/expression.ts';
import { createDatabase, describeOnPostgres, postgresMajors, withConnection } from '../support/postgres.ts';

/**
 * Two spellings of a predicate may count as one only where the planner, given the one in a query, takes an index on the other:
 * else the "copy" that is dropped was the only index for somebody's queries.
 */
const predicates: readonly (readonly [string, string])[] = [
  ['a > 5', '5 < a'],
  ['a >= 5', '5 <= a'],
  ['a <> 3', '3 <> a'],
  ['a = b', 'b = a'],
  ['a < b', 'b > a'],
  ['(a + b) > 5', '5 < (a + b)'],
  ["s < 'b'", "'b' > s"],
  ['n > 5', 'n > 5::bigint'],
  ['n = 5', "n = '5'::smallint"],
  ["v = 'x'", "v = 'x'::varchar"],
  ["v = 'x'", "v::text = 'x'::text"],
  ["v in ('x', 'y')", "v in ('y', 'x')"],
  ["v = 'x' or a = 3", "a = 3 or v = 'x'"],
  ['a > 5 and b > 5', 'b > 5 and 5 < a'],
  ['flag', 'flag = true'],
  ['flag', 'flag is true'],
  ['flag = true', 'flag is true'],
  ['not flag', 'flag is false'],
  ['not flag', 'flag = false'],
  ['not (a = 3)', 'a <> 3'],
  ['a > 5', 'a > 6'],
  ['a > 5', 'a >= 6'],
  ['a > 5', 'a < 5'],
  ['a - b > 5', 'b - a > 5'],
  ["v in ('x', 'y')", "v in ('x', 'z')"],
  ["s = 'A'", "s = 'a'"],
  ['a is null', 'a is not null'],
  ["v like 'x%'", "v like 'X%'"],
];

/** As above, for keys: here the planner only compares. */
const expressions: readonly (readonly [string, string])[] = [
  ['coalesce(n, 0)', 'coalesce(n, 0::bigint)'],
  ["coalesce(s, 'x')", "coalesce(s, 'x'::text)"],
  ["coalesce(s, '0')", "coalesce(s, '''0''::bigint')"],
  ['a > 5', '5 < a'],
  ['n > 5', 'n > 5::bigint'],
  ['a * 2', 'a * 2::bigint'],
  ['a + b', 'b + a'],
  ['lower(v)', 'lower(v::text)'],
  ['lower(s)', 'upper(s)'],
  ['flag and a > 5', 'a > 5 and flag'],
];

const majors = await postgresMajors();

describeOnPostgres(majors, (server) => {
  const withTable = async (work: (client: pg.Client) => Promise<void>): Promise<void> => {
    const database = await createDatabase(server(), 'planner');
    await withConnection(database.url, async (client) => {
      await client.query(
        'create table t (id int, a int, b int, n bigint, v varchar(20), s text, flag bool); set enable_seqscan = off',
      );
      await work(client);
    });
  };
  /** Whether the planner takes index i for the query. */
  const takes = async (client: pg.Client, query: string): Promise<boolean> => {
    const { rows } = await client.query<Record<'QUERY PLAN', string>>(`explain ${query}`);
    return rows.some((row) => / on i\b| using i\b/.test(row['QUERY PLAN']));
  };

  test('predicates that count as one are one to the planner, in both directions', async () => {
    await withTable(async (client) => {
      let equal = 0;
      for (const [one, other] of predicates) {
        const canonical: string[] = [];
        const taken: boolean[] = [];
        for (const [predicate, condition] of [
          [one, other],
          [other, one],
        ]) {
          await client.query(`create index i on t (id) where ${predicate}`);
          const { rows } = await client.query<{ sql: string }>(
            "select pg_get_expr(indpred, indrelid) as sql from pg_index where indexrelid = 'i'::regclass",
          );
          canonical.push(canonicalPredicate(rows[0]?.sql ?? ''));
          taken.push(await takes(client, `select id from t where id = 1 and (${condition})`));
          await client.query('drop index i');
        }
        if (canonical[0] !== canonical[1]) continue;
        equal += 1;
        expect(taken, `${one} = ${other}`).toEqual([true, true]);
      }
      expect(equal).toBe(15);
    });
  });

  test('so are expressions', async () => {
    await withTable(async (client) => {
      const equal: string[] = [];
      for (const [one, other] of expressions) {
        const printed: string[] = [];
        const taken: boolean[] = [];
        for (const [expression, queried] of [
          [one, other],
          [other, one],
        ]) {
          await client.query(`create index i on t ((${expression}))`);
          const { rows } = await client.query<{ sql: string }>(
            "select pg_get_expr(indexprs, indrelid) as sql from pg_index where indexrelid = 'i'::regclass",
          );
          printed.push(rows[0]?.sql ?? '');
          taken.push(await takes(client, `select id from t order by (${queried}) limit 1`));
          await client.query('drop index i');
        }
        const [first = '', second = ''] = printed;
        if (!isSameExpression(first, second)) continue;
        equal.push(one);
        expect(taken, `${one} = ${other}`).toEqual([true, true]);
      }
      expect(equal).toEqual(['coalesce(n, 0)', "coalesce(s, 'x')", 'lower(v)']);
    });
  });
});
