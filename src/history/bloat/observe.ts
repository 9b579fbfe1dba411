import { liveCounts, liveEntries } from '../../analysis/bloat/estimate.ts';
import type { Catalogue, IndexView } from '../../analysis/catalogue.ts';
import { isUsable } from '../../analysis/index-identity.ts';
import type { Snapshot } from '../../collectors/snapshot.ts';
import type { DiaryEvent } from '../../model/event.ts';
import { atOnce, type Sliced, slicedSet } from '../../model/sliced.ts';
import { dayMs, hourMs, humaneBytes, MiB } from '../../model/units.ts';
import { type BloatMemory, type IndexMemory, memoryKey, sizesOf } from './memory.ts';

export interface ObserveSettings {
  /** A rebuild of an index smaller than this is no baseline: rounding to pages decides its size. */
  readonly baselineBytesMin: number;
}

export const defaultObserveSettings: ObserveSettings = { baselineBytesMin: MiB };

/** What one look at the catalogue changed. */
export interface Observed {
  /** Records that differ from before; undefined for indexes that are gone. */
  readonly changes: ReadonlyMap<string, IndexMemory | undefined>;
  readonly events: readonly DiaryEvent[];
}

const blockBytesDefault = 8_192;

/** A size that moved by less than this is the same: rebuilt without gain, or copied to another tablespace while it grew. */
const sizeMovedRatio = 0.01;

/** A rebuild that was noticed later than this may have gathered bloat already: it is an event, and no baseline. */
const baselineWithinMs = hourMs;

/** The planner’s count of pages, which a build notes, and the size of a new index differ by no more than this: nothing came since. */
const asBuiltRatio = 0.05;

/** Days of which the size is remembered. */
export const sizePointsMax = 40;

/**
 * Folds a snapshot into what is remembered: rebuilds, baselines, one size a day. An index is rebuilt when its oid or relfilenode
 * changed *and* its size did: `ALTER INDEX … SET TABLESPACE` copies the file, bloat included. What was measured of the old
 * file is forgotten with it. Indexes that are gone are forgotten, unless the catalogue could not be read whole.
 *
 * An index that was not there at `wholeAtMs`, when the catalogue was last read whole, is a build as fresh as a rebuild, if it holds what
 * the build put into it and was not renamed. At the first look, which has no such moment, none is. An index is known from when it is
 * valid: what is being built has no size yet that means anything. Pure.
 */
export function* observeInSlices(
  before: BloatMemory,
  catalogue: Catalogue,
  snapshot: Snapshot,
  settings: ObserveSettings = defaultObserveSettings,
  wholeAtMs?: number,
): Sliced<Observed> {
  const changes = new Map<string, IndexMemory | undefined>();
  const events: DiaryEvent[] = [];
  const isRecent = wholeAtMs !== undefined && snapshot.takenAtMs - wholeAtMs <= baselineWithinMs;
  let oids: ReadonlySet<number> | undefined;
  const blockBytes = catalogue.server?.blockSizeBytes ?? blockBytesDefault;
  let stillThere = 0;
  for (const index of catalogue.indexes) {
    yield;
    if (index.fact.relkind === 'I') continue;
    const key = memoryKey(index);
    const known = before.get(key);
    if (known === undefined && !isUsable(index)) continue;
    if (known !== undefined) stillThere += 1;
    // Most looks find nothing that is not known.
    if (known === undefined && isRecent) oids ??= yield* slicedSet(before.values(), ({ look }) => look.oid);
    const isNew = known === undefined && oids?.has(index.oid) === false;
    const { now, event } = lookAt(index, known, snapshot, { ...settings, isNew, blockBytes });
    if (now !== known) changes.set(key, now);
    if (event !== undefined) events.push(event);
  }
  if (inventoryWholeAtMs(snapshot) !== undefined && stillThere < before.size) {
    const present = yield* slicedSet(catalogue.indexes, (index) =>
      index.fact.relkind === 'I' ? undefined : memoryKey(index),
    );
    for (const key of before.keys()) {
      yield;
      if (!present.has(key)) changes.set(key, undefined);
    }
  }
  return { changes, events };
}

/** Changes what is remembered. */
export function* remember(memory: Map<string, IndexMemory>, changes: Observed['changes']): Sliced<void> {
  for (const [key, now] of changes) {
    yield;
    if (now === undefined) memory.delete(key);
    else memory.set(key, now);
  }
}

/** {@link observeInSlices} in one go. */
export const observe = (
  before: BloatMemory,
  catalogue: Catalogue,
  snapshot: Snapshot,
  settings: ObserveSettings = defaultObserveSettings,
  wholeAtMs?: number,
): Observed => atOnce(observeInSlices(before, catalogue, snapshot, settings, wholeAtMs));

/** When the catalogue was read so that what is not in it did not exist, rather than was locked; undefined where it was not. */
export function inventoryWholeAtMs({ outcomes }: Snapshot): number | undefined {
  const { tables, indexes } = outcomes;
  const isWhole =
    tables?.kind === 'collected' && indexes?.kind === 'collected' && indexes.skippedRelations.length === 0;
  return isWhole ? indexes.collectedAtMs : undefined;
}

interface Looked {
  readonly now: IndexMemory;
  readonly event?: DiaryEvent;
}

function lookAt(
  index: IndexView,
  known: IndexMemory | undefined,
  snapshot: Snapshot,
  settings: ObserveSettings & { readonly isNew: boolean; readonly blockBytes: number },
): Looked {
  const atMs = snapshot.takenAtMs;
  const { oid, relfilenode } = { oid: index.oid, relfilenode: index.fact.relfilenode };
  const live = liveEntries(index) ?? null;
  const sizeBytes = index.sizeBytes ?? null;
  const baseline = (expectedBytes: number): Pick<IndexMemory, 'baseline'> =>
    expectedBytes < settings.baselineBytesMin || live === null || live <= 0
      ? {}
      : {
          baseline: {
            ...{ atMs, expectedBytes, liveEntries: live, counts: liveCounts(index) },
            ...{ freshDensity: null, source: 'rebuild' as const },
          },
        };
  if (known === undefined) {
    const look = { atMs, oid, relfilenode, sizeBytes, sizeBeforeBytes: null, liveEntries: live };
    const sizes = withPoint(sizesOf([]), atMs, sizeBytes, live);
    if (!settings.isNew) return { now: { look, sizes } };
    if (sizeBytes === null) return { now: { look: { ...look, isNew: true }, sizes } };
    return { now: { look, sizes, ...(isAsBuilt(index, sizeBytes, settings) && baseline(sizeBytes)) } };
  }
  const { look } = known;
  const isSameFile = look.oid === oid && look.relfilenode === relfilenode;
  // A size is unknown while the index is locked, as it is while it is rebuilt: the verdict waits until it can be seen.
  if ((!isSameFile || look.isNew === true) && sizeBytes === null) return { now: known };
  const moved: IndexMemory['look'] = {
    atMs,
    oid,
    relfilenode,
    sizeBytes: sizeBytes ?? look.sizeBytes,
    sizeBeforeBytes: look.sizeBytes,
    liveEntries: live ?? look.liveEntries,
  };
  const sizes = withPoint(known.sizes, atMs, sizeBytes, live);
  if (look.isNew === true && isSameFile && sizeBytes !== null) {
    const isFresh = atMs - look.atMs <= baselineWithinMs && isAsBuilt(index, sizeBytes, settings);
    return { now: { ...known, look: moved, sizes, ...(isFresh ? baseline(sizeBytes) : {}) } };
  }
  if (isSameFile || sizeBytes === null || !hasMoved(look, sizeBytes)) {
    const isUnchanged =
      isSameFile && moved.sizeBytes === look.sizeBytes && look.sizeBeforeBytes === look.sizeBytes;
    // Writing every index at every look would wear out the store for nothing; what it missed is at most an hour old.
    const isQuiet = isUnchanged && sizes === known.sizes && atMs - look.atMs < baselineWithinMs / 2;
    return { now: isQuiet ? known : { ...known, look: moved, sizes } };
  }
  const isFresh = atMs - look.atMs <= baselineWithinMs;
  const now: IndexMemory = {
    look: { ...moved, sizeBeforeBytes: null },
    rebuiltAtMs: atMs,
    sizes,
    ...(isFresh ? baseline(sizeBytes) : {}),
  };
  return { now, event: rebuiltEvent(index, sizeBefore(look, sizeBytes), sizeBytes, snapshot) };
}

/** Whether a new index is as large as the planner was told when it was built, rather than filled row by row since it was created. */
const isAsBuilt = (
  { fact }: IndexView,
  sizeBytes: number,
  { blockBytes }: { readonly blockBytes: number },
): boolean => Math.abs(fact.relpages * blockBytes - sizeBytes) <= asBuiltRatio * sizeBytes;

/** Whether the size differs from the last one and, since sizes are read after the catalogue, from the one before. */
const hasMoved = (look: IndexMemory['look'], sizeBytes: number): boolean =>
  [look.sizeBytes, look.sizeBeforeBytes].some((before) => before !== null && isAnother(before, sizeBytes));

const isAnother = (before: number, now: number): boolean =>
  Math.abs(now - before) > sizeMovedRatio * Math.max(before, now);

function sizeBefore({ sizeBytes, sizeBeforeBytes }: IndexMemory['look'], now: number): number | null {
  return sizeBytes !== null && isAnother(sizeBytes, now) ? sizeBytes : sizeBeforeBytes;
}

function rebuiltEvent(
  index: IndexView,
  beforeBytes: number | null,
  afterBytes: number,
  { target, node, takenAtMs }: Snapshot,
): DiaryEvent {
  const was = beforeBytes === null ? '' : ` from ${humaneBytes(beforeBytes)}`;
  return {
    kind: 'index-rebuilt',
    atMs: takenAtMs,
    ...target,
    schemaname: index.table.schemaname,
    relname: index.table.relname,
    indexrelname: index.name,
    node,
    findingId: null,
    title: `${index.name} on ${index.table.schemaname}.${index.table.relname} was rebuilt and went${was} to ${humaneBytes(afterBytes)}`,
    evidence: { bytesBefore: beforeBytes, bytesAfter: afterBytes },
  };
}

/** The points themselves where the day has its point already, or where there is nothing to note. */
function withPoint(
  sizes: IndexMemory['sizes'],
  atMs: number,
  sizeBytes: number | null,
  live: number | null,
): IndexMemory['sizes'] {
  const last = sizes.newest;
  const isNoted = last !== undefined && Math.floor(last.atMs / dayMs) >= Math.floor(atMs / dayMs);
  if (isNoted || sizeBytes === null || live === null || live <= 0) return sizes;
  return sizes.with({ atMs, sizeBytes, liveEntries: live }, sizePointsMax);
}
