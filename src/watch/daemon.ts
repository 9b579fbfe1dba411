import type { RequestListener } from 'node:http';
import { type CollectorName, collectorNames } from '../collectors/index.ts';
import { type Config, detectorSettingsOf, type Server } from '../config/config.ts';
import { isLoopback, type ListenAddress, parseListenAddress } from '../config/listen-address.ts';
import type { LoadedConfig } from '../config/load.ts';
import { processSurroundings } from '../config/surroundings.ts';
import { readWebConfig } from '../config/web-config.ts';
import type { Detector } from '../detectors/define.ts';
import type { Generation } from '../findings/generation.ts';
import { Gate, type GateRules } from '../http/access/gate.ts';
import { createEventStreams } from '../http/api/event-stream.ts';
import { createApp } from '../http/app.ts';
import { defaultHttpOptions } from '../http/options.ts';
import { type RunningServer, startServer } from '../http/server.ts';
import { WebConfigKeeper } from '../http/web-config-keeper.ts';
import { meterBudgets } from '../metrics/bloat.ts';
import { counterOf, createDaemonMetrics } from '../metrics/daemon.ts';
import { families } from '../metrics/families.ts';
import { createMetricsPage } from '../metrics/page.ts';
import { SeriesMemory } from '../metrics/relations.ts';
import { renderInSlices } from '../metrics/render.ts';
import { targetKey } from '../model/ids.ts';
import { err, ok, type Result } from '../model/result.ts';
import { createNotifier, type Notifier } from '../notify/notifier.ts';
import { deliveryOutcomes } from '../notify/webhook.ts';
import { systemClock } from '../scheduler/clock.ts';
import { longestIntervalMs } from '../scheduler/interval.ts';
import { inSlices } from '../store/in-slices.ts';
import { MeasurementBudgets } from './bloat/budget.ts';
import { watchDescriptors } from './descriptors.ts';
import { Fleet } from './fleet.ts';
import { createKnowledge } from './knowledge.ts';
import { openStorage } from './storage.ts';
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
  /** Everything of every target is due now. Returns at once; `onGeneration` tells what came of it. */
  readonly collect: () => void;
  /** Takes up a changed configuration; a bad one changes nothing and is said in log and metric. */
  readonly reload: () => Promise<Result<void, string>>;
  /** Ends within `http.drainTimeout`: requests under way are answered, statements under way cancelled. */
  readonly stop: () => Promise<void>;
}

/**
 * The daemon: watches, renders once per generation, serves. Rejects with `ListenError` where the address cannot be had, and with
 * `StoreOpenError` where the file at `storage.path` cannot; a database that cannot be reached is no reason not to start.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { log, detectors, version } = options;
  const clock = systemClock;
  let { loaded } = options;
  let { config } = loaded;
  const startedAtMs = clock.now();
  const metrics = createDaemonMetrics({
    version,
    nodeVersion: process.version,
    configLoadedAtMs: startedAtMs,
  });
  const budgets = new MeasurementBudgets(clock);
  meterBudgets(metrics.registry, () => budgets.all());
  const page = await createMetricsPage(metrics, inSlices);
  const failedToRender = (caught: unknown): void =>
    log.error({ event: 'render-failed', error: String(caught) }, 'metrics could not be rendered');
  let wasStoreUp: boolean | undefined;
  const store = await openStorage({
    ...{ loaded: options.loaded, clock, log },
    onFacts: (facts) => {
      metrics.stored(facts);
      // Sizes and times wait for the next generation; that nothing is kept does not.
      if (facts.isUp !== wasStoreUp) void page.refresh().catch(failedToRender);
      wasStoreUp = facts.isUp;
    },
  });
  const eventStreams = createEventStreams(store);
  const webConfig = new WebConfigKeeper({
    initial: config.webConfig,
    read: (file) => readWebConfig(processSurroundings(process.env), file),
    now: clock.now,
    log,
    onRead: (isSuccessful, atMs) => {
      metrics.webConfigRead(isSuccessful, atMs);
      void page.refresh().catch(failedToRender);
    },
  });
  const gate = new Gate({
    rules: rulesOf(config),
    users: () => webConfig.current().users,
    now: clock.now,
  });

  /** The newest generation of each target; the ones from before a reload stay until the new configuration's come. */
  const latest = new Map<string, Generation>();
  /** The page that is being made for each target. */
  const pages = new Map<string, Promise<void>>();
  /** Targets that the metrics page has, or that failed to get there. */
  const shown = new Set<string>();
  /** What each target's pages remember; it outlives a reload. */
  const memories = new Map<string, SeriesMemory>();
  const memoryOf = (key: string): SeriesMemory => {
    const memory = memories.get(key) ?? new SeriesMemory();
    memories.set(key, memory);
    return memory;
  };
  const generations = (): readonly Generation[] =>
    [...latest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, generation]) => generation);

  const deliveries = counterOf(metrics.registry, families.webhookDeliveries);
  const notifierFor = (inForce: Config): Notifier => {
    for (const { name: webhook } of inForce.webhooks)
      for (const outcome of deliveryOutcomes) deliveries.inc({ webhook, outcome }, 0);
    const settled = (webhook: string, outcome: string): void => deliveries.inc({ webhook, outcome });
    return createNotifier({ config: inForce, clock, log, settled });
  };
  let notifier = notifierFor(config);

  const startFleet = (): Fleet => {
    const inForce = config;
    const rendering = renderOptions(inForce, detectors);
    budgets.retain(new Set(inForce.servers.map(nameOf)));
    const fleet = new Fleet({
      config: inForce,
      measuring: { budgets },
      detectors,
      docsBaseUrl: inForce.http.docsBaseUrl ?? '/docs',
      store,
      remembers: true,
      clock,
      log,
      publish: (generation) => {
        const key = targetKey(generation.target);
        latest.set(key, generation);
        // One after the other, for what one page leaves to the next.
        const before = pages.get(key) ?? Promise.resolve();
        const shows = before
          .then(() => inSlices(renderInSlices(generation, rendering, memoryOf(key))))
          .then(async (rendered) => {
            // Taken off meanwhile: nobody would take it off again.
            if (!latest.has(key)) return;
            await page.publish(rendered).finally(() => shown.add(key));
          })
          .then(() => options.onGeneration?.(generation), failedToRender);
        pages.set(key, shows);
        void shows.then(() => {
          if (pages.get(key) === shows) pages.delete(key);
        });
      },
      tell: (events) => {
        notifier.tell(events);
        eventStreams.wake();
      },
      retain: (targets) => {
        const kept = new Set(targets.map(targetKey));
        for (const key of [...latest.keys(), ...shown]) {
          if (kept.has(key)) continue;
          latest.delete(key);
          shown.delete(key);
          memories.delete(key);
        }
        void page.retain(targets).catch(failedToRender);
      },
    });
    fleet.start();
    return fleet;
  };

  const appFor = (inForce: Config): ReturnType<typeof createApp> =>
    createApp({
      generations,
      metricsPage: page,
      readiness: () => {
        const unseen = [...latest.keys()].filter((key) => !shown.has(key));
        const waitingFor = [
          ...(fleet?.waitingFor() ?? ['the first collection']),
          ...unseen.map((key) => `the metrics of ${key}`),
        ];
        return { isReady: waitingFor.length === 0, waitingFor };
      },
      reload,
      collecting: {
        targets: () => fleet?.targets() ?? [],
        collect: (targets) => fleet?.collect(targets),
      },
      nextRunAtMs: (collector) => fleet?.nextRunAtMs(collector) ?? null,
      measuringBudgetOf: (name) => budgets.all().get(name),
      diary: store,
      eventStreams,
      configuredMutes: inForce.mutes,
      gate,
      headers: () => webConfig.current().headers,
      knowledge: createKnowledge({
        ...{ loaded, detectors, store, generations, clock, version, startedAtMs },
        nodeVersion: process.version,
      }),
      now: clock.now,
      log,
      options: {
        ...defaultHttpOptions,
        version,
        lifecycleEnabled: inForce.http.lifecycle,
        docsDirectory: options.docsDirectory,
        redactLiterals: inForce.privacy.redactLiterals,
        pageSizeMax: inForce.http.pageSizeMax,
        collectCooldownMs: inForce.http.collectCooldown.ms,
        requestsPerMinute: inForce.http.requestsPerMinute,
      },
    });

  let fleet: Fleet | undefined;
  let isStopping = false;
  /** Notifiers of former configurations, which may still have something to deliver. */
  let closing: Promise<unknown> = Promise.resolve();
  const reloadNow = async (): Promise<Result<void, string>> => {
    if (isStopping) return err('shutting down');
    webConfig.look();
    const again = options.loadAgain();
    metrics.reloaded(again.ok, clock.now());
    if (!again.ok) {
      log.error(
        { event: 'reload-failed', problems: again.error },
        'configuration not reloaded, the one before stays',
      );
      await page.refresh();
      return err(again.error);
    }
    const fixed = changedWithoutEffect(config, again.value.config);
    if (fixed.length > 0)
      log.warn({ event: 'reload', settings: fixed }, 'some changed settings need a restart to take effect');
    loaded = again.value;
    config = loaded.config;
    await fleet?.stop();
    // Told to stop meanwhile: nothing may be started that nobody would end.
    if (isStopping) return err('shutting down');
    webConfig.adopt(config.webConfig);
    gate.adopt(rulesOf(config));
    app = appFor(config);
    warnOfOpenDoors(config, gate, webConfig, log);
    // Without what they resolve to, which would be held on to from reload to reload.
    closing = Promise.all([closing, notifier.close(config.http.drainTimeout.ms)]).then(() => undefined);
    notifier = notifierFor(config);
    fleet = startFleet();
    log.info({ event: 'reload' }, 'configuration reloaded');
    return ok(undefined);
  };
  /** One after the other: two at once would each start what only one of them can end. */
  let reloading: Promise<unknown> = Promise.resolve();
  const reload = (): Promise<Result<void, string>> => {
    const result = reloading.then(reloadNow);
    reloading = result.catch(() => {});
    return result;
  };

  let app = appFor(config);
  const server = await listen(config, (request, response) => app(request, response), {
    webConfig,
    log,
  }).catch(async (caught: unknown) => {
    gate.close();
    await store.close();
    throw caught;
  });
  log.info({ event: 'listening', address: server.address, servers: config.servers.map(nameOf) }, 'listening');
  warnOfOpenDoors(config, gate, webConfig, log);
  fleet = startFleet();
  const ignoreDescriptors = watchDescriptors(log);

  return {
    address: server.address,
    generations,
    collect: () => fleet?.activateAll(),
    reload,
    stop: async () => {
      isStopping = true;
      ignoreDescriptors();
      const endsAtMs = clock.now() + config.http.drainTimeout.ms;
      eventStreams.close();
      await Promise.all([
        fleet?.stop().then(() => notifier.close(Math.max(0, endsAtMs - clock.now()))),
        server.close(config.http.drainTimeout.ms),
        closing,
      ]);
      await reloading;
      gate.close();
      await store.close();
    },
  };
}

const nameOf = (server: Server): string => server.name;

const rulesOf = ({ http, httpTokens }: Config): GateRules => ({
  tokens: httpTokens,
  adminUsers: http.adminUsers,
  withoutAuthentication: http.withoutAuthentication,
  sessionLifetimeMs: http.sessionLifetime.ms,
});

/** Paths of settings that are only looked at when the process starts, and differ. */
function changedWithoutEffect(before: Config, after: Config): readonly string[] {
  const atStart = (config: Config): Readonly<Record<string, unknown>> => ({
    'http.listen': config.http.listen,
    'http.requestTimeout': config.http.requestTimeout.ms,
    'http.maxConnections': config.http.maxConnections,
    'log.destination': config.log.destination,
    storage: JSON.stringify(config.storage),
  });
  const now = atStart(after);
  return Object.entries(atStart(before)).flatMap(([path, value]) => (value === now[path] ? [] : [path]));
}

function listen(
  config: Config,
  app: RequestListener,
  { webConfig, log }: { readonly webConfig: WebConfigKeeper; readonly log: WatchLog },
): Promise<RunningServer> {
  const tls = webConfig.current().tls;
  return startServer({
    app,
    listen: listenAddressOf(config),
    limits: { requestTimeoutMs: config.http.requestTimeout.ms, maxConnections: config.http.maxConnections },
    ...(tls === undefined ? {} : { tls: { current: () => webConfig.current().tls ?? tls, log } }),
  });
}

function listenAddressOf(config: Config): ListenAddress {
  const parsed = parseListenAddress(config.http.listen);
  // The configuration was validated; an address that does not parse now is a bug.
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

/** What a listener beyond this machine should not do; said at the start and with each reload, since nobody asks. */
function warnOfOpenDoors(config: Config, gate: Gate, webConfig: WebConfigKeeper, log: WatchLog): void {
  if (isLoopback(listenAddressOf(config))) return;
  const address = config.http.listen;
  if (!gate.isClosed)
    log.warn(
      { event: 'open-to-all', address },
      'whoever reaches this address reads the names and sizes of all tables; http.webConfigFile and http.tokens close it, http.listen binds to another address',
    );
  if ((gate.hasUsers || gate.hasTokens) && webConfig.current().tls === undefined)
    log.warn(
      { event: 'credentials-in-the-clear', address },
      'passwords and tokens travel unencrypted to this address; tls_server_config in http.webConfigFile, or a proxy in front, changes that',
    );
}

function renderOptions(config: Config, detectors: readonly Detector[]): Parameters<typeof renderInSlices>[1] {
  return {
    blockIo: config.metrics.blockIo,
    maxIndexSeries: config.metrics.maxIndexSeries,
    maxTableSeries: config.metrics.maxTableSeries,
    keepSeriesForMs: config.metrics.keepSeriesFor.ms,
    maxFindingSeries: config.metrics.maxFindingSeries,
    labelBytesMax: config.metrics.labelBytesMax,
    kinds: detectors.map((detector) => detector.id).filter((id) => detectorSettingsOf(config, id).enabled),
    intervalsMs: intervalsOf(config),
  };
}

/** How long each collector that is turned on pauses at most. */
function intervalsOf(config: Config): ReadonlyMap<CollectorName, number> {
  const known = new Map<string, number | undefined>();
  return new Map(
    collectorNames.flatMap((name) => {
      const settings = config.collectors[name];
      if (settings?.enabled !== true) return [];
      const { schedule, timezone } = settings;
      const key = JSON.stringify([schedule, timezone]);
      if (!known.has(key)) known.set(key, longestIntervalMs(schedule, timezone));
      const intervalMs = known.get(key);
      return intervalMs === undefined ? [] : [[name, intervalMs] as const];
    }),
  );
}
