import { beforeAll, describe, expect, test } from 'vitest';
import { declaredExpression, declaredPredicate } from '../../src/analysis/declared-expression.ts';
import { parseManifest } from '../../src/config/manifest.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  withConnection,
} from '../support/postgres.ts';

/*
 * What a person writes, and what this very server makes of it: both must be one to us, and what it refuses must be refused by the
 * manifest, too.
 */

const columns: Readonly<Record<string, readonly [declared: string, type: string]>> = {
  id: ['int', 'integer'],
  big: ['bigint', 'bigint'],
  num: ['numeric(10, 2)', 'numeric'],
  ratio: ['float8', 'double precision'],
  status: ['varchar(20)', 'character varying'],
  note: ['text', 'text'],
  code: ['char(3)', 'character'],
  is_read: ['boolean', 'boolean'],
  at: ['timestamptz', 'timestamp with time zone'],
  local: ['timestamp', 'timestamp without time zone'],
  day: ['date', 'date'],
  timestamp: ['timestamptz', 'timestamp with time zone'],
  doc: ['jsonb', 'jsonb'],
  tags: ['text[]', 'text[]'],
  uid: ['uuid', 'uuid'],
  'Odd Name': ['int', 'integer'],
};
const typeOf = (name: string): string | undefined => columns[name]?.[1];
const table = Object.entries(columns)
  .map(([name, [declared]]) => `"${name}" ${declared}`)
  .join(', ');

const conditions = `
status = 'failed'
status in ('b', 'a', 'a')
status IN ('a')
status NOT IN ('a', 'b')
status <> 'x' and is_read
status = any(array['a', 'b'])
status is distinct from 'x'
status is not distinct from 'x'
status is null or (is_read and id > 3)
status::text = 'it''s'
status || note = 'ab'
coalesce(status, 'none') = 'none'
lower(status) = 'x' OR id IS NULL
not is_read
is_read = false
is_read is not true
id > 5
5 < id
id > 5.5
id between 1 and 5
id not between 1 and 5
id in (3, 1, 2)
id = -1
-id < 0
id % 10 = 0
id + big * 2 > 10
big > 5
big in (1, 2)
num > 5
num >= 5.5
num in (1, 2.5)
ratio > 0
ratio > 0.5
note like 'a%'
note not ilike 'A%'
note ~ '^a'
note collate "C" > 'a'
length(note) > 10
code = 'abc'
at > '2025-01-01 00:00:00+00'
at >= timestamptz '2025-01-01T00:00:00Z'
at at time zone 'UTC' > '2025-01-01'
date_trunc('day', local) = '2025-01-01'
local > '2025-01-01'
day > '2025-01-01'
day in (date '2025-02-01', '2025-01-01')
timestamp is not null
doc @> '{"a": 1}'
doc->>'kind' = 'x'
(doc->>'kind')::int > 3
doc ? 'k'
tags @> array['a','b']
tags[1] = 'a'
'a' = any(tags)
uid = '550e8400-e29b-41d4-a716-446655440000'
"Odd Name" = 1
cast(num as integer) = 3
greatest(id, 3) > 4
id = 1 and status = 'a' and is_read`
  .trim()
  .split('\n');

const expressions = `
lower(status)
lower(note)
status || '-' || note
id + 1
coalesce(note, status)
(doc->>'kind')
((doc->>'n')::numeric)
date_trunc('day', local)
(at at time zone 'UTC')::date
id % 10
md5(note)
-id`
  .trim()
  .split('\n');

const refused = `
at > now() - interval '6 months'
day > current_date
at < clock_timestamp()
random() < 0.5
note = current_user
to_char(at, 'YYYY') = '2025'
id in (select 1)`
  .trim()
  .split('\n');

const majors = await postgresMajors(aFewMajors());

describeOnPostgres(majors, (server) => {
  let url: string;
  beforeAll(async () => {
    url = (await createDatabase(server(), 'declared')).url;
    await withConnection(url, (client) => client.query(`create table t (${table})`));
  });

  /** Both in canonical form, by the condition or expression as it was written. */
  const stored = (
    written: readonly string[],
    definition: (sql: string) => string,
    column: 'indpred' | 'indexprs',
  ): Promise<ReadonlyMap<string, string>> =>
    withConnection(url, async (client) => {
      const found = new Map<string, string>();
      for (const sql of written) {
        await client.query(`begin; create index i on t ${definition(sql)}`);
        const { rows } = await client.query<{ text: string }>(
          `select pg_get_expr(${column}, indrelid) as text from pg_index where indexrelid = 'i'::regclass`,
        );
        found.set(sql, rows[0]?.text ?? '');
        await client.query('rollback');
      }
      return found;
    });

  test('conditions are one with what the server stores', async () => {
    const found = await stored(conditions, (sql) => `(id) where ${sql}`, 'indpred');
    expect(found.size).toBe(conditions.length);
    for (const [written, text] of found)
      expect(declaredPredicate(text, typeOf), written).toBe(declaredPredicate(written, typeOf));
  });

  test('none of them is one with another that is none', () => {
    const alike = new Map<string, string[]>();
    for (const written of conditions) {
      const form = declaredPredicate(written, typeOf);
      alike.set(form, [...(alike.get(form) ?? []), written]);
    }
    expect([...alike.values()].filter((same) => same.length > 1)).toEqual([
      ["status in ('b', 'a', 'a')", "status = any(array['a', 'b'])"],
      ['id > 5', '5 < id'],
    ]);
  });

  test('expressions are one with what the server stores', async () => {
    const found = await stored(expressions, (sql) => `((${sql}))`, 'indexprs');
    for (const [written, text] of found)
      expect(declaredExpression(text, typeOf), written).toBe(declaredExpression(written, typeOf));
  });

  describe('the server, and so the manifest, refuses', () => {
    test.each(refused)('%s', async (predicate) => {
      await expect(
        withConnection(url, (client) => client.query(`create index i on t (id) where ${predicate}`)),
      ).rejects.toThrow(/immutable|subquery/i);
      const manifest = `indexes: [{name: i, table: t, columns: [id], predicate: ${JSON.stringify(predicate)}}]`;
      expect(parseManifest(manifest, 'm.yaml')).toMatchObject({ ok: false });
    });
  });
});
