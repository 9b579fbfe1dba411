/**
 * Caps what is held of one server at a time: connections to it or, with a single slot, the turn to measure it. A holder keeps its slot
 * as long as its connection is open or its turn lasts; others wait in line.
 */
export class ConnectionSlots {
  readonly #max: number;
  readonly #waiting: (() => void)[] = [];
  #held = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get held(): number {
    return this.#held;
  }

  /** Resolves with the function that gives the slot back; rejects when `signal` is aborted while waiting. */
  async acquire(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#held < this.#max) {
      this.#held += 1;
    } else {
      await this.#wait(signal);
    }
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const next = this.#waiting.shift();
      // A slot handed on stays held.
      if (next === undefined) this.#held -= 1;
      else next();
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const proceed = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(proceed), 1);
        reject(signal.reason instanceof Error ? signal.reason : new Error('cancelled'));
      };
      this.#waiting.push(proceed);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }
}
