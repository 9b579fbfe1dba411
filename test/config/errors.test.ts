import { describe, expect, it } from 'vitest';
import { formatConfigError } from '../../src/config/problems.ts';
import { oneServer, refused, type World } from './support.ts';

const allWrong = `servers:
  - name: main
    primary:
      url: postgresql://iw:hunter2hunter2@db:port/app
      sslmode: verify-fully
    databases: []
    polcy: {unusedAfter: 7d}
  - name: main
    primary:
      url_file: secrets/url
      host: db2
    standbys:
      - name: primary
        host: replica
        password_file: /run/secrets/denied
      - host: replica-2
        password: hunter2hunter2
    schemas: {include: ['app[', '!old']}
    policy:
      unusedAfter: 30
collectors:
  index-usage: {schedule: '61 * * * *', timezone: Mars/Olympus}
  indexs: {enabled: false}
detectors:
  unused-index: {scansMx: 3}
limits: {lockTimeout: 2s, statementTimeout: 10sec}
policy: {minSize: 10 megs, unused_after: 7d}
http: {listen: '10187', docsBaseUrl: 'ftp://docs'}
log: {level: verbose}
metrics: {blockIo: 'yes'}
`;

describe('configuration errors', () => {
  it('names all problems at once, in the order of the file', async () => {
    const error = refused({
      yaml: allWrong,
      files: { '/run/secrets/denied': 'DENIED' },
      env: { INDEXWARDEN_LIMITS_CONNECT_TIMEOUT: 'soon' },
      flags: { 'metrics.maxIndexSeries': 'many', 'http.listn': ':1' },
    });
    const text = formatConfigError(error);
    expect(text).not.toContain('hunter2');
    await expect(`${text}\n`).toMatchFileSnapshot('../golden/config-errors.txt');
  });

  const one: readonly (readonly [string, string, Partial<World>, string, RegExp, RegExp])[] = [
    ['an unknown key', `${oneServer}polcy: {}\n`, {}, 'polcy', /not a known key/, /policy/],
    [
      'a key in another spelling',
      `${oneServer}policy: {unused_after: 7d}\n`,
      {},
      'policy.unused_after',
      /not a known key/,
      /unusedAfter/,
    ],
    [
      'an inline password',
      oneServer.replace('user: iw', 'password: x'),
      {},
      'servers[0].primary.password',
      /not a known key/,
      /password_file/,
    ],
    [
      'a bad cron expression',
      `${oneServer}collectors: {indexes: {schedule: '* * *'}}\n`,
      {},
      'collectors.indexes.schedule',
      /cron.*got 3/,
      /five fields/,
    ],
    [
      'a bare number for a duration',
      `${oneServer}policy: {unusedAfter: 30}\n`,
      {},
      'policy.unusedAfter',
      /not a duration/,
      /1h30m/,
    ],
    ['a bad size', `${oneServer}policy: {minSize: 10M}\n`, {}, 'policy.minSize', /not a size/, /10MiB/],
    [
      'a lock timeout beyond the bound',
      `${oneServer}limits: {lockTimeout: 501ms}\n`,
      {},
      'limits.lockTimeout',
      /maximum of 500ms/,
      /./,
    ],
    [
      'a second look too early',
      `${oneServer}limits: {secondLookDelay: 999ms}\n`,
      {},
      'limits.secondLookDelay',
      /minimum of 1s/,
      /./,
    ],
    [
      'a missing secret file',
      oneServer.replace('user: iw', 'password_file: pw'),
      {},
      'servers[0].primary.password_file',
      /does not exist/,
      /path/,
    ],
    [
      'an empty secret file',
      oneServer.replace('user: iw', 'password_file: /pw'),
      { files: { '/pw': '\n' } },
      'servers[0].primary.password_file',
      /empty/,
      /password/,
    ],
    [
      'a secret file that may not be read',
      oneServer.replace('user: iw', 'password_file: /pw'),
      { files: { '/pw': 'DENIED' } },
      'servers[0].primary.password_file',
      /may not be read/,
      /./,
    ],
    [
      'a bad pattern',
      oneServer.replace('[app]', "{discover: true, include: ['a[']}"),
      {},
      'servers[0].databases.include[0]',
      /not a pattern/,
      /exclude/,
    ],
    [
      'an unknown key beside discover',
      oneServer.replace('[app]', '{discover: true, exclud: []}'),
      {},
      'servers[0].databases.exclud',
      /not a known key/,
      /exclude/,
    ],
    [
      'a database named twice',
      oneServer.replace('[app]', '[app, app]'),
      {},
      'servers[0].databases[1]',
      /already/,
      /unique/,
    ],
    [
      'a bad listen address',
      `${oneServer}http: {listen: '127.0.0.1:99999'}\n`,
      {},
      'http.listen',
      /port above/,
      /host:port/,
    ],
    [
      'a name that no label can bear',
      oneServer.replace('main', 'a/b'),
      {},
      'servers[0].name',
      /not usable/,
      /letters/,
    ],
    [
      'a missing name',
      oneServer.replace('name: main', 'topology: complete'),
      {},
      'servers[0].name',
      /missing/,
      /letters/,
    ],
    [
      'a string for a connection',
      oneServer.replace('{host: db, user: iw}', 'db'),
      {},
      'servers[0].primary',
      /not a group/,
      /^$/,
    ],
    [
      'several hosts',
      oneServer.replace('host: db', "url: 'postgres://a,b/x'").replace(', user: iw', ''),
      {},
      'servers[0].primary.url',
      /several hosts/,
      /standbys/,
    ],
    [
      'parts beside a url',
      oneServer.replace('host: db', 'url: postgres://db/x'),
      {},
      'servers[0].primary.user',
      /beside url/,
      /keep url/,
    ],
    [
      'an unencoded @ and / in a password',
      oneServer.replace('host: db, user: iw', "url: 'postgres://iw:12/p@db/x'"),
      {},
      'servers[0].primary.url',
      /@ after/,
      /%2F/,
    ],
    [
      'a collector slower than the limit',
      `${oneServer}collectors: {indexes: {statementTimeout: 31s}}\n`,
      {},
      'collectors.indexes.statementTimeout',
      /above limits/,
      /raise/,
    ],
    [
      'verification without a root',
      oneServer.replace('user: iw', 'sslmode: verify-full'),
      {},
      'servers[0].primary.sslrootcert',
      /missing/,
      /system/,
    ],
    ['no server at all', 'log: {level: info}\n', {}, 'servers', /no server/, /DATABASE_URL/],
    ['a list for a file', '- a\n', {}, '', /not a group/, /servers:/],
  ];
  it.each(one)('%s', (_, yaml, world, path, message, hint) => {
    const { problems } = refused({ yaml, ...world });
    expect(problems.map((problem) => problem.path)).toEqual([path]);
    expect(problems[0]?.message).toMatch(message);
    expect(problems[0]?.hint ?? '').toMatch(hint);
  });

  it('gives line and column of a syntax error, and each duplicate key', () => {
    const { problems } = refused({ yaml: 'log:\n  level: info\n  level: warn\nhttp: [\n' });
    expect(problems.map(({ line }) => line)).toContain(3);
    expect(problems.map(({ message }) => message).join('\n')).toMatch(/column \d+: Map keys must be unique/);
  });

  it('says what an unquoted star means', () => {
    const { problems } = refused({
      yaml: `${oneServer}collectors:\n  indexes:\n    schedule: */5 * * * *\n`,
    });
    expect(problems[0]?.line).toBe(7);
    expect(problems.some(({ hint }) => hint?.includes('needs quotes'))).toBe(true);
  });

  it('does not print what the YAML parser stumbled over', () => {
    const yaml = 'servers:\n  - name: a\n    primary: {password_file: *hunter2, url: !hunter2 x}\n';
    expect(formatConfigError(refused({ yaml }))).not.toContain('hunter2');
  });

  it('names a file that is not there', () => {
    const text = formatConfigError(refused({ env: { INDEXWARDEN_CONFIG_FILE: '/nowhere.yaml' } }));
    expect(text).toContain('the file does not exist');
    expect(text).toContain('/nowhere.yaml');
    expect(text).not.toContain('no server is configured');
  });

  it('names the flag or variable that a bad value came from', () => {
    const flag = refused({ yaml: oneServer, flags: { 'http.listen': 'nonsense' } }).problems;
    expect(flag).toMatchObject([{ path: 'http.listen', source: '--http.listen' }]);
    const variable = refused({ yaml: oneServer, env: { INDEXWARDEN_HTTP_LISTEN: 'nonsense' } }).problems;
    expect(variable).toMatchObject([{ path: 'http.listen', source: 'INDEXWARDEN_HTTP_LISTEN' }]);
    const command = refused({
      yaml: oneServer,
      command: { unusedAfter: '0', schemas: ['a['], minRows: '-1' },
    }).problems;
    expect(command.map(({ source }) => source)).toEqual(['--unused-after', '--min-rows', '--schema']);
  });
});
