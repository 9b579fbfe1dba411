import { describe, expect, it } from 'vitest';
import { type QueryLevel, queryLevels, statementReader } from '../../../src/analysis/sql/conditions.ts';
import { loadSqlParser } from '../../../src/analysis/sql/parser.ts';

const parser = await loadSqlParser();

/** Each level in one line: `orders o, lines | o.a equality, b range | order c`. */
const linesOf = (sql: string): readonly string[] | undefined =>
  queryLevels(parser, sql)?.map(inOneLine).sort();

function inOneLine({ tables, hasOtherSources, conditions, order }: QueryLevel): string {
  const named = ({ alias, column }: { alias: string | undefined; column: string }) =>
    alias === undefined ? column : `${alias}.${column}`;
  return [
    [
      ...tables.map(({ schemaname, relname, alias }) =>
        [
          schemaname === undefined ? relname : `${schemaname}.${relname}`,
          ...(alias === relname ? [] : [alias]),
        ].join(' '),
      ),
      ...(hasOtherSources ? ['…'] : []),
    ].join(', '),
    conditions.map((condition) => `${named(condition)} ${condition.use}`).join(', '),
    ...(order.length === 0 ? [] : [`order ${order.map(named).join(', ')}`]),
  ].join(' | ');
}

describe('what a statement filters on', () => {
  it.each([
    ['select * from orders where a = $1', 'orders | a equality'],
    ['select * from orders where $1 = a', 'orders | a equality'],
    ['select * from shop.orders o where o.a = $1 and o.b > $2', 'shop.orders o | o.a equality, o.b range'],
    ['select * from shop.orders where shop.orders.a = $1', 'shop.orders | orders.a equality'],
    ['select * from "Orders" where "A b" = $1', 'Orders | A b equality'],
    ['select * from orders where a in ($1, $2) and b = any($3)', 'orders | a equality, b equality'],
    ['select * from orders where a in ($1 /*, ... */)', 'orders | a equality'],
    ['select * from orders where at between $1 and $2', 'orders | at range'],
    ['select * from orders where at > now() - interval $1', 'orders | at range'],
    [
      'select * from orders where (at, id) < ($1, $2) order by at desc, id desc limit $3',
      'orders | at range | order at, id',
    ],
    ['update orders set a = $1 where b = $2', 'orders | b equality'],
    [
      'delete from orders using people p where orders.a = p.id and p.name = $1',
      'orders, people p | orders.a join, p.id join, p.name equality',
    ],
    ['select count(*) from orders', 'orders | '],
    ['select a from orders order by a', 'orders | '],
    ['/* app:shop */ select a from orders where b = $1 limit $2', 'orders | b equality'],
  ])('%s', (sql, line) => {
    expect(linesOf(sql)).toEqual([line]);
  });

  it('tells what an index on the column is of no use to', () => {
    expect(
      linesOf(
        `select * from t where name like $1 and note ilike $2 and lower(email) = $3 and a <> $4 and b not in ($5)
         and (c = $6 or d = $7) and e is null and f is not null and g and not h and data @> $8 and $9 = any(tags)
         and i = j and k::date = $10 and l + $11 > $12 and data ->> $13 = $14 and m is not distinct from $15`,
      ),
    ).toEqual([
      't | name pattern, note pattern, email function, a inequality, b inequality, c alternative, d alternative, e null, g flag, h inequality, data operator, tags operator, i function, j function, k function, l function, data function, m inequality',
    ]);
  });

  it('tells joins from filters, and what comes from outside from what comes from beside', () => {
    expect(
      linesOf(
        'select * from a join b on b.a_id = a.id left join c using (k) where a.x = $1 and exists (select from d where d.a_id = a.id and d.y = $2)',
      ),
    ).toEqual([
      // The row of the query around it is a value in there.
      'a, b, c | k join, b.a_id join, a.id join, a.x equality',
      'd | d.a_id equality, d.y equality',
    ]);
    expect(linesOf('select * from a where a.id in (select b.a_id from b where b.y = $1)')).toEqual([
      'a | a.id join',
      'b | b.y equality',
    ]);
  });

  it('looks into every level', () => {
    expect(
      linesOf(
        `with recent as (select * from orders where at > $1), gone as (delete from old where b = $2 returning *)
         select * from recent r join people p on p.id = r.person_id where r.c = $3
         union all select * from (select * from deep where d = $4) x where x.e = $5`,
      ),
    ).toEqual([
      'deep | d equality',
      'old | b equality',
      'orders | at range',
      'people p, … | p.id join, r.person_id join, r.c equality',
      '… | x.e equality',
    ]);
  });

  it('takes queries of WITH for no tables, whatever they are called', () => {
    expect(linesOf('with orders as (select 1 as a) select * from orders where a = $1')).toEqual([
      ' | ',
      '… | a equality',
    ]);
    expect(linesOf('with orders as (select 1 as a) select * from shop.orders where a = $1')).toEqual([
      ' | ',
      'shop.orders | a equality',
    ]);
  });

  it('does not understand what is cut off, and never throws', () => {
    expect(linesOf('select * from orders where a = $1 and b = ')).toBeUndefined();
    expect(linesOf('<insufficient privilege>')).toBeUndefined();
    expect(linesOf('')).toBeUndefined();
    for (const sql of [
      `select * from t where ${'a + '.repeat(20_000)}1 = $1`,
      `select * from t where ${'not '.repeat(20_000)}a`,
      `select * from t where ${'a = $1 or '.repeat(20_000)}b = $2`,
      `${'select * from ('.repeat(2_000)}select 1 where true${') x'.repeat(2_000)}`,
    ])
      expect(() => linesOf(sql)).not.toThrow();
  });

  it('reads each text once', () => {
    let parsed = 0;
    const read = statementReader({
      parse: (sql) => {
        parsed += 1;
        return parser.parse(sql);
      },
    });
    const sql = 'select a from orders where b = $1';
    expect(read(sql)).toBe(read(sql));
    expect([read('select'), read('selec'), read('selec')].at(-1)).toBeUndefined();
    expect(parsed).toBe(3);
  });
});
