import { hashSync } from 'bcryptjs';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import { secretsOf } from '../../src/config/config.ts';
import { effectiveConfigYaml } from '../../src/config/effective.ts';
import { hashOfToken } from '../../src/config/http-tokens.ts';
import { isLoopback, parseListenAddress } from '../../src/config/listen-address.ts';
import { formatConfigError } from '../../src/config/problems.ts';
import { WebConfigFile } from '../../src/config/web-config-schema.ts';
import { type Authority, anAuthority, type Certificate } from '../support/certificates.ts';
import { readText } from '../support/repository.ts';
import { isMissing } from '../support/tools.ts';
import { loaded, oneServer, refused } from './support.ts';

const withoutOpenssl = isMissing('openssl', 'apt-get install openssl');
const hash = hashSync('ann’s password', 4);

let authority: Authority;
let own: Certificate;
let other: Certificate;
beforeAll(() => {
  if (withoutOpenssl) return;
  authority = anAuthority();
  own = authority.issue('own');
  other = authority.issue('other');
});
afterAll(() => authority?.remove());

const files = (): Record<string, string> =>
  withoutOpenssl
    ? {}
    : {
        '/etc/iw/own.pem': own.cert,
        '/etc/iw/own.key': own.key,
        '/etc/iw/other.key': other.key,
        '/etc/iw/rubbish.pem': 'rubbish',
        '/etc/iw/encrypted.key':
          '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII=\n-----END ENCRYPTED PRIVATE KEY-----\n',
      };

const world = (web: string, http = '') => ({
  yaml: `${oneServer}http:\n  webConfigFile: web.yaml\n${http}`,
  files: { ...files(), '/etc/iw/web.yaml': web },
});
const problemsOf = (web: string): string => formatConfigError(refused(world(web)));

describe('the web configuration file', () => {
  it('holds users and headers, and is shown by its path only', () => {
    const web = `basic_auth_users:\n  ann: ${hash}\nhttp_server_config:\n  headers: {X-Frame-Options: sameorigin, Strict-Transport-Security: ''}\n`;
    const { config, warnings } = loaded(world(web));
    expect(warnings).toEqual([]);
    expect(config.webConfig).toMatchObject({ file: '/etc/iw/web.yaml', files: ['/etc/iw/web.yaml'] });
    expect([...(config.webConfig?.content.users ?? [])]).toEqual([['ann', hash]]);
    expect([...(config.webConfig?.content.headers ?? [])]).toEqual([
      ['X-Frame-Options', 'sameorigin'],
      ['Strict-Transport-Security', ''],
    ]);
    const yaml = effectiveConfigYaml(config);
    expect(yaml).toContain('webConfigFile: web.yaml');
    expect(yaml).not.toContain(hash);
  });

  it('may be empty, or all comments', () => {
    expect(loaded(world('# nothing yet\n')).config.webConfig?.content.users.size).toBe(0);
  });

  it('of others works as well: what has no effect here is told', () => {
    const web = 'http_server_config: {http2: true}\nrate_limit: {interval: 1s, burst: 5}\n';
    const { warnings } = loaded(world(web, '  adminUsers: [eve]\n'));
    expect(warnings).toEqual([
      expect.stringContaining('http_server_config.http2: has no effect'),
      expect.stringContaining('rate_limit: has no effect'),
      'http.adminUsers: "eve" is none of the users in web.yaml',
    ]);
  });

  test.each([
    ['basic_auth_users: {ann: p4ssword}', 'web.yaml: basic_auth_users.ann (line 1): is not a bcrypt hash'],
    [`basic_auth_users:\n  ann: $2y$31$${'a'.repeat(53)}`, '(line 2): has a cost outside of 4 to 14'],
    ['basic_auth_users: [p4ssword]', 'basic_auth_users (line 1)'],
    ['basic_auth_users: {"a:b": p4ssword}', 'basic_auth_users'],
    ['basic_auth_user: {ann: p4ssword}', "did you mean 'basic_auth_users'?"],
    ['tls_server_config: {}', 'tls_server_config.cert_file (line 1): is missing'],
    ['tls_server_config: {cert_file: no.pem, key_file: own.key}', 'the file does not exist'],
    [
      'tls_server_config:\n  cert_file: own.pem\n  key_file: other.key',
      'key_file (line 3): is not the key of the certificate',
    ],
    [
      'tls_server_config: {cert_file: rubbish.pem, key_file: own.key}',
      'cert_file (line 1): holds no certificate',
    ],
    [
      'tls_server_config: {cert_file: own.pem, key_file: rubbish.pem}',
      'key_file (line 1): holds no private key',
    ],
    ['tls_server_config: {cert_file: own.pem, key_file: encrypted.key}', 'is encrypted'],
    [
      'tls_server_config: {cert_file: own.pem, key_file: own.key, key: p4ssword}',
      'key_file (line 1): stands beside key',
    ],
    [
      'tls_server_config: {cert_file: own.pem, key_file: own.key, keyy: p4ssword}',
      'keyy (line 1): is not a known key',
    ],
    [
      'tls_server_config: {cert_file: own.pem, key_file: own.key, min_version: TLS11}',
      'min_version (line 1): is not one of',
    ],
    [
      'tls_server_config: {cert_file: own.pem, key_file: own.key, min_version: TLS13, max_version: TLS12}',
      'is above max_version',
    ],
    [
      'tls_server_config: {cert_file: own.pem, key_file: own.key, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}',
      'cipher_suites[0]',
    ],
    [
      'tls_server_config: {cert_file: own.pem, key_file: own.key, cipher_suites: [TLS_AES_128_GCM_SHA256]}',
      'names none for TLS 1.2',
    ],
    [
      'tls_server_config: {cert_file: own.pem, key_file: own.key, client_auth_type: RequireAndVerifyClientCert}',
      'client_ca_file (line 1): is missing',
    ],
    ['tls_server_config: {cert_file: own.pem, key_file: own.key, client_ca_file: own.pem}', 'asks no client'],
    [
      'tls_server_config: {cert_file: own.pem, key_file: own.key, client_allowed_sans: [a]}',
      'client_allowed_sans (line 1): means nothing',
    ],
    [
      'http_server_config: {headers: {X-Powered-By: us}}',
      'http_server_config.headers.X-Powered-By (line 1): is not a known key',
    ],
    ['http_server_config: {headers: {X-Frame-Options: allow}}', 'is not one of the permitted words'],
    [
      'http_server_config: {headers: {X-XSS-Protection: "a\\r\\nb: c"}}',
      'has characters that no header may have',
    ],
    ['basic_auth_users: {ann: p4ssword', 'web.yaml'],
    ['- p4ssword', 'web.yaml'],
  ])('is refused with place and remedy, and no secret is told: %s', (web, problem) => {
    if (withoutOpenssl && /own|other|encrypted/.test(web)) return;
    const text = problemsOf(web);
    expect(text).toContain(problem);
    expect(text).not.toMatch(/p4ssword|PRIVATE|\$2y\$/);
    expect(text).toContain('web.yaml');
  });

  it('that is not there is a problem of the setting that names it', () => {
    const text = formatConfigError(refused({ yaml: `${oneServer}http: {webConfigFile: nowhere.yaml}` }));
    expect(text).toContain('http.webConfigFile (line 5): the file does not exist');
  });

  it.skipIf(withoutOpenssl)('has certificates relative to its own folder, and the names of Go', () => {
    const web = `tls_server_config:
  cert_file: tls/own.pem
  key_file: tls/own.key
  client_auth_type: VerifyClientCertIfGiven
  client_ca_file: /tls/ca.pem
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]
  curve_preferences: [X25519, CurveP256]
  prefer_server_cipher_suites: false
`;
    const { config } = loaded({
      yaml: `${oneServer}http: {webConfigFile: ../web/web.yaml}`,
      files: {
        '/etc/web/web.yaml': web,
        '/etc/web/tls/own.pem': own.cert,
        '/etc/web/tls/own.key': own.key,
        '/tls/ca.pem': other.cert,
      },
    });
    expect(config.webConfig?.files).toEqual([
      '/etc/web/web.yaml',
      '/etc/web/tls/own.pem',
      '/etc/web/tls/own.key',
      '/tls/ca.pem',
    ]);
    expect(config.webConfig?.content.tls).toMatchObject({
      clients: 'verified-if-given',
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
      ciphers: 'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305',
      curves: 'X25519:P-256',
      prefersOwnCiphers: false,
    });
    expect(JSON.stringify(config.webConfig)).not.toContain('PRIVATE');
  });
});

describe('tokens', () => {
  const token = 'a-token-of-32-characters-or-more';
  const written = (...entries: readonly string[]) =>
    `${oneServer}http:\n  tokens:\n${entries.map((each) => `    - ${each}\n`).join('')}`;

  it('are known by their hashes, whether in the file, in another as hash, or in another as token', () => {
    const { config } = loaded({
      yaml: `${written(
        `{name: a, hash: "sha256:${hashOfToken('first')}"}`,
        '{name: b, file: hash, role: admin}',
        '{name: c, file: token}',
      )}  adminTokenFile: admin\n`,
      files: {
        '/etc/iw/hash': `sha256:${hashOfToken('second')}\n`,
        '/etc/iw/token': `${token}\n`,
        '/etc/iw/admin': `${token}-2`,
      },
    });
    expect(config.httpTokens).toEqual([
      { name: 'adminTokenFile', role: 'admin', sha256: hashOfToken(`${token}-2`) },
      { name: 'a', role: 'read', sha256: hashOfToken('first') },
      { name: 'b', role: 'admin', sha256: hashOfToken('second') },
      { name: 'c', role: 'read', sha256: hashOfToken(token) },
    ]);
    expect(secretsOf(config)).toContain(hashOfToken('first'));
    const yaml = effectiveConfigYaml(config);
    expect(yaml).toContain('hash: sha256:REDACTED');
    expect(yaml).not.toMatch(new RegExp(`${token}|${hashOfToken('first')}|${hashOfToken('second')}`));
  });

  test.each([
    [['{name: a}'], 'http.tokens[0].hash (line 7): is missing'],
    [[`{name: a, hash: ${token}}`], 'http.tokens[0].hash (line 7): is not a hash of a token'],
    [[`{name: a, token: ${token}}`], 'http.tokens[0].token (line 7): is not a known key'],
    [[`{name: a, value: ${token}}`], 'http.tokens[0].value (line 7): is not a known key'],
    [['{name: a, file: short}'], 'shorter than 16 characters'],
    [['{name: a, file: nowhere}'], 'the file does not exist'],
    [[`{name: a, file: token, hash: "sha256:${'a'.repeat(64)}"}`], 'stands beside hash'],
    [
      ['{name: a, file: token}', `{name: a, hash: "sha256:${'a'.repeat(64)}"}`],
      'another token has this name already',
    ],
    [['{name: adminTokenFile, file: token}'], 'another token has this name already'],
    [['{name: a, file: token}', '{name: b, file: token}'], 'is the token of another entry'],
    [['{name: a, file: token, role: root}'], 'is not one of the permitted words'],
  ])('that are wrong are told without what they are: %j', (entries, problem) => {
    const text = formatConfigError(
      refused({ yaml: written(...entries), files: { '/etc/iw/token': token, '/etc/iw/short': 'hunter2' } }),
    );
    expect(text).toContain(problem);
    expect(text).not.toMatch(/hunter2|a-token-of/);
  });
});

test.each([
  ['127.0.0.1:1', true],
  ['127.8.8.8:1', true],
  ['[::1]:1', true],
  ['localhost:1', true],
  [':1', false],
  ['0.0.0.0:1', false],
  ['[::]:1', false],
  ['10.0.0.1:1', false],
  ['127.example:1', false],
])('%s is reached from this machine only: %s', (address, isOurs) => {
  const parsed = parseListenAddress(address);
  expect(parsed.ok && isLoopback(parsed.value)).toBe(isOurs);
});

test('docs/security.md shows a file that is right', () => {
  const [, yaml = ''] =
    /```yaml\n# \/etc\/indexwarden\/web\.yaml\n([\s\S]*?)```/.exec(readText('docs/security.md')) ?? [];
  const written: unknown = parse(yaml);
  expect(WebConfigFile.safeParse(written).error).toBeUndefined();
  expect(written).toMatchObject({ basic_auth_users: { ann: expect.any(String) }, tls_server_config: {} });
});
