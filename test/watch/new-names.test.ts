import { expect, test } from 'vitest';
import { look, runPrinted } from '../support/look.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  runOn,
} from '../support/postgres.ts';

const majors = await postgresMajors(aFewMajors());

describeOnPostgres(majors, (server) => {
  test('whoever runs all that one report creates meets no name twice', async () => {
    const { url, drop } = await createDatabase(server(), 'names');
    const long = 'x'.repeat(58);
    await runOn(
      url,
      `create table parent (id int primary key);
       create table a (b_c int references parent); create table a_b (c int references parent);
       create table ${long}_1 (d int references parent); create table ${long}_2 (d int references parent);
       create table ix_a_b_c_2 (id int primary key)`,
    );
    const fixes = async () =>
      (await look(url, { only: ['unindexed-foreign-key'] })).findings.map(
        ({ id, fix }) => [id, fix] as const,
      );
    const first = await fixes();
    expect(first).toHaveLength(4);
    expect(await fixes()).toEqual(first);
    for (const [, { preflightSql, sql, verifySql }] of first) {
      const results = await runPrinted(url, preflightSql, sql, verifySql);
      expect(results.at(-1)?.rows).toEqual([{ done: true }]);
    }
    expect(await fixes()).toEqual([]);
    await drop();
  });
});
