import { z } from 'zod';
import type { Catalogue } from '../analysis/catalogue.ts';
import type { Snapshot } from '../collectors/snapshot.ts';
import { rememberedSubjects } from '../history/subjects.ts';
import {
  observeUsageInSlices,
  openUsageInSlices,
  type UsageHistory,
  type UsageSettings,
  usageKept,
} from '../history/usage/history.ts';
import { OwnScans } from '../history/usage/own-scans.ts';
import { usageSampleInSlices } from '../history/usage/sample.ts';
import type { DiaryEvent } from '../model/event.ts';
import { type NodeName, type TargetId, targetKey } from '../model/ids.ts';
import { inSlices } from '../store/in-slices.ts';
import type { Store } from '../store/store.ts';
import type { WatchLog } from './target-watcher.ts';

export interface UsageMemoryOptions {
  readonly target: TargetId;
  readonly store: Store;
  readonly settings: UsageSettings;
  readonly log: WatchLog;
}

/** The kind of the store's records that scans of our own are kept in, by node: oids and counts. */
const ownScansKind = 'own-scans';
const ownScansRecord = z.array(z.tuple([z.number().int(), z.number().int().positive()]));

/** What is remembered of the use of one target's indexes, node by node, and kept in the store as it grows. */
export class UsageMemory {
  readonly #options: UsageMemoryOptions;
  readonly #histories = new Map<NodeName, UsageHistory>();
  /** `indexSubject`, remembered from pass to pass. */
  readonly subjectOf = rememberedSubjects();
  /** Per node, when the counters were read that were taken in last: the same facts are not taken in twice. */
  readonly #takenInAtMs = new Map<NodeName, number>();
  readonly #ownScans = new OwnScans();
  /** Of the store, when it was last written to. */
  #openings = 0;

  constructor(options: UsageMemoryOptions) {
    this.#options = options;
  }

  /** The history of each node that has one. */
  get histories(): ReadonlyMap<NodeName, UsageHistory> {
    return this.#histories;
  }

  /**
   * Takes in what nodes say of use; names and definitions are the catalogue's. Returns what happened. A store that fails costs
   * nothing but a warning: the next step keeps everything again.
   */
  async observe(catalogue: Catalogue, snapshots: readonly Snapshot[]): Promise<readonly DiaryEvent[]> {
    const openings = this.#options.store.openings();
    // A file that was opened anew may have begun anew: what is remembered is kept as a whole.
    if (openings !== this.#openings) for (const history of this.#histories.values()) history.mustFold = true;
    this.#openings = openings;
    const events: DiaryEvent[] = [];
    for (const snapshot of snapshots) events.push(...(await this.#observeNode(catalogue, snapshot)));
    return events;
  }

  /** Notes scans of indexes that were our own, by oid: they are no use. Kept over restarts until a sample has shown them. */
  async noteOwnScans(node: NodeName, scans: ReadonlyMap<number, number>): Promise<void> {
    if (scans.size === 0) return;
    this.#ownScans.note(node, scans);
    await this.#keepOwnScans(node);
  }

  async #keepOwnScans(node: NodeName): Promise<void> {
    const { target, store, log } = this.#options;
    const unsettled = this.#ownScans.unsettled(node);
    const record = unsettled.size === 0 ? undefined : [...unsettled];
    try {
      await store.keepRecords(target, ownScansKind, new Map([[node, record]]));
    } catch (caught) {
      log.debug(
        { event: 'own-scans-not-kept', target: targetKey(target), error: String(caught) },
        'not kept',
      );
    }
  }

  async #observeNode(catalogue: Catalogue, snapshot: Snapshot): Promise<readonly DiaryEvent[]> {
    const { target, store, settings, log } = this.#options;
    const { node } = snapshot;
    const history = await this.#open(node);
    const { server } = snapshot.outcomes;
    const timeline = server?.kind === 'collected' ? (server.facts[0]?.timelineId ?? null) : null;
    const { 'index-usage': usage } = snapshot.outcomes;
    if (usage?.kind === 'collected' && Math.round(usage.collectedAtMs) === this.#takenInAtMs.get(node))
      return [];
    const ownScans = usage?.kind === 'collected' ? this.#ownScans.settle(node, usage.facts) : new Map();
    if (ownScans.size > 0) await this.#keepOwnScans(node);
    const sample = await inSlices(
      usageSampleInSlices(catalogue, snapshot, { subjectOf: this.subjectOf, timeline, ownScans }),
    );
    if (sample === undefined || sample.atMs === this.#takenInAtMs.get(node)) return [];
    const step = await inSlices(observeUsageInSlices(history, sample, settings));
    this.#takenInAtMs.set(node, sample.atMs);
    const place = { target: targetKey(target), node };
    if (step.kind === 'ignored') {
      log.warn({ event: 'usage-ignored', ...place, reason: step.reason }, 'counters were not taken in');
      return [];
    }
    try {
      if (step.fold === undefined) await store.appendUsage(target, node, step.collection);
      else await store.foldUsage(target, node, step.fold);
      usageKept(history, step);
    } catch (caught) {
      log.debug({ event: 'usage-not-kept', ...place, error: String(caught) }, 'usage was not kept');
    }
    return step.events.map((event) => ({ ...event, ...target, findingId: null }));
  }

  async #open(node: NodeName): Promise<UsageHistory> {
    const known = this.#histories.get(node);
    if (known !== undefined) return known;
    const { target, store, log } = this.#options;
    const { history, problem } = await inSlices(openUsageInSlices(node, await store.usageOf(target, node)));
    if (problem !== undefined)
      log.error({ event: 'history-damaged', target: targetKey(target), node, problem }, problem);
    this.#histories.set(node, history);
    const kept = ownScansRecord.safeParse((await store.recordsOf(target, ownScansKind)).get(node));
    if (kept.success) this.#ownScans.note(node, new Map(kept.data));
    return history;
  }
}
