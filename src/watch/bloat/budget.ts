import { charged, type Debt, noDebt, owedBytes, waitMs } from '../../history/bloat/budget.ts';
import { minuteMs, secondMs } from '../../model/units.ts';
import { ConnectionSlots } from '../../postgres/slots.ts';
import type { Clock } from '../../scheduler/clock.ts';

/** The right to measure on one server, held by one target at a time; given back with {@link Lease.release}. */
export interface Lease {
  /** Notes what is about to be read. */
  readonly charge: (bytes: number) => void;
  /** Takes back what was charged and not read after all. */
  readonly refund: (bytes: number) => void;
  /** How long until nothing is owed. */
  readonly waitMs: () => number;
  readonly release: () => void;
}

/**
 * What may be read of one server's indexes. One target measures at a time, in the order in which they came, and only while nothing is
 * owed. Outlives a reload of the configuration, and with it what is owed.
 */
export class MeasurementBudget {
  readonly #clock: Clock;
  /** One target at a time. */
  readonly #turns = new ConnectionSlots(1);
  #bytesPerMinute: number;
  #debt: Debt = noDebt;

  constructor(bytesPerMinute: number, clock: Clock) {
    this.#bytesPerMinute = bytesPerMinute;
    this.#clock = clock;
  }

  get bytesPerSecond(): number {
    return (this.#bytesPerMinute * secondMs) / minuteMs;
  }

  /** What was read and is not paid for yet. */
  get debtBytes(): number {
    return owedBytes(this.#debt, this.bytesPerSecond, this.#clock.now());
  }

  /** Changes the rate; what is owed stays. */
  set bytesPerMinute(bytes: number) {
    this.#debt = { bytes: this.debtBytes, asOfMs: this.#clock.now() };
    this.#bytesPerMinute = bytes;
  }

  /** Resolves when it is this caller's turn and nothing is owed; rejects when `signal` is aborted before. */
  async acquire(signal: AbortSignal): Promise<Lease> {
    const release = await this.#turns.acquire(signal);
    try {
      for (let left = this.#waitMs(); left > 0; left = this.#waitMs()) await this.#clock.sleep(left, signal);
    } catch (caught) {
      release();
      throw caught;
    }
    const charge = (bytes: number): void => {
      this.#debt = charged(this.#debt, bytes, this.bytesPerSecond, this.#clock.now());
    };
    return {
      charge,
      refund: (bytes) => charge(-bytes),
      waitMs: () => this.#waitMs(),
      release,
    };
  }

  #waitMs(): number {
    return waitMs(this.#debt, this.bytesPerSecond, this.#clock.now());
  }
}

/** The budgets of all servers, by name, made when they are first asked for. */
export class MeasurementBudgets {
  readonly #clock: Clock;
  readonly #budgets = new Map<string, MeasurementBudget>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  of(server: string, bytesPerMinute: number): MeasurementBudget {
    const known = this.#budgets.get(server);
    if (known !== undefined) {
      known.bytesPerMinute = bytesPerMinute;
      return known;
    }
    const budget = new MeasurementBudget(bytesPerMinute, this.#clock);
    this.#budgets.set(server, budget);
    return budget;
  }

  /** By server, in the order in which they were first asked for. */
  all(): ReadonlyMap<string, MeasurementBudget> {
    return this.#budgets;
  }

  /** Forgets servers that are no longer configured. */
  retain(servers: ReadonlySet<string>): void {
    for (const name of [...this.#budgets.keys()]) if (!servers.has(name)) this.#budgets.delete(name);
  }
}
