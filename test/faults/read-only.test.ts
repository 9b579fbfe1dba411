import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { supportedMajors } from '../../src/demo/binaries.ts';
import { findingsOf } from '../e2e/daemon-client.ts';
import { until } from '../e2e/program.ts';
import { failingBuild, richSchema } from '../queries/rich-schema.ts';
import { statementsOf } from '../support/look.ts';
import {
  createDatabase,
  describeOnPostgres,
  oldestAndNewest,
  postgresMajors,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { readText } from '../support/repository.ts';
import { createRole, type TestRole } from '../support/roles.ts';
import { loggingEverything } from '../support/server-log.ts';
import { type LoggedStatement, nameOf, outsideTransactions, statementsIn } from '../support/statement-log.ts';
import { isShort, noteBlock, noteFault } from './rows.ts';
import { collectorsOn, daemons, everySecond } from './serving-daemon.ts';

/*
 * Everything that the program ever sends to a server, as the server's own log has it.
 */

const majors = await postgresMajors(isShort ? oldestAndNewest() : supportedMajors);

/** What is known of one kind of statement, over all majors. */
interface Line {
  readonly runs: Map<number, number>;
  xids: number;
  temporaryFiles: number;
  readonly modes: Set<string>;
}
const lines = new Map<string, Line>();
const lineOf = (name: string): Line => {
  const line = lines.get(name) ?? { runs: new Map(), xids: 0, temporaryFiles: 0, modes: new Set() };
  lines.set(name, line);
  return line;
};

const manifests = {
  probes: `probes:
  - {name: run, table: parent, sql: "select * from parent where code = $1", parameters: [{type: text, value: c7}], analyze: true, target: 1s, schedule: "*/2 * * * * *"}
  - {name: planned, table: parent, sql: select count(*) from parent where amount > 400}
`,
  expectations: `indexes:
  - {name: wished, table: parent, columns: [label, code]}
  - {name: strange, table: parent, columns: [nothing]}
`,
};

describeOnPostgres(
  majors,
  (server, major) => {
    const { serve, run, file, end } = daemons();
    let database: TestDatabase;
    let role: TestRole;
    let sent: readonly LoggedStatement[] = [];
    let plan = '';

    beforeAll(async () => {
      database = await createDatabase(server(), 'read_only');
      // The role that the printed view names.
      role = await createRole(server(), 'indexwarden', { groups: ['pg_monitor'], exactName: true });
      await withConnection(database.url, async (client) => {
        await client.query(`create schema extensions; grant usage on schema extensions to indexwarden;
          create extension pgstattuple schema extensions; create extension pg_freespacemap schema extensions;
          create extension pg_stat_statements schema extensions`);
        await client.query(richSchema(major));
        await client.query('create index copy_one on base (a); create index copy_two on base (a)');
        await client.query(readText('deploy/column-statistics-view.sql'));
        await client.query('grant select on parent to indexwarden');
        await client.query(failingBuild).catch(() => {});
        await client.query(`create table half (id int primary key, a text); insert into half select g, 'name ' || g from generate_series(1, 60000) g;
          create index half_a on half (a); create index half_hash on half using hash (a);
          create index half_gin on half using gin (string_to_array(a, ' '))`);
        await client.query('delete from half where id % 2 = 0');
        await client.query('select count(*) from half where a = $1', ['name 7']);
      });
      await withConnection(database.url, (client) => client.query('vacuum (analyze)'));
      const log = server().embedded?.logFile;
      if (log === undefined) return;
      const before = (await statementsIn(log, 'indexwarden')).length;
      const document = {
        servers: [
          {
            name: 's',
            primary: { url: role.url(database.name) },
            databases: [database.name],
            probes: [{ file: file('probes.yaml', manifests.probes) }],
            expectations: [{ file: file('expectations.yaml', manifests.expectations) }],
          },
        ],
        collectors: collectorsOn(everySecond),
        bloat: everySecond,
        policy: { unusedAfter: '0d', minRows: 0 },
      };
      const daemon = await serve(document);
      await until('everything to have been read', async () => {
        const measured = await daemon.value('indexwarden_measurements_total', { outcome: 'measured' });
        const waiting = await daemon.value('indexwarden_measurements_waiting');
        return (measured ?? 0) > 0 && waiting === 0;
      });
      await daemon.generations(database.name, 3);
      const [finding] = await findingsOf(daemon.address);
      daemon.kill('SIGTERM');
      await daemon.ended;
      const config = ['--config.file', file('again.yaml', JSON.stringify(document))];
      for (const command of [
        ['check'],
        ['report'],
        ['bloat', '--measure'],
        ['plan'],
        ['explain', finding?.id ?? ''],
      ]) {
        const ended = await run([...command, ...config]);
        // Findings and all that: it looked, and said so.
        expect([0, 1], `${command.join(' ')}: ${ended.stderr}`).toContain(ended.code);
        if (command[0] === 'plan') plan = ended.stdout;
      }
      sent = (await statementsIn(log, 'indexwarden')).slice(before);
      for (const statement of sent) {
        const line = lineOf(nameOf(statement.kind));
        line.runs.set(major, (line.runs.get(major) ?? 0) + 1);
        line.xids += Number(statement.hasXid);
        line.temporaryFiles += statement.temporaryFiles;
      }
    });
    afterAll(async () => {
      await end();
      await database?.drop();
    });

    test('is what the files of queries/ say, and runs in read-only transactions with local settings', ({
      skip,
    }) => {
      if (server().embedded === undefined) skip('the log of this server cannot be read');
      expect(sent.length).toBeGreaterThan(200);
      expect(sent.filter(({ kind }) => kind.kind === 'unknown').map(({ text }) => text)).toEqual([]);
      expect(outsideTransactions(sent)).toEqual([]);
      const kinds = new Set(sent.map(({ kind }) => nameOf(kind)));
      for (const expected of [
        'measure-index.sql',
        'measure-pending-list.sql',
        'measure-hash-index.sql',
        'invalid-indexes.sql',
        'definitions.sql',
        'probe-scans.sql',
      ])
        expect([...kinds]).toContain(`\`${expected}\``);
      expect([...kinds]).toContain('explain (analyze) of a probe');
    });

    test('writes nothing: no transaction has an id, no file is spilled, nothing temporary is made', async ({
      skip,
    }) => {
      if (server().embedded === undefined) skip('the log of this server cannot be read');
      expect(sent.filter(({ hasXid }) => hasXid).map(({ text }) => text)).toEqual([]);
      expect(sent.filter(({ temporaryFiles }) => temporaryFiles > 0).map(({ text }) => text)).toEqual([]);
      const { rows } = await withConnection(database.url, (client) =>
        client.query(
          "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname ~ '^pg_temp_'",
        ),
      );
      expect(rows).toEqual([]);
    });

    /** What each statement that was sent holds, when it is run again as it was, by the same role, with the same settings. */
    const replayed = async (): Promise<ReadonlyMap<string, ReadonlySet<string>>> => {
      const modes = new Map<string, Set<string>>();
      const done = new Set<string>();
      const client = new pg.Client({ connectionString: role.url(database.name), application_name: 'replay' });
      await client.connect();
      try {
        const settings = sent.find(({ kind }) => kind.kind === 'begin')?.text ?? '';
        for (const { kind, text, values } of sent) {
          const key = `${text} ${JSON.stringify(values)}`;
          if (done.has(key) || !['query', 'probe plan', 'probe run'].includes(kind.kind)) continue;
          done.add(key);
          await client.query(settings);
          if (kind.kind !== 'query') await client.query('set local search_path = public');
          try {
            await client.query({ text, values: [...values], queryMode: 'extended' } as pg.QueryConfig);
          } catch (caught) {
            // Gone since, or of a kind that cannot be measured: what matters is that it waited for nobody and wrote nothing.
            const code = caught instanceof pg.DatabaseError ? caught.code : String(caught);
            if (code === '55P03' || code === '25006') throw caught;
            await client.query('rollback');
            continue;
          }
          const { rows } = await client.query<{ mode: string }>(held);
          const own = modes.get(nameOf(kind)) ?? new Set();
          for (const { mode } of rows) own.add(mode);
          modes.set(nameOf(kind), own);
          await client.query('rollback');
        }
      } finally {
        await client.end();
      }
      expect(done.size).toBeGreaterThan(20);
      return modes;
    };

    test('takes no lock but ACCESS SHARE on relations of users', async ({ skip }) => {
      if (server().embedded === undefined) skip('the log of this server cannot be read');
      const modes = await replayed();
      for (const [name, own] of modes) for (const mode of own) lineOf(name).modes.add(mode);
      expect(new Set([...modes.values()].flatMap((own) => [...own]))).toEqual(new Set(['AccessShareLock']));
    });

    test('runs beside EXCLUSIVE locks on every table, which let only ACCESS SHARE in', async ({ skip }) => {
      if (server().embedded === undefined) skip('the log of this server cannot be read');
      await withConnection(database.url, async (client) => {
        const { rows } = await client.query<{ tables: string }>(
          `select string_agg(c.oid::regclass::text, ', ') as tables from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relpersistence <> 't'`,
        );
        await client.query(`begin; lock table ${rows[0]?.tables} in exclusive mode`);
        // One that wanted more would fail with 55P03.
        await replayed();
        await client.query('rollback');
      });
      const runs = sent.filter(({ kind }) => kind.kind !== 'begin' && kind.kind !== 'end').length;
      noteFault({
        area: 'read-only',
        fault: `Everything on, as the server’s log has it, PostgreSQL ${major}`,
        did: `sent ${runs} statements of ${new Set(sent.map(({ kind }) => nameOf(kind))).size} kinds in ${sent.filter(({ kind }) => kind.kind === 'begin').length} read-only transactions`,
        said: `${sent.filter(({ hasXid }) => hasXid).length} transaction ids, ${sent.reduce((sum, one) => sum + one.temporaryFiles, 0)} temporary files; all of them ran beside EXCLUSIVE locks on every table`,
        recoveryMs: null,
      });
    });

    test('prints plans whose checks only read', async () => {
      const checks = statementsOf(plan).filter((statement) => /^DO \$indexwarden\$/m.test(statement));
      expect(checks.length).toBeGreaterThan(2);
      const verdicts = await withConnection(database.url, async (client) => {
        const codes: string[] = [];
        for (const check of checks) {
          await client.query('begin read only');
          const code = await client.query(check).then(
            () => 'passed',
            // One that stops the script does so with a message of its own.
            (caught: unknown) => (caught instanceof pg.DatabaseError ? (caught.code ?? '') : String(caught)),
          );
          codes.push(code);
          const line = lineOf('checks of a printed plan (run by whoever runs it)');
          line.runs.set(major, (line.runs.get(major) ?? 0) + 1);
          if (code === 'passed') {
            const { rows } = await client.query<{ mode: string }>(held);
            for (const { mode } of rows) line.modes.add(mode);
            const ids = await client.query<{ xid: string | null }>(
              'select pg_current_xact_id_if_assigned()::text as xid',
            );
            line.xids += Number(ids.rows[0]?.xid !== null);
          }
          await client.query('rollback');
        }
        return codes;
      });
      expect(verdicts.filter((code) => code !== 'passed' && code !== 'P0001')).toEqual([]);
      expect(lineOf('checks of a printed plan (run by whoever runs it)').xids).toBe(0);
    });
  },
  { settings: { ...loggingEverything, shared_preload_libraries: 'pg_stat_statements' } },
);

/** Locks of this session on relations of users. */
const held = `select distinct l.mode from pg_locks l join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
  where l.pid = pg_backend_pid() and l.locktype = 'relation' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'indexwarden', 'extensions')`;

afterAll(() => {
  const tried = majors.flatMap((entry) => ('unavailable' in entry ? [] : [entry.major]));
  noteBlock({ block: 'statements', text: table(tried) });
});

function table(tried: readonly number[]): string {
  const rows = [...lines]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { runs, xids, temporaryFiles, modes }]) =>
      [name, ...tried.map((major) => runs.get(major) ?? 0), xids, temporaryFiles, strongest(modes)].join(
        ' | ',
      ),
    );
  const heads = [
    'Statement',
    ...tried.map((major) => `Runs on ${major}`),
    'Transaction ids',
    'Temporary files',
    'Strongest lock held',
  ];
  const rule = heads.map((_, at) => (at === 0 || at === heads.length - 1 ? '---' : '---:'));
  return [heads.join(' | '), rule.join('|'), ...rows]
    .map((row) => `| ${row} |`)
    .join('\n')
    .concat('\n');
}

const strongest = (modes: ReadonlySet<string>): string =>
  modes.size === 0
    ? '–'
    : [...modes].map((mode) => mode.replace('AccessShareLock', 'ACCESS SHARE')).join(', ');
