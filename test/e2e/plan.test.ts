import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Finding } from '../../src/model/finding.ts';
import { loadResidency, runScript } from '../support/planning.ts';
import {
  createDatabase,
  describeOnPostgres,
  oldestAndNewest,
  postgresMajors,
  runOn,
  type TestDatabase,
} from '../support/postgres.ts';
import { inRepository } from '../support/repository.ts';
import { isMissing } from '../support/tools.ts';
import { indexRows, missingFrom } from '../watch/index-rows.ts';
import { toNobody } from './places.ts';
import { type Ended, programs } from './program.ts';

/*
 * `indexwarden plan` as it is used: written to a file by the program, then run by psql, or by Alembic, on a database like the demo's.
 */

const { run, endAll } = programs();
const folder = mkdtempSync(path.join(tmpdir(), 'plan-'));
afterAll(async () => {
  await endAll();
  rmSync(folder, { recursive: true, force: true });
});

const plan = (url: string, ...args: readonly string[]): Promise<Ended> =>
  run(['plan', '--url', url, '--unused-after', '0d', ...args]);

async function openFindings(url: string): Promise<readonly Finding[]> {
  const { stdout } = await run(['check', '--url', url, '--unused-after', '0d', '--format', 'json']);
  return (JSON.parse(stdout) as { findings: readonly Finding[] }).findings.filter(
    ({ state }) => state === 'open',
  );
}

interface Document {
  readonly id: string;
  readonly checkSql: string;
  readonly steps: readonly {
    readonly kind: string;
    readonly finding: { readonly id: string; readonly kind: string };
    readonly alsoMends: readonly { readonly id: string }[];
    readonly indexrelname: string;
    readonly isCommentedOut: boolean;
    readonly beforeSql: string | null;
    readonly statements: readonly string[];
    readonly afterSql: string | null;
  }[];
}

const documentOf = ({ stdout }: Ended): Document => JSON.parse(stdout) as Document;

const mendedBy = ({ steps }: Document): readonly string[] =>
  steps
    .filter(({ isCommentedOut }) => !isCommentedOut)
    .flatMap(({ finding, alsoMends }) => [finding.id, ...alsoMends.map(({ id }) => id)]);

const majors = await postgresMajors(oldestAndNewest());
/** What depends on no version is looked at on one. */
const newest = majors.at(-1)?.major;

describeOnPostgres(majors, (server, major) => {
  let template: TestDatabase;
  let database: TestDatabase;
  let url: string;
  let before: Readonly<Record<string, string>>;
  beforeAll(async () => {
    template = await createDatabase(server(), 'template');
    await loadResidency(template.url);
  });
  beforeEach(async () => {
    database = await createDatabase(server(), 'planned');
    url = database.url;
    // A copy is there in a moment; its counters begin at zero.
    await runOn(server().url(), `drop database ${database.name}`);
    await runOn(server().url(), `create database ${database.name} template ${template.name}`);
    await runOn(url, 'analyze');
    before = await indexRows(url);
  });

  const describeOnce = major === newest ? describe : () => {};
  describeOnce('the program', () => {
    test('prints a script on stdout and a summary on stderr, and changes nothing', async () => {
      const ended = await plan(url);
      expect(ended).toMatchObject({ code: 0, signal: null });
      expect(ended.stdout).toMatch(/^-- indexwarden plan [0-9a-f]{12}: everything in database planned_/);
      const said = ended.stderr
        .trimEnd()
        .split('\n')
        .filter((line) => !/warning: --url: holds a password/.test(line));
      expect(said).toEqual([
        expect.stringMatching(/^indexwarden: plan [0-9a-f]{12} for \S+: \d+ steps: \d+ to create/),
      ]);
      expect(await indexRows(url)).toEqual(before);
    });

    test('says the same twice, but for the time', async () => {
      const ids = [await plan(url, '--format', 'json'), await plan(url, '--format', 'json')].map(
        (ended) => documentOf(ended).id,
      );
      expect(ids[0]).toBe(ids[1]);
    });

    test('keeps to what is asked', async () => {
      const kinds = async (...args: readonly string[]) =>
        new Set(documentOf(await plan(url, '--format', 'json', ...args)).steps.map(({ kind }) => kind));
      expect(await kinds('--for', 'create')).toEqual(new Set(['create']));
      expect(await kinds('--for', 'drop')).toEqual(new Set(['drop']));
      const [step] = documentOf(await plan(url, '--for', 'drop', '--format', 'json')).steps;
      const one = documentOf(await plan(url, '--format', 'json', '--finding', step?.finding.id ?? ''));
      expect(one.steps.map(({ indexrelname }) => indexrelname)).toEqual([step?.indexrelname]);
    });

    test('keeps its times to the flags, and to the settings', async () => {
      const dates = async (...args: readonly string[]) => {
        const { stdout } = await plan(url, '--format', 'json', ...args);
        const { madeAt, expiresAt, soakSeconds } = JSON.parse(stdout) as Record<string, string>;
        return [Date.parse(expiresAt ?? '') - Date.parse(madeAt ?? ''), soakSeconds];
      };
      expect(await dates()).toEqual([7 * 86_400_000, 7 * 86_400]);
      expect(await dates('--expires-after', '2h', '--soak', '3d')).toEqual([7_200_000, 3 * 86_400]);
      expect(await dates('--plan.expiresAfter', '3h', '--plan.soak', '4d')).toEqual([10_800_000, 4 * 86_400]);
    });

    test('ends with 2 for a wrong question and with 3 where nobody answers', async () => {
      const wrong = await plan(url, '--finding', 'ffffffffffffffff');
      expect(wrong).toMatchObject({ code: 2, stdout: '' });
      expect(wrong.stderr).toContain('no finding has the id ffffffffffffffff');
      expect(await plan(url, '--target', 'nowhere')).toMatchObject({ code: 2, stdout: '' });
      const unreachable = await plan(await toNobody(url));
      expect(unreachable).toMatchObject({ code: 3, stdout: '' });
      expect(unreachable.stderr).toMatch(/no plan for/);
    });

    test('makes no plan for two databases at once', async () => {
      const config = path.join(folder, 'two.yaml');
      writeFileSync(
        config,
        JSON.stringify({
          servers: [
            { name: 'both', primary: { url: server().url() }, databases: [database.name, template.name] },
          ],
        }),
      );
      const both = await run(['plan', '--config.file', config]);
      expect(both).toMatchObject({ code: 2, stdout: '' });
      expect(both.stderr).toMatch(
        /a plan is for one database, and there are 2[\s\S]*--target: both\/planned_/,
      );
      expect(await run(['plan', '--config.file', config, '--target', database.name])).toMatchObject({
        code: 0,
      });
    });
  });

  test('the data can be run by a program', async () => {
    const document = documentOf(await plan(url, '--format', 'json'));
    const sql = document.steps
      .filter(({ isCommentedOut }) => !isCommentedOut)
      .flatMap(({ beforeSql, statements, afterSql }) => [beforeSql, ...statements, afterSql]);
    await runScript(url, [document.checkSql, ...sql].join('\n'));
    const open = new Set((await openFindings(url)).map(({ id }) => id));
    expect(mendedBy(document).filter((id) => open.has(id))).toEqual([]);
  });

  test.skipIf(isMissing('psql', 'apt-get install postgresql-client'))(
    'psql runs the script and its way back',
    async () => {
      const [script, undo] = [path.join(folder, 'plan.sql'), path.join(folder, 'undo.sql')];
      const printed = await plan(url, '--rollback-file', undo);
      writeFileSync(script, printed.stdout);
      const document = documentOf(await plan(url, '--format', 'json'));
      const psql = (file: string) =>
        spawnSync('psql', ['-X', '-v', 'ON_ERROR_STOP=1', '-f', file, url], { encoding: 'utf8' });
      expect(psql(script)).toMatchObject({ status: 0 });
      const open = new Set((await openFindings(url)).map(({ id }) => id));
      expect(mendedBy(document).filter((id) => open.has(id))).toEqual([]);
      expect(psql(undo)).toMatchObject({ status: 0 });
      expect(missingFrom(await indexRows(url), before)).toEqual(['public.uq_people_email']);
    },
  );

  describe('Alembic', () => {
    const alembic = alembicProgram();

    /** A project of its own around the migration, with one that comes before it. */
    function project(migration: string): (...args: readonly string[]) => Ended {
      const home = mkdtempSync(path.join(folder, 'project-'));
      mkdirSync(path.join(home, 'versions'));
      copyFileSync(inRepository('test', 'e2e', 'alembic', 'env.py'), path.join(home, 'env.py'));
      writeFileSync(path.join(home, 'alembic.ini'), `[alembic]\nscript_location = ${home}\n`);
      writeFileSync(path.join(home, 'versions', 'base.py'), base);
      writeFileSync(path.join(home, 'versions', 'plan.py'), migration);
      return (...args) => {
        const { status, signal, stdout, stderr } = spawnSync(alembic ?? '', args, {
          cwd: home,
          encoding: 'utf8',
          env: {
            PATH: process.env.PATH,
            DATABASE_URL: url.replace(/^postgres(?:ql)?:/, 'postgresql+psycopg:'),
          },
        });
        return { code: status, signal, stdout, stderr };
      };
    }
    const base =
      'revision = "4ae1c09d2b77"\ndown_revision = None\n\n\ndef upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n';

    const migrationOf = async (): Promise<string> => {
      const ended = await plan(url, '--format', 'alembic', '--down-revision', '4ae1c09d2b77');
      expect(ended).toMatchObject({ code: 0 });
      return ended.stdout;
    };

    const withoutVersions = (rows: Readonly<Record<string, string>>) =>
      Object.fromEntries(Object.entries(rows).filter(([name]) => !name.includes('alembic_version')));

    test.skipIf(alembic === undefined)(
      'upgrades, and check finds mended what was; downgrades, and all is as it was',
      async () => {
        const document = documentOf(await plan(url, '--format', 'json'));
        const run = project(await migrationOf());
        expect(run('heads').stdout).toContain(document.id);

        expect(run('upgrade', 'head')).toMatchObject({ code: 0 });
        expect(run('current').stdout).toContain(`${document.id} (head)`);
        const open = new Set((await openFindings(url)).map(({ id }) => id));
        expect(mendedBy(document).length).toBeGreaterThan(30);
        expect(mendedBy(document).filter((id) => open.has(id))).toEqual([]);

        expect(run('downgrade', '4ae1c09d2b77')).toMatchObject({ code: 0 });
        const after = withoutVersions(await indexRows(url));
        const { 'public.uq_people_email': leftover, ...rest } = before;
        expect(after).toEqual(rest);
        expect(leftover).toMatch(/valid false/);
        const again = new Set((await openFindings(url)).map(({ id }) => id));
        const lasting = document.steps.filter(
          ({ finding, isCommentedOut }) => !isCommentedOut && finding.kind !== 'invalid-index',
        );
        expect(lasting.map(({ finding }) => finding.id).filter((id) => !again.has(id))).toEqual([]);

        expect(run('upgrade', 'head')).toMatchObject({ code: 0 });
      },
    );

    test.skipIf(alembic === undefined)(
      'stops at an invalid leftover, keeps what is done and goes on once it is cleared away',
      async () => {
        const run = project(await migrationOf());
        // A failed build under the name that the migration is about to use.
        const name = 'ix_swap_approvals_swap_id';
        await runOn(url, 'alter table swap_approvals add column extra int default 1');
        const failed = runOn(url, `create unique index concurrently ${name} on swap_approvals (extra)`);
        await expect(failed).rejects.toThrow(/could not create unique index/);

        const stopped = run('upgrade', 'head');
        expect(stopped.code).not.toBe(0);
        expect(stopped.stderr).toMatch(new RegExp(`public\\.${name} is an invalid leftover`));
        expect(run('current').stdout).not.toContain('(head)');

        await runOn(url, `drop index ${name}`);
        expect(run('upgrade', 'head')).toMatchObject({ code: 0 });
        expect((await indexRows(url))[`public.${name}`]).toContain('(swap_id)');
      },
    );

    test.skipIf(alembic === undefined)(
      'runs in the database that it was made for, and elsewhere only if that is said',
      async () => {
        const run = project(await migrationOf());
        const other = await createDatabase(server(), 'other');
        await loadResidency(other.url);
        url = other.url;
        const stopped = run('upgrade', 'head');
        expect(stopped.code).not.toBe(0);
        expect(stopped.stderr).toMatch(/this plan was made for database planned_/);
        expect(run('-x', 'indexwarden=anywhere', 'upgrade', 'head')).toMatchObject({ code: 0 });
        expect(run('downgrade', 'base')).toMatchObject({ code: 0 });
      },
    );

    test.skipIf(alembic === undefined)(
      'prints no script of SQL, in which nothing could be checked',
      async () => {
        const offline = project(await migrationOf())('upgrade', 'head', '--sql');
        expect(offline.code).not.toBe(0);
        expect(offline.stderr).toContain('indexwarden plan --format sql');
      },
    );
  });
});

/** Alembic, installed on first use; undefined, with the reason on stderr, where that is not possible. */
function alembicProgram(): string | undefined {
  try {
    return execFileSync(process.execPath, [inRepository('scripts', 'install-alembic.mjs')], {
      encoding: 'utf8',
    }).trim();
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    console.warn(
      'skipped: Alembic needs python3 with venv, and a package index: apt-get install python3-venv',
    );
    return undefined;
  }
}
