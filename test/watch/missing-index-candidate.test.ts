import { beforeAll, expect, test } from 'vitest';
import { look, runPrinted } from '../support/look.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { createMonitor, type TestRole } from '../support/roles.ts';

const only = ['missing-index-candidate'] as const;
/** Low enough for what a test can do within a second. */
const detectors = {
  'missing-index-candidate': {
    scansPerDayMin: 50,
    rowsReadPerDayMin: 1_000_000,
    // What was loaded counts as written.
    rowsReadPerWriteMin: 1,
    slowStatementMs: 0.5,
  },
};

const rows = 30_000;
const calls = 60;

describeOnPostgres(
  await postgresMajors(aFewMajors()),
  (server) => {
    let database: TestDatabase;
    let monitor: TestRole;

    beforeAll(async () => {
      database = await createDatabase(server(), 'candidate');
      monitor = await createMonitor(server());
      await withConnection(database.url, async (client) => {
        await client.query(`
          create table orders (id int primary key, customer int, status text, at timestamptz, note text);
          create table exported (id int primary key, customer int);
          create table small (id int primary key, customer int);
          insert into orders select i, i % 5000, 'open', timestamptz '2026-01-01' + i * interval '1 min', 'note ' || i
            from generate_series(1, ${rows}) i;
          insert into exported select i, i from generate_series(1, ${rows}) i;
          insert into small select i, i from generate_series(1, 500) i;
          analyze orders, exported, small;
        `);
      });
    });

    /** As an application does. The counters of tables reach the server a little later than the last statement. */
    const work = async (): Promise<void> => {
      await withConnection(database.url, async (client) => {
        for (let call = 1; call <= calls; call += 1) {
          await client.query('select note from orders where customer = $1 and at > $2', [call, '2026-01-01']);
          await client.query('select count(*) from exported');
          await client.query('select * from small where customer = $1', [call]);
        }
      });
      await withConnection(database.url, (client) =>
        eventually('the scans are counted', async () => {
          const { rows: counted } = await client.query(
            `select 1 from pg_stat_user_tables where relname in ('orders', 'exported') having min(seq_scan) >= ${calls}`,
          );
          return counted.length > 0;
        }),
      );
    };

    const candidates = async () => {
      const generation = await look('', {
        document: {
          servers: [{ name: 'main', primary: { url: monitor.url(database.name) } }],
          policy: { unusedAfter: '0d' },
          detectors,
        },
        only,
      });
      const { findings, runs, inconclusive, missingPermissions } = generation;
      return {
        findings,
        inconclusive,
        missingPermissions,
        run: runs.find(({ name }) => name === 'statements'),
      };
    };

    test('without the extension it says what to install, and nothing fails', async () => {
      await withConnection(database.url, (client) =>
        client.query('drop extension if exists pg_stat_statements'),
      );
      await work();
      const { findings, run, inconclusive, missingPermissions } = await candidates();
      // Without statements a count looks like a search: it is said that it may be one.
      expect(findings.map(({ relname }) => relname).sort()).toEqual(['exported', 'orders']);
      for (const finding of findings) {
        expect(finding).toMatchObject({
          severity: 'info',
          confidence: 'possible',
          columns: [],
          fix: { sql: null },
        });
        expect(finding.fix.notes).toContain('CREATE EXTENSION pg_stat_statements');
      }
      expect(run).toMatchObject({ state: 'skipped', reason: expect.stringContaining('is not installed') });
      expect(inconclusive).toEqual([]);
      expect(missingPermissions.filter(({ permission }) => permission === 'statements')).toEqual([]);
    });

    test('with it the columns are told, what is printed builds, and then all is said', async () => {
      await withConnection(database.url, (client) =>
        client
          .query('create extension if not exists pg_stat_statements; select pg_stat_statements_reset()')
          .then(() => {}),
      );
      await work();
      const { findings, run } = await candidates();
      expect(run).toMatchObject({ state: 'collected' });
      // Counts, and tables of 500 rows, are none.
      expect(findings.map(({ relname }) => relname)).toEqual(['orders']);
      const [finding] = findings;
      expect(finding).toMatchObject({
        severity: 'info',
        confidence: 'possible',
        // Six rows a customer: nothing more is needed.
        columns: expect.arrayContaining(['customer']),
        evidence: { countedBy: 'counters', tableRows: rows, statementsKnown: true },
      });
      const [statement] = (finding?.evidence.statements ?? []) as readonly Record<string, unknown>[];
      expect(statement).toMatchObject({
        equality: ['customer'],
        range: ['at'],
        text: 'select note from orders where customer = $1 and at > $2',
      });
      expect(Number(statement?.callsTotal)).toBe(calls);
      const { sql, rollbackSql, preflightSql, verifySql } = finding?.fix ?? {};
      expect(sql).toMatch(
        /^CREATE INDEX CONCURRENTLY ix_orders_customer(?:_at)? ON public\.orders \(customer(?:, at)?\);$/,
      );
      await runPrinted(database.url, preflightSql ?? null, sql ?? null);
      const [verified] = await runPrinted(database.url, verifySql ?? null);
      expect(Object.values(verified?.rows[0] ?? {})).toEqual([true]);
      expect((await candidates()).findings).toEqual([]);
      await runPrinted(database.url, rollbackSql ?? null);
      expect((await candidates()).findings.map(({ relname }) => relname)).toEqual(['orders']);
    });
  },
  { settings: { shared_preload_libraries: 'pg_stat_statements' } },
);
