import { describe, expect, it } from 'vitest';
import { expectationsFor } from '../../src/config/config.ts';
import { effectiveConfigYaml } from '../../src/config/effective.ts';
import { parseManifest } from '../../src/config/manifest.ts';
import { formatConfigError } from '../../src/config/problems.ts';
import { loaded, oneServer, refused, type World } from './support.ts';

function accepted(text: string) {
  const parsed = parseManifest(text, 'm.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value;
}

function problemsOf(text: string) {
  const parsed = parseManifest(text, 'm.yaml');
  if (parsed.ok) throw new Error('the manifest was accepted');
  return parsed.error;
}

/** A manifest of one index, to which a test adds what it is about. */
const one = (rest: string): string =>
  `indexes:\n  - name: i\n    table: t\n${/^columns:/m.test(rest) ? '' : '    columns: [a]\n'}${rest.replace(/^/gm, '    ')}\n`;

describe('a manifest', () => {
  it('fills in what is left out', () => {
    expect(accepted(one(''))).toEqual([
      {
        name: 'i',
        schemaname: 'public',
        relname: 't',
        method: 'btree',
        keys: [{ kind: 'column', text: 'a', isDescending: false, isNullsFirst: false }],
        include: [],
        isUnique: false,
        nullsNotDistinct: false,
        priority: 2,
        queries: [],
        alternatives: [],
        manifest: 'm.yaml',
      },
    ]);
  });

  it('reads keys in both spellings, with PostgreSQL’s defaults for NULLs', () => {
    const [entry] = accepted(
      one(`columns:
  - a
  - b desc
  - "c ASC nulls first"
  - {column: d desc, order: desc, nulls: last, opclass: text_pattern_ops, collation: C}
  - expression: |
      lower(
        e)`),
    );
    expect(entry?.keys).toEqual([
      { kind: 'column', text: 'a', isDescending: false, isNullsFirst: false },
      { kind: 'column', text: 'b', isDescending: true, isNullsFirst: true },
      { kind: 'column', text: 'c', isDescending: false, isNullsFirst: true },
      {
        kind: 'column',
        text: 'd desc',
        isDescending: true,
        isNullsFirst: false,
        operatorClass: 'text_pattern_ops',
        collation: 'C',
      },
      { kind: 'expression', text: 'lower( e)', isDescending: false, isNullsFirst: false },
    ]);
  });

  it('takes the schema of an index before its own', () => {
    const text =
      'schema: app\nindexes:\n  - {name: i, table: t, columns: [a]}\n  - {name: i, schema: b, table: t, columns: [a]}\n';
    expect(accepted(text).map(({ schemaname }) => schemaname)).toEqual(['app', 'b']);
  });

  it.each([
    "status = 'now()'",
    'random > 3',
    'now IS NOT NULL',
    '"current_date" IS NULL',
    "kind = 'current_timestamp' AND note <> '-- ; /*'",
    'to_timestamp(seconds) IS NOT NULL',
    "created_at > '2025-01-01 00:00:00+00'",
  ])('accepts the condition %s', (predicate) => {
    expect(accepted(one(`predicate: ${JSON.stringify(predicate)}`))).toHaveLength(1);
  });

  it.each([
    ["created_at > NOW() - INTERVAL '6 months'", /now\(\) depends on the time of day/],
    ['created_at > now ( )', /now\(\) depends/],
    ['day = current_date', /current_date depends/],
    ['at < CURRENT_TIMESTAMP(3)', /current_timestamp\(\) depends/],
    ['at < localtimestamp', /localtimestamp depends/],
    ['at < pg_catalog.clock_timestamp()', /clock_timestamp\(\)/],
    ['at < statement_timestamp()', /statement_timestamp\(\)/],
    ['note = timeofday()', /timeofday\(\)/],
    ['random() < 0.1', /random\(\) is random/],
    ['owner = current_user', /current_user depends on the session/],
    ["to_char(at, 'YYYY') = '2025'", /to_char\(\) depends on settings/],
    ["at > 'now'::timestamptz", /'now' would stand still/],
    ["day = date 'today'", /'today' would stand still/],
    ['id in (select id from other)', /subquery/],
    ['a = 1; drop table t', /semicolon/],
    ['a = 1 -- no', /comment/],
    ['a = 1 /* no */', /comment/],
    ["a = 'x", /not closed/],
    ['(a = 1', /\( that is not closed/],
    ['a = 1)', /\) too many/],
    ['a = $1', /parameter/],
    ['where a = 1', /begins with WHERE/],
  ])('refuses the condition %s', (predicate, message) => {
    const [problem, ...others] = problemsOf(one(`predicate: ${JSON.stringify(predicate)}`));
    expect(others).toEqual([]);
    expect(problem).toMatchObject({
      path: 'm.yaml: indexes[0].predicate',
      line: 5,
      value: JSON.stringify(predicate),
    });
    expect(problem?.message).toMatch(message);
    expect(problem?.hint).toBeTruthy();
  });

  it.each([
    ['method: rtree', 'method', /not one of/],
    ['columns: []', 'columns', /empty list/],
    ['priority: 0', 'priority', /minimum of 1/],
    ['prioritty: 1', 'prioritty', /not a known key/],
    ['columns: [a, a desc]', 'columns[1]', /in the keys already/],
    ['columns: [lower(a)]', 'columns[0]', /is no column/],
    ['columns: [{order: desc}]', 'columns[0]', /neither a column nor an expression/],
    ['columns: [{column: a, expression: b}]', 'columns[0]', /or both/],
    ['columns: [{expression: "a, b"}]', 'columns[0].expression', /more than one expression/],
    ['columns: [{expression: lower(a) desc}]', 'columns[0].expression', /sort order/],
    ['include: [a]', 'include[0]', /in the index already/],
    ['nullsNotDistinct: true', 'nullsNotDistinct', /without unique/],
    ['method: gin\nunique: true', 'unique', /cannot be kept by gin/],
    ['method: hash\ncolumns: [a, b]', 'columns', /one key/],
    ['method: brin\ninclude: [b]', 'include', /carry no columns/],
    ['method: gin\ncolumns: [a desc]', 'columns[0]', /has an order, and gin has none/],
    ['alternatives: [g]', 'alternatives[0]', /group of one/],
  ])('refuses %s', (rest, place, message) => {
    const [problem, ...others] = problemsOf(one(rest));
    expect(others).toEqual([]);
    expect(problem?.path).toBe(`m.yaml: indexes[0].${place}`);
    expect(problem?.message).toMatch(message);
  });

  it('refuses a name twice, one that PostgreSQL would cut, and alternatives on two tables', () => {
    const long = 'i'.repeat(64);
    const text = `indexes:
  - {name: i, table: t, columns: [a], alternatives: [g]}
  - {name: i, table: u, columns: [b], alternatives: [g]}
  - {name: ${long}, table: u, columns: [b]}
`;
    expect(problemsOf(text).map(({ path, message, line }) => [path, message, line])).toEqual([
      ['m.yaml: indexes[1].name', 'indexes[0] has this name already', 3],
      ['m.yaml: indexes[1].alternatives[0]', 'has a member on public.t, too', 3],
      ['m.yaml: indexes[2].name', 'is longer than 63 bytes', 4],
    ]);
  });

  it.each([
    ['', /is missing/],
    ['[a]', /not a group of settings/],
    ['indexes: [', /column/],
  ])('refuses the text %j', (text, message) => {
    const [problem] = problemsOf(text);
    expect(problem?.path).toMatch(/^m\.yaml/);
    expect(`${problem?.message}`).toMatch(message);
    expect(problem?.hint ?? '').not.toContain('servers');
  });
});

describe('manifests in the configuration', () => {
  const withManifests = (list: string): string => `${oneServer}    expectations: ${list}\n`;
  const shop = 'indexes: [{name: i, table: t, columns: [a]}]\n';
  const world = (list: string, files: Readonly<Record<string, string>>, more: World = {}): World => ({
    yaml: withManifests(list),
    files,
    ...more,
  });

  it('hold for the databases that their pattern fits', () => {
    const { config } = loaded(
      world("[{file: m.yaml, databases: 'app*'}, {file: /n.yaml}]", {
        '/etc/iw/m.yaml': shop,
        '/n.yaml': shop.replace('name: i', 'name: j'),
      }),
    );
    const [server] = config.servers;
    if (server === undefined) throw new Error('one server is configured');
    expect(expectationsFor(server, 'app_eu').map(({ name }) => name)).toEqual(['i', 'j']);
    expect(expectationsFor(server, 'other').map(({ name }) => name)).toEqual(['j']);
    expect(effectiveConfigYaml(config)).toMatch(/expectations:\n\s+- databases: app\*\n\s+file: m\.yaml\n/);
  });

  it('that cannot be used are all problems at once, beside those of the configuration', () => {
    const error = refused(
      world('[{file: gone.yaml}, {file: bad.yaml}, {fil: x}]', {
        '/etc/iw/bad.yaml': `${one("predicate: created_at > now() - interval '6 months'")}    method: gin\n    unique: true\n`,
      }),
    );
    expect(formatConfigError(error)).toBe(`/etc/iw/config.yaml: 5 problems
  - servers[0].expectations[2].file (line 5): is missing
  - servers[0].expectations[2].fil (line 5): is not a known key
      hint: did you mean 'file'?
  - servers[0].expectations[0].file (line 5): the file does not exist
      found: /etc/iw/gone.yaml
      hint: name a manifest of expected indexes; docs/expectations.md explains the format
  - bad.yaml: indexes[0].predicate (line 5): now() depends on the time of day: PostgreSQL takes only immutable expressions into an index
      found: "created_at > now() - interval '6 months'"
      hint: compare with a fixed moment and move it from time to time, partition by time, or leave the condition out
  - bad.yaml: indexes[0].unique (line 7): cannot be kept by gin
      found: true
      hint: only B-trees can be unique`);
  });

  it('may not name one index twice for the same databases', () => {
    const files = { '/etc/iw/m.yaml': shop, '/etc/iw/n.yaml': shop };
    expect(refused(world('[{file: m.yaml}, {file: n.yaml, databases: app}]', files)).problems).toMatchObject([
      { path: 'servers[0].expectations[1].file', message: 'i stands in m.yaml already' },
    ]);
    const apart = '[{file: m.yaml, databases: a}, {file: n.yaml, databases: b}]';
    expect(loaded(world(apart, files)).config.servers[0]?.expectations).toHaveLength(2);
  });

  it('on the command line stand in for those of the file', () => {
    const { config } = loaded(
      world(
        '[{file: m.yaml}]',
        { '/etc/iw/m.yaml': shop, '/n.yaml': shop.replace('name: i', 'name: j') },
        {
          command: { expectations: ['/n.yaml'] },
        },
      ),
    );
    const [server] = config.servers;
    expect(server && expectationsFor(server, 'app').map(({ name }) => name)).toEqual(['j']);
  });

  it('on the command line are checked, too', () => {
    const files = { '/n.yaml': shop, '/o.yaml': shop, '/p.yaml': 'indexes: 3' };
    const error = refused({
      yaml: oneServer,
      files,
      command: { expectations: ['/n.yaml', '/o.yaml', '/p.yaml', '/q.yaml'] },
    });
    expect(error.problems.map(({ path, source, message }) => [path, source, message])).toEqual([
      ['', '--expectations', 'i stands in /n.yaml already'],
      ['/p.yaml: indexes', undefined, 'is not a list'],
      ['', '--expectations', 'the file does not exist'],
    ]);
  });
});
