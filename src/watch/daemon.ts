import { type Config, detectorSettingsOf, type Server } from '../config/config.ts';
import { parseListenAddress } from '../config/listen-address.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Detector } from '../detectors/define.ts';
import type { Generation } from '../findings/generation.ts';
import { createApp } from '../http/app.ts';
import { defaultHttpOptions } from '../http/options.ts';
import { type RunningServer, startServer } from '../http/server.ts';
import { createDaemonMetrics } from '../metrics/daemon.ts';
import { createMetricsPage } from '../metrics/page.ts';
import { renderGeneration } from '../metrics/render.ts';
import { err, ok, type Result } from '../model/result.ts';
import { systemClock } from '../scheduler/clock.ts';
import { memoryStore } from '../store/store.ts';
import { Fleet } from './fleet.ts';
import type { WatchLog } from './target-watcher.ts';

export interface DaemonOptions {
  readonly loaded: LoadedConfig;
  /** Reads the configuration again, from where it came; the error is its problems as text, without secrets. */
  readonly loadAgain: () => Result<LoadedConfig, string>;
  readonly detectors: readonly Detector[];
  readonly version: string;
  readonly docsDirectory: string;
  readonly log: WatchLog;
  /** Told of each generation after it is served. */
  readonly onGeneration?: (generation: Generation) => void;
}

export interface Daemon {
  /** Where it listens: `http://127.0.0.1:10187`. */
  readonly address: string;
  readonly generations: () => readonly Generation[];
  /** Takes up a changed configuration; a bad one changes nothing and is said in log and metric. */
  readonly reload: () => Promise<Result<void, string>>;
  /** Ends within `http.drainTimeout`: requests under way are answered, statements under way cancelled. */
  readonly stop: () => Promise<void>;
}

/**
 * The daemon: watches, renders once per generation, serves. Rejects with `ListenError` where the address cannot be had; a database
 * that cannot be reached is no reason not to start.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { log, detectors, version } = options;
  const clock = systemClock;
  const store = memoryStore();
  let { config } = options.loaded;
  const metrics = createDaemonMetrics({
    version,
    nodeVersion: process.version,
    configLoadedAtMs: clock.now(),
  });
  const page = await createMetricsPage(metrics);
  const failedToRender = (caught: unknown): void =>
    log.error({ event: 'render-failed', error: String(caught) }, 'metrics could not be rendered');

  const startFleet = (): Fleet => {
    const inForce = config;
    const fleet = new Fleet({
      config: inForce,
      detectors,
      docsBaseUrl: inForce.http.docsBaseUrl ?? '/docs',
      store,
      clock,
      log,
      publish: (generation) => {
        const rendered = renderGeneration(generation, renderOptions(inForce, detectors));
        page.publish(rendered).then(() => options.onGeneration?.(generation), failedToRender);
      },
      retain: (targets) => void page.retain(targets).catch(failedToRender),
    });
    fleet.start();
    return fleet;
  };

  let fleet: Fleet | undefined;
  const reload = async (): Promise<Result<void, string>> => {
    const loaded = options.loadAgain();
    metrics.reloaded(loaded.ok, clock.now());
    if (!loaded.ok) {
      log.error(
        { event: 'reload-failed', problems: loaded.error },
        'configuration not reloaded, the one before stays',
      );
      await page.refresh();
      return err(loaded.error);
    }
    if (loaded.value.config.http.listen !== config.http.listen) {
      log.warn({ event: 'reload' }, 'http.listen changed: it takes a restart to listen elsewhere');
    }
    config = loaded.value.config;
    await fleet?.stop();
    fleet = startFleet();
    log.info({ event: 'reload' }, 'configuration reloaded');
    return ok(undefined);
  };

  const server = await listen(config, (listenConfig) =>
    createApp({
      generations: () => fleet?.generations() ?? [],
      metricsPage: page,
      readiness: () => {
        const waitingFor = fleet?.waitingFor() ?? ['the first collection'];
        return { isReady: waitingFor.length === 0, waitingFor };
      },
      reload,
      now: clock.now,
      log,
      options: {
        ...defaultHttpOptions,
        version,
        lifecycleEnabled: listenConfig.http.lifecycle,
        docsDirectory: options.docsDirectory,
        redactLiterals: listenConfig.privacy.redactLiterals,
        pageSizeMax: listenConfig.http.pageSizeMax,
      },
    }),
  );
  log.info({ event: 'listening', address: server.address, servers: config.servers.map(nameOf) }, 'listening');
  fleet = startFleet();

  return {
    address: server.address,
    generations: () => fleet?.generations() ?? [],
    reload,
    stop: async () => {
      await Promise.all([fleet?.stop(), server.close(config.http.drainTimeout.ms)]);
      await store.close();
    },
  };
}

const nameOf = (server: Server): string => server.name;

function listen(
  config: Config,
  app: (config: Config) => ReturnType<typeof createApp>,
): Promise<RunningServer> {
  const parsed = parseListenAddress(config.http.listen);
  // The configuration was validated; an address that does not parse now is a bug.
  if (!parsed.ok) throw new Error(parsed.error);
  return startServer({
    app: app(config),
    listen: parsed.value,
    limits: { requestTimeoutMs: config.http.requestTimeout.ms, maxConnections: config.http.maxConnections },
  });
}

function renderOptions(
  config: Config,
  detectors: readonly Detector[],
): Parameters<typeof renderGeneration>[1] {
  return {
    blockIo: config.metrics.blockIo,
    maxIndexSeries: config.metrics.maxIndexSeries,
    maxTableSeries: config.metrics.maxTableSeries,
    maxFindingSeries: config.metrics.maxFindingSeries,
    labelBytesMax: config.metrics.labelBytesMax,
    kinds: detectors.map((detector) => detector.id).filter((id) => detectorSettingsOf(config, id).enabled),
  };
}
