import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect } from 'node:net';
import path from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { processSurroundings } from '../../src/config/surroundings.ts';
import { readWebConfig } from '../../src/config/web-config.ts';
import { type RunningServer, startServer } from '../../src/http/server.ts';
import { namesIn } from '../../src/http/tls-server.ts';
import { WebConfigKeeper } from '../../src/http/web-config-keeper.ts';
import {
  type Authority,
  anAuthority,
  type Certificate,
  replaceCertificate,
} from '../support/certificates.ts';
import { isMissing } from '../support/tools.ts';

const withoutOpenssl = isMissing('openssl', 'apt-get install openssl');

let authority: Authority;
let ca: Certificate;
let client: Certificate;
beforeAll(() => {
  if (withoutOpenssl) return;
  authority = anAuthority();
  ca = authority.issue('ca', { isAuthority: true });
  authority.issue('server', { by: ca });
  client = authority.issue('client', { by: ca, subjectAltName: 'DNS:prometheus.example,URI:spiffe://a/b' });
});
afterAll(() => authority?.remove());

const running: RunningServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close(0)));
});

interface Scene {
  readonly server: RunningServer;
  readonly keeper: WebConfigKeeper;
  readonly outcomes: readonly boolean[];
  readonly lines: readonly string[];
  /** Writes the file anew, and lets a second pass. */
  readonly rewrite: (content: object | string) => void;
  readonly pass: () => void;
}

let files = 0;
async function serve(tls: object): Promise<Scene> {
  const file = path.join(authority.folder, `web-${files++}.yaml`);
  const write = (content: object | string): void =>
    writeFileSync(file, typeof content === 'string' ? content : stringify(content));
  write({ tls_server_config: { cert_file: 'server.pem', key_file: 'server.key', ...tls } });
  const read = () => readWebConfig(processSurroundings({}), file);
  const first = read();
  if (!first.result.ok) throw new Error(JSON.stringify(first.result.error));
  const outcomes: boolean[] = [];
  const lines: string[] = [];
  const note = (fields: object, message: string): void => void lines.push(JSON.stringify([fields, message]));
  const log = { debug: note, info: note, warn: note, error: note };
  let nowMs = 0;
  const keeper = new WebConfigKeeper({
    initial: { file, files: first.files, content: first.result.value },
    read,
    now: () => nowMs,
    log,
    onRead: (isSuccessful) => outcomes.push(isSuccessful),
  });
  const server = await startServer({
    app: (_request, response) => response.end('hello'),
    listen: { host: '127.0.0.1', port: 0 },
    limits: { headersTimeoutMs: 200, requestTimeoutMs: 200 },
    tls: { current: () => keeper.current().tls!, log },
  });
  running.push(server);
  const pass = (): void => {
    nowMs += 1_000;
  };
  const rewrite: Scene['rewrite'] = (content) => {
    write(content);
    pass();
  };
  return { server, keeper, outcomes, lines, rewrite, pass };
}

interface Shown {
  readonly cert?: string;
  readonly key?: string;
  readonly maxVersion?: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
  readonly minVersion?: 'TLSv1' | 'TLSv1.2' | 'TLSv1.3';
  readonly ciphers?: string;
}

/** What a client that trusts our authority hears: the body, the version and the name in the certificate. */
async function ask({ server }: Scene, shown: Shown = {}): Promise<string> {
  const outgoing = request({ host: '127.0.0.1', port: server.port, ca: ca.cert, agent: false, ...shown });
  outgoing.end();
  const [response] = await once(outgoing, 'response');
  const socket: TLSSocket = response.socket;
  const [version, name] = [socket.getProtocol(), socket.getPeerCertificate().subject.CN];
  let body = '';
  for await (const chunk of response) body += chunk;
  return `${body} ${version} ${name}`;
}

const refused = (scene: Scene, shown?: Shown) =>
  expect(ask(scene, shown)).rejects.toThrow(/ECONNRESET|socket hang up|alert|EPIPE|EPROTO/i);

describe.skipIf(withoutOpenssl)('over TLS', () => {
  test('the daemon is asked as before, at an address that says so', async () => {
    const scene = await serve({});
    expect(scene.server.address).toBe(`https://127.0.0.1:${scene.server.port}`);
    expect(await ask(scene)).toBe('hello TLSv1.3 server');
    expect(await ask(scene, { maxVersion: 'TLSv1.2' })).toBe('hello TLSv1.2 server');
    await refused(scene, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
  });

  test('older versions than the lowest one are refused', async () => {
    const scene = await serve({ min_version: 'TLS13' });
    expect(await ask(scene)).toBe('hello TLSv1.3 server');
    await refused(scene, { maxVersion: 'TLSv1.2' });
  });

  test('suites by their Go names decide what is spoken', async () => {
    const scene = await serve({
      max_version: 'TLS12',
      cipher_suites: ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256'],
      curve_preferences: ['CurveP384'],
    });
    expect(await ask(scene)).toBe('hello TLSv1.2 server');
    await refused(scene, { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' });
  });

  test('HTTP without TLS gets nothing', async () => {
    const { server } = await serve({});
    const socket = connect(server.port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk;
    });
    await once(socket, 'close');
    expect(heard).not.toContain('HTTP');
  });

  test('a handshake that is not finished is cut off, and holds up nobody’s end', async () => {
    const { server } = await serve({});
    const slow = connect(server.port, '127.0.0.1');
    slow.on('error', () => {});
    await once(slow, 'close');
    const open = connect(server.port, '127.0.0.1');
    open.on('error', () => {});
    await once(open, 'connect');
    // Far longer than the test may take.
    await server.close(600_000);
  });

  test('a client that does not finish its headers is cut off', async () => {
    const { server } = await serve({});
    const socket = connectTls({ host: '127.0.0.1', port: server.port, ca: ca.cert });
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n');
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk;
    });
    await once(socket, 'close');
    expect(heard).toMatch(/^HTTP\/1\.1 408 .*application\/problem\+json/s);
  });
});

describe.skipIf(withoutOpenssl)('certificates of clients', () => {
  const verified = { client_auth_type: 'RequireAndVerifyClientCert', client_ca_file: 'ca.pem' };

  test('are required and verified', async () => {
    const scene = await serve(verified);
    expect(await ask(scene, client)).toMatch(/^hello/);
    await refused(scene);
    await refused(scene, authority.issue('stranger'));
    expect(scene.lines.join()).toMatch(/it showed no certificate.*its certificate is not good/s);
  });

  test('are verified where they are given', async () => {
    const scene = await serve({ ...verified, client_auth_type: 'VerifyClientCertIfGiven' });
    expect(await ask(scene)).toMatch(/^hello/);
    expect(await ask(scene, client)).toMatch(/^hello/);
    await refused(scene, authority.issue('stranger'));
  });

  test('are required and not verified, which the operator is told', async () => {
    const scene = await serve({ client_auth_type: 'RequireAnyClientCert' });
    expect(await ask(scene, authority.issue('stranger'))).toMatch(/^hello/);
    await refused(scene);
    expect(scene.keeper.current().warnings.join()).toContain('proves nothing');
  });

  test.each([
    [['prometheus.example'], true],
    [['spiffe://a/b'], true],
    [['prometheus.exampl'], false],
    [['example'], false],
    [['client'], false],
  ])('must have one of the allowed names: %s', async (names, isLetIn) => {
    const scene = await serve({ ...verified, client_allowed_sans: names });
    if (isLetIn) expect(await ask(scene, client)).toMatch(/^hello/);
    else await refused(scene, client);
  });

  test('names cannot be smuggled in by odd characters', () => {
    expect(namesIn('DNS:a.example, IP Address:127.0.0.1, URI:spiffe://a')).toEqual(
      new Set(['a.example', '127.0.0.1', 'spiffe://a']),
    );
    expect(namesIn('URI:"http://x/, DNS:b.example", email:a@b')).toEqual(
      new Set(['http://x/, DNS:b.example', 'a@b']),
    );
    expect(namesIn('')).toEqual(new Set());
  });

  test('are wanted from the next connection on, and no longer wanted', async () => {
    const scene = await serve({});
    const base = { cert_file: 'server.pem', key_file: 'server.key' };
    expect(await ask(scene)).toMatch(/^hello/);
    scene.rewrite({ tls_server_config: { ...base, ...verified } });
    await refused(scene);
    expect(await ask(scene, client)).toMatch(/^hello/);
    scene.rewrite({ tls_server_config: base });
    expect(await ask(scene)).toMatch(/^hello/);
  });
});

describe.skipIf(withoutOpenssl)('a certificate that is renewed', () => {
  test('is used by the next connection after a second, without a restart', async () => {
    const mine = authority.issue('mine', { by: ca });
    const scene = await serve({ cert_file: 'mine.pem', key_file: 'mine.key' });
    expect(await ask(scene)).toContain('mine');
    const renewed = authority.issue('renewed', { by: ca });
    replaceCertificate(mine, renewed);
    expect(await ask(scene)).toContain('mine');
    scene.pass();
    expect(await ask(scene)).toContain('renewed');
    expect(scene.outcomes).toEqual([true, true]);
  });

  test('by half, without its key, or gone, leaves the one before in force until it is whole', async () => {
    const mine = authority.issue('half', { by: ca });
    const scene = await serve({ cert_file: 'half.pem', key_file: 'half.key' });
    const renewed = authority.issue('whole', { by: ca });
    writeFileSync(mine.certFile, renewed.cert);
    scene.pass();
    expect(await ask(scene)).toContain('half');
    expect(scene.outcomes).toEqual([true, false]);
    expect(scene.lines.at(-1)).toContain('is not the key of the certificate');
    scene.pass();
    await ask(scene);
    // Said once, not at each look.
    expect(scene.outcomes).toEqual([true, false]);
    writeFileSync(mine.keyFile, renewed.key);
    scene.pass();
    expect(await ask(scene)).toContain('whole');
    expect(scene.outcomes).toEqual([true, false, true]);
    writeFileSync(mine.certFile, '');
    scene.pass();
    expect(await ask(scene)).toContain('whole');
    expect(scene.outcomes.at(-1)).toBe(false);
    expect(scene.lines.join()).not.toContain('PRIVATE');
  });

  test.each([
    ['that is no YAML', 'tls_server_config: ['],
    [
      'with an unknown key',
      'tls_server_config: {cert_file: server.pem, key_file: server.key, cert: x, foo: 1}',
    ],
    ['without TLS', 'basic_auth_users: {}'],
    [
      'of the file itself that names a certificate that is not there',
      'tls_server_config: {cert_file: no, key_file: server.key}',
    ],
  ])('is not taken from a file %s', async (_, content) => {
    const scene = await serve({});
    scene.rewrite(content);
    expect(await ask(scene)).toContain('server');
    expect(scene.outcomes).toEqual([true, false]);
    const log = scene.lines.at(-1);
    expect(log).toContain('web-config-failed');
    // And comes back as soon as the file is good again.
    scene.rewrite({
      tls_server_config: { cert_file: 'server.pem', key_file: 'server.key', min_version: 'TLS13' },
    });
    await refused(scene, { maxVersion: 'TLSv1.2' });
    expect(scene.outcomes).toEqual([true, false, true]);
  });
});
