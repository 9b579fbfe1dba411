import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  createDatabase,
  runOn,
  startPostgres,
  type TestDatabase,
  type TestServer,
} from '../support/postgres.ts';
import { programs } from './program.ts';

/*
 * Manifests as a pipeline uses them: which exit code what is missing, wrong or unknown has, and what is printed.
 */

const { run, endAll } = programs();
const folder = mkdtempSync(path.join(tmpdir(), 'manifests-'));
const fileOf = (name: string, content: string): string => {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return file;
};

const schema = `
create table runs (id int primary key, created_at timestamptz, status text);
insert into runs select g, now() - g * interval '1 hour', 'success' from generate_series(1, 5000) g;
create index by_time on runs (created_at desc, id desc);
analyze`;

const listed = (more = ''): string => `indexes:
  - {name: idx_runs_created, table: runs, columns: [created_at desc, id desc], priority: 1}
${more}`;
const missing =
  "  - {name: idx_runs_failed, table: runs, columns: [id], predicate: status = 'failed', priority: 1}\n";
const unknown = '  - {name: idx_runs_strategy, table: runs, columns: [strategy], priority: 1}\n';

let server: TestServer;
let database: TestDatabase;
beforeAll(async () => {
  server = await startPostgres();
  database = await createDatabase(server, 'manifests');
  await runOn(database.url, schema);
});
afterAll(async () => {
  await endAll();
  await database?.drop();
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

const check = (manifest: string, ...more: readonly string[]) =>
  run([
    'check',
    '--url',
    database.url,
    '--only',
    'missing-expected-index',
    '--expectations',
    manifest,
    ...more,
  ]);

describe('check --expectations', () => {
  test('ends with 0 where everything is there, under whatever name, and says so', async () => {
    const { code, stdout } = await check(fileOf('all.yaml', listed()));
    expect(stdout).toContain('1 there (idx_runs_created as by_time), 0 missing');
    expect(code).toBe(0);
  });

  test('ends with 1 where an index of priority 1 is missing, and prints its SQL', async () => {
    const { code, stdout } = await check(fileOf('one.yaml', listed(missing)), '--format', 'json');
    expect(code).toBe(1);
    const { findings, targets } = JSON.parse(stdout);
    expect(findings).toMatchObject([
      {
        kind: 'missing-expected-index',
        severity: 'warning',
        fix: {
          sql: "CREATE INDEX CONCURRENTLY idx_runs_failed ON public.runs (id) WHERE status = 'failed';",
        },
      },
    ]);
    expect(targets[0].expectations).toMatchObject([
      { expectedIndex: 'idx_runs_created', state: 'satisfied', satisfiedBy: ['by_time'] },
      { expectedIndex: 'idx_runs_failed', state: 'missing' },
    ]);
  });

  test('names what the database does not have as inconclusive, which counts if asked', async () => {
    const manifest = fileOf('unknown.yaml', listed(unknown));
    const lenient = await check(manifest);
    expect(lenient.code).toBe(0);
    expect(lenient.stdout).toContain('there is no column strategy');
    expect(lenient.stdout.trimEnd().split('\n').at(-1)).toContain('missing-expected-index');
    expect((await check(manifest, '--fail-on-inconclusive')).code).toBe(1);
  });

  test('ends with 2 where the manifest is wrong, before anybody is asked anything', async () => {
    const window = fileOf(
      'window.yaml',
      `indexes:
  - name: idx_runs_recent
    table: runs
    columns: [created_at desc]
    predicate: created_at > NOW() - INTERVAL '6 months'
  - {name: idx_runs_recent, table: runs, columns: []}
`,
    );
    const { code, stdout, stderr } = await run([
      'check',
      '--url',
      'postgresql://nobody@127.0.0.1:1/none',
      '--expectations',
      window,
    ]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('indexes[1].columns (line 6): is an empty list');
    expect(stderr).toContain('indexes[0].predicate (line 5): now() depends on the time of day');
    expect(stderr).toContain("INTERVAL '6 months'");
  });

  test('ends with 2 where there is no such file', async () => {
    const { code, stderr } = await check(path.join(folder, 'gone.yaml'));
    expect(code).toBe(2);
    expect(stderr).toMatch(/--expectations.*the file does not exist/);
  });

  test('comes from the configuration as well, relative to it', async () => {
    fileOf('beside.yaml', listed(missing));
    const config = fileOf(
      'config.yaml',
      `servers: [{name: main, primary: {url: '${database.url}'}, expectations: [{databases: 'manifests*', file: beside.yaml}]}]\n`,
    );
    const { code, stdout } = await run([
      'check',
      '--config.file',
      config,
      '--only',
      'missing-expected-index',
    ]);
    expect(code).toBe(1);
    expect(stdout).toContain('idx_runs_failed');
    const elsewhere = fileOf('other.yaml', listed());
    const instead = await run([
      'check',
      '--config.file',
      config,
      '--only',
      'missing-expected-index',
      '--expectations',
      elsewhere,
    ]);
    expect(instead.code).toBe(0);
  });
});
