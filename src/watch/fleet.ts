import { type CollectorName, collectorNames } from '../collectors/index.ts';
import {
  type Config,
  detectorSettingsOf,
  expectationsFor,
  type Server,
  type ServerNode,
} from '../config/config.ts';
import { compileFilter } from '../config/globs.ts';
import { lifeRules } from '../config/life-rules.ts';
import { muteRules } from '../config/mutes.ts';
import { pgClientAttempts } from '../config/pg-client.ts';
import { policyLookup } from '../config/policy.ts';
import type { Detector } from '../detectors/define.ts';
import type { Generation } from '../findings/generation.ts';
import type { DiaryEvent } from '../model/event.ts';
import { nodeName, type TargetId, targetKey } from '../model/ids.ts';
import type { SessionLimits } from '../postgres/session.ts';
import { ConnectionSlots } from '../postgres/slots.ts';
import type { Clock } from '../scheduler/clock.ts';
import { type Job, type RunningScheduler, startScheduler } from '../scheduler/scheduler.ts';
import type { Store } from '../store/store.ts';
import { buildSettings } from './bloat/settings.ts';
import { type FleetMeasuring, targetBloat } from './bloat/target-bloat.ts';
import { BuildMemory } from './build-memory.ts';
import { Connection } from './connection.ts';
import { discover } from './discovery.ts';
import type { PassLimits } from './pass.ts';
import { Places } from './places.ts';
import { fleetProbes } from './probes/fleet-probes.ts';
import { StandbyWatcher } from './standby-watcher.ts';
import { TargetWatcher, type WatchLog } from './target-watcher.ts';

export interface FleetOptions {
  readonly config: Config;
  readonly detectors: readonly Detector[];
  /** Only these collectors run; all that are enabled, if absent. */
  readonly collectors?: ReadonlySet<CollectorName>;
  readonly docsBaseUrl: string;
  readonly store: Store;
  /** Whether use is judged by what the store remembers; not in a single look. */
  readonly remembers: boolean;
  readonly clock: Clock;
  readonly log: WatchLog;
  readonly publish: (generation: Generation) => void;
  /** How indexes are measured; without it nothing but the catalogue is read. */
  readonly measuring?: FleetMeasuring;
  /** Told of what happened to findings and indexes, once it is kept. */
  readonly tell?: (events: readonly DiaryEvent[]) => void;
  /** Called when the set of targets has changed, with those there are now. */
  readonly retain?: (targets: readonly TargetId[]) => void;
}

interface WatchedServer {
  readonly server: Server;
  readonly slots: ConnectionSlots;
  /** Held by the one probe that is run there. */
  readonly probing: ConnectionSlots;
  /** Each standby has a cap of its own, by its name. */
  readonly standbySlots: ReadonlyMap<string, ConnectionSlots>;
  readonly watchers: Map<string, TargetWatcher>;
  /** The discovery that is under way; it never overlaps with itself. */
  discovering: Promise<void> | undefined;
}

/** How often a server is asked for databases that have come or gone. */
const discoverySchedule = '45 */5 * * * *';

/**
 * All watchers of one configuration. A target's failure never delays another's: each has its own connection, within its server's
 * cap, and its own queue.
 */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #servers: readonly WatchedServer[];
  readonly #stop = new AbortController();
  readonly #places = new Places();
  readonly #names: readonly CollectorName[];
  #scheduler: RunningScheduler | undefined;
  /** The job of each collector, by its name. */
  #jobOf: ReadonlyMap<CollectorName, string> = new Map();

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#names = collectorNames.filter(
      (name) =>
        options.config.collectors[name]?.enabled !== false &&
        (options.collectors === undefined || options.collectors.has(name)),
    );
    this.#servers = options.config.servers.map((server) => ({
      server,
      slots: new ConnectionSlots(server.maxConnections),
      probing: new ConnectionSlots(1),
      standbySlots: new Map(
        server.standbys.map(({ name }) => [name, new ConnectionSlots(server.maxConnections)]),
      ),
      watchers: new Map(),
      discovering: undefined,
    }));
  }

  /** The newest generation of each target that has one. */
  generations(): readonly Generation[] {
    return this.#watchers().flatMap((watcher) => watcher.generation ?? []);
  }

  /** What has not been looked at for the first time yet, in words; empty when all has. */
  waitingFor(): readonly string[] {
    return this.#servers.flatMap(({ server, watchers }) => {
      if (watchers.size === 0) return [`the databases of ${server.name}`];
      return [...watchers.values()]
        .filter((watcher) => watcher.generation === undefined)
        .map((watcher) => `the first collection of ${targetKey(watcher.target)}`);
    });
  }

  /** Collects once at once, then on schedule until stopped. */
  start(): void {
    for (const watched of this.#servers) {
      if (watched.server.databases.kind === 'named') this.#retarget(watched, watched.server.databases.names);
      else void this.#discover(watched);
    }
    this.#scheduler = startScheduler(this.#jobs(), this.#options.log);
  }

  /** Everything due now, for the first time or on demand. */
  activateAll(): void {
    for (const watcher of this.#watchers()) watcher.activate(this.#names);
  }

  /** Plans and runs all probes. Returns at once. */
  activateProbes(): void {
    for (const watcher of this.#watchers()) watcher.activateProbes();
  }

  /** The targets that are watched now, sorted. */
  targets(): readonly TargetId[] {
    return this.#watchers()
      .map(({ target }) => target)
      .sort((a, b) => (targetKey(a) < targetKey(b) ? -1 : 1));
  }

  /** Everything of these targets is due now. Returns at once. */
  collect(targets: readonly TargetId[]): void {
    const keys = new Set(targets.map(targetKey));
    for (const watcher of this.#watchers())
      if (keys.has(targetKey(watcher.target))) watcher.activate(this.#names);
  }

  /** When a collector is due by its schedule, in ms since the epoch; null where it has none. */
  nextRunAtMs(collector: string): number | null {
    const job = [...this.#jobOf].find(([name]) => name === collector)?.[1];
    return job === undefined ? null : (this.#scheduler?.nextRunAtMs(job) ?? null);
  }

  /** Asks the servers whose databases are discovered for them, and watches those there are now. */
  async rediscover(): Promise<void> {
    await Promise.all(this.#servers.map((watched) => this.#discover(watched)));
  }

  /** One pass over every target, as many at once as the servers' caps allow. */
  async runOnce(): Promise<readonly Generation[]> {
    const generations = await Promise.all(
      this.#servers.map(async (watched) => {
        const { databases } = watched.server;
        const names = databases.kind === 'named' ? databases.names : await this.#databasesOf(watched);
        // A server that cannot be asked for its databases is looked at through the one that was to be asked.
        const wanted = names ?? (databases.kind === 'discovered' ? [databases.connectTo] : []);
        this.#fill(watched, wanted);
        return Promise.all([...watched.watchers.values()].map((watcher) => watcher.runOnce(this.#names)));
      }),
    );
    return generations.flat();
  }

  /** Measures every target until nothing is left to measure, and returns what is known then. */
  async measureAll(): Promise<readonly Generation[]> {
    const generations = await Promise.all(this.#watchers().map((watcher) => watcher.measureAll()));
    return generations.flatMap((generation) => generation ?? []);
  }

  async stop(): Promise<void> {
    this.#scheduler?.stop();
    this.#stop.abort(new Error('shutting down'));
    await Promise.all(this.#watchers().map((watcher) => watcher.stop()));
  }

  #watchers(): readonly TargetWatcher[] {
    return this.#servers.flatMap(({ watchers }) => [...watchers.values()]);
  }

  /** Collectors that share a schedule are one job, so that they run in one pass over one catalogue. */
  #jobs(): readonly Job[] {
    const groups = new Map<
      string,
      { readonly job: Omit<Job, 'activate' | 'name'>; readonly names: CollectorName[] }
    >();
    for (const name of this.#names) {
      const settings = this.#options.config.collectors[name];
      if (settings === undefined) continue;
      const job = {
        schedule: settings.schedule,
        timezone: settings.timezone,
        maxRandomDelayMs: settings.maxRandomDelay.ms,
      };
      const key = JSON.stringify(job);
      const group = groups.get(key) ?? { job, names: [] };
      group.names.push(name);
      groups.set(key, group);
    }
    this.#jobOf = new Map(
      [...groups.values()].flatMap(({ names }) => names.map((name) => [name, names.join(',')] as const)),
    );
    const jobs: Job[] = [...groups.values()].map(({ job, names }) => ({
      ...job,
      name: names.join(','),
      activate: () => {
        for (const watcher of this.#watchers()) watcher.activate(names);
      },
    }));
    const { bloat } = this.#options.config;
    if (this.#options.measuring !== undefined && bloat.enabled) {
      jobs.push({
        name: 'measuring',
        schedule: bloat.schedule,
        timezone: bloat.timezone,
        maxRandomDelayMs: bloat.maxRandomDelay.ms,
        activate: () => {
          for (const watcher of this.#watchers()) watcher.activateMeasuring();
        },
      });
    }
    for (const schedule of this.#probeSchedules()) {
      jobs.push({
        name: `probes ${schedule}`,
        schedule,
        timezone: 'UTC',
        maxRandomDelayMs: 0,
        activate: () => {
          for (const watcher of this.#watchers()) watcher.activateProbes(schedule);
        },
      });
    }
    const discovered = this.#servers.filter(({ server }) => server.databases.kind === 'discovered');
    if (discovered.length > 0) {
      jobs.push({
        name: 'discovery',
        schedule: discoverySchedule,
        timezone: 'UTC',
        maxRandomDelayMs: 0,
        activate: () => void this.rediscover(),
      });
    }
    return jobs;
  }

  #probeSchedules(): ReadonlySet<string> {
    const { config } = this.#options;
    if (!config.probes.enabled) return new Set();
    const declared = config.servers.flatMap(({ probes }) => probes.flatMap((manifest) => manifest.probes));
    return new Set(declared.map(({ schedule }) => schedule));
  }

  #discover(watched: WatchedServer): Promise<void> {
    watched.discovering ??= this.#refreshDatabases(watched).finally(() => {
      watched.discovering = undefined;
    });
    return watched.discovering;
  }

  async #refreshDatabases(watched: WatchedServer): Promise<void> {
    const { databases } = watched.server;
    if (databases.kind !== 'discovered') return;
    const names = await this.#databasesOf(watched);
    if (this.#stop.signal.aborted) return;
    if (names !== undefined) this.#retarget(watched, names);
    // Nothing known yet and nobody answers: the server still has to show as down.
    else if (watched.watchers.size === 0) this.#retarget(watched, [databases.connectTo]);
  }

  async #databasesOf(watched: WatchedServer): Promise<readonly string[] | undefined> {
    const { config, log } = this.#options;
    return discover(watched.server, watched.slots, config, { log, signal: this.#stop.signal });
  }

  /** Makes the watchers those of the named databases, starts the new and stops the others. */
  #retarget(watched: WatchedServer, names: readonly string[]): void {
    const wanted = new Set(names);
    const added = this.#fill(watched, names);
    for (const watcher of added) {
      watcher.activate(this.#names);
      watcher.activateProbes();
    }
    for (const [name, watcher] of watched.watchers) {
      if (wanted.has(name)) continue;
      watched.watchers.delete(name);
      this.#places.remove(watcher.target);
      void watcher.stop();
    }
    this.#options.retain?.(this.#watchers().map((watcher) => watcher.target));
  }

  #fill(watched: WatchedServer, names: readonly string[]): readonly TargetWatcher[] {
    const added = names.filter((name) => !watched.watchers.has(name));
    return added.map((name) => {
      const watcher = this.#watch(watched, name);
      watched.watchers.set(name, watcher);
      return watcher;
    });
  }

  #watch(watched: WatchedServer, datname: string): TargetWatcher {
    const { server, slots, watchers } = watched;
    const { config, detectors, store, clock, log, publish, docsBaseUrl } = this.#options;
    const { limits } = config;
    const target: TargetId = { server: server.name, datname };
    const policyOf = policyLookup(config, server.name, datname);
    const settingsOf = (detector: Detector) => detectorSettingsOf(config, detector.id);
    const judging = detectors.filter((detector) => settingsOf(detector).enabled);
    const sessionLimits: SessionLimits = {
      connectTimeoutMs: limits.connectTimeout.ms,
      lockTimeoutMs: limits.lockTimeout.ms,
      allowPooler: server.allowPooler,
    };
    const connectionOf = (node: ServerNode, nodeSlots: ConnectionSlots): Connection =>
      new Connection({
        attempts: () => pgClientAttempts(node.connection, datname),
        sessionLimits,
        slots: nodeSlots,
        backOffMs: { first: limits.retryFirst.ms, max: limits.retryMax.ms },
        clock,
      });
    const passLimits: PassLimits = {
      bisectionBudgetMs: limits.bisectionBudget.ms,
      secondLookDelayMs: limits.secondLookDelay.ms,
      statementsMax: limits.statementsMax,
      statementTextMax: limits.statementTextMax,
      rowsMax: limits.rowsMax,
      rowsPerSlice: limits.rowsPerSlice,
      // A single look has none to keep.
      rereadInventoryAfterMs: this.#options.remembers ? limits.rereadInventoryAfter.ms : 0,
      statementTimeoutMs: (name) =>
        Math.min(
          limits.statementTimeout.ms,
          config.collectors[name]?.statementTimeout.ms ?? limits.statementTimeout.ms,
        ),
    };
    const watcher: TargetWatcher = new TargetWatcher({
      ...targetBloat({
        ...{ config, server, target, store, clock, log, slots, sessionLimits },
        measuring: this.#options.measuring,
        watcher: () => watcher,
      }),
      ...fleetProbes({
        ...{ config, server, target, store, clock, log, slots, sessionLimits },
        turn: watched.probing,
        judging,
        remembers: this.#options.remembers,
        policyFor: policyOf,
        watcher: () => watcher,
      }),
      target,
      node: nodeName(server.primary.name),
      connection: connectionOf(server.primary, slots),
      standbys: server.standbys.map(
        (standby) =>
          new StandbyWatcher({
            target,
            node: nodeName(standby.name),
            connection: connectionOf(standby, slotsOf(watched, standby)),
            passLimits,
            keepsConnection: () => watchers.size <= server.maxConnections,
            clock,
            log,
          }),
      ),
      passLimits,
      judge: {
        detectors: judging,
        // Of all, whether they judge or not: one may go by the settings of another.
        settings: Object.fromEntries(
          Object.keys(config.detectors).map((kind) => [kind, detectorSettingsOf(config, kind).settings]),
        ),
        policyFor: policyOf,
        isWatched: compileFilter(server.schemas),
        expectations: expectationsFor(server, datname),
        redactLiterals: config.privacy.redactLiterals,
        docsBaseUrl,
      },
      places: this.#places,
      history: {
        maxGapMs: config.history.maxGap.ms,
        isRemembered: this.#options.remembers,
        isTopologyComplete: server.topology === 'complete',
      },
      // Discovery needs a slot too, a measurement a second connection, and targets may come and go.
      keepsConnection: () => {
        const isMeasuring = [...watchers.values()].some((other) => other.isMeasuring);
        const isDiscovered = server.databases.kind === 'discovered';
        const isProbed =
          config.probes.enabled && server.probes.some(({ probes }) => probes.some((one) => one.isAnalyzed));
        const wanted = watchers.size + Number(isDiscovered) + Number(isMeasuring) + Number(isProbed);
        return wanted <= server.maxConnections;
      },
      builds: new BuildMemory({ target, store, settings: buildSettings(config), log }),
      store,
      life: {
        rules: lifeRules(config.findings),
        mutes: muteRules(config.mutes),
        tell: (events) => this.#options.tell?.(events),
      },
      clock,
      log,
      publish: (generation) => {
        // A watcher that was replaced or removed while it worked has nothing more to say.
        if (!this.#stop.signal.aborted && this.#knows(target)) publish(generation);
      },
    });
    return watcher;
  }

  #knows(target: TargetId): boolean {
    return this.#watchers().some((watcher) => targetKey(watcher.target) === targetKey(target));
  }
}

function slotsOf({ standbySlots }: WatchedServer, { name }: ServerNode): ConnectionSlots {
  const slots = standbySlots.get(name);
  if (slots === undefined) throw new Error(`${name} is no standby of this server`);
  return slots;
}
