import type { IndexView, TableView } from '../analysis/catalogue.ts';
import { columnVisibility } from '../analysis/visibility.ts';
import type { Generation } from '../findings/generation.ts';
import { type Finding, type FindingKind, findingKinds, severities } from '../model/finding.ts';
import type { TargetId } from '../model/ids.ts';
import { secondMs } from '../model/units.ts';
import { writeIndexBloat, writeMeasuring } from './bloat.ts';
import { chooseIndexes, chooseTables } from './budget.ts';
import { families } from './families.ts';
import { labelBlock, labelPairs, type RenderedFamilies, SampleWriter } from './samples.ts';
import { writeIndexUse, writeUsageNodes } from './usage.ts';

export interface RenderOptions {
  /** Block reads and hits of each index: two more series for each. */
  readonly blockIo: boolean;
  /** Indexes per target with series of their own, unless more have open findings. */
  readonly maxIndexSeries: number;
  readonly maxTableSeries: number;
  /** Open findings per target with a series of their own, the most worthwhile first; all are counted. */
  readonly maxFindingSeries: number;
  readonly labelBytesMax: number;
  /** The kinds whose detectors are turned on: of the others "0 findings" would be a lie. */
  readonly kinds: readonly FindingKind[];
}

export const defaultRenderOptions: RenderOptions = {
  blockIo: false,
  maxIndexSeries: 2000,
  maxTableSeries: 2000,
  maxFindingSeries: 2000,
  labelBytesMax: 200,
  kinds: findingKinds,
};

/** What one generation shows on `/metrics`: made once, when it is published. */
export interface RenderedTarget extends RenderedFamilies {
  readonly target: TargetId;
}

/** Facts of collectors whose newest outcome failed are not in the generation's catalogue, and so have no series here either. */
export function renderGeneration(
  generation: Generation,
  options: Partial<RenderOptions> = {},
): RenderedTarget {
  const settings = { ...defaultRenderOptions, ...options };
  const writer = new SampleWriter();
  const shared = labelPairs({ ...labelsOf(generation.target) }, settings.labelBytesMax);
  const page: Page = {
    generation,
    settings,
    writer,
    block: labelBlock(shared),
    blockWith: (labels) => labelBlock(shared, labelPairs(labels, settings.labelBytesMax)),
  };
  writeTarget(page);
  writeFindings(page);
  writeIndexes(page);
  writeTables(page);
  return { target: generation.target, ...writer.finish() };
}

const labelsOf = ({ server, datname }: TargetId) => ({ server, datname });

interface Page {
  readonly generation: Generation;
  readonly settings: RenderOptions;
  readonly writer: SampleWriter;
  /** The target's labels alone, and with others. */
  readonly block: string;
  readonly blockWith: (labels: Readonly<Record<string, string>>) => string;
}

const asSeconds = (ms: number | null | undefined): number | undefined =>
  ms === null || ms === undefined ? undefined : ms / secondMs;

const asFlag = (holds: boolean): 0 | 1 => (holds ? 1 : 0);

function writeTarget({ generation, writer, block, blockWith }: Page): void {
  const { catalogue, snapshot } = generation;
  writer.add(families.targetUp, block, asFlag(generation.isUp));
  writer.add(families.generationTimestamp, block, asSeconds(generation.publishedAtMs));
  writer.add(families.snapshotTimestamp, block, asSeconds(newestFactsAtMs(generation)));
  for (const run of generation.runs) {
    const labels = blockWith({ collector: run.name });
    writer.add(families.collectorSkipped, labels, asFlag(run.state === 'skipped'));
    writer.add(families.collectorLastSuccess, labels, asSeconds(run.lastSuccessAtMs));
    if (run.state === 'skipped') continue;
    writer.add(families.collectorSuccess, labels, asFlag(run.state === 'collected'));
    writer.add(families.collectorDuration, labels, asSeconds(run.durationMs));
    if (run.state === 'collected') writer.add(families.skippedRelations, labels, run.skippedRelations);
    else
      writer.add(
        families.collectorError,
        blockWith({ collector: run.name, error: run.errorKind ?? 'unknown' }),
        1,
      );
  }
  const needed = generation.missingPermissions.filter((missing) => !missing.isOptional);
  for (const permission of new Set(needed.map((missing) => missing.permission)))
    writer.add(families.permissionMissing, blockWith({ permission }), 1);
  if (catalogue.server !== undefined)
    writer.add(families.statisticsReset, block, asSeconds(generation.window?.sinceMs));
  const builds = snapshot.outcomes['index-builds'];
  if (builds?.kind === 'collected') writer.add(families.builds, block, builds.facts.length);
  const columns = columnVisibility(snapshot);
  writeMeasuring(writer, generation.measuring, block, blockWith);
  writeUsageNodes(writer, generation, blockWith);
  if (columns !== undefined && columns.userColumns > 0)
    writer.add(families.columnStatisticsVisible, block, columns.visibleColumns / columns.userColumns);
}

/** A failed attempt has a time as well; it must not make old facts look fresh. */
function newestFactsAtMs({ snapshot }: Generation): number | undefined {
  const times = Object.values(snapshot.outcomes)
    .filter((outcome) => outcome.kind === 'collected')
    .map((outcome) => outcome.collectedAtMs);
  return times.length === 0 ? undefined : Math.max(...times);
}

/** Kinds whose fix frees space: where one of them was not judged, "nothing to reclaim" is not known. */
const reclaimingKinds: ReadonlySet<FindingKind> = new Set<FindingKind>([
  'invalid-index',
  'duplicate-index',
  'redundant-index',
  'unused-index',
  'bloated-index',
]);

const origins = ['baseline', 'new'] as const;

function writeFindings({ generation, settings, writer, block, blockWith }: Page): void {
  const inconclusive = new Set(generation.inconclusive.map((verdict) => verdict.kind));
  const hasCatalogue = isCollected(generation, 'tables', 'indexes');
  const judged = hasCatalogue ? settings.kinds.filter((kind) => !inconclusive.has(kind)) : [];
  const open = generation.findings.filter((finding) => finding.state === 'open');

  const counts = new Map<string, number>();
  for (const kind of judged)
    for (const severity of severities)
      for (const origin of origins) counts.set(blockWith({ kind, severity, origin }), 0);
  for (const { kind, severity, origin } of open) countUp(counts, blockWith({ kind, severity, origin }));
  for (const [labels, count] of counts) writer.add(families.findings, labels, count);

  const muted = new Map<string, number>();
  for (const { kind, severity, state } of generation.findings)
    if (state === 'muted') countUp(muted, blockWith({ kind, severity }));
  for (const [labels, count] of muted) writer.add(families.mutedFindings, labels, count);

  for (const kind of inconclusive) {
    writer.add(families.inconclusive, blockWith({ kind }), 1);
    const verdicts = generation.inconclusive.filter((verdict) => verdict.kind === kind);
    const relations = new Set(verdicts.flatMap((verdict) => verdict.relations ?? []));
    const isPartial = verdicts.every((verdict) => verdict.relations !== undefined);
    if (isPartial) writer.add(families.inconclusiveRelations, blockWith({ kind }), relations.size);
  }

  const reclaimable = new Map<FindingKind, number>(
    judged.filter((kind) => reclaimingKinds.has(kind)).map((kind) => [kind, 0]),
  );
  for (const { kind, impact } of open)
    if (impact.reclaimableBytes > 0 || reclaimable.has(kind))
      countUp(reclaimable, kind, impact.reclaimableBytes);
  for (const [kind, bytes] of reclaimable) writer.add(families.reclaimable, blockWith({ kind }), bytes);
  const isAllJudged = [...reclaimingKinds].every((kind) => judged.includes(kind));
  if (generation.reclaimableTotalBytes > 0 || isAllJudged)
    writer.add(families.reclaimableTotal, block, generation.reclaimableTotalBytes);

  const exported = open.slice(0, settings.maxFindingSeries);
  writer.add(families.findingSeries, blockWith({ exported: 'true' }), exported.length);
  writer.add(families.findingSeries, blockWith({ exported: 'false' }), open.length - exported.length);
  for (const finding of exported) {
    writer.add(families.finding, blockWith(findingLabels(finding)), 1);
    const firstSeen = asSeconds(Date.parse(finding.firstSeen));
    writer.add(families.findingFirstSeen, blockWith({ finding_id: finding.id }), firstSeen);
  }
}

function countUp<Key>(counts: Map<Key, number>, key: Key, by = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}

const findingLabels = (finding: Finding) => ({
  schemaname: finding.schemaname,
  relname: finding.relname,
  indexrelname: finding.indexrelname ?? '',
  kind: finding.kind,
  severity: finding.severity,
  confidence: finding.confidence,
  origin: finding.origin,
  finding_id: finding.id,
});

/** Whether the catalogue's lists are what there is, and not merely what is left when a collector has failed. */
const isCollected = ({ snapshot }: Generation, ...names: readonly ('tables' | 'indexes')[]): boolean =>
  names.every((name) => snapshot.outcomes[name]?.kind === 'collected');

function writeIndexes({ generation, settings, writer, block, blockWith }: Page): void {
  const chosen = chooseIndexes(generation.catalogue, generation.findings, settings.maxIndexSeries);
  if (isCollected(generation, 'tables', 'indexes')) {
    writer.add(families.indexes, blockWith({ exported: 'true' }), chosen.exported.length);
    writer.add(families.indexes, blockWith({ exported: 'false' }), chosen.rest.length);
    writer.add(families.otherSize, block, totalBytes(chosen.rest));
  }
  for (const index of chosen.exported) {
    const names = {
      schemaname: index.table.schemaname,
      relname: index.table.relname,
      indexrelname: index.name,
    };
    const labels = blockWith(names);
    const { usage } = index;
    writer.add(families.indexInfo, blockWith({ ...names, ...attributesOf(index) }), 1);
    writer.add(families.indexSize, labels, index.sizeBytes);
    writeIndexUse(writer, generation.usage, index, labels);
    writeIndexBloat(writer, generation.bloat.get(index.oid), names, blockWith);
    writer.add(families.indexScans, labels, usage?.scansTotal);
    writer.add(families.indexTuplesRead, labels, usage?.tuplesReadTotal);
    writer.add(families.indexTuplesFetched, labels, usage?.tuplesFetchedTotal);
    writer.add(families.indexLastScan, labels, asSeconds(usage?.lastScanAtMs));
    if (!settings.blockIo) continue;
    writer.add(families.indexBlocksRead, labels, usage?.blocksReadTotal);
    writer.add(families.indexBlocksHit, labels, usage?.blocksHitTotal);
  }
}

/** Undefined where one is unknown: a sum of the others would read as the whole. */
function totalBytes(indexes: readonly IndexView[]): number | undefined {
  let total = 0;
  for (const { sizeBytes } of indexes) {
    if (sizeBytes === undefined) return undefined;
    total += sizeBytes;
  }
  return total;
}

const constraintNames = { p: 'primary_key', u: 'unique', x: 'exclusion' } as const;

const attributesOf = ({ fact }: IndexView) => ({
  access_method: fact.accessMethod,
  unique: String(fact.isUnique),
  primary: String(fact.isPrimary),
  valid: String(fact.isValid),
  ready: String(fact.isReady),
  live: String(fact.isLive),
  partial: String(fact.hasPredicate),
  expression: String(fact.hasExpressions),
  partitioned: String(fact.relkind === 'I'),
  constraint: fact.constraintType === null ? 'none' : constraintNames[fact.constraintType],
});

function writeTables({ generation, settings, writer, blockWith }: Page): void {
  const chosen = chooseTables(generation.catalogue, generation.findings, settings.maxTableSeries);
  if (isCollected(generation, 'tables')) {
    writer.add(families.tables, blockWith({ exported: 'true' }), chosen.exported.length);
    writer.add(families.tables, blockWith({ exported: 'false' }), chosen.rest.length);
  }
  for (const table of chosen.exported) writeTable(writer, table, blockWith);
}

function writeTable(writer: SampleWriter, table: TableView, blockWith: Page['blockWith']): void {
  const labels = blockWith({ schemaname: table.schemaname, relname: table.relname });
  const { usage } = table;
  writer.add(families.tableSize, labels, table.sizeBytes);
  writer.add(families.tableRows, labels, table.rows);
  writer.add(families.tableSequentialScans, labels, usage?.sequentialScansTotal);
  writer.add(families.tableIndexScans, labels, usage?.indexScansTotal);
  writer.add(families.tableRowsInserted, labels, usage?.rowsInsertedTotal);
  writer.add(families.tableRowsUpdated, labels, usage?.rowsUpdatedTotal);
  writer.add(families.tableRowsHotUpdated, labels, usage?.rowsHotUpdatedTotal);
  writer.add(families.tableRowsDeleted, labels, usage?.rowsDeletedTotal);
  writer.add(families.tableLastAnalyze, labels, asSeconds(usage?.lastAnalyzedAtMs));
}
