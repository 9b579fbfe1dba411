import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, expect } from 'vitest';
import { declarations } from '../../src/watch/declarations.ts';
import { answerOf, listed } from '../e2e/daemon-client.ts';
import { type Programs, programs, type Running, type StartOptions } from '../e2e/program.ts';
import { parseExposition } from '../metrics/parse-exposition.ts';
import { MetricsView } from './metrics-view.ts';

/*
 * `indexwarden serve` as it is run, a process of its own, with schedules of a second and short waits, and what its /metrics says.
 */

/** Every collector each second, so that what a fault does shows at once. */
const eachSecond = { schedule: '* * * * * *', maxRandomDelay: '0s' };
export const collectingEachSecond: Readonly<Record<string, unknown>> = Object.fromEntries(
  Object.keys(declarations.collectorDefaults).map((name) => [name, eachSecond]),
);

/** Short enough to stage a fault in seconds; what the daemon does has to end within them. */
export const shortLimits = {
  connectTimeout: '1s',
  retryFirst: '100ms',
  retryMax: '1s',
  statementTimeout: '2s',
  lockTimeout: '100ms',
} as const;

export interface WatchedDaemon extends Running {
  readonly address: string;
  readonly folder: string;
  /** Takes up other servers by SIGHUP. */
  readonly reconfigure: (servers: Servers, others?: Others) => Promise<void>;
  /** The page as it is now; fails where it cannot be had or breaks the format. */
  readonly metrics: () => Promise<MetricsView>;
  /** Waits until the page says so, and returns that page. */
  readonly untilSaid: (what: string, says: (view: MetricsView) => boolean) => Promise<MetricsView>;
  /** Waits for facts of a database that were read after a moment; returns how long after, in ms. */
  readonly recovered: (datname: string, sinceMs: number) => Promise<number>;
  /** Ends it before its test does; a signal that leaves it no time is no failure then. */
  readonly endBy: (signal: NodeJS.Signals) => Promise<void>;
  /** What it tells of as having happened, of one kind. */
  readonly happened: (kind: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Lines of its log with this event. */
  readonly events: (event: string) => readonly Readonly<Record<string, unknown>>[];
}

export type Servers = readonly Readonly<Record<string, unknown>>[];
export type Others = Readonly<Record<string, unknown>>;

export interface Daemons extends Programs {
  /** Starts a daemon on servers as a configuration file names them, and waits until it listens. */
  readonly watch: (servers: Servers, others?: Others, options?: StartOptions) => Promise<WatchedDaemon>;
}

/** Many times what the daemon's own waits come to, for a machine with other things to do. */
const limitMs = 30_000;

/** Waits until `condition` yields something, and returns that. What it throws ends the wait. */
export async function until<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms for: ${what}`);
    await delay(30);
  }
}

/** For the top of a test file: daemons that end with the test that started them, which fails where one ended by itself or by a bug. */
export function daemons(): Daemons {
  const all = programs();
  const folder = mkdtempSync(path.join(tmpdir(), 'faults-'));
  const watched: WatchedDaemon[] = [];
  let count = 0;

  const watch: Daemons['watch'] = async (servers, others = {}, options = {}) => {
    count += 1;
    const own = path.join(folder, String(count));
    mkdirSync(own);
    const file = path.join(own, 'indexwarden.yaml');
    const write = (named: Servers, rest: Others): void =>
      // JSON is YAML, and quotes everything.
      writeFileSync(
        file,
        JSON.stringify({ servers: named, limits: shortLimits, collectors: collectingEachSecond, ...rest }),
      );
    write(servers, others);
    const running = all.start(
      ['serve', '--config.file', file, '--web.listen-address', '127.0.0.1:0'],
      options,
    );
    const [, address = ''] = await running.printed(/"address":"([^"]+)"/, 'stderr');
    const metrics: WatchedDaemon['metrics'] = async () => {
      const { status, body } = await answerOf(address, '/metrics');
      expect(status).toBe(200);
      return new MetricsView(parseExposition(body));
    };
    const events: WatchedDaemon['events'] = (event) =>
      running
        .stderr()
        .split('\n')
        .filter((line) => line.includes(`"event":"${event}"`))
        .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    const untilSaid: WatchedDaemon['untilSaid'] = (what, says) => {
      let last: MetricsView | undefined;
      return until(what, async () => {
        if (running.hasEnded()) throw new Error(`the daemon has ended: ${running.stderr()}`);
        last = await metrics();
        return says(last) && last;
      }).catch((caught: unknown) => {
        const said = last?.databases.map((datname) => `${datname}: ${last?.said(datname)}`).join('\n');
        throw new Error(`${String(caught)}\n${said}\n${running.stderr()}`);
      });
    };
    const daemon: WatchedDaemon = {
      ...running,
      ...{ address, folder: own, metrics, untilSaid, events },
      endBy: async (signal) => {
        watched.splice(watched.indexOf(daemon), 1);
        running.kill(signal);
        await running.ended;
      },
      happened: async (kind) => (await listed(address, 'events')).filter((one) => one.kind === kind),
      reconfigure: async (named, rest = others) => {
        const before = events('reload').length;
        write(named, rest);
        running.kill('SIGHUP');
        await until('the configuration to be reloaded', () => events('reload').length > before);
      },
      recovered: async (datname, sinceMs) => {
        await untilSaid(`fresh facts of ${datname}`, (view) => view.hasFactsSince(datname, sinceMs));
        return Date.now() - sinceMs;
      },
    };
    watched.push(daemon);
    return daemon;
  };

  afterEach(async () => {
    const ended = watched.splice(0);
    const early = ended.filter((daemon) => daemon.hasEnded());
    await all.endAll();
    expect(early.map(({ stderr }) => stderr())).toEqual([]);
    for (const daemon of ended) {
      expect(await daemon.ended).toMatchObject({ code: 0 });
      // What the program itself calls a bug of its own.
      expect([...daemon.events('pass-failed'), ...daemon.events('render-failed')]).toEqual([]);
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return { ...all, watch };
}
