import { ipKeyGenerator, MemoryStore } from 'express-rate-limit';
import { minuteMs } from '../../model/units.ts';

/** One network counts as one client: in IPv6 somebody who has one address has 2^64 of them. */
const ipv6Prefix = 64;

/** What counts as one client in every limit by address. */
export const clientOf = (address: string): string => ipKeyGenerator(address, ipv6Prefix);

/** A person mistypes, and a program with an old password asks every 15 seconds; this is more than either. */
export const failedAttemptsPerMinute = 10;

/** Counts failed attempts to sign in by client address, within minutes. */
export class FailedAttempts {
  readonly #store = new MemoryStore();

  constructor() {
    // Nothing but the length of the window is read of the options.
    this.#store.init({ windowMs: minuteMs } as Parameters<MemoryStore['init']>[0]);
  }

  /** Counts an attempt before its outcome is known, so that many at once do not slip through; false when there were too many. */
  async begin(address: string): Promise<boolean> {
    const { totalHits } = await this.#store.increment(clientOf(address));
    return totalHits <= failedAttemptsPerMinute;
  }

  /** Takes one back that did not fail. */
  takeBack(address: string): Promise<void> {
    return this.#store.decrement(clientOf(address));
  }

  /** Whole seconds until the client may try again. */
  async secondsLeft(address: string, nowMs: number): Promise<number> {
    const resetMs = (await this.#store.get(clientOf(address)))?.resetTime?.getTime() ?? nowMs;
    return Math.max(1, Math.ceil((resetMs - nowMs) / 1000));
  }

  close(): void {
    this.#store.shutdown();
  }
}
