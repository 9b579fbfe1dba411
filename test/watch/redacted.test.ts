import { expect, test } from 'vitest';
import { type LookOptions, look, summaries } from '../support/look.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  runOn,
} from '../support/postgres.ts';

const majors = await postgresMajors(aFewMajors());

describeOnPostgres(majors, (server) => {
  test('with privacy.redactLiterals no finding shows a constant of any index that it speaks of', async () => {
    const { url, drop } = await createDatabase(server(), 'redacted');
    await runOn(
      url,
      `create table people (a int, status text, "it's" text, salary int);
       insert into people select g, 's' || g, 'x', g from generate_series(1, 3000) g;
       create index narrow on people (a);
       create index wide on people (a, coalesce(status, 'fired'));
       create index one on people ("it's") where status = 'fired' and salary > 123456;
       create index two on people ("it's") where status = 'fired' and salary > 123456;
       create index unused on people ((case when "it's" = 'fired' then 123456 else a end));
       analyze people; select count(*) from people`,
    );
    const findings = async (redactLiterals: boolean) => {
      const document: LookOptions['document'] = {
        servers: [{ name: 's', primary: { url } }],
        privacy: { redactLiterals },
      };
      return (await look(url, { document })).findings.filter(({ relname }) => relname === 'people');
    };
    const secrets = /fired|123456/;
    const open = await findings(false);
    const redacted = await findings(true);
    expect(summaries(redacted)).toEqual(summaries(open));
    expect(summaries(open)).toEqual(
      expect.arrayContaining([
        'duplicate-index public.two',
        'redundant-index public.narrow',
        'unused-index public.unused',
      ]),
    );
    expect(open.filter((finding) => secrets.test(JSON.stringify(finding))).length).toBeGreaterThan(2);
    expect(redacted.filter((finding) => secrets.test(JSON.stringify(finding)))).toEqual([]);
    const narrow = redacted.find(({ kind }) => kind === 'redundant-index');
    expect(narrow?.fix).toMatchObject({
      sql: 'DROP INDEX CONCURRENTLY public.narrow;',
      rollbackSql: 'CREATE INDEX CONCURRENTLY narrow ON public.people USING btree (a);',
    });
    await drop();
  });
});
