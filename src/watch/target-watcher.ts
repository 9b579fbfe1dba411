import { catalogueInSlices } from '../analysis/catalogue.ts';
import { type ReadStatement, statementReader } from '../analysis/sql/conditions.ts';
import { loadSqlParser } from '../analysis/sql/parser.ts';
import { type DefinitionFact, definitions as definitionsCollector } from '../collectors/definitions.ts';
import { type CollectorName, collectorNames } from '../collectors/index.ts';
import type { InventoryReading, Snapshot } from '../collectors/snapshot.ts';
import { expectedStatuses } from '../findings/expected-status.ts';
import type { CollectorRun, Generation } from '../findings/generation.ts';
import { usualLifeRules } from '../findings/ledger.ts';
import { rebuildsIn } from '../history/bloat/answers.ts';
import type { DiaryEvent } from '../model/event.ts';
import type { Inconclusive } from '../model/finding.ts';
import { type NodeName, type TargetId, targetKey } from '../model/ids.ts';
import { type CollectionError, type Outcome, whyMissing } from '../model/outcome.ts';
import { runCollector } from '../postgres/run-collector.ts';
import type { Session } from '../postgres/session.ts';
import { fewActions, rankFindings } from '../report/actions.ts';
import type { Clock } from '../scheduler/clock.ts';
import { inSlices } from '../store/in-slices.ts';
import type { Store } from '../store/store.ts';
import { StoreError } from '../store/thread.ts';
import { Activations } from './activations.ts';
import type { BloatKeeper } from './bloat/keeper.ts';
import type { TargetMeasuring } from './bloat/measuring.ts';
import type { BuildMemory } from './build-memory.ts';
import type { Connection } from './connection.ts';
import { Diary, type DiaryOptions } from './diary.ts';
import {
  type BloatFacts,
  definitionsNeeded,
  type FurtherFacts,
  type Judgement,
  type JudgeOptions,
  judgeInSlices,
  remediesOf,
  toFindingsInSlices,
} from './judge.ts';
import { type NodesSaid, TargetNodes } from './nodes.ts';
import { type PassLimits, runPass, unreachable } from './pass.ts';
import { missingPermissions } from './permissions.ts';
import type { Places } from './places.ts';
import type { TargetProbes } from './probes/target-probes.ts';
import type { StandbyWatcher } from './standby-watcher.ts';
import { TableSizes } from './table-sizes.ts';
import { UsageMemory } from './usage-memory.ts';

export interface WatchLog {
  readonly debug: (fields: object, message: string) => void;
  readonly info: (fields: object, message: string) => void;
  readonly warn: (fields: object, message: string) => void;
  readonly error: (fields: object, message: string) => void;
}

export interface WatcherOptions {
  readonly target: TargetId;
  readonly node: NodeName;
  readonly connection: Connection;
  /** One for each configured standby; they end with this watcher. */
  readonly standbys: readonly StandbyWatcher[];
  readonly passLimits: PassLimits;
  readonly judge: JudgeOptions;
  readonly places: Places;
  readonly history: {
    readonly maxGapMs: number;
    /** Whether use is judged by what is remembered; in a single look only what the servers count themselves stands. */
    readonly isRemembered: boolean;
    /** The operator's word that every node that reads is configured. */
    readonly isTopologyComplete: boolean;
  };
  /** What is known of bloat; kept here from pass to pass. */
  readonly keeper: BloatKeeper;
  /** What is learned from running builds; kept here from pass to pass. */
  readonly builds: BuildMemory;
  /** Measures indexes; absent where nothing is to be measured. */
  readonly measuring?: TargetMeasuring;
  /** Declared queries that are planned and run; absent where there are none. */
  readonly probes?: TargetProbes;
  /** Whether the connection may stay open between passes; not while those who want one outnumber the server's slots. */
  readonly keepsConnection: () => boolean;
  readonly store: Store;
  /** How findings live and who hears of it; by the presets, and nobody, where absent. */
  readonly life?: Pick<DiaryOptions, 'rules' | 'mutes' | 'tell'>;
  readonly clock: Clock;
  readonly log: WatchLog;
  /** Called with each generation, in order. */
  readonly publish: (generation: Generation) => void;
}

/** How often to look whether the store is open again. */
const storeLookMs = 1_000;

/**
 * Watches one database: runs due collectors one at a time over one connection, judges, and publishes a generation after each
 * pass, failed ones too. Activations never wait and never overlap: what becomes due during a pass runs in the next.
 */
export class TargetWatcher {
  readonly #options: WatcherOptions;
  readonly #stop = new AbortController();
  readonly #activations: Activations;
  readonly #lastSuccessAtMs = new Map<CollectorName, number>();
  #definitions = new Map<number, DefinitionFact>();
  /** The reading of the inventory that they belong to. */
  #defined: InventoryReading | undefined;
  readonly #diary: Diary;
  readonly #tableSizes: TableSizes;
  readonly #nodes: TargetNodes;
  #said: NodesSaid | undefined;
  #readStatement: ReadStatement | undefined;
  #snapshot: Snapshot;
  #generation: Generation | undefined;
  #wasUp: boolean | undefined;
  /** How often the store had been opened when the last pass began. */
  #storeOpenings = 0;
  #isWaitingForStore = false;
  /** Stacks of the detectors that threw in the last judgement. */
  #bugs: ReadonlyMap<string, string> = new Map();

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#activations = new Activations(
      (names) => this.#pass(names),
      (caught, names) => this.#failed(caught, names),
    );
    this.#diary = new Diary({
      ...{ target: options.target, store: options.store, log: options.log },
      isWatched: options.judge.isWatched,
      ...(options.life ?? { rules: usualLifeRules, mutes: [], tell: () => {} }),
    });
    const { target, node: primary, standbys, store, places, history, log } = options;
    this.#tableSizes = new TableSizes({ target, store, log });
    const usage = new UsageMemory({ target, store, settings: history, log });
    this.#nodes = new TargetNodes({ target, primary, standbys, usage, places, ...history, log });
    this.#snapshot = {
      target: options.target,
      node: options.node,
      takenAtMs: options.clock.now(),
      outcomes: {},
    };
  }

  get target(): TargetId {
    return this.#options.target;
  }

  /** The newest generation; undefined before the first pass has ended. */
  get generation(): Generation | undefined {
    return this.#generation;
  }

  /** Notes that collectors are due. Returns at once; they run as soon as the pass under way has ended. */
  activate(names: Iterable<CollectorName>): void {
    const due = [...names];
    for (const standby of this.#options.standbys) standby.activate(due);
    this.#activations.activate(due);
  }

  /** Runs the given collectors now, on the standbys too, and returns what was published. */
  async runOnce(names: Iterable<CollectorName> = collectorNames): Promise<Generation> {
    const due = new Set(names);
    const looked = Promise.all(this.#options.standbys.map((standby) => standby.look(due)));
    // Cancelled while the primary is still read: the pass ends for the same reason and says so.
    looked.catch(() => {});
    return this.#pass(due, looked);
  }

  /** Stops: cancels what is running on the servers, waits for it to unwind, closes the connections. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('shutting down'));
    const { measuring, probes } = this.#options;
    await Promise.all([
      measuring?.stop(),
      probes?.stop(),
      this.#activations.stop(),
      ...this.#options.standbys.map((standby) => standby.stop()),
    ]);
    await this.#options.connection.close();
  }

  /** Whether it wants a second connection, now or as soon as there is one. */
  get isMeasuring(): boolean {
    return this.#options.measuring?.isBusy === true;
  }

  /** Measures what is due, as the budget allows. Returns at once. */
  activateMeasuring(): void {
    this.#options.measuring?.activate();
  }

  /** Measures until nothing is left, and publishes what that changed. */
  async measureAll(): Promise<Generation | undefined> {
    await this.#options.measuring?.run();
    return this.judgeAgain();
  }

  /** Plans and runs the probes of a schedule, or all. Returns at once. */
  activateProbes(schedule?: string): void {
    this.#options.probes?.activate(schedule);
  }

  /** Scans of indexes that were ours, by oid: they are no use of theirs. */
  async noteOwnScans(scans: ReadonlyMap<number, number>): Promise<void> {
    await this.#nodes.noteOwnScans(scans);
  }

  /** Judges what is known by what was learned since beside the passes, and publishes it. To be called between two passes. */
  async judgeAgain(): Promise<Generation | undefined> {
    if (this.#generation === undefined || this.#stop.signal.aborted) return this.#generation;
    const { clock, judge: options, keeper, probes } = this.#options;
    const snapshot = { ...this.#snapshot, takenAtMs: clock.now() };
    const { catalogue } = this.#generation;
    const bloat = await keeper.facts(catalogue, snapshot.takenAtMs);
    const facts = await this.#furtherFacts(bloat);
    const happened = probes?.keeper.takeEvents() ?? [];
    const judgement = await inSlices(judgeInSlices(snapshot, options, catalogue, facts));
    return this.#publish(judgement, bloat, null, facts.probes, happened);
  }

  /** Runs `work` between two passes, with the connection to itself; rejects where that cannot be opened. */
  between(work: (session: Session) => Promise<void>): Promise<void> {
    const { connection, keepsConnection } = this.#options;
    return this.#activations.between(async () => {
      const opened = await connection.open(this.#stop.signal);
      if (!opened.ok) throw new Error(opened.error.message);
      try {
        await work(opened.value);
      } finally {
        if (!keepsConnection() || connection.session === undefined) await connection.close();
      }
    });
  }

  #failed(caught: unknown, names: ReadonlySet<CollectorName>): void {
    if (this.#stop.signal.aborted) return;
    if (caught instanceof StoreError) {
      // Without what the store holds nothing may be judged; it is opened anew by itself, and the pass need not wait for the next.
      const fields = { event: 'store-unread', target: targetKey(this.target), error: caught.message };
      this.#options.log.warn(
        fields,
        'what is remembered could not be read; the pass is made again when it can',
      );
      void this.#againWithStore(names);
      return;
    }
    const stack = caught instanceof Error ? caught.stack : String(caught);
    this.#options.log.error(
      { event: 'pass-failed', target: targetKey(this.target), stack },
      'a pass failed by a bug',
    );
  }

  /** Makes a pass again when the store is open again. The server is not asked until then, but by schedule: it has nothing to do with it. */
  async #againWithStore(names: ReadonlySet<CollectorName>): Promise<void> {
    if (this.#isWaitingForStore) return;
    this.#isWaitingForStore = true;
    const { clock, store } = this.#options;
    const before = this.#storeOpenings;
    try {
      while (store.openings() === before) await clock.sleep(storeLookMs, this.#stop.signal);
      this.activate(names);
    } catch {
      // Stopped.
    } finally {
      this.#isWaitingForStore = false;
    }
  }

  /** `standbysLooked` is waited for before anything is judged; a pass of the daemon takes what the standbys have said so far. */
  async #pass(names: ReadonlySet<CollectorName>, standbysLooked?: Promise<unknown>): Promise<Generation> {
    const { clock, passLimits, connection } = this.#options;
    this.#storeOpenings = this.#options.store.openings();
    const opened = await connection.open(this.#stop.signal);
    if (opened.ok) {
      this.#snapshot = await runPass(opened.value, names, this.#snapshot, {
        limits: passLimits,
        clock,
        signal: this.#stop.signal,
        expectations: this.#options.judge.expectations ?? [],
      });
    } else {
      this.#snapshot = unreachable(names, this.#snapshot, opened.error, clock.now());
    }
    await this.#prepareStatements();
    await standbysLooked;
    this.#stop.signal.throwIfAborted();
    const { keeper, judge: options, probes, history } = this.#options;
    const catalogue = await inSlices(
      catalogueInSlices(this.#snapshot, options.isWatched, this.#generation?.catalogue),
    );
    // What is remembered has its own schedule; a single look has only this moment.
    if (opened.ok && !history.isRemembered) await probes?.planAll(opened.value, catalogue);
    this.#said = await this.#nodes.observe(catalogue, this.#snapshot);
    await this.#options.builds.observe(catalogue, this.#snapshot);
    await this.#tableSizes.observe(catalogue, this.#snapshot);
    const happened = [
      ...this.#said.events,
      ...(await keeper.observe(catalogue, this.#snapshot)),
      ...(probes?.keeper.takeEvents() ?? []),
    ];
    const bloat = await keeper.facts(catalogue, this.#snapshot.takenAtMs);
    const facts = await this.#furtherFacts(bloat);
    const judgement = await inSlices(judgeInSlices(this.#snapshot, options, catalogue, facts));
    await this.#readDefinitions(judgement, names.has('indexes'));
    const error = opened.ok ? null : opened.error;
    const generation = await this.#publish(judgement, bloat, error, facts.probes, happened);
    if (!this.#options.keepsConnection() || connection.session === undefined) await connection.close();
    return generation;
  }

  /** Loads the parser when there is something to read for the first time. */
  async #prepareStatements(): Promise<void> {
    const { statements } = this.#snapshot.outcomes;
    if (statements?.kind !== 'collected' || statements.facts.length === 0) return;
    try {
      this.#readStatement ??= statementReader(await loadSqlParser());
    } catch (caught) {
      // Statements stay unread then, which is said; nothing else depends on them.
      const fields = { event: 'no-sql-parser', target: targetKey(this.target), error: String(caught) };
      this.#options.log.warn(fields, 'the SQL parser could not be loaded');
    }
  }

  async #furtherFacts(bloatFacts: BloatFacts): Promise<FurtherFacts> {
    const said = this.#said;
    const probes = await this.#options.probes?.keeper.states();
    const known: FurtherFacts = {
      ...bloatFacts,
      ...(probes && { probes }),
      buildRates: this.#options.builds.rates,
      ...(this.#readStatement && { readStatement: this.#readStatement }),
    };
    if (said === undefined) return known;
    const { topology, standbys } = said;
    return { ...known, topology, standbys, usage: this.#isUsageJudged() ? said.usage : undefined };
  }

  /** Where standbys are configured their counters have a say in a single look too. */
  #isUsageJudged(): boolean {
    const { history, standbys } = this.#options;
    return history.isRemembered || standbys.length > 0;
  }

  /** Reads the definitions that the findings' SQL needs: all of them after an inventory was read, else only those not known yet. */
  async #readDefinitions(judgement: Judgement, isInventoryNew: boolean): Promise<void> {
    const reading = this.#snapshot.readings?.indexes;
    if (isInventoryNew && (reading === undefined || reading !== this.#defined)) this.#definitions = new Map();
    this.#defined = reading;
    const oids = definitionsNeeded(judgement.drafts).filter((oid) => !this.#definitions.has(oid));
    const server = judgement.catalogue.server;
    const { clock, passLimits, connection } = this.#options;
    const { session } = connection;
    if (oids.length === 0 || session === undefined || server === undefined) return;
    const outcome = await runCollector(session, definitionsCollector, {
      versionNum: server.versionNum,
      roleName: server.roleName,
      statementTimeoutMs: passLimits.statementTimeoutMs('indexes'),
      bisectionBudgetMs: passLimits.bisectionBudgetMs,
      rowsMax: passLimits.rowsMax,
      rowsPerSlice: passLimits.rowsPerSlice,
      values: [oids],
      candidates: oids,
      now: clock.now,
      signal: this.#stop.signal,
    });
    if (outcome.kind !== 'collected') return;
    // One that was locked is asked for again in the next pass.
    for (const fact of outcome.facts)
      if (fact.definition !== null) this.#definitions.set(fact.indexOid, fact);
  }

  async #publish(
    judgement: Judgement,
    { bloat, sizesOf }: BloatFacts,
    error: CollectionError | null,
    probes: Generation['probes'],
    happened: readonly DiaryEvent[],
  ): Promise<Generation> {
    const { target, clock, publish, measuring, keeper } = this.#options;
    const found = await inSlices(toFindingsInSlices(judgement, this.#definitions, this.#options.judge));
    const ledger = await this.#diary.keep(judgement, found, happened);
    const findings = rankFindings([...ledger.findings.values()]);
    const generation: Generation = {
      target,
      number: (this.#generation?.number ?? 0) + 1,
      publishedAtMs: clock.now(),
      isUp: error === null && whyMissing(judgement.snapshot.outcomes.server) === undefined,
      error: whyMissing(judgement.snapshot.outcomes.server) ?? error?.message ?? null,
      snapshot: judgement.snapshot,
      catalogue: judgement.catalogue,
      window: judgement.window,
      nodes: this.#said?.statuses ?? [],
      unknownReplicas: this.#said?.unknownReplicas ?? [],
      usage: this.#isUsageJudged() ? this.#said?.usage : undefined,
      bloat,
      rebuilds: await inSlices(rebuildsIn(judgement.catalogue, keeper.memory)),
      sizes: { ofIndex: sizesOf, ofTable: (table) => this.#tableSizes.of(table) },
      ...(measuring && { measuring: measuring.facts({ catalogue: judgement.catalogue, bloat }) }),
      findings,
      remedies: remediesOf(judgement),
      definitions: this.#definitions,
      lost: this.#diary.lostAmong(findings.filter(({ state }) => state === 'open')),
      inconclusive: judgement.undecided.map(({ stack, ...said }): Inconclusive => ({ ...said, ...target })),
      ...(judgement.expectations.length > 0 && { expectations: expectedStatuses(judgement.expectations) }),
      ...(probes && { probes }),
      runs: this.#runs(judgement.snapshot),
      missingPermissions: missingPermissions(judgement.snapshot),
      reclaimableTotalBytes: fewActions(findings).totalBytes,
    };
    this.#logChange(generation);
    this.#logBugs(judgement);
    this.#generation = generation;
    publish(generation);
    return generation;
  }

  #runs(snapshot: Snapshot): readonly CollectorRun[] {
    const nowMs = this.#options.clock.now();
    return collectorNames.flatMap((name) => {
      const outcome: Outcome<unknown> | undefined = snapshot.outcomes[name];
      if (outcome === undefined) return [];
      const isCollected = outcome.kind === 'collected';
      if (isCollected) this.#lastSuccessAtMs.set(name, outcome.collectedAtMs + outcome.durationMs);
      // After the clock was set back a success would lie ahead, and read as fresh for as long.
      if ((this.#lastSuccessAtMs.get(name) ?? 0) > nowMs) this.#lastSuccessAtMs.set(name, nowMs);
      return [
        {
          name,
          state: outcome.kind,
          ranAtMs: outcome.collectedAtMs,
          durationMs: outcome.kind === 'skipped' ? 0 : outcome.durationMs,
          lastSuccessAtMs: this.#lastSuccessAtMs.get(name) ?? null,
          reason: whyMissing(outcome) ?? null,
          errorKind: outcome.kind === 'failed' ? outcome.error.kind : null,
          facts: isCollected ? outcome.facts.length : 0,
          skippedRelations: isCollected ? outcome.skippedRelations.length : 0,
        },
      ];
    });
  }

  /** Detectors that threw, each with its stack when that is not the one of the last time. */
  #logBugs({ undecided }: Judgement): void {
    const bugs = new Map(
      undecided.flatMap(({ kind, stack }) => (stack === undefined ? [] : [[kind, stack] as const])),
    );
    for (const [kind, stack] of bugs)
      if (this.#bugs.get(kind) !== stack)
        this.#options.log.error(
          { event: 'bug', target: targetKey(this.target), detector: kind, stack },
          'a detector failed; the others go on, and what it would say is unknown',
        );
    this.#bugs = bugs;
  }

  /** One line per change of state, not one per attempt. */
  #logChange({ isUp, error }: Generation): void {
    if (isUp === this.#wasUp) return;
    const fields = {
      event: isUp ? 'target-up' : 'target-down',
      target: targetKey(this.target),
      ...(error === null ? {} : { error }),
    };
    if (isUp) this.#options.log.info(fields, 'target is up');
    else this.#options.log.warn(fields, 'target is down');
    this.#wasUp = isUp;
  }
}
