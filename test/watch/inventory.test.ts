import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { inventoryNames } from '../../src/collectors/fingerprints.ts';
import type { CollectorName } from '../../src/collectors/index.ts';
import type { Snapshot } from '../../src/collectors/snapshot.ts';
import { nodeName } from '../../src/model/ids.ts';
import { readQuery } from '../../src/postgres/queries.ts';
import type { Ask, Session } from '../../src/postgres/session.ts';
import { type PassLimits, runPass } from '../../src/watch/pass.ts';
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
import { manualClock, openSession } from '../support/watching.ts';
import { changing, inventorySchema, keeping } from './inventory-statements.ts';

const majors = await postgresMajors(aFewMajors());
const never = new AbortController().signal;
const hourMs = 3_600_000;

const limits: PassLimits = {
  bisectionBudgetMs: 1_000,
  secondLookDelayMs: 1_000,
  statementsMax: 200,
  statementTextMax: 8_192,
  rowsMax: 1_000_000,
  rowsPerSlice: 500,
  rereadInventoryAfterMs: hourMs,
  statementTimeoutMs: () => 30_000,
};

const due: readonly CollectorName[] = [...inventoryNames, 'relation-sizes'];

describeOnPostgres(majors, (server, major) => {
  let database: TestDatabase;
  let role: TestRole;
  let session: Session;
  /** A superuser, whose session stays open: temporary tables live as long. */
  let builder: pg.Client;

  beforeAll(async () => {
    database = await createDatabase(server(), 'inventory');
    role = await createMonitor(server());
    builder = new pg.Client(database.url);
    await builder.connect();
    await builder.query(inventorySchema);
    session = await openSession(role.url(database.name));
  });
  afterAll(async () => {
    await session?.close();
    await builder?.end();
    await database?.drop();
  });

  const nothingYet = (): Snapshot => ({
    target: { server: 's', datname: database.name },
    node: nodeName('primary'),
    takenAtMs: 0,
    outcomes: {},
  });
  interface PassOptions {
    readonly names?: readonly CollectorName[];
    readonly clock?: ReturnType<typeof manualClock>;
    readonly through?: Session;
    readonly limits?: Partial<PassLimits>;
  }
  const pass = (previous: Snapshot, options: PassOptions = {}): Promise<Snapshot> =>
    runPass(options.through ?? session, new Set(options.names ?? due), previous, {
      limits: { ...limits, ...options.limits },
      clock: options.clock ?? manualClock(),
      signal: never,
    });
  /** What a first look sees, which has nothing to keep. */
  const anew = (): Promise<Snapshot> => pass(nothingYet());
  const run = async (sql: string): Promise<void> => {
    // Each of several on its own: some refuse to run in a transaction, which several in one text are.
    for (const statement of sql.split('; ')) await builder.query(statement);
  };
  const factsOf = (snapshot: Snapshot, name: CollectorName): readonly unknown[] => {
    const outcome = snapshot.outcomes[name];
    if (outcome?.kind !== 'collected') throw new Error(`${name} was not collected`);
    return outcome.facts;
  };
  const inventoryOf = (snapshot: Snapshot) =>
    Object.fromEntries(inventoryNames.map((name) => [name, factsOf(snapshot, name)]));
  /** Those that were read in the second of two passes. */
  const readAgain = (before: Snapshot, after: Snapshot): readonly string[] =>
    inventoryNames.filter((name) => before.readings?.[name] !== after.readings?.[name]);
  /** The real session, telling what is asked, with a say after each answer. */
  const tapped = (after: (text: string, rows: Awaited<ReturnType<Ask>>) => unknown): Session => {
    const stand: Pick<Session, 'isOpen' | 'transaction'> = {
      isOpen: true,
      transaction: (options, work) =>
        session.transaction(options, (ask) =>
          work(async (text, values) => {
            const rows = await ask(text, values);
            await after(text, rows);
            return rows;
          }),
        ),
    };
    // It has all that a pass uses of one; a class with private fields cannot be stood in for otherwise.
    return stand as unknown as Session;
  };

  describe('while nothing changes', () => {
    test('the very same facts are kept, as seen now, and no inventory is asked for', async () => {
      const first = await anew();
      const clock = manualClock();
      clock.advance(60_000);
      const asked: string[] = [];
      const second = await pass(first, { clock, through: tapped((text) => asked.push(text)) });
      for (const name of inventoryNames) {
        expect(factsOf(second, name)).toBe(factsOf(first, name));
        expect(asked).not.toContain(readQuery(`${name}.sql`));
        expect(second.outcomes[name]?.collectedAtMs).toBeGreaterThan(
          first.outcomes[name]?.collectedAtMs ?? 0,
        );
      }
      expect(asked).toEqual(
        ['server', 'catalogue-fingerprints', 'relation-sizes'].map((name) => readQuery(`${name}.sql`)),
      );
      expect(second.readings).toEqual(first.readings);
    });

    test.each(keeping)('%s: kept, with the counts of now', async (sql) => {
      const first = await anew();
      await run(sql);
      const second = await pass(first);
      expect(readAgain(first, second)).toEqual([]);
      expect(inventoryOf(second)).toEqual(inventoryOf(await anew()));
    });

    test('counts that changed are in copies; the facts beside them are the same', async () => {
      await run('analyze a.t');
      const first = await anew();
      await run('delete from a.t where id > 300; vacuum analyze a.t');
      const second = await pass(first);
      const [before, after] = [factsOf(first, 'tables'), factsOf(second, 'tables')];
      expect(after).not.toBe(before);
      const changed = after.filter((fact, place) => fact !== before[place]);
      expect(changed).toEqual([expect.objectContaining({ relname: 't', estimatedRows: 300 })]);
      expect(factsOf(second, 'columns')).toBe(factsOf(first, 'columns'));
    });

    test('counts of a partitioned table, which has no size, are those of now', async () => {
      const first = await anew();
      await run('insert into a.h values (1, 1); analyze a.h');
      const second = await pass(first);
      expect(inventoryOf(second)).toEqual(inventoryOf(await anew()));
      // Before 14 they are not kept anywhere.
      const rows = factsOf(second, 'tables').find((fact) => (fact as { relname: string }).relname === 'h');
      expect(rows).toMatchObject({ estimatedRows: major < 14 ? null : expect.any(Number) });
    });

    test('a temporary table that is there matters as little as one that comes or goes', async () => {
      const first = await anew();
      await run(
        'create temporary table passing (i int primary key); create function pg_temp.f() returns int language sql as $$select 1$$',
      );
      const second = await pass(first);
      expect(readAgain(first, second)).toEqual([]);
      await run('alter table passing add column w text; create index on passing (w)');
      const third = await pass(second);
      expect(readAgain(second, third)).toEqual([]);
      await run('drop table passing');
      expect(readAgain(third, await pass(third))).toEqual([]);
    });

    test('it is read again when it has been kept for long enough, and each time where nothing is to be kept', async () => {
      const first = await anew();
      const clock = manualClock();
      clock.advance(hourMs - 60_000);
      const second = await pass(first, { clock });
      expect(readAgain(first, second)).toEqual([]);
      clock.advance(60_000);
      expect(readAgain(second, await pass(second, { clock }))).toEqual(inventoryNames);
      const asked: string[] = [];
      const through = tapped((text) => asked.push(text));
      const distrustful = await pass(first, { through, limits: { rereadInventoryAfterMs: 0 } });
      expect(asked).toContain(readQuery('indexes.sql'));
      expect(asked).not.toContain(readQuery('catalogue-fingerprints.sql'));
      expect(distrustful.readings).toEqual({});
    });

    test('without the sizes there are no new counts: tables and indexes are read', async () => {
      const first = await anew();
      const second = await pass(first, { names: inventoryNames });
      expect(readAgain(first, second)).toEqual(['tables', 'indexes']);
    });

    test('sizes that cannot be read: tables and indexes are read after all', async () => {
      const first = await anew();
      const failing = tapped((text) => {
        if (text === readQuery('relation-sizes.sql')) throw new Error('no sizes today');
      });
      const second = await pass(first, { through: failing });
      expect(second.outcomes['relation-sizes']?.kind).toBe('failed');
      expect(readAgain(first, second)).toEqual(['tables', 'indexes']);
      expect(inventoryOf(second)).toEqual(inventoryOf(first));
    });

    test('fingerprints that cannot be read: everything is read', async () => {
      const first = await anew();
      const failing = tapped((text) => {
        if (text === readQuery('catalogue-fingerprints.sql')) throw new Error('none today');
      });
      const second = await pass(first, { through: failing });
      expect(readAgain(first, second)).toEqual(inventoryNames);
      // Not known to belong to any state of the catalogue, they are read once more.
      expect(readAgain(second, await pass(second))).toEqual(inventoryNames);
    });

    test('another role, database or server, or a restart, is another catalogue', async () => {
      const first = await anew();
      for (const [column, value] of [
        ['role_name', 'somebody'],
        ['database_oid', 1],
        ['system_identifier', '1'],
        ['timeline_id', 7],
        ['version_num', 180_099],
        ['started_at_ms', 1],
      ] as const) {
        const elsewhere = tapped((text, { names, rows }) => {
          const row = rows[0] as unknown[] | undefined;
          if (text === readQuery('server.sql') && row !== undefined) row[names.indexOf(column)] = value;
        });
        expect(readAgain(first, await pass(first, { through: elsewhere }))).toEqual(inventoryNames);
      }
    });

    test('definitions that were behind a lock are asked for again', async () => {
      await builder.query('begin; lock table a.t in access exclusive mode');
      const first = await anew();
      await builder.query('rollback');
      expect(factsOf(first, 'indexes')).toContainEqual(expect.objectContaining({ isDefinitionKnown: false }));
      const second = await pass(first);
      expect(readAgain(first, second)).toEqual(['indexes']);
      expect(inventoryOf(second)).toEqual(inventoryOf(await anew()));
    });
  });

  describe('what changes is seen', () => {
    test('after each of many statements: kept or read, the facts are those of a first look', async () => {
      let kept = await anew();
      const idle: string[] = [];
      for (const sql of changing) {
        const before = inventoryOf(kept);
        await run(sql).catch((error: unknown) => {
          // It is the invalid index left behind that is wanted.
          if (!sql.startsWith('create unique index concurrently')) throw error;
        });
        kept = await pass(kept);
        const expected = inventoryOf(await anew());
        expect({ sql, ...inventoryOf(kept) }).toEqual({ sql, ...expected });
        if (isDeepStrictEqual(before, expected)) idle.push(sql);
      }
      // A statement that changes nothing would show nothing.
      expect(idle).toEqual([]);
    });

    test('a build that goes on: its flags', async () => {
      await builder.query('create table a.slow (i int)');
      const writer = new pg.Client(database.url);
      await writer.connect();
      await writer.query('begin; insert into a.slow values (1)');
      const building = builder.query('create index concurrently slowly on a.slow (i)');
      const there = "select from pg_index where indexrelid = to_regclass('a.slowly')";
      await withConnection(database.url, (client) =>
        eventually('the index to be there', async () => (await client.query(there)).rowCount === 1),
      );
      const first = await anew();
      expect(factsOf(first, 'indexes')).toContainEqual(
        expect.objectContaining({ indexrelname: 'slowly', isReady: false, isValid: false }),
      );
      await writer.query('commit');
      await writer.end();
      await building;
      const second = await pass(first);
      expect(factsOf(second, 'indexes')).toContainEqual(
        expect.objectContaining({ indexrelname: 'slowly', isReady: true, isValid: true }),
      );
      expect(inventoryOf(second)).toEqual(inventoryOf(await anew()));
    });

    test.each([
      ['before', 'catalogue-fingerprints.sql', 0],
      ['after', 'indexes.sql', 1],
    ])(
      'what is committed just %s the inventory is read is there in the next pass at the latest',
      async (_, file, later) => {
        const first = await anew();
        await builder.query(`begin; create index on a.r (t)`);
        let isDone = false;
        // Something else changed, so that the inventory is read at all.
        await withConnection(database.url, (client) => client.query('create table a.other (i int)'));
        const during = tapped(async (text) => {
          if (text === readQuery(file) && !isDone) {
            isDone = true;
            await builder.query('commit');
          }
        });
        const second = await pass(first, { through: during });
        const third = await pass(second);
        expect(isDone).toBe(true);
        const count = (snapshot: Snapshot): number => factsOf(snapshot, 'indexes').length;
        expect(count(third) - count(second)).toBe(later);
        expect(readAgain(second, third)).toContain('indexes');
        expect(inventoryOf(third)).toEqual(inventoryOf(await anew()));
        await builder.query('drop table a.other');
      },
    );
  });

  describe('what is invalid', () => {
    const withSecondLook: readonly CollectorName[] = [...due, 'invalid-indexes'];
    afterEach(() => builder.query('drop table if exists a.doubled'));

    test('is looked at again in each pass, kept or not, a delay after it was seen', async () => {
      await builder.query('create table a.doubled (i int)');
      await builder.query('insert into a.doubled values (1), (1)');
      await expect(builder.query('create unique index concurrently on a.doubled (i)')).rejects.toThrow();
      const clock = manualClock();
      const first = await pass(nothingYet(), { names: withSecondLook, clock });
      clock.advance(300_000);
      const second = await pass(first, { names: withSecondLook, clock });
      expect(readAgain(first, second)).toEqual([]);
      expect(clock.sleeps).toEqual([1_000, 1_000]);
      const look = second.outcomes['invalid-indexes'];
      expect(look).toMatchObject({
        kind: 'collected',
        facts: expect.arrayContaining([
          expect.objectContaining({ isValid: false, isBuilding: false, isReady: false }),
        ]),
      });
      expect((look?.collectedAtMs ?? 0) - (second.outcomes.indexes?.collectedAtMs ?? 0)).toBe(1_000);
    });
  });
});
