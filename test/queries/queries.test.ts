import { describe, expect, test } from 'vitest';
import { filesBelow, readText } from '../support/repository.ts';

const files = filesBelow('queries');

/** Leading comment lines, without their dashes, as one text. */
const headerOf = (sql: string): string =>
  (/^(?:--.*\n)+/.exec(sql)?.[0] ?? '').replace(/^--\s*/gm, '').replaceAll('\n', ' ');

/** The statement without comments and literals. */
const bodyOf = (sql: string): string => sql.replace(/--.*$/gm, '').replace(/'(?:[^']|'')*'/g, "''");

/** Words before a bracket that are syntax, or functions that the grammar itself knows and that cannot be qualified. */
const grammar = new Set(
  'in any and or not exists select from filter lateral with as materialized array coalesce nullif greatest least extract values over then'.split(
    ' ',
  ),
);

test('there are queries', () => {
  expect(files.length).toBeGreaterThan(15);
});

describe.each(files)('%s', (file) => {
  const sql = readText(file);
  const body = bodyOf(sql);

  test.each(['What a row is', 'Source', 'Versions', 'Privileges', 'Cost', 'Columns'])(
    'says in its header: %s',
    (field) => {
      const said = new RegExp(`(?:^|\\s)${field}: (?=\\S)(.{4,}?)`).exec(headerOf(sql));
      expect(said, `${field}: is missing`).not.toBeNull();
    },
  );

  test('is one statement in lower case', () => {
    expect(body).not.toMatch(/[A-Z]/);
    expect(body).not.toContain(';');
    expect(body.trim()).toMatch(/^(?:with|select)\b/);
  });

  test('writes pg_catalog before every function and relation of the server', () => {
    const own = new Set([...body.matchAll(/\b(\w+) as (?:materialized )?\(/g)].map(([, name]) => name));
    const aliases = new Set([...body.matchAll(/\bas (\w+)\(/g)].map(([, name]) => name));
    const functions = [...body.matchAll(/(?<![\w.])([a-z_]\w*)\s*\(/g)]
      .map(([, name]) => name ?? '')
      .filter((name) => !grammar.has(name) && !aliases.has(name) && !/^(?:int4|int8)$/.test(name));
    const relations = [...body.matchAll(/\b(?:from|join)\s+(?!lateral\b|\()([\w.]+)/g)]
      .map(([, name]) => name ?? '')
      .filter((name) => !own.has(name) && !/^(?:pg_catalog|indexwarden)\./.test(name))
      // `extract(epoch from x)`, and `exists (select from member …)` on a step of the query itself.
      .filter((name) => !new RegExp(`extract\\(epoch from ${name.replace('.', '\\.')}\\b`).test(body));
    expect({ functions, relations }).toEqual({ functions: [], relations: [] });
  });

  test('ends in an order by', () => {
    expect(body.trim()).toMatch(/\border by [\w., ]+$/);
  });
});

describe('the variants for 19, which no server here can run yet', () => {
  test.each(['index-usage', 'table-usage'])('%s differs from that for 16 only by the reset time', (name) => {
    const lines = (variant: string) =>
      bodyOf(readText('queries', `${name}.${variant}.sql`))
        .trim()
        .split('\n');
    const changed = lines('pg16').flatMap((line, at) =>
      line === lines('pg19')[at] ? [] : [line, lines('pg19')[at]],
    );
    expect(lines('pg19')).toHaveLength(lines('pg16').length);
    expect(changed).toEqual([
      expect.stringMatching(/^ {2}null::float8 as stats_reset_at_ms,?$/),
      expect.stringMatching(
        /^ {2}\(extract\(epoch from s\.stats_reset\) \* 1000\)::float8 as stats_reset_at_ms,?$/,
      ),
    ]);
  });

  test.each(['index-usage', 'table-usage'])('%s for 13 has the same columns', (name) => {
    const columns = (variant: string) =>
      [...bodyOf(readText('queries', `${name}${variant}.sql`)).matchAll(/ as (\w+)/g)].map(
        ([, column]) => column,
      );
    expect(columns('')).toEqual(columns('.pg16'));
    expect(columns('')).toEqual(columns('.pg19'));
  });
});
