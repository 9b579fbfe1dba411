import { z } from 'zod';
import type { ForeignKeyView, IndexView } from '../../analysis/catalogue.ts';
import {
  foreignKeysAround,
  isForeignKeySupported,
  isUsable,
  whyKept,
} from '../../analysis/index-identity.ts';
import { type UsageWindow, windowOf } from '../../analysis/usage-window.ts';
import type { IndexUsageFact } from '../../collectors/usage.ts';
import type { Confidence } from '../../model/finding.ts';
import type { Policy } from '../../model/policy.ts';
import { humaneBytes, humaneDuration } from '../../model/units.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Remedy, Unjudged } from '../draft.ts';
import { isJudgedAlone, keyTexts, severityOn, shapeOf, tableName } from '../words.ts';

/**
 * Opens when an index that promises nothing (no key, constraint, exclusion, replica identity, clustering) shows no scan, no tuple read and no
 * time of a last scan, its counters are at least as old as the policy's window, and its table was read meanwhile. Closes with the
 * first scan. Accepts what counters cannot tell: use on nodes that are not watched, needs rarer than the window, an index
 * younger than the statistics. Hence never better than `likely`, and `possible` without the operator's word on the topology.
 */
export const unusedIndex = defineDetector({
  id: 'unused-index',
  title: 'Index was never used in the window',
  needs: [
    'server',
    'tables',
    'columns',
    'indexes',
    'constraints',
    'operator-classes',
    'index-usage',
    'table-usage',
    'relation-sizes',
  ],
  settings: z.strictObject({}),
  evaluate(input) {
    if (input.catalogue.server?.trackCounts === false) {
      return { findings: [], inconclusive: 'track_counts is off: PostgreSQL counts no scans' };
    }
    const findings: Draft[] = [];
    const unjudged: Unjudged[] = [];
    for (const index of input.catalogue.indexes) {
      if (!isJudgedAlone(index) || !isUsable(index) || whyKept(index) !== undefined) continue;
      const judged = judge(index, input);
      if (judged === undefined) continue;
      if ('reason' in judged) unjudged.push(judged);
      else findings.push(judged);
    }
    return { findings, unjudged };
  },
});

/** A finding, why there is no verdict yet, or nothing: the index is used. */
function judge(index: IndexView, input: DetectorInput<unknown>): Draft | Unjudged | undefined {
  const policy = input.policyFor(index.table.schemaname);
  const relation = `${index.table.schemaname}.${index.name}`;
  const { usage } = index;
  if (usage === undefined) return { relation, reason: 'its counters were not collected' };
  if (isUsed(usage)) return undefined;

  const window = windowOf(input.window, usage.statsResetAtMs, input.nowMs);
  if (policy.unusedAfterMs > 0) {
    if (window.sinceMs === undefined || window.ageMs === undefined) {
      return { relation, reason: 'the age of the statistics is unknown: no reset time is recorded' };
    }
    if (window.ageMs < policy.unusedAfterMs)
      return { relation, reason: observing(window, policy, window.sinceMs) };
    if (readsOf(index) === 0) {
      return {
        relation,
        reason: 'its table was not read at all in the window, which says nothing about the index',
      };
    }
  }
  return toDraft(index, usage, window, policy, input);
}

const isUsed = (usage: IndexUsageFact): boolean =>
  usage.scansTotal > 0 || usage.tuplesReadTotal > 0 || usage.lastScanAtMs !== null;

const readsOf = (index: IndexView): number =>
  (index.table.usage?.sequentialScansTotal ?? 0) + (index.table.usage?.indexScansTotal ?? 0);

function observing(window: UsageWindow, policy: Policy, sinceMs: number): string {
  const due = new Date(sinceMs + policy.unusedAfterMs).toISOString().slice(0, 16).replace('T', ' ');
  return `the statistics are ${humaneDuration(window.ageMs ?? 0)} old and the window is ${humaneDuration(policy.unusedAfterMs)}: verdict on ${due} UTC`;
}

function toDraft(
  index: IndexView,
  usage: IndexUsageFact,
  window: UsageWindow,
  policy: Policy,
  input: DetectorInput<unknown>,
): Draft {
  const { table } = index;
  const served = foreignKeysAround(index).filter((key) => key.fact.isEnforced && isOnlySupport(index, key));
  const unseen = input.topology.unseenNodes;
  const isUnread = readsOf(index) === 0;
  const isInfo = served.length > 0 || unseen.length > 0 || isUnread;
  const remedy = remedyFor(index, served, input, isUnread);
  const span = window.ageMs === undefined ? 'since an unknown time' : `in ${humaneDuration(window.ageMs)}`;
  const bytes = index.sizeBytes;
  return {
    kind: 'unused-index',
    severity: isInfo ? 'info' : severityOn(table, policy, 'warning'),
    confidence: confidenceOf(window, policy, input),
    table,
    index,
    subject: index.name,
    columns: keyTexts(index),
    related: [],
    title: `${index.name} on ${tableName(table)} ${shapeOf(index)}${bytes === undefined ? '' : `, ${humaneBytes(bytes)},`} was not scanned once ${span}${served.length > 0 ? ', but supports a foreign key' : ''}`,
    evidence: {
      shape: shapeOf(index),
      scansTotal: usage.scansTotal,
      tuplesReadTotal: usage.tuplesReadTotal,
      lastScanAt: null,
      windowSeconds: window.ageMs === undefined ? null : Math.round(window.ageMs / 1000),
      policyWindowSeconds: Math.round(policy.unusedAfterMs / 1000),
      statisticsSince: window.sinceMs === undefined ? null : new Date(window.sinceMs).toISOString(),
      statisticsSinceSource: window.source,
      nodes: [window.node],
      nodesNotSeen: [...unseen],
      sizeBytes: bytes ?? null,
      tableRows: table.rows ?? null,
      tableSequentialScansTotal: table.usage?.sequentialScansTotal ?? null,
      tableIndexScansTotal: table.usage?.indexScansTotal ?? null,
      rowsWrittenTotal: writesOf(index),
      supportsForeignKeys: served.map((key) => key.name),
    },
    caveats: caveatsFor(index, served, input, isUnread),
    impact: {
      reclaimableBytes: remedy.kind === 'review' ? 0 : (bytes ?? 0),
      rowsWrittenTotal: writesOf(index) ?? 0,
    },
    remedy,
  };
}

function writesOf(index: IndexView): number | null {
  const { usage } = index.table;
  return usage === undefined
    ? null
    : usage.rowsInsertedTotal + usage.rowsDeletedTotal + usage.rowsUpdatedTotal - usage.rowsHotUpdatedTotal;
}

/** Whether the key would have no index left if this one went. */
const isOnlySupport = (index: IndexView, key: ForeignKeyView): boolean =>
  isForeignKeySupported(key) && !isForeignKeySupported(key, new Set([index]));

function confidenceOf(
  window: UsageWindow,
  policy: Policy,
  { topology, catalogue }: DetectorInput<unknown>,
): Confidence {
  const isLong = window.ageMs !== undefined && window.ageMs >= policy.likelyAfterMs;
  const seesAll =
    topology.isComplete && topology.unseenNodes.length === 0 && catalogue.server?.isInRecovery === false;
  return isLong && seesAll ? 'likely' : 'possible';
}

function remedyFor(
  index: IndexView,
  served: readonly ForeignKeyView[],
  { topology, nowMs, window }: DetectorInput<unknown>,
  isUnread: boolean,
): Remedy {
  const busy = served.filter((key) => !isParentQuiet(key));
  if (busy.length > 0) {
    return {
      kind: 'review',
      notes: `Keep it: ${busy.map((key) => key.name).join(', ')} would have no index, and rows of the parent are deleted or updated, or might be. Scans by foreign-key checks may not have happened in the window.`,
    };
  }
  if (topology.unseenNodes.length > 0) {
    return {
      kind: 'review',
      notes: `Look at idx_scan and last_idx_scan on ${topology.unseenNodes.join(', ')} first: each node counts its own scans, and these were not looked at.`,
    };
  }
  if (isUnread)
    return {
      kind: 'review',
      notes:
        'Nothing has read the table since the statistics began: ask its owners whether it is still in use.',
    };
  const expressions = index.keys.map((key) => key.expressionSql).filter((sql) => sql !== null);
  const since = window.sinceMs === undefined ? '' : ` since ${new Date(window.sinceMs).toISOString()}`;
  return {
    kind: 'drop-index',
    index,
    ...(expressions.length > 0 ? { keepStatisticsOf: expressions } : {}),
    notes: `No scan${since} (as of ${new Date(nowMs).toISOString()}). Check idx_scan once more before running it.`,
  };
}

/** No row of the parent was deleted or updated in the window, so that no check needed the index. */
function isParentQuiet(key: ForeignKeyView): boolean {
  const usage = key.referenced?.usage;
  return usage !== undefined && usage.rowsDeletedTotal === 0 && usage.rowsUpdatedTotal === 0;
}

function caveatsFor(
  index: IndexView,
  served: readonly ForeignKeyView[],
  { topology, catalogue }: DetectorInput<unknown>,
  isUnread: boolean,
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
  caveats.push('The age of the index is unknown: it may be younger than the statistics.');
  if (isUnread) caveats.push('The table itself was not read since the statistics began.');
  for (const key of served) {
    const usage = key.referenced?.usage;
    const counts =
      usage === undefined
        ? 'counts of the parent are unknown'
        : `the parent saw ${usage.rowsDeletedTotal} deletes and ${usage.rowsUpdatedTotal} updates`;
    caveats.push(`It is the only index behind foreign key ${key.name}; ${counts}.`);
  }
  if (index.keys.some((key) => key.columnNumber === null)) {
    caveats.push('The planner uses its statistics of the expression even where it does not scan the index.');
  }
  return caveats;
}
