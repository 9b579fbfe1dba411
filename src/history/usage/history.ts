import type { DiaryEvent } from '../../model/event.ts';
import type { NodeName } from '../../model/ids.ts';
import { atOnce, type Sliced, slicedSet } from '../../model/sliced.ts';
import { dayMs, MiB } from '../../model/units.ts';
import type { IndexSubject, TableSubject } from '../subjects.ts';
import { apply, type SubjectsById, subjectsById } from './apply.ts';
import { DamagedBlob } from './bytes.ts';
import { type ChangeSet, compare } from './changes.ts';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts';
import { decodeCollection, encodeCollection } from './collection.ts';
import { encodeDay } from './day-record.ts';
import { usageEvents } from './events.ts';
import type { UsageSample } from './sample.ts';
import { dayOf, emptyState, recentDays, type UsageState } from './state.ts';

/*
 * How use is remembered, for one target on one node.
 *
 *   const { history, problem } = openUsage(node, await store.usageOf(target, node));   // once; say `problem` if there is one
 *
 *   const sample = usageSampleOf(catalogue, snapshot);                                  // after each collection of that node
 *   if (sample !== undefined) {
 *     const step = observeUsage(history, sample, { maxGapMs });
 *     if (step.kind === 'observed') {
 *       if (step.fold === undefined) await store.appendUsage(target, node, step.collection);
 *       else await store.foldUsage(target, node, step.fold);                            // holds the collection already
 *       usageKept(history, step);                                                       // only once the store has it
 *     }
 *   }
 *
 * Collections must reach the store in order. One that failed need not be repeated: without `usageKept` the next step folds, and
 * the fold holds everything. The history is changed in place and belongs to whoever opened it.
 */

/** What the store keeps of one target on one node. */
export interface KeptUsage {
  readonly checkpoint: Uint8Array | undefined;
  readonly collections: readonly Uint8Array[];
}

/** The days that ended and the whole memory: replaces the checkpoint and all collections. */
export interface UsageFold {
  readonly checkpoint: Uint8Array;
  readonly days: readonly { readonly day: number; readonly record: Uint8Array }[];
}

/** What happened, without what only the caller knows. */
export type UsageEvent = Omit<DiaryEvent, 'server' | 'datname' | 'findingId'>;

export type UsageStep =
  | {
      readonly kind: 'observed';
      /** To be appended, unless there is a fold. */
      readonly collection: Uint8Array;
      readonly fold: UsageFold | undefined;
      readonly events: readonly UsageEvent[];
    }
  /** The sample is not later than the last: the clock went back a little. Nothing changed; counters lose nothing by waiting. */
  | { readonly kind: 'ignored'; readonly reason: string };

export interface UsageSettings {
  /** A longer time between two samples breaks the window. */
  readonly maxGapMs: number;
}

/** A fold comes at the latest after so many collections: a day of them, which opening replays in a moment. */
const collectionsMax = 1_440;
/** And when they have become this large, and larger than the checkpoint that replaces them: each byte is then written twice at most. */
const collectionBytesMin = 4 * MiB;
/** What is gone so long is forgotten; its id is not given again. */
const forgottenAfterMs = recentDays * dayMs;

/** What is remembered of the use of one target's indexes on one node. Opaque: `observation.ts` answers questions about it. */
export class UsageHistory {
  readonly state: UsageState;
  /** Of ids in the memory and in the collections since. */
  readonly byId: SubjectsById;
  /** What the store holds beside the checkpoint. */
  kept: { collections: number; bytes: number; checkpointBytes: number };
  /** Days that ended and are in no fold yet. */
  endedDays: { day: number; record: Uint8Array }[] = [];
  /** What the store holds is not what the memory is: the next step has to replace it. */
  mustFold: boolean;

  constructor(state: UsageState, kept: UsageHistory['kept'], mustFold: boolean) {
    this.state = state;
    this.byId = subjectsById(state);
    this.kept = kept;
    this.mustFold = mustFold;
  }

  get node(): NodeName {
    return this.state.node;
  }

  /** What an id in a day record stands for; undefined for what has been forgotten. */
  subjectOf(id: number): IndexSubject | TableSubject | undefined {
    return (this.byId.indexes.get(id) ?? this.byId.tables.get(id))?.subject;
  }
}

export interface OpenedUsage {
  readonly history: UsageHistory;
  /** What of the kept could not be read, and what that means; undefined where all is well. */
  readonly problem: string | undefined;
}

/**
 * Takes up the memory where it was left: the checkpoint, and the collections since, carried out again. What is damaged is given up
 * and said: without its checkpoint a history starts anew, and from a damaged collection on what follows is left out, as though
 * nobody had looked in that time. Counters add up, so that the next sample still shows whether there was use meanwhile.
 */
export function* openUsageInSlices(node: NodeName, kept: KeptUsage): Sliced<OpenedUsage> {
  let state = emptyState(node);
  if (kept.checkpoint !== undefined) {
    try {
      state = { ...(yield* decodeCheckpoint(kept.checkpoint)), node };
    } catch (caught) {
      const why = whyDamaged(caught);
      const history = new UsageHistory(
        emptyState(node),
        { collections: 0, bytes: 0, checkpointBytes: 0 },
        true,
      );
      return {
        history,
        problem: `the usage history of node ${node} could not be read (${why}): it starts anew, and verdicts wait for a whole window`,
      };
    }
  }
  const bytes = kept.collections.reduce((sum, { length }) => sum + length, 0);
  const checkpointBytes = kept.checkpoint?.length ?? 0;
  const history = new UsageHistory(
    state,
    { collections: kept.collections.length, bytes, checkpointBytes },
    false,
  );
  for (const [place, collection] of kept.collections.entries()) {
    yield;
    try {
      yield* carryOut(history, decodeCollection(collection, history.byId));
    } catch (caught) {
      const why = whyDamaged(caught);
      history.mustFold = true;
      return {
        history,
        problem: `${kept.collections.length - place} of ${kept.collections.length} collections of the usage history of node ${node} are left out (${why})`,
      };
    }
  }
  return { history, problem: undefined };
}

/** {@link openUsageInSlices} in one go. */
export const openUsage = (node: NodeName, kept: KeptUsage): OpenedUsage =>
  atOnce(openUsageInSlices(node, kept));

/** Takes in what a node says now: compares it with the memory, changes that, and returns what is to be kept. */
export function* observeUsageInSlices(
  history: UsageHistory,
  sample: UsageSample,
  settings: UsageSettings,
): Sliced<UsageStep> {
  const { state } = history;
  const behindMs = state.lastAtMs - sample.atMs;
  if (state.sample > 0 && behindMs >= 0 && behindMs <= settings.maxGapMs) {
    const reason = `the sample is ${Math.round(behindMs / 1000)} s older than the one before: the clock went back`;
    return { kind: 'ignored', reason };
  }
  const change = yield* compare(state, sample, settings.maxGapMs);
  const events = usageEvents(history, change);
  const collection = yield* encodeCollection(change, history.byId);
  yield* carryOut(history, change);
  const { collections, bytes, checkpointBytes } = history.kept;
  const isMuch =
    collections + 1 >= collectionsMax ||
    bytes + collection.length > Math.max(collectionBytesMin, checkpointBytes);
  const isFoldDue = history.mustFold || isMuch || history.endedDays.length > 0 || checkpointBytes === 0;
  const fold = isFoldDue ? yield* foldInSlices(history) : undefined;
  // Until the store is known to have it, what follows cannot build on it.
  history.mustFold = true;
  return { kind: 'observed', collection, fold, events };
}

/** {@link observeUsageInSlices} in one go. */
export const observeUsage = (
  history: UsageHistory,
  sample: UsageSample,
  settings: UsageSettings,
): UsageStep => atOnce(observeUsageInSlices(history, sample, settings));

/** The store has what the step said: the next one may build on it. */
export function usageKept(
  history: UsageHistory,
  step: Extract<UsageStep, { readonly kind: 'observed' }>,
): void {
  const { fold, collection } = step;
  history.mustFold = false;
  if (fold === undefined) {
    history.kept.collections += 1;
    history.kept.bytes += collection.length;
    return;
  }
  history.kept = { collections: 0, bytes: 0, checkpointBytes: fold.checkpoint.length };
  const folded = new Set(fold.days.map(({ day }) => day));
  history.endedDays = history.endedDays.filter(({ day }) => !folded.has(day));
}

/** The whole memory, for a store that is to begin with it; `observeUsage` says by itself when that is due. */
export const foldUsage = (history: UsageHistory): UsageFold => atOnce(foldInSlices(history));

function* foldInSlices(history: UsageHistory): Sliced<UsageFold> {
  yield* forget(history);
  return { checkpoint: yield* encodeCheckpoint(history.state), days: history.endedDays };
}

function* carryOut(history: UsageHistory, change: ChangeSet): Sliced<void> {
  const { state } = history;
  yield* apply(state, change, history.byId, function* (day) {
    const record = yield* encodeDay(state, day);
    history.endedDays = [...history.endedDays.filter((ended) => ended.day !== day), { day, record }];
  });
}

/** Forgets what has been gone for long; what others hang on stays. */
function* forget({ state, byId }: UsageHistory): Sliced<void> {
  const isLongGone = ({ missingSinceMs }: { readonly missingSinceMs: number | null }): boolean =>
    missingSinceMs !== null && state.lastAtMs - missingSinceMs > forgottenAfterMs;
  const neededIndexes = yield* slicedSet(state.indexes.values(), ({ top }) => top);
  const neededTables = yield* slicedSet(state.indexes.values(), ({ table }) => table);
  for (const { top } of state.tables.values()) {
    yield;
    if (top !== undefined) neededTables.add(top);
  }
  for (const [subject, index] of state.indexes) {
    yield;
    if (!isLongGone(index) || neededIndexes.has(index)) continue;
    if (index.slot >= 0) state.rings.release(index.slot);
    state.indexes.delete(subject);
    byId.indexes.delete(index.id);
  }
  for (const [subject, table] of state.tables) {
    yield;
    if (!isLongGone(table) || neededTables.has(table)) continue;
    for (const slot of [table.readsSlot, table.sequentialSlot, table.writesSlot])
      if (slot >= 0) state.rings.release(slot);
    state.tables.delete(subject);
    byId.tables.delete(table.id);
  }
}

/** Damage is expected; anything else is a bug, and not to be hidden. */
function whyDamaged(caught: unknown): string {
  if (caught instanceof DamagedBlob) return caught.message;
  throw caught;
}

/** The day (UTC, counted from the epoch) of the newest sample: today, as far as the history knows. */
export const lastDayOf = ({ state }: UsageHistory): number => dayOf(state.lastAtMs);
