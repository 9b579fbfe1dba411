import { join } from 'node:path';
import { type ConnectionUrl, parseConnectionUrl } from './connection-url.ts';
import type { Problem } from './problems.ts';
import { RotatingSecret, redactUrl, Secret } from './redact.ts';
import { type SslMode, sslModes } from './schema-connection.ts';
import { readNamedFile, type Surroundings } from './surroundings.ts';

/** One postmaster and how to log in to it, ready to use. */
export interface Connection {
  /** Host name, address, or folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The database that the connection string or `database` names. */
  readonly database?: string;
  /** Absent: `~/.pgpass` is asked. */
  readonly password?: Secret;
  readonly tls: ConnectionTls;
}

export interface ConnectionTls {
  readonly mode: SslMode;
  /** Certificates that the server's must descend from, as PEM; `system`: those of Node.js; absent: not checked. */
  readonly root?: string;
  readonly clientCertificate?: string;
  readonly clientKey?: Secret;
  readonly clientKeyPassphrase?: Secret;
}

/** The keys of a connection as somebody wrote them; types were not checked yet, so each is read with care. */
export type WrittenConnection = Readonly<Record<string, unknown>>;

export interface ConnectionContext {
  readonly surroundings: Surroundings;
  /** Where a key stands, for problems: `servers[1].primary.url`, `DATABASE_URL`, `--url`. */
  readonly place: (key: string) => string;
  /** Folder that relative paths start at. */
  readonly folder?: string;
  /** Whether `PG*` variables fill what is missing, as for the server made from the environment. */
  readonly useEnvironment: boolean;
}

export interface ResolvedConnection {
  /** Absent if a problem stood in its way. */
  readonly connection?: Connection;
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
}

/**
 * Completes a connection as libpq would: its keys first, then its connection string, then (if wanted) the
 * environment, then libpq's defaults, with `localhost` for the host. Reads the secret files that it names.
 */
export function resolveConnection(
  written: WrittenConnection,
  context: ConnectionContext,
): ResolvedConnection {
  const notes = new Notes(context);
  const url = readUrl(written, notes);
  const fromUrl = url?.parameters ?? new Map<string, string>();
  const env = context.surroundings.env;
  const variable = (name: string): string | undefined =>
    context.useEnvironment && env[name] !== '' ? env[name] : undefined;

  const host = textAt(written, 'host') ?? url?.host ?? variable('PGHOST') ?? 'localhost';
  const port = portAt(written) ?? url?.port ?? portOf(variable('PGPORT'), notes) ?? 5432;
  const user = textAt(written, 'user') ?? url?.user ?? variable('PGUSER') ?? context.surroundings.osUser;
  const database = textAt(written, 'database') ?? url?.database ?? variable('PGDATABASE');
  const password = passwordOf(written, url, notes);
  const tls = resolveTls({ written, url: fromUrl, variable, notes, isSocket: host.startsWith('/') });
  noteIgnoredParameters(fromUrl, notes);
  if (host.includes(','))
    notes.problem('host', 'names several hosts', 'name the primary here and each standby under standbys');
  if (user === undefined) notes.problem('user', 'is missing, and this process runs as a user without a name');

  const { problems, warnings } = notes;
  if (problems.length > 0 || user === undefined || tls === undefined) return { problems, warnings };
  return {
    connection: {
      host,
      port,
      user,
      ...(database === undefined ? {} : { database }),
      ...(password === undefined ? {} : { password }),
      tls,
    },
    problems,
    warnings,
  };
}

/** Collects what is wrong or odd about one connection, with the path of each key. */
class Notes {
  readonly problems: Problem[] = [];
  readonly warnings: string[] = [];
  readonly #context: ConnectionContext;

  constructor(context: ConnectionContext) {
    this.#context = context;
  }

  problem(key: string, message: string, hint?: string, value?: string): void {
    const path = this.#place(key);
    this.problems.push({
      path,
      message,
      ...(value === undefined ? {} : { value }),
      ...(hint === undefined ? {} : { hint }),
    });
  }

  warning(key: string, message: string): void {
    this.warnings.push(`${this.#place(key)}: ${message}`);
  }

  /** A value of libpq's environment is found under the variable's own name. */
  #place(key: string): string {
    return /^PG[A-Z]+$/.test(key) ? key : this.#context.place(key);
  }

  /** Content of a file named by a key; a file that cannot be read is a problem. */
  read(key: string, path: string): string | undefined {
    const { surroundings, folder } = this.#context;
    const file = readNamedFile(surroundings, path, folder);
    if (file.ok) return file.value;
    this.problem(
      key,
      file.error.message,
      'is the path right, and may the user that runs indexwarden read it?',
      file.error.path,
    );
    return undefined;
  }

  /** The same later, when a file that cannot be read is being replaced. */
  readAgain(path: string): string | undefined {
    const { surroundings, folder } = this.#context;
    const file = readNamedFile(surroundings, path, folder);
    return file.ok ? file.value : undefined;
  }

  /** Content of a file in libpq's folder, where there is one. */
  readDefault(name: string): string | undefined {
    const { surroundings } = this.#context;
    if (surroundings.postgresFolder === undefined) return undefined;
    const file = readNamedFile(surroundings, join(surroundings.postgresFolder, name), undefined);
    return file.ok ? file.value : undefined;
  }

  get password(): string | undefined {
    return this.#context.surroundings.env.PGPASSWORD || undefined;
  }
}

function readUrl(written: WrittenConnection, notes: Notes): ConnectionUrl | undefined {
  const inline = textAt(written, 'url');
  const file = textAt(written, 'url_file');
  if (inline !== undefined && file !== undefined) {
    notes.problem('url_file', 'stands beside url', 'keep one of the two');
    return undefined;
  }
  const key = file === undefined ? 'url' : 'url_file';
  for (const part of ['host', 'port', 'user', 'database']) {
    if ((inline ?? file) !== undefined && written[part] !== undefined) {
      notes.problem(
        part,
        `stands beside ${key}, which says it already`,
        `keep ${key}, or all parts without it`,
      );
    }
  }

  const text = inline ?? (file === undefined ? undefined : notes.read('url_file', file)?.trim());
  if (text === undefined) return undefined;
  if (text === '') {
    notes.problem(key, 'the file is empty', 'its only content is the connection string', file);
    return undefined;
  }
  const url = parseConnectionUrl(text);
  if (!url.ok) {
    notes.problem(key, url.error.message, url.error.hint, file ?? redactUrl(text));
    return undefined;
  }
  if (inline !== undefined && url.value.password !== undefined) {
    notes.warning(
      'url',
      'holds a password, which others may read in the file, the environment or the process list; url_file or password_file keep it apart',
    );
  }
  return url.value;
}

function passwordOf(
  written: WrittenConnection,
  url: ConnectionUrl | undefined,
  notes: Notes,
): Secret | undefined {
  const file = textAt(written, 'password_file');
  if (file === undefined) {
    const password = url?.password ?? notes.password;
    return password === undefined ? undefined : new Secret(password);
  }
  if (url?.password !== undefined) {
    notes.problem(
      'password_file',
      'stands beside a connection string with a password',
      'take the password out of the connection string',
    );
  }
  const password = passwordIn(notes.read('password_file', file));
  if (password === undefined) return undefined;
  if (password === '')
    notes.problem('password_file', 'the file is empty', 'its only content is the password', file);
  else if (/[\r\n]/.test(password))
    notes.problem('password_file', 'the file has several lines', 'its only content is the password', file);
  return new RotatingSecret(password, () => {
    const now = passwordIn(notes.readAgain(file));
    return now === undefined || now === '' || /[\r\n]/.test(now) ? undefined : now;
  });
}

/** Editors and `echo` end a file with a newline; any other blank may belong to the password. */
const passwordIn = (content: string | undefined): string | undefined => content?.replace(/\r?\n$/, '');

interface TlsSources {
  readonly written: WrittenConnection;
  readonly url: ReadonlyMap<string, string>;
  readonly variable: (name: string) => string | undefined;
  readonly notes: Notes;
  /** libpq ignores everything about TLS on Unix sockets. */
  readonly isSocket: boolean;
}

/** What a value was given by, for the path of a problem: the key itself, the connection string, or a variable. */
interface Given {
  readonly value: string;
  readonly key: string;
}

function resolveTls({ written, url, variable, notes, isSocket }: TlsSources): ConnectionTls | undefined {
  const urlKey = textAt(written, 'url_file') === undefined ? 'url' : 'url_file';
  const given = (key: string, name: string): Given | undefined => {
    const choices = [
      { value: textAt(written, key), key },
      { value: url.get(key), key: urlKey },
      { value: variable(name), key: name },
    ];
    return choices.find((choice): choice is Given => choice.value !== undefined && choice.value !== '');
  };

  const root = given('sslrootcert', 'PGSSLROOTCERT');
  const mode = modeOf(given('sslmode', 'PGSSLMODE') ?? impliedMode(url, urlKey), root, notes);
  if (mode === undefined) return undefined;
  if (mode === 'disable' || isSocket) return { mode };

  const rootCertificate = root?.value === 'system' ? 'system' : readCertificate(root, 'root.crt', notes);
  if (mode.startsWith('verify') && root === undefined && rootCertificate === undefined) {
    notes.problem(
      'sslrootcert',
      `is missing, and sslmode ${mode} cannot check a certificate without it`,
      'name the file of root certificates, or write sslrootcert: system with sslmode: verify-full',
    );
  }
  const certificate = given('sslcert', 'PGSSLCERT');
  const clientCertificate = readCertificate(certificate, 'postgresql.crt', notes);
  const key = given('sslkey', 'PGSSLKEY');
  const clientKey =
    clientCertificate === undefined ? undefined : readCertificate(key, 'postgresql.key', notes);
  if (certificate !== undefined && key === undefined && clientKey === undefined) {
    notes.problem('sslkey', 'is missing, and sslcert needs it', 'name the file of the private key');
  }
  const passphrase = url.get('sslpassword');
  return {
    mode,
    ...(rootCertificate === undefined ? {} : { root: rootCertificate }),
    ...(clientCertificate === undefined || clientKey === undefined
      ? {}
      : { clientCertificate, clientKey: new Secret(clientKey) }),
    ...(passphrase === undefined ? {} : { clientKeyPassphrase: new Secret(passphrase) }),
  };
}

/** `ssl=true` is what JDBC calls `sslmode=require`; libpq takes it too. */
function impliedMode(url: ReadonlyMap<string, string>, key: string): Given | undefined {
  return url.get('ssl') === 'true' ? { value: 'require', key } : undefined;
}

function modeOf(given: Given | undefined, root: Given | undefined, notes: Notes): SslMode | undefined {
  const usesSystem = root?.value === 'system';
  if (given === undefined) return usesSystem ? 'verify-full' : 'prefer';
  const mode = sslModes.find((candidate) => candidate === given.value);
  if (mode === undefined) {
    // A wrong word under the key itself is the schema's to report.
    if (given.key !== 'sslmode') {
      const hint = given.value === 'no-verify' ? 'libpq calls it require' : `one of ${sslModes.join(', ')}`;
      notes.problem(given.key, 'has an unknown sslmode', hint);
    }
    return undefined;
  }
  if (usesSystem && mode !== 'verify-full') {
    notes.problem(
      'sslrootcert',
      `system cannot go with sslmode ${mode}`,
      'anyone can get a certificate that the system trusts, so the host name must be checked: sslmode: verify-full',
    );
  }
  return mode;
}

function readCertificate(given: Given | undefined, defaultName: string, notes: Notes): string | undefined {
  return given === undefined ? notes.readDefault(defaultName) : notes.read(given.key, given.value);
}

const understood = new Set(['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslpassword', 'ssl']);

/** What libpq and common frameworks put there. Another name may be a piece of a password that was not encoded. */
const knownButIgnored = new Set(
  `application_name fallback_application_name channel_binding client_encoding connect_timeout gssencmode hostaddr keepalives
  keepalives_count keepalives_idle keepalives_interval load_balance_hosts options passfile replication require_auth service
  sslcompression sslcrl sslnegotiation sslsni ssl_min_protocol_version target_session_attrs tcp_user_timeout
  connection_limit pgbouncer pool_timeout schema statement_timeout uselibpqcompat`.split(/\s+/),
);

function noteIgnoredParameters(parameters: ReadonlyMap<string, string>, notes: Notes): void {
  const ignored = [...parameters.keys()].filter((name) => !understood.has(name));
  const known = ignored.filter((name) => knownButIgnored.has(name));
  if (known.length > 0) notes.warning('url', `ignored in the connection string: ${known.join(', ')}`);
  if (known.length < ignored.length) {
    notes.warning('url', 'the connection string has parameters that libpq does not know; they were ignored');
  }
}

const textAt = (written: WrittenConnection, key: string): string | undefined => {
  const value = written[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

const portAt = (written: WrittenConnection): number | undefined =>
  typeof written.port === 'number' ? written.port : undefined;

function portOf(text: string | undefined, notes: Notes): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  notes.problem('PGPORT', 'is not a port', 'a number from 1 to 65535', text);
  return undefined;
}
