import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { declarations } from '../../src/watch/declarations.ts';
import { samplesOf } from '../e2e/daemon-client.ts';
import { programs, type Running, until } from '../e2e/program.ts';
import {
  createDatabase,
  runOn,
  startPostgres,
  type TestDatabase,
  type TestServer,
} from '../support/postgres.ts';
import { inRepository } from '../support/repository.ts';

/** A daemon as it is shipped (`bin/indexwarden serve`), which can be made to fail from within (faulty-daemon.mjs). */
export interface FaultyDaemon extends Running {
  readonly address: string;
  /** Carries out an order of faulty-daemon.mjs in the daemon; what it answered. */
  readonly order: (order: string) => Promise<unknown>;
  /** Lines of its log with this event. */
  readonly events: (event: string) => readonly Readonly<Record<string, unknown>>[];
  /** One series of `/metrics`, by the start of its line; undefined where it is absent. */
  readonly metric: (name: string, labels?: Readonly<Record<string, string>>) => Promise<number | undefined>;
}

export interface ServeOptions {
  /** Over what is usual here: every collector each second, no probes, no measuring. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** The store's file; none by default. */
  readonly store?: string;
  /** What runs the daemon: a program and its first arguments, before those of Node.js. */
  readonly under?: readonly string[];
  readonly args?: readonly string[];
  /** A free port by default. */
  readonly listen?: string;
}

/** A database with findings, and daemons on it. `setUp` and `tearDown` belong into the hooks of the file. */
export interface Stage {
  readonly folder: string;
  readonly server: () => TestServer;
  readonly database: () => TestDatabase;
  readonly setUp: () => Promise<void>;
  readonly tearDown: () => Promise<void>;
  readonly configFile: (config?: Readonly<Record<string, unknown>>) => string;
  readonly serve: (options?: ServeOptions) => Promise<FaultyDaemon>;
  /** The same, without waiting for it to listen. */
  readonly launch: (options?: ServeOptions) => Running & { readonly orders: string };
  readonly endAll: () => Promise<void>;
}

const eachSecond = Object.fromEntries(
  Object.keys(declarations.collectorDefaults).map((name) => [
    name,
    { schedule: '* * * * * *', maxRandomDelay: '0s' },
  ]),
);

/** Two exact copies of an index, and a table without a primary key: findings that stay. */
export const shopSchema = `
  create table items (id int primary key, name text);
  insert into items select n, 'item' || n from generate_series(1, 2000) n;
  create index items_name on items (name);
  create index items_name_again on items (name);
  create table orders (item int);
  insert into orders select n from generate_series(1, 2000) n;
  analyze`;

export function stage(): Stage {
  const { startProgram, endAll } = programs();
  const folder = mkdtempSync(path.join(tmpdir(), 'indexwarden-faults-'));
  let server: TestServer | undefined;
  let database: TestDatabase | undefined;
  let launched = 0;
  const known = <T>(thing: T | undefined): T => {
    if (thing === undefined) throw new Error('there is one inside tests only');
    return thing;
  };

  const configFile: Stage['configFile'] = (config = {}) => {
    launched += 1;
    const file = path.join(folder, `config-${launched}.yaml`);
    const servers = [{ name: 'main', primary: { url: known(database).url } }];
    writeFileSync(
      file,
      JSON.stringify({
        servers,
        collectors: eachSecond,
        // These tests ask every few milliseconds.
        http: { requestsPerMinute: 0, lifecycle: true },
        limits: { retryFirst: '100ms', retryMax: '1s' },
        ...config,
      }),
    );
    return file;
  };

  const launch: Stage['launch'] = ({ config, store, under = [], args = [], listen = '127.0.0.1:0' } = {}) => {
    const file = configFile(config);
    const orders = `${file}.orders`;
    const [program = process.execPath, ...first] = [...under, process.execPath];
    const running = startProgram(
      program,
      [
        ...first,
        '--expose-gc',
        '--import',
        inRepository('test/faults/faulty-daemon.mjs'),
        inRepository('bin/indexwarden'),
        ...['serve', '--config.file', file, '--web.listen-address', listen],
        ...(store === undefined ? [] : ['--storage.path', store]),
        ...args,
      ],
      { env: { INDEXWARDEN_FAULT_ORDERS: orders } },
    );
    return { ...running, orders };
  };

  const serve: Stage['serve'] = async (options) => {
    const { orders, ...running } = launch(options);
    const [, address = ''] = await running.printed(/"address":"([^"]+)"/, 'stderr');
    const answers = (): readonly string[] =>
      existsSync(`${orders}.answers`) ? readFileSync(`${orders}.answers`, 'utf8').trimEnd().split('\n') : [];
    return {
      ...running,
      address,
      order: async (order) => {
        const before = answers().length;
        writeFileSync(orders, order);
        running.kill('SIGUSR2');
        const answer = await until(`the order ${order}`, () => answers()[before]);
        return JSON.parse(answer) as unknown;
      },
      events: (event) => eventsIn(running.stderr(), event),
      metric: async (name, labels = {}) => {
        const samples = await samplesOf(address, name);
        return samples.find((sample) =>
          Object.entries(labels).every(([label, value]) => sample.labels.get(label) === value),
        )?.value;
      },
    };
  };

  return {
    folder,
    server: () => known(server),
    database: () => known(database),
    setUp: async () => {
      // Other users have to get in where a test becomes one of them.
      mkdirSync(folder, { recursive: true });
      // A daemon that is killed while it brings dist/ up to date says nothing of one that runs.
      const built = spawnSync(process.execPath, [inRepository('scripts/prepare.mjs'), '--required']);
      if (built.status !== 0) throw new Error(String(built.stderr));
      server = await startPostgres();
      database = await createDatabase(server, 'shop');
      await runOn(database.url, shopSchema);
    },
    tearDown: async () => {
      await endAll();
      await database?.drop();
      await server?.close();
      rmSync(folder, { recursive: true, force: true });
    },
    ...{ configFile, serve, launch, endAll },
  };
}

/** Lines of a log with this event; a line that is not whole yet is left out. */
export function eventsIn(log: string, event: string): readonly Readonly<Record<string, unknown>>[] {
  return log
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    .filter((line) => line.event === event);
}

/** When the newest facts were collected, in seconds since the epoch; 0 before the first. */
export const collectedAt = async (daemon: FaultyDaemon): Promise<number> =>
  (await daemon.metric('indexwarden_collector_last_success_timestamp_seconds', {
    collector: 'index-usage',
  })) ?? 0;

/** Waits until it has collected and published once more from now on: it watches. */
export async function watches(daemon: FaultyDaemon): Promise<void> {
  const sinceS = Date.now() / 1000;
  await until('fresh facts', async () => (await collectedAt(daemon)) > sinceS);
}
