import { expect, test } from 'vitest';
import { createDatabase, describeOnPostgres, postgresMajors, withConnection } from '../support/postgres.ts';

const majors = await postgresMajors();

describeOnPostgres(majors, (server, major) => {
  test('starts, and is the version that was asked for', async () => {
    const version = await withConnection(server().url(), async (client) => {
      const { rows } = await client.query<{ server_version_num: string }>('show server_version_num');
      return Number(rows[0]?.server_version_num);
    });
    expect(Math.floor(version / 10_000)).toBe(major);
  });

  test('has the extensions that tests rely on', async () => {
    const database = await createDatabase(server(), 'extensions');
    const names = await withConnection(database.url, async (client) => {
      await client.query(
        'create extension pgstattuple; create extension amcheck; create extension btree_gist',
      );
      const { rows } = await client.query<{ extname: string }>(
        "select extname from pg_catalog.pg_extension where extname <> 'plpgsql' order by 1",
      );
      return rows.map((row) => row.extname);
    });
    expect(names).toEqual(['amcheck', 'btree_gist', 'pgstattuple']);
    await database.drop();
  });
});
