import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isAbsolute, resolve } from 'node:path';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { err, ok, type Result } from '../model/result.ts';
import { formatPath, type Problem } from './problems.ts';
import { Secret } from './redact.ts';
import { folderOf, readNamedFile, type Surroundings } from './surroundings.ts';
import { cipherSuites, cipherSuitesOfTls13, curves, tlsVersions } from './tls-names.ts';
import { type LocatedProblem, problemsOf } from './validation.ts';
import { type TlsServer, WebConfigFile } from './web-config-schema.ts';
import { isRecord, parseYaml } from './yaml-file.ts';

/** What a web configuration file says, its certificates read and found to fit together. */
export interface WebConfig {
  readonly tls?: WebTls;
  /** Headers of every answer, by name; empty ones are not sent. */
  readonly headers: ReadonlyMap<string, string>;
  /** Who may sign in with a password: its bcrypt hash, by name. */
  readonly users: ReadonlyMap<string, string>;
  /** What is in the file and does nothing, or less than it seems to. */
  readonly warnings: readonly string[];
}

export const noWebConfig: WebConfig = { headers: new Map(), users: new Map(), warnings: [] };

export interface WebTls {
  /** The chain, as PEM. */
  readonly certificate: string;
  readonly key: Secret;
  /** Who signs the certificates of clients, as PEM. */
  readonly clientCa?: string;
  /** `asked` and `required` ones are not verified. */
  readonly clients: 'none' | 'asked' | 'required' | 'verified-if-given' | 'verified';
  /** One of these names must be in a client's certificate; undefined: any will do. */
  readonly allowedSans?: readonly string[];
  /** In OpenSSL's terms. */
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly ciphers?: string;
  readonly curves?: string;
  readonly prefersOwnCiphers: boolean;
}

/** The outcome of reading a web configuration file, and what it depends on. */
export interface ReadWebConfig {
  /** Absolute paths of the file and of all that it names, whether they could be read or not. */
  readonly files: readonly string[];
  readonly result: Result<WebConfig, readonly Problem[]>;
}

/**
 * Reads a web configuration file in the format of Prometheus' exporter toolkit. All that is wrong is told at once, with path and
 * line, and no hash or key in it; a file that was accepted makes a TLS server that starts.
 */
export function readWebConfig(
  surroundings: Pick<Surroundings, 'readFile'>,
  file: string,
  folder?: string,
): ReadWebConfig {
  const path = isAbsolute(file) ? file : resolve(folder ?? '.', file);
  const text = readNamedFile(surroundings, path, undefined);
  if (!text.ok) {
    const hint = 'is the path right, and may the user that runs indexwarden read it?';
    return { files: [path], result: err([{ path: file, message: text.error.message, value: path, hint }]) };
  }
  const yaml = parseYaml(text.value);
  if (!yaml.ok) {
    const problems = yaml.error.map(({ hint: _, ...problem }) => ({
      ...problem,
      path: problem.path === '' ? file : `${file}: ${problem.path}`,
    }));
    return { files: [path], result: err(problems) };
  }
  const { content, lineOf } = yaml.value;
  const reader = new FileReader(surroundings, folderOf(path));
  const parsed = WebConfigFile.safeParse(content);
  const located = parsed.success ? [] : problemsOf(WebConfigFile, content, parsed.error.issues);
  // The files of a part that is well formed are looked at whatever is wrong with the rest.
  const written = parsed.success ? parsed.data.tls_server_config : undefined;
  const names = isRecord(content.tls_server_config) ? content.tls_server_config : {};
  const tls = written === undefined ? undefined : readTls(written, reader);
  if (written === undefined)
    for (const key of namedFiles) if (typeof names[key] === 'string') reader.read(key, names[key]);
  const files = [path, ...reader.files];
  const problems = [...located, ...reader.problems];
  if (!parsed.success || problems.length > 0)
    return { files, result: err(problems.map((problem) => inFile(problem, file, lineOf)).sort(byLine)) };
  return { files, result: ok(webConfigOf(parsed.data, tls, file)) };
}

const namedFiles = ['cert_file', 'key_file', 'client_ca_file'] as const;

function inFile(
  { steps, ...problem }: LocatedProblem,
  file: string,
  lineOf: (steps: readonly PropertyKey[]) => number | undefined,
): Problem {
  const line = lineOf(steps);
  return { ...problem, path: `${file}: ${problem.path}`, ...(line === undefined ? {} : { line }) };
}

const byLine = (a: Problem, b: Problem): number => (a.line ?? 0) - (b.line ?? 0);

/** How a TLS server is made of it; throws, as OpenSSL words it, where something does not fit. */
export const secureContextOptionsOf = (tls: WebTls): SecureContextOptions => ({
  cert: tls.certificate,
  key: tls.key.reveal(),
  minVersion: tls.minVersion,
  maxVersion: tls.maxVersion,
  honorCipherOrder: tls.prefersOwnCiphers,
  ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa }),
  ...(tls.ciphers === undefined ? {} : { ciphers: tls.ciphers }),
  ...(tls.curves === undefined ? {} : { ecdhCurve: tls.curves }),
});

function webConfigOf(file: WebConfigFile, tls: WebTls | undefined, name: string): WebConfig {
  const { http2, headers } = file.http_server_config;
  const warn = (path: string, what: string): string => `${name}: ${path}: ${what}`;
  const proves = 'proves nothing, since the certificate is not verified; use RequireAndVerifyClientCert';
  return {
    ...(tls === undefined ? {} : { tls }),
    headers: new Map(
      Object.entries(headers).flatMap(([header, value]) => (value === undefined ? [] : [[header, value]])),
    ),
    users: new Map(Object.entries(file.basic_auth_users)),
    warnings: [
      ...(http2 === true
        ? [warn('http_server_config.http2', 'has no effect: HTTP/1.1 is what is spoken here')]
        : []),
      ...(file.rate_limit === undefined
        ? []
        : [warn('rate_limit', 'has no effect: http.requestsPerMinute limits each client')]),
      ...(tls?.clients === 'asked' || tls?.clients === 'required'
        ? [warn('tls_server_config.client_auth_type', proves)]
        : []),
      ...expiryOf(tls, (what) => warn('tls_server_config', what)),
    ],
  };
}

function expiryOf(tls: WebTls | undefined, warn: (what: string) => string): readonly string[] {
  if (tls === undefined) return [];
  const { validTo } = new X509Certificate(tls.certificate);
  return Date.parse(validTo) < Date.now() ? [warn(`the certificate expired at ${validTo}`)] : [];
}

/** Reads the files that stand in `tls_server_config`, and keeps what went wrong. */
class FileReader {
  readonly files: string[] = [];
  readonly problems: LocatedProblem[] = [];
  readonly #surroundings: Pick<Surroundings, 'readFile'>;
  readonly #folder: string;

  constructor(surroundings: Pick<Surroundings, 'readFile'>, folder: string) {
    this.#surroundings = surroundings;
    this.#folder = folder;
  }

  note(key: string, message: string, hint: string, value?: string): undefined {
    const steps = ['tls_server_config', key];
    const path = formatPath(steps);
    this.problems.push({ steps, path, message, hint, ...(value === undefined ? {} : { value }) });
  }

  read(key: string, file: string): string | undefined {
    const path = resolve(this.#folder, file);
    this.files.push(path);
    const text = readNamedFile(this.#surroundings, path, undefined);
    if (text.ok) return text.value;
    const hint = 'is the path right, and may the user that runs indexwarden read it?';
    return this.note(key, text.error.message, hint, path);
  }

  /** Of a text and a file that holds it one may be given. */
  either(key: string, text: string | undefined, file: string | undefined): string | undefined {
    if (text !== undefined && file !== undefined)
      return this.note(`${key}_file`, `stands beside ${key}`, 'keep one of the two');
    return file === undefined ? text : this.read(`${key}_file`, file);
  }
}

function readTls(written: TlsServer, reader: FileReader): WebTls | undefined {
  const certificate = reader.either('cert', written.cert, written.cert_file);
  const key = reader.either('key', written.key, written.key_file);
  const clientCa = reader.either('client_ca', written.client_ca, written.client_ca_file);
  const clients = clientsOf(written.client_auth_type);
  const hasCa = written.client_ca !== undefined || written.client_ca_file !== undefined;
  if (written.cert === undefined && written.cert_file === undefined)
    reader.note('cert_file', 'is missing', 'name the file of the certificate, in PEM format');
  if (written.key === undefined && written.key_file === undefined)
    reader.note('key_file', 'is missing', 'name the file of the private key, in PEM format');
  const verifies = clients === 'verified' || clients === 'verified-if-given';
  if (verifies && !hasCa)
    reader.note(
      'client_ca_file',
      'is missing',
      'name the certificates that those of clients must descend from',
    );
  if (hasCa && clients === 'none')
    reader.note(
      'client_auth_type',
      'asks no client for a certificate, although client_ca_file is given',
      askForAll,
    );
  if (written.client_allowed_sans !== undefined && clients !== 'required' && clients !== 'verified')
    reader.note('client_allowed_sans', 'means nothing where clients need no certificate', askForAll);
  if (written.min_version > written.max_version)
    reader.note('min_version', 'is above max_version', 'leave max_version out');
  const ciphers = written.cipher_suites.flatMap((name) => cipherSuites.get(name) ?? []);
  if (written.cipher_suites.length > 0 && ciphers.length === 0 && written.min_version === 'TLS12')
    reader.note(
      'cipher_suites',
      'names none for TLS 1.2',
      `${cipherSuitesOfTls13.join(', ')} are always on; for these alone say min_version: TLS13`,
    );
  if (certificate === undefined || key === undefined || reader.problems.length > 0) return undefined;
  const tls: WebTls = {
    certificate,
    key: new Secret(key),
    ...(clientCa === undefined ? {} : { clientCa }),
    clients,
    ...(written.client_allowed_sans === undefined ? {} : { allowedSans: written.client_allowed_sans }),
    minVersion: tlsVersions[written.min_version],
    maxVersion: tlsVersions[written.max_version],
    ...(ciphers.length === 0 ? {} : { ciphers: ciphers.join(':') }),
    ...(written.curve_preferences.length === 0
      ? {}
      : { curves: written.curve_preferences.map((name) => curves.get(name)).join(':') }),
    prefersOwnCiphers: written.prefer_server_cipher_suites,
  };
  return isUsable(tls, written, reader) ? tls : undefined;
}

const askForAll = 'say client_auth_type: RequireAndVerifyClientCert, or leave this out';

function clientsOf(type: TlsServer['client_auth_type']): WebTls['clients'] {
  switch (type) {
    case 'NoClientCert':
      return 'none';
    case 'RequestClientCert':
      return 'asked';
    case 'RequireClientCert':
    case 'RequireAnyClientCert':
      return 'required';
    case 'VerifyClientCertIfGiven':
      return 'verified-if-given';
    case 'RequireAndVerifyClientCert':
      return 'verified';
  }
}

/** Tries what the server will do. OpenSSL's own words name its functions: where the reason is known, it is said in ours. */
function isUsable(tls: WebTls, written: TlsServer, reader: FileReader): boolean {
  const keyName = (name: string, text: string | undefined): string =>
    text === undefined ? `${name}_file` : name;
  const certificate = keyName('cert', written.cert);
  const key = keyName('key', written.key);
  const pem = 'a PEM file begins with -----BEGIN';
  const before = reader.problems.length;
  const parses = (parse: () => unknown, place: string, what: string): void => {
    try {
      parse();
    } catch {
      reader.note(place, what, pem);
    }
  };
  parses(() => new X509Certificate(tls.certificate), certificate, 'holds no certificate');
  const { clientCa } = tls;
  if (clientCa !== undefined)
    parses(
      () => new X509Certificate(clientCa),
      keyName('client_ca', written.client_ca),
      'holds no certificate',
    );
  if (/ENCRYPTED/.test(tls.key.reveal()))
    reader.note(key, 'is encrypted', 'take the passphrase off: openssl pkey -in KEY -out NEW');
  else parses(() => createPrivateKey(tls.key.reveal()), key, 'holds no private key');
  if (reader.problems.length > before) return false;
  if (!new X509Certificate(tls.certificate).checkPrivateKey(createPrivateKey(tls.key.reveal()))) {
    reader.note(key, 'is not the key of the certificate', 'is one of the two from before a renewal?');
    return false;
  }
  try {
    createSecureContext(secureContextOptionsOf(tls));
    return true;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
    reader.note(certificate, `cannot be used${code}`, 'is the key long enough, and is every part whole?');
    return false;
  }
}
