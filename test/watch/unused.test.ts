import pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import type { Finding } from '../../src/model/finding.ts';
import { type LookOptions, look, named, runPrinted, summaries } from '../support/look.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  runOn,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';

const child = `
  alter table t add primary key (id);
  create table child (up int references t on delete cascade, note text);
  insert into child select g, 'n' from generate_series(1, 2000) g; analyze child;
  create index i on child (up);`;

const partitioned = (clause: string): string => `
  alter table t add primary key (id);
  create table h (d int, up int ${clause}) partition by range (d);
  create table h1 partition of h for values from (0) to (1000);
  create table h2 partition of h for values from (1000) to (3000);
  insert into h select g, g from generate_series(1, 2000) g; analyze h;`;

/** One schema a case; each has a table t of 2,000 rows. All is built before the counters are reset, then every table is read. */
const cases: Readonly<Record<string, string>> = {
  plain: 'create index i on t (a)',
  scanned: 'create index i on t (a)',
  kept: `
    alter table t add primary key (id); alter table t alter a1 set not null;
    create unique index u on t (b, id); alter table t add constraint c unique (id, a);
    create unique index identity on t (a1, id); alter table t replica identity using index identity;
    create index on_disk on t (a); alter table t cluster on on_disk;
    create unique index referenced on t (id, b);
    create table child (x int, y int, foreign key (x, y) references t (id, b)); create index served on child (y, x);
    insert into child select id, b from t; analyze child;
    create table r (during int4range); alter table r add constraint x exclude using gist (during with &&);
    insert into r select int4range(g, g + 1) from generate_series(1, 2000) g; analyze r`,
  unread: 'create index i on t (a)',
  tiny: 'create table few (a int); insert into few values (1); analyze few; create index i on few (a)',
  expression: 'create index i on t (lower(s), (a + 1))',
  muted: `create index i on t (a); comment on index i is 'indexwarden: keep until=2999-01-01 reason=the yearly audit'`,
  mute_expired: `create index i on t (a); comment on index i is 'indexwarden: keep until=2020-01-01 reason=the audit of 2019'`,
  mute_endless: `create index i on t (a); comment on index i is E'for reports\\nindexwarden: keep'`,
  key_quiet: child,
  key_busy: child,
  key_served_twice: `${child} create index longer on child (up, note)`,
  parted: `${partitioned('')} create index i on h (up); create index half_used on h (d)`,
  parted_key: `${partitioned('references t')} create index i on h (up)`,
  parted_key_private: `${partitioned('references t')} create index i1 on h1 (up); create index i2 on h2 (up)`,
};

const describeTable = (schemaname: string): string => `
  create schema "${schemaname}"; set search_path = "${schemaname}";
  create table t (id int, a int, a1 int, b int, s text);
  insert into t select g, g % 100, g % 90, g % 50, 's' || g from generate_series(1, 2000) g;
  analyze t;`;

const majors = await postgresMajors(aFewMajors());

describeOnPostgres(majors, (server, major) => {
  let database: TestDatabase;
  let generation: Generation;
  const only = { only: ['unused-index'] } as const satisfies LookOptions;

  beforeAll(async () => {
    database = await createDatabase(server(), 'unused');
    await withConnection(database.url, async (client) => {
      for (const [schemaname, sql] of Object.entries(cases))
        await client.query(`${describeTable(schemaname)} ${sql}`);
    });
    await runOn(database.url, 'select pg_stat_reset()');
    const counted = (what: string, condition: string) =>
      withConnection(database.url, (client) =>
        eventually(what, async () => {
          const { rows } = await client.query<{ holds: boolean }>(`select (${condition}) as holds`);
          return rows[0]?.holds === true;
        }),
      );
    await counted('the reset', '(select sum(seq_scan + coalesce(idx_scan, 0)) = 0 from pg_stat_user_tables)');
    await withConnection(database.url, async (client) => {
      const { rows } = await client.query<{ name: string }>(
        "select relid::regclass::text as name from pg_stat_user_tables where schemaname <> 'unread'",
      );
      await client.query(
        'set enable_indexscan = off; set enable_indexonlyscan = off; set enable_bitmapscan = off',
      );
      for (const { name } of rows) await client.query(`select count(*) from ${name}`);
      await client.query('reset all; set enable_seqscan = off; set enable_bitmapscan = off');
      await client.query('select count(*) from scanned.t where a = 5');
      await client.query('select count(*) from parted.h where d = 5');
      // No key changes, so that no check runs; but the parent is one whose rows are written.
      for (const parent of ['key_busy.t', 'key_served_twice.t', 'parted_key.t', 'parted_key_private.t'])
        await client.query(`update ${parent} set s = 'changed' where id = 1`);
    });
    await counted(
      'scans and updates',
      `(select sum(idx_scan) >= 1 from pg_stat_user_indexes where schemaname = 'scanned')
        and (select sum(n_tup_upd) from pg_stat_user_tables) = 4
        and (select sum(seq_scan) >= 1 from pg_stat_user_tables where schemaname = 'tiny' and relname = 'few')`,
    );
    generation = await look(database.url, only);
  });

  const unused = (schemaname: string): readonly string[] => [
    ...named(generation, 'unused-index', schemaname).keys(),
  ];
  const finding = (schemaname: string, name = 'i'): Finding => {
    const found = named(generation, 'unused-index', schemaname).get(name);
    if (found === undefined) throw new Error(`${schemaname}.${name} is no finding`);
    return found;
  };

  test('was judged', () => {
    expect(generation.inconclusive).toEqual([]);
  });

  test('an index without a scan is a finding, never better than possible without a word on the topology', () => {
    const found = finding('plain');
    expect(found).toMatchObject({ severity: 'warning', confidence: 'possible', columns: ['a'] });
    expect(found.evidence).toMatchObject({
      scansTotal: 0,
      tuplesReadTotal: 0,
      lastScanAt: null,
      tableRows: 2000,
      tableSequentialScansTotal: 1,
      statisticsSinceSource: 'pg_stat_database.stats_reset',
    });
    expect(found.caveats.join()).toMatch(/topology: complete/);
    expect(found.caveats.join()).toMatch(/age of the index is unknown/);
    expect(found.fix.sql).toBe('DROP INDEX CONCURRENTLY plain.i;');
  });

  test('one scan is enough to be silent', () => {
    expect(unused('scanned')).toEqual([]);
    const index = generation.catalogue.indexes.find(
      ({ name, table }) => name === 'i' && table.schemaname === 'scanned',
    );
    expect(index?.usage?.scansTotal).toBe(1);
    if (major >= 16) expect(index?.usage?.lastScanAtMs).toBeGreaterThan(0);
    else expect(index?.usage?.lastScanAtMs).toBeNull();
  });

  test('keys, constraints, exclusions, replica identity, clustering and what foreign keys refer to are never unused', () => {
    expect(unused('kept')).toEqual(['served']);
  });

  test('on a tiny table it is info', () => {
    expect(finding('tiny').severity).toBe('info');
  });

  test('a table that nobody read says nothing about its indexes', async () => {
    const found = finding('unread');
    expect(found).toMatchObject({ severity: 'info', fix: { sql: null }, impact: { reclaimableBytes: 0 } });
    expect(found.fix.notes).toMatch(/Nothing has read the table/);
    const windowed = await look(database.url, { ...only, unusedAfter: '1ms' });
    expect(windowed.findings.filter(({ schemaname }) => schemaname === 'unread')).toEqual([]);
    expect(windowed.inconclusive).toMatchObject([
      { reason: expect.stringMatching(/table was not read at all/), relations: ['unread.i'] },
    ]);
    expect(windowed.findings.some(({ schemaname }) => schemaname === 'plain')).toBe(true);
  });

  test('before the window of the policy has passed there is no finding but a date', async () => {
    const early = await look(database.url, { ...only, unusedAfter: '30d' });
    expect(early.findings).toEqual([]);
    const [reason] = early.inconclusive;
    const due = new Date((early.window?.sinceMs ?? 0) + 30 * 86_400_000).toISOString();
    expect(reason?.reason).toContain(
      `the window is 30 d: verdict on ${due.slice(0, 10)} ${due.slice(11, 16)} UTC`,
    );
    expect(reason?.relations).toContain('plain.i');
    expect(reason?.relations).not.toContain('scanned.i');
  });

  test('a comment on the index mutes it until its day', () => {
    expect(finding('muted')).toMatchObject({
      state: 'muted',
      muted: { until: '2999-01-01', reason: 'the yearly audit', by: 'comment on the index' },
    });
    expect(finding('mute_expired').state).toBe('open');
    expect(finding('mute_endless')).toMatchObject({ state: 'muted', muted: { until: null } });
  });

  test('the only index behind a foreign key is info and stays, whether the parent is at rest or not', () => {
    const quiet = finding('key_quiet');
    expect(quiet).toMatchObject({ severity: 'info', fix: { sql: null }, impact: { reclaimableBytes: 0 } });
    expect(quiet.caveats.join()).toMatch(
      /only index behind foreign key child_up_fkey; the parent saw 0 deletes/,
    );
    expect(quiet.fix.notes).toMatch(/^Keep it as long as foreign key child_up_fkey is wanted/);
    const busy = finding('key_busy');
    expect(busy).toMatchObject({ severity: 'info', fix: { sql: null }, impact: { reclaimableBytes: 0 } });
    expect(busy.fix.notes).toMatch(/^Keep it: child_up_fkey would have no index/);
    expect(busy.evidence.supportsForeignKeys).toEqual(['child_up_fkey']);
  });

  test('of two unused indexes behind one key not both are dropped', () => {
    const dropped = ['i', 'longer'].filter((name) => finding('key_served_twice', name).fix.sql !== null);
    expect(dropped).toHaveLength(1);
  });

  test('a partitioned index is judged by the scans of all its partitions', () => {
    expect(unused('parted')).toEqual(['i']);
    expect(finding('parted').relname).toBe('h');
  });

  test('a partitioned index behind a foreign key is its support, as are indexes of the partitions', () => {
    expect(finding('parted_key')).toMatchObject({ severity: 'info', fix: { sql: null } });
    for (const name of ['i1', 'i2'])
      expect(finding('parted_key_private', name)).toMatchObject({ severity: 'info', fix: { sql: null } });
  });

  test('a configured standby that cannot be counted leaves indexes unjudged: its use counts as well', async () => {
    const { hostname, port, password } = new URL(database.url);
    const parts = { host: hostname, port: Number(port) };
    const seen = await look('', {
      ...only,
      document: {
        servers: [
          {
            name: 'main',
            primary: { url: database.url },
            standbys: [{ name: 'replica-1', ...parts, user: 'postgres' }],
            databases: [database.name],
          },
        ],
      },
    });
    expect(password).not.toBe('');
    // It is the primary once more, and so none of its standbys.
    const [reason] = seen.inconclusive;
    expect(reason?.reason).toMatch(/node replica-1 could not be read/);
    expect(reason?.relations).toContain('plain.i');
    expect(reason?.relations).not.toContain('scanned.i');
    expect(named(seen, 'unused-index', 'plain').size).toBe(0);
  });

  test('so does a replica that is connected though nobody configured it', async () => {
    const replica = new pg.Client({
      connectionString: `${server().url()}?replication=true&application_name=stranger`,
    });
    replica.on('error', () => {});
    await replica.connect();
    try {
      const { rows } = await replica.query<{ xlogpos: string }>('IDENTIFY_SYSTEM');
      // It streams until the connection ends, and so never returns.
      replica.query(`START_REPLICATION PHYSICAL ${rows[0]?.xlogpos}`).catch(() => {});
      await withConnection(database.url, (client) =>
        eventually('the replica to be seen', async () => {
          const found = await client.query('select from pg_stat_replication');
          return found.rowCount === 1;
        }),
      );
      const seen = await look(database.url, only);
      const plain = named(seen, 'unused-index', 'plain').get('i');
      expect(plain).toMatchObject({ severity: 'info', fix: { sql: null } });
      expect(plain?.evidence.nodesNotSeen).toEqual([expect.stringMatching(/^stranger@/)]);
    } finally {
      // What is public of the client knows no way to leave a replication stream.
      (replica as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    }
  });

  test('statistics of expressions are kept before their index goes, and all that is printed runs', async () => {
    const { fix } = finding('expression');
    if (major >= 14) {
      expect(fix.sql).toBe(
        [
          'CREATE STATISTICS IF NOT EXISTS expression.stats_i_1 ON (lower(s)) FROM expression.t;',
          'CREATE STATISTICS IF NOT EXISTS expression.stats_i_2 ON ((a + 1)) FROM expression.t;',
          'ANALYZE expression.t;',
          'DROP INDEX CONCURRENTLY expression.i;',
        ].join('\n'),
      );
    } else {
      expect(fix.sql).toBe('DROP INDEX CONCURRENTLY expression.i;');
    }
    const kept = async (): Promise<number> => {
      const [result] = await runPrinted(
        database.url,
        "select 1 from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace where n.nspname = 'expression'",
      );
      return result?.rowCount ?? 0;
    };
    const done = await runPrinted(database.url, fix.preflightSql, fix.sql, fix.verifySql);
    expect(done.at(-1)?.rows).toEqual([{ done: true }]);
    expect(await kept()).toBe(major >= 14 ? 2 : 0);
    await runPrinted(database.url, fix.rollbackSql);
    expect(await kept()).toBe(0);
    const after = await look(database.url, only);
    expect(summaries(after.findings)).toContain('unused-index expression.i');
  });

  test('a server that counts nothing is inconclusive', async () => {
    const silent = await createDatabase(server(), 'uncounted');
    await runOn(silent.url, 'create table t (a int); create index i on t (a)');
    await runOn(silent.url, `alter database "${silent.name}" set track_counts = off`);
    const seen = await look(silent.url, only);
    expect(seen.findings).toEqual([]);
    expect(seen.inconclusive).toMatchObject([{ reason: expect.stringMatching(/track_counts is off/) }]);
  });
});
