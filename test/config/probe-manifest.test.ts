import { describe, expect, it } from 'vitest';
import { probesFor } from '../../src/config/config.ts';
import { effectiveConfigYaml } from '../../src/config/effective.ts';
import { parseProbes } from '../../src/config/probe-manifest.ts';
import { formatConfigError } from '../../src/config/problems.ts';
import { readText } from '../support/repository.ts';
import { loaded, oneServer, refused } from './support.ts';

function accepted(text: string) {
  const parsed = parseProbes(text, 'p.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value;
}

function problemsOf(text: string) {
  const parsed = parseProbes(text, 'p.yaml');
  if (parsed.ok) throw new Error('the manifest was accepted');
  return parsed.error;
}

/** A manifest of one probe, to which a test adds what it is about. */
const one = (rest: string): string =>
  `probes:\n  - name: p\n${/^sql:/m.test(rest) ? '' : '    sql: select * from t\n'}${rest.replace(/^/gm, '    ')}\n`;
const sql = (text: string): string => one(`sql: |\n  ${text.replaceAll('\n', '\n  ')}`);

describe('a manifest of probes', () => {
  it('fills in what is left out', () => {
    expect(accepted(one(''))).toEqual([
      {
        name: 'p',
        sql: 'select * from t',
        parameters: [],
        schemaname: 'public',
        table: { schemaname: 'public', relname: 't' },
        expectIndexes: [],
        noSequentialScanOn: [],
        schedule: '*/5 * * * *',
        isAnalyzed: false,
        names: ['t'],
        functions: [],
        manifest: 'p.yaml',
      },
    ]);
  });

  it('writes the types of parameters where they stand, and values as PostgreSQL reads them', () => {
    const [probe] = accepted(`schema: app
probes:
  - name: p
    sql: select * from t where id = any($1) and at > $2 and doc @> $3 and note = $4 and "$1" = '$1' and id <> all($1);
    parameters:
      - {type: "integer[]", value: [1, null, 3]}
      - {type: timestamptz, ago: 30d}
      - {type: jsonb, value: {a: [1, "x"]}}
      - {type: text, value: null}
`);
    expect(probe?.sql).toBe(
      `select * from t where id = any(($1::integer[])) and at > ($2::timestamptz) and doc @> ($3::jsonb) and note = ($4::text) and "$1" = '$1' and id <> all(($1::integer[]))`,
    );
    expect(probe?.parameters).toEqual([
      { kind: 'fixed', text: '{"1",NULL,"3"}' },
      { kind: 'ago', ms: 30 * 86_400_000 },
      { kind: 'fixed', text: '{"a":[1,"x"]}' },
      { kind: 'fixed', text: null },
    ]);
    expect(probe?.table).toEqual({ schemaname: 'app', relname: 't' });
  });

  it.each([
    ['with recent as (select * from app.t) select * from recent', 'app.t'],
    [
      'with a as materialized (select 1), b (x) as (select 2) select * from b join orders o on true',
      'public.orders',
    ],
    ['select extract(year from created) from "Odd T"', 'public.Odd T'],
    ['select * from generate_series(1, 2) g, (select * from only inner_t) i', 'public.inner_t'],
    ['(select 1 from t) union all table other', 'public.t'],
  ])('finds the table of %s', (text, table) => {
    const [probe] = accepted(sql(text));
    expect(`${probe?.table.schemaname}.${probe?.table.relname}`).toBe(table);
  });

  it('reads indexes as one, a list, or a choice, and a page of twice the target', () => {
    const read = (rest: string) => accepted(one(rest))[0];
    expect(read('expectIndex: i')?.expectIndexes).toEqual([['i']]);
    expect(read('expectIndex: [i, [j, k]]')?.expectIndexes).toEqual([['i'], ['j', 'k']]);
    expect(read('noSequentialScanOn: [t, app.u]')?.noSequentialScanOn).toEqual([
      { schemaname: 'public', relname: 't' },
      { schemaname: 'app', relname: 'u' },
    ]);
    expect(read('analyze: true\ntarget: 200ms\npage: true')?.pageMs).toBe(400);
    expect(read('analyze: true\ntarget: 200ms\npage: 1s')?.pageMs).toBe(1_000);
    expect(read('analyze: true\ntarget: 200ms\npage: false')).not.toHaveProperty('pageMs');
  });
});

describe('a probe that would write', () => {
  it.each<[string, string]>([
    ['insert into t values (1)', 'begins with INSERT, which is no query'],
    ['update t set a = 1', 'begins with UPDATE, which is no query'],
    ['merge into t using u on true when matched then delete', 'begins with MERGE, which is no query'],
    ['truncate t', 'begins with TRUNCATE, which is no query'],
    ['explain analyze select 1', 'begins with EXPLAIN, which is no query'],
    ["copy t to program 'true'", 'begins with COPY, which is no query'],
    ['do $$begin end$$', 'holds a dollar quote'],
    ['call p()', 'begins with CALL, which is no query'],
    ['with x as (delete from t returning *) select * from x', 'would write: DELETE'],
    [
      'with x as materialized (\n  insert into t values (1) returning *) select * from x',
      'would write: INSERT',
    ],
    ['with x as (select 1) update t set a = 1', 'would write: UPDATE'],
    ['select * into u from t', 'would write: INTO'],
    ['select key into u from t', 'would write: INTO'],
    ['select * from t for update', 'locks rows: FOR UPDATE'],
    ['select * from t for no key update skip locked', 'locks rows: FOR NO'],
    ['(select * from t for share)', 'locks rows: FOR SHARE'],
    ['select 1 from t; delete from t', 'holds a semicolon'],
    ["select nextval('s') from t", 'calls nextval(), which moves or depends on a sequence of the session'],
    [
      "select pg_catalog.SetVal ('s', 1) from t",
      'calls setval(), which moves or depends on a sequence of the session',
    ],
    [
      'select "pg_terminate_backend"(pid) from pg_stat_activity',
      'calls pg_terminate_backend(), which ends what others do',
    ],
    ["select set_config('a.b', '1', false) from t", 'calls set_config(), which changes the session'],
    [
      'select pg_advisory_lock(1) from t',
      'calls pg_advisory_lock(), which takes locks that others may wait for',
    ],
    [
      "select * from dblink('x', 'delete from t') as d (a int)",
      'calls dblink(), which speaks to other servers',
    ],
    ["select lo_import('/etc/passwd') from t", 'calls lo_import(), which works on large objects'],
    [
      "select query_to_xml('delete from t', true, true, '') from t",
      'calls query_to_xml(), which runs SQL of its own',
    ],
    ['select pg_stat_reset() from t', 'calls pg_stat_reset(), which acts on the server'],
    ['select pg_sleep(5) from t', 'calls pg_sleep(), which only waits'],
    ["select 1 +--'\n' from t", 'holds a comment'],
    ['select 1 /* hidden */ from t', 'holds a comment'],
  ])('is refused before anyone runs it: %s', (text, message) => {
    const problems = problemsOf(sql(text));
    expect(problems.map((problem) => problem.message)).toContain(message);
    expect(problems[0]).toMatchObject({ path: 'p.yaml: probes[0].sql', line: 3 });
    expect(problems.every(({ hint }) => hint !== undefined)).toBe(true);
  });

  it.each([
    'select t.update, t.delete, "insert" as "into" from t',
    'select updated_at, deleted, for_update from t',
    "select substring(note from 1 for 3), 'for update; delete from t' from t",
    'select count(*) filter (where a) over (partition by b) from t;',
    'values (1), (2)',
  ])('is not what only looks like it: %s', (text) => {
    expect(accepted(one(`table: t\nsql: |\n  ${text}`))).toHaveLength(1);
  });
});

describe('mistakes', () => {
  it.each<[string, string, string]>([
    ['sql: select $1 from t', 'probes[0].parameters', 'has 0 entries, and the query asks for $1'],
    [
      'parameters: [{type: integer, value: 1}]',
      'probes[0].parameters[0]',
      'belongs to $1, which the query does not have',
    ],
    [
      'sql: select $1 from t\nparameters: [{type: uuid, value: 5}]',
      'probes[0].parameters[0].value',
      'is no uuid',
    ],
    [
      'sql: select $1 from t\nparameters: [{type: "integer[]", value: [1, x]}]',
      'probes[0].parameters[0].value',
      'is no integer[]',
    ],
    [
      'sql: select $1 from t\nparameters: [{type: "int); drop table t; --", value: 5}]',
      'probes[0].parameters[0].type',
      'is no name of a type',
    ],
    [
      'sql: select $1 from t\nparameters: [{type: text}]',
      'probes[0].parameters[0]',
      'has neither a value nor ago, or both',
    ],
    [
      'sql: select $1 from t\nparameters: [{type: text, ago: 1d}]',
      'probes[0].parameters[0].ago',
      'is no text',
    ],
    ['sql: select 1', 'probes[0].sql', 'names no table after FROM'],
    [
      'target: 200ms',
      'probes[0].target',
      'would never be judged: the probe is only planned, and a cost is no time',
    ],
    ['page: true', 'probes[0].page', 'has no target beside it'],
    ['analyze: true\ntarget: 200ms\npage: 100ms', 'probes[0].page', 'is not above the target'],
    ['analyze: true\ntarget: 1h', 'probes[0].target', 'is above the maximum of 5s'],
    ['schedule: often', 'probes[0].schedule', 'is not a cron expression'],
    ['acceptPlan: latest', 'probes[0].acceptPlan', 'is no hash of a plan'],
    ['expectedIndex: i', 'probes[0].expectedIndex', 'is not a known key'],
  ])('%s', (rest, path, message) => {
    expect(problemsOf(one(rest))).toContainEqual(
      expect.objectContaining({ path: `p.yaml: ${path}`, message: expect.stringContaining(message) }),
    );
  });

  it('are told all at once, in the order of the file', () => {
    const problems = problemsOf(
      'probes:\n  - {name: a b, sql: select 1 from t}\n  - {name: x, sql: delete from t}\n  - {name: x, sql: select 1 from t}\n  - {name: x, sql: select 2 from t}\n',
    );
    expect(problems.map(({ path, line }) => [path, line])).toEqual([
      ['p.yaml: probes[0].name', 2],
      ['p.yaml: probes[1].sql', 3],
      ['p.yaml: probes[1].sql', 3],
      ['p.yaml: probes[2].name', 4],
      ['p.yaml: probes[3].name', 5],
    ]);
  });
});

describe('the configuration', () => {
  const world = (probes: string, files: Readonly<Record<string, string>>) => ({
    yaml: `${oneServer}\n    probes: ${probes}`,
    files,
  });
  const manifest = (name: string): string => `probes: [{name: ${name}, sql: select 1 from t}]`;

  it('reads manifests beside it, by database', () => {
    const { config } = loaded(
      world('[{databases: shop, file: a.yaml}, {file: b.yaml}]', {
        '/etc/iw/a.yaml': manifest('a'),
        '/etc/iw/b.yaml': manifest('b'),
      }),
    );
    const [server] = config.servers;
    const namesFor = (datname: string) => server && probesFor(server, datname).map(({ name }) => name);
    expect([namesFor('shop'), namesFor('blog')]).toEqual([['a', 'b'], ['b']]);
    expect(effectiveConfigYaml(config)).toContain('file: a.yaml');
  });

  it('refuses a file that is not there, a manifest that is wrong, and a name twice', () => {
    const problems = formatConfigError(
      refused(
        world('[{file: gone.yaml}, {file: bad.yaml}, {file: a.yaml}, {file: b.yaml}]', {
          '/etc/iw/bad.yaml': 'probes: [{name: w, sql: delete from t}]',
          '/etc/iw/a.yaml': manifest('same'),
          '/etc/iw/b.yaml': manifest('same'),
        }),
      ),
    );
    expect(problems).toContain('servers[0].probes[0].file');
    expect(problems).toContain('bad.yaml: probes[0].sql (line 1): would write: DELETE');
    expect(problems).toContain('same stands in a.yaml already');
  });

  it('takes manifests of the command line instead', () => {
    const { config } = loaded({
      ...world('[{file: a.yaml}]', { '/etc/iw/a.yaml': manifest('a'), '/tmp/c.yaml': manifest('c') }),
      command: { probes: ['/tmp/c.yaml'] },
    });
    const [server] = config.servers;
    expect(server && probesFor(server, 'any').map(({ name }) => name)).toEqual(['c']);
  });
});

describe('the manifests that come with the program', () => {
  it.each([
    ['backtest', 12, ['100ms', '200ms', '500ms', '2s']],
    ['residency', 8, ['250ms', '100ms', '180ms', '300ms', '80ms', '60ms', '50ms']],
  ])('%s holds its queries, all of them measured', (database, count, targets) => {
    const text = readText('probes', `${database}.yaml`);
    const probes = accepted(text);
    expect(probes).toHaveLength(count);
    expect(probes.every(({ isAnalyzed }) => isAnalyzed)).toBe(true);
    for (const target of targets) expect(text).toContain(`target: ${target}`);
  });
});
