import pg from 'pg';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import type { Finding } from '../../src/model/finding.ts';
import { look, named, runPrinted, summaries } from '../support/look.ts';
import {
  createDatabase,
  describeOnPostgres,
  oldestAndNewest,
  postgresMajors,
  runOn,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';

const describeTable = (schemaname: string, rows = 2_000): string => `
  create schema "${schemaname}"; set search_path = "${schemaname}";
  create table t (id int, a int, b int);
  insert into t select g, g, 7 from generate_series(1, ${rows}) g; analyze t;`;

const describeTree = `
  create table h (d int, a int) partition by range (d);
  create table h1 partition of h for values from (0) to (1000);
  create table h2 partition of h for values from (1000) to (3000);
  insert into h select g, g from generate_series(1, 2000) g; analyze h;`;

/** A session that stays open, and whose statements may be left running. */
class Bystander {
  readonly client: pg.Client;
  #running: Promise<unknown> | undefined;

  constructor(url: string) {
    this.client = new pg.Client({ connectionString: url });
    this.client.on('error', () => {});
  }
  static async open(url: string, ...statements: readonly string[]): Promise<Bystander> {
    const bystander = new Bystander(url);
    await bystander.client.connect();
    for (const statement of statements) await bystander.client.query(statement);
    return bystander;
  }
  /** Sends a statement and returns once it waits for a lock. Its end, good or bad, is awaited by `close`. */
  async sendAndWait(statement: string): Promise<void> {
    const { rows } = await this.client.query<{ pid: number }>('select pg_backend_pid() as pid');
    this.#running = this.client.query(statement).catch(() => {});
    await this.waits(rows[0]?.pid ?? 0);
  }
  /** Returns once the session waits for a lock held by somebody who has not let go. */
  async waits(pid: number): Promise<void> {
    await withConnection(this.url, (client) =>
      eventually(`session ${pid} to wait`, async () => {
        const { rowCount } = await client.query('select from pg_locks where pid = $1 and not granted', [pid]);
        return rowCount === 1;
      }),
    );
  }
  get url(): string {
    const { user, password, host, port, database } = this.client;
    return `postgresql://${user}:${password}@${host}:${port}/${database}`;
  }
  async end(): Promise<void> {
    await this.#running;
    await this.client.end();
  }
}

const majors = await postgresMajors(oldestAndNewest());

describeOnPostgres(majors, (server, major) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase(server(), 'invalid');
  });

  /** Runs a statement that fails for want of a lock which another transaction holds meanwhile. */
  const failWhileHeld = async (schemaname: string, hold: string, statement: string): Promise<void> => {
    const holder = await Bystander.open(database.url, `set search_path = "${schemaname}"`, 'begin', hold);
    const failing = await Bystander.open(
      database.url,
      `set search_path = "${schemaname}"`,
      "set lock_timeout = '100ms'",
    );
    await expect(failing.client.query(statement)).rejects.toThrow(/lock timeout/);
    await holder.client.query('rollback');
    await holder.end();
    await failing.end();
  };

  describe('what was left behind', () => {
    let generation: Generation;
    beforeAll(async () => {
      await withConnection(database.url, async (client) => {
        const tryTo = (statement: string) => client.query(statement).catch(() => {});
        await client.query(describeTable('failed_unique'));
        await tryTo('create unique index concurrently broken on t (b)');
        await client.query(describeTable('failed_unique_tiny', 10));
        await tryTo('create unique index concurrently broken on t (b)');
        await client.query(describeTable('failed_plain'));
        await tryTo('create index concurrently broken on t ((1 / (a - 5)))');
        await client.query(describeTable('failed_plain_tiny', 10));
        await tryTo('create index concurrently broken on t ((1 / (a - 5)))');
        // A function that lies about being immutable: its index cannot be built again.
        await client.query(
          `${describeTable('debris')}
          create function debris.f(int) returns int immutable language sql return $1;`.replace(
            'return $1',
            "as 'select $1'",
          ),
        );
        await client.query('create unique index fine on t (debris.f(a))');
        await client.query(
          "create or replace function debris.f(int) returns int immutable language sql as 'select 1'",
        );
        await tryTo('reindex index concurrently debris.fine');
        await client.query(`${describeTable('healthy')} create index fine on t (a)`);
        await client.query(`${describeTable('waiting')} ${describeTree} create index parent on only h (a)`);
        await client.query(`create index part on h1 (a); alter index parent attach partition part`);
      });
      await runOn(database.url, describeTable('failed_by_lock'));
      await failWhileHeld(
        'failed_by_lock',
        'lock table t in row exclusive mode',
        'create index concurrently broken on t (a)',
      );
      await runOn(database.url, `${describeTable('drop_begun')} create index half on t (a)`);
      await failWhileHeld('drop_begun', 'lock table t in access share mode', 'drop index concurrently half');
      await runOn(database.url, `${describeTable('drop_further')} create index half on t (a)`);
      await dropHalfway('drop_further');
      await runOn(
        database.url,
        `${describeTable('stuck')} ${describeTree} create index parent on only h (a); create index part2 on h2 (a); alter index parent attach partition part2`,
      );
      await failWhileHeld(
        'stuck',
        'lock table h1 in row exclusive mode',
        'create index concurrently part1 on h1 (a)',
      );
      await runOn(database.url, 'alter index stuck.parent attach partition stuck.part1');
      generation = await look(database.url, { only: ['invalid-index'] });
    });

    /** Interrupts DROP INDEX CONCURRENTLY in its second wait, when the index is no longer live. */
    const dropHalfway = async (schemaname: string): Promise<void> => {
      const inSchema = `set search_path = "${schemaname}"`;
      const first = await Bystander.open(
        database.url,
        inSchema,
        'begin',
        'lock table t in access share mode',
      );
      const dropping = await Bystander.open(database.url, inSchema);
      const { rows } = await dropping.client.query<{ pid: number }>('select pg_backend_pid() as pid');
      await dropping.sendAndWait('drop index concurrently half');
      const second = await Bystander.open(
        database.url,
        inSchema,
        'begin',
        'lock table t in access share mode',
      );
      await first.client.query('rollback');
      await eventually('the index to be dead', async () => {
        const { rowCount } = await first.client.query(
          "select from pg_index where indexrelid = 'half'::regclass and not indislive",
        );
        return rowCount === 1;
      });
      await first.client.query('select pg_cancel_backend($1)', [rows[0]?.pid]);
      await dropping.end();
      await second.client.query('rollback');
      await second.end();
      await first.end();
    };

    const only = (schemaname: string): Finding => {
      const found = generation.findings.filter((finding) => finding.schemaname === schemaname);
      if (found[0] === undefined || found.length > 1)
        throw new Error(`expected one finding on ${schemaname}: ${summaries(found)}`);
      return found[0];
    };

    test('was judged', () => {
      expect(generation.inconclusive).toEqual([]);
      expect([...named(generation, 'invalid-index', 'healthy')]).toEqual([]);
    });

    test('a unique index whose build failed is a warning on a table of any size', () => {
      for (const schemaname of ['failed_unique', 'failed_unique_tiny']) {
        expect(only(schemaname)).toMatchObject({
          severity: 'warning',
          confidence: 'proven',
          indexrelname: 'broken',
          evidence: { class: 'failed', isUnique: true, isValid: false },
        });
      }
      const { fix, title } = only('failed_unique');
      expect(title).toMatch(
        /^Unique index broken on failed_unique.t is invalid.*existing rows were never checked/,
      );
      expect(fix.sql).toBe('DROP INDEX CONCURRENTLY failed_unique.broken;');
      expect(fix.rollbackSql).toBe(
        'CREATE UNIQUE INDEX CONCURRENTLY broken ON failed_unique.t USING btree (b);',
      );
    });

    test('the query that finds the offending rows runs as it stands', async () => {
      const query = /find them by: (.*)\.$/.exec(
        only('failed_unique').fix.notes.split(' Rebuilding')[0] ?? '',
      )?.[1];
      const [result] = await runPrinted(database.url, query ?? '');
      expect(result?.rows).toEqual([{ b: 7, count: '2000' }]);
    });

    test('a plain one is a warning, and info on a tiny table', () => {
      expect(only('failed_plain')).toMatchObject({ severity: 'warning', evidence: { class: 'failed' } });
      expect(only('failed_plain_tiny')).toMatchObject({ severity: 'info', evidence: { class: 'failed' } });
      expect(only('failed_by_lock')).toMatchObject({ evidence: { class: 'failed', isReady: false } });
    });

    test('what a failed REINDEX CONCURRENTLY leaves is called debris, and the index it was for is left alone', () => {
      expect(only('debris')).toMatchObject({ indexrelname: 'fine_ccnew', evidence: { class: 'debris' } });
      expect(only('debris').fix.sql).toBe('DROP INDEX CONCURRENTLY debris.fine_ccnew;');
    });

    test('a drop that was interrupted: early it looks like a failed build, which is said; later it shows', () => {
      expect(only('drop_begun')).toMatchObject({
        evidence: { class: 'failed', isReady: true },
        caveats: [expect.stringMatching(/does not tell a failed build from a DROP INDEX CONCURRENTLY/)],
      });
      expect(only('drop_further')).toMatchObject({ evidence: { class: 'dropping', isLive: false } });
    });

    test('an index ON ONLY the parent waits for its partitions: info, no SQL', () => {
      expect(only('waiting')).toMatchObject({
        severity: 'info',
        indexrelname: 'parent',
        evidence: { class: 'partitions-missing', partitions: 2, attachedPartitions: 1 },
        fix: { sql: null },
      });
    });

    test('a parent with all partitions attached that is still invalid is stuck, and says on what', () => {
      const found = named(generation, 'invalid-index', 'stuck').get('parent');
      expect(found).toMatchObject({
        severity: 'warning',
        evidence: { class: 'partition-stuck', attachedPartitions: 2, invalidPartitionIndexes: 1 },
        fix: { sql: null },
      });
      expect(found?.related.map(({ indexrelname }) => indexrelname)).toEqual(['part1']);
      // What is attached cannot be dropped.
      expect(named(generation, 'invalid-index', 'stuck').get('part1')?.fix).toMatchObject({
        sql: 'REINDEX INDEX CONCURRENTLY stuck.part1;',
        notes: expect.stringMatching(/a partition of the index parent/),
      });
    });

    test('a role that cannot see who builds is inconclusive, and is told the grant', async () => {
      await runOn(
        database.url,
        `drop role if exists "blind ""one"""; create role "blind ""one""" login password 'x'`,
      );
      const blind = await look(server().urlFor('blind "one"', 'x', database.name), {
        only: ['invalid-index'],
      });
      expect(blind.findings).toEqual([]);
      expect(blind.inconclusive.map(({ reason }) => reason)).toEqual([
        'builds of other roles are invisible to blind "one"; run: GRANT pg_monitor TO "blind ""one""";',
      ]);
      await runOn(database.url, 'grant pg_monitor to "blind ""one"""');
      const sighted = await look(server().urlFor('blind "one"', 'x', database.name), {
        only: ['invalid-index'],
      });
      expect(summaries(sighted.findings)).toEqual(summaries(generation.findings));
    });

    test('the printed SQL clears them away', async () => {
      for (const { fix } of generation.findings) {
        if (fix.sql === null) continue;
        const done = await runPrinted(database.url, fix.preflightSql, fix.sql, fix.verifySql);
        expect(done.at(-1)?.rows).toEqual([{ done: true }]);
      }
      const after = await look(database.url, { only: ['invalid-index'] });
      expect(summaries(after.findings)).toEqual([
        'invalid-index stuck.parent',
        'invalid-index waiting.parent',
      ]);
      const stuck = named(after, 'invalid-index', 'stuck').get('parent');
      expect(stuck?.evidence).toMatchObject({ class: 'partition-stuck', invalidPartitionIndexes: 0 });
      expect(stuck?.fix.notes).toMatch(/^Attach one of its partitions again/);
      await runOn(database.url, 'alter index stuck.parent attach partition stuck.part2');
      const mended = await look(database.url, { only: ['invalid-index'] });
      // 13 does not look at the parent again.
      const left = major > 13 ? [] : ['invalid-index stuck.parent'];
      expect(summaries(mended.findings)).toEqual([...left, 'invalid-index waiting.parent']);
    });
  });

  describe('work in progress', () => {
    const open: Bystander[] = [];
    let url: string;
    const session = async (...statements: readonly string[]): Promise<Bystander> => {
      const opened = await Bystander.open(url, ...statements);
      open.push(opened);
      return opened;
    };
    beforeEach(async () => {
      url = (await createDatabase(server(), 'in_progress')).url;
    });
    afterEach(async () => {
      const [...holders] = open.splice(0);
      await Promise.all(holders.map((holder) => holder.client.query('rollback').catch(() => {})));
      await Promise.all(holders.map((holder) => holder.end()));
    });

    test('an index under construction is no finding, whatever it waits for', async () => {
      const tables = ['before_build', 'before_validation', 'old_snapshots', 'reindexed', 'dropped', 'dying'];
      await withConnection(url, async (client) => {
        for (const table of tables) {
          await client.query(
            `create table ${table} (a int); insert into ${table} select generate_series(1, 2000)`,
          );
          await client.query(`analyze ${table}`);
        }
        for (const table of ['reindexed', 'dropped', 'dying'])
          await client.query(`create index ${table}_old on ${table} (a)`);
      });
      const pidOf = async ({ client }: Bystander): Promise<number> =>
        (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid ?? 0;

      await session('begin', 'lock table before_build in row exclusive mode');
      await session('begin', 'lock table reindexed in row exclusive mode');
      await session('begin', 'lock table dropped in access share mode');
      const early = await session('begin', 'lock table before_validation in row exclusive mode');
      const earlyDying = await session('begin', 'lock table dying in access share mode');

      const builders = await Promise.all(Array.from({ length: 6 }, () => session()));
      const [first, second, third, fourth, fifth, sixth] = builders as [
        Bystander,
        Bystander,
        Bystander,
        Bystander,
        Bystander,
        Bystander,
      ];
      const [validating, dying] = [await pidOf(second), await pidOf(sixth)];
      await first.sendAndWait('create index concurrently before_build_new on before_build (a)');
      await second.sendAndWait(
        'create unique index concurrently before_validation_new on before_validation (a)',
      );
      await fourth.sendAndWait('reindex index concurrently reindexed_old');
      await fifth.sendAndWait('drop index concurrently dropped_old');
      await sixth.sendAndWait('drop index concurrently dying_old');
      // Somebody new comes before the first lets go: the second wait begins.
      await session('begin', 'lock table before_validation in row exclusive mode');
      await session('begin', 'lock table dying in access share mode');
      await early.client.query('rollback');
      await earlyDying.client.query('rollback');
      await withConnection(url, (client) =>
        eventually('the second waits', async () => {
          const { rows } = await client.query<{ ready: boolean; live: boolean }>(
            `select (select indisready from pg_index where indexrelid = 'before_validation_new'::regclass) as ready,
                    (select indislive from pg_index where indexrelid = 'dying_old'::regclass) as live`,
          );
          return rows[0]?.ready === true && rows[0].live === false;
        }),
      );
      await second.waits(validating);
      await sixth.waits(dying);
      // A snapshot from before the build is waited for at its very end.
      await session(
        'begin isolation level repeatable read',
        'select count(*) from old_snapshots',
        'savepoint s',
      );
      await third.sendAndWait('create index concurrently old_snapshots_new on old_snapshots (a)');

      const generation = await look(url, { only: ['invalid-index'] });
      const seenInvalid = generation.catalogue.indexes
        .filter(({ fact }) => !fact.isValid)
        .map(({ name }) => name);
      expect(seenInvalid.toSorted()).toEqual([
        'before_build_new',
        'before_validation_new',
        'dropped_old',
        'dying_old',
        'old_snapshots_new',
        'reindexed_old_ccnew',
      ]);
      expect(summaries(generation.findings)).toEqual([]);
      expect(generation.inconclusive).toEqual([]);
    });

    test('ten seconds of concurrent builds, rebuilds and drops never look like an invalid index', async () => {
      await runOn(
        url,
        'create table t (a int); insert into t select generate_series(1, 500); create index r on t (a)',
      );
      const untilMs = Date.now() + 10_000;
      let builds = 0;
      const build = async (name: string): Promise<void> => {
        await withConnection(url, async (client) => {
          while (Date.now() < untilMs) {
            await client.query(`create index concurrently ${name} on t (a)`);
            if (builds % 5 === 0) await client.query(`reindex index concurrently ${name}`);
            await client.query(`drop index concurrently ${name}`);
            builds += 1;
          }
        });
      };
      const building = build('churned');
      const found: string[] = [];
      while (Date.now() < untilMs) {
        const generation = await look(url, { only: ['invalid-index'] });
        found.push(...summaries(generation.findings));
      }
      await building;
      expect(builds).toBeGreaterThan(20);
      expect(found).toEqual([]);
    });
  });
});
