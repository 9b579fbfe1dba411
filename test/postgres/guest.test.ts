import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { failingBuild, richSchema } from '../queries/rich-schema.ts';
import { look } from '../support/look.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { filesBelow, readText } from '../support/repository.ts';
import { createMonitor, type TestRole } from '../support/roles.ts';
import { type LogEntry, loggingEverything, readLog, statementsOfApplication } from '../support/server-log.ts';
import { fleetOn, neverScheduled } from '../support/watching.ts';

const majors = await postgresMajors(aFewMajors());

describeOnPostgres(
  majors,
  (server, major) => {
    let database: TestDatabase;
    let role: TestRole;
    beforeAll(async () => {
      database = await createDatabase(server(), 'guest');
      role = await createMonitor(server());
      await withConnection(database.url, async (client) => {
        await client.query(richSchema(major));
        await client.query('create index copy_one on base (a); create index copy_two on base (a)');
        await client.query(failingBuild).catch(() => {});
      });
    });

    describe('a whole check, as the server’s log has it', () => {
      let entries: readonly LogEntry[];
      let sent: ReturnType<typeof statementsOfApplication>;
      beforeEach(({ skip }) => {
        if (server().embedded === undefined) skip('the log of this server cannot be read');
      });
      beforeAll(async () => {
        const file = server().embedded?.logFile;
        if (file === undefined) return;
        const before = (await readLog(file)).length;
        const generation = await look(role.url(database.name));
        expect(generation.isUp).toBe(true);
        expect(generation.findings.map(({ kind }) => kind)).toEqual(
          expect.arrayContaining(['invalid-index', 'duplicate-index']),
        );
        entries = (await readLog(file)).slice(before);
        sent = statementsOfApplication(entries, 'indexwarden');
      });

      test('is what the files of queries/ say, each in a read-only transaction with local settings', () => {
        expect(sent.length).toBeGreaterThan(30);
        const known = new Map(filesBelow('queries').map((file) => [readText(file).trim(), file]));
        const begin =
          /^begin read only;\s+set local statement_timeout = \d+;\s+set local lock_timeout = \d+;(?:\s+set local \w+ = \w+;?)+$/;
        const pooler = 'begin read only; select pg_catalog.pg_backend_pid(); rollback';
        const shapes = sent.map(({ text }) => {
          if (begin.test(text)) return 'begin';
          if (text === 'rollback' || text === pooler) return text;
          return known.has(text) ? 'query' : `unknown: ${text}`;
        });
        expect(shapes.filter((shape) => shape.startsWith('unknown'))).toEqual([]);
        const conversation = shapes.join(' ').replaceAll(pooler, '').trim();
        expect(conversation).toMatch(/^(?:begin query rollback ?)+$/);
        // Definitions are read for what is found, and the second look is taken: the whole set of queries was here.
        const files = new Set(sent.map(({ text }) => known.get(text)));
        expect([...files]).toEqual(
          expect.arrayContaining(['queries/definitions.sql', 'queries/invalid-indexes.sql']),
        );
      });

      test('writes nothing: no transaction of ours ever has an id', () => {
        expect(sent.filter(({ xid }) => xid !== 0)).toEqual([]);
      });

      test('fails at nothing, waits for nothing and spills nothing', () => {
        const ours = entries.filter(({ application }) => application === 'indexwarden');
        expect(ours.filter(({ level }) => level !== 'LOG' && level !== 'DETAIL')).toEqual([]);
        expect(ours.filter(({ text }) => /still waiting for|temporary file/.test(text))).toEqual([]);
      });

      test('is one connection', () => {
        expect(new Set(sent.map(({ pid }) => pid)).size).toBe(1);
      });
    });

    test('no lock of ours is stronger than ACCESS SHARE, and nothing temporary is made', async () => {
      const seen = new Map<string, number>();
      await withConnection(database.url, async (client) => {
        let isDone = false;
        const looked = look(role.url(database.name)).finally(() => {
          isDone = true;
        });
        while (!isDone) {
          const { rows } = await client.query<{ mode: string; locktype: string }>(
            // While anybody connects, the server itself holds one on the database, lest it is dropped meanwhile.
            `select l.locktype, l.mode from pg_locks l join pg_stat_activity a using (pid)
             where a.application_name = 'indexwarden' and l.locktype <> 'virtualxid'
               and not (l.locktype = 'object' and l.classid = 'pg_database'::regclass and l.mode = 'RowExclusiveLock')`,
          );
          for (const { locktype, mode } of rows)
            seen.set(`${locktype} ${mode}`, (seen.get(`${locktype} ${mode}`) ?? 0) + 1);
        }
        await looked;
        const { rows } = await client.query(
          "select nspname from pg_namespace where nspname ~ '^pg_temp_' and exists (select from pg_class c where c.relnamespace = pg_namespace.oid)",
        );
        expect(rows).toEqual([]);
      });
      expect([...seen.keys()]).toEqual(['relation AccessShareLock']);
    });

    test('one connection a target, under our name, however many passes; none after the end', async () => {
      const others = await Promise.all([
        createDatabase(server(), 'guest_b'),
        createDatabase(server(), 'guest_c'),
      ]);
      const names = [database.name, ...others.map(({ name }) => name)];
      const { fleet, until } = fleetOn({
        servers: [{ name: 's', primary: { url: role.url(database.name) }, databases: names }],
        collectors: neverScheduled,
      });
      const observer = new pg.Client(server().url());
      await observer.connect();
      const ours = async (): Promise<readonly string[]> => {
        const { rows } = await observer.query<{ datname: string }>(
          "select datname from pg_stat_activity where application_name = 'indexwarden' and usename = $1 order by datname",
          [role.name],
        );
        return rows.map(({ datname }) => datname);
      };
      try {
        fleet.start();
        for (let pass = 1; pass <= 5; pass += 1) {
          const isDone = Promise.all(names.map((name) => until(name, pass)));
          let isWaiting = true;
          void isDone.finally(() => {
            isWaiting = false;
          });
          while (isWaiting) {
            const connected = await ours();
            expect(connected).toEqual([...new Set(connected)]);
          }
          await isDone;
          // Between passes the connection stays, and it is the same one.
          expect(await ours()).toEqual([...names].sort());
          fleet.activateAll();
        }
      } finally {
        await fleet.stop();
        await eventually('all connections to be gone', async () => (await ours()).length === 0);
        await observer.end();
      }
    });

    afterAll(async () => {
      await database?.drop();
    });
  },
  { settings: loggingEverything },
);
