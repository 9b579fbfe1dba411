import { z } from 'zod';
import type { IndexView } from '../../analysis/catalogue.ts';
import { isUsable, whyKept } from '../../analysis/index-identity.ts';
import { type UsageWindow, windowOf } from '../../analysis/usage-window.ts';
import type { IndexUsageFact } from '../../collectors/usage.ts';
import type { Policy } from '../../model/policy.ts';
import { slicedFilter } from '../../model/sliced.ts';
import { humaneDuration } from '../../model/units.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Unjudged } from '../draft.ts';
import { isJudgedAlone } from '../words.ts';
import { judgeByHistory } from './by-history.ts';
import { toDraft } from './statement.ts';

/**
 * Opens when an index that promises nothing (no key, constraint, exclusion, replica identity, clustering) went unused for the
 * policy's window on every configured node, while its table was read as usual. With a history that is known from samples of each
 * node, and until they span the window from counters that are older; in a single look the counters of one node are all there is.
 * Closes with the first use. Accepts what nobody can tell: use on nodes that are not watched, needs rarer than the window. Hence
 * never better than `likely`, and `possible` without the operator's word on the topology.
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
  uses: ['replicas'],
  settings: z.strictObject({}),
  *evaluate(input) {
    if (input.catalogue.server?.trackCounts === false) {
      return { findings: [], inconclusive: 'track_counts is off: PostgreSQL counts no scans' };
    }
    const { usage } = input;
    const candidates = yield* slicedFilter(input.catalogue.indexes, isCandidate);
    if (usage !== undefined) return yield* judgeByHistory(candidates, { ...input, usage });
    const findings: Draft[] = [];
    const unjudged: Unjudged[] = [];
    for (const index of candidates) {
      yield;
      const judged = judgeByCounters(index, input);
      if (judged === undefined) continue;
      if ('reason' in judged) unjudged.push(judged);
      else findings.push(judged);
    }
    return { findings, unjudged };
  },
});

const isCandidate = (index: IndexView): boolean =>
  isJudgedAlone(index) && isUsable(index) && whyKept(index) === undefined;

/** A finding, why there is no verdict yet, or nothing: the index is used. */
function judgeByCounters(index: IndexView, input: DetectorInput<unknown>): Draft | Unjudged | undefined {
  const policy = input.policyFor(index.table.schemaname);
  const relation = index.names.shown;
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
  return toDraft(index, input, {
    basis: 'counters',
    sinceMs: window.sinceMs,
    ageMs: window.ageMs,
    nodes: [window.node],
    lastUsedAtMs: null,
    isUnread: readsOf(index) === 0,
    isLongObserved: window.ageMs !== undefined && window.ageMs >= policy.likelyAfterMs,
    statistics: window,
    parentOf: (key) => {
      const parent = key.referenced?.usage;
      return {
        isQuiet: parent !== undefined && parent.rowsDeletedTotal === 0 && parent.rowsUpdatedTotal === 0,
        words:
          parent === undefined
            ? 'counts of the parent are unknown'
            : `the parent saw ${parent.rowsDeletedTotal} deletes and ${parent.rowsUpdatedTotal} updates`,
      };
    },
    evidence: {},
    caveats: ['The age of the index is unknown: it may be younger than the statistics.'],
  });
}

const isUsed = (usage: IndexUsageFact): boolean =>
  usage.scansTotal > 0 ||
  usage.tuplesReadTotal > 0 ||
  usage.tuplesFetchedTotal > 0 ||
  usage.lastScanAtMs !== null;

const readsOf = (index: IndexView): number =>
  (index.table.usage?.sequentialScansTotal ?? 0) + (index.table.usage?.indexScansTotal ?? 0);

function observing(window: UsageWindow, policy: Policy, sinceMs: number): string {
  const due = new Date(sinceMs + policy.unusedAfterMs).toISOString().slice(0, 16).replace('T', ' ');
  return `the statistics are ${humaneDuration(window.ageMs ?? 0)} old and the window is ${humaneDuration(policy.unusedAfterMs)}: verdict on ${due} UTC`;
}
