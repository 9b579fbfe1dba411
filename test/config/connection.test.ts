import { describe, expect, it } from 'vitest';
import { parseConnectionUrl } from '../../src/config/connection-url.ts';
import { mayTryNextAttempt, pgClientAttempts, toPgClientConfig } from '../../src/config/pg-client.ts';
import { loaded, refused } from './support.ts';

const withRoot = { '/home/tester/.postgresql/root.crt': 'ROOT' };
const connection = (keys: string, files = {}) =>
  loaded({ yaml: `servers: [{name: a, primary: {host: db, ${keys}}}]`, files }).config.servers[0]!.primary
    .connection;

/** What an attempt does about TLS: none; encrypted; certificate's chain checked; host name checked too. */
function tlsOf({ ssl }: ReturnType<typeof toPgClientConfig>): string {
  if (ssl === false) return 'plain';
  if (ssl.rejectUnauthorized === false) return 'encrypted';
  return ssl.checkServerIdentity === undefined ? 'chain and host' : 'chain';
}

describe('sslmode', () => {
  it.each([
    ['disable', {}, ['plain']],
    ['disable', withRoot, ['plain']],
    ['allow', {}, ['plain', 'encrypted']],
    ['allow', withRoot, ['plain', 'chain']],
    ['prefer', {}, ['encrypted', 'plain']],
    ['prefer', withRoot, ['chain', 'plain']],
    ['require', {}, ['encrypted']],
    ['require', withRoot, ['chain']],
    ['verify-ca', withRoot, ['chain']],
    ['verify-full', withRoot, ['chain and host']],
  ])('%s with %j', (mode, files, expected) => {
    expect(pgClientAttempts(connection(`sslmode: ${mode}`, files), 'x').map(tlsOf)).toEqual(expected);
  });

  it('is prefer by default, and nothing on a Unix socket', () => {
    expect(pgClientAttempts(connection('port: 1'), 'x').map(tlsOf)).toEqual(['encrypted', 'plain']);
    const socket = loaded({ yaml: 'servers: [{name: a, primary: {host: /run/pg, sslmode: verify-full}}]' });
    expect(pgClientAttempts(socket.config.servers[0]!.primary.connection, 'x').map(tlsOf)).toEqual(['plain']);
  });

  it('takes sslrootcert: system for verify-full with the roots of Node.js', () => {
    const config = toPgClientConfig(connection('sslrootcert: system'), 'x');
    expect(tlsOf(config)).toBe('chain and host');
    expect(config.ssl).not.toHaveProperty('ca');
    const { problems } = refused({
      yaml: 'servers: [{name: a, primary: {host: db, sslrootcert: system, sslmode: require}}]',
    });
    expect(problems[0]?.message).toMatch(/system cannot go with sslmode require/);
  });

  it('hands on client certificates, also those at libpq’s places', () => {
    const folder = '/home/tester/.postgresql';
    const files = { [`${folder}/postgresql.crt`]: 'CERT', [`${folder}/postgresql.key`]: 'KEY' };
    expect(toPgClientConfig(connection('sslmode: require', files), 'x').ssl).toMatchObject({
      cert: 'CERT',
      key: 'KEY',
    });
  });

  it('tries the next way for what TLS may be the cause of', () => {
    const failed = (message: string, code?: string) => Object.assign(new Error(message), { code });
    expect(mayTryNextAttempt(failed('The server does not support SSL connections'))).toBe(true);
    expect(mayTryNextAttempt(failed('no pg_hba.conf entry', '28000'))).toBe(true);
    expect(mayTryNextAttempt(failed('self-signed certificate', 'SELF_SIGNED_CERT_IN_CHAIN'))).toBe(true);
    expect(mayTryNextAttempt(failed('password authentication failed', '28P01'))).toBe(false);
    expect(mayTryNextAttempt(failed('connect ECONNREFUSED', 'ECONNREFUSED'))).toBe(false);
  });
});

describe('what node-postgres is given', () => {
  it('leaves the password out where there is none, so that ~/.pgpass is asked', () => {
    expect(toPgClientConfig(connection('user: iw, port: 6432, sslmode: disable'), 'shop')).toEqual({
      host: 'db',
      port: 6432,
      user: 'iw',
      database: 'shop',
      ssl: false,
      sslnegotiation: 'postgres',
      application_name: 'indexwarden',
    });
  });
});

describe('connection strings', () => {
  it.each([
    ['postgres://h', { host: 'h' }],
    ['postgresql://u@h:5433/d', { user: 'u', host: 'h', port: 5433, database: 'd' }],
    [
      'postgresql://u:p%40%2F%3A@[::1]:5433/d%20b',
      { user: 'u', password: 'p@/:', host: '::1', port: 5433, database: 'd b' },
    ],
    ['postgresql://u:a?b#c@h/d', { user: 'u', password: 'a?b#c', host: 'h', database: 'd' }],
    ['postgresql:///d?host=/run/pg&port=1', { host: '/run/pg', port: 1, database: 'd' }],
    ['postgresql://%2Frun%2Fpg/d', { host: '/run/pg', database: 'd' }],
    ['postgresql://?user=u&password=p&dbname=d', { user: 'u', password: 'p', database: 'd' }],
  ])('%s', (url, expected) => {
    expect(parseConnectionUrl(url)).toEqual({ ok: true, value: { ...expected, parameters: new Map() } });
  });

  it.each([
    '',
    'h:5432',
    'mysql://h',
    'postgres://h:0',
    'postgres://h:x',
    'postgres://u:%zz@h',
    'postgres://h?x',
    'postgres://a,b',
  ])('refuses %j', (url) => {
    expect(parseConnectionUrl(url).ok).toBe(false);
  });

  it('warns of what it ignores', () => {
    const { warnings } = loaded({
      yaml: 'servers: [{name: a, primary: {url: "postgres://h/d?connect_timeout=1&channel_binding=require&piece=of-a-password"}}]',
    });
    expect(warnings).toEqual([
      'servers[0].primary.url: ignored in the connection string: connect_timeout, channel_binding',
      'servers[0].primary.url: the connection string has parameters that libpq does not know; they were ignored',
    ]);
  });
});
