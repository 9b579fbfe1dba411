import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { median } from '../spec/statistics.ts';
import { buildCatalogue, withClient } from './catalogue.ts';
import { daemonDocument, MeasuredDaemon } from './daemon.ts';
import type { Figure } from './figure.ts';
import type { BenchServer } from './server.ts';
import { startStallingProxy } from './stalling-proxy.ts';

const sizes = [1, 10, 100];
/** Of each database: a small application. */
const indexesEach = 200;
/** `limits.connectionsPerServer` when nobody says otherwise; no server may see more. */
const presetConnections = 5;
const rounds = 3;

interface Round {
  /** From the moment all were due until the last was published, and until each was. */
  readonly wallMs: number;
  readonly ofTarget: ReadonlyMap<string, number>;
}

/** One daemon on 1, 10 and 100 databases of one server; then with one database that does not answer. */
export async function measureFleet(
  server: BenchServer,
  log: (line: string) => void,
): Promise<readonly Figure[]> {
  const names = await createDatabases(server, Math.max(...sizes), log);
  const figures: Figure[] = [];
  for (const size of sizes) {
    const at = size === 1 ? '1 target' : `${size} targets`;
    const proxy = await startStallingProxy(server.embedded.port);
    const url = server.watcherUrl(names[0]!).replace(`:${server.embedded.port}/`, `:${proxy.port}/`);
    const databases = names.slice(0, size);
    const daemon = new MeasuredDaemon(daemonDocument([{ name: 'fleet', url, databases }]));
    const connections = await watchConnections(server);
    try {
      await untilAll(daemon, databases, 0);
      const usual: Round[] = [];
      for (let round = 0; round < rounds; round += 1) usual.push(await passOf(daemon, databases));
      const row = (what: string, value: number, unit: Figure['unit'], aim?: number): Figure => ({
        ...{ piece: 'fleet', at, what, value, unit },
        ...(aim === undefined ? {} : { aim, limit: aim }),
      });
      const usualMs = median(usual.map(({ wallMs }) => wallMs));
      figures.push(
        row('a pass of all', usualMs, 'ms'),
        row('of that for each target', usualMs / size, 'ms'),
        row('most connections at once', connections.max(), 'count', presetConnections),
        row('RSS', (await daemon.ask('memory')).rss, 'bytes'),
      );
      if (size === 1) continue;
      const hanging = databases[0]!;
      const others = databases.slice(1);
      proxy.stall(hanging);
      const stalled = await passOf(daemon, others);
      const times = (round: Round): number[] => others.map((name) => round.ofTarget.get(name) ?? Number.NaN);
      const before = median(usual.map((round) => median(times(round))));
      figures.push(
        row('one hangs: the others, median', median(times(stalled)), 'ms'),
        row('one hangs: the last of the others', Math.max(...times(stalled)), 'ms'),
        row('one hangs: median against before', median(times(stalled)) / before, 'times'),
      );
      proxy.stall(undefined);
    } finally {
      connections.stop();
      await daemon.stop();
      proxy.close();
    }
  }
  return figures;
}

async function createDatabases(
  server: BenchServer,
  count: number,
  log: (line: string) => void,
): Promise<readonly string[]> {
  const names = Array.from({ length: count }, (_, place) => `fleet_${place}`);
  await withClient(server.superuserUrl(), async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      `select datname from pg_database where datname like 'fleet\\_%'`,
    );
    const present = new Set(rows.map(({ datname }) => datname));
    const missing = names.filter((name) => !present.has(name));
    if (missing.length === 0) return;
    log(`building ${missing.length} databases …`);
    if (!present.has('fleet_template')) {
      await client.query('create database fleet_template template template0');
      await buildCatalogue(server.superuserUrl('fleet_template'), indexesEach, () => {});
    }
    for (const name of missing) await client.query(`create database ${name} template fleet_template`);
  });
  return names;
}

/** All are due; those that are left out are not waited for. */
async function passOf(daemon: MeasuredDaemon, databases: readonly string[]): Promise<Round> {
  const before = daemon.generations.length;
  const asked = await daemon.ask('collect');
  await untilAll(daemon, databases, before);
  const ofTarget = new Map<string, number>();
  for (const { target, atMs } of daemon.generations.slice(before))
    if (!ofTarget.has(target.datname)) ofTarget.set(target.datname, atMs - asked.atMs);
  return { ofTarget, wallMs: Math.max(...databases.map((name) => ofTarget.get(name) ?? Number.NaN)) };
}

async function untilAll(daemon: MeasuredDaemon, databases: readonly string[], before: number): Promise<void> {
  const missing = new Set(databases);
  for (let place = before; missing.size > 0; place += 1) {
    await daemon.until(() => daemon.generations.length > place);
    const generation = daemon.generations[place]!;
    if (missing.delete(generation.target.datname) && !generation.isUp)
      throw new Error(`${generation.target.datname} is down: ${generation.error}`);
  }
}

interface ConnectionWatch {
  readonly max: () => number;
  readonly stop: () => void;
}

/** Counts the daemon's connections as the server sees them, again and again. */
async function watchConnections(server: BenchServer): Promise<ConnectionWatch> {
  let max = 0;
  const stopping = new AbortController();
  const look = async (client: pg.Client): Promise<void> => {
    while (!stopping.signal.aborted) {
      const { rows } = await client.query<{ count: number }>(
        `select count(*)::int as count from pg_stat_activity where application_name = 'indexwarden'`,
      );
      max = Math.max(max, rows[0]?.count ?? 0);
      await delay(10, undefined, { signal: stopping.signal }).catch(() => {});
    }
  };
  void withClient(server.superuserUrl(), look).catch(() => {});
  return { max: () => max, stop: () => stopping.abort() };
}
