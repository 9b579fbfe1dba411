import type { Snapshot } from '../collectors/snapshot.ts';
import {
  changedIndexes,
  type IndexChanges,
  indexChangesInSlices,
  indexKey,
  isInventoryWhole,
  type KnownIndex,
  type KnownIndexes,
  knownIndexes,
} from '../findings/changes.ts';
import { findingId } from '../findings/identity.ts';
import { advanceInSlices, type FoundNow, type Ledger, type LifeRules } from '../findings/ledger.ts';
import { type MuteRule, muteLookup } from '../findings/mutes.ts';
import { lineageOf } from '../findings/renames.ts';
import type { DiaryEvent } from '../model/event.ts';
import type { Finding, FindingKind } from '../model/finding.ts';
import { type TargetId, targetKey } from '../model/ids.ts';
import type { Mute } from '../model/mute.ts';
import { type Sliced, slicedMap } from '../model/sliced.ts';
import { inSlices } from '../store/in-slices.ts';
import type { Store } from '../store/store.ts';
import type { Judgement } from './judge.ts';

export interface DiaryOptions {
  readonly target: TargetId;
  readonly store: Store;
  readonly isWatched: (schemaname: string) => boolean;
  readonly rules: LifeRules;
  /** The mutes of the configuration. */
  readonly mutes: readonly MuteRule[];
  readonly log: {
    readonly info: (fields: object, message: string) => void;
    readonly error: (fields: object, message: string) => void;
  };
  /** Called with what happened, once it is kept. */
  readonly tell: (events: readonly DiaryEvent[]) => void;
}

/** Under this kind the store keeps what was last known of each index. */
const recordKind = 'definitions';
/** The record beside them that holds the schemas which were not watched; no index has this key. */
const unwatchedKey = '';

/** Events that could not be kept are held for the next attempt, at most this many, the newest. */
const unkeptMax = 1_000;

/**
 * Takes the findings of one target from one evaluation to the next, and notes what happened to them and to its indexes. Reads the
 * store once; a store that cannot be written to later costs neither findings nor news, which are kept as soon as it can be.
 */
export class Diary {
  readonly #options: DiaryOptions;
  #ledger: Ledger | undefined;
  #mutes: readonly Mute[] = [];
  /** As they are known, and as the store knows them; undefined before it was asked, or where it knew nothing. */
  #indexes: KnownIndexes | undefined;
  #keptIndexes: KnownIndexes | undefined;
  /** The lists of facts that were compared last. */
  #inventory: readonly unknown[] = [];
  #unkept: readonly DiaryEvent[] = [];
  #isKeeping = true;
  /** Of the store, when everything was read from it or written to it. */
  #openings = 0;
  /** One evaluation after the other: each begins where the one before ended. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: DiaryOptions) {
    this.#options = options;
  }

  /**
   * Keeps what the judgement means for the ledger, together with the events of it and the others given, and tells of them. Rejects
   * only where the store cannot be read for the first time: to go on without what it holds would be to forget it.
   */
  keep(
    judgement: Judgement,
    found: readonly FoundNow[],
    happened: readonly DiaryEvent[] = [],
  ): Promise<Ledger> {
    const kept = this.#last.then(() => this.#next(judgement, found, happened));
    this.#last = kept.catch(() => {});
    return kept;
  }

  async #next(
    judgement: Judgement,
    found: readonly FoundNow[],
    happened: readonly DiaryEvent[],
  ): Promise<Ledger> {
    const { target, rules, mutes, tell, log } = this.#options;
    const { snapshot, judged, undecided } = judgement;
    const previous = await this.#remember();
    const before = this.#indexes;
    const changes = await this.#compare(judgement);
    const step = advanceInSlices(previous, {
      found,
      judged,
      undecided,
      nowMs: snapshot.takenAtMs,
      lineages: await inSlices(this.#lineages(judgement)),
      neverBaseline: lostIndexes(found, before),
      muteOf: muteLookup(this.#mutes, mutes, snapshot.takenAtMs),
      rules,
    });
    const { ledger, events } = await inSlices(step);
    this.#ledger = ledger;
    if (changes !== undefined) {
      this.#indexes = changes.known;
      this.#inventory = inventoryOf(snapshot);
    }
    const told = happened.filter(
      (event) => event.kind !== 'index-used-again' || isOfInterest(event, previous),
    );
    const all = [...told, ...(changes?.events ?? []), ...events];
    await this.#write(ledger, all);
    for (const { kind, findingId: finding, title } of events)
      if (kind === 'mute-expired') log.info({ event: kind, target: targetKey(target), finding }, title);
    if (all.length > 0) tell(all);
    return ledger;
  }

  /** Of the given findings those about an index that was seen valid and is not any more, by their ids. */
  lostAmong(findings: readonly Finding[]): ReadonlySet<string> {
    return lostIndexes(findings, this.#indexes);
  }

  /** What a new inventory says of the indexes; undefined where there is none, or not all of it. */
  async #compare({ snapshot, catalogue }: Judgement): Promise<IndexChanges | undefined> {
    const isNew = inventoryOf(snapshot).some((facts, place) => facts !== this.#inventory[place]);
    if (!isNew || !isInventoryWhole(snapshot)) return undefined;
    const before = this.#indexes;
    const now = await inSlices(slicedMap(knownIndexes(catalogue, before), (entry) => entry));
    return inSlices(indexChangesInSlices(before, now, snapshot, this.#options.isWatched));
  }

  /** The ledger so far. The mutes are read anew each time, since the API sets them; where that fails the last ones hold. */
  async #remember(): Promise<Ledger> {
    const { store, target } = this.#options;
    this.#mutes = await store.mutes().catch(() => this.#mutes);
    if (this.#ledger !== undefined) return this.#ledger;
    this.#openings = store.openings();
    const ledger = await store.ledgerOf(target);
    this.#indexes = await this.#rememberedIndexes();
    this.#keptIndexes = this.#indexes;
    return ledger;
  }

  /** Ledger and events first: should the process end in between, the next one notes a change of an index twice, not never. */
  async #write(ledger: Ledger, events: readonly DiaryEvent[]): Promise<void> {
    const { store, target, log } = this.#options;
    this.#unkept = [...this.#unkept, ...events].slice(-unkeptMax);
    const openings = store.openings();
    try {
      await store.keepLedger(target, ledger, this.#unkept);
      this.#unkept = [];
      const isNew = openings !== this.#openings;
      if (this.#indexes !== undefined && (isNew || this.#indexes !== this.#keptIndexes)) {
        const changes = await inSlices(recordChanges(this.#keptIndexes, this.#indexes));
        // A file that was opened anew may have begun anew, and then knows of no index.
        if (isNew)
          for (const [key, record] of await inSlices(recordChanges(undefined, this.#indexes)))
            changes.set(key, record);
        if (changes.size > 0) await store.keepRecords(target, recordKind, changes);
        this.#keptIndexes = this.#indexes;
      }
      this.#openings = openings;
      if (!this.#isKeeping)
        log.info({ event: 'diary-kept', target: targetKey(target) }, 'findings are kept again');
      this.#isKeeping = true;
    } catch (caught) {
      const error = caught instanceof Error ? caught.message : String(caught);
      if (this.#isKeeping)
        log.error(
          { event: 'diary-not-kept', target: targetKey(target), error },
          'findings and events cannot be kept; watching goes on',
        );
      this.#isKeeping = false;
    }
  }

  *#lineages({ drafts, catalogue: { server } }: Judgement): Sliced<ReadonlyMap<string, string>> {
    if (server === undefined) return new Map();
    return yield* slicedMap(drafts, (draft) => [
      findingId(this.#options.target, draft),
      lineageOf(draft, server),
    ]);
  }

  async #rememberedIndexes(): Promise<KnownIndexes | undefined> {
    const { store, target } = this.#options;
    const records = new Map(await store.recordsOf(target, recordKind));
    const unwatched = records.get(unwatchedKey);
    if (!Array.isArray(unwatched)) return undefined;
    records.delete(unwatchedKey);
    // What is under this kind was written by this class; an older form would have another kind.
    return { indexes: records as ReadonlyMap<string, KnownIndex>, unwatched: new Set(unwatched) };
  }
}

/** The lists that say what indexes there are: as long as these are the same lists, nothing was read anew. */
function inventoryOf({ outcomes }: Snapshot): readonly unknown[] {
  const lists = [outcomes.tables, outcomes.columns, outcomes.indexes, outcomes['operator-classes']];
  return lists.map((outcome) => (outcome?.kind === 'collected' ? outcome.facts : undefined));
}

/** That an index is used again is news where somebody was told that it is not. */
const isOfInterest = (event: DiaryEvent, { findings }: Ledger): boolean =>
  [...findings.values()].some(
    (finding) =>
      disuseKinds.has(finding.kind) &&
      finding.state !== 'resolved' &&
      finding.schemaname === event.schemaname &&
      finding.indexrelname === event.indexrelname,
  );
const disuseKinds: ReadonlySet<FindingKind> = new Set<FindingKind>([
  'unused-index',
  'rarely-used-index',
  'stopped-being-used',
]);

/** Findings about indexes that were valid once: a loss since then, whenever the detector first looks. */
function lostIndexes(
  found: readonly Pick<Finding, 'id' | 'kind' | 'schemaname' | 'indexrelname'>[],
  known: KnownIndexes | undefined,
): ReadonlySet<string> {
  const lost = found.filter(
    ({ kind, schemaname, indexrelname }) =>
      kind === 'invalid-index' &&
      indexrelname !== null &&
      known?.indexes.get(indexKey(schemaname, indexrelname))?.wasValid === true,
  );
  return new Set(lost.map(({ id }) => id));
}

/** Only what differs is written: an inventory without changes costs the store nothing. */
function* recordChanges(before: KnownIndexes | undefined, now: KnownIndexes): Sliced<Map<string, unknown>> {
  const changes: Map<string, unknown> = yield* changedIndexes(before?.indexes, now.indexes);
  const unwatched = [...now.unwatched].sort();
  const unwatchedBefore = before === undefined ? undefined : [...before.unwatched].sort();
  if (JSON.stringify(unwatched) !== JSON.stringify(unwatchedBefore)) changes.set(unwatchedKey, unwatched);
  return changes;
}
