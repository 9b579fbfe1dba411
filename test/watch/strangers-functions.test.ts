import { beforeAll, describe, expect, test } from 'vitest';
import { rollbackScript, sqlScript } from '../../src/plan/script/sql-script.ts';
import { look, runPrinted, statementsOf } from '../support/look.ts';
import { factsFrom, planFrom, runScript } from '../support/planning.ts';
import {
  createDatabase,
  describeOnPostgres,
  oldestAndNewest,
  postgresMajors,
  runOn,
  withConnection,
} from '../support/postgres.ts';
import { indexRows, uncommented } from './index-rows.ts';

/*
 * Printed SQL is run by an owner or a superuser. Whoever may create functions in a schema of their search path, as everybody could in
 * public before 15, must not have his own executed with their rights: an overload fits better than the server's where types differ.
 */

const schema = [
  'create table p (id int primary key)',
  'insert into p select generate_series(1, 1500)',
  'create table t (id int primary key, p_id int references p, a int, e text)',
  "insert into t select g, g, g, 's' || g from generate_series(1, 1500) g",
  'create index t_a on t (a)',
  'create index t_a_again on t (a)',
  'create index t_e on t (lower(e))',
  'create table u (x int, constraint once unique (x) deferrable)',
  'alter table u add constraint twice unique (x) with (fillfactor = 70) deferrable',
  'insert into u select generate_series(1, 1500)',
  'create table w (id int, x int) partition by range (id)',
  'create table w1 partition of w for values from (0) to (3000)',
  'insert into w select g, g from generate_series(1, 1500) g',
  'create index w_x on w (x)',
  'create index w_x_again on w (x)',
  'analyze',
  'select count(*) from t',
  'select count(*) from u',
  'select count(*) from w',
];

/** Pairs of types between which the server has no operator of its own, so that it would convert one of them. */
const operators = [
  ['=', 'oid', 'regclass'],
  ['=', 'regclass', 'oid'],
  ['~', 'name', 'name'],
  ['~~', 'name', 'name'],
  ['=', 'name', 'varchar'],
  ['>', 'numeric', 'int4'],
  ['>', 'numeric', 'int8'],
  ['||', 'text', 'name'],
] as const;

const functions = [
  ['format', 'text, regclass'],
  ['format', 'text, text'],
  ['to_regclass', 'varchar'],
  ['left', 'text, int8'],
  ['sha256', 'text'],
  ['pg_get_indexdef', 'regclass'],
  ['pg_stat_get_numscans', 'regclass'],
] as const;

/** Each of them says that it was called and stops what called it. */
const traps = [
  ...functions.map(
    ([name, types]) =>
      `create function public.${name}(${types}) returns text language plpgsql as $$ begin raise exception 'CAPTURED by ${name}'; end $$`,
  ),
  ...operators.flatMap(([operator, left, right], place) => [
    `create function public.trap_${place}(${left}, ${right}) returns bool language plpgsql as $$ begin raise exception 'CAPTURED by ${operator}'; end $$`,
    `create operator public.${operator} (leftarg = ${left}, rightarg = ${right}, function = public.trap_${place})`,
  ]),
];

const majors = await postgresMajors(oldestAndNewest());

describeOnPostgres(majors, (server) => {
  let url: string;
  let before: Readonly<Record<string, string>>;
  /** What we look with walks into no trap ourselves. */
  const rows = () => indexRows(`${url}?options=${encodeURIComponent('-c search_path=pg_catalog')}`);
  beforeAll(async () => {
    url = (await createDatabase(server(), 'traps')).url;
    await withConnection(url, async (client) => {
      for (const statement of [...schema, ...traps]) await client.query(statement);
    });
    before = await rows();
  });

  describe('functions and operators of strangers', () => {
    test('are traps that work', async () => {
      await expect(
        runOn(url, "select from pg_index i where i.indexrelid = to_regclass('public.t_a')"),
      ).rejects.toThrow('CAPTURED by =');
      await expect(runOn(url, "select format('%s', 't'::regclass)")).rejects.toThrow('CAPTURED by format');
    });

    test('are called by no plan and by no way back', async () => {
      const plan = planFrom(factsFrom(await look(url)));
      expect(new Set(plan.steps.map(({ kind }) => kind))).toEqual(new Set(['create', 'drop']));
      await runScript(url, sqlScript(plan));
      expect(await rows()).not.toEqual(before);
      await runScript(url, rollbackScript(plan));
      expect(await rows()).toEqual(before);
    });

    test('are called by no check that stops', async () => {
      const plan = planFrom(factsFrom(await look(url)));
      const [, made = ''] = /CREATE INDEX CONCURRENTLY IF NOT EXISTS (\w+)/.exec(sqlScript(plan)) ?? [];
      await withConnection(url, async (client) => {
        await client.query(`create unique index concurrently ${made} on t ((1))`).catch(() => {});
      });
      await expect(runScript(url, sqlScript(plan))).rejects.toMatchObject({
        message: expect.stringContaining(`public.${made} is an invalid leftover`),
        hint: expect.stringContaining(`DROP INDEX CONCURRENTLY public.${made};`),
      });
      await runOn(url, `drop index ${made}`);
    });

    test('are called by no fix, its checks and its way back', async () => {
      const { findings } = await look(url);
      const printed = findings.filter(({ fix }) => fix.sql !== null);
      expect(printed.length).toBeGreaterThan(4);
      for (const { fix, title } of printed) {
        const isCommentedOut = statementsOf(fix.sql ?? '').length === 0;
        const sql = isCommentedOut ? uncommented(fix.sql ?? '') : fix.sql;
        const done = await runPrinted(url, fix.preflightSql, sql, fix.verifySql);
        if (fix.verifySql !== null) expect(done.at(-1)?.rows, title).toEqual([{ done: true }]);
        const undo = fix.rollbackSql ?? '';
        await runPrinted(url, statementsOf(undo).length === 0 && undo !== '' ? uncommented(undo) : undo);
        expect(await rows(), title).toEqual(before);
      }
    });
  });
});
