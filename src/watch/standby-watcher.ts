import type { CollectorName } from '../collectors/index.ts';
import type { Snapshot } from '../collectors/snapshot.ts';
import { type NodeName, type TargetId, targetKey } from '../model/ids.ts';
import { whyMissing } from '../model/outcome.ts';
import type { Clock } from '../scheduler/clock.ts';
import { Activations } from './activations.ts';
import type { Connection } from './connection.ts';
import { type PassLimits, runPass, unreachable } from './pass.ts';
import type { WatchLog } from './target-watcher.ts';

/** The collectors whose facts differ from node to node. Everything else is the same on a standby, byte by byte. */
export const standbyCollectors: ReadonlySet<CollectorName> = new Set<CollectorName>([
  'server',
  'index-usage',
  'table-usage',
  'collations',
]);

export interface StandbyWatcherOptions {
  readonly target: TargetId;
  readonly node: NodeName;
  readonly connection: Connection;
  readonly passLimits: PassLimits;
  /** Whether the connection may stay open between passes. */
  readonly keepsConnection: () => boolean;
  readonly clock: Clock;
  readonly log: WatchLog;
}

/**
 * Collects from one standby of one database what only that node knows. It has a connection and a queue of its own, so that a
 * standby that hangs delays nobody: whoever judges takes the newest snapshot there is and looks at its age.
 */
export class StandbyWatcher {
  readonly #options: StandbyWatcherOptions;
  readonly #stop = new AbortController();
  readonly #activations: Activations;
  #snapshot: Snapshot | undefined;
  #wasUp: boolean | undefined;

  constructor(options: StandbyWatcherOptions) {
    this.#options = options;
    this.#activations = new Activations(
      (names) => this.look(names),
      (caught) => this.#failed(caught),
    );
  }

  get node(): NodeName {
    return this.#options.node;
  }

  /** The newest snapshot, failed ones too; undefined before the first look has ended. */
  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** Notes that collectors are due; those that a standby has nothing to say to are passed over. */
  activate(names: Iterable<CollectorName>): void {
    const ours = [...names].filter((name) => standbyCollectors.has(name));
    if (ours.length > 0) this.#activations.activate(ours);
  }

  /** Runs collectors now and returns the snapshot with their outcomes in it. */
  async look(names: ReadonlySet<CollectorName>): Promise<Snapshot> {
    const { target, node, connection, passLimits, clock, keepsConnection } = this.#options;
    const ours = new Set([...names].filter((name) => standbyCollectors.has(name)));
    const previous = this.#snapshot ?? { target, node, takenAtMs: clock.now(), outcomes: {} };
    const opened = await connection.open(this.#stop.signal);
    const snapshot = opened.ok
      ? await runPass(opened.value, ours, previous, { limits: passLimits, clock, signal: this.#stop.signal })
      : unreachable(ours, previous, opened.error, clock.now());
    this.#stop.signal.throwIfAborted();
    this.#snapshot = snapshot;
    this.#logChange(snapshot);
    if (!keepsConnection() || connection.session === undefined) await connection.close();
    return snapshot;
  }

  /** Cancels what is running on the server, waits for it to unwind, closes the connection. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('shutting down'));
    await this.#activations.stop();
    await this.#options.connection.close();
  }

  #failed(caught: unknown): void {
    if (this.#stop.signal.aborted) return;
    const stack = caught instanceof Error ? caught.stack : String(caught);
    const { target, node, log } = this.#options;
    log.error(
      { event: 'pass-failed', target: targetKey(target), node, stack },
      'a look at a standby failed by a bug',
    );
  }

  /** One line per change of state, not one per attempt. */
  #logChange(snapshot: Snapshot): void {
    const error = whyMissing(snapshot.outcomes.server);
    const isUp = error === undefined;
    if (isUp === this.#wasUp) return;
    this.#wasUp = isUp;
    const { target, node, log } = this.#options;
    const fields = { target: targetKey(target), node };
    if (isUp) log.info({ event: 'standby-up', ...fields }, 'standby is up');
    else log.warn({ event: 'standby-down', ...fields, error }, 'standby is down');
  }
}
