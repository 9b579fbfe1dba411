import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { secretsOf } from '../../src/config/config.ts';
import { resolveConnection } from '../../src/config/connection.ts';
import { effectiveConfigYaml } from '../../src/config/effective.ts';
import { loadConfig } from '../../src/config/load.ts';
import { formatConfigError } from '../../src/config/problems.ts';
import { redactText, redactUrl, Secret } from '../../src/config/redact.ts';
import { createLog } from '../../src/watch/log.ts';
import { declarations, load, loaded, type World } from './support.ts';

/** Passwords as people choose them, recognisable wherever they turn up. */
const password = fc
  .tuple(
    fc.string({ unit: fc.constantFrom(...'@/:?#&=%[]{}!$*\'"\\ +;,<>|~^`äß漢😀') }),
    fc.string({ unit: fc.constantFrom(...'@/:?#&=% \'"') }),
  )
  .map(([before, after]) => `${before}zQx7Secret${after}`);
const trace = 'zQx7Secret';

/** Everything that loading shows to anyone. */
function everythingShown(world: World): string {
  const result = load(world);
  if (!result.ok)
    return formatConfigError(result.error) + JSON.stringify(result.error) + inspect(result.error);
  const { config, warnings, sources } = result.value;
  return [effectiveConfigYaml(config), ...warnings, JSON.stringify(sources)].join('\n');
}

describe('secrets', () => {
  it('are not shown, however they are written into a connection string', () => {
    fc.assert(
      fc.property(password, fc.boolean(), fc.integer({ min: 0, max: 5 }), (secret, encode, form) => {
        const text = encode ? encodeURIComponent(secret) : secret;
        const forms = [
          `postgresql://iw:${text}@db/app`,
          `postgresql://db/app?user=iw&password=${text}`,
          `postgresql://db/app?sslmode=require&sslpassword=${text}&user=x`,
          `postgresql://db/app?pass%77ord=${text}`,
          `mysql://iw:${text}@db/app`,
          `host=db password=${text}`,
        ];
        const url = forms[form] ?? '';
        expect(redactUrl(url)).not.toContain(trace);
        const yaml = `servers: [{name: a, primary: {url: ${JSON.stringify(url)}}}]`;
        for (const world of [{ yaml }, { env: { DATABASE_URL: url } }, { command: { url } }]) {
          expect(everythingShown(world)).not.toContain(trace);
        }
      }),
      {
        numRuns: 150,
        examples: [
          ['/zQx7Secret?=', false, 0],
          ['/zQx7Secret?sslmode=', false, 0],
        ],
      },
    );
  });

  it('are not shown when they come from files or the environment, right or wrong', () => {
    fc.assert(
      fc.property(password, (secret) => {
        const yaml = `servers: [{name: a, primary: {host: h, password_file: /pw}}, {name: b, primary: {url_file: /url}}]`;
        const files = { '/pw': secret, '/url': `postgresql://u:${secret}@h/d` };
        expect(everythingShown({ yaml, files })).not.toContain(trace);
        expect(everythingShown({ env: { PGHOST: 'h', PGPASSWORD: secret } })).not.toContain(trace);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    '{name: a, primary: {host: h, password: zQx7Secret}}',
    '{name: a, primary: {host: h, passwd: zQx7Secret}}',
    '{name: a, primary: {host: h, pw: zQx7Secret}}',
    '{name: a, primary: "postgres://u:zQx7Secret@h"}',
    '{name: a, dsn: "postgres://u:zQx7Secret@h", primary: {host: h}}',
    '{name: a, primary: [{url: "postgres://u:zQx7Secret@h"}]}',
  ])('are not shown when they stand in the wrong place: %s', (server) => {
    expect(everythingShown({ yaml: `servers: [${server}]` })).not.toContain(trace);
    expect(everythingShown({ yaml: `servers: ${server}` })).not.toContain(trace);
  });

  it('do not leave the objects that hold them by accident', () => {
    const secret = new Secret(trace);
    expect(
      [`${secret}`, JSON.stringify({ secret }), inspect({ secret }), String(secret)].join(),
    ).not.toContain(trace);
    expect(secret.reveal()).toBe(trace);
  });

  it('in a password file are taken up when the file changes, and kept while it cannot be used', () => {
    const files: Record<string, string> = { '/pw': 'old\n' };
    const readFile = (path: string): string => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
      return text;
    };
    const surroundings = { env: {}, readFile, osUser: 'tester' };
    const place = (key: string): string => key;
    const { connection } = resolveConnection(
      { host: 'h', password_file: '/pw' },
      { surroundings, place, useEnvironment: false },
    );
    const revealed = (): string | undefined => connection?.password?.reveal();
    expect(revealed()).toBe('old');
    files['/pw'] = 'new';
    expect(revealed()).toBe('new');
    for (const broken of ['', 'two\nlines\n']) {
      files['/pw'] = broken;
      expect(revealed()).toBe('new');
    }
    delete files['/pw'];
    expect(revealed()).toBe('new');
    expect(JSON.stringify(connection)).not.toContain('new');
  });

  it('that were rotated in their file are blanked out of the log, old and new, without a reload', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'indexwarden-log-'));
    try {
      const [file, destination] = [path.join(folder, 'password'), path.join(folder, 'log')];
      writeFileSync(file, 'first-s3cret');
      const result = loadConfig({
        ...declarations,
        document: {
          servers: [{ name: 'a', primary: { host: 'h', password_file: file } }],
          log: { destination },
        },
        env: {},
      });
      if (!result.ok) throw new Error(formatConfigError(result.error));
      const { config } = result.value;
      const log = createLog(config);
      writeFileSync(file, 'second-s3cret');
      // As the next connection asks for it.
      expect(config.servers[0]?.primary.connection.password?.reveal()).toBe('second-s3cret');
      log.warn({ event: 'x' }, 'first-s3cret was followed by second-s3cret');
      expect(readFileSync(destination, 'utf8')).toContain('"REDACTED was followed by REDACTED"');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('of former configurations stay blanked out after a reload', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'indexwarden-log-'));
    try {
      const destination = path.join(folder, 'log');
      const configOf = (password: string) =>
        loaded({
          yaml: `log: {destination: ${destination}}\nservers: [{name: a, primary: {url: 'postgres://u:${password}@h/d'}}]\n`,
        }).config;
      const log = createLog(configOf('before-s3cret'));
      log.follow(configOf('after-s3cret'));
      log.warn('before-s3cret, after-s3cret');
      expect(readFileSync(destination, 'utf8')).toContain('"REDACTED, REDACTED"');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('are taken out of free text in every spelling', () => {
    const result = load({ env: { DATABASE_URL: 'postgres://u:p%40ss%22w%C3%B6rd@h/d' } });
    const secrets = result.ok ? secretsOf(result.value.config) : [];
    expect(secrets).toEqual(['p@ss"wörd']);
    const text = `a p@ss"wörd b p%40ss%22w%C3%B6rd c ${JSON.stringify('p@ss"wörd')} d postgresql://x:other@h/d`;
    expect(redactText(text, secrets)).toBe(
      'a REDACTED b REDACTED c "REDACTED" d postgresql://x:REDACTED@h/d',
    );
    expect(redactText('an apple, a', ['a'])).toBe('an apple, REDACTED');
  });

  it('are suspected where the port should be, since the @ may have been forgotten', () => {
    expect(redactUrl('postgresql://iw:hunter2/app')).toBe('postgresql://iw:REDACTED');
    expect(redactUrl('postgresql://h:5432/app')).toBe('postgresql://h:5432/app');
    expect(redactUrl('postgresql://[::1]:5432/app')).toBe('postgresql://[::1]:5432/app');
  });

  it('leave the rest of a connection string readable', () => {
    expect(redactUrl('postgresql://u:p@h:5432/d?sslmode=require')).toBe(
      'postgresql://u:REDACTED@h:5432/d?sslmode=require',
    );
    expect(redactUrl('postgresql://u@h/d')).toBe('postgresql://u@h/d');
    expect(redactUrl('postgresql://h/d?user=u&password=p')).toBe('postgresql://h/d?user=u&password=REDACTED');
  });
});
