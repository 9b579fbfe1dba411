import { describe, expect, it } from 'vitest';
import { compileFilter } from '../../src/config/globs.ts';
import { policyFor, policyLookup } from '../../src/config/policy.ts';
import { dayMs } from '../../src/model/units.ts';
import { loaded } from './support.ts';

const yaml = `policy: {unusedAfter: 1d, minRows: 5}
servers:
  - name: main
    primary: {host: db}
    policy: {unusedAfter: 2d}
    policyOverrides:
      - {database: shop, schema: audit, policy: {unusedAfter: 9d}}
      - {schema: audit, policy: {unusedAfter: 6d, minRows: 7}}
      - {schema: 'au*', policy: {unusedAfter: 5d}}
      - {database: shop, policy: {unusedAfter: 4d, minSize: 1KiB}}
      - {database: 's*', policy: {unusedAfter: 3d, minSize: 2KiB}}
  - name: other
    primary: {host: db}
`;

describe('policyFor', () => {
  const { config } = loaded({ yaml });
  const days = (server: string, database: string, schema: string) =>
    policyFor(config, server, database, schema).unusedAfterMs / dayMs;

  it.each([
    ['everything else', 'other', 'shop', 'audit', 1],
    ['an unknown server', 'gone', 'shop', 'audit', 1],
    ['the server', 'main', 'x', 'public', 2],
    ['a database by pattern', 'main', 'stock', 'public', 3],
    ['a database by name, before the pattern', 'main', 'shop', 'public', 4],
    ['a schema by pattern, before any database', 'main', 'stock', 'aux', 5],
    ['a schema by name', 'main', 'stock', 'audit', 6],
    ['database and schema', 'main', 'shop', 'audit', 9],
  ])('%s', (_, server, database, schema, expected) => {
    expect(days(server, database, schema)).toBe(expected);
    expect(policyLookup(config, server, database)(schema).unusedAfterMs).toBe(expected * dayMs);
  });

  it('fills each key from the most specific place that has it', () => {
    expect(policyFor(config, 'main', 'shop', 'audit')).toEqual({
      unusedAfterMs: 9 * dayMs,
      minSizeBytes: 1024,
      minRows: 7,
      minRowsForWarning: 1000,
      rebuildBytesPerSecond: 26_214_400,
      likelyAfterMs: 35 * dayMs,
    });
  });

  it('waits for the longest business cycle before a verdict is likely', () => {
    const cycles = '[{name: quarter, length: 95d}, {name: year, length: 370d}]';
    const { config } = loaded({
      yaml: `policy: {business_cycles: ${cycles}}\n${yaml.slice(yaml.indexOf('servers'))}`,
    });
    expect(policyFor(config, 'main', 'shop', 'public').likelyAfterMs).toBe(370 * dayMs);
  });

  it('lets the command line win over all of it', () => {
    const flagged = loaded({ yaml, command: { unusedAfter: '0d' } }).config;
    expect(policyFor(flagged, 'main', 'shop', 'audit').unusedAfterMs).toBe(0);
  });
});

describe('name filters', () => {
  it('match whole names as PostgreSQL spells them', () => {
    const passes = compileFilter({ include: ['app*', 'a.b/c', 'x\\*'], exclude: ['*_old', 'app[12]'] });
    expect(
      ['app', 'app/2', '.app', 'App', 'app_old', 'app1', 'app3', 'a.b/c', 'x*', 'xy'].filter(passes),
    ).toEqual(['app', 'app/2', 'app3', 'a.b/c', 'x*']);
    const all = compileFilter({ include: ['*'], exclude: [] });
    expect(
      ['a', '.hidden', 'a/b', 'with space', '!x', '\\', 'имя', 'a\nb'].filter((name) => !all(name)),
    ).toEqual([]);
  });
});
