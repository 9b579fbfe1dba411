import type { CollectorName } from '../collectors/index.ts';

/**
 * What is due at one watcher. An activation never waits and work never overlaps: what becomes due while `run` is at work runs
 * afterwards, in one go.
 */
export class Activations {
  readonly #run: (names: ReadonlySet<CollectorName>) => Promise<unknown>;
  readonly #failed: (caught: unknown, names: ReadonlySet<CollectorName>) => void;
  readonly #due = new Set<CollectorName>();
  readonly #between: { readonly start: () => Promise<void>; readonly giveUp: (reason: Error) => void }[] = [];
  #running: Promise<void> | undefined;
  #isStopped = false;

  /** `failed` is told what `run` throws; the next activation runs all the same. */
  constructor(
    run: (names: ReadonlySet<CollectorName>) => Promise<unknown>,
    failed: (caught: unknown, names: ReadonlySet<CollectorName>) => void,
  ) {
    this.#run = run;
    this.#failed = failed;
  }

  /** Notes that collectors are due, and sets to work unless work is under way. Returns at once. */
  activate(names: Iterable<CollectorName>): void {
    if (this.#isStopped) return;
    for (const name of names) this.#due.add(name);
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
      if (this.#due.size > 0 || this.#between.length > 0) this.activate([]);
    });
  }

  /** Does other work while nothing runs: what is due goes first, what becomes due meanwhile waits. Rejects with what it throws, or when told to stop before. */
  between(work: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isStopped) {
        reject(new Error('stopped'));
        return;
      }
      this.#between.push({ start: () => work().then(resolve, reject), giveUp: reject });
      this.activate([]);
    });
  }

  /** Starts nothing more; resolves when the work under way has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const { giveUp } of this.#between.splice(0)) giveUp(new Error('stopped'));
    await this.#running;
  }

  async #work(): Promise<void> {
    while ((this.#due.size > 0 || this.#between.length > 0) && !this.#isStopped) {
      if (this.#due.size > 0) await this.#runDue();
      // One piece after each run, so that neither waits for ever for the other.
      if (!this.#isStopped) await this.#between.shift()?.start();
    }
  }

  async #runDue(): Promise<void> {
    const names = new Set(this.#due);
    this.#due.clear();
    try {
      await this.#run(names);
    } catch (caught) {
      this.#failed(caught, names);
    }
  }
}
