import type { PgClientConfig } from '../config/pg-client.ts';
import type { CollectionError } from '../model/outcome.ts';
import { err, ok, type Result } from '../model/result.ts';
import { Session, type SessionLimits } from '../postgres/session.ts';
import type { ConnectionSlots } from '../postgres/slots.ts';
import type { Clock } from '../scheduler/clock.ts';

export interface ConnectionOptions {
  /** Ways to connect, in order: with TLS, without. */
  readonly attempts: () => readonly PgClientConfig[];
  readonly sessionLimits: SessionLimits;
  readonly slots: ConnectionSlots;
  /**
   * After a failed attempt the next is made no sooner than `first`, doubled with each failure, up to `max`; and then at a random moment
   * within `first` after it was asked for.
   */
  readonly backOffMs: { readonly first: number; readonly max: number };
  readonly clock: Clock;
}

/**
 * The one connection of a watcher to one database of one node: opened when asked for, within the node's cap, kept or closed as the
 * watcher says. While the back-off after a failure lasts, the failure is repeated without trying.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  #session: Session | undefined;
  #releaseSlot: (() => void) | undefined;
  #failures = 0;
  #lastError: CollectionError | undefined;
  /** When the last attempt failed, and how long none is made after it. */
  #failedAtMs = 0;
  #waitMs = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** The session, where there is one and it is open. */
  get session(): Session | undefined {
    return this.#session?.isOpen === true ? this.#session : undefined;
  }

  /** The open connection, or a new one. Waits for a slot; rejects when `signal` is aborted meanwhile. */
  async open(signal: AbortSignal): Promise<Result<Session, CollectionError>> {
    const { clock, slots, attempts, sessionLimits, backOffMs } = this.#options;
    if (this.#session?.isOpen === true) return ok(this.#session);
    await this.close();
    if (this.#lastError !== undefined && this.#isWaiting()) return err(this.#lastError);
    // All targets of a server are due by one schedule: those that were refused would otherwise try again in the same instant.
    if (this.#failures > 0) await clock.sleep(clock.random() * backOffMs.first, signal);
    this.#releaseSlot = await slots.acquire(signal);
    const opened = await Session.open(attempts(), sessionLimits, signal);
    if (opened.ok) {
      this.#session = opened.value;
      this.#failures = 0;
      this.#lastError = undefined;
    } else {
      await this.close();
      this.#noteFailure(opened.error);
    }
    return opened;
  }

  async close(): Promise<void> {
    await this.#session?.close();
    this.#session = undefined;
    this.#releaseSlot?.();
    this.#releaseSlot = undefined;
  }

  #noteFailure(error: CollectionError): void {
    const { clock, backOffMs } = this.#options;
    this.#failures += 1;
    this.#lastError = error;
    const waitMs = Math.min(backOffMs.max, backOffMs.first * 2 ** (this.#failures - 1));
    // Spread between half and all of it, so that many targets of a server that returns do not all come at once.
    this.#waitMs = error.kind === 'Cancelled' ? 0 : waitMs * (0.5 + clock.random() / 2);
    this.#failedAtMs = clock.now();
  }

  /** A clock that was set back says nothing of how long it has been: then the next attempt is due. */
  #isWaiting(): boolean {
    const sinceMs = this.#options.clock.now() - this.#failedAtMs;
    return sinceMs >= 0 && sinceMs < this.#waitMs;
  }
}
