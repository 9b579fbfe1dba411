import { describe, expect, it } from 'vitest';
import {
  definitionMade,
  queuesOthers,
  repeatable,
  statementsOf,
} from '../../../src/plan/script/statements.ts';

const again = (sql: string): readonly string[] => statementsOf(sql).map(repeatable);

describe('statements of printed SQL', () => {
  it('are split outside of quotes and without their comments', () => {
    const sql = `-- first; of all\nDROP INDEX CONCURRENTLY "a;b"."c""; --";\nCOMMENT ON INDEX a.b IS 'it''s; -- so';`;
    expect(statementsOf(sql).map((statement) => statement.sql)).toEqual([
      'DROP INDEX CONCURRENTLY "a;b"."c""; --"',
      `COMMENT ON INDEX a.b IS 'it''s; -- so'`,
    ]);
  });

  it('are none where everything is commented out', () => {
    expect(statementsOf("-- SET lock_timeout = '500ms';\n-- DROP INDEX a.b;")).toEqual([]);
  });

  it('are understood, names unquoted', () => {
    expect(
      statementsOf('CREATE UNIQUE INDEX CONCURRENTLY "I ""x""" ON "S".t USING btree (a);'),
    ).toMatchObject([
      {
        kind: 'create-index',
        name: 'I "x"',
        schemaname: 'S',
        relname: 't',
        isConcurrent: true,
        isParent: false,
      },
    ]);
    expect(statementsOf('CREATE INDEX i ON ONLY s.t (a);')).toMatchObject([
      { isConcurrent: false, isParent: true },
    ]);
    expect(statementsOf('DROP INDEX CONCURRENTLY s."i.j";')).toMatchObject([
      { kind: 'drop-index', schemaname: 's', name: 'i.j' },
    ]);
    expect(statementsOf('REINDEX INDEX CONCURRENTLY s.i;')).toMatchObject([
      { kind: 'rebuild-index', name: 'i' },
    ]);
  });

  it('say what the server will print of the index that they create', () => {
    const made = (sql: string, isServersText: boolean) =>
      statementsOf(sql).map((statement) => definitionMade(statement, isServersText));
    expect(made('CREATE INDEX CONCURRENTLY "I" ON s."T" (a, "B c");', false)).toEqual([
      'CREATE INDEX I ON s.T USING btree (a, B c)',
    ]);
    expect(made('CREATE UNIQUE INDEX i ON ONLY s.t (a);', false)).toEqual([
      'CREATE UNIQUE INDEX i ON ONLY s.t USING btree (a)',
    ]);
    // Somebody's own spelling, which the server may print in another way.
    expect(made('CREATE INDEX CONCURRENTLY i ON s.t USING gin (a) WHERE b;', false)).toEqual([undefined]);
    expect(made('CREATE INDEX CONCURRENTLY i ON s.t (lower(a));', false)).toEqual([undefined]);
    const lying = 'CREATE INDEX CONCURRENTLY i ON s.t USING btree (a) TABLESPACE "x ""y""" WHERE (b > 1);';
    expect(made(lying, true)).toEqual(['CREATE INDEX i ON s.t USING btree (a) WHERE (b > 1)']);
  });

  it('can be run a second time', () => {
    expect(again('CREATE INDEX CONCURRENTLY i ON s.t USING btree (a);')).toEqual([
      'CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON s.t USING btree (a);',
    ]);
    expect(again('CREATE UNIQUE INDEX i ON ONLY s.t (a);')).toEqual([
      'CREATE UNIQUE INDEX IF NOT EXISTS i ON ONLY s.t (a);',
    ]);
    expect(again('DROP INDEX CONCURRENTLY s.i;')).toEqual(['DROP INDEX CONCURRENTLY IF EXISTS s.i;']);
    expect(again('ALTER TABLE s.t DROP CONSTRAINT " DROP CONSTRAINT ";')).toEqual([
      'ALTER TABLE s.t DROP CONSTRAINT IF EXISTS " DROP CONSTRAINT ";',
    ]);
    expect(again('REINDEX INDEX CONCURRENTLY s.i;')).toEqual(['REINDEX INDEX CONCURRENTLY s.i;']);
    expect(again('ALTER TABLE s.t ADD CONSTRAINT "it\'s" UNIQUE USING INDEX i;').join()).toMatch(
      /^DO 'begin\n {2}perform pg_catalog\.set_config\(.*\n {2}if not exists \(select from pg_constraint where/,
    );
  });

  it('queue others where they are not concurrent and take a strong lock', () => {
    const queues = (sql: string) => statementsOf(sql).map(queuesOthers);
    expect(queues('CREATE INDEX CONCURRENTLY i ON s.t (a); CREATE INDEX i ON ONLY s.t (a);')).toEqual([
      false,
      true,
    ]);
    expect(queues('ALTER INDEX s.i ATTACH PARTITION s.j; ANALYZE s.t;')).toEqual([true, false]);
    expect(queues('DROP INDEX CONCURRENTLY s.i; ALTER TABLE s.t DROP CONSTRAINT c;')).toEqual([false, true]);
  });
});
