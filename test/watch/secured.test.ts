import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request as requestPlain } from 'node:http';
import { request as requestOverTls } from 'node:https';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { formatConfigError } from '../../src/config/problems.ts';
import { detectors } from '../../src/detectors/index.ts';
import { err } from '../../src/model/result.ts';
import { type Daemon, startDaemon } from '../../src/watch/daemon.ts';
import { declarations } from '../../src/watch/declarations.ts';
import { closedPort } from '../e2e/places.ts';
import { basic, bearer, secrets, users } from '../http/people.ts';
import { type Authority, anAuthority, type Certificate } from '../support/certificates.ts';
import { eventually } from '../support/processes.ts';
import { inRepository } from '../support/repository.ts';
import { isMissing } from '../support/tools.ts';

/*
 * The whole daemon behind TLS, users and tokens. It watches a database that cannot be reached, since none is needed here.
 */

const withoutOpenssl = isMissing('openssl', 'apt-get install openssl');

let authority: Authority;
let ca: Certificate;
let daemon: Daemon | undefined;
const lines: string[] = [];

beforeAll(() => {
  if (withoutOpenssl) return;
  authority = anAuthority();
  ca = authority.issue('ca', { isAuthority: true });
  authority.issue('server', { by: ca });
});
afterEach(async () => {
  await daemon?.stop();
  daemon = undefined;
  lines.length = 0;
});
afterAll(() => authority?.remove());

const fileOf = (name: string, content: string | object): string => {
  const file = path.join(authority.folder, name);
  writeFileSync(file, typeof content === 'string' ? content : stringify(content));
  return file;
};
const tls = { cert_file: 'server.pem', key_file: 'server.key' };
const listOfUsers = (...names: readonly string[]) =>
  Object.fromEntries([...users].filter(([name]) => names.includes(name)));

/** The daemon as `serve` starts it, with the log in `lines`; what it reads anew is the same configuration over the same files. */
async function serve(http: Readonly<Record<string, unknown>>): Promise<Daemon> {
  const port = await closedPort();
  const load = () =>
    loadConfig({
      ...declarations,
      env: {},
      document: {
        servers: [{ name: 'main', primary: { host: '127.0.0.1', port, user: 'nobody', database: 'shop' } }],
        http: { listen: '127.0.0.1:0', ...http },
      },
    });
  const loaded = load();
  if (!loaded.ok) throw new Error(formatConfigError(loaded.error));
  const note = (...line: unknown[]): void => void lines.push(JSON.stringify(line));
  daemon = await startDaemon({
    loaded: loaded.value,
    loadAgain: () => {
      const again = load();
      return again.ok ? again : err(formatConfigError(again.error));
    },
    detectors,
    version: '0.0.0',
    docsDirectory: inRepository('docs'),
    log: { debug: note, info: note, warn: note, error: note },
  });
  return daemon;
}

async function ask(
  { address }: Daemon,
  place: string,
  headers: Record<string, string> = {},
  options: {
    readonly method?: string;
    readonly body?: string;
    readonly cert?: string;
    readonly key?: string;
  } = {},
): Promise<{ readonly status: number; readonly text: string; readonly headers: Record<string, unknown> }> {
  const { body, ...others } = options;
  const url = new URL(place, address);
  const outgoing =
    url.protocol === 'https:'
      ? requestOverTls(url, { headers, ca: ca.cert, agent: false, ...others })
      : requestPlain(url, { headers, agent: false, ...others });
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, text, headers: response.headers };
}

/** Exit code and errors of the container's health check against a daemon. */
const healthOf = ({ address }: Daemon): Promise<{ readonly code: number; readonly stderr: string }> =>
  new Promise((resolve) => {
    const env = { INDEXWARDEN_HTTP_LISTEN: new URL(address).host };
    const script = inRepository('deploy', 'healthcheck.mjs');
    execFile(process.execPath, [script], { env }, (error, _stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stderr }),
    );
  });
const healthy = { code: 0, stderr: '' };

describe.skipIf(withoutOpenssl)('a daemon with TLS, users and tokens', () => {
  test('lets in who has what it takes, and takes up other users without a restart', async () => {
    const webConfigFile = fileOf('web.yaml', {
      tls_server_config: tls,
      basic_auth_users: listOfUsers('ann'),
    });
    const running = await serve({
      webConfigFile,
      tokens: [{ name: 'prometheus', file: fileOf('token', secrets.reader) }],
      adminTokenFile: fileOf('admin', secrets.admin),
      adminUsers: ['ann'],
      lifecycle: true,
    });
    expect(running.address).toMatch(/^https:\/\/127\.0\.0\.1:/);
    const statusOf = async (headers: Record<string, string>) =>
      (await ask(running, '/metrics', headers)).status;
    expect(await statusOf({})).toBe(401);
    for (const shown of [bearer(secrets.reader), bearer(secrets.admin), basic('ann', secrets.ann)])
      expect(await statusOf(shown)).toBe(200);
    expect(await statusOf(basic('bob', secrets.bob))).toBe(401);
    expect(await healthOf(running)).toEqual(healthy);
    const page = await ask(running, '/login');
    expect(page.headers['strict-transport-security']).toBe('max-age=86400');
    const body = new URLSearchParams({ token: secrets.admin }).toString();
    const type = {
      'Content-Type': 'application/x-www-form-urlencoded',
      'Content-Length': String(body.length),
    };
    const signedIn = await ask(running, '/login', type, { method: 'POST', body });
    expect(signedIn.status).toBe(303);
    expect(String(signedIn.headers['set-cookie'])).toMatch(
      /^__Host-indexwarden_session=[\w-]{43}; Max-Age=\d+; Path=\/; .*HttpOnly; Secure; SameSite=Strict$/,
    );

    writeFileSync(webConfigFile, stringify({ tls_server_config: tls, basic_auth_users: listOfUsers('bob') }));
    // Asked with what is right: Bob's own attempts would count as failed until then.
    await eventually('the file is read', async () => {
      await statusOf(bearer(secrets.reader));
      return lines.some((line) => line.includes('web-config-read'));
    });
    expect(await statusOf(basic('bob', secrets.bob))).toBe(200);
    expect(await statusOf(basic('ann', secrets.ann))).toBe(401);
    const metrics = async (name: string) =>
      new RegExp(`^indexwarden_${name} (.*)$`, 'm').exec(
        (await ask(running, '/metrics', bearer(secrets.reader))).text,
      )?.[1];
    expect(await metrics('web_config_last_reload_successful')).toBe('1');

    writeFileSync(webConfigFile, 'basic_auth_users: {ann: not-a-hash-but-a-p4ssword}');
    await eventually(
      'the bad file is told',
      async () => (await metrics('web_config_last_reload_successful')) === '0',
    );
    expect(await statusOf(basic('bob', secrets.bob))).toBe(200);
    const reload = await ask(running, '/-/reload', bearer(secrets.admin), { method: 'POST' });
    expect([reload.status, reload.text]).toEqual([500, expect.stringContaining('basic_auth_users.ann')]);
    expect((await ask(running, '/-/reload', bearer(secrets.reader), { method: 'POST' })).status).toBe(403);
    expect((await ask(running, '/-/reload', {}, { method: 'POST' })).status).toBe(401);
    const told = [...lines, reload.text, page.text, await metrics('config_last_reload_successful')].join(
      '\n',
    );
    expect(told).toContain('web-config-failed');
    for (const secret of [...Object.values(secrets), ...users.values(), 'p4ssword', 'PRIVATE KEY'])
      expect(told).not.toContain(secret);

    writeFileSync(webConfigFile, stringify({ tls_server_config: tls, basic_auth_users: listOfUsers('ann') }));
    expect((await running.reload()).ok).toBe(true);
    expect(await statusOf(basic('ann', secrets.ann))).toBe(200);
    expect(await metrics('web_config_last_reload_successful')).toBe('1');
    // Changing to no TLS would send passwords in the clear from one request to the next.
    writeFileSync(webConfigFile, stringify({ basic_auth_users: listOfUsers('ann') }));
    expect((await running.reload()).ok).toBe(true);
    expect(await statusOf(basic('ann', secrets.ann))).toBe(200);
    expect(lines.join()).toContain('TLS cannot be turned off while the daemon runs');
  });

  test('that wants a certificate of every client is found alive by the health check', async () => {
    const client = authority.issue('client', { by: ca });
    const all = { ...tls, client_auth_type: 'RequireAndVerifyClientCert', client_ca_file: 'ca.pem' };
    const running = await serve({ webConfigFile: fileOf('mutual.yaml', { tls_server_config: all }) });
    const { cert, key } = client;
    expect((await ask(running, '/metrics', {}, { cert, key })).status).toBe(200);
    await expect(ask(running, '/metrics')).rejects.toThrow();
    expect(await healthOf(running)).toEqual(healthy);
  });
});

describe('the health check', () => {
  test('takes a daemon for alive that wants to know who asks, and none for dead', async () => {
    const tokens = [{ name: 'a', hash: `sha256:${'a'.repeat(64)}` }];
    const running = await serve({ tokens, withoutAuthentication: [] });
    expect((await ask(running, '/-/healthy')).status).toBe(401);
    expect(await healthOf(running)).toEqual(healthy);
    await running.stop();
    daemon = undefined;
    const dead = await healthOf(running);
    expect(dead.code).toBe(1);
    expect(dead.stderr).toContain('ECONNREFUSED');
  });
});

describe('at its start', () => {
  const events = () => lines.map((line) => /"event":"([\w-]+)"/.exec(line)?.[1]);

  test('a daemon that everybody can reach and read says so', async () => {
    await serve({ listen: '0.0.0.0:0' });
    expect(events()).toContain('open-to-all');
  });

  test('one that wants to know who asks says that it is told in the clear', async () => {
    await serve({ listen: ':0', tokens: [{ name: 'a', hash: `sha256:${'a'.repeat(64)}` }] });
    expect(events()).not.toContain('open-to-all');
    expect(events()).toContain('credentials-in-the-clear');
  });

  test('one on this machine only says neither', async () => {
    await serve({ listen: '[::1]:0' });
    expect(events()).not.toContain('open-to-all');
    expect(events()).not.toContain('credentials-in-the-clear');
  });
});
