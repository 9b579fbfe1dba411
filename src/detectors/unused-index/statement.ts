import type { ForeignKeyView, IndexView } from '../../analysis/catalogue.ts';
import { foreignKeysAround, isForeignKeySupported } from '../../analysis/index-identity.ts';
import type { UsageWindow } from '../../analysis/usage-window.ts';
import type { Confidence, Evidence, RelatedIndex } from '../../model/finding.ts';
import { humaneBytes, humaneDuration } from '../../model/units.ts';
import { isoTime, rowsWritten } from '../counting.ts';
import type { DetectorInput } from '../define.ts';
import type { Draft, Remedy } from '../draft.ts';
import { keyTexts, severityOn, shapeOf, tableName } from '../words.ts';

/** That an index was not used, and how that is known. */
export interface Claim {
  /** Samples of every node; counters of every node that are older than our samples; counters of this node in a single look. */
  readonly basis: 'history' | 'statistics' | 'counters';
  /** Since when there was no use; undefined where the age of the counters is not known. */
  readonly sinceMs: number | undefined;
  /** How long that is. */
  readonly ageMs: number | undefined;
  /** Those that agree. */
  readonly nodes: readonly string[];
  readonly lastUsedAtMs: number | null;
  /** The table was not read either. */
  readonly isUnread: boolean;
  /** Whether it lasted as long as the policy wants for `likely`. */
  readonly isLongObserved: boolean;
  /** The age of this node's counters. */
  readonly statistics: UsageWindow;
  /** Whether rows of a foreign key's parent stayed, and kept their keys, meanwhile. */
  readonly parentOf: (key: ForeignKeyView) => { readonly isQuiet: boolean; readonly words: string };
  /** What else is known, how, and what could be wrong with it. */
  readonly evidence: Evidence;
  readonly caveats: readonly string[];
  /** The same index in other schemas, unused as well. */
  readonly elsewhere?: readonly IndexView[];
  /** Why it is not to be dropped though nobody uses it. */
  readonly keep?: string;
}

export function toDraft(index: IndexView, input: DetectorInput<unknown>, claim: Claim): Draft {
  const { table, usage } = index;
  const policy = input.policyFor(table.schemaname);
  const served = servedBy(index);
  const unseen = input.topology.unseenNodes;
  const isInfo = served.length > 0 || unseen.length > 0 || claim.isUnread || claim.keep !== undefined;
  const remedy = remedyFor(index, served, input, claim);
  const span = claim.ageMs === undefined ? 'since an unknown time' : `in ${humaneDuration(claim.ageMs)}`;
  const bytes = index.sizeBytes;
  const written = table.usage === undefined ? null : rowsWritten(table.usage);
  return {
    kind: 'unused-index',
    severity: isInfo ? 'info' : severityOn(table, policy, 'warning'),
    confidence: confidenceOf(claim, input),
    table,
    index,
    subject: index.name,
    columns: keyTexts(index),
    related: (claim.elsewhere ?? []).map(sameElsewhere),
    title: `${index.name} on ${tableName(table)} ${shapeOf(index)}${bytes === undefined ? '' : `, ${humaneBytes(bytes)},`} was not scanned once ${span}${served.length > 0 ? ', but supports a foreign key' : ''}`,
    evidence: {
      shape: shapeOf(index),
      scansTotal: usage?.scansTotal ?? null,
      tuplesReadTotal: usage?.tuplesReadTotal ?? null,
      lastScanAt: isoTime(claim.lastUsedAtMs),
      windowSeconds: claim.ageMs === undefined ? null : Math.round(claim.ageMs / 1000),
      policyWindowSeconds: Math.round(policy.unusedAfterMs / 1000),
      statisticsSince: isoTime(claim.statistics.sinceMs),
      statisticsSinceSource: claim.statistics.source,
      nodes: [...claim.nodes],
      nodesNotSeen: [...unseen],
      sizeBytes: bytes ?? null,
      tableRows: table.rows ?? null,
      tableSequentialScansTotal: table.usage?.sequentialScansTotal ?? null,
      tableIndexScansTotal: table.usage?.indexScansTotal ?? null,
      rowsWrittenTotal: written,
      supportsForeignKeys: served.map((key) => key.name),
      ...claim.evidence,
    },
    caveats: caveatsFor(index, served, input, claim),
    impact: {
      reclaimableBytes: remedy.kind === 'review' ? 0 : (bytes ?? 0),
      rowsWrittenTotal: written ?? 0,
    },
    remedy,
  };
}

const sameElsewhere = ({ table, name, sizeBytes }: IndexView): RelatedIndex => ({
  schemaname: table.schemaname,
  indexrelname: name,
  role: 'drop',
  why: `the same index in another schema, unused as well${sizeBytes === undefined ? '' : ` (${humaneBytes(sizeBytes)})`}`,
});

/** The foreign keys that would have no index left if this one went. */
export const servedBy = (index: IndexView): readonly ForeignKeyView[] =>
  foreignKeysAround(index).filter(
    (key) =>
      key.fact.isEnforced && isForeignKeySupported(key) && !isForeignKeySupported(key, new Set([index])),
  );

function confidenceOf(claim: Claim, { topology, catalogue }: DetectorInput<unknown>): Confidence {
  const seesAll =
    topology.isComplete && topology.unseenNodes.length === 0 && catalogue.server?.isInRecovery === false;
  return claim.isLongObserved && claim.basis !== 'statistics' && seesAll ? 'likely' : 'possible';
}

function remedyFor(
  index: IndexView,
  served: readonly ForeignKeyView[],
  { topology, nowMs }: DetectorInput<unknown>,
  claim: Claim,
): Remedy {
  const busy = served.filter((key) => !claim.parentOf(key).isQuiet);
  if (busy.length > 0) {
    return {
      kind: 'review',
      notes: `Keep it: ${busy.map((key) => key.name).join(', ')} would have no index, and rows of the parent are deleted or updated, or might be. Scans by foreign-key checks may not have happened in the window.`,
    };
  }
  if (claim.keep !== undefined) return { kind: 'review', notes: claim.keep };
  if (topology.unseenNodes.length > 0) {
    return {
      kind: 'review',
      notes: `Look at idx_scan and last_idx_scan on ${topology.unseenNodes.join(', ')} first: each node counts its own scans, and these were not looked at.`,
    };
  }
  if (claim.isUnread)
    return {
      kind: 'review',
      notes:
        'Nothing has read the table since the statistics began: ask its owners whether it is still in use.',
    };
  const expressions = index.keys.map((key) => key.expressionSql).filter((sql) => sql !== null);
  const since = claim.sinceMs === undefined ? '' : ` since ${isoTime(claim.sinceMs)}`;
  const others = claim.elsewhere ?? [];
  const places =
    others.length === 0
      ? ''
      : ` The same index is unused in ${others.map(({ table }) => table.schemaname).join(', ')} as well: drop it in one schema, wait, then in the next.`;
  return {
    kind: 'drop-index',
    index,
    ...(expressions.length > 0 ? { keepStatisticsOf: expressions } : {}),
    notes: `No scan${since} (as of ${isoTime(nowMs)}). Check idx_scan once more before running it.${places}`,
  };
}

function caveatsFor(
  index: IndexView,
  served: readonly ForeignKeyView[],
  { topology, catalogue }: DetectorInput<unknown>,
  claim: Claim,
): readonly string[] {
  const caveats: string[] = [];
  if (topology.unseenNodes.length > 0) {
    caveats.push(
      `Usage on ${topology.unseenNodes.join(', ')} was not looked at; every node counts its own scans.`,
    );
  } else if (!topology.isComplete) {
    caveats.push(
      'Standbys that nobody configured would not show here; say topology: complete if there are none.',
    );
  }
  if (catalogue.server?.isInRecovery === true)
    caveats.push('This node is a standby: the primary counts for itself.');
  caveats.push(...claim.caveats);
  if (claim.isUnread) caveats.push('The table itself was not read since the statistics began.');
  for (const key of served) {
    const { words } = claim.parentOf(key);
    caveats.push(
      `It is the only index behind foreign key ${key.name}; ${words} (ON DELETE ${deleteWords[key.fact.onDelete]}).`,
    );
  }
  if (index.keys.some((key) => key.columnNumber === null)) {
    caveats.push('The planner uses its statistics of the expression even where it does not scan the index.');
  }
  return caveats;
}

const deleteWords: Readonly<Record<ForeignKeyView['fact']['onDelete'], string>> = {
  a: 'NO ACTION',
  r: 'RESTRICT',
  c: 'CASCADE',
  n: 'SET NULL',
  d: 'SET DEFAULT',
};
