import type { Catalogue } from '../../analysis/catalogue.ts';
import type { PgClientConfig } from '../../config/pg-client.ts';
import type { Generation } from '../../findings/generation.ts';
import { type TargetId, targetKey } from '../../model/ids.ts';
import type { Probe } from '../../model/probe.ts';
import { err, type Result } from '../../model/result.ts';
import { secondMs } from '../../model/units.ts';
import {
  measureProbe,
  type ProbeFailure,
  type ProbeLimits,
  type ProbeOptions,
  type ProbeRun,
  planProbe,
} from '../../postgres/probe.ts';
import { Session, type SessionLimits } from '../../postgres/session.ts';
import type { ConnectionSlots } from '../../postgres/slots.ts';
import type { Clock } from '../../scheduler/clock.ts';
import type { WatchLog } from '../target-watcher.ts';
import type { ProbeKeeper } from './keeper.ts';

export interface TargetProbesOptions {
  readonly target: TargetId;
  readonly probes: readonly Probe[];
  readonly keeper: ProbeKeeper;
  readonly limits: ProbeLimits;
  /** Whether probes that say so are run; otherwise they are planned. */
  readonly measures: boolean;
  /** The connections to the server; a probe that is run has one of its own, and the collecting one watches. */
  readonly slots: ConnectionSlots;
  /** Held by the one probe that is run on the server. */
  readonly turn: ConnectionSlots;
  readonly attempts: () => readonly PgClientConfig[];
  readonly sessionLimits: SessionLimits;
  readonly clock: Clock;
  readonly log: WatchLog;
  readonly latest: () => Generation | undefined;
  /** Runs `work` between two passes, with the collecting connection to itself; rejects when that cannot be opened. */
  readonly between: (work: (watching: Session) => Promise<void>) => Promise<void>;
  /** Told, between two passes, that there is news of probes. */
  readonly onNews: () => Promise<void>;
  /** Told which scans of indexes were ours, by oid. */
  readonly onOwnScans: (scans: ReadonlyMap<number, number>) => Promise<void>;
}

/** So long one target's probes keep the passes waiting. */
const batchMs = 5 * secondMs;
/** So long a probe waits for a second connection, while passes wait for it. */
const slotWaitMs = 2 * secondMs;

/**
 * Plans and runs the probes of one target. What is due is worked off in rounds between the passes: first those that are only planned, over
 * the collecting connection, then those that are run, one at a time on the server and over a connection of their own.
 */
export class TargetProbes {
  readonly #options: TargetProbesOptions;
  readonly #stop = new AbortController();
  readonly #due = new Set<string>();
  #round: Promise<void> | undefined;

  constructor(options: TargetProbesOptions) {
    this.#options = options;
  }

  get keeper(): ProbeKeeper {
    return this.#options.keeper;
  }

  /** Notes that probes of a schedule are due, or all. Returns at once. */
  activate(schedule?: string): void {
    if (this.#stop.signal.aborted) return;
    for (const probe of this.#options.probes)
      if (schedule === undefined || probe.schedule === schedule) this.#due.add(probe.name);
    if (this.#due.size === 0) return;
    this.#round ??= this.#work().finally(() => {
      this.#round = undefined;
    });
  }

  /** Plans all probes over one connection, for a single look; runs none. */
  async planAll(session: Session, catalogue: Catalogue): Promise<void> {
    for (const probe of this.#options.probes)
      await this.#see(probe, await planProbe(session, probe, this.#probeOptions), catalogue);
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('shutting down'));
    await this.#round;
  }

  async #work(): Promise<void> {
    const { probes, measures } = this.#options;
    while (this.#due.size > 0 && !this.#stop.signal.aborted) {
      const due = probes.filter(({ name }) => this.#due.has(name));
      this.#due.clear();
      const [measured, planned] = [
        due.filter((one) => this.#isRun(one, measures)),
        due.filter((one) => !this.#isRun(one, measures)),
      ];
      await this.#inBatches(planned, (session, batch) => this.#planBatch(session, batch));
      if (measured.length > 0) await this.#inTurn(measured);
    }
  }

  #isRun = ({ isAnalyzed }: Probe, measures: boolean): boolean => isAnalyzed && measures;

  async #inTurn(measured: readonly Probe[]): Promise<void> {
    const release = await this.#options.turn.acquire(this.#stop.signal).catch(() => undefined);
    if (release === undefined) return;
    try {
      await this.#inBatches(measured, (session, batch) => this.#measureBatch(session, batch));
    } finally {
      release();
    }
  }

  /** Gives `work` what is left to do until all of it is done, each time between two passes. */
  async #inBatches(
    probes: readonly Probe[],
    work: (session: Session, left: Probe[]) => Promise<void>,
  ): Promise<void> {
    const left = [...probes];
    while (left.length > 0 && !this.#stop.signal.aborted) {
      try {
        await this.#options.between(async (session) => {
          await work(session, left);
          if (!this.#stop.signal.aborted) await this.#options.onNews();
        });
      } catch (caught) {
        if (this.#stop.signal.aborted) return;
        await this.#giveUp(left, caught);
        return;
      }
    }
  }

  /** The database cannot be reached: nothing is known of the probes that are left. */
  async #giveUp(left: readonly Probe[], caught: unknown): Promise<void> {
    const message = caught instanceof Error ? caught.message : String(caught);
    this.#options.log.debug(
      { event: 'probes-not-run', target: targetKey(this.#options.target), error: message },
      'probes could not be run',
    );
    const catalogue = this.#catalogue;
    for (const probe of left) await this.#see(probe, err({ kind: 'unreachable', message }), catalogue);
  }

  async #planBatch(session: Session, left: Probe[]): Promise<void> {
    const untilMs = this.#options.clock.now() + batchMs;
    while (left.length > 0 && this.#options.clock.now() < untilMs && !this.#stop.signal.aborted) {
      const probe = left.shift();
      if (probe === undefined) return;
      await this.#see(probe, await planProbe(session, probe, this.#probeOptions), this.#catalogue);
    }
  }

  async #measureBatch(watching: Session, left: Probe[]): Promise<void> {
    const { slots, attempts, sessionLimits, clock } = this.#options;
    const { signal } = this.#stop;
    const releaseSlot = await slots
      .acquire(AbortSignal.any([signal, AbortSignal.timeout(slotWaitMs)]))
      .catch(() => undefined);
    if (releaseSlot === undefined)
      return this.#refuse(
        left,
        'no second connection to the server was free: raise limits.connectionsPerServer',
      );
    try {
      const opened = await Session.open(attempts(), sessionLimits, signal);
      if (!opened.ok) return await this.#refuse(left, opened.error.message);
      const untilMs = clock.now() + batchMs;
      try {
        while (left.length > 0 && clock.now() < untilMs && !signal.aborted && opened.value.isOpen) {
          const probe = left.shift();
          if (probe === undefined) break;
          const sessions = { measuring: opened.value, watching };
          const result = await measureProbe(sessions, probe, this.#probeOptions);
          await this.#see(probe, result, this.#catalogue);
          // A cancel request may still be on the way: the connection must not be used for another.
          if (!result.ok && result.error.kind === 'busy') break;
        }
      } finally {
        await opened.value.close();
      }
    } finally {
      releaseSlot();
    }
  }

  async #refuse(left: Probe[], message: string): Promise<void> {
    for (const probe of left.splice(0))
      await this.#see(probe, err({ kind: 'busy', message }), this.#catalogue);
  }

  async #see(
    probe: Probe,
    result: Result<ProbeRun, ProbeFailure>,
    catalogue: Catalogue | undefined,
  ): Promise<void> {
    const { keeper, clock, onOwnScans } = this.#options;
    if (result.ok) await onOwnScans(result.value.ownScans);
    if (!result.ok && result.error.kind === 'cancelled' && this.#stop.signal.aborted) return;
    const known = catalogue ?? emptyCatalogue;
    const isCatalogueKnown = known.collectedAtMs.has('tables') && known.collectedAtMs.has('indexes');
    const seen: Result<ProbeRun, ProbeFailure> =
      result.ok && !isCatalogueKnown
        ? err({
            kind: 'failed',
            message: 'the tables and indexes that plans are judged by could not be read',
          })
        : result;
    await keeper.see(probe, seen, known, clock.now());
  }

  get #catalogue(): Catalogue | undefined {
    return this.#options.latest()?.catalogue;
  }

  get #probeOptions(): ProbeOptions {
    const { limits, clock } = this.#options;
    return { limits, now: clock.now, sleep: clock.sleep, signal: this.#stop.signal };
  }
}

const emptyCatalogue: Catalogue = {
  tables: [],
  indexes: [],
  foreignKeys: [],
  operatorClasses: [],
  columnFacts: [],
  collations: new Map(),
  expectedColumns: new Map(),
  server: undefined,
  statements: err('nothing was collected yet'),
  tablesByOid: new Map(),
  indexesByOid: new Map(),
  invalid: new Map(),
  collectedAtMs: new Map(),
};
