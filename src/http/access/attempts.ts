import { ipKeyGenerator } from 'express-rate-limit';
import { minuteMs, secondMs } from '../../model/units.ts';

/** One network counts as one client: in IPv6 somebody who has one address has 2^64 of them. */
const ipv6Prefix = 64;

/** What counts as one client in every limit by address. */
export const clientOf = (address: string): string => ipKeyGenerator(address, ipv6Prefix);

/** A person mistypes, and a program with an old password asks every 15 seconds; this is more than either. */
export const failedAttemptsPerMinute = 10;

/** Clients that are counted at one time; beyond, the one is forgotten that failed first. */
const clientsMax = 10_000;

/**
 * Counts failed attempts to sign in by client address, within a minute of the first. Not with the library that counts requests: it
 * hands out its counts late, so that of many attempts at once all see the last one's.
 */
export class FailedAttempts {
  readonly #byClient = new Map<string, { count: number; readonly endsAtMs: number }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Counts an attempt before its outcome is known, so that many at once do not slip through; false when there were too many. */
  begin(address: string): boolean {
    const client = clientOf(address);
    const nowMs = this.#now();
    const known = this.#byClient.get(client);
    if (known !== undefined && known.endsAtMs > nowMs) {
      known.count += 1;
      return known.count <= failedAttemptsPerMinute;
    }
    this.#byClient.delete(client);
    const [oldest] = this.#byClient.keys();
    if (this.#byClient.size >= clientsMax && oldest !== undefined) this.#byClient.delete(oldest);
    this.#byClient.set(client, { count: 1, endsAtMs: nowMs + minuteMs });
    return true;
  }

  /** Takes one back that did not fail. */
  takeBack(address: string): void {
    const known = this.#byClient.get(clientOf(address));
    if (known !== undefined && known.count > 0) known.count -= 1;
  }

  /** Whole seconds until the client may try again. */
  secondsLeft(address: string): number {
    const nowMs = this.#now();
    const endsAtMs = this.#byClient.get(clientOf(address))?.endsAtMs ?? nowMs;
    return Math.max(1, Math.ceil((endsAtMs - nowMs) / secondMs));
  }
}
