import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { type Binaries, defaultMajor, installBinaries, supportedMajors } from '../../src/demo/binaries.ts';
import { type EmbeddedServer, startEmbeddedServer } from '../../src/demo/embedded-server.ts';
import { harmIn, loggingStatements } from './statement-guard.ts';

/**
 * Real servers for tests. Which, by environment:
 *
 * - `TEST_DATABASE_URL`: this one only, whatever its major; the role must be a superuser and may create databases.
 * - `TEST_POSTGRES=docker`: containers, where Docker is there.
 * - otherwise embedded servers; those beside the default major are downloaded on first use.
 * - `TEST_POSTGRES_MAJORS=13,18`: these majors. Default: all with CI=true, else the oldest, the default and the newest.
 *
 * A major that cannot be had is skipped and says why; with CI=true it fails.
 */
export type MajorUnderTest = AvailableMajor | { readonly major: number; readonly unavailable: string };

interface AvailableMajor {
  readonly major: number;
  readonly source:
    | { readonly kind: 'given'; readonly url: string }
    | { readonly kind: 'docker' }
    | { readonly kind: 'embedded'; readonly binaries: Binaries };
}

/** A server that a test has, for itself unless it was given by environment. */
export interface TestServer {
  readonly major: number;
  /** There for an embedded server: it can be stopped, started and crashed. */
  readonly embedded: EmbeddedServer | undefined;
  /** Connection string of a superuser. */
  url(database?: string): string;
  /** Connection string of another role. */
  urlFor(role: string, password: string, database: string): string;
  close(): Promise<void>;
}

export interface TestServerOptions {
  /** Server settings; not possible, and not needed to be, on a server given by environment. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Its log is not looked through: behind a pooler statements bear the name of whoever came last, and some tests send harm on purpose. */
  readonly isUnguarded?: boolean;
}

/** The majors to test on, downloaded where needed. For the top of a test file: `const majors = await postgresMajors();` */
export async function postgresMajors(
  wanted: readonly number[] = wantedMajors(),
): Promise<readonly MajorUnderTest[]> {
  const url = process.env.TEST_DATABASE_URL;
  if (url !== undefined && url !== '') {
    return [{ major: await majorOf(url), source: { kind: 'given', url } }];
  }
  if (process.env.TEST_POSTGRES === 'docker') {
    return wanted.map((major) => ({ major, source: { kind: 'docker' } }));
  }
  const found: MajorUnderTest[] = [];
  for (const major of wanted) {
    const binaries = await installBinaries(major);
    if (binaries.kind === 'found') found.push({ major, source: { kind: 'embedded', binaries } });
    else found.push({ major, unavailable: binaries.remedy });
  }
  return found;
}

/**
 * Defines the same tests for each major, on a server that is started before the first and closed after the last.
 * `server()` may be called inside tests and hooks only.
 */
export function describeOnPostgres(
  majors: readonly MajorUnderTest[],
  define: (server: () => TestServer, major: number) => void,
  options: TestServerOptions = {},
): void {
  for (const entry of majors) {
    describe(`PostgreSQL ${entry.major}`, () => {
      if ('unavailable' in entry) {
        test(`cannot be had: ${entry.unavailable}`, (context) => {
          if (process.env.CI === 'true') throw new Error(entry.unavailable);
          context.skip(entry.unavailable);
        });
        return;
      }
      let running: TestServer | undefined;
      beforeAll(async () => {
        running = await startPostgres(entry, options);
      });
      afterAll(async () => {
        await running?.close();
      });
      define(() => {
        if (running === undefined) throw new Error('the server runs inside tests and hooks only');
        return running;
      }, entry.major);
    });
  }
}

/** Starts a server of one major; the default one for a bare number. The caller closes it. */
export async function startPostgres(
  major: number | MajorUnderTest = defaultMajor,
  options: TestServerOptions = {},
): Promise<TestServer> {
  const entry = typeof major === 'number' ? (await postgresMajors([major]))[0] : major;
  if (entry === undefined) throw new Error('no PostgreSQL to test on');
  if ('unavailable' in entry)
    throw new Error(`PostgreSQL ${entry.major} cannot be had: ${entry.unavailable}`);
  switch (entry.source.kind) {
    case 'given':
      return serverAt(entry.major, entry.source.url, async () => {});
    case 'docker':
      return startContainer(entry.major, options);
    case 'embedded': {
      const settings = { ...loggingStatements, ...options.settings };
      const embedded = await startEmbeddedServer({ binaries: entry.source.binaries, settings });
      return {
        major: entry.major,
        embedded,
        url: (database) => embedded.superuserUrl(database),
        urlFor: (role, password, database) => embedded.urlFor(role, password, database),
        close: async () => {
          const harm = options.isUnguarded ? [] : await harmIn(embedded.logFile);
          await embedded.close();
          if (harm.length > 0) throw new Error(`the program sent to this server: ${harm.join('; ')}`);
        },
      };
    }
  }
}

/** A database of the test's own. A few random digits keep test files on one given server apart. */
export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  drop(): Promise<void>;
}

export async function createDatabase(server: TestServer, name: string): Promise<TestDatabase> {
  const unique = `${name}_${randomBytes(4).toString('hex')}`;
  const quoted = pg.escapeIdentifier(unique);
  await runOn(server.url(), `create database ${quoted} template template0`);
  return {
    name: unique,
    url: server.url(unique),
    drop: () => runOn(server.url(), `drop database if exists ${quoted} with (force)`),
  };
}

/** Runs one statement in a connection of its own. */
export async function runOn(url: string, sql: string): Promise<void> {
  await withConnection(url, (client) => client.query(sql));
}

/** A connection for the time of `work`. */
export async function withConnection<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The oldest, the default and the newest: for what takes long and rests on no catalogue that differs in between. */
export function aFewMajors(): readonly number[] {
  const ends = [supportedMajors.at(0), supportedMajors.at(-1), defaultMajor];
  const wanted = wantedMajors();
  return process.env.TEST_POSTGRES_MAJORS ? wanted : wanted.filter((major) => ends.includes(major));
}

/** The oldest and the newest: for what takes long and runs on the default in other tests anyway. */
export function oldestAndNewest(): readonly number[] {
  const few = aFewMajors();
  return few.filter((_, place) => place === 0 || place === few.length - 1);
}

function wantedMajors(): readonly number[] {
  const named = process.env.TEST_POSTGRES_MAJORS;
  if (named !== undefined && named !== '') return named.split(',').map(Number);
  if (process.env.CI === 'true') return supportedMajors;
  const ends = [supportedMajors.at(0), supportedMajors.at(-1)];
  return supportedMajors.filter((major) => major === defaultMajor || ends.includes(major));
}

function majorOf(url: string): Promise<number> {
  return withConnection(url, async (client) => {
    const { rows } = await client.query<{ server_version_num: string }>('show server_version_num');
    return Math.floor(Number(rows[0]?.server_version_num) / 10_000);
  });
}

function serverAt(major: number, superuserUrl: string, close: () => Promise<void>): TestServer {
  const url = (database?: string): string => {
    const changed = new URL(superuserUrl);
    if (database !== undefined) changed.pathname = `/${encodeURIComponent(database)}`;
    return changed.href;
  };
  const urlFor = (role: string, password: string, database: string): string => {
    const changed = new URL(url(database));
    changed.username = encodeURIComponent(role);
    changed.password = encodeURIComponent(password);
    return changed.href;
  };
  return { major, embedded: undefined, url, urlFor, close };
}

async function startContainer(major: number, options: TestServerOptions): Promise<TestServer> {
  // Loaded here, since it is large and looks for Docker when loaded.
  const { GenericContainer, Wait } = await import('testcontainers');
  const password = randomBytes(16).toString('hex');
  const settings = { fsync: 'off', ...options.settings };
  const container = await new GenericContainer(`postgres:${major}-alpine`)
    .withEnvironment({ POSTGRES_PASSWORD: password })
    .withCommand([
      'postgres',
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ])
    .withExposedPorts(5432)
    // The first time is the image's own set-up, without TCP.
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .start();
  const url = `postgresql://postgres:${password}@${container.getHost()}:${container.getMappedPort(5432)}/postgres`;
  return serverAt(major, url, async () => {
    await container.stop();
  });
}
