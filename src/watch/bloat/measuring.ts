import type { PgClientConfig } from '../../config/pg-client.ts';
import type { Generation, MeasuringFacts } from '../../findings/generation.ts';
import type { Wanted } from '../../history/bloat/queue.ts';
import { type TargetId, targetKey } from '../../model/ids.ts';
import { hourMs, minuteMs, secondMs } from '../../model/units.ts';
import { endsRound, isPermitted, measuringFunctions } from '../../postgres/measure.ts';
import { Session, type SessionLimits } from '../../postgres/session.ts';
import type { ConnectionSlots } from '../../postgres/slots.ts';
import type { Clock } from '../../scheduler/clock.ts';
import type { WatchLog } from '../target-watcher.ts';
import type { Lease, MeasurementBudget } from './budget.ts';
import type { BloatKeeper, MeasurementOutcome } from './keeper.ts';

export interface MeasuringOptions {
  readonly target: TargetId;
  readonly keeper: BloatKeeper;
  readonly budget: MeasurementBudget;
  readonly slots: ConnectionSlots;
  readonly attempts: () => readonly PgClientConfig[];
  readonly sessionLimits: SessionLimits;
  readonly clock: Clock;
  readonly log: WatchLog;
  /** Which indexes may be measured; all, unless somebody asked for some. */
  readonly isWanted?: (wanted: Wanted) => boolean;
  /** The newest generation of the target: what there is to measure. */
  readonly latest: () => Generation | undefined;
  /** Runs `work` between two passes, with the collecting connection to itself; rejects when that cannot be opened. */
  readonly between: (work: (watching: Session) => Promise<void>) => Promise<void>;
  /** Told of each index that was tried, and how many are left. */
  readonly onMeasured?: (wanted: Wanted, outcome: MeasurementOutcome, left: number) => void;
}

/** So long one target measures before passes and other targets of the server get their turn. */
const batchMs = 5 * secondMs;
/** A debt that is paid so soon is waited for with the connection open. */
const shortWaitMs = 250;
/** After a busy server, a recovery conflict or a lost connection the target rests, longer each time. */
const restMs = { first: minuteMs, max: hourMs };

/** What comes after a batch: the next one, a rest, or nothing until the schedule says so. */
type AfterBatch = 'go-on' | 'rest' | 'not-permitted';

/** Takes those off the list that the same function is missing for. */
function skipAlike(list: Wanted[], { index }: Wanted): void {
  const others = list.filter((other) => other.index.fact.accessMethod !== index.fact.accessMethod);
  list.splice(0, list.length, ...others);
}

/** Refused before anything was read. Others may have read all of it, and are paid for. */
const hasReadNothing: ReadonlySet<MeasurementOutcome> = new Set<MeasurementOutcome>([
  'locked',
  'busy',
  'gone',
  'invalid',
  'unsupported',
  'not-permitted',
  'extension-missing',
]);

/**
 * Measures what one target's indexes need, in rounds: when asked to, it goes on until nothing is left, one index at a time, as the
 * server's budget allows, over one connection of its own that is closed whenever it has to wait.
 */
export class TargetMeasuring {
  readonly #options: MeasuringOptions;
  readonly #stop = new AbortController();
  readonly #outcomes = new Map<MeasurementOutcome, number>();
  #measuredBytesTotal = 0;
  #round: Promise<void> | undefined;
  #rests = 0;
  #restUntilMs = 0;

  constructor(options: MeasuringOptions) {
    this.#options = options;
  }

  /** What was measured since the start, and what waits. */
  facts(generation: Pick<Generation, 'catalogue' | 'bloat'>): MeasuringFacts {
    const { keeper, clock } = this.#options;
    return {
      measuredBytesTotal: this.#measuredBytesTotal,
      outcomes: new Map(this.#outcomes),
      waiting: keeper.queue(generation.catalogue, generation.bloat, clock.now()).length,
    };
  }

  /** Whether a round is under way: it wants a connection beside those of the passes. */
  get isBusy(): boolean {
    return this.#round !== undefined;
  }

  /** Starts a round, unless one is under way or the target rests. Returns at once. */
  activate(): void {
    if (this.#options.clock.now() < this.#restUntilMs) return;
    this.#options.keeper.doubtFunctions();
    void this.run();
  }

  /** Measures until nothing is left to measure, or until going on makes no sense; resolves then. */
  run(): Promise<void> {
    this.#round ??= this.#measureAll()
      .catch((caught: unknown) => this.#failed(caught))
      .finally(() => {
        this.#round = undefined;
      });
    return this.#round;
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('shutting down'));
    await this.#round;
  }

  async #measureAll(): Promise<void> {
    const { budget, slots, between, clock } = this.#options;
    const { signal } = this.#stop;
    let queue = this.#queue();
    while (queue.list.length > 0) {
      const lease = await budget.acquire(signal);
      let next: AfterBatch;
      try {
        // In line for the connection while passes go on: only then is theirs needed for watching.
        const releaseSlot = await slots.acquire(signal);
        try {
          next = await this.#batch(queue, lease, between);
        } finally {
          releaseSlot();
        }
      } finally {
        lease.release();
      }
      // Asking for a right costs next to nothing: whoever granted it should not wait for an hour.
      if (next === 'not-permitted') return;
      if (next === 'rest') {
        this.#rests += 1;
        this.#restUntilMs = clock.now() + Math.min(restMs.max, restMs.first * 2 ** (this.#rests - 1));
        return;
      }
      this.#rests = 0;
      // What there is to measure is asked again when there is news of it.
      if (this.#options.latest() !== queue.of || queue.list.length === 0) queue = this.#queue();
    }
  }

  /** What is to be measured according to the newest generation. The list is used up from its head. */
  #queue(): { readonly of: Generation | undefined; readonly list: Wanted[] } {
    const { keeper, latest, clock, isWanted = () => true } = this.#options;
    const generation = latest();
    const list =
      generation === undefined
        ? []
        : keeper.queue(generation.catalogue, generation.bloat, clock.now()).filter(isWanted);
    return { of: generation, list: [...list] };
  }

  /** Measures for a few seconds, and says whether the target should be left alone for a while. */
  async #batch(
    queue: { readonly of: Generation | undefined; readonly list: Wanted[] },
    lease: Lease,
    between: MeasuringOptions['between'],
  ): Promise<AfterBatch> {
    const { clock, attempts, sessionLimits } = this.#options;
    const { signal } = this.#stop;
    let next: AfterBatch = 'go-on';
    await between(async (watching) => {
      const { of: generation } = queue;
      const functions = generation === undefined ? 'unknown' : await this.#findFunctions(watching);
      if (generation === undefined || functions !== 'there') {
        next = functions === 'not-permitted' ? 'not-permitted' : 'rest';
        return;
      }
      // What none of them can measure is not tried.
      const measurable = new Set(this.#queue().list.map(({ key }) => key));
      queue.list.splice(0, queue.list.length, ...queue.list.filter(({ key }) => measurable.has(key)));
      if (queue.list.length === 0) return;
      const opened = await Session.open(attempts(), sessionLimits, signal);
      if (!opened.ok) {
        next = 'rest';
        if (!signal.aborted) this.#note({ event: 'measuring-failed', error: opened.error.message });
        return;
      }
      const untilMs = clock.now() + batchMs;
      try {
        while (queue.list.length > 0 && clock.now() < untilMs && !signal.aborted) {
          if (lease.waitMs() > shortWaitMs) break;
          if (lease.waitMs() > 0) await clock.sleep(lease.waitMs(), signal);
          const wanted = queue.list.shift();
          if (wanted === undefined) break;
          const sessions = { measuring: opened.value, watching };
          const outcome = await this.#measure(wanted, sessions, generation, lease);
          this.#options.onMeasured?.(wanted, outcome, queue.list.length);
          if (outcome === 'measured') continue;
          if (outcome === 'extension-missing' || outcome === 'not-permitted') skipAlike(queue.list, wanted);
          next = outcome === 'gave-way' || !endsRound(outcome) ? 'go-on' : 'rest';
          if (endsRound(outcome) || !opened.value.isOpen) break;
        }
      } finally {
        await opened.value.close();
      }
    });
    return next;
  }

  async #measure(
    wanted: Wanted,
    sessions: Parameters<BloatKeeper['measure']>[1],
    generation: Generation,
    lease: Lease,
  ): Promise<MeasurementOutcome> {
    const { keeper } = this.#options;
    lease.charge(wanted.costBytes);
    const outcome = await keeper.measure(wanted, sessions, generation.catalogue, this.#stop.signal);
    if (outcome === 'cancelled') return outcome;
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
    if (outcome === 'measured') this.#measuredBytesTotal += wanted.costBytes;
    else this.#options.log.debug({ event: 'not-measured', target: this.#name, outcome }, 'not measured');
    if (hasReadNothing.has(outcome)) lease.refund(wanted.costBytes);
    return outcome;
  }

  /** Looks which functions there are, and whether any may be used. */
  async #findFunctions(watching: Session): Promise<'there' | 'not-permitted' | 'unknown'> {
    const found = await measuringFunctions(watching, { signal: this.#stop.signal });
    if (!found.ok) {
      this.#note({ event: 'measuring-failed', error: found.error.message });
      return 'unknown';
    }
    this.#options.keeper.functions = found.value;
    return found.value.some(isPermitted) ? 'there' : 'not-permitted';
  }

  #failed(caught: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#note({ event: 'measuring-failed', error: String(caught) });
  }

  #note(fields: object): void {
    this.#options.log.warn({ ...fields, target: this.#name }, 'indexes could not be measured');
  }

  get #name(): string {
    return targetKey(this.#options.target);
  }
}
