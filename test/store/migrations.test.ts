import { readFileSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { dayMs } from '../../src/model/units.ts';
import { Database } from '../../src/store/database.ts';
import { migrate, schemaVersion } from '../../src/store/migrations.ts';
import { anEvent, blog, bytes, primary, shop, standby } from './contract.ts';
import { places } from './places.ts';

const { path, open, tidy, end } = places();
afterEach(tidy);
afterAll(end);
// Threads and files, on machines that have other things to do.
vi.setConfig({ testTimeout: 30_000 });

/** Every version but the newest has a fixture, as a file of that version was written, in SQL. */
const fixtureOf = (version: number): string =>
  readFileSync(new URL(`./fixtures/version-${version}.sql`, import.meta.url), 'utf8');

const olderVersions = Array.from({ length: schemaVersion - 1 }, (_, index) => index + 1);

function written(version: number): string {
  const file = path();
  const database = new Database(file, 0);
  database.exec(fixtureOf(version));
  database.exec('pragma journal_mode = wal');
  database.close();
  return file;
}

const schemaOf = (database: Database): readonly unknown[] =>
  database
    .all<{ readonly name: string; readonly sql: string | null }>('select name, sql from sqlite_schema')
    .map(({ name, sql }) => [name, sql?.replaceAll(/\s*--.*|\s+/g, ' ').trim()])
    .sort();

describe('migrations', () => {
  it.each(olderVersions)('make version %i as it was released', (version) => {
    const made = new Database(path(), 0);
    const released = new Database(path(), 0);
    try {
      migrate(made, version);
      released.exec(fixtureOf(version));
      expect(schemaOf(made)).toEqual(schemaOf(released));
      expect(made.pragma('user_version')).toBe(version);
    } finally {
      made.close();
      released.close();
    }
  });

  it.each(olderVersions)('lead from version %i to the tables of a new file', async (version) => {
    const [old, fresh] = [written(version), path()];
    for (const file of [old, fresh]) await (await open(file)).store.close();
    const [upgraded, made] = [new Database(old, 0), new Database(fresh, 0)];
    try {
      const columnsOf = (database: Database): readonly unknown[] =>
        database.all(
          `select t.name as "table", c.name, c.type, c."notnull", c.pk from sqlite_schema t, pragma_table_info(t.name) c
            where t.type = 'table' order by 1, 2`,
        );
      expect(columnsOf(upgraded)).toEqual(columnsOf(made));
      expect(upgraded.pragma('user_version')).toBe(schemaVersion);
    } finally {
      upgraded.close();
      made.close();
    }
  });

  it('leave a step that fails undone, number and all', () => {
    const database = new Database(path(), 0);
    try {
      migrate(database, 1);
      // In the way of the second step, after it has begun.
      database.exec('alter table node add column forgotten_before_day integer');
      expect(() => migrate(database)).toThrow(/duplicate column/);
      expect(database.pragma('user_version')).toBe(1);
      expect(database.get("select 1 from pragma_table_info('finding') where name = 'last_seen'")).toBe(
        undefined,
      );
    } finally {
      database.close();
    }
  });
});

describe.each(olderVersions)('a file of version %i', (version) => {
  it('is upgraded with everything in it, and says so', async () => {
    const file = written(version);
    const { store, notices } = await open(file);
    expect(notices).toMatchObject([{ kind: 'opened', upgradedFrom: version, isChecked: true }]);

    const ledger = await store.ledgerOf(shop);
    expect([...ledger.findings.values()].map(({ id, state, lastSeen }) => [id, state, lastSeen])).toEqual([
      ['00112233445566aa', 'open', '2026-03-01T12:00:00.000Z'],
      ['00112233445566ab', 'resolved', '2026-02-20T12:00:00.000Z'],
      ['00112233445566ac', 'open', '2026-03-01T12:00:00.000Z'],
    ]);
    expect(ledger.findings.get('00112233445566ac')?.title).toBe('größer “als” 索引');
    expect(ledger.observed).toEqual(new Set(['duplicate-index']));
    expect(ledger.pending).toEqual(new Map([['duplicate-index', new Set(['public.locked'])]]));
    // What a ledger of that time did not have is as in an empty one.
    expect(ledger.life).toEqual(new Map());
    expect((await store.ledgerOf(blog)).findings.size).toBe(0);
    expect(await store.eventsOf({ target: shop, limit: 5 })).toMatchObject([
      { id: 7, kind: 'finding-opened', findingId: '00112233445566aa' },
    ]);
    expect(await store.mutes()).toMatchObject([{ author: 'dba', untilMs: null }]);
    expect(await store.recordsOf(shop, 'bloat')).toEqual(new Map([['public.orders_a_idx', { ratio: 0.5 }]]));
    expect(await store.usageOf(shop, primary)).toEqual({
      checkpoint: bytes(1, 2, 3),
      collections: [bytes(4)],
    });
    expect(await store.usageOf(shop, standby)).toEqual({ checkpoint: undefined, collections: [] });
    expect(await store.usageDaysOf(shop, primary, 0, 99_999)).toEqual([
      { day: 20_512, record: bytes(5, 6) },
      { day: 20_513, record: bytes(7) },
    ]);

    // Records of a kind that did not exist then have a place there, too.
    expect(await store.recordsOf(shop, 'builds')).toEqual(new Map());
    await store.keepRecords(shop, 'builds', new Map([['btree', { builds: [] }]]));
    expect(await store.recordsOf(shop, 'builds')).toEqual(new Map([['btree', { builds: [] }]]));

    // And goes on from there: numbers of events, retention.
    await store.keepLedger(shop, ledger, [anEvent()]);
    expect((await store.eventsOf({ limit: 1 }))[0]?.id).toBe(8);
    await store.close();
    const later = await open(file, { now: () => 20_913 * dayMs });
    await later.store.appendUsage(shop, primary, bytes(9));
    expect(later.notices).toMatchObject([{ kind: 'opened', upgradedFrom: undefined }]);
    await expect.poll(() => later.store.usageOf(shop, primary)).toMatchObject({ forgottenBeforeDay: 20_513 });
  });

  it('is left alone by a program that does not know its version', async () => {
    const file = written(version);
    const newer = new Database(file, 0);
    newer.exec(`pragma user_version = ${schemaVersion + 1}`);
    newer.close();
    const before = readFileSync(file);
    await expect(open(file)).rejects.toThrow(
      `storage.path ${file} was written by a newer indexwarden (version ${schemaVersion + 1} of its tables; this one knows ${schemaVersion})`,
    );
    expect(readFileSync(file).equals(before)).toBe(true);
  });
});
