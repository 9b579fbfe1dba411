import { beforeAll, expect, test } from 'vitest';
import type { Plan, PlanFacts } from '../../src/plan/script/plan.ts';
import { rollbackScript, sqlScript } from '../../src/plan/script/sql-script.ts';
import { catalogueDump, differences } from '../faults/scripts-catalogue.ts';
import { look } from '../support/look.ts';
import { factsFrom, planFrom, runScript } from '../support/planning.ts';
import {
  createDatabase,
  describeOnPostgres,
  oldestAndNewest,
  postgresMajors,
  runOn,
  withConnection,
} from '../support/postgres.ts';
import { uncommented } from './index-rows.ts';

/*
 * After a drop and the way back the catalogue is as it was, with what the definition of an index does not say: where it lies, comments,
 * statistics targets, and that its table is clustered on it.
 */

const majors = await postgresMajors(oldestAndNewest());
const inTablespace = 'tablespace "Slow ""disks"""';

describeOnPostgres(majors, (server) => {
  let url: string;
  let facts: PlanFacts;
  let before: readonly string[];

  beforeAll(async () => {
    url = (await createDatabase(server(), 'way_back')).url;
    await withConnection(url, async (client) => {
      const { rows } = await client.query<{ data_directory: string }>('show data_directory');
      const folder = `${rows[0]?.data_directory}/way_back`;
      await client.query(`copy (select 1) to program 'mkdir -p "${folder}"'`);
      await client.query(`create ${inTablespace} location '${folder}'`);
      for (const statement of [
        'create table t (id int primary key, a int, b text, c int4range)',
        "insert into t select g, g, 's' || g, int4range(g, g + 1) from generate_series(1, 1500) g",
        `create index t_expression on t (lower(b), a) ${inTablespace} where b <> 'a TABLESPACE b'`,
        'alter index t_expression alter column 1 set statistics 700',
        "comment on index t_expression is 'looked for by the desk'",
        `alter table t add constraint t_once unique (a) using index ${inTablespace} deferrable`,
        `alter table t add constraint t_twice unique (a) with (fillfactor = 70) using index ${inTablespace} deferrable initially deferred`,
        "comment on constraint t_twice on t is 'it''s a copy'",
        'create table part (a int, b int) partition by range (a)',
        'create table part_1 partition of part for values from (0) to (2000)',
        'insert into part select g, g from generate_series(1, 1500) g',
        `create index part_b on part ((b + 1)) ${inTablespace}`,
        'alter index part_b alter column 1 set statistics 300',
        "comment on index part_b is 'of all parts'",
        'analyze',
        'select count(*) from t',
        'select count(*) from part',
      ])
        await client.query(statement);
    });
    // What a session has counted is seen when it has ended.
    await withConnection(url, (client) => client.query('select pg_sleep(0.6)'));
    before = await catalogueDump(url);
    facts = factsFrom(await look(url));
  });

  const planOf = (indexrelname: string): Plan =>
    planFrom(facts, {
      findings: facts.findings.filter((one) => one.indexrelname === indexrelname).map(({ id }) => id),
    });
  const changed = async (): Promise<readonly string[]> => differences(before, await catalogueDump(url));

  test.each(['t_expression', 't_twice'])('%s is as it was', async (indexrelname) => {
    const plan = planOf(indexrelname);
    await runScript(url, sqlScript(plan));
    expect(await changed()).not.toEqual([]);
    await runScript(url, rollbackScript(plan));
    expect(await changed()).toEqual([]);
  });

  test('a partitioned index is as it was, with its parts', async () => {
    const finding = facts.findings.find((one) => one.indexrelname === 'part_b');
    await runScript(url, uncommented(finding?.fix.sql ?? ''));
    expect(await changed()).not.toEqual([]);
    await runScript(url, finding?.fix.rollbackSql ?? '');
    expect(await changed()).toEqual([]);
  });

  test('another valid index under the name stops the way back', async () => {
    const plan = planOf('t_expression');
    await runScript(url, sqlScript(plan));
    await runOn(url, 'create index t_expression on t (lower(b))');
    await expect(runScript(url, rollbackScript(plan))).rejects.toThrow(
      /t_expression is there and is another index than the one to be made: CREATE INDEX/,
    );
    await runOn(url, 'drop index t_expression');
    await runScript(url, rollbackScript(plan));
    // What has been brought back is the one to be made.
    await runScript(url, rollbackScript(plan));
    expect(await changed()).toEqual([]);
  });
});
