import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { pgClientAttempts } from '../../src/config/pg-client.ts';
import { formatConfigError } from '../../src/config/problems.ts';
import { detectors } from '../../src/detectors/index.ts';
import type { Generation } from '../../src/findings/generation.ts';
import { Session, type SessionLimits } from '../../src/postgres/session.ts';
import type { Clock } from '../../src/scheduler/clock.ts';
import { systemClock } from '../../src/scheduler/clock.ts';
import { memoryStore } from '../../src/store/store.ts';
import { declarations } from '../../src/watch/declarations.ts';
import { Fleet, type FleetOptions } from '../../src/watch/fleet.ts';
import { quiet } from './look.ts';
import { eventually } from './processes.ts';

/** A configuration as its file would say it. */
export function configOf(document: Readonly<Record<string, unknown>>): Config {
  const loaded = loadConfig({ ...declarations, env: {}, document });
  if (!loaded.ok) throw new Error(formatConfigError(loaded.error));
  return loaded.value.config;
}

/** Collectors that run when the test says so: of their own accord only on a leap day. */
export const neverScheduled: Readonly<Record<string, unknown>> = Object.fromEntries(
  Object.keys(declarations.collectorDefaults).map((name) => [name, { schedule: '30 4 29 2 *' }]),
);

export const usualLimits: SessionLimits = {
  connectTimeoutMs: 5_000,
  lockTimeoutMs: 200,
  allowPooler: false,
};

/** A guest's session to the database of a connection string. The caller closes it. */
export async function openSession(url: string, limits: Partial<SessionLimits> = {}): Promise<Session> {
  const opened = await trySession(url, limits);
  if (!opened.ok) throw new Error(`${opened.error.kind}: ${opened.error.message}`);
  return opened.value;
}

export function trySession(
  url: string,
  limits: Partial<SessionLimits> = {},
  signal: AbortSignal = new AbortController().signal,
): ReturnType<typeof Session.open> {
  const [server] = configOf({ servers: [{ name: 's', primary: { url } }] }).servers;
  const connection = server?.primary.connection;
  if (connection === undefined) throw new Error('no server');
  const attempts = pgClientAttempts(connection, connection.database ?? 'postgres');
  return Session.open(attempts, { ...usualLimits, ...limits }, signal);
}

/** A clock that stands still but for what the test adds and what is slept. */
export interface ManualClock extends Clock {
  advance(ms: number): void;
  /** What was slept, in order. */
  readonly sleeps: readonly number[];
}

export function manualClock(random = 0.5): ManualClock {
  let nowMs = Date.now();
  const sleeps: number[] = [];
  return {
    now: () => nowMs,
    sleep: async (ms) => {
      sleeps.push(ms);
      nowMs += ms;
    },
    random: () => random,
    advance: (ms) => {
      nowMs += ms;
    },
    sleeps,
  };
}

export interface WatchedFleet {
  readonly fleet: Fleet;
  /** All that was published, in order. */
  readonly published: readonly Generation[];
  /** Generations of one database so far. */
  of(datname: string): readonly Generation[];
  /** Waits until a database has published `count` generations, and returns the newest. */
  until(datname: string, count: number): Promise<Generation>;
}

/** A fleet on a configuration, not started yet. The caller stops it. */
export function fleetOn(
  document: Readonly<Record<string, unknown>>,
  options: Partial<FleetOptions> = {},
): WatchedFleet {
  const published: Generation[] = [];
  const fleet = new Fleet({
    config: configOf(document),
    detectors,
    docsBaseUrl: '/docs',
    store: memoryStore(),
    remembers: true,
    clock: systemClock,
    log: quiet,
    publish: (generation) => void published.push(generation),
    ...options,
  });
  const of = (datname: string) => published.filter((generation) => generation.target.datname === datname);
  return {
    fleet,
    published,
    of,
    until: async (datname, count) => {
      await eventually(`${count} generations of ${datname}`, () => of(datname).length >= count);
      const newest = of(datname).at(-1);
      if (newest === undefined) throw new Error(`nothing was published of ${datname}`);
      return newest;
    },
  };
}
