import { describe, expect, it } from 'vitest';
import { loadSqlParser } from '../../../src/analysis/sql/parser.ts';

const parser = await loadSqlParser();

/** What the statements of a text are, or why it is none. */
const kindsOf = (sql: string): readonly string[] | string => {
  const parsed = parser.parse(sql);
  return parsed.ok ? parsed.value.flatMap((tree) => Object.keys(tree)) : parsed.error;
};

describe('parsing SQL', () => {
  it('tells statements from each other', () => {
    expect(
      kindsOf('select 1; update t set a = 1; with x as (delete from t returning a) select * from x'),
    ).toEqual(['SelectStmt', 'UpdateStmt', 'SelectStmt']);
  });

  it('reads what pg_stat_statements puts in the place of constants', () => {
    for (const sql of [
      'select * from t where a = $1 and b in ($2, $3)',
      'select * from t where a in ($1 /*, ... */)',
      'select * from t where d > current_date - interval $1',
      'select extract($1 from d) from t where b = date $2',
      'select * from t limit $1 offset $2',
    ])
      expect(kindsOf(sql), sql).toEqual(['SelectStmt']);
  });

  it('says why a text is no statement', () => {
    expect(kindsOf('select * from t where')).toBe('syntax error at end of input');
    expect(kindsOf(' \n')).toBe('it is empty');
    expect(kindsOf('-- nothing')).toBe('it holds no statement');
    expect(kindsOf("select 'not closed")).toContain('unterminated quoted string');
    // Read to the NUL alone it would be a harmless select.
    expect(kindsOf('select 1\0; drop table t')).toBe('it holds a NUL character');
    expect(kindsOf(`select '${'x'.repeat(2 ** 20)}'`)).toContain('longer than');
  });

  it('survives hostile texts, and reads the next one', () => {
    const hostile = [
      `select ${'('.repeat(9000)}1${')'.repeat(9000)}`,
      `select ${'('.repeat(400_000)}`,
      `select ${'1 + '.repeat(200_000)}1`,
      `select * from t where ${'not '.repeat(200_000)}a`,
      `select ${'case when a then '.repeat(30_000)}1${' end'.repeat(30_000)}`,
      `${'select * from ('.repeat(20_000)}select 1${') x'.repeat(20_000)}`,
      `select ${'array['.repeat(90_000)}1${']'.repeat(90_000)}`,
      'select * from t where x = \ud800',
    ];
    for (const sql of hostile) {
      kindsOf(sql);
      expect(kindsOf('select a from t where a = $1'), sql.slice(0, 40)).toEqual(['SelectStmt']);
    }
  });
});
