import { afterAll, beforeAll, expect, test } from 'vitest';
import { defaultMajor } from '../../src/demo/binaries.ts';
import { listed } from '../e2e/daemon-client.ts';
import { until } from '../e2e/program.ts';
import {
  createDatabase,
  describeOnPostgres,
  oldestAndNewest,
  postgresMajors,
  runOn,
  type TestDatabase,
  withConnection,
} from '../support/postgres.ts';
import { readText } from '../support/repository.ts';
import { createRole, type TestRole } from '../support/roles.ts';
import { isShort, noteBlock, noteFault } from './rows.ts';
import { collectorsOn, daemons, everySecond, type ServingDaemon } from './serving-daemon.ts';

/*
 * Roles that lack one right or another, each on a database of its own, watched by one daemon: what is unknown, which statement the
 * program prints for it, and that the statement as it is printed brings the facts.
 */

const majors = await postgresMajors(isShort ? [defaultMajor] : oldestAndNewest());

interface Target {
  readonly datname: string;
  readonly up: boolean;
  readonly error: string | null;
  readonly missingPermissions: readonly {
    readonly permission: string;
    readonly facts: string;
    readonly grant: string;
  }[];
  readonly inconclusive: readonly { readonly kind: string; readonly reason: string }[];
  readonly collectors: readonly {
    readonly name: string;
    readonly state: string;
    readonly facts: number | null;
    readonly reason: string | null;
  }[];
}
interface Index {
  readonly datname: string;
  readonly indexrelname: string;
  readonly bloat: {
    readonly method: string;
    readonly reason: string | null;
    readonly improvement: string | null;
  } | null;
}
interface Probe {
  readonly datname: string;
  readonly state: string;
  readonly reason: string | null;
  readonly grant: string | null;
}

/** What the program said of a missing right. */
interface Said {
  readonly unknown: string;
  readonly remedy: string;
}

interface Case {
  readonly right: string;
  /** Groups that the role is in. */
  readonly groups: readonly string[];
  /** SQL that leaves the role without the right; `{role}` and `{database}` stand for the names. */
  readonly prepare: string;
  /** What is said of it; undefined as long as nothing is. */
  readonly said: (view: View) => Promise<Said | undefined>;
  /** Whether the facts are there. */
  readonly isKnown: (view: View) => Promise<boolean>;
  /** What of the remedy is run; all of it, unless it is a sentence. */
  readonly statements?: (remedy: string) => string;
}

/** What the daemon says of one database. */
interface View {
  readonly target: () => Promise<Target>;
  readonly index: () => Promise<Index | undefined>;
  readonly probe: () => Promise<Probe | undefined>;
}

const permission =
  (name: string) =>
  async ({ target }: View): Promise<Said | undefined> => {
    const missing = (await target()).missingPermissions.find((one) => one.permission === name);
    return missing && { unknown: missing.facts, remedy: missing.grant };
  };
const whyUnjudged = async ({ target }: View, kind: string): Promise<string | undefined> =>
  (await target()).inconclusive.find((one) => one.kind === kind)?.reason;
const factsOf = async ({ target }: View, collector: string): Promise<number> =>
  (await target()).collectors.find(({ name }) => name === collector)?.facts ?? 0;

const unmeasured = async ({ index }: View): Promise<Said | undefined> => {
  const { bloat } = (await index()) ?? {};
  return bloat?.method !== 'measured' && bloat?.improvement?.includes('GRANT')
    ? { unknown: `bloat of indexes: ${bloat.reason}`, remedy: bloat.improvement }
    : undefined;
};
const isMeasured = async ({ index }: View): Promise<boolean> => (await index())?.bloat?.method === 'measured';

const cases: readonly Case[] = [
  {
    right: 'CONNECT on the database',
    groups: ['pg_monitor'],
    prepare: 'revoke connect on database {database} from public',
    said: permission('server'),
    isKnown: async ({ target }) => (await target()).up,
  },
  {
    right: 'pg_monitor',
    groups: [],
    prepare: '',
    said: permission('pg_monitor'),
    isKnown: async (view) => (await whyUnjudged(view, 'invalid-index')) === undefined,
  },
  {
    right: 'the view of column statistics, with pg_monitor alone',
    groups: ['pg_monitor'],
    prepare: '',
    said: permission('column_statistics'),
    isKnown: async (view) => (await factsOf(view, 'column-statistics')) > 0,
    // The file names the role `indexwarden`; its own grants are for that one.
    statements: (remedy) => readText(/deploy\/\S+\.sql/.exec(remedy)?.[0] ?? ''),
  },
  {
    right: 'SELECT on the view of column statistics',
    groups: ['pg_monitor'],
    prepare: readText('deploy/column-statistics-view.sql'),
    said: permission('column-statistics'),
    isKnown: async (view) => (await factsOf(view, 'column-statistics')) > 0,
  },
  {
    right: 'EXECUTE on pgstattuple',
    groups: ['pg_monitor'],
    prepare:
      'create extension pgstattuple; revoke execute on function pgstattuple(regclass) from pg_stat_scan_tables',
    said: unmeasured,
    isKnown: isMeasured,
  },
  {
    right: 'USAGE on the schema of pgstattuple',
    groups: ['pg_monitor'],
    prepare: 'create schema "Exten sions"; create extension pgstattuple schema "Exten sions"',
    said: unmeasured,
    isKnown: isMeasured,
  },
  {
    right: 'USAGE on the schema of pg_stat_statements',
    groups: ['pg_monitor'],
    prepare: 'create schema "Exten sions"; create extension pg_stat_statements schema "Exten sions"',
    said: async (view) => {
      const reason = (await view.target()).collectors.find(({ name }) => name === 'statements')?.reason;
      const [, unknown, remedy] = /^(.*?); run: (GRANT.*;)/s.exec(reason ?? '') ?? [];
      return unknown === undefined || remedy === undefined ? undefined : { unknown, remedy };
    },
    isKnown: async ({ target }) =>
      (await target()).collectors.some(({ name, state }) => name === 'statements' && state === 'collected'),
  },
  {
    right: 'SELECT on what a probe reads',
    groups: ['pg_monitor'],
    prepare: 'create schema shop; alter table orders set schema shop',
    said: async ({ probe }) => {
      const { reason, grant } = (await probe()) ?? {};
      return grant ? { unknown: `the probe’s plan and time: ${reason}`, remedy: grant } : undefined;
    },
    isKnown: async ({ probe }) => (await probe())?.state === 'ok',
  },
];

const rows = new Map<string, string>();

describeOnPostgres(
  majors,
  (server, major) => {
    const { serve, file, end } = daemons();
    let daemon: ServingDaemon;
    const staged = new Map<string, { readonly database: TestDatabase; readonly role: TestRole }>();

    beforeAll(async () => {
      for (const [at, { right, groups, prepare }] of cases.entries()) {
        const database = await createDatabase(server(), `Rights ${at}`);
        // The view grants itself to a role of this name.
        const role = right.startsWith('the view')
          ? await createRole(server(), 'indexwarden', { groups, exactName: true })
          : await createRole(server(), `Lacks ${at}`, { groups });
        staged.set(right, { database, role });
        await withConnection(database.url, async (client) => {
          await client.query(`create table orders (id int primary key, status text); create index orders_status on orders (status);
            insert into orders select g, case when g % 100 = 0 then 'open' end from generate_series(1, 60000) g; delete from orders where id % 2 = 0`);
          const sql = prepare.replaceAll('{database}', `"${database.name}"`);
          if (sql !== '') await client.query(sql);
        });
        await withConnection(database.url, (client) => client.query('vacuum (analyze)'));
      }
      const manifest = file(
        'probes.yaml',
        `schema: shop\nprobes:\n  - {name: open, table: orders, sql: "select * from orders where status = 'open'", schedule: "* * * * * *"}\n`,
      );
      daemon = await serve({
        servers: [...staged].map(([right, { database, role }], at) => ({
          name: `s${at}`,
          primary: { url: role.url(database.name) },
          databases: [database.name],
          ...(right.includes('probe') && { probes: [{ file: manifest }] }),
        })),
        collectors: collectorsOn(everySecond),
        bloat: everySecond,
        http: { requestsPerMinute: 100_000 },
        limits: { retryFirst: '200ms', retryMax: '1s' },
      });
    });
    afterAll(async () => {
      await end();
      for (const { database } of staged.values()) await database.drop();
    });

    const viewOf = ({ name }: TestDatabase): View => ({
      target: async () => {
        const target = (await listed<Target>(daemon.address, 'targets')).find(
          ({ datname }) => datname === name,
        );
        if (target === undefined) throw new Error(`${name} is not watched`);
        return target;
      },
      index: async () =>
        (await listed<Index>(daemon.address, 'indexes')).find(
          ({ datname, indexrelname }) => datname === name && indexrelname === 'orders_status',
        ),
      probe: async () =>
        (await listed<Probe>(daemon.address, 'probes')).find(({ datname }) => datname === name),
    });

    test.each(cases)(
      'without $right: it is said, and what is printed mends it',
      async ({ right, said, isKnown, statements = (remedy) => remedy }) => {
        const { database } = staged.get(right) ?? {};
        if (database === undefined) throw new Error('it was staged');
        const view = viewOf(database);
        const { unknown, remedy } = await until('it to be said', () => said(view));
        expect(await isKnown(view)).toBe(false);
        const permissions = (await daemon.samples(['indexwarden_permission_missing'], ['target']))
          .filter(({ labels }) => labels.datname === database.name)
          .map(({ labels }) => labels.permission);
        const up = await daemon.value('indexwarden_target_up', { datname: database.name });
        await runOn(database.url, statements(remedy));
        const mendedAtMs = Date.now();
        await until('the facts to be there', () => isKnown(view));
        const recoveryMs = Date.now() - mendedAtMs;
        expect(await said(view)).toBeUndefined();
        const anonymous = (text: string): string =>
          text
            .replaceAll(/"?Lacks \d+_[0-9a-f]{8}"?/g, 'monitor')
            .replaceAll(/"?Rights \d+_[0-9a-f]{8}"?/g, 'shop')
            .replaceAll(/\bconnecting to \S+\//g, 'connecting to ');
        noteFault({
          area: 'read-only',
          fault: `A role without ${right}, PostgreSQL ${major}`,
          did: `printed: ${anonymous(remedy)}`,
          said: `target_up ${up}, permission_missing ${permissions.join(', ') || 'none'}; unknown: ${anonymous(unknown)}`,
          recoveryMs,
        });
        rows.set(
          right,
          `| ${[right, unknown, `\`${remedy}\``]
            .map(anonymous)
            .map((text) => text.replaceAll('|', '\\|'))
            .join(' | ')} |`,
        );
      },
    );
  },
  { settings: { shared_preload_libraries: 'pg_stat_statements' } },
);

afterAll(() => {
  const text = [
    '| Missing right | What is unknown | What is printed for it |',
    '|---|---|---|',
    ...rows.values(),
    '',
  ].join('\n');
  noteBlock({ block: 'rights', text });
});
