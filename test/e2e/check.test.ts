import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Finding, Inconclusive } from '../../src/model/finding.ts';
import {
  createDatabase,
  runOn,
  startPostgres,
  type TestDatabase,
  type TestServer,
  withConnection,
} from '../support/postgres.ts';
import { startProxy, through } from '../support/proxy.ts';
import { isMissing } from '../support/tools.ts';
import { toNobody } from './places.ts';
import { type Ended, programs, until } from './program.ts';

/*
 * `indexwarden check` as a pipeline uses it: what goes to which stream, the exit codes, every flag, on databases that it never saw.
 */

const { start, run, startProgram, endAll } = programs();
const folder = mkdtempSync(path.join(tmpdir(), 'check-'));
const fileOf = (name: string, content: string): string => {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return file;
};

let server: TestServer;
let shop: TestDatabase;
let clean: TestDatabase;
let halfReadable: TestDatabase;
/** Roles belong to the whole server, which may be somebody else's: their names are the database's. */
let monitor: string;
let stranger: string;
const password = 'e2e-check';
const asRole = (role: string, database: TestDatabase): string => server.urlFor(role, password, database.name);

beforeAll(async () => {
  server = await startPostgres();
  [shop, clean, halfReadable] = await Promise.all([
    createDatabase(server, 'shop'),
    createDatabase(server, 'clean'),
    createDatabase(server, 'half'),
  ]);
  monitor = `monitor_${shop.name}`;
  stranger = `stranger_${shop.name}`;
  await Promise.all([
    withConnection(shop.url, async (client) => {
      for (const statement of shopWithProblems) await client.query(statement);
    }),
    runOn(clean.url, 'create table plain (id int primary key, body text); analyze'),
    runOn(halfReadable.url, `${duplicated} revoke select on pg_catalog.pg_stat_user_indexes from public`),
  ]);
  // In a session of its own: what the others counted would otherwise be added to what this one counts.
  await Promise.all([shop, halfReadable].map((database) => runOn(database.url, 'vacuum (analyze)')));
  await runOn(
    server.url(),
    `create role ${monitor} login password '${password}' in role pg_monitor;
     create role ${stranger} login password '${password}';
     revoke connect on database ${clean.name} from public`,
  );
});

afterAll(async () => {
  await endAll();
  await Promise.all([shop, clean, halfReadable].map((database) => database?.drop()));
  await runOn(server.url(), `drop role if exists ${monitor}; drop role if exists ${stranger}`);
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Sizes matter: below 1,000 rows findings are info at most. */
const shopWithProblems = [
  `create schema sales; create schema archive; create schema "Odd %{name}"`,
  `create table sales.customers (id int primary key, email text, kind text, nickname text, region text);
   insert into sales.customers select n, 'user' || n, (array['a', 'b', 'c'])[1 + n % 3],
     case when n % 50 = 0 then 'nick' || n end, 'r' || n % 7 from generate_series(1, 20000) n;
   create index customers_email on sales.customers (email);
   create index customers_email_again on sales.customers (email);
   create index customers_kind on sales.customers (kind);
   create index customers_nickname on sales.customers (nickname);
   create index customers_region on sales.customers (region);
   create index customers_region_email on sales.customers (region, email)`,
  `create table sales.orders (id int primary key, customer_id int references sales.customers (id), note text);
   insert into sales.orders select n, n, 'note' || n % 100 from generate_series(1, 5000) n`,
  `create table sales.gaps (id int primary key, note text);
   insert into sales.gaps select n from generate_series(1, 250000) n;
   create index gaps_note on sales.gaps (note)`,
  `create table archive.notes (title text);
   create index notes_title on archive.notes (title);
   create index notes_title_again on archive.notes (title)`,
  `create table "Odd %{name}"."some ""table""" (id int primary key, "per cent %" text);
   create index "first \\ one" on "Odd %{name}"."some ""table""" ("per cent %");
   create index "second
line" on "Odd %{name}"."some ""table""" ("per cent %")`,
];

const duplicated = `
  create table items (id int primary key, name text);
  insert into items select n, 'item' || n from generate_series(1, 2000) n;
  create index items_name on items (name);
  create index items_name_again on items (name);`;

interface Printed {
  readonly findings: readonly Finding[];
  readonly inconclusive: readonly Inconclusive[];
  readonly targets: readonly { readonly datname: string; readonly isUp: boolean }[];
}

const parsed = ({ stdout }: Ended): Printed => JSON.parse(stdout) as Printed;
const check = (...args: readonly string[]): Promise<Ended> => run(['check', ...args]);
const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? '';
const names = (findings: readonly Finding[]): readonly string[] =>
  findings
    .map(({ kind, schemaname, relname, indexrelname, columns }) =>
      [kind, schemaname, indexrelname ?? `${relname}(${columns.join()})`].join(' '),
    )
    .sort();

describe('exit codes', () => {
  test('0 on a database without problems; what is too young to judge is named, and counts only if asked', async () => {
    const table = await check('--url', clean.url);
    expect(table).toMatchObject({ code: 0 });
    expect(lastLine(table.stdout)).toMatch(/^no findings on 1 target/);
    await runOn(
      clean.url,
      'create table lonely (id int primary key, name text); create index on lonely (name)',
    );
    const young = await check('--url', clean.url, '--fail-on', 'info');
    expect(young).toMatchObject({ code: 0 });
    expect(lastLine(young.stdout)).toMatch(/^no findings on 1 target; inconclusive: .*unused-index/);
    expect(await check('--url', clean.url, '--fail-on', 'never', '--fail-on-inconclusive')).toMatchObject({
      code: 1,
    });
    await runOn(clean.url, 'drop table lonely');
  });

  test('1 for findings at or above --fail-on', async () => {
    const only = ['--url', shop.url, '--schema', 'sales', '--only', 'duplicate-index'];
    expect(await check(...only)).toMatchObject({ code: 1 });
    expect(await check(...only, '--fail-on', 'info')).toMatchObject({ code: 1 });
    expect(await check(...only, '--fail-on', 'critical')).toMatchObject({ code: 0 });
    expect(await check(...only, '--fail-on', 'never')).toMatchObject({ code: 0 });
  });

  test('1 for infos only when they are asked for', async () => {
    const only = ['--url', shop.url, '--schema', 'archive', '--only', 'duplicate-index'];
    expect(await check(...only)).toMatchObject({ code: 0, stdout: expect.stringContaining('1 info') });
    expect(await check(...only, '--fail-on', 'info')).toMatchObject({ code: 1 });
  });

  test('2 for a command line that is wrong, with all of its problems', async () => {
    const ended = await check(
      '--url',
      'postgresql://h:notaport/x',
      '--formt',
      'json',
      '--unused-after',
      'soon',
    );
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toContain('3 problems with the command line');
    expect(ended.stderr).toContain("did you mean '--format'?");
  });

  test('2 for a configuration that is wrong, with all of its problems', async () => {
    const file = fileOf(
      'wrong.yaml',
      'servers:\n  - nam: x\n    primary: {port: 0}\nhttp: {listen: nowhere}\n',
    );
    const ended = await check('--config.file', file);
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    for (const place of ['servers[0].nam', 'servers[0].primary.port', 'http.listen']) {
      expect(ended.stderr).toContain(place);
    }
  });

  test('2 for files that cannot be read', async () => {
    for (const flag of ['--url-file', '--config.file', '--baseline']) {
      const ended = await check(flag, path.join(folder, 'absent'));
      expect(ended, flag).toMatchObject({ code: 2, stdout: '' });
      expect(ended.stderr, flag).toContain(path.join(folder, 'absent'));
    }
    expect(
      await check('--url', clean.url, '--write-baseline', path.join(folder, 'no', 'where')),
    ).toMatchObject({ code: 2 });
  });

  test('2 without any database to look at', async () => {
    const ended = await check();
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toContain('DATABASE_URL');
  });

  test('3 when the server is down: no word of "no findings" without it', async () => {
    const url = await toNobody(clean.url);
    const table = await check('--url', url);
    expect(table).toMatchObject({ code: 3 });
    expect(lastLine(table.stdout)).toMatch(/on 0 of 1 target; could not be read: .*(?:refused|ECONNREFUSED)/);
    const json = await check('--url', url, '--format', 'json', '--fail-on', 'never');
    expect(json).toMatchObject({ code: 3 });
    expect(parsed(json)).toMatchObject({ findings: [], targets: [{ isUp: false }] });
  });

  test('3 when one of two servers is down; findings of the other are printed, and the last line names it', async () => {
    const file = fileOf(
      'two.yaml',
      `servers:
  - {name: alive, primary: {url: ${JSON.stringify(shop.url)}}}
  - {name: gone, primary: {url: ${JSON.stringify(await toNobody(clean.url))}}}\n`,
    );
    const ended = await check('--config.file', file, '--format', 'json');
    expect(ended).toMatchObject({ code: 3 });
    expect(names(parsed(ended).findings)).toContain('duplicate-index sales customers_email_again');
    expect(parsed(ended).targets.map(({ isUp }) => isUp)).toEqual([true, false]);
    expect(lastLine(ended.stderr)).toMatch(/on 1 of 2 targets; could not be read: gone\//);
  });

  test('3 for a role that may not connect', async () => {
    const ended = await check('--url', asRole(stranger, clean), '--format', 'json');
    expect(ended).toMatchObject({ code: 3 });
    expect(parsed(ended)).toMatchObject({ findings: [], targets: [{ isUp: false }] });
    expect(ended.stdout).toMatch(/GRANT CONNECT ON DATABASE/i);
  });

  test('3 for a role that may not read everything; what it could see is printed', async () => {
    const ended = await check('--url', asRole(monitor, halfReadable), '--format', 'json');
    expect(ended).toMatchObject({ code: 3 });
    expect(names(parsed(ended).findings)).toEqual(['duplicate-index public items_name_again']);
    expect(parsed(ended).inconclusive.map(({ kind }) => kind)).toContain('unused-index');
    expect(lastLine(ended.stderr)).toMatch(/read in part only: .*index-usage/);
  });

  test('130 when it is interrupted while a server does not answer, and no half of a result', async () => {
    const silent = await startProxy(clean.url);
    silent.stall();
    const running = start(['check', '--url', through(silent, clean.url), '--format', 'json']);
    await until('a connection', () => silent.accepted > 0);
    running.kill('SIGINT');
    expect(await running.ended).toMatchObject({ code: 130, stdout: '' });
    await silent.close();
  });
});

describe('what is looked at', () => {
  const found = async (...args: readonly string[]): Promise<readonly string[]> =>
    names(parsed(await check('--url', shop.url, '--format', 'json', ...args)).findings);

  test('--only, more than once and with commas', async () => {
    const some = await found(
      '--only',
      'duplicate-index,unindexed-foreign-key',
      '--only',
      'missing-primary-key',
    );
    expect(new Set(some.map((name) => name.split(' ')[0]))).toEqual(
      new Set(['duplicate-index', 'unindexed-foreign-key', 'missing-primary-key']),
    );
  });

  test('--schema takes patterns, more than once', async () => {
    const only = ['--only', 'duplicate-index'];
    expect(await found(...only, '--schema', 'arch*')).toEqual(['duplicate-index archive notes_title_again']);
    expect(await found(...only, '--schema', 'sal*', '--schema', 'archive')).toHaveLength(2);
    expect(await found(...only, '--schema', 'nothing')).toEqual([]);
  });

  test('--min-size leaves smaller indexes out', async () => {
    const only = ['--only', 'duplicate-index', '--schema', 'sales'];
    expect(await found(...only, '--min-size', '100kB')).toHaveLength(1);
    expect(await found(...only, '--min-size', '1GiB')).toEqual([]);
  });

  test('--min-rows decides what is too small to be more than info', async () => {
    const severities = async (rows: string): Promise<readonly string[]> => {
      const ended = await check(
        '--url',
        shop.url,
        '--only',
        'duplicate-index',
        '--format',
        'json',
        '--min-rows',
        rows,
      );
      return parsed(ended).findings.map(({ severity }) => severity);
    };
    expect(await severities('1000000')).not.toContain('warning');
    expect(await severities('1000')).toContain('warning');
  });

  test('--unused-after 0d judges by what there is', async () => {
    const only = ['--only', 'unused-index', '--schema', 'sales'];
    expect(await found(...only)).toEqual([]);
    expect(await found(...only, '--unused-after', '0d')).toContain('unused-index sales customers_kind');
  });

  test('--baseline counts what is new alone', async () => {
    const file = path.join(folder, 'accepted.json');
    const written = await check('--url', shop.url, '--write-baseline', file);
    expect(written).toMatchObject({ code: 1 });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ version: 1 });
    const again = await check('--url', shop.url, '--baseline', file);
    expect(again).toMatchObject({ code: 0 });
    expect(lastLine(again.stdout)).toMatch(/^no new findings on 1 target; \d+ more in the baseline/);
    await runOn(shop.url, 'create index customers_email_third on sales.customers (email)');
    const later = await check('--url', shop.url, '--baseline', file, '--format', 'json');
    expect(later).toMatchObject({ code: 1 });
    expect(names(parsed(later).findings)).toEqual(['duplicate-index sales customers_email_third']);
    await runOn(shop.url, 'drop index sales.customers_email_third');
  });
});

describe('what is printed', () => {
  const inFormat = (format: string, ...args: readonly string[]): Promise<Ended> =>
    check('--url-file', fileOf('shop.url', shop.url), '--format', format, ...args);

  test('json has findings, inconclusive and targets, and each finding all of the contract', async () => {
    const ended = await inFormat('json');
    const document = JSON.parse(ended.stdout) as Record<string, unknown>;
    expect(Object.keys(document)).toEqual(['findings', 'inconclusive', 'targets']);
    const { findings } = parsed(ended);
    expect(findings.length).toBeGreaterThan(6);
    for (const finding of findings) expect(Object.keys(finding).slice(0, 21)).toEqual(contract);
    expect(names(findings)).toContain('duplicate-index Odd %{name} second\nline');
  });

  test('sarif has a result for each finding', async () => {
    const [json, sarif] = await Promise.all([inFormat('json'), inFormat('sarif')]);
    const log = JSON.parse(sarif.stdout) as {
      readonly version: string;
      readonly runs: readonly { readonly results: readonly { readonly ruleId: string }[] }[];
    };
    expect(log.version).toBe('2.1.0');
    expect(log.runs).toHaveLength(1);
    expect(log.runs[0]?.results.map(({ ruleId }) => ruleId).sort()).toEqual(
      parsed(json)
        .findings.map(({ kind }) => kind as string)
        .sort(),
    );
  });

  test('junit is well-formed and counts what it holds', async () => {
    const { stdout } = await inFormat('junit');
    const elements = elementsOf(stdout);
    const failures = elements.filter(({ name }) => name === 'failure');
    expect(failures.length).toBeGreaterThan(1);
    expect(elements[0]).toMatchObject({
      name: 'testsuites',
      attributes: {
        tests: String(elements.filter(({ name }) => name === 'testcase').length),
        failures: String(failures.length),
      },
    });
  });

  test('markdown has a row for each finding, however odd its name', async () => {
    const { stdout } = await inFormat('markdown');
    const [tables = ''] = stdout.split('## Fixes');
    expect(tables).toMatch(/^# /);
    expect(tables).toMatch(/^\| customers_email_again .*\| duplicate-index \|$/m);
    // A line break in a name would end a row of a table; in a fenced block it has to stay.
    expect(tables).not.toMatch(/^line/m);
    expect(tables).toMatch(/^\| second.*line .*\| duplicate-index \|$/m);
  });

  test('the table says first which few actions give most', async () => {
    const { stdout } = await inFormat('table');
    const actions = stdout.indexOf('customers_email_again');
    expect(actions).toBeGreaterThan(-1);
    expect(stdout.slice(0, actions)).toMatch(/first|action|most/i);
  });

  test('stdout holds the result alone, stderr the summary and nothing else', async () => {
    for (const format of ['json', 'sarif', 'junit', 'markdown']) {
      const { stdout, stderr } = await inFormat(format);
      expect(stderr.trimEnd().split('\n'), format).toHaveLength(1);
      expect(stderr, format).toMatch(/ on 1 target/);
      expect(stdout, format).not.toContain('"event":');
    }
    expect((await inFormat('table')).stderr).toBe('');
  });

  test('a password on the command line is warned of, on stderr, without showing it', async () => {
    const ended = await check('--url', asRole(monitor, clean), '--format', 'json');
    expect(ended.stderr).toMatch(/warning: .*password/);
    expect(ended.stderr + ended.stdout).not.toContain(password);
  });

  const escapeCode = String.fromCharCode(27);

  test('no colours where nobody looks, unless they are asked for', async () => {
    const args = ['check', '--url', shop.url];
    expect((await run(args)).stdout).not.toContain(escapeCode);
    expect((await run(args, { env: { FORCE_COLOR: '1' } })).stdout).toContain(`${escapeCode}[`);
  });

  test.skipIf(isMissing('script', 'apt-get install bsdutils'))(
    'colours on a terminal, and none there with NO_COLOR',
    async () => {
      const command = `'${process.execPath}' '${path.resolve(import.meta.dirname, '../../bin/indexwarden')}' check --url '${shop.url}'`;
      const onTerminal = async (env: Readonly<Record<string, string>>): Promise<string> =>
        (
          await startProgram('script', ['-qec', command, '/dev/null'], { env: { TERM: 'xterm', ...env } })
            .ended
        ).stdout;
      expect(await onTerminal({})).toContain(`${escapeCode}[`);
      const plain = await onTerminal({ NO_COLOR: '1' });
      expect(plain).toContain('customers_email_again');
      expect(plain).not.toContain(escapeCode);
    },
  );
});

describe('a role with pg_monitor alone', () => {
  /** They need statistics of columns, which only an owner or the optional view shows. */
  const columnKinds = ['low-selectivity-index', 'null-heavy-index'];
  beforeAll(() =>
    withConnection(shop.url, async (client) => {
      // Rows are equal, so that this fails and leaves its remains.
      const build = client.query('create unique index concurrently orders_note_key on sales.orders (note)');
      await expect(build).rejects.toThrow('could not create unique index');
    }),
  );

  const look = async (url: string): Promise<Printed> =>
    parsed(await check('--url', url, '--unused-after', '0d', '--format', 'json'));

  test('finds what a superuser finds, and says what it cannot judge', async () => {
    const [all, some] = await Promise.all([look(shop.url), look(asRole(monitor, shop))]);
    const judgedByBoth = all.findings.filter(({ kind }) => !columnKinds.includes(kind));
    expect(new Set(all.findings.map(({ kind }) => kind))).toEqual(
      new Set([
        ...columnKinds,
        'duplicate-index',
        'redundant-index',
        'unused-index',
        'invalid-index',
        'unindexed-foreign-key',
        'missing-primary-key',
      ]),
    );
    expect(names(some.findings)).toEqual(names(judgedByBoth));
    expect(some.findings.map(({ id, severity, confidence }) => [id, severity, confidence]).sort()).toEqual(
      judgedByBoth.map(({ id, severity, confidence }) => [id, severity, confidence]).sort(),
    );
    const undecidedOnly = some.inconclusive
      .map(({ kind }) => kind)
      .filter((kind) => !all.inconclusive.some((one) => one.kind === kind));
    expect(new Set(undecidedOnly)).toEqual(new Set(columnKinds));
    for (const { reason } of some.inconclusive.filter(({ kind }) => columnKinds.includes(kind))) {
      expect(reason).toContain('column-statistics-view.sql');
    }
  });

  test('and one without even that is told what to grant', async () => {
    const ended = await check('--url', asRole(stranger, shop), '--only', 'invalid-index', '--format', 'json');
    expect(parsed(ended).findings).toEqual([]);
    expect(parsed(ended).inconclusive).toMatchObject([
      { kind: 'invalid-index', reason: expect.stringMatching(`GRANT pg_monitor TO "?${stranger}`) },
    ]);
  });
});

/** Keys of a finding, in the order of the contract. */
const contract = [
  ...[
    'id',
    'kind',
    'severity',
    'confidence',
    'state',
    'origin',
    'server',
    'datname',
    'schemaname',
    'relname',
  ],
  ...['indexrelname', 'columns', 'related', 'title', 'evidence', 'caveats', 'impact', 'fix'],
  ...['firstSeen', 'lastSeen', 'docs'],
];

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Every element of an XML document in its order. Throws where tags do not match or markup stands in a text. */
function elementsOf(xml: string): readonly Element[] {
  const elements: Element[] = [];
  const open: string[] = [];
  const body = xml.replace(/^<\?xml [^>]*\?>\n/, '');
  if (body === xml) throw new Error('no XML declaration');
  let at = 0;
  for (const tag of body.matchAll(/<(\/?)([a-z-]+)((?: [a-z]+="[^"<]*")*)(\/?)>/g)) {
    const text = body.slice(at, tag.index);
    if (/[<>]|&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9a-f]+);)/i.test(text))
      throw new Error(`markup in: ${text}`);
    at = tag.index + tag[0].length;
    const [, closing, name = '', attributes = '', empty] = tag;
    if (closing === '/') {
      if (open.pop() !== name) throw new Error(`</${name}> closes something else`);
      continue;
    }
    const pairs = attributes.matchAll(/ ([a-z]+)="([^"]*)"/g);
    elements.push({
      name,
      attributes: Object.fromEntries([...pairs].map(([, key = '', value = '']) => [key, value])),
    });
    if (empty !== '/') open.push(name);
  }
  if (open.length > 0 || body.slice(at).trim() !== '') throw new Error(`not closed: ${open.join()}`);
  return elements;
}
