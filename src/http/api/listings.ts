import { createHash } from 'node:crypto';
import type { Bloat } from '../../analysis/bloat/bloat.ts';
import type { IndexView, TableView } from '../../analysis/catalogue.ts';
import { shapeOf } from '../../detectors/words.ts';
import type { CollectorRun, Generation } from '../../findings/generation.ts';
import { withoutLiterals } from '../../findings/redact-literals.ts';
import { type Finding, findingKinds, severities } from '../../model/finding.ts';
import { type TargetId, targetKey } from '../../model/ids.ts';
import { byText, byWord, type Listing } from './list.ts';
import { findingSchema } from './schemas/finding.ts';
import { indexSchema, tableSchema } from './schemas/relations.ts';
import { collectorSchema, targetSchema } from './schemas/target.ts';

/** The findings as the contract has them, of every state. */
export const findingsListing: Listing<Finding> = {
  name: 'findings',
  summary: 'Findings of every state.',
  schema: findingSchema,
  views: (generation) => generation.findings,
  filters: {
    schemaname: byText((finding) => finding.schemaname, 'Schema of the table.'),
    relname: byText((finding) => finding.relname, 'Table.'),
    kind: byWord(findingKinds, (finding) => finding.kind, 'Kind of problem.'),
    severity: byWord(severities, (finding) => finding.severity, 'Severity.'),
    confidence: byWord(['proven', 'likely', 'possible'], (finding) => finding.confidence, 'Confidence.'),
    state: byWord(['open', 'muted', 'resolved'], (finding) => finding.state, 'State in the ledger.'),
    origin: byWord(['baseline', 'new'], (finding) => finding.origin, 'Whether it was there on day one.'),
  },
  item: (finding) => finding,
};

export interface IndexEntry {
  readonly id: string;
  readonly target: TargetId;
  readonly index: IndexView;
  readonly bloat: Bloat | undefined;
  readonly findingIds: readonly string[];
}

/** Every index, partitions included: what is folded together elsewhere is told apart here. */
export const indexesListing = (options: { readonly redactLiterals: boolean }): Listing<IndexEntry> => ({
  name: 'indexes',
  summary: 'Every index, partitions included.',
  schema: indexSchema,
  views: ({ target, catalogue, findings, bloat }) => {
    const open = openFindingsOf(findings);
    return catalogue.indexes.map((index) => indexEntry({ target, bloat }, index, open));
  },
  filters: {
    schemaname: byText(({ index }) => index.table.schemaname, 'Schema of the index.'),
    relname: byText(({ index }) => index.table.relname, 'Table of the index.'),
    indexrelname: byText(({ index }) => index.name, 'Index.'),
  },
  item: (entry) => indexItem(entry, options),
});

export function indexItem(
  { id, target, index, bloat, findingIds }: IndexEntry,
  options: { readonly redactLiterals: boolean },
) {
  const shown = options.redactLiterals ? withoutLiterals : (text: string) => text;
  return { id, ...target, ...indexFacts(index, shown), bloat: bloatFacts(bloat), findings: findingIds };
}

/** One index of a generation with what the lists say of it; `open` from {@link openFindingsOf}. */
export const indexEntry = (
  { target, bloat }: Pick<Generation, 'target' | 'bloat'>,
  index: IndexView,
  open: OpenFindings,
): IndexEntry => ({
  id: indexId(target, index),
  target,
  index,
  bloat: bloat.get(index.oid),
  findingIds: open.ofIndex.get(nameKey(index.table.schemaname, index.name)) ?? [],
});

/** Ids of open findings, by the names of what they are about. */
export interface OpenFindings {
  readonly ofIndex: ReadonlyMap<string, readonly string[]>;
  readonly ofTable: ReadonlyMap<string, readonly string[]>;
}
export const openFindingsOf = (findings: readonly Finding[]): OpenFindings => ({
  ofIndex: idsByName(findings, (finding) =>
    finding.indexrelname === null ? undefined : nameKey(finding.schemaname, finding.indexrelname),
  ),
  ofTable: idsByName(findings, (finding) => nameKey(finding.schemaname, finding.relname)),
});

export const indexId = (target: TargetId, { table, name }: IndexView): string =>
  objectId('index', target, table.schemaname, name);
export const tableId = (target: TargetId, table: TableView): string =>
  objectId('table', target, table.schemaname, table.relname);

/** Unknown facts are null, never 0. */
function indexFacts(index: IndexView, shown: (text: string) => string) {
  const { fact, usage } = index;
  return {
    schemaname: index.table.schemaname,
    relname: index.table.relname,
    indexrelname: index.name,
    accessMethod: fact.accessMethod,
    shape: shown(shapeOf(index)),
    keys: index.keys.map((key) => ({
      text: key.columnNumber === null ? shown(key.text) : key.text,
      isExpression: key.columnNumber === null,
      operatorClass: key.operatorClass?.operatorClassName ?? null,
      isDescending: key.isDescending,
      isNullsFirst: key.isNullsFirst,
    })),
    included: index.included,
    predicate: index.predicate === undefined ? null : shown(index.predicate),
    isUnique: fact.isUnique,
    isPrimary: fact.isPrimary,
    isExclusion: fact.isExclusion,
    nullsNotDistinct: fact.nullsNotDistinct,
    constraintName: fact.constraintName,
    isReplicaIdentity: fact.isReplicaIdentity,
    isClustered: fact.isClustered,
    isValid: fact.isValid,
    isReady: fact.isReady,
    isLive: fact.isLive,
    isPartitioned: fact.relkind === 'I',
    parentIndexrelname: index.parent?.name ?? null,
    sizeBytes: index.sizeBytes ?? null,
    scansTotal: usage?.scansTotal ?? null,
    tuplesReadTotal: usage?.tuplesReadTotal ?? null,
    tuplesFetchedTotal: usage?.tuplesFetchedTotal ?? null,
    lastScanAt: isoTime(usage?.lastScanAtMs),
  };
}

export interface TableEntry {
  readonly id: string;
  readonly target: TargetId;
  readonly table: TableView;
  readonly findingIds: readonly string[];
}

export const tablesListing: Listing<TableEntry> = {
  name: 'tables',
  summary: 'Every table, partitions included.',
  schema: tableSchema,
  views: ({ target, catalogue, findings }) => {
    const open = openFindingsOf(findings);
    return catalogue.tables.map((table) => tableEntry(target, table, open));
  },
  filters: {
    schemaname: byText(({ table }) => table.schemaname, 'Schema of the table.'),
    relname: byText(({ table }) => table.relname, 'Table.'),
  },
  item: (entry) => tableItem(entry),
};

export const tableItem = ({ id, target, table, findingIds }: TableEntry) => ({
  id,
  ...target,
  ...tableFacts(table),
  findings: findingIds,
});

export const tableEntry = (target: TargetId, table: TableView, open: OpenFindings): TableEntry => ({
  id: tableId(target, table),
  target,
  table,
  findingIds: open.ofTable.get(nameKey(table.schemaname, table.relname)) ?? [],
});

const relationKinds = { r: 'table', m: 'materialized view', p: 'partitioned table' } as const;

function tableFacts(table: TableView) {
  const { fact, usage } = table;
  return {
    schemaname: table.schemaname,
    relname: table.relname,
    relationKind: relationKinds[fact.relkind],
    isUnlogged: fact.persistence === 'u',
    parentRelname: table.parent?.relname ?? null,
    partitions: table.partitions.length,
    rows: table.rows ?? null,
    sizeBytes: table.sizeBytes ?? null,
    indexes: table.indexes.map((index) => index.name),
    indexBytes: totalBytes(table.indexes),
    foreignKeys: table.foreignKeys.map((key) => key.name),
    sequentialScansTotal: usage?.sequentialScansTotal ?? null,
    indexScansTotal: usage?.indexScansTotal ?? null,
    rowsInsertedTotal: usage?.rowsInsertedTotal ?? null,
    rowsUpdatedTotal: usage?.rowsUpdatedTotal ?? null,
    rowsHotUpdatedTotal: usage?.rowsHotUpdatedTotal ?? null,
    rowsDeletedTotal: usage?.rowsDeletedTotal ?? null,
    lastAnalyzedAt: isoTime(usage?.lastAnalyzedAtMs),
    lastVacuumedAt: isoTime(usage?.lastVacuumedAtMs),
  };
}

/** Null where one of the sizes is unknown. */
function totalBytes(indexes: readonly IndexView[]): number | null {
  let total = 0;
  for (const { sizeBytes } of indexes) {
    if (sizeBytes === undefined) return null;
    total += sizeBytes;
  }
  return total;
}

interface TargetEntry {
  readonly id: string;
  readonly generation: Generation;
}

export const targetsListing: Listing<TargetEntry> = {
  name: 'targets',
  summary: 'Targets: whether they can be reached, and what could not be seen of them.',
  schema: targetSchema,
  views: (generation) => [{ id: targetKey(generation.target), generation }],
  filters: {
    up: byWord(['true', 'false'], ({ generation }) => String(generation.isUp), 'Whether it was reached.'),
  },
  item: ({ id, generation }) => ({ id, ...generation.target, ...targetFacts(generation) }),
};

function targetFacts(generation: Generation) {
  const { catalogue, findings, snapshot, window } = generation;
  const { server } = catalogue;
  const countOf = (state: Finding['state']) => findings.filter((finding) => finding.state === state).length;
  return {
    up: generation.isUp,
    error: generation.error,
    generation: generation.number,
    publishedAt: isoTime(generation.publishedAtMs),
    snapshotAt: isoTime(snapshot.takenAtMs),
    version: server?.version ?? null,
    role: server === undefined ? null : server.isInRecovery ? 'standby' : 'primary',
    roleName: server?.roleName ?? null,
    statisticsSince: server === undefined ? null : isoTime(window?.sinceMs),
    statisticsSinceSource: server === undefined ? null : (window?.source ?? null),
    tables: snapshot.outcomes.tables?.kind === 'collected' ? catalogue.tables.length : null,
    indexes: snapshot.outcomes.indexes?.kind === 'collected' ? catalogue.indexes.length : null,
    findings: { open: countOf('open'), muted: countOf('muted'), resolved: countOf('resolved') },
    reclaimableTotalBytes: generation.reclaimableTotalBytes,
    collectors: generation.runs.map(runFacts),
    missingPermissions: generation.missingPermissions,
    inconclusive: generation.inconclusive.map(({ kind, reason, relations }) => ({
      kind,
      reason,
      relations: relations ?? null,
    })),
  };
}

interface CollectorEntry {
  readonly id: string;
  readonly target: TargetId;
  readonly run: CollectorRun;
}

export const collectorsListing: Listing<CollectorEntry> = {
  name: 'collectors',
  summary: 'The last run of each collector on each target.',
  schema: collectorSchema,
  views: ({ target, runs }) => runs.map((run) => ({ id: `${targetKey(target)}/${run.name}`, target, run })),
  filters: {
    name: byText(({ run }) => run.name, 'Collector.'),
    state: byWord(['collected', 'skipped', 'failed'], ({ run }) => run.state, 'What came of the last run.'),
  },
  item: ({ id, target, run }) => ({ id, ...target, ...runFacts(run) }),
};

const runFacts = (run: CollectorRun) => ({
  name: run.name,
  state: run.state,
  ranAt: isoTime(run.ranAtMs),
  durationMs: run.state === 'skipped' ? null : run.durationMs,
  lastSuccessAt: isoTime(run.lastSuccessAtMs),
  reason: run.reason,
  errorKind: run.errorKind,
  facts: run.state === 'collected' ? run.facts : null,
  skippedRelations: run.state === 'collected' ? run.skippedRelations : null,
});

export const isoTime = (ms: number | null | undefined): string | null =>
  ms === null || ms === undefined ? null : new Date(ms).toISOString();

/** Null where it was not estimated; what is unknown in it is null. */
function bloatFacts(bloat: Bloat | undefined) {
  if (bloat === undefined) return null;
  const { measuredAtMs, ...facts } = bloat;
  return { ...facts, measuredAt: isoTime(measuredAtMs) };
}

const nameKey = (schemaname: string, relname: string): string => `${schemaname}\0${relname}`;

/** Ids of open findings by what they are about. */
function idsByName(
  findings: readonly Finding[],
  keyOf: (finding: Finding) => string | undefined,
): ReadonlyMap<string, readonly string[]> {
  const ids = new Map<string, string[]>();
  for (const finding of findings) {
    const key = finding.state === 'open' ? keyOf(finding) : undefined;
    if (key === undefined) continue;
    const known = ids.get(key);
    if (known === undefined) ids.set(key, [finding.id]);
    else known.push(finding.id);
  }
  return ids;
}

/** Sixteen hex digits, as of findings: names may hold anything, ids go into addresses. */
export const objectId = (
  sort: 'index' | 'table',
  target: TargetId,
  schemaname: string,
  relname: string,
): string =>
  createHash('sha256')
    .update([sort, target.server, target.datname, schemaname, relname].join('\0'))
    .digest('hex')
    .slice(0, 16);
