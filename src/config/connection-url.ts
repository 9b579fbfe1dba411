import { err, ok, type Result } from '../model/result.ts';

/** A connection string taken apart as libpq does; what it does not say is left out. */
export interface ConnectionUrl {
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
  /** The other parameters, by name. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Why a connection string cannot be used; holds no part of it. */
export interface ConnectionUrlProblem {
  readonly message: string;
  readonly hint: string;
}

const shapeHint = 'postgresql://user@host:5432/database?sslmode=verify-full';
const encodeHint =
  'percent-encode special characters of the password (@ is %40, / is %2F, % is %25), or use password_file';

/**
 * Parses `postgresql://user:password@host:port/database?name=value`. Not by WHATWG URL: that one takes `?` and
 * `#` in a password for the end of the host, and knows no sockets. Rules: libpq, "Connection URIs".
 */
export function parseConnectionUrl(url: string): Result<ConnectionUrl, ConnectionUrlProblem> {
  const parts =
    /^postgres(?:ql)?:\/\/(?:([^@/]*)@)?(\[[^\]]*\]|[^:/?,]*)(?::([^/?,]*))?(,[^/?]*)?(?:\/([^?]*))?(?:\?(.*))?$/s.exec(
      url,
    );
  if (parts === null) {
    return err({ message: 'is not a connection string', hint: shapeHint });
  }
  const [, userInfo, host, port, otherHosts, database, query] = parts;
  if (otherHosts !== undefined) {
    return err({
      message: 'names several hosts',
      hint: 'name the primary here and each standby under standbys',
    });
  }
  if (port !== undefined && port !== '' && !isPort(port)) {
    return err({ message: 'has a port that is not a number from 1 to 65535', hint: encodeHint });
  }
  // Without user information before the address the @ most likely ends a password that holds a slash.
  if (database?.includes('@') || (userInfo === undefined && query?.includes('@'))) {
    return err({ message: 'has an @ after the first /', hint: encodeHint });
  }

  const [user, password] = splitOnce(userInfo ?? '', ':');
  const parameters = parseQuery(query ?? '');
  const decoded = decodeAll({ host: host?.replace(/^\[(.*)\]$/, '$1'), user, password, database });
  if (parameters === undefined || decoded === undefined) {
    return err({ message: 'has a malformed percent-encoding', hint: encodeHint });
  }
  return mergeParameters({ ...decoded, ...(port ? { port: Number(port) } : {}) }, parameters);
}

/** libpq lets the parameters `host`, `port`, `user`, `password` and `dbname` stand for the parts of the address. */
function mergeParameters(
  parts: Omit<ConnectionUrl, 'parameters'>,
  parameters: Map<string, string>,
): Result<ConnectionUrl, ConnectionUrlProblem> {
  const take = (name: string): string | undefined => {
    const value = parameters.get(name);
    parameters.delete(name);
    return value === '' ? undefined : value;
  };
  const host = take('host');
  const port = take('port');
  const user = take('user');
  const password = take('password');
  const database = take('dbname');
  if (port !== undefined && !isPort(port)) {
    return err({ message: 'has a port that is not a number from 1 to 65535', hint: shapeHint });
  }
  if (host?.includes(',')) {
    return err({
      message: 'names several hosts',
      hint: 'name the primary here and each standby under standbys',
    });
  }
  return ok({
    ...parts,
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(database === undefined ? {} : { database }),
    parameters,
  });
}

function parseQuery(query: string): Map<string, string> | undefined {
  const parameters = new Map<string, string>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const [name, value] = splitOnce(pair, '=').map((part) => (part === undefined ? part : decodePart(part)));
    if (name === undefined || name === '' || value === undefined) return undefined;
    parameters.set(name, value);
  }
  return parameters;
}

/** Percent-decodes what is there and drops what is empty; `undefined` if one of them is malformed. */
function decodeAll<K extends string>(
  parts: Record<K, string | undefined>,
): Partial<Record<K, string>> | undefined {
  const decoded: Partial<Record<K, string>> = {};
  for (const [name, part] of Object.entries<string | undefined>(parts)) {
    if (part === undefined || part === '') continue;
    const value = decodePart(part);
    if (value === undefined) return undefined;
    // Object.entries widens the keys that this record was declared with.
    decoded[name as K] = value;
  }
  return decoded;
}

function decodePart(part: string): string | undefined {
  try {
    const decoded = decodeURIComponent(part);
    return decoded.includes('\0') ? undefined : decoded;
  } catch {
    return undefined;
  }
}

function splitOnce(text: string, separator: string): readonly [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

const isPort = (text: string): boolean =>
  /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
