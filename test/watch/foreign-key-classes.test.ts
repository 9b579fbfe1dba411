import { expect, test } from 'vitest';
import { look, summaries } from '../support/look.ts';
import { createDatabase, describeOnPostgres, postgresMajors, withConnection } from '../support/postgres.ts';

const majors = await postgresMajors();

describeOnPostgres(majors, (server) => {
  test('a foreign key is served by whatever class holds its equality, as the planner finds', async () => {
    const { url, drop } = await createDatabase(server(), 'classes');
    const kinds: readonly (readonly [string, string, string, string])[] = [
      ['ranges_gist', 'int4range', 'gist', 'int4range(g, g + 1)'],
      ['ranges_spgist', 'int4range', 'spgist', 'int4range(g, g + 1)'],
      ['addresses_gist', 'inet', 'gist (v inet_ops)', "'10.0.0.0'::inet + g"],
      ['arrays_gin', 'text[]', 'gin', 'array[g::text]'],
      ['documents_gin', 'jsonb', 'gin', 'to_jsonb(g)'],
      ['documents_path_gin', 'jsonb', 'gin (v jsonb_path_ops)', 'to_jsonb(g)'],
    ];
    await withConnection(url, async (client) => {
      const searched: string[] = [];
      for (const [name, type, using, value] of kinds) {
        await client.query(
          `create table ${name}_parent (v ${type} primary key);
           create table ${name} (v ${type} references ${name}_parent);
           insert into ${name}_parent select ${value} from generate_series(1, 3000) g;
           insert into ${name} select v from ${name}_parent;
           create index on ${name} using ${using.includes('(') ? using : `${using} (v)`};
           analyze ${name}`,
        );
        // The check's own statement.
        await client.query('set enable_seqscan = off');
        const { rows } = await client.query<{ readonly 'QUERY PLAN': string }>(
          `explain (costs off) select 1 from only ${name} x where (select v from ${name}_parent limit 1) operator(pg_catalog.=) v for key share of x`,
        );
        const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
        if (!plan.includes(`Seq Scan on ${name} x`)) searched.push(name);
        await client.query('reset enable_seqscan');
      }
      expect(searched).toEqual(['ranges_gist', 'ranges_spgist', 'addresses_gist', 'arrays_gin']);
      const { findings } = await look(url, { only: ['unindexed-foreign-key'] });
      expect(summaries(findings)).toEqual(
        kinds
          .filter(([name]) => !searched.includes(name))
          .map(([name]) => `unindexed-foreign-key public.${name}`),
      );
    });
    await drop();
  });
});
