import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Bloat } from '../../analysis/bloat/bloat.ts';
import { estimateBloat, liveCounts, liveEntries } from '../../analysis/bloat/estimate.ts';
import type { Catalogue, IndexView } from '../../analysis/catalogue.ts';
import type { IndexFact } from '../../collectors/inventory.ts';
import type { Snapshot } from '../../collectors/snapshot.ts';
import {
  addWholes,
  type EstimateBasis,
  type Hindrance,
  hindered,
  hourOf,
  isSameBasis,
} from '../../history/bloat/answers.ts';
import { withFreeSpace, withScan } from '../../history/bloat/measured.ts';
import {
  type BloatMemory,
  type IndexMemory,
  indexMemoryOf,
  knowledgeOf,
  memoryFrom,
  memoryKey,
  type SizePoint,
} from '../../history/bloat/memory.ts';
import { inventoryWholeAtMs, observeInSlices, remember } from '../../history/bloat/observe.ts';
import { type Means, meansFor, measurementQueue, type Wanted } from '../../history/bloat/queue.ts';
import { withRatio } from '../../history/bloat/ratio.ts';
import { SharedWords } from '../../history/bloat/shared-words.ts';
import type { DiaryEvent } from '../../model/event.ts';
import type { IndexOid, TargetId } from '../../model/ids.ts';
import { type Sliced, slicedMap } from '../../model/sliced.ts';
import { dayMs, hourMs, humaneBytes, minuteMs } from '../../model/units.ts';
import {
  grantsFor,
  isPermitted,
  type MeasurementFailure,
  type MeasurementFailureKind,
  type MeasurementOptions,
  type MeasuringFunction,
  type MeasuringSessions,
  readFreeSpace,
  readHashIndex,
  readIndex,
} from '../../postgres/measure.ts';
import type { Clock } from '../../scheduler/clock.ts';
import { inSlices } from '../../store/in-slices.ts';
import type { Store } from '../../store/store.ts';
import type { MeasuringSettings } from './settings.ts';

export interface KeeperOptions {
  readonly target: TargetId;
  readonly store: Store;
  readonly clock: Clock;
  readonly settings: MeasuringSettings;
  /** Why nothing is measured on this target; undefined where it is. */
  readonly obstacle: Hindrance | undefined;
  /** Told of records that could not be used or kept, in one sentence. */
  readonly onProblem: (message: string) => void;
}

/** The kind of the store's records that bloat is kept in. */
export const recordKind = 'bloat';

/** How long an index is left alone after it could not be measured. */
const putOffMs: Readonly<Record<MeasurementFailureKind, number>> = {
  'gave-way': 10 * minuteMs,
  locked: 10 * minuteMs,
  busy: 0,
  gone: 10 * minuteMs,
  invalid: hourMs,
  unsupported: dayMs,
  'not-permitted': 0,
  'extension-missing': 0,
  timeout: dayMs,
  conflict: 0,
  unreachable: 0,
  cancelled: 0,
  failed: dayMs,
};

interface Attempt extends MeasurementFailure {
  readonly untilMs: number;
}

/**
 * An answer with what it was made of. Of an equal basis and memory the newer ones are kept: the older would hold on to a catalogue that
 * is gone.
 */
interface Estimate extends Mutable<EstimateBasis> {
  memory: IndexMemory | undefined;
  readonly hindrance: Hindrance | undefined;
  /** The answer with what keeps the index from being measured. */
  readonly told: Bloat;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Answers for a catalogue of so many indexes, of which these are partitioned. */
interface Told {
  readonly bloat: ReadonlyMap<IndexOid, Bloat>;
  readonly wholes: ReadonlyMap<IndexOid, IndexFact>;
  readonly indexes: number;
}

/** Estimates made between two turns of the event loop, and estimates looked up: some ten milliseconds’ work. */
const estimatesPerTurn = 200;
const looksPerTurn = 1_000;

const isSameKnowledge = (a: IndexMemory | undefined, b: IndexMemory | undefined): boolean =>
  a?.scan === b?.scan && a?.baseline === b?.baseline && a?.freeSpace === b?.freeSpace;

const isSameHindrance = (a: Hindrance | undefined, b: Hindrance | undefined): boolean =>
  a?.reason === b?.reason && a?.improvement === b?.improvement;

/** What became of a measurement, as the metric `indexwarden_measurements_total` counts it. */
export type MeasurementOutcome = 'measured' | MeasurementFailureKind;

/** What is known of the bloat of one target's indexes: read from the store once, kept there from then on. */
export class BloatKeeper {
  readonly #options: KeeperOptions;
  #memory: Map<string, IndexMemory> | undefined;
  /** Why indexes were not measured lately, by key. Not kept: after a restart they are tried again. */
  readonly #attempts = new Map<string, Attempt>();
  #functions: readonly MeasuringFunction[] | undefined;
  #areFunctionsOld = false;
  /** When the catalogue was last read whole since the start: what is there now and was not then is new. */
  #wholeAtMs: number | undefined;
  /** Which inventory and sizes were observed last. */
  #seen: string | undefined;
  /** Written to the store with the next observation, when writing failed. */
  readonly #unwritten = new Map<string, IndexMemory | undefined>();
  /** The estimates of the last time, with what they were made of: most indexes do not change from pass to pass. */
  readonly #estimates = new Map<IndexOid, Estimate>();
  /** What was told the last time, partitioned indexes included; the same again for as long as none of it changes. */
  #told: Told | undefined;
  readonly #withoutExtension = new Map<string, Hindrance>();
  readonly #words = new SharedWords();
  /** Of the store, when everything was read from it or is to be written to it. */
  #openings = 0;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Folds a snapshot in and returns what it says happened. */
  async observe(catalogue: Catalogue, snapshot: Snapshot): Promise<readonly DiaryEvent[]> {
    const memory = await this.#load();
    const { settings } = this.#options;
    const { indexes, 'relation-sizes': sizes } = snapshot.outcomes;
    const seen = `${indexes?.kind} ${indexes?.collectedAtMs} ${sizes?.kind} ${sizes?.collectedAtMs}`;
    // Files and sizes are those of the last time; nothing else is observed.
    if (seen === this.#seen) return [];
    this.#seen = seen;
    const { changes, events } = await inSlices(
      observeInSlices(memory, catalogue, snapshot, settings, this.#wholeAtMs),
    );
    this.#wholeAtMs = inventoryWholeAtMs(snapshot) ?? this.#wholeAtMs;
    await inSlices(remember(memory, changes));
    for (const [key, attempt] of this.#attempts)
      if (!memory.has(key) || attempt.untilMs <= snapshot.takenAtMs) this.#attempts.delete(key);
    await this.#keep(changes);
    return events;
  }

  /** What detectors are told: the answer for every index as of `nowMs`, and the sizes it had. */
  async facts(
    catalogue: Catalogue,
    nowMs: number,
  ): Promise<{
    readonly bloat: ReadonlyMap<IndexOid, Bloat>;
    readonly sizesOf: (index: IndexView) => readonly SizePoint[];
  }> {
    const { memory } = this;
    const noted = new Map<string, IndexMemory>();
    const hour = hourOf(nowMs);
    let isChanged = this.#told?.indexes !== catalogue.indexes.length;
    let leaves = 0;
    let made = 0;
    for (const [place, index] of catalogue.indexes.entries()) {
      if (index.fact.relkind === 'I') {
        isChanged ||= this.#told?.wholes.get(index.oid) !== index.fact;
        continue;
      }
      leaves += 1;
      if (place % looksPerTurn === looksPerTurn - 1) await nextTurn();
      const name = memoryKey(index);
      const known = memory.get(name);
      const basis = { index, hour };
      const hindrance = this.#hindranceOf(index, catalogue);
      let estimate = this.#estimates.get(index.oid);
      if (
        estimate === undefined ||
        !isSameBasis(estimate, basis) ||
        !isSameKnowledge(estimate.memory, known) ||
        !isSameHindrance(estimate.hindrance, hindrance)
      ) {
        isChanged = true;
        if (made > 0 && made % estimatesPerTurn === 0) await nextTurn();
        made += 1;
        const answer = estimateBloat(index, { knowledge: knowledgeOf(known), catalogue, nowMs });
        estimate = { ...basis, memory: known, hindrance, told: this.#words.of(hindered(answer, hindrance)) };
        this.#estimates.set(index.oid, estimate);
      } else {
        // One that was attached elsewhere counts in another whole.
        isChanged ||= estimate.index.fact !== index.fact;
        estimate.index = index;
        estimate.hour = hour;
        estimate.memory = known;
      }
      const now = this.#memory?.get(name);
      const withDay = now === undefined ? undefined : withRatio(now, estimate.told, nowMs);
      if (withDay === undefined || withDay === now) continue;
      this.#memory?.set(name, withDay);
      noted.set(name, withDay);
    }
    if (leaves < this.#estimates.size) {
      isChanged = true;
      for (const oid of this.#estimates.keys())
        if (!catalogue.indexesByOid.has(oid)) this.#estimates.delete(oid);
    }
    if (noted.size > 0) await this.#keep(noted);
    const told = isChanged ? await inSlices(this.#tell(catalogue)) : this.#told;
    this.#told = told;
    return {
      bloat: told?.bloat ?? new Map(),
      sizesOf: (index) => this.memory.get(memoryKey(index))?.sizes.all() ?? [],
    };
  }

  *#tell(catalogue: Catalogue): Sliced<Told> {
    const bloat = new Map<IndexOid, Bloat>();
    for (const [oid, { told }] of this.#estimates) {
      yield;
      bloat.set(oid, told);
    }
    const wholes = yield* addWholes(catalogue, bloat);
    return { bloat, wholes, indexes: catalogue.indexes.length };
  }

  get memory(): BloatMemory {
    return this.#memory ?? new Map();
  }

  /** The functions that the server has for measuring; until they were looked for, none. */
  set functions(functions: readonly MeasuringFunction[]) {
    this.#functions = functions;
    this.#areFunctionsOld = false;
  }

  /** Somebody may have granted what was missing, or installed it: the functions are to be looked for again. */
  doubtFunctions(): void {
    this.#areFunctionsOld = true;
  }

  /** What is to be measured now, first things first. */
  queue(catalogue: Catalogue, bloat: ReadonlyMap<IndexOid, Bloat>, nowMs: number): readonly Wanted[] {
    if (this.#options.obstacle !== undefined) return [];
    const means = new Set<Means>();
    // Before a look, what the catalogue's list of extensions says.
    const has = (name: MeasuringFunction['functionName'], extension: string): boolean =>
      this.#functions === undefined || this.#areFunctionsOld
        ? (catalogue.server?.extensions.includes(extension) ?? false)
        : this.#mayRun(name);
    if (has('pgstattuple', 'pgstattuple')) means.add('scan');
    if (has('pg_freespace', 'pg_freespacemap')) means.add('free-space');
    if (means.size === 0) return [];
    const isPutOff = (key: string): boolean => (this.#attempts.get(key)?.untilMs ?? 0) > nowMs;
    const input = { catalogue, memory: this.memory, bloat, nowMs, means, isPutOff };
    return measurementQueue(input, this.#options.settings.queue);
  }

  /** Measures one index and remembers what came of it. Never throws for what a server or an operator can cause. */
  async measure(
    { index, key, means }: Wanted,
    sessions: MeasuringSessions,
    catalogue: Catalogue,
    signal: AbortSignal,
  ): Promise<MeasurementOutcome> {
    const { clock, settings } = this.#options;
    const options: MeasurementOptions = {
      limits: {
        statementTimeoutMs: settings.statementTimeoutMs(index.sizeBytes ?? 0),
        watchIntervalMs: settings.watchIntervalMs,
        activeBackendsMax: settings.activeBackendsMax,
      },
      sleep: clock.sleep,
      now: clock.now,
      signal,
    };
    const startedAtMs = clock.now();
    const failure =
      means === 'scan'
        ? await this.#scan(index, key, sessions, catalogue, options, startedAtMs)
        : await this.#readMap(index, key, sessions, options, startedAtMs);
    if (failure === undefined) {
      this.#attempts.delete(key);
      return 'measured';
    }
    this.#attempts.set(key, { ...failure, untilMs: clock.now() + putOffMs[failure.kind] });
    return failure.kind;
  }

  async #scan(
    index: IndexView,
    key: string,
    sessions: MeasuringSessions,
    catalogue: Catalogue,
    options: MeasurementOptions,
    atMs: number,
  ): Promise<MeasurementFailure | undefined> {
    const shared = { atMs, liveEntries: liveEntries(index) ?? null, counts: liveCounts(index) };
    if (index.fact.accessMethod === 'hash') {
      const pgstathashindex = this.#find('pgstathashindex');
      if (pgstathashindex === undefined) return missing('pgstathashindex');
      const read = await readHashIndex(sessions, { oid: index.oid, pgstathashindex }, options);
      if (!read.ok) return read.error;
      const { liveItems, blockSizeBytes, ...pages } = read.value;
      const { bucketPages, overflowPages, bitmapPages, unusedPages } = pages;
      // The metapage is in none of the counts.
      const sizeBytes = (1 + bucketPages + overflowPages + bitmapPages + unusedPages) * blockSizeBytes;
      const scan = { ...shared, sizeBytes, tupleCount: liveItems, tupleBytes: 0, freeBytes: 0, hash: pages };
      await this.#remember(key, (memory) => withScan(memory, index, scan, catalogue));
      return undefined;
    }
    const pgstattuple = this.#find('pgstattuple');
    if (pgstattuple === undefined) return missing('pgstattuple');
    const read = await readIndex(sessions, { oid: index.oid, pgstattuple }, options);
    if (!read.ok) return read.error;
    const { tableLen, tupleCount, tupleLen, freeSpace } = read.value;
    const counted = { sizeBytes: tableLen, tupleCount, tupleBytes: tupleLen, freeBytes: freeSpace };
    await this.#remember(key, (memory) => withScan(memory, index, { ...shared, ...counted }, catalogue));
    return undefined;
  }

  async #readMap(
    index: IndexView,
    key: string,
    sessions: MeasuringSessions,
    options: MeasurementOptions,
    atMs: number,
  ): Promise<MeasurementFailure | undefined> {
    const pgFreespace = this.#find('pg_freespace');
    if (pgFreespace === undefined) return missing('pg_freespace');
    const isGin = index.fact.accessMethod === 'gin' && this.#mayRun('pgstatginindex');
    const pgstatginindex = isGin ? this.#find('pgstatginindex') : undefined;
    const read = await readFreeSpace(sessions, { oid: index.oid, pgFreespace, pgstatginindex }, options);
    if (!read.ok) return read.error;
    const { freeBytes, pendingPages } = read.value;
    await this.#remember(key, (memory) => withFreeSpace(memory, index, { atMs, freeBytes, pendingPages }));
    return undefined;
  }

  #find(name: MeasuringFunction['functionName']): MeasuringFunction | undefined {
    return this.#functions?.find(({ functionName }) => functionName === name);
  }

  #mayRun(name: MeasuringFunction['functionName']): boolean {
    const found = this.#find(name);
    return found !== undefined && isPermitted(found);
  }

  async #remember(key: string, change: (memory: IndexMemory) => IndexMemory): Promise<void> {
    const known = this.#memory?.get(key);
    // It went out of the catalogue while it was measured.
    if (known === undefined) return;
    const changed = change(known);
    this.#memory?.set(key, changed);
    await this.#keep(new Map([[key, changed]]));
  }

  /** Why an index that could be measured has not been; undefined where nothing stands in the way. */
  #hindranceOf(index: IndexView, catalogue: Catalogue): Hindrance | undefined {
    const means = meansFor(index);
    const { server } = catalogue;
    const { settings, obstacle } = this.#options;
    if (means === undefined || server === undefined) return undefined;
    // The free-space map adds a little where it can be read; nobody misses it otherwise.
    if (means === 'free-space' && !server.extensions.includes('pg_freespacemap')) return undefined;
    if (obstacle !== undefined) return obstacle;
    const extension = means === 'scan' ? 'pgstattuple' : 'pg_freespacemap';
    const functionName = means === 'scan' ? 'pgstattuple' : 'pg_freespace';
    if (!server.extensions.includes(extension)) {
      // Told of every index, in the same two strings.
      const told = this.#withoutExtension.get(extension) ?? {
        reason: `it cannot be measured: the extension ${extension} is not installed in ${server.datname}`,
        improvement: `CREATE EXTENSION ${extension};`,
      };
      this.#withoutExtension.set(extension, told);
      return told;
    }
    const found = this.#find(functionName);
    if (found !== undefined && !isPermitted(found)) {
      return {
        reason: `it cannot be measured: ${server.roleName} may not run ${functionName}`,
        improvement: grantsFor(found, server.roleName),
      };
    }
    const { sizeBytes } = index;
    if (means === 'scan' && sizeBytes !== undefined && sizeBytes > settings.queue.indexBytesMax) {
      return {
        reason: `it is not measured: larger than bloat.maxIndexSize (${humaneBytes(settings.queue.indexBytesMax)})`,
        improvement: 'raise bloat.maxIndexSize',
      };
    }
    const attempt = this.#attempts.get(memoryKey(index));
    return attempt === undefined
      ? undefined
      : { reason: `it could not be measured: ${attempt.message}`, improvement: null };
  }

  async #load(): Promise<Map<string, IndexMemory>> {
    if (this.#memory !== undefined) return this.#memory;
    const { store, target, onProblem } = this.#options;
    this.#openings = store.openings();
    const { memory, dropped } = memoryFrom(await store.recordsOf(target, recordKind, indexMemoryOf));
    if (dropped.length > 0)
      onProblem(`${dropped.length} records about bloat do not fit this version and are forgotten`);
    for (const key of dropped) this.#unwritten.set(key, undefined);
    this.#memory = new Map(memory);
    return this.#memory;
  }

  async #keep(changes: ReadonlyMap<string, IndexMemory | undefined>): Promise<void> {
    const { store, target, onProblem } = this.#options;
    await inSlices(addAll(this.#unwritten, changes));
    const openings = store.openings();
    // A file that was opened anew may have begun anew.
    if (openings !== this.#openings) await inSlices(addAll(this.#unwritten, this.memory));
    this.#openings = openings;
    if (this.#unwritten.size === 0) return;
    const writing = await inSlices(slicedMap(this.#unwritten, (entry) => entry));
    try {
      await store.keepRecords(target, recordKind, writing);
    } catch (caught) {
      // Tried again with the next change; what was measured stays true without it.
      onProblem(`what is known of bloat could not be kept: ${String(caught)}`);
      return;
    }
    await inSlices(this.#wrote(writing));
  }

  *#wrote(written: ReadonlyMap<string, IndexMemory | undefined>): Sliced<void> {
    for (const [key, memory] of written) {
      yield;
      if (this.#unwritten.get(key) === memory) this.#unwritten.delete(key);
    }
  }
}

function* addAll<Key, Value>(map: Map<Key, Value>, entries: ReadonlyMap<Key, Value>): Sliced<void> {
  for (const [key, value] of entries) {
    yield;
    map.set(key, value);
  }
}

const missing = (name: string): MeasurementFailure => ({
  kind: 'extension-missing',
  message: `there is no function ${name} any more`,
});
