import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { checkExitCode } from '../../src/cli/check.ts';
import { loadConfig } from '../../src/config/load.ts';
import { readScript, splitSteps } from '../../src/demo/sql-steps.ts';
import { detectors } from '../../src/detectors/index.ts';
import { dayMs } from '../../src/model/units.ts';
import { reportData, type reportSchema } from '../../src/report/document/document.ts';
import { reportHtml } from '../../src/report/document/html.ts';
import { reportMarkdown } from '../../src/report/document/markdown.ts';
import { checkingQueries } from '../../src/report/document/sections/checking.ts';
import { systemClock } from '../../src/scheduler/clock.ts';
import { declarations } from '../../src/watch/declarations.ts';
import { reportOnce } from '../../src/watch/report.ts';
import { openStorage } from '../../src/watch/storage.ts';
import { markupProblem } from '../report/document/markup.ts';
import { quiet } from '../support/look.ts';
import { loadResidency } from '../support/planning.ts';
import {
  aFewMajors,
  createDatabase,
  describeOnPostgres,
  postgresMajors,
  runOn,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { inRepository } from '../support/repository.ts';
import { createMonitor, createRole } from '../support/roles.ts';
import { fleetOn } from '../support/watching.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'report-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One report by a configuration as its file would say it. */
async function reportOf(document: Readonly<Record<string, unknown>>, windowMs = 30 * dayMs) {
  const loaded = loadConfig({
    ...declarations,
    env: {},
    document,
    readFile: (file) => readFileSync(file, 'utf8'),
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  const made = await reportOnce({
    loaded: loaded.value,
    detectors,
    kinds: detectors.map(({ id, title }) => ({ id, title, docs: '' })),
    windowMs,
    toolVersion: '0.0.0',
    docsBaseUrl: '',
    log: quiet,
    signal: new AbortController().signal,
  });
  if (!made.ok) throw new Error(JSON.stringify(made.error));
  const { document: report, result } = made.value;
  const data = reportData(report) as Data;
  return {
    report,
    data,
    markdown: reportMarkdown(report),
    exitCode: checkExitCode(result, { failOn: 'never', failOnInconclusive: false }),
  };
}

/** The parts of the data that these tests look into. */
type Data = z.infer<typeof reportSchema> & {
  readonly databases: readonly {
    readonly datname: string;
    readonly tables: {
      readonly tables: readonly {
        readonly relname: string;
        readonly rows: number;
        readonly tableBytes: number;
      }[];
    };
    readonly indexes: {
      readonly total: number;
      readonly totalBytes: number;
      readonly daysLooked: number | null;
    };
    readonly duplicates: {
      readonly findings: readonly { readonly relname: string; readonly keep: string }[];
    };
    readonly unused: {
      readonly findings: readonly { readonly indexrelname: string; readonly firstSeen: string }[];
    };
    readonly missing: { readonly expected: readonly { readonly state: string }[] | null };
    readonly foreignKeys: { readonly total: number };
    readonly changes: {
      readonly unknown: string | null;
      readonly events: readonly { readonly kind: string }[];
    };
    readonly settings: { readonly ginTables: readonly { readonly relname: string }[] };
  }[];
  readonly unseen: {
    readonly isComplete: boolean;
    readonly history: string | null;
    readonly permissions: readonly { readonly grant: string }[];
    readonly inconclusive: readonly unknown[];
    readonly databases: readonly unknown[];
  };
};

const manifest = (name: string) => ({ databases: '*', file: inRepository('expectations', `${name}.yaml`) });

const judgedByNow = { policy: { unusedAfter: '0d' } };

const majors = await postgresMajors(aFewMajors());
/** What depends on no version is looked at on one. */
const newest = majors.at(-1)?.major;

describeOnPostgres(majors, (server, major) => {
  let residency: TestDatabase;
  let backtest: TestDatabase;
  let monitored: (database: string) => string;
  beforeAll(async () => {
    residency = await createDatabase(server(), 'residency');
    backtest = await createDatabase(server(), 'backtest');
    await loadResidency(residency.url);
    await withConnection(backtest.url, async (client) => {
      await client.query(await readScript('demo/backtest.sql'));
      await client.query(`set demo.scale = '0.02';\n${await readScript('demo/data-functions.sql')}`);
      for (const { sql } of splitSteps(await readScript('demo/backtest-data.sql'))) await client.query(sql);
    });
    await runOn(backtest.url, 'vacuum (analyze)');
    const role = await createMonitor(server());
    monitored = (database) => role.url(database);
  });

  const both = () => ({
    ...judgedByNow,
    servers: [
      {
        name: 'main',
        primary: { url: monitored(residency.name) },
        databases: [residency.name],
        expectations: [manifest('residency')],
      },
      {
        name: 'other',
        primary: { url: monitored(backtest.name) },
        databases: [backtest.name],
        expectations: [manifest('backtest')],
      },
    ],
  });

  test('counts what is there', async () => {
    const { data, report, markdown, exitCode } = await reportOf(both());
    expect(exitCode).toBe(0);
    const [first, second] = data.databases;
    const counted = async (url: string) =>
      withConnection(url, async (client) => {
        const { rows } = await client.query<{
          tables: number;
          indexes: number;
          bytes: string;
          keys: number;
          people: string;
        }>(
          `select (select count(*)::int from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace) as tables,
             (select count(*)::int from pg_index i join pg_class c on c.oid = i.indexrelid where c.relnamespace = 'public'::regnamespace) as indexes,
             (select sum(pg_relation_size(indexrelid, 'main') + pg_relation_size(indexrelid, 'fsm') + pg_relation_size(indexrelid, 'vm'))
                from pg_index i join pg_class c on c.oid = i.indexrelid where c.relnamespace = 'public'::regnamespace) as bytes,
             (select count(*)::int from pg_constraint where contype = 'f') as keys`,
        );
        return rows[0];
      });
    for (const [chapter, url] of [
      [first, residency.url],
      [second, backtest.url],
    ] as const) {
      const truth = await counted(url);
      expect(chapter?.tables.tables).toHaveLength(truth?.tables ?? -1);
      expect(chapter?.indexes).toMatchObject({ total: truth?.indexes, totalBytes: Number(truth?.bytes) });
      expect(chapter?.foreignKeys.total).toBe(truth?.keys);
    }
    // Which of two copies stays depends on sizes and scans.
    expect(first?.duplicates.findings.map(({ relname }) => relname).sort()).toEqual([
      'assignments',
      'assignments',
      'blocks',
    ]);
    expect(first?.missing.expected?.filter(({ state }) => state === 'missing')).toHaveLength(28);
    expect(first?.changes.unknown).toContain('no history is kept');
    expect(markdown).toContain('One look cannot tell disuse over time');
    expect(markdown).not.toMatch(/undefined|NaN|Infinity|\[object| 1 (?:tables|indexes|findings|rows)\b/);
    expect(markupProblem(reportHtml(report))).toBeUndefined();
  });

  test('its statements for readers run as they stand, by the role that made it', async () => {
    await withConnection(monitored(residency.name), async (client) => {
      for (const { sql } of checkingQueries) expect((await client.query(sql)).rows.length).toBeGreaterThan(0);
    });
  });

  test('tells a role without rights what it cannot see, and the rest all the same', async () => {
    const poor = await createRole(server(), 'poor');
    const { data, markdown } = await reportOf({
      servers: [{ name: 'main', primary: { url: poor.url(residency.name) }, databases: [residency.name] }],
    });
    expect(data.unseen.permissions.map(({ grant }) => grant)).toContain(`GRANT pg_monitor TO ${poor.name};`);
    expect(data.unseen.inconclusive).not.toEqual([]);
    expect(data.databases[0]?.indexes.total).toBeGreaterThan(60);
    expect(markdown).toMatch(/## What could not be seen\n[\s\S]*### Rights that are missing\n/);
  });

  test('ends with 3 where nothing could be read, and says nothing good of it', async () => {
    await runOn(server().url(), `revoke connect on database ${backtest.name} from public`);
    const stranger = await createRole(server(), 'stranger');
    try {
      const { data, markdown, exitCode } = await reportOf({
        servers: [
          { name: 'main', primary: { url: stranger.url(backtest.name) }, databases: [backtest.name] },
        ],
      });
      expect(exitCode).toBe(3);
      expect(data.unseen.databases).toHaveLength(1);
      expect(markdown).toContain('Nothing of this database could be read');
      expect(markdown).toContain(`GRANT CONNECT ON DATABASE ${backtest.name} TO ${stranger.name};`);
      expect(markdown).not.toMatch(/No duplicate|No missing|There are no/);
    } finally {
      await runOn(server().url(), `grant connect on database ${backtest.name} to public`);
    }
  });

  test('reads sensibly for an empty database', async () => {
    const empty = await createDatabase(server(), 'empty');
    const { markdown, exitCode } = await reportOf({
      servers: [{ name: 'main', primary: { url: monitored(empty.name) }, databases: [empty.name] }],
    });
    expect(exitCode).toBe(0);
    expect(markdown).toContain('There are no tables in the schemas that are watched.');
    expect(markdown).not.toMatch(/undefined|NaN|Infinity/);
  });

  const describeOnce = major === newest ? describe : () => {};
  describeOnce('beside a daemon that keeps a history', () => {
    test('judges by it, tells of it, and leaves it as it is', async () => {
      const document = {
        ...both(),
        storage: { path: path.join(folder, `${server().url().length}-${Math.random()}.db`) },
      };
      const loaded = loadConfig({
        ...declarations,
        env: {},
        document,
        readFile: (file) => readFileSync(file, 'utf8'),
      });
      if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
      const before = await reportOf(document);
      expect(before.data.unseen.history).toContain('no daemon has written it yet');

      const store = await openStorage({
        loaded: loaded.value,
        clock: systemClock,
        log: quiet,
        onFacts: () => {},
      });
      const { fleet } = fleetOn(
        { servers: document.servers.map(({ expectations: _, ...rest }) => rest) },
        { store, config: loaded.value.config },
      );
      try {
        const [kept] = await fleet.runOnce();
        const duplicate = kept?.findings.find(
          ({ kind, relname }) => kind === 'duplicate-index' && relname === 'blocks',
        );
        await store.keepMute({
          findingId: duplicate?.id ?? '',
          reason: 'known',
          author: 'ada',
          setAtMs: Date.now(),
          untilMs: null,
        });
        await runOn(residency.url, 'drop index if exists idx_assignment_block_id');
        await fleet.runOnce();
        const events = await store.eventsOf({ limit: 1_000 });

        const { data, markdown, exitCode } = await reportOf(document);
        expect(exitCode).toBe(0);
        expect(data.unseen.history).toBeNull();
        const [chapter] = data.databases;
        const ofChapter = events.filter(({ datname }) => datname === residency.name);
        expect(chapter?.changes.events.map(({ kind }) => kind)).toEqual(ofChapter.map(({ kind }) => kind));
        expect(ofChapter.map(({ kind }) => kind)).toContain('index-dropped');
        // Muted in the store, and so not among what is open.
        expect(chapter?.duplicates.findings.map(({ relname }) => relname)).toEqual(['assignments']);
        expect(markdown).toContain('Judged by the history that was kept');
        expect(await store.eventsOf({ limit: 1_000 })).toEqual(events);
        const again = await reportOf(document, 1);
        expect(again.data.databases[0]?.changes.events).toEqual([]);
      } finally {
        await fleet.stop();
        await store.close();
        await loadAgain();
      }
    });

    const loadAgain = () =>
      runOn(residency.url, 'create index if not exists idx_assignment_block_id on assignments (block_id)');
  });
});
