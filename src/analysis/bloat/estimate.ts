import { assertNever } from '../../model/result.ts';
import { dayMs } from '../../model/units.ts';
import type { Catalogue, IndexView } from '../catalogue.ts';
import { type Answer, answered, nothingWasted, summed, unknown } from './answer.ts';
import type { Bloat, BloatBaseline, BloatKnowledge, IndexScan, LiveCounts } from './bloat.ts';
import { expectFromScan } from './btree-scan.ts';
import { btreeShapeOf } from './btree-shape.ts';
import { type ColumnEstimate, expectFromColumns } from './column-estimate.ts';
import { about, scaled } from './expectation.ts';
import { expectGist, knowsFreshDensity } from './gist.ts';
import { expectHash } from './hash.ts';
import { improvementFor } from './improvement.ts';
import { growthSince, liveCountsOf, liveEntriesOf } from './live.ts';
import type { MergedScan } from './remerge.ts';
import { expectSpGist, freePagesGone } from './unscanned.ts';

export interface EstimateInput {
  readonly knowledge: BloatKnowledge;
  readonly catalogue: Pick<Catalogue, 'server' | 'collations' | 'collectedAtMs'>;
  readonly nowMs: number;
  /** What is known of the partitions' indexes, for an index that is partitioned. */
  readonly knowledgeOf?: (partition: IndexView) => BloatKnowledge;
}

/** Entries that the index should hold now, or undefined where nothing is known. Kept with each scan and baseline. */
export const liveEntries = (index: IndexView): number | undefined => liveEntriesOf(index);

/** The counts behind `liveEntries`, kept with it. */
export const liveCounts = (index: IndexView): LiveCounts => liveCountsOf(index);

/** A scan older than this no longer counts as a measurement of today, but as what calibrates it. */
const measuredForMs = dayMs;
/** Growth or shrinkage since the scan beyond which even a young one is only that. */
const measuredGrowth = 0.3;
/** Share of the rows that may have changed since ANALYZE before its statistics say nothing about the size. */
const staleStatisticsShare = 0.2;
const blockBytesDefault = 8_192;
/** Bounds that are further apart than this share of the index make a measurement less than sure. */
const narrowShare = 0.15;
/** Of an index without any history, the share that must be listed as free before the list says something. */
const listedShareMin = 0.1;
/**
 * How the size of a rebuild follows the number of rows, as an exponent: keys of a GIN index that lose rows are still there, and the
 * first pointer to a key costs most. Found on the tuning set (docs/bloat.md).
 */
const sizeExponents: Readonly<Record<string, number>> = { gin: 0.75, spgist: 0.95 };

/**
 * How large the index is, how large a rebuild would leave it, and how sure that is. Never throws: what cannot be said is `unknown` with
 * a reason, and what is missing or odd in the facts makes it so. Formulas and their sources stand at the functions that this one asks.
 */
export function estimateBloat(index: IndexView, input: EstimateInput): Bloat {
  const told = tell(index, input);
  if (told.kind === 'bloat') return told.bloat;
  const { presentBytes, answer, improvement } = told;
  return answer.kind === 'unknown'
    ? unknown(presentBytes, answer.reason, improvement)
    : answered(presentBytes, answer, improvement);
}

/**
 * Bytes that a rebuild would leave by what was measured, for comparing later. It may be more than there are now, unlike in an answer: a
 * unique index of NULLs that inserts have merged grows by a rebuild. Undefined where it was not measured.
 */
export function measuredRebuildBytes(index: IndexView, input: EstimateInput): number | undefined {
  const told = tell(index, input);
  if (told.kind === 'bloat' || told.answer.kind === 'unknown' || told.answer.method !== 'measured')
    return undefined;
  const { expectedBytes } = told.answer.expectation;
  return Number.isFinite(expectedBytes) && expectedBytes >= 0 ? Math.round(expectedBytes) : undefined;
}

/** The whole answer where it goes without an access method, else what that says. */
type Told =
  | { readonly kind: 'bloat'; readonly bloat: Bloat }
  | {
      readonly kind: 'answer';
      readonly presentBytes: number;
      readonly answer: Answer;
      readonly improvement: string | null;
    };

const whole = (bloat: Bloat): Told => ({ kind: 'bloat', bloat });

function tell(index: IndexView, input: EstimateInput): Told {
  const { fact, sizeBytes } = index;
  if (fact.relkind === 'I') return whole(ofPartitions(index, input));
  if (fact.accessMethod === 'brin')
    return whole(
      unknown(
        sizeBytes,
        'not applicable: a BRIN index holds a summary per range of blocks and does not bloat',
      ),
    );
  if (!fact.isValid || !fact.isReady || !fact.isLive)
    return whole(unknown(sizeBytes, 'the index is not valid: a build that failed or has not ended'));
  if (sizeBytes === undefined)
    return whole(
      unknown(undefined, 'its size could not be read: it was locked, dropped or not collected yet'),
    );
  if (!Number.isFinite(sizeBytes) || sizeBytes <= 0) return whole(nothingWasted(0));
  const checked = { ...input, knowledge: credible(input, sizeBytes) };
  // A scan may be younger than the sizes, and the index have grown in between.
  const presentBytes = Math.max(sizeBytes, checked.knowledge.scan?.sizeBytes ?? 0);
  const answer = answerFor(index, presentBytes, checked);
  return { kind: 'answer', presentBytes, answer, improvement: improvementFor(index, checked) };
}

function answerFor(index: IndexView, sizeBytes: number, input: EstimateInput): Answer {
  switch (index.fact.accessMethod) {
    case 'btree':
      return btreeAnswer(index, input);
    case 'hash':
      return hashAnswer(index, input);
    case 'gist':
      return gistAnswer(index, input);
    case 'gin':
    case 'spgist':
      return unscannedAnswer(index, sizeBytes, input);
    default:
      return (
        calibratedAnswer(index, input.knowledge.baseline) ?? {
          kind: 'unknown',
          reason: `nothing is known of the access method ${index.fact.accessMethod}, nor of the index right after a rebuild`,
        }
      );
  }
}

function btreeAnswer(index: IndexView, input: EstimateInput): Answer {
  const { catalogue, knowledge } = input;
  const blockBytes = blockBytesOf(input);
  const shape = btreeShapeOf(index, catalogue);
  const entries = liveEntriesOf(index);
  const { scan } = knowledge;
  const columns = entries === undefined ? undefined : expectFromColumns(index, shape, entries, blockBytes);
  if (scan !== undefined) {
    const expectation = expectFromScan({
      shape,
      scan,
      blockBytes,
      liveShare: (scan.counts ?? liveCountsOf(index)).liveShare,
      isPartial: index.fact.hasPredicate,
      columns: columns !== undefined && areFresh(index) ? columns : undefined,
      fresh: freshContents(knowledge.baseline),
    });
    return scannedAnswer(index, scan, expectation, input.nowMs);
  }
  const calibrated = calibratedAnswer(index, knowledge.baseline);
  if (calibrated !== undefined) return calibrated;
  return estimatedAnswer(index, columns);
}

/** What the index held after the rebuild that the baseline is of, if it can be learned from. */
function freshContents(baseline: BloatBaseline | undefined): MergedScan | undefined {
  if (baseline?.fresh === undefined || baseline.source !== 'rebuild') return undefined;
  const { tupleCount, tupleBytes } = baseline.fresh;
  if (!(tupleCount > 0) || !(tupleBytes > 0) || baseline.liveEntries < 0.98 * tupleCount) return undefined;
  return { tuples: tupleCount, tupleBytes, pointers: Math.max(tupleCount, baseline.liveEntries) };
}

function estimatedAnswer(index: IndexView, columns: ColumnEstimate | undefined): Answer {
  if (columns === undefined)
    return { kind: 'unknown', reason: 'neither planner nor counters know how many rows its table has' };
  switch (columns.kind) {
    case 'missing':
      return {
        kind: 'unknown',
        reason: `it was not measured, its size after a rebuild was not seen, and the statistics of ${columns.column} are not visible or not there`,
      };
    case 'expected':
      return {
        kind: 'expected',
        method: 'estimated',
        confidence: 'low',
        expectation: columns.expectation,
        atMs: null,
        reason: areFresh(index)
          ? 'from the statistics of its columns alone'
          : 'from the statistics of its columns alone, which many changes have overtaken since ANALYZE',
      };
    default:
      return assertNever(columns);
  }
}

function hashAnswer(index: IndexView, input: EstimateInput): Answer {
  const { scan } = input.knowledge;
  const expectation = expectHash(index, {
    entries: liveEntriesOf(index),
    liveShare: (scan?.counts ?? liveCountsOf(index)).liveShare,
    scan,
    blockBytes: blockBytesOf(input),
  });
  if (expectation === undefined)
    return { kind: 'unknown', reason: 'neither planner nor counters know how many rows its table has' };
  return {
    kind: 'expected',
    method: scan === undefined ? 'estimated' : 'measured',
    confidence: scan?.hash === undefined ? 'low' : 'high',
    expectation,
    atMs: scan?.atMs ?? null,
    reason: scan?.hash === undefined ? 'how long its chains of equal keys are has not been measured' : null,
  };
}

function gistAnswer(index: IndexView, input: EstimateInput): Answer {
  const { baseline, scan } = input.knowledge;
  if (scan === undefined)
    return (
      calibratedAnswer(index, baseline) ?? {
        kind: 'unknown',
        reason: 'it was not measured, and its size after a rebuild was not seen',
      }
    );
  const { liveShare } = scan.counts ?? liveCountsOf(index);
  const expectation = expectGist(index, scan, { baseline, liveShare, blockBytes: blockBytesOf(input) });
  const answer = scannedAnswer(index, scan, expectation, input.nowMs);
  if (answer.kind === 'unknown' || knowsFreshDensity(baseline)) return answer;
  return { ...answer, confidence: 'low', reason: 'how densely a rebuild packs it has not been seen' };
}

/** Access methods that pgstattuple refuses: bytes per row since a rebuild, and what the free-space map lists. */
function unscannedAnswer(index: IndexView, sizeBytes: number, input: EstimateInput): Answer {
  const { baseline, freeSpace } = input.knowledge;
  const calibrated = calibratedAnswer(index, baseline);
  const listed = freeSpace === undefined ? 0 : Math.min(freeSpace.freeBytes, sizeBytes);
  if (calibrated?.kind === 'expected') {
    const most = sizeBytes - listed;
    // Pages that SP-GiST lists as free are gone after a rebuild, whatever the rows say. Those of GIN may be needed: a rebuild packs
    // its trees less densely than inserts do.
    return index.fact.accessMethod === 'gin' || calibrated.expectation.expectedBytes <= most
      ? calibrated
      : { ...calibrated, expectation: about(most, 0.05), atMs: freeSpace?.atMs ?? calibrated.atMs };
  }
  const entries = liveEntriesOf(index);
  const fromWidth =
    index.fact.accessMethod === 'spgist' && entries !== undefined
      ? expectSpGist(index, entries, blockBytesOf(input))
      : undefined;
  if (fromWidth !== undefined)
    return {
      kind: 'expected',
      method: 'estimated',
      confidence: 'low',
      expectation: fromWidth,
      atMs: null,
      reason: 'from the width of its keys and an ordinary fill: how a rebuild packs it has not been seen',
    };
  const pendingBytes = Math.min((freeSpace?.pendingPages ?? 0) * blockBytesOf(input), sizeBytes - listed);
  if (freeSpace === undefined || listed + pendingBytes < listedShareMin * sizeBytes)
    return {
      kind: 'unknown',
      reason:
        'its size after a rebuild was not seen, pgstattuple does not read this access method, and the free-space map lists whole pages only',
    };
  return {
    kind: 'expected',
    method: 'measured',
    confidence: 'low',
    expectation: freePagesGone(sizeBytes, listed, pendingBytes),
    atMs: freeSpace.atMs,
    reason: 'only whole pages that the free-space map lists as free: half-empty ones are not among them',
  };
}

function scannedAnswer(
  index: IndexView,
  scan: IndexScan,
  expectation: Parameters<typeof scaled>[0],
  nowMs: number,
): Answer {
  const growth = growthSince(index, scan);
  const isMeasured = nowMs - scan.atMs <= measuredForMs && Math.abs(growth - 1) <= measuredGrowth;
  // How far equal keys merge may be open between wide bounds.
  const isNarrow = expectation.mostBytes - expectation.leastBytes <= narrowShare * scan.sizeBytes;
  return {
    kind: 'expected',
    method: isMeasured ? 'measured' : 'calibrated',
    confidence: isMeasured && isNarrow && scan.liveEntries !== null ? 'high' : 'medium',
    expectation: scaled(expectation, growth),
    atMs: scan.atMs,
    reason: null,
  };
}

/** Bytes per entry as they were right after a rebuild, or as the last scan had them expected. */
function calibratedAnswer(index: IndexView, baseline: BloatBaseline | undefined): Answer | undefined {
  if (baseline === undefined) return undefined;
  const growth = growthSince(index, baseline) ** (sizeExponents[index.fact.accessMethod] ?? 1);
  return {
    kind: 'expected',
    method: 'calibrated',
    confidence: 'medium',
    expectation: about(baseline.expectedBytes * growth, 0.1),
    atMs: baseline.atMs,
    reason: null,
  };
}

/** The sum of the partitions' answers; unknown as soon as one of them is, since a part would read as the whole. */
function ofPartitions(index: IndexView, input: EstimateInput): Bloat {
  const parts = index.children.map((child) =>
    estimateBloat(child, { ...input, knowledge: input.knowledgeOf?.(child) ?? {} }),
  );
  return summed(
    parts,
    index.children.map((child) => child.name),
  );
}

function areFresh(index: IndexView): boolean {
  const { usage } = index.table;
  return usage !== undefined && usage.rowsChangedSinceAnalyze <= staleStatisticsShare * usage.liveRows;
}

const blockBytesOf = (input: EstimateInput): number =>
  input.catalogue.server?.blockSizeBytes ?? blockBytesDefault;

/**
 * Leaves out what cannot be true of the file that is there now: counts that are none, and a scan of more bytes than there are, unless the
 * sizes were read before it. An index shrinks by a rebuild only.
 */
function credible(input: EstimateInput, sizeBytes: number): BloatKnowledge {
  const { scan, baseline, freeSpace } = input.knowledge;
  const isCount = (value: number) => value >= 0 && value <= Number.MAX_SAFE_INTEGER;
  const sizeReadAtMs = input.catalogue.collectedAtMs.get('relation-sizes') ?? Number.POSITIVE_INFINITY;
  const isScanOfThis =
    scan !== undefined &&
    [scan.sizeBytes, scan.tupleCount, scan.tupleBytes, scan.freeBytes].every(isCount) &&
    scan.sizeBytes > 0 &&
    (scan.sizeBytes <= sizeBytes || scan.atMs >= sizeReadAtMs);
  const isBaseline =
    baseline !== undefined &&
    [baseline.expectedBytes, baseline.liveEntries].every((value) => isCount(value) && value > 0);
  return {
    ...(isScanOfThis ? { scan } : {}),
    ...(isBaseline ? { baseline } : {}),
    ...(freeSpace !== undefined && isCount(freeSpace.freeBytes) ? { freeSpace } : {}),
  };
}
