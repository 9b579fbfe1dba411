import { describe, expect, it } from 'vitest';
import { detectorSettingsOf } from '../../src/config/config.ts';
import { effectiveConfigYaml } from '../../src/config/effective.ts';
import { settingFlags } from '../../src/config/setting-flags.ts';
import { declarations, load, loaded, oneServer } from './support.ts';

describe('precedence', () => {
  const yaml = `${oneServer}http: {listen: ':1'}\nmetrics: {maxIndexSeries: 1}\n`;
  const env = { INDEXWARDEN_HTTP_LISTEN: ':2', INDEXWARDEN_METRICS_MAX_INDEX_SERIES: '2' };

  it('is flag over environment over file over preset', () => {
    expect(loaded({ yaml: oneServer }).config.http.listen).toBe('0.0.0.0:10187');
    expect(loaded({ yaml }).config.http.listen).toBe(':1');
    expect(loaded({ yaml, env }).config.http.listen).toBe(':2');
    expect(loaded({ yaml, env }).config.metrics.maxIndexSeries).toBe(2);
    expect(loaded({ yaml, env, flags: { 'http.listen': ':3' } }).config.http.listen).toBe(':3');
  });

  it('says where settings came from', () => {
    const { sources } = loaded({ yaml, env, flags: { 'http.listen': ':3', 'http.lifecycle': true } });
    expect(sources.file).toBe('/etc/iw/config.yaml');
    expect(sources.overrides).toContainEqual({ path: 'http.listen', source: '--http.listen' });
    expect(sources.overrides).toContainEqual({
      path: 'metrics.maxIndexSeries',
      source: 'INDEXWARDEN_METRICS_MAX_INDEX_SERIES',
    });
  });

  it('reaches collectors and detectors by their names', () => {
    const { config } = loaded({
      yaml: oneServer,
      env: {
        INDEXWARDEN_COLLECTORS_INDEX_USAGE_SCHEDULE: '*/10 * * * * *',
        INDEXWARDEN_DETECTORS_UNUSED_INDEX_SCANS_MAX: '5',
      },
      flags: { 'detectors.unused-index.enabled': 'false' },
    });
    expect(config.collectors['index-usage']?.schedule).toBe('*/10 * * * * *');
    expect(config.detectors['unused-index']).toEqual({ enabled: false, scansMax: 5 });
  });

  it('lets the command line have the last word on policy, whatever the file overrides', () => {
    const { config } = loaded({
      yaml: oneServer,
      command: { unusedAfter: '0d', minRows: '0', minSize: '1MiB' },
    });
    expect(config.policyFlags).toEqual({ unusedAfter: { ms: 0 }, minRows: 0, minSize: { bytes: 1_048_576 } });
  });

  it('warns of unknown variables, but not of those that Kubernetes sets for a service', () => {
    const env = {
      INDEXWARDEN_HTTP_LISTN: 'x',
      INDEXWARDEN_PORT_10187_TCP: 'tcp://x',
      INDEXWARDEN_SERVICE_HOST: 'x',
    };
    expect(loaded({ yaml: oneServer, env }).warnings).toEqual([
      "the environment variable INDEXWARDEN_HTTP_LISTN is no setting and was ignored; did you mean 'INDEXWARDEN_HTTP_LISTEN'?",
    ]);
  });
});

describe('settings as flags', () => {
  it('are named by their paths and know their kind', () => {
    const flags = settingFlags(declarations);
    expect(flags.find(({ name }) => name === 'http.lifecycle')).toMatchObject({
      type: 'boolean',
      default: false,
    });
    expect(flags.find(({ name }) => name === 'policy.unusedAfter')).toMatchObject({
      type: 'string',
      environmentName: 'INDEXWARDEN_POLICY_UNUSED_AFTER',
    });
    expect(flags.filter(({ name }) => name.startsWith('servers'))).toEqual([]);
  });

  it('reach a detector apart from its switch', () => {
    const { config } = loaded({ yaml: oneServer, flags: { 'detectors.unused-index.scansMax': '3' } });
    expect(detectorSettingsOf(config, 'unused-index')).toEqual({ enabled: true, settings: { scansMax: 3 } });
  });
});

describe('the file', () => {
  it('may use anchors and merges, and leave groups empty', () => {
    const { config } = loaded({
      yaml: `servers:
  - &first {name: a, primary: {host: x}, policy: &p {unusedAfter: 7d}}
  - <<: *first
    name: b
policy:
`,
    });
    expect(config.servers.map(({ name, policy }) => [name, policy.unusedAfter])).toEqual([
      ['a', { ms: 604_800_000 }],
      ['b', { ms: 604_800_000 }],
    ]);
  });

  it('names its secret files relative to itself', () => {
    const yaml = oneServer.replace('user: iw', 'user: iw, password_file: secrets/pw');
    const { config } = loaded({ yaml, files: { '/etc/iw/secrets/pw': ' pass word \n' } });
    expect(config.servers[0]?.primary.connection.password?.reveal()).toBe(' pass word ');
  });

  it('chooses databases by what it says, or by what the connection names, or all', () => {
    const databases = (yaml: string) => loaded({ yaml }).config.servers[0]?.databases;
    expect(databases(oneServer)).toEqual({ kind: 'named', names: ['app'] });
    expect(databases('servers: [{name: a, primary: {url: postgres://h/shop}}]')).toEqual({
      kind: 'named',
      names: ['shop'],
    });
    expect(databases('servers: [{name: a, primary: {host: h}}]')).toEqual({
      kind: 'discovered',
      connectTo: 'postgres',
      filter: { include: ['*'], exclude: [] },
    });
  });

  it('never gives a collector more time than any statement has', () => {
    const { config } = loaded({ yaml: `${oneServer}limits: {statementTimeout: 10s}` });
    expect(config.collectors.indexes?.statementTimeout).toEqual({ ms: 10_000 });
    expect(config.collectors['index-usage']?.statementTimeout).toEqual({ ms: 5_000 });
  });

  it('is what config check prints, fit to be read again', () => {
    const yaml = `${oneServer}  - name: two
    primary: {url: 'postgresql://iw:geheim-1@db2/x?sslmode=require', password_file: }
    standbys: [{name: r, host: replica, user: iw, sslmode: disable}]
    policyOverrides: [{schema: 'a*', policy: {unusedAfter: 1h30m, business_cycles: [{name: q, length: 95d}]}}]
`;
    const first = loaded({ yaml }).config;
    const printed = effectiveConfigYaml(first);
    expect(printed).toContain('postgresql://iw:REDACTED@db2/x?sslmode=require');
    expect(printed).not.toContain('geheim-1');
    expect(effectiveConfigYaml(loaded({ yaml: printed }).config)).toBe(printed);
  });
});

describe('a server without a file', () => {
  it('comes from DATABASE_URL, completed by PG*', () => {
    const { config, sources, warnings } = loaded({
      env: { DATABASE_URL: 'postgres://u:p%40ss@h:6432/shop', PGSSLMODE: 'disable' },
    });
    expect(config.servers).toMatchObject([
      {
        name: 'default',
        databases: { kind: 'named', names: ['shop'] },
        primary: { connection: { host: 'h', port: 6432, user: 'u', tls: { mode: 'disable' } } },
      },
    ]);
    expect(config.servers[0]?.primary.connection.password?.reveal()).toBe('p@ss');
    expect(sources.server).toBe('DATABASE_URL');
    expect(warnings.join()).toMatch(/DATABASE_URL: holds a password/);
  });

  it('comes from PG* alone, with the user for the database', () => {
    const env = {
      PGHOST: '/var/run/postgresql',
      PGPORT: '5433',
      PGUSER: 'u',
      PGPASSWORD: 'secret',
      PGSSLMODE: 'verify-full',
    };
    const { config } = loaded({ env });
    expect(config.servers[0]?.primary.connection).toMatchObject({
      host: '/var/run/postgresql',
      port: 5433,
      user: 'u',
    });
    expect(config.servers[0]?.databases).toEqual({ kind: 'named', names: ['u'] });
    expect(config.servers[0]?.primary.connection.password?.reveal()).toBe('secret');
  });

  it('reads the certificates of PGSSL*', () => {
    const env = { PGHOST: 'h', PGSSLMODE: 'verify-ca', PGSSLROOTCERT: '/r', PGSSLCERT: '/c', PGSSLKEY: '/k' };
    const { config } = loaded({ env, files: { '/r': 'ROOT', '/c': 'CERT', '/k': 'KEY' } });
    const { tls } = config.servers[0]!.primary.connection;
    expect(tls).toMatchObject({ mode: 'verify-ca', root: 'ROOT', clientCertificate: 'CERT' });
    expect(tls.clientKey?.reveal()).toBe('KEY');
  });

  it('gives way to configured servers, and --url to neither', () => {
    const env = { DATABASE_URL: 'postgres://h/shop', PGHOST: 'other' };
    expect(loaded({ yaml: oneServer, env }).config.servers.map(({ name }) => name)).toEqual(['main']);
    const { config, sources } = loaded({
      yaml: oneServer,
      env,
      command: { url: 'postgres://flag/x', schemas: ['a*'] },
    });
    expect(config.servers[0]?.primary.connection.host).toBe('flag');
    expect(config.servers[0]?.schemas).toEqual({ include: ['a*'], exclude: [] });
    expect(sources.server).toBe('--url');
  });

  it('names the variable that is wrong', () => {
    const result = load({
      env: { PGHOST: 'h', PGPORT: 'x', PGSSLMODE: 'no-verify', PGSSLROOTCERT: '/gone' },
    });
    expect(result.ok ? [] : result.error.problems.map(({ path }) => path)).toEqual(['PGPORT', 'PGSSLMODE']);
    const url = load({ env: { DATABASE_URL: 'mysql://h' } });
    expect(url.ok ? [] : url.error.problems).toMatchObject([{ path: 'DATABASE_URL' }]);
    const flag = load({ command: { urlFile: '/gone' } });
    expect(flag.ok ? [] : flag.error.problems).toMatchObject([{ path: '--url-file', value: '/gone' }]);
  });
});
