import type { Bloat } from '../../analysis/bloat/bloat.ts';
import { btreeShapeOf } from '../../analysis/bloat/btree-shape.ts';
import { liveEntries } from '../../analysis/bloat/estimate.ts';
import type { Catalogue, IndexView } from '../../analysis/catalogue.ts';
import type { IndexOid } from '../../model/ids.ts';
import { dayMs, GiB } from '../../model/units.ts';
import { type BloatMemory, type IndexMemory, memoryKey } from './memory.ts';

export interface QueueSettings {
  /** Larger indexes are never measured. */
  readonly indexBytesMax: number;
  /** Measured again after so long. */
  readonly remeasureAfterMs: number;
  /** Measured again when size or entries moved by more than this share. */
  readonly remeasureChangeRatio: number;
  /** Measured again when the share of dead rows rose above this. */
  readonly deadShare: number;
}

export const defaultQueueSettings: QueueSettings = {
  indexBytesMax: 8 * GiB,
  remeasureAfterMs: 7 * dayMs,
  remeasureChangeRatio: 0.1,
  deadShare: 0.2,
};

/** How an index is measured: read whole by pgstattuple, or by its free-space map where that refuses. */
export type Means = 'scan' | 'free-space';

export type Occasion = 'rebuilt' | 'never-measured' | 'size-moved' | 'entries-moved' | 'dead-rows' | 'old';

/** An index that is to be measured, and why. */
export interface Wanted {
  readonly index: IndexView;
  readonly key: string;
  readonly means: Means;
  readonly occasion: Occasion;
  /** Bytes that will be read, roughly. */
  readonly costBytes: number;
  /** Larger is sooner: bytes that the present answer may be wrong by. */
  readonly rank: number;
}

const scanned: ReadonlySet<string> = new Set(['btree', 'gist', 'hash']);
const mapped: ReadonlySet<string> = new Set(['gin', 'spgist']);

/** How an index can be measured at all; undefined where there is nothing to measure (BRIN). */
export function meansFor({ fact }: IndexView): Means | undefined {
  if (fact.relkind !== 'i') return undefined;
  if (scanned.has(fact.accessMethod)) return 'scan';
  return mapped.has(fact.accessMethod) ? 'free-space' : undefined;
}

/** A page of the free-space map tells of about so many pages. */
const pagesPerMapPage = 4_000;

export interface QueueInput {
  readonly catalogue: Catalogue;
  readonly memory: BloatMemory;
  /** The present answers, for how unsure they are. */
  readonly bloat: ReadonlyMap<IndexOid, Bloat>;
  readonly nowMs: number;
  readonly means: ReadonlySet<Means>;
  /** Indexes that are not to be tried now. */
  readonly isPutOff: (key: string) => boolean;
}

/** What is to be measured now, first things first: what only a fresh index shows, then by size times uncertainty; names break ties. */
export function measurementQueue(input: QueueInput, settings: QueueSettings): readonly Wanted[] {
  const wanted: Wanted[] = [];
  for (const index of input.catalogue.indexes) {
    const entry = wantedOf(index, input, settings);
    if (entry !== undefined) wanted.push(entry);
  }
  return wanted.sort((a, b) => b.rank - a.rank || (a.key < b.key ? -1 : 1));
}

function wantedOf(index: IndexView, input: QueueInput, settings: QueueSettings): Wanted | undefined {
  const means = meansFor(index);
  const { sizeBytes } = index;
  const { isValid, isReady, isLive } = index.fact;
  if (means === undefined || !input.means.has(means) || !(isValid && isReady && isLive)) return undefined;
  if (sizeBytes === undefined || sizeBytes === 0) return undefined;
  if (means === 'scan' && sizeBytes > settings.indexBytesMax) return undefined;
  const key = memoryKey(index);
  if (input.isPutOff(key)) return undefined;
  const memory = input.memory.get(key);
  const occasion = occasionFor(index, means, memory, input, settings);
  if (occasion === undefined) return undefined;
  return {
    index,
    key,
    means,
    occasion,
    costBytes: means === 'scan' ? sizeBytes : Math.ceil(sizeBytes / pagesPerMapPage),
    rank: occasion === 'rebuilt' ? Number.POSITIVE_INFINITY : sizeBytes * uncertainty(index, occasion, input),
  };
}

function occasionFor(
  index: IndexView,
  means: Means,
  memory: IndexMemory | undefined,
  { catalogue, nowMs }: QueueInput,
  settings: QueueSettings,
): Occasion | undefined {
  if (means === 'scan' && isFreshScanDue(index, memory, catalogue, nowMs)) return 'rebuilt';
  const last = lastMeasurement(means, memory);
  if (last === undefined) return 'never-measured';
  const { sizeBytes = last.sizeBytes } = index;
  if (hasMoved(last.sizeBytes, sizeBytes, settings)) return 'size-moved';
  const live = liveEntries(index);
  if (live !== undefined && last.liveEntries !== null && hasMoved(last.liveEntries, live, settings))
    return 'entries-moved';
  const share = deadShare(index);
  if (
    share !== undefined &&
    share > settings.deadShare &&
    (memory?.deadShareAtScan ?? 1) <= settings.deadShare
  )
    return 'dead-rows';
  return nowMs - last.atMs > settings.remeasureAfterMs ? 'old' : undefined;
}

interface Last {
  readonly atMs: number;
  readonly sizeBytes: number;
  readonly liveEntries: number | null;
}

function lastMeasurement(means: Means, memory: IndexMemory | undefined): Last | undefined {
  if (means === 'scan') {
    const scan = memory?.scan;
    return scan && { ...scan, sizeBytes: memory.sizeAtScanBytes ?? scan.sizeBytes };
  }
  const map = memory?.freeSpace;
  const sizeBytes = memory?.freeSpaceSizeBytes;
  return map === undefined || sizeBytes === undefined
    ? undefined
    : { atMs: map.atMs, sizeBytes, liveEntries: null };
}

const hasMoved = (before: number, now: number, { remeasureChangeRatio }: QueueSettings): boolean =>
  Math.abs(now - before) > remeasureChangeRatio * before;

/** So soon after a rebuild an index is still much as it was built. */
export const freshWithinMs = dayMs / 24;
const freshSizeRatio = 0.05;

/**
 * Whether a scan now would show what nothing else tells: how densely this GiST index is packed when new, or how far a build merges the
 * equal keys of this B-tree.
 */
export function isFreshScanDue(
  index: IndexView,
  memory: IndexMemory | undefined,
  catalogue: Parameters<typeof btreeShapeOf>[1],
  nowMs: number,
): boolean {
  const baseline = memory?.baseline;
  if (baseline?.source !== 'rebuild' || nowMs - baseline.atMs > freshWithinMs) return false;
  if (!canTell(index, baseline, catalogue)) return false;
  const { sizeBytes } = index;
  return (
    sizeBytes !== undefined &&
    Math.abs(sizeBytes - baseline.expectedBytes) <= freshSizeRatio * baseline.expectedBytes
  );
}

/** Whether the access method has something to show when new that is not known yet. */
function canTell(
  index: IndexView,
  { freshDensity, fresh }: NonNullable<IndexMemory['baseline']>,
  catalogue: Parameters<typeof btreeShapeOf>[1],
): boolean {
  switch (index.fact.accessMethod) {
    case 'gist':
      return freshDensity === null;
    case 'btree':
      return fresh === undefined && btreeShapeOf(index, catalogue).deduplicates;
    default:
      return false;
  }
}

/** Dead rows over all rows of the table, by the counters; undefined where they are not known. */
export function deadShare({ table }: IndexView): number | undefined {
  const { usage } = table;
  if (usage === undefined) return undefined;
  const rows = usage.liveRows + usage.deadRows;
  return rows === 0 ? 0 : usage.deadRows / rows;
}

/** How far the present answer may be off, 0 to 1: its interval, or a guess by how it came about and why it is doubted. */
function uncertainty(index: IndexView, occasion: Occasion, { bloat }: QueueInput): number {
  const answer = bloat.get(index.oid);
  if (answer === undefined || answer.method === 'unknown' || answer.low === null || answer.high === null)
    return 1;
  const width = answer.high - answer.low;
  return Math.min(1, Math.max(width, doubt[occasion]));
}

/** At least so unsure is an answer, by what made it doubtful. */
const doubt: Readonly<Record<Occasion, number>> = {
  rebuilt: 1,
  'never-measured': 0.5,
  'size-moved': 0.3,
  'entries-moved': 0.3,
  'dead-rows': 0.2,
  old: 0.1,
};
