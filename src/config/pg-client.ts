import type { ConnectionOptions } from 'node:tls';
import { assertNever } from '../model/result.ts';
import type { Connection, ConnectionTls } from './connection.ts';

/** What node-postgres is given; a part of its `ClientConfig`. */
export interface PgClientConfig {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Absent: node-postgres asks `~/.pgpass` or the file of `PGPASSFILE`. */
  readonly password?: string;
  readonly database: string;
  readonly ssl: false | ConnectionOptions;
  /** Set, lest `PGSSLNEGOTIATION` change what `ssl` says. */
  readonly sslnegotiation: 'postgres';
  readonly application_name: 'indexwarden';
}

/** The first way to try, see `pgClientAttempts`; the only one unless `sslmode` is `allow` or `prefer`. */
export function toPgClientConfig(connection: Connection, database: string): PgClientConfig {
  return pgClientAttempts(connection, database)[0];
}

/**
 * The ways to connect, in the order libpq tries them: `prefer` with TLS and then without, `allow` without and
 * then with; every other mode has one. The second is tried when `mayTryNextAttempt` says so of the first's error.
 */
export function pgClientAttempts(
  connection: Connection,
  database: string,
): readonly [PgClientConfig, ...PgClientConfig[]] {
  const plain = withTls(connection, database, false);
  // libpq ignores sslmode on Unix sockets, where the server offers no TLS.
  if (connection.host.startsWith('/')) return [plain];
  const encrypted = withTls(connection, database, tlsOptions(connection.tls));
  switch (connection.tls.mode) {
    case 'disable':
      return [plain];
    case 'allow':
      return [plain, encrypted];
    case 'prefer':
      return [encrypted, plain];
    case 'require':
    case 'verify-ca':
    case 'verify-full':
      return [encrypted];
    default:
      return assertNever(connection.tls.mode);
  }
}

/**
 * Whether a failed attempt is worth the next one: the server has no TLS, the handshake failed, or `pg_hba.conf`
 * refuses this kind of connection (28000). A wrong password or an unreachable host fails the same either way.
 */
export function mayTryNextAttempt(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  if (code === '28000') return true;
  if (/^(?:ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|EPROTO$)/.test(code))
    return true;
  return /does not support SSL connections|error establishing an SSL connection/.test(error.message);
}

/**
 * TLS options that check as much as libpq would: the chain as soon as a root certificate is there (whatever the
 * mode), the host name with `verify-full` alone. node-postgres itself takes `require` for `verify-full`.
 */
function tlsOptions(tls: ConnectionTls): ConnectionOptions {
  const client =
    tls.clientCertificate === undefined || tls.clientKey === undefined
      ? {}
      : {
          cert: tls.clientCertificate,
          key: tls.clientKey.reveal(),
          ...(tls.clientKeyPassphrase === undefined ? {} : { passphrase: tls.clientKeyPassphrase.reveal() }),
        };
  if (tls.root === undefined) return { ...client, rejectUnauthorized: false };
  return {
    ...client,
    rejectUnauthorized: true,
    ...(tls.root === 'system' ? {} : { ca: tls.root }),
    ...(tls.mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  };
}

function withTls(connection: Connection, database: string, ssl: false | ConnectionOptions): PgClientConfig {
  return {
    host: connection.host,
    port: connection.port,
    user: connection.user,
    ...(connection.password === undefined ? {} : { password: connection.password.reveal() }),
    database,
    ssl,
    sslnegotiation: 'postgres',
    application_name: 'indexwarden',
  };
}
