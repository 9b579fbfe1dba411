import type { CollectionError } from '../model/outcome.ts';
import { quoteIdentifier } from '../plan/sql.ts';

interface ServerError {
  readonly code?: string;
  readonly message: string;
  readonly errors?: readonly unknown[];
}

/** SQLSTATE classes and codes that mean "this database cannot be reached now", not "this query is wrong". */
const unavailable =
  /^(?:08|28|57P0|53|3D000|E[A-Z]+$|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|ERR_TLS|ERR_SSL|ERR_OSSL)/;

export const lockNotAvailable = '55P03';

/** The SQLSTATE or system error code of a caught error; undefined where it has none. */
export function codeOf(caught: unknown): string | undefined {
  const error = asServerError(caught);
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Who wanted what, for the statement that gives a missing right. */
export interface Wanted {
  readonly roleName?: string | undefined;
  /** The database that was to be connected to. */
  readonly database?: string;
}

/** What node-postgres says when it is asked for a password and has none, or an empty one. */
const passwordMissing = /client password must be a (?:non-empty )?string/;

/**
 * Names what went wrong while `doing` something (a collector's name, "connecting to …"). The text is for the operator; it
 * holds what the server said, which never includes a password.
 */
export function collectionError(caught: unknown, doing: string, wanted: Wanted = {}): CollectionError {
  const error = asServerError(caught);
  const code = error.code;
  const message = `${doing}: ${error.message}`;
  if (passwordMissing.test(error.message)) {
    const remedy = 'put it into ~/.pgpass or PGPASSWORD, or name its file in password_file';
    return {
      kind: 'TargetUnavailable',
      message: `${doing}: the server asks for a password, and none was given; ${remedy}`,
    };
  }
  if (code === undefined) {
    // node-postgres has no codes for a connection that ended or timed out under it.
    return /terminat|timeout|ended|closed|not queryable|stream|SSL connection/i.test(error.message)
      ? { kind: 'TargetUnavailable', message }
      : { kind: 'QueryFailed', message };
  }
  if (unavailable.test(code)) return { kind: 'TargetUnavailable', message, sqlstate: code };
  if (code === '42501') {
    return { kind: 'NotPermitted', message, sqlstate: code, grant: grantFor(error.message, wanted) };
  }
  if (code === '57014') return { kind: 'QueryTimeout', message, sqlstate: code };
  if (code === lockNotAvailable) {
    return { kind: 'QueryTimeout', message: `${doing}: a lock was not granted in time`, sqlstate: code };
  }
  return { kind: 'QueryFailed', message, sqlstate: code };
}

/** The statement that gives the right which the server said was missing; its words may be in any language, names are not. */
function grantFor(message: string, { roleName = '<role>', database }: Wanted): string {
  const role = quoteIdentifier(roleName);
  if (database !== undefined) return `GRANT CONNECT ON DATABASE ${quoteIdentifier(database)} TO ${role};`;
  if (/\b(?:indexwarden|column_statistics)\b/.test(message)) {
    return `GRANT USAGE ON SCHEMA indexwarden TO ${role}; GRANT SELECT ON indexwarden.column_statistics TO ${role};`;
  }
  return `GRANT pg_monitor TO ${role};`;
}

/** Errors come as Error, and from a host name with several addresses as an AggregateError without a message of its own. */
function asServerError(caught: unknown): ServerError {
  if (!(caught instanceof Error)) return { message: String(caught) };
  const error: ServerError = caught;
  if (error.message !== '') return error;
  const [first] = error.errors ?? [];
  return first === undefined ? { ...error, message: error.code ?? 'unknown error' } : asServerError(first);
}
