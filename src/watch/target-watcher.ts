import { type DefinitionFact, definitions as definitionsCollector } from '../collectors/definitions.ts';
import { type CollectorName, collectorNames } from '../collectors/index.ts';
import type { Snapshot } from '../collectors/snapshot.ts';
import type { CollectorRun, Generation } from '../findings/generation.ts';
import { advance } from '../findings/ledger.ts';
import type { Inconclusive } from '../model/finding.ts';
import { type NodeName, type TargetId, targetKey } from '../model/ids.ts';
import { type CollectionError, type Outcome, whyMissing } from '../model/outcome.ts';
import { runCollector } from '../postgres/run-collector.ts';
import { fewActions, rankFindings } from '../report/actions.ts';
import type { Clock } from '../scheduler/clock.ts';
import type { Store } from '../store/store.ts';
import type { Connection } from './connection.ts';
import { definitionsNeeded, type Judgement, type JudgeOptions, judge, toFindings } from './judge.ts';
import { type PassLimits, runPass, unreachable } from './pass.ts';
import { missingPermissions } from './permissions.ts';

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
  readonly passLimits: PassLimits;
  readonly judge: JudgeOptions;
  /** Whether the connection may stay open between passes; not while those who want one outnumber the server's slots. */
  readonly keepsConnection: () => boolean;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: WatchLog;
  /** Called with each generation, in order. */
  readonly publish: (generation: Generation) => void;
}

/**
 * Watches one database: runs due collectors one at a time over one connection, judges, and publishes a generation after each
 * pass, failed ones too. Activations never wait and never overlap: what becomes due during a pass runs in the next.
 */
export class TargetWatcher {
  readonly #options: WatcherOptions;
  readonly #stop = new AbortController();
  readonly #due = new Set<CollectorName>();
  readonly #lastSuccessAtMs = new Map<CollectorName, number>();
  #definitions = new Map<number, DefinitionFact>();
  #snapshot: Snapshot;
  #generation: Generation | undefined;
  #running: Promise<void> | undefined;
  #wasUp: boolean | undefined;

  constructor(options: WatcherOptions) {
    this.#options = options;
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
    if (this.#stop.signal.aborted) return;
    for (const name of names) this.#due.add(name);
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
      if (this.#due.size > 0) this.activate([]);
    });
  }

  /** Runs the given collectors now and returns what was published. */
  async runOnce(names: Iterable<CollectorName> = collectorNames): Promise<Generation> {
    return this.#pass(new Set(names));
  }

  /** Stops: cancels what is running on the server, waits for it to unwind, closes the connection. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('shutting down'));
    await this.#running?.catch(() => {});
    await this.#options.connection.close();
  }

  async #work(): Promise<void> {
    while (this.#due.size > 0 && !this.#stop.signal.aborted) {
      const names = new Set(this.#due);
      this.#due.clear();
      try {
        await this.#pass(names);
      } catch (caught) {
        if (this.#stop.signal.aborted) return;
        const stack = caught instanceof Error ? caught.stack : String(caught);
        this.#options.log.error(
          { event: 'pass-failed', target: targetKey(this.target), stack },
          'a pass failed by a bug',
        );
      }
    }
  }

  async #pass(names: ReadonlySet<CollectorName>): Promise<Generation> {
    const { clock, passLimits, connection } = this.#options;
    const opened = await connection.open(this.#stop.signal);
    if (opened.ok) {
      this.#snapshot = await runPass(opened.value, names, this.#snapshot, {
        limits: passLimits,
        clock,
        signal: this.#stop.signal,
      });
    } else {
      this.#snapshot = unreachable(names, this.#snapshot, opened.error, clock.now());
    }
    this.#stop.signal.throwIfAborted();
    const judgement = judge(this.#snapshot, this.#options.judge);
    await this.#readDefinitions(judgement, names.has('indexes'));
    const generation = await this.#publish(judgement, opened.ok ? null : opened.error);
    if (!this.#options.keepsConnection() || connection.session === undefined) await connection.close();
    return generation;
  }

  /** Reads the definitions that the findings' SQL needs: all of them after an inventory, else only those not known yet. */
  async #readDefinitions(judgement: Judgement, isInventoryNew: boolean): Promise<void> {
    if (isInventoryNew) this.#definitions = new Map();
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

  async #publish(judgement: Judgement, error: CollectionError | null): Promise<Generation> {
    const { target, store, clock, publish } = this.#options;
    const found = toFindings(judgement, this.#definitions, this.#options.judge);
    const previous = await store.ledgerOf(target);
    const ledger = advance(previous, {
      found,
      judged: judgement.judged,
      undecided: judgement.undecided,
      nowMs: judgement.snapshot.takenAtMs,
    });
    await store.keepLedger(target, ledger);
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
      findings,
      inconclusive: judgement.undecided.map((undecided): Inconclusive => ({ ...undecided, ...target })),
      runs: this.#runs(judgement.snapshot),
      missingPermissions: missingPermissions(judgement.snapshot),
      reclaimableTotalBytes: fewActions(findings).totalBytes,
    };
    this.#logChange(generation);
    this.#generation = generation;
    publish(generation);
    return generation;
  }

  #runs(snapshot: Snapshot): readonly CollectorRun[] {
    return collectorNames.flatMap((name) => {
      const outcome: Outcome<unknown> | undefined = snapshot.outcomes[name];
      if (outcome === undefined) return [];
      const isCollected = outcome.kind === 'collected';
      if (isCollected) this.#lastSuccessAtMs.set(name, outcome.collectedAtMs + outcome.durationMs);
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
