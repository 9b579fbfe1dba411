import { expect, test } from 'vitest';
import {
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  runOn,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { filesBelow, readText } from '../support/repository.ts';
import { createMonitor } from '../support/roles.ts';

/* What runbooks ask the server at three in the morning is run as it stands, by a role that has no more than the daemon. */

const queries = filesBelow('docs/runbooks').flatMap((file) =>
  [...readText(file).matchAll(/```sql\n([\s\S]*?)```/g)].map(
    ([, sql = ''], place) => [file.replace(/^.*\/|\.md$/g, ''), place + 1, sql] as const,
  ),
);

test('every runbook asks the server something', () => {
  const asking = new Set(queries.map(([name]) => name));
  expect([...asking].sort()).toEqual(
    filesBelow('docs/runbooks').map((file) => file.replace(/^.*\/|\.md$/g, '')),
  );
});

test('queries change nothing', () => {
  for (const [name, , sql] of queries) expect([name, sql.trim().slice(0, 7)]).toEqual([name, 'select ']);
});

/** The oldest and the newest: what they read is the same in between. */
const majors = await postgresMajors(process.env.TEST_POSTGRES_MAJORS ? undefined : [13, 18]);

describeOnPostgres(majors, (server) => {
  test('pg_monitor is enough for all of them', async () => {
    const database: TestDatabase = await createDatabase(server(), 'runbooks');
    await runOn(
      database.url,
      `create table parents (id int primary key);
       create table children (id int, parent int references parents);
       create index children_id on children (id); create index children_id_again on children (id);
       create table parted (id int) partition by range (id);
       create table parted_1 partition of parted for values from (0) to (9);
       create index parted_id on only parted (id)`,
    );
    const monitor = await createMonitor(server());
    const rows = new Map<string, number>();
    await withConnection(monitor.url(database.name), async (client) => {
      for (const [name, place, sql] of queries) {
        const result = await client.query(sql).catch((error: unknown) => {
          throw new Error(`${name}, query ${place}: ${String(error)}`);
        });
        rows.set(`${name} ${place}`, result.rowCount ?? 0);
      }
    });
    // Those that look for something find what is there.
    expect(rows.get('IndexwardenPartitionsUnattached 1')).toBe(1);
    expect(rows.get('IndexwardenDuplicateIndex 1')).toBe(1);
    expect(rows.get('IndexwardenUnindexedForeignKey 1')).toBe(1);
    expect(rows.get('IndexwardenInvalidIndex 1')).toBe(1);
    expect(rows.get('IndexwardenFactLost 1')).toBe(1);
    await database.drop();
  });
});
