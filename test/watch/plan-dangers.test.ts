import pg from 'pg';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Finding } from '../../src/model/finding.ts';
import { dayMs } from '../../src/model/units.ts';
import { renderFix } from '../../src/plan/fix.ts';
import { newNames } from '../../src/plan/names.ts';
import type { Plan, PlanFacts } from '../../src/plan/script/plan.ts';
import { rollbackScript, sqlScript } from '../../src/plan/script/sql-script.ts';
import { look } from '../support/look.ts';
import { factsFrom, planFrom, runRegardless, runScript } from '../support/planning.ts';
import {
  createDatabase,
  describeOnPostgres,
  oldestAndNewest,
  postgresMajors,
  runOn,
  withConnection,
} from '../support/postgres.ts';
import { eventually } from '../support/processes.ts';
import { createRole } from '../support/roles.ts';
import { indexRows, missingFrom } from './index-rows.ts';

/*
 * A plan is read and run later, by hand, in whatever session somebody has open. Each test lets something happen in between that would
 * make a step wrong, and sees the script stop before it, with everything as it was.
 */

const schema = [
  'create table p (id int primary key)',
  'insert into p select generate_series(1, 1500)',
  'create table t (id int primary key, p_id int references p, a int, b int, c int, at timestamptz, f float8, h bytea)',
  "insert into t select g, g, g, g, g, timestamptz '2026-01-01' + g * interval '1 min', g, '' from generate_series(1, 1500) g",
  'create index t_a on t (a)',
  'create index t_a_again on t (a)',
  'create index t_b on t (b)',
  "create index t_at on t (at) where at > timestamptz '2026-01-01 12:34:56+02' and f > 0.1234567890123::float8 and h <> '\\x0001ff'",
  'create table u (id int primary key, x int, constraint once unique (x) deferrable)',
  // In one statement with the other, the server would take the two for one.
  'alter table u add constraint twice unique (x) with (fillfactor = 70) deferrable',
  'insert into u select g, g from generate_series(1, 1500) g',
  'create index u_low on u ((x % 7))',
  'analyze',
  'select count(*) from t',
  'select count(*) from u',
];

const majors = await postgresMajors(oldestAndNewest());

describeOnPostgres(majors, (server, major) => {
  let url: string;
  let before: Readonly<Record<string, string>>;
  let facts: PlanFacts;
  beforeEach(async () => {
    url = (await createDatabase(server(), 'danger')).url;
    await withConnection(url, async (client) => {
      for (const statement of schema) await client.query(statement);
    });
    await untilCounted('u', 'seq_scan > 0');
    before = await indexRows(url);
    facts = factsFrom(await look(url));
  });

  /** Counters reach the view when the session that counted has told of them. */
  const untilCounted = (relname: string, condition: string): Promise<void> =>
    withConnection(url, (client) =>
      eventually(`${condition} of ${relname}`, async () => {
        const { rowCount } = await client.query(
          `select from pg_stat_user_tables where relname = $1 and ${condition}`,
          [relname],
        );
        return rowCount === 1;
      }),
    );

  /** The steps about the index alone, or all. */
  const planOf = (indexrelname?: string): Plan =>
    planFrom(facts, {
      findings:
        indexrelname === undefined
          ? []
          : facts.findings.filter((one) => one.indexrelname === indexrelname).map(({ id }) => id),
    });
  const creation = (): Plan => planFrom(facts, { scope: 'create' });
  const [created] = ['ix_t_p_id'];

  const isUntouched = async (): Promise<void> => expect(await indexRows(url)).toEqual(before);

  describe('the plan stops before anything is done', () => {
    test('in another database of the cluster', async () => {
      const other = await createDatabase(server(), 'other');
      await expect(runScript(other.url, sqlScript(planOf()))).rejects.toThrow(
        /made for database danger.*this is other/,
      );
    });

    test('in another cluster', async () => {
      const elsewhere = { ...planOf(), systemIdentifier: '7000000000000000001' };
      for (const script of [sqlScript(elsewhere), rollbackScript(elsewhere)])
        await expect(runScript(url, script)).rejects.toThrow('this plan was made for another cluster');
      await isUntouched();
    });

    test('when it has expired; the way back does not', async () => {
      const plan = planOf('t_b');
      const old = { ...plan, madeAtMs: plan.madeAtMs - 8 * dayMs, expiresAtMs: plan.madeAtMs - dayMs };
      await expect(runScript(url, sqlScript(old))).rejects.toThrow(/this plan expired at \d{4}-/);
      await isUntouched();
      await runScript(url, rollbackScript(old));
    });

    test('where a step is run without the check at the top', async () => {
      const script = sqlScript(planOf('t_b'));
      const step = script.slice(script.indexOf('-- Step 1'));
      await expect(runScript(url, step)).rejects.toThrow(
        /run the check at the top of plan [0-9a-f]{12} first/,
      );
      await isUntouched();
    });

    test('inside of a transaction', async () => {
      await expect(runScript(url, sqlScript(planOf('t_b')), ['begin'])).rejects.toThrow(
        /cannot (?:run|execute|be executed)|read-only transaction/,
      );
      await isUntouched();
    });
  });

  describe('the plan stops before a drop', () => {
    test('when somebody has used the index since', async () => {
      const script = sqlScript(planOf('t_b'));
      await withConnection(url, async (client) => {
        await client.query('set enable_seqscan = off');
        await client.query('select * from t where b = 42');
      });
      await untilCounted('t', 'idx_scan > 0');
      await expect(runScript(url, script)).rejects.toThrow(/public\.t_b was scanned since the plan was made/);
      await isUntouched();
    });

    test('when the statistics were reset since', async () => {
      const plan = planOf('t_b');
      await runOn(url, 'select pg_stat_reset()');
      await withConnection(url, (client) =>
        eventually('the reset to show', async () => {
          const { rowCount } = await client.query(
            'select from pg_stat_database where datname = current_database() and stats_reset > $1',
            [new Date(plan.madeAtMs)],
          );
          return rowCount === 1;
        }),
      );
      await expect(runScript(url, sqlScript(plan))).rejects.toThrow(/the statistics were reset since/);
      await isUntouched();
    });

    test('when another index has its name', async () => {
      const script = sqlScript(planOf('t_b'));
      await runOn(url, 'drop index t_b');
      await runOn(url, 'create index t_b on t (b, c)');
      await expect(runScript(url, script)).rejects.toThrow(/the definition of public\.t_b is not the one/);
      expect(await indexRows(url)).toHaveProperty(['public.t_b']);
    });

    test('when the copy that was to stay is gone, or is another', async () => {
      const copy = planOf().steps.find(
        ({ finding }) => finding.kind === 'duplicate-index' && finding.relname === 't',
      );
      const [keep] = copy?.finding.related.map(({ indexrelname }) => indexrelname) ?? [];
      const script = sqlScript(planOf(copy?.indexrelname ?? ''));
      await runOn(url, `drop index ${keep}`);
      await expect(runScript(url, script)).rejects.toThrow(/is to take over and is not there, or not valid/);
      await runOn(url, `create index ${keep} on t (a, c)`);
      await expect(runScript(url, script)).rejects.toThrow(/the definition of public\.t_a\S* is not the one/);
      expect(await indexRows(url)).toHaveProperty([`public.${copy?.indexrelname}`]);
    });

    test('but not because a copy is in use', async () => {
      const copy = planOf().steps.find(
        ({ finding }) => finding.kind === 'duplicate-index' && finding.relname === 't',
      );
      const script = sqlScript(planOf(copy?.indexrelname ?? ''));
      await withConnection(url, async (client) => {
        await client.query('set enable_seqscan = off');
        for (const _ of [1, 2, 3]) await client.query('select * from t where a = 42');
      });
      await untilCounted('t', 'idx_scan > 0');
      await runScript(url, script);
      expect(missingFrom(await indexRows(url), before)).toEqual([`public.${copy?.indexrelname}`]);
    });

    test('nor because the session writes dates, numbers and names in another way', async () => {
      const script = sqlScript(planOf('t_at'));
      const settings = [
        "set timezone = 'Asia/Tokyo'",
        "set datestyle = 'SQL, DMY'",
        "set intervalstyle = 'iso_8601'",
        "set search_path = ''",
        'set extra_float_digits = -5',
        "set bytea_output = 'escape'",
        'set quote_all_identifiers = on',
      ];
      await runScript(url, script, settings);
      expect(missingFrom(await indexRows(url), before)).toEqual(['public.t_at']);
      await runScript(url, rollbackScript(planOf('t_at')), settings);
      await isUntouched();
    });

    test('nor because the database takes a backslash for the beginning of an escape', async () => {
      const name = pg.escapeIdentifier(new URL(url).pathname.slice(1));
      await runOn(url, `alter database ${name} set standard_conforming_strings = off`);
      before = await indexRows(url);
      facts = factsFrom(await look(url));
      const plan = planOf('t_at');
      await runScript(url, sqlScript(plan));
      expect(missingFrom(await indexRows(url), before)).toEqual(['public.t_at']);
      // The second time the index is there, and is the one that is meant.
      for (const _ of ['built', 'passed over']) await runScript(url, rollbackScript(plan));
      await isUntouched();

      // By itself, in a session as the database makes it.
      const finding = facts.findings.find(({ indexrelname }) => indexrelname === 't_at');
      await runScript(url, finding?.fix.sql ?? '');
      expect(missingFrom(await indexRows(url), before)).toEqual(['public.t_at']);
      await runScript(url, finding?.fix.rollbackSql ?? '');
      await isUntouched();
    });

    test('when something would hold it up', async () => {
      const slot = `idle_${process.pid}_${major}`;
      await runOn(url, `select pg_create_physical_replication_slot('${slot}')`);
      try {
        await expect(runScript(url, sqlScript(planOf('t_b')))).rejects.toThrow(
          `replication slot ${slot} is inactive`,
        );
        await isUntouched();
      } finally {
        await runOn(url, `select pg_drop_replication_slot('${slot}')`);
      }
    });
  });

  test('an owner who would not see what holds it up is told so, once, and may go on', async () => {
    const plain = await createRole(server(), 'plain');
    const seeing = await createRole(server(), 'seeing', { groups: ['pg_monitor'] });
    const plan = planOf('t_b');
    const fix = facts.findings.find(({ indexrelname }) => indexrelname === 't_b')?.fix;
    const told = expect.stringMatching(
      `are not shown to role ${plain.name}: nobody has looked for them .*GRANT pg_monitor TO ${plain.name}`,
    );
    for (const [role, warnings] of [
      [plain, [told]],
      [seeing, []],
    ] as const) {
      await runOn(url, `alter table t owner to ${role.name}`);
      const asOwner = role.url(new URL(url).pathname.slice(1));
      expect(await runScript(asOwner, fix?.preflightSql ?? '')).toEqual(warnings);
      expect(await runScript(asOwner, sqlScript(plan))).toEqual(warnings);
      expect(missingFrom(await indexRows(url), before)).toEqual(['public.t_b']);
      await runOn(url, 'grant create on schema public to public');
      expect(await runScript(asOwner, rollbackScript(plan))).toEqual(warnings);
      await isUntouched();
    }
  });

  test('a client that carries on after an error creates and drops nothing', async () => {
    const elsewhere = { ...planOf(), systemIdentifier: '7000000000000000001' };
    const errors = await runRegardless(url, sqlScript(elsewhere));
    expect(errors.length).toBeGreaterThan(elsewhere.steps.length);
    expect(errors).toContainEqual(expect.stringContaining('in a read-only transaction'));
    await isUntouched();
  });

  test('a later batch that is uncommented early stops', async () => {
    const plan = planOf();
    const later = plan.steps.find(({ batch }) => batch?.notBeforeMs !== undefined);
    expect(later).toBeDefined();
    const script = sqlScript(plan);
    const [, commented = ''] = script.split('-- Drops, batch 2');
    const upToRollback = commented.split('-- >>> rollback')[0] ?? '';
    const uncommented = upToRollback
      .split('\n')
      .filter((line) => !/^-- (?:Step|Locks|Note|Caveat|If it|size|unused|duplicate|redundant)/.test(line))
      .map((line) => line.replace(/^-- /, ''))
      .join('\n');
    const check = script.slice(script.indexOf('SET client_encoding'), script.indexOf('-- ====='));
    await expect(
      runScript(url, `${check}\n${uncommented.slice(uncommented.indexOf('DO $indexwarden$'))}`),
    ).rejects.toThrow(/this batch is not due before/);
    await isUntouched();
  });

  describe('a build that was cancelled', () => {
    /** Starts what the plan would do, holds it up and cancels it: the index stays behind, invalid. */
    const leaveBehind = (): Promise<void> =>
      withConnection(url, async (holder) => {
        await holder.query('begin');
        await holder.query('insert into t values (5000)');
        const builder = new pg.Client({ connectionString: url });
        await builder.connect();
        try {
          const { rows } = await builder.query<{ pid: number }>('select pg_backend_pid() as pid');
          const build = builder.query(`create index concurrently ${created} on t (p_id)`);
          build.catch(() => {});
          await withConnection(url, (client) =>
            eventually('the build to wait', async () => {
              const { rowCount } = await client.query(
                "select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'",
                [rows[0]?.pid],
              );
              return rowCount === 1;
            }),
          );
          await runOn(url, `select pg_cancel_backend(${rows[0]?.pid})`);
          await expect(build).rejects.toThrow(/canceling statement/);
        } finally {
          await holder.query('rollback');
          await builder.end();
        }
      });

    test('is not passed over; the hint clears it away and the plan then runs to its end', async () => {
      const script = sqlScript(creation());
      await leaveBehind();
      const stopped = await runScript(url, script).then(
        () => undefined,
        (error: pg.DatabaseError) => error,
      );
      expect(stopped?.message).toMatch(/public\.ix_t_p_id is an invalid leftover/);
      const [recovery] = /DROP INDEX CONCURRENTLY [\w.]+/.exec(stopped?.hint ?? '') ?? [];
      expect(creation().steps[0]?.recovery).toEqual([`DROP INDEX CONCURRENTLY IF EXISTS public.${created};`]);
      await runOn(url, recovery ?? '');
      await runScript(url, script);
      expect(await indexRows(url)).toMatchObject({
        'public.ix_t_p_id': expect.stringContaining('valid true'),
      });
    });

    test('is reported, and its drop stops once somebody has made it valid', async () => {
      await leaveBehind();
      facts = factsFrom(await look(url));
      const script = sqlScript(planOf(created));
      expect(script).toContain(`DROP INDEX CONCURRENTLY IF EXISTS public.${created};`);
      await runOn(url, `reindex index ${created}`);
      await expect(runScript(url, script)).rejects.toThrow(/is valid by now: it is no leftover/);
    });
  });

  test('an interrupted run is gone on with, and a half-done plan can be undone', async () => {
    const plan = planOf();
    const script = sqlScript(plan);
    const steps = script.split(/^(?=-- Step \d+ of)/m);
    await runScript(url, steps.slice(0, 3).join(''));
    expect(await indexRows(url)).not.toEqual(before);
    await runScript(url, rollbackScript(plan));
    await isUntouched();
    await runScript(url, steps.slice(0, 2).join(''));
    await runScript(url, script);
    await runScript(url, rollbackScript(plan));
    await isUntouched();
  });

  test('a constraint is dropped and given back; an expression keeps its statistics', async () => {
    const plan = planOf();
    const kinds = plan.steps
      .filter(({ relname }) => relname === 'u')
      .map(({ statements }) => statements.join(' '));
    expect(kinds.join('\n')).toMatch(/ALTER TABLE public\.u DROP CONSTRAINT IF EXISTS (?:once|twice)/);
    const dropped = plan.steps
      .filter(({ relname }) => relname === 'u')
      .map(({ indexrelname }) => indexrelname ?? '');
    expect(dropped).toContain('u_low');
    for (const name of dropped) {
      const one = planOf(name);
      await runScript(url, sqlScript(one));
      await runScript(url, rollbackScript(one));
      // Once more, where there is nothing to undo.
      await runScript(url, rollbackScript(one));
      await isUntouched();
    }
  });

  describe('a rebuild', () => {
    const rebuilding = (name: string): Plan => {
      const index = facts.catalogue.indexes.find((one) => one.name === name);
      if (index === undefined) throw new Error(`no index ${name}`);
      const remedy = { kind: 'rebuild-index', index } as const;
      const [model] = facts.findings;
      if (model === undefined) throw new Error('no finding');
      const finding: Finding = {
        ...model,
        id: 'aaaaaaaaaaaaaaaa',
        kind: 'bloated-index',
        relname: index.table.relname,
        indexrelname: name,
        related: [],
        fix: renderFix(remedy, {
          versionNum: facts.catalogue.server?.versionNum ?? 0,
          rebuildBytesPerSecond: 1,
          definitions: facts.definitions,
          names: newNames(new Map()),
        }),
      };
      return planFrom({ ...facts, findings: [finding], remedies: new Map([[finding.id, remedy]]) });
    };

    test('leaves the index as it was, and stops on what an interrupted one has left', async () => {
      const script = sqlScript(rebuilding('t_b'));
      expect(script).toContain('REINDEX INDEX CONCURRENTLY public.t_b;');
      await runScript(url, script);
      await isUntouched();
      await withConnection(url, async (client) => {
        await client.query('insert into t (id, c) values (6000, 1), (6001, 1)');
        await client.query('create unique index concurrently t_b_ccnew on t (c)').catch(() => {});
      });
      const stopped = await runScript(url, script).then(
        () => undefined,
        (error: pg.DatabaseError) => error,
      );
      expect(stopped?.message).toMatch(/t_b_ccnew is left over from an interrupted rebuild/);
      expect(stopped?.hint).toMatch(/DROP INDEX CONCURRENTLY .*t_b_ccnew;/);
    });
  });

  test('names from strangers end no literal, block or comment', async () => {
    const names = [
      'weird"; drop table t; --',
      "it's '' quoted\\",
      'new\nline\r\n-- comment',
      '$indexwarden$; drop table t; $indexwarden$',
      '$kept$ $check$ %s % {x} :x',
      'select',
      '😀 ж',
    ];
    await withConnection(url, async (client) => {
      for (const name of names) {
        const q = pg.escapeIdentifier(name);
        for (const statement of [
          `create schema ${q}`,
          `create table ${q}.${q} (${q} int references p, b int)`,
          `insert into ${q}.${q} select g, g from generate_series(1, 1500) g`,
          `create index ${pg.escapeIdentifier(`i${name}`)} on ${q}.${q} (b)`,
          `create index ${pg.escapeIdentifier(`j${name}`)} on ${q}.${q} (b)`,
          `analyze ${q}.${q}`,
        ])
          await client.query(statement);
      }
    });
    before = await indexRows(url);
    facts = factsFrom(await look(url));
    const plan = planFrom(facts);
    for (const name of names)
      expect(plan.steps.filter(({ schemaname }) => schemaname === name).map(({ kind }) => kind)).toEqual(
        expect.arrayContaining(['create', 'drop']),
      );
    await runScript(url, sqlScript(plan));
    const after = await indexRows(url);
    const gone = missingFrom(after, before);
    const made = missingFrom(before, after);
    for (const name of names) {
      expect(
        gone.filter((one) => one.startsWith(`${name}.`)),
        name,
      ).toHaveLength(1);
      expect(
        made.filter((one) => one.startsWith(`${name}.`)),
        name,
      ).toHaveLength(1);
    }
    // As a person has it who takes the marks off.
    const [, commented = ''] = /^-- >>> rollback$([\s\S]*)^-- <<< rollback$/m.exec(sqlScript(plan)) ?? [];
    await runScript(url, commented.replace(/^-- /gm, ''));
    expect(await indexRows(url)).toEqual(before);
  });

  test('a partition tree is built leaf by leaf; its drop is only printed', async () => {
    await withConnection(url, async (client) => {
      for (const statement of [
        'create table w (id int, p_id int references p, x int) partition by range (id)',
        'create table w1 partition of w for values from (0) to (1000)',
        'create table w2 partition of w for values from (1000) to (3000)',
        'insert into w select g, g, g from generate_series(1, 1500) g',
        'create index w_x on w (x)',
        'create index w_x_again on w (x)',
        'analyze w',
        'select count(*) from w',
      ])
        await client.query(statement);
    });
    before = await indexRows(url);
    facts = factsFrom(await look(url));
    const plan = planFrom(facts);
    const script = sqlScript(plan);
    expect(script).toMatch(/^-- DROP INDEX public\.w_x_again;$|^-- DROP INDEX public\.w_x;$/m);
    await runScript(url, script);
    const after = await indexRows(url);
    for (const name of ['ix_w_p_id', 'ix_w1_p_id', 'ix_w2_p_id'])
      expect(after[`public.${name}`]).toContain('valid true');
    expect(after['public.w_x']).toBeDefined();
    expect(after['public.w_x_again']).toBeDefined();
    // Once more: everything is passed over, attaching included.
    await runScript(url, script);
    expect(await indexRows(url)).toEqual(after);
  });
});
