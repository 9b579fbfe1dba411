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
import { answerOf } from './daemon-client.ts';
import { closedPort, placeOf } from './places.ts';
import { type Ended, programs, until } from './program.ts';

/*
 * A password appears nowhere: not in logs at the finest level, errors, metrics, lists, pages or any format of `check`, whichever way
 * it was given, whether it is right, wrong, or never asked for because the server is down.
 */

/** Beginning, middle and end are recognisable in every spelling, so that half a password that leaks is seen as well. */
const traces = ['zQx7', 'mIdW4y', 'K9vEnd'] as const;
const passwordOf = (kind: string): string =>
  `${traces[0]}@:/?#&=%41+ "'\\${kind}${traces[1]}$!*()[]{}<>|~^\`é😀;,${traces[2]}`;
const right = passwordOf('a');
const wrong = passwordOf('b');

const { start, run, endAll } = programs();
const folder = mkdtempSync(path.join(tmpdir(), 'secrets-'));
const fileOf = (name: string, content: string): string => {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return file;
};

let server: TestServer;
let shop: TestDatabase;
let role: string;

beforeAll(async () => {
  server = await startPostgres();
  shop = await createDatabase(server, 'shop');
  role = `monitor_${shop.name}`;
  await runOn(shop.url, 'create table items (id int primary key, name text)');
  await runOn(server.url(), `create role ${role} login password ${literal(right)} in role pg_monitor`);
});

afterAll(async () => {
  await endAll();
  await shop?.drop();
  await runOn(server.url(), `drop role if exists ${role}`);
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** As SCRAM takes it: characters as they are, whatever `standard_conforming_strings` says of backslashes. */
const literal = (text: string): string => `e'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

interface Situation {
  readonly password: string;
  readonly port: number;
  readonly host: string;
}

const situations = {
  right: () => ({ password: right, ...placeOf(server.url()) }),
  wrong: () => ({ password: wrong, ...placeOf(server.url()) }),
  'right, but the server is down': async () => ({
    password: right,
    host: '127.0.0.1',
    port: await closedPort(),
  }),
} as const satisfies Record<string, () => Situation | Promise<Situation>>;

interface Given {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const urlOf = ({ password, host, port }: Situation): string =>
  `postgresql://${role}:${encodeURIComponent(password)}@${host}:${port}/${shop.name}`;

const configured = (primary: Readonly<Record<string, unknown>>): Given => ({
  args: ['--config.file', fileOf('secrets.yaml', JSON.stringify({ servers: [{ name: 'main', primary }] }))],
  env: {},
});

/** Every way to hand a password over to a command that reads a configuration. */
const ways: Readonly<Record<string, (situation: Situation) => Given>> = {
  url: (situation) => configured({ url: urlOf(situation) }),
  url_file: (situation) => configured({ url_file: fileOf('url', `${urlOf(situation)}\n`) }),
  password_file: ({ password, host, port }) =>
    configured({
      host,
      port,
      user: role,
      database: shop.name,
      password_file: fileOf('password', `${password}\n`),
    }),
  PGPASSWORD: ({ password, host, port }) => ({
    args: [],
    env: { PGHOST: host, PGPORT: String(port), PGUSER: role, PGDATABASE: shop.name, PGPASSWORD: password },
  }),
  DATABASE_URL: (situation) => ({ args: [], env: { DATABASE_URL: urlOf(situation) } }),
};

function expectNoTrace(texts: Readonly<Record<string, string>>): void {
  for (const [what, text] of Object.entries(texts)) {
    for (const trace of traces) {
      // Not `not.toContain`: a failure would print the secret's surroundings, which is fine, but of a megabyte.
      const at = text.indexOf(trace);
      expect(at < 0 ? 'no trace' : text.slice(Math.max(0, at - 80), at + 20), `${trace} in ${what}`).toBe(
        'no trace',
      );
    }
  }
}

const said = ({ stdout, stderr }: Ended): Readonly<Record<string, string>> => ({ stdout, stderr });

const codes: Readonly<Record<keyof typeof situations, number>> = {
  right: 0,
  wrong: 3,
  'right, but the server is down': 3,
};

const each = Object.keys(situations) as (keyof typeof situations)[];

describe.each(each)('a password that is %s', (name) => {
  test.each(Object.keys(ways))('given by %s is shown by no daemon', async (way) => {
    const { args, env } = ways[way]!(await situations[name]());
    const daemon = start(
      ['serve', ...args, '--http.listen', '127.0.0.1:0', '--http.lifecycle', '--log.level', 'trace'],
      { env },
    );
    const [, address = ''] = await daemon.printed(/"address":"([^"]+)"/, 'stderr');
    await until('readiness', async () => (await answerOf(address, '/-/ready')).status === 200);
    const up = name === 'right' ? '1' : '0';
    const shown: Record<string, string> = {};
    for (const path of ['/metrics', '/', ...lists.map((list) => `/api/v1/${list}`)]) {
      shown[path] = (await answerOf(address, path)).body;
    }
    expect(shown['/metrics']).toMatch(new RegExp(`^indexwarden_target_up\\{.*\\} ${up}$`, 'm'));
    shown.reload = (await answerOf(address, '/-/reload', { method: 'POST' })).body;
    daemon.kill('SIGTERM');
    const ended = await daemon.ended;
    expect(ended.code).toBe(0);
    expectNoTrace({ ...shown, ...said(ended) });
  });

  test.each(Object.keys(ways))('given by %s is shown by neither check nor config check', async (way) => {
    const { args, env } = ways[way]!(await situations[name]());
    const [checked, printed] = await Promise.all([
      run(['check', ...args], { env }),
      run(['config', 'check', ...args], { env }),
    ]);
    expect([checked.code, printed.code]).toEqual([codes[name], 0]);
    expect(printed.stdout).toContain(shop.name);
    expectNoTrace({ ...said(checked), config: printed.stdout, warnings: printed.stderr });
  });

  test('is shown by no format of check, nor by explain', async () => {
    const url = urlOf(await situations[name]());
    const ended = await Promise.all([
      ...['json', 'sarif', 'junit', 'markdown'].map((format) =>
        run(['check', '--format', format, '--url-file', fileOf('format.url', url)]),
      ),
      run(['explain', 'abcd1234', '--url', url]),
      run(['check', '--url', url, '--write-baseline', path.join(folder, 'baseline.json')]),
    ]);
    for (const one of ended) expectNoTrace(said(one));
  });
});

const lists = ['findings', 'indexes', 'tables', 'targets', 'collectors'];

describe('a password that stands where none belongs', () => {
  const raw = (): string => `postgresql://${role}:${right}@127.0.0.1/${shop.name}`;

  test('is not shown in the error about it', async () => {
    const wrongly = fileOf(
      'wrongly.yaml',
      JSON.stringify({ servers: [{ name: 'main', primary: { host: 'h', password: right, url: raw() } }] }),
    );
    const ended = await Promise.all([
      run(['check', '--url', raw()]),
      run(['check', '--url-file', fileOf('raw.url', raw())]),
      run(['check', raw()]),
      run(['explain', raw()]),
      run([raw()]),
      run(['check', `--password=${right}`]),
      run(['check', `--pasword`, right]),
      run(['check'], { env: { DATABASE_URL: raw() } }),
      run(['config', 'check', '--config.file', wrongly]),
      run(['serve', '--config.file', wrongly]),
      run(['serve', '--http.listen', raw()], { env: { PGHOST: 'localhost' } }),
    ]);
    for (const one of ended) {
      expect(one).toMatchObject({ code: 2, stdout: '' });
      expectNoTrace(said(one));
    }
  });

  test('of a file that is reloaded is not shown either', async () => {
    const { args } = configured({
      host: '127.0.0.1',
      port: await closedPort(),
      user: role,
      database: shop.name,
    });
    const daemon = start(['serve', ...args, '--http.listen', '127.0.0.1:0', '--log.level', 'trace']);
    const [, address = ''] = await daemon.printed(/"address":"([^"]+)"/, 'stderr');
    for (const primary of [
      { url: urlOf(situations.wrong()) },
      { url: raw() },
      { host: 'h', password: right },
      { host: 'h', user: 'u', password_file: fileOf('password', right), port: 'x' },
    ]) {
      configured(primary);
      const before = daemon.stderr().length;
      daemon.kill('SIGHUP');
      await until('the reload', () => /"event":"reload(?:-failed)?"/.test(daemon.stderr().slice(before)));
      expectNoTrace({ metrics: (await answerOf(address, '/metrics')).body, log: daemon.stderr() });
    }
    daemon.kill('SIGTERM');
    expectNoTrace(said(await daemon.ended));
  });
});
