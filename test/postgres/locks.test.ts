import pg from 'pg';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { collectors, type FactFor } from '../../src/collectors/index.ts';
import type { Generation } from '../../src/findings/generation.ts';
import type { Outcome } from '../../src/model/outcome.ts';
import { readAroundLocks } from '../../src/postgres/bisect.ts';
import { codeOf } from '../../src/postgres/errors.ts';
import { readQuery } from '../../src/postgres/queries.ts';
import { runCollector } from '../../src/postgres/run-collector.ts';
import type { Session } from '../../src/postgres/session.ts';
import { look } from '../support/look.ts';
import {
  createDatabase,
  describeOnPostgres,
  oldestAndNewest,
  postgresMajors,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { createMonitor, type TestRole } from '../support/roles.ts';
import { loggingEverything, readLog } from '../support/server-log.ts';
import { openSession, usualLimits } from '../support/watching.ts';

const majors = await postgresMajors(oldestAndNewest());
const never = new AbortController().signal;

const tableCount = 500;
const name = (at: number): string => `t_${String(at).padStart(3, '0')}`;

describeOnPostgres(
  majors,
  (server) => {
    let database: TestDatabase;
    let role: TestRole;
    let oids: ReadonlyMap<string, number>;
    const holders: pg.Client[] = [];

    beforeAll(async () => {
      database = await createDatabase(server(), 'locks');
      role = await createMonitor(server());
      await withConnection(database.url, async (client) => {
        const tables = Array.from({ length: tableCount }, (_, at) => name(at));
        for (const table of tables) {
          await client.query(
            `create table ${table} (id int primary key, a text);
             create index ${table}_plain on ${table} (a);
             create index ${table}_partial on ${table} (a) where id > 10;
             create index ${table}_expression on ${table} (lower(a));`,
          );
        }
        await client.query(
          `insert into ${name(7)} select g, 'a' || g from generate_series(1, 2000) g; analyze`,
        );
        const { rows } = await client.query<{ relname: string; oid: number }>(
          `select relname, oid::int4 as oid from pg_class where relnamespace = 'public'::regnamespace
           union all select relname || '_toast', reltoastrelid::int4 from pg_class
           where relnamespace = 'public'::regnamespace and reltoastrelid <> 0`,
        );
        oids = new Map(rows.map(({ relname, oid }) => [relname, oid]));
      });
    });
    afterEach(async () => {
      for (const holder of holders.splice(0)) await holder.end();
    });

    /** Runs statements in a transaction that stays open until the test is over. */
    const hold = async (...statements: readonly string[]): Promise<pg.Client> => {
      const client = new pg.Client({ connectionString: database.url, application_name: 'holder' });
      client.on('error', () => {});
      await client.connect();
      holders.push(client);
      for (const statement of ['begin', ...statements]) await client.query(statement);
      return client;
    };
    const oid = (relation: string): number => oids.get(relation) ?? 0;
    const sorted = (relations: readonly string[]): readonly number[] =>
      relations.map(oid).sort((a, b) => a - b);

    const factsOf = <Name extends 'indexes' | 'relation-sizes'>(generation: Generation, collector: Name) => {
      const outcome: Outcome<FactFor<Name>> | undefined = generation.snapshot.outcomes[collector];
      if (outcome?.kind !== 'collected') throw new Error(`${collector} was not collected`);
      return outcome;
    };
    const sizesOf = (generation: Generation) =>
      new Map(factsOf(generation, 'relation-sizes').facts.map((fact) => [fact.relationOid, fact]));

    /** What must hold whatever is locked: everybody has a row, and only the locked lack a fact. */
    const expectOnlySkipped = (
      generation: Generation,
      expected: { readonly unsized: readonly string[]; readonly undefined: readonly string[] },
    ): void => {
      expect(generation.isUp).toBe(true);
      const sizes = factsOf(generation, 'relation-sizes');
      const indexes = factsOf(generation, 'indexes');
      expect([...sizes.skippedRelations].sort((a, b) => a - b)).toEqual(sorted(expected.unsized));
      expect([...indexes.skippedRelations].sort((a, b) => a - b)).toEqual(sorted(expected.undefined));
      expect(indexes.facts).toHaveLength(tableCount * 4);
      const sized = sizesOf(generation);
      for (const [relation, relationOid] of oids) {
        const fact = sized.get(relationOid);
        expect({ relation, isSized: fact?.sizeBytes !== null }).toEqual({
          relation,
          isSized: !expected.unsized.includes(relation),
        });
      }
    };

    /** Names that detectors say they could not judge. */
    const unjudged = (generation: Generation): readonly string[] =>
      [...new Set(generation.inconclusive.flatMap(({ relations }) => relations ?? []))].sort();

    /** Looks, and makes sure that what is locked was left out rather than run into. */
    const lookWithoutWaiting = async (): Promise<Generation> => {
      const file = server().embedded?.logFile;
      const before = file === undefined ? 0 : (await readLog(file)).length;
      const generation = await look(role.url(database.name));
      const entries = file === undefined ? [] : (await readLog(file)).slice(before);
      const ours = entries.filter(({ application }) => application === 'indexwarden');
      expect(ours.filter(({ level }) => level === 'ERROR')).toEqual([]);
      return generation;
    };

    test('ACCESS EXCLUSIVE held on one table: it alone lacks facts, and is named', async () => {
      const table = name(7);
      await hold(`lock table ${table} in access exclusive mode`);
      const generation = await lookWithoutWaiting();
      const indexes = [`${table}_expression`, `${table}_partial`];
      expectOnlySkipped(generation, { unsized: [table], undefined: indexes });
      expect(unjudged(generation)).toEqual(indexes.map((index) => `public.${index}`));
      // What the planner last counted stands in for the size.
      expect(sizesOf(generation).get(oid(table))).toMatchObject({
        sizeBytes: null,
        relpages: expect.any(Number),
      });
      expect(sizesOf(generation).get(oid(table))?.relpages).toBeGreaterThan(0);
      expect(generation.catalogue.tables.find(({ relname }) => relname === table)?.sizeBytes).toBeUndefined();
      // The SQL of a finding waits for the definition rather than for the lock.
      const finding = generation.findings.find(({ indexrelname }) => indexrelname === `${table}_plain`);
      expect(finding?.fix.rollbackSql ?? null).toBeNull();
      // Its plain index needs no open table and is judged as ever.
      const plain = generation.catalogue.indexes.find((index) => index.name === `${table}_plain`);
      expect(plain?.sizeBytes).toBeGreaterThan(0);
      expect(generation.runs.find((run) => run.name === 'relation-sizes')).toMatchObject({
        state: 'collected',
        skippedRelations: 1,
      });
    });

    test('ACCESS EXCLUSIVE waited for, not granted: we do not queue behind it', async () => {
      const table = name(8);
      await hold(`select count(*) from ${table}`);
      const waiting = await hold();
      const waited = waiting.query(`lock table ${table} in access exclusive mode`).catch(() => {});
      await withConnection(database.url, (client) =>
        eventually('the lock to be waited for', async () => {
          const { rows } = await client.query('select 1 from pg_locks where not granted and relation = $1', [
            oid(table),
          ]);
          return rows.length > 0;
        }),
      );
      expectOnlySkipped(await lookWithoutWaiting(), {
        unsized: [table],
        undefined: [`${table}_expression`, `${table}_partial`],
      });
      for (const holder of holders.splice(0)) await holder.end();
      await waited;
    });

    test('ACCESS EXCLUSIVE on every tenth of 500 tables', async () => {
      const tables = Array.from({ length: tableCount / 10 }, (_, at) => name(at * 10));
      await hold(`lock table ${tables.join(', ')} in access exclusive mode`);
      expectOnlySkipped(await lookWithoutWaiting(), {
        unsized: tables,
        undefined: tables.flatMap((table) => [`${table}_expression`, `${table}_partial`]),
      });
    });

    test.each([
      ['reindex index t_011_plain', ['t_011_plain'], []],
      ['drop index t_011_plain', ['t_011', 't_011_plain'], ['t_011_expression', 't_011_partial']],
      [
        'truncate t_011',
        ['t_011', 't_011_expression', 't_011_partial', 't_011_pkey', 't_011_plain', 't_011_toast'],
        ['t_011_expression', 't_011_partial'],
      ],
      ['alter table t_011 add column b int', ['t_011'], ['t_011_expression', 't_011_partial']],
    ])('%s, not committed', async (statement, unsized, undefinable) => {
      await hold(statement);
      expectOnlySkipped(await lookWithoutWaiting(), { unsized, undefined: undefinable });
    });

    describe('locks that come after we looked for them', () => {
      let session: Session;
      beforeAll(async () => {
        session = await openSession(role.url(database.name), { lockTimeoutMs: 60 });
        return () => session.close();
      });

      // The query as it is, but for the step that looks for locks: it sees none, as when they come a moment later.
      const blind = (file: string): string =>
        readQuery(file).replace("l.mode = 'AccessExclusiveLock'", "l.mode = 'none yet'");
      const ask = (text: string, values: readonly unknown[]) =>
        session.transaction({ statementTimeoutMs: 30_000, signal: never }, (statement) =>
          statement(text, values),
        );
      const candidates = async (): Promise<readonly number[]> =>
        (await ask(readQuery('relation-oids.sql'), [])).rows.map(([relation]) => Number(relation));

      test.each(['relation-sizes.sql', 'indexes.sql'])(
        '%s is blocked for lock_timeout and no longer',
        async (file) => {
          const logFile = server().embedded?.logFile;
          await hold('lock table t_020 in access exclusive mode');
          const caught: unknown = await ask(blind(file), [0, 4_294_967_295, true]).catch(
            (error: unknown) => error,
          );
          expect(codeOf(caught)).toBe('55P03');
          if (logFile === undefined) return;
          const ours = (await readLog(logFile)).filter(({ application }) => application === 'indexwarden');
          expect(ours.map(({ text }) => text)).toContain('canceling statement due to lock timeout');
          expect(ours.filter(({ text }) => text.includes('still waiting for'))).toEqual([]);
        },
      );

      test.each([
        ['relation-sizes.sql', ['t_020', 't_333']],
        ['indexes.sql', ['t_020_expression', 't_020_partial', 't_333_expression', 't_333_partial']],
      ])('%s: those that block are found, and have a row all the same', async (file, expected) => {
        await hold('lock table t_020, t_333 in access exclusive mode');
        const read = await readAroundLocks({
          read: (from, to, mayOpen) => ask(blind(file), [from, to, mayOpen]),
          candidates,
          budgetMs: 60_000,
          now: Date.now,
        });
        expect(read.skipped).toEqual(sorted(expected));
        // Every relation is there, in order.
        const listed = read.rows.map(([relation]) => Number(relation));
        expect(listed).toEqual([...listed].sort((a, b) => a - b));
        expect(listed).toEqual(expect.arrayContaining([...sorted(expected)]));
        expect(new Set(listed).size).toBe(listed.length);
      });

      test('past the budget the rest is unknown, not missing', async () => {
        await hold('lock table t_020 in access exclusive mode');
        let nowMs = 0;
        const read = await readAroundLocks({
          read: (from, to, mayOpen) => {
            nowMs += 1;
            return ask(blind('relation-sizes.sql'), [from, to, mayOpen]);
          },
          candidates,
          budgetMs: 1,
          now: () => nowMs,
        });
        const columns = { oid: read.names.indexOf('relation_oid'), size: read.names.indexOf('size_bytes') };
        const rows = new Map(read.rows.map((row) => [Number(row[columns.oid]), row[columns.size]]));
        for (const relation of oids.values()) expect(rows.has(relation)).toBe(true);
        expect(read.skipped).toContain(oid('t_020'));
        expect(rows.get(oid('t_020'))).toBeNull();
      });

      test('once it has run into one, a collector looks again and sees it', async () => {
        await hold('lock table t_020 in access exclusive mode');
        let isFirst = true;
        const sql = readQuery('relation-sizes.sql');
        const read = await readAroundLocks({
          read: (from, to, mayOpen) => {
            const text = isFirst ? blind('relation-sizes.sql') : sql;
            isFirst = false;
            return ask(text, [from, to, mayOpen]);
          },
          candidates,
          budgetMs: 60_000,
          now: Date.now,
        });
        // Nothing had to be cornered: the halves leave out what is locked by themselves.
        expect(read.skipped).toEqual([]);
        expect(read.rows.length).toBeGreaterThanOrEqual(oids.size);
      });
    });

    test('in a storm of DDL every look ends, and nobody waits for us longer than lock_timeout', async () => {
      const session = await openSession(role.url(database.name));
      const storm = new pg.Client({ connectionString: database.url, application_name: 'storm' });
      await storm.connect();
      let isOver = false;
      const ddl = (async () => {
        for (let round = 0; round < 150; round += 1) {
          const table = name((round * 7) % tableCount);
          await storm.query(
            `begin; alter table ${table} add column c${round} int; create table s${round} (a int primary key); drop table ${name(499)}; rollback`,
          );
          await storm.query(`reindex table ${table}`);
          await storm.query(`create table s (a int primary key); drop table s`);
        }
      })().finally(() => {
        isOver = true;
      });
      const run = {
        versionNum: 130_000,
        roleName: role.name,
        statementTimeoutMs: 30_000,
        bisectionBudgetMs: 5_000,
        rowsMax: 1e6,
        rowsPerSlice: 500,
        now: Date.now,
        signal: never,
      };
      const outcomes: Outcome<unknown>[] = [];
      while (!isOver) {
        outcomes.push(await runCollector(session, collectors['relation-sizes'], run));
        outcomes.push(await runCollector(session, collectors.indexes, run));
      }
      await ddl;
      await storm.end();
      await session.close();
      expect(outcomes.length).toBeGreaterThan(4);
      expect(outcomes.filter(({ kind }) => kind !== 'collected')).toEqual([]);
      // The rolled-back drop apart, every one of the indexes was seen each time.
      for (const outcome of outcomes) {
        if (outcome.kind === 'collected') expect(outcome.facts.length).toBeGreaterThanOrEqual(tableCount * 4);
      }

      const file = server().embedded?.logFile;
      if (file === undefined) return;
      const entries = await readLog(file);
      const ours = new Set(
        entries.filter(({ application }) => application === 'indexwarden').map(({ pid }) => pid),
      );
      expect(ours.size).toBeGreaterThan(0);
      const waits = entries.filter(({ text }) =>
        /still waiting for|Process(?:es)? holding the lock/.test(text),
      );
      expect(usualLimits.lockTimeoutMs).toBeLessThan(
        Number.parseInt(loggingEverything.deadlock_timeout ?? '', 10),
      );
      expect(waits.filter(({ application }) => application === 'indexwarden')).toEqual([]);
      const blamed = waits.flatMap(
        ({ text }) => /holding the lock: ([\d, ]+)/.exec(text)?.[1]?.split(', ').map(Number) ?? [],
      );
      expect(blamed.filter((pid) => ours.has(pid))).toEqual([]);
    });
  },
  { settings: { ...loggingEverything, max_locks_per_transaction: '512' } },
);
