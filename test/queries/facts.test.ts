import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { columnStatisticsView } from '../../src/collectors/column-statistics.ts';
import { type Collector, variantFor } from '../../src/collectors/define.ts';
import { definitions } from '../../src/collectors/definitions.ts';
import { catalogueFingerprints } from '../../src/collectors/fingerprints.ts';
import { collectors } from '../../src/collectors/index.ts';
import { statements, statementsSource } from '../../src/collectors/statements.ts';
import { highestOid, lowestOid } from '../../src/postgres/bisect.ts';
import { readQuery } from '../../src/postgres/queries.ts';
import { parseFacts } from '../../src/postgres/rows.ts';
import type { Rows, Session } from '../../src/postgres/session.ts';
import { createDatabase, describeOnPostgres, postgresMajors, withConnection } from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { filesBelow, readText } from '../support/repository.ts';
import { createRole } from '../support/roles.ts';
import { openSession } from '../support/watching.ts';
import { failingBuild, richSchema } from './rich-schema.ts';

const all: readonly Collector[] = [
  // Statements are an extension's, and have a test of their own.
  ...Object.values(collectors).filter(({ name }) => name !== 'statements'),
  definitions,
  catalogueFingerprints,
  columnStatisticsView,
] as unknown as readonly Collector[];

/** What makes a row one of its kind; queries are in this order. */
const keys: Readonly<Record<string, readonly string[]>> = {
  server: ['databaseOid'],
  replicas: ['backendPid'],
  tables: ['tableOid'],
  columns: ['tableOid', 'attributeNumber'],
  indexes: ['indexOid'],
  constraints: ['constraintOid'],
  'operator-classes': ['operatorClassOid'],
  collations: ['collationOid'],
  'expected-columns': ['tableOid', 'attributeNumber'],
  'candidate-columns': ['tableOid', 'attributeNumber'],
  'index-usage': ['indexOid'],
  'table-usage': ['tableOid'],
  'relation-sizes': ['relationOid'],
  'column-statistics': ['tableOid', 'attributeNumber'],
  'column-visibility': ['userColumns'],
  'index-builds': ['backendPid'],
  'invalid-indexes': ['indexOid'],
  definitions: ['indexOid'],
  'catalogue-fingerprints': ['relations'],
};

/** Nullable facts that are null, or are not, in every row of the rich schema, and why. */
const oneSided: Readonly<Record<string, string>> = {
  'index-usage.statsResetAtMs': 'came with 19',
  'table-usage.statsResetAtMs': 'came with 19',
  'index-usage.lastScanAtMs': 'came with 16',
  'table-usage.lastSequentialScanAtMs': 'came with 16',
  'table-usage.rowsNewPageUpdatedTotal': 'came with 16',
  'relation-sizes.sizeBytes': 'null only behind a lock',
  'server.databaseStatsResetAtMs': 'one row',
  'server.bgwriterStatsResetAtMs': 'one row',
  'server.archiverStatsResetAtMs': 'one row',
  'server.serverAddress': 'one row',
  'server.standbyName': 'one row',
  'replicas.replayLagSeconds': 'one row',
  'index-builds.tableOid': 'one row',
  'index-builds.indexOid': 'one row',
  'index-builds.startedAtMs': 'one row',
  'constraints.referencedIndexOid': 'every foreign key has one; 0 is for other constraints',
  'definitions.definition': 'null only behind a lock',
  'definitions.tablespaceName': 'tablespaces belong to the cluster; test/watch/way-back.test.ts has one',
};

const majors = await postgresMajors();

test('every query is read by somebody', () => {
  const used = new Set(
    [...all, statements, statementsSource].flatMap((collector) => collector.variants.map(({ file }) => file)),
  );
  const notFacts = [
    'databases.sql',
    'measure-conditions.sql',
    'measure-free-space.sql',
    'measure-functions.sql',
    'measure-hash-index.sql',
    'measure-index.sql',
    'measure-pending-list.sql',
    'measure-waiters.sql',
    'relation-oids.sql',
    'probe-backend.sql',
    'probe-conditions.sql',
    'probe-functions.sql',
    'probe-rights.sql',
    'probe-scans.sql',
    'probe-waiters.sql',
  ];
  expect(filesBelow('queries').map((file) => file.slice('queries/'.length))).toEqual(
    [...used, ...notFacts].sort(),
  );
});

test.each([
  [130_000, 'index-usage.sql'],
  [159_999, 'index-usage.sql'],
  [160_000, 'index-usage.pg16.sql'],
  [180_004, 'index-usage.pg16.sql'],
  [190_000, 'index-usage.pg19.sql'],
  [200_001, 'index-usage.pg19.sql'],
])('server version %i is asked with %s', (versionNum, file) => {
  expect(variantFor(collectors['index-usage'], versionNum).file).toBe(file);
});

describeOnPostgres(majors, (server, major) => {
  let session: Session;
  let builder: pg.Client;
  let writer: pg.Client;
  let standby: pg.Client;
  let building: Promise<unknown>;
  let indexOids: readonly number[];

  beforeAll(async () => {
    const database = await createDatabase(server(), 'facts');
    // The name that deploy/column-statistics-view.sql grants to.
    const role = await createRole(server(), 'indexwarden', { groups: ['pg_monitor'], exactName: true });
    await withConnection(database.url, async (client) => {
      await client.query(richSchema(major));
      await client.query(failingBuild).catch(() => {});
      await client.query('vacuum analyze parent');
      await eventually('statistics of what was done', async () => {
        const { rows } = await client.query(
          "select 1 from pg_stat_user_tables where relname = 'parent' and last_vacuum is not null and idx_scan > 0",
        );
        return rows.length > 0;
      });
      await client.query(readText('deploy/column-statistics-view.sql'));
      const { rows } = await client.query<{ oid: number }>(
        "select oid::int4 as oid from pg_class where relkind in ('i', 'I') and oid >= 16384",
      );
      indexOids = rows.map(({ oid }) => oid);
    });

    // A build that waits for a writer, so that it shows in every view for as long as the tests run.
    writer = new pg.Client(database.url);
    await writer.connect();
    await writer.query('begin; insert into doubles values (3)');
    builder = new pg.Client(database.url);
    await builder.connect();
    building = builder.query('create index concurrently slowly on doubles (a)').catch(() => {});
    // A standby as far as the server can tell.
    standby = new pg.Client({ connectionString: database.url, replication: 'true' } as pg.ClientConfig);
    standby.on('error', () => {});
    await standby.connect();
    const identity = await standby.query<{ xlogpos: string }>('IDENTIFY_SYSTEM');
    standby.query(`START_REPLICATION ${identity.rows[0]?.xlogpos}`).catch(() => {});
    await withConnection(database.url, (client) =>
      eventually('a build under way and a standby', async () => {
        const { rows } = await client.query(
          'select 1 from pg_stat_progress_create_index, pg_stat_replication where index_relid <> 0',
        );
        return rows.length > 0;
      }),
    );
    session = await openSession(role.url(database.name));
  });

  afterAll(async () => {
    await session?.close();
    await writer?.end();
    await building;
    await builder?.end();
    standby?.connection?.stream.destroy();
  });

  const bounds = [lowestOid, highestOid, true];
  const valuesFor = (collector: Collector): readonly unknown[] => {
    if (['expected-columns', 'candidate-columns'].includes(collector.name)) return [['public'], ['parent']];
    if (collector.name === 'definitions') return [indexOids, ...bounds];
    return collector.bounds === 'oid-range' ? bounds : [];
  };
  const read = (collector: Collector): Promise<Rows> =>
    session.transaction({ statementTimeoutMs: 30_000, signal: new AbortController().signal }, (ask) =>
      ask(readQuery(variantFor(collector, major * 10_000).file), valuesFor(collector)),
    );

  describe.each(all.map((collector) => [variantFor(collector, major * 10_000).file, collector] as const))(
    '%s under pg_monitor alone',
    (_, collector) => {
      test('has rows that are exactly the facts', async () => {
        const rows = await read(collector);
        const parsed = await parseFacts(collector.name, rows, collector.fact);
        expect(parsed).toMatchObject({ ok: true });
        if (!parsed.ok) return;
        // Under pg_monitor alone pg_stats shows nothing of user tables: column-visibility says so.
        if (!variantFor(collector, major * 10_000).file.startsWith('column-statistics.sql'))
          expect(parsed.value.length).toBeGreaterThan(0);
        const { shape } = collector.fact as unknown as z.ZodObject;
        const columns = rows.names.map((name) =>
          name.replace(/_([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase()),
        );
        expect(columns.sort()).toEqual(Object.keys(shape).sort());
      });

      test('has nulls where the facts allow them, and nowhere else', async () => {
        const parsed = await parseFacts(collector.name, await read(collector), collector.fact);
        if (!parsed.ok || parsed.value.length === 0) return;
        const facts = parsed.value as readonly Readonly<Record<string, unknown>>[];
        const { shape } = collector.fact as unknown as z.ZodObject;
        for (const [name, schema] of Object.entries(shape)) {
          if (!z.safeParse(schema as z.ZodType, null).success) continue;
          if (oneSided[`${collector.name}.${name}`] !== undefined) continue;
          const nulls = facts.filter((fact) => fact[name] === null).length;
          expect({ name, someNull: nulls > 0, someNot: nulls < facts.length }).toEqual({
            name,
            someNull: true,
            someNot: true,
          });
        }
      });

      test('is in a total order', async () => {
        const parsed = await parseFacts(collector.name, await read(collector), collector.fact);
        if (!parsed.ok) throw new Error(parsed.error.message);
        const facts = parsed.value as readonly Readonly<Record<string, number>>[];
        const key = keys[collector.name] ?? [];
        const places = facts.map((fact) => key.map((name) => String(fact[name]).padStart(12, '0')).join());
        expect(places).toEqual([...new Set(places)].sort());
      });
    },
  );

  test('relations that are not ours to judge are in no query', async () => {
    const tables = await parseFacts(
      'tables',
      await read(collectors.tables as unknown as Collector),
      collectors.tables.fact,
    );
    if (!tables.ok) throw new Error(tables.error.message);
    const names = tables.value.map(({ schemaname, relname }) => `${schemaname}.${relname}`);
    expect(names).not.toContain(expect.stringMatching(/passing|pg_/));
    expect(names).toContain('Quoted "Schema".Таблица; --');
    expect(names).toContain('public.summary');
  });
});
