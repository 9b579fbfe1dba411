import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/model/units.ts';
import { concurrentPreflight, verifyAllValid, verifyGone, verifyValid } from '../../src/plan/preflight.ts';
import { statementsOf } from '../support/look.ts';

const plain = { schemaname: 'app', relname: 'orders', neededBytes: undefined };

describe('the preflight of a concurrent statement', () => {
  it('lifts timeouts, under which an invalid index would be left, and asks about all that would hold it up', () => {
    const text = concurrentPreflight(plain);
    expect(statementsOf(text).slice(0, 2)).toEqual(['SET lock_timeout = 0', 'SET statement_timeout = 0']);
    for (const asked of [
      'pg_stat_activity',
      'pg_prepared_xacts',
      'to prevent wraparound',
      'pg_replication_slots',
      'pg_stat_replication',
    ])
      expect(text).toContain(asked);
  });

  it('reads only', () => {
    const text = concurrentPreflight({ ...plain, indexrelname: 'i', neededBytes: 3 * MiB });
    expect(text).not.toMatch(/\b(insert|update|delete|drop|create|alter|reindex|terminate|cancel)\b/i);
  });

  it('says how much disk it takes where that is known, and that nobody knows how much is free', () => {
    expect(concurrentPreflight({ ...plain, neededBytes: 3 * MiB })).toMatch(
      /needs about 3 MiB of free disk.*free disk is unknown/,
    );
    expect(concurrentPreflight(plain)).not.toContain('free disk');
  });

  it('stops where the index is gone', () => {
    expect(concurrentPreflight({ ...plain, indexrelname: 'Odd "one"' })).toContain(
      `if to_regclass('app."Odd ""one"""') is null then`,
    );
  });

  it('is one block, whatever the names hold', () => {
    const name = "$indexwarden$; drop table x; it's \\ $indexwarden$";
    const text = concurrentPreflight({ ...plain, relname: name, indexrelname: name });
    expect(text.split('$indexwarden$')).toHaveLength(3);
    expect(text).toContain(
      String.raw`to_regclass(E'app."\x24indexwarden\x24; drop table x; it''s \\ \x24indexwarden\x24"')`,
    );
  });
});

describe('whether it took', () => {
  it('is asked by quoted name', () => {
    expect(verifyGone('app', "it's")).toBe(`SELECT pg_catalog.to_regclass('app."it''s"') IS NULL AS done;`);
    expect(verifyValid('app', 'i')).toContain("to_regclass('app.i')");
    expect(
      verifyAllValid([
        ['app', 'i'],
        ['app', 'j'],
      ]),
    ).toMatch(/app\.i[\s\S]* AND [\s\S]*app\.j[\s\S]*AS done;$/);
  });
});
