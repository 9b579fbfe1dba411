import { columnVisibility } from '../analysis/visibility.ts';
import type { Generation } from '../findings/generation.ts';
import { type Finding, type FindingKind, findingKinds, severities } from '../model/finding.ts';
import type { TargetId } from '../model/ids.ts';
import { atOnce, type Sliced } from '../model/sliced.ts';
import { dayMs } from '../model/units.ts';
import { writeMeasuring } from './bloat.ts';
import { families } from './families.ts';
import { asSeconds, isCollected, type Page, type RenderOptions } from './page-draft.ts';
import { writeProbes } from './probes.ts';
import { SeriesMemory, writeIndexes, writeTables } from './relations.ts';
import { labelBlock, labelPairs, type RenderedFamilies, SampleWriter } from './samples.ts';
import { writeUsageNodes } from './usage.ts';

export const defaultRenderOptions: RenderOptions = {
  blockIo: false,
  maxIndexSeries: 2000,
  maxTableSeries: 2000,
  keepSeriesForMs: dayMs,
  maxFindingSeries: 2000,
  labelBytesMax: 200,
  kinds: findingKinds,
  intervalsMs: new Map(),
};

/** What one generation shows on `/metrics`: made once, when it is published. */
export interface RenderedTarget extends RenderedFamilies {
  readonly target: TargetId;
}

/**
 * Facts of collectors whose newest outcome failed are not in the generation's catalogue, and so have no series here either.
 * `memory` is what the target's pages before it left, and takes note of this one.
 */
export function* renderInSlices(
  generation: Generation,
  options: Partial<RenderOptions> = {},
  memory: SeriesMemory = new SeriesMemory(),
): Sliced<RenderedTarget> {
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
  yield* writeFindings(page);
  const { maxIndexSeries, maxTableSeries, keepSeriesForMs } = settings;
  const nowMs = generation.publishedAtMs;
  yield* writeIndexes(page, { max: maxIndexSeries, keptForMs: keepSeriesForMs, nowMs }, memory);
  yield* writeTables(page, { max: maxTableSeries, keptForMs: keepSeriesForMs, nowMs }, memory);
  writeProbes(writer, generation.probes, page.blockWith);
  return { target: generation.target, ...(yield* writer.finishInSlices()) };
}

/** {@link renderInSlices} in one go. */
export const renderGeneration = (
  generation: Generation,
  options: Partial<RenderOptions> = {},
  memory: SeriesMemory = new SeriesMemory(),
): RenderedTarget => atOnce(renderInSlices(generation, options, memory));

const labelsOf = ({ server, datname }: TargetId) => ({ server, datname });

const asFlag = (holds: boolean): 0 | 1 => (holds ? 1 : 0);

function writeTarget({ generation, settings, writer, block, blockWith }: Page): void {
  const { catalogue, snapshot } = generation;
  writer.add(families.targetUp, block, asFlag(generation.isUp));
  writer.add(families.generationTimestamp, block, asSeconds(generation.publishedAtMs));
  writer.add(families.snapshotTimestamp, block, asSeconds(newestFactsAtMs(generation)));
  for (const run of generation.runs) {
    const labels = blockWith({ collector: run.name });
    writer.add(families.collectorSkipped, labels, asFlag(run.state === 'skipped'));
    writer.add(families.collectorLastSuccess, labels, asSeconds(run.lastSuccessAtMs));
    writer.add(families.collectorInterval, labels, asSeconds(settings.intervalsMs.get(run.name)));
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
  if (builds?.kind === 'collected') {
    writer.add(families.builds, block, builds.facts.length);
    const startsAtMs = builds.facts.flatMap(({ startedAtMs }) => startedAtMs ?? []);
    if (startsAtMs.length > 0) writer.add(families.oldestBuild, block, asSeconds(Math.min(...startsAtMs)));
  }
  const columns = columnVisibility(snapshot);
  writeMeasuring(writer, generation.measuring, block, blockWith);
  writeUsageNodes(writer, generation, blockWith);
  if (columns !== undefined && columns.userColumns > 0)
    writer.add(families.columnStatisticsVisible, block, columns.visibleColumns / columns.userColumns);
}

/** A failed attempt has a time as well, and a clock that was set back leaves times ahead: neither must make old facts look fresh. */
function newestFactsAtMs({ snapshot, publishedAtMs }: Generation): number | undefined {
  const times = Object.values(snapshot.outcomes)
    .filter((outcome) => outcome.kind === 'collected' && outcome.collectedAtMs <= publishedAtMs)
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

function* writeFindings({ generation, settings, writer, block, blockWith }: Page): Sliced<void> {
  const inconclusive = new Set(generation.inconclusive.map((verdict) => verdict.kind));
  const hasCatalogue = isCollected(generation, 'tables', 'indexes');
  const judged = hasCatalogue ? settings.kinds.filter((kind) => !inconclusive.has(kind)) : [];
  const open = generation.findings.filter((finding) => finding.state === 'open');

  const counts = new Map<string, number>();
  for (const kind of judged)
    for (const severity of severities)
      for (const origin of origins) counts.set(blockWith({ kind, severity, origin }), 0);
  for (const { kind, severity, origin } of open) {
    yield;
    countUp(counts, blockWith({ kind, severity, origin }));
  }
  for (const [labels, count] of counts) writer.add(families.findings, labels, count);

  const muted = new Map<string, number>();
  for (const { kind, severity, state } of generation.findings)
    if (state === 'muted') countUp(muted, blockWith({ kind, severity }));
  for (const [labels, count] of muted) writer.add(families.mutedFindings, labels, count);

  for (const kind of inconclusive) {
    writer.add(families.inconclusive, blockWith({ kind }), 1);
    const verdicts = generation.inconclusive.filter((verdict) => verdict.kind === kind);
    if (verdicts.some((verdict) => verdict.relations === undefined)) continue;
    const relations = new Set<string>();
    for (const verdict of verdicts) {
      for (const relation of verdict.relations ?? []) {
        yield;
        relations.add(relation);
      }
    }
    writer.add(families.inconclusiveRelations, blockWith({ kind }), relations.size);
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
    yield;
    writer.add(families.finding, blockWith(findingLabels(finding)), 1);
    const firstSeen = asSeconds(Date.parse(finding.firstSeen));
    const byId = blockWith({ finding_id: finding.id });
    writer.add(families.findingFirstSeen, byId, firstSeen);
    const { parentRowsDeletedTotal } = finding.evidence;
    if (typeof parentRowsDeletedTotal === 'number')
      writer.add(families.findingParentRowsDeleted, byId, parentRowsDeletedTotal);
  }
  writeLost(open, generation, writer, blockWith);
}

/** Indexes that were lost, whatever the number of findings that have a series of their own: these are what people are woken for. */
function writeLost(
  open: readonly Finding[],
  { lost, catalogue }: Generation,
  writer: SampleWriter,
  blockWith: Page['blockWith'],
): void {
  if (lost === undefined) return;
  for (const { id, schemaname, relname, indexrelname } of open) {
    if (!lost.has(id) || indexrelname === null) continue;
    const labels = blockWith({ schemaname, relname, indexrelname });
    const table = catalogue.tables.find(
      (candidate) => candidate.schemaname === schemaname && candidate.relname === relname,
    );
    writer.add(families.lostIndex, labels, 1);
    writer.add(families.lostIndexTableSize, labels, table?.sizeBytes);
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
