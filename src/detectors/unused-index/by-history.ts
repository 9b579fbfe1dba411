import type { IndexView } from '../../analysis/catalogue.ts';
import { isUsable } from '../../analysis/index-identity.ts';
import { logicalIndex } from '../../history/subjects.ts';
import {
  beganBecause,
  type Disuse,
  disuseOf,
  isoDay,
  nodesInWords,
  parentChanges,
  subjectIn,
  type Unused,
  type UsageAcrossNodes,
} from '../../history/usage/across.ts';
import { type ReadActivity, readActivity } from '../../history/usage/rates.ts';
import type { EvidenceValue } from '../../model/finding.ts';
import type { Sliced } from '../../model/sliced.ts';
import { humaneDuration } from '../../model/units.ts';
import { isoTime, rounded } from '../counting.ts';
import type { DetectorInput, Verdict } from '../define.ts';
import type { Draft, Unjudged } from '../draft.ts';
import { isJudgedAlone } from '../words.ts';
import { type Claim, servedBy, toDraft } from './statement.ts';

type Input = DetectorInput<unknown> & { readonly usage: UsageAcrossNodes };

/**
 * Verdicts from what every node showed over time. The same index in several schemas is one: used anywhere it is used everywhere,
 * and only where all places agree, or have a table that nobody reads, there is a finding, at the first place in the order of names.
 * With a window of 0, which is a first look, each is judged for itself.
 */
export function* judgeByHistory(candidates: readonly IndexView[], input: Input): Sliced<Verdict> {
  const groups = new Map<string, IndexView[]>();
  const places = yield* placesByIndex(input);
  const findings: Draft[] = [];
  const unjudged: Unjudged[] = [];
  for (const index of candidates) {
    yield;
    const subject = subjectIn(input.usage, index);
    if (subject === undefined) {
      unjudged.push({
        relation: relationOf(index),
        reason: 'its definition is not known while its table is locked',
      });
      continue;
    }
    const isAlone = input.policyFor(index.table.schemaname).unusedAfterMs === 0;
    const logical = isAlone ? subject : logicalIndex(subject);
    const group = groups.get(logical);
    if (group === undefined) groups.set(logical, [index]);
    else group.push(index);
  }
  for (const [logical, group] of groups) {
    yield;
    const { draft, waiting } = judgePlaces(logical, group, places.get(logical) ?? group, input);
    if (draft !== undefined) findings.push(draft);
    unjudged.push(...waiting);
  }
  return { findings, unjudged };
}

/** All usable indexes by what they are regardless of schema: those that are kept for other reasons can be used as well. */
function* placesByIndex({ catalogue, usage }: Input): Sliced<ReadonlyMap<string, readonly IndexView[]>> {
  const places = new Map<string, IndexView[]>();
  for (const index of catalogue.indexes) {
    yield;
    if (!isJudgedAlone(index) || !isUsable(index)) continue;
    const subject = subjectIn(usage, index);
    if (subject === undefined) continue;
    const known = places.get(logicalIndex(subject));
    if (known === undefined) places.set(logicalIndex(subject), [index]);
    else known.push(index);
  }
  return places;
}

interface Place {
  readonly index: IndexView;
  readonly disuse: Disuse;
}

function judgePlaces(
  logical: string,
  candidates: readonly IndexView[],
  everywhere: readonly IndexView[],
  input: Input,
): { readonly draft?: Draft; readonly waiting: readonly Unjudged[] } {
  const { usage, nowMs } = input;
  const windowMs = Math.max(
    ...everywhere.map(({ table }) => input.policyFor(table.schemaname).unusedAfterMs),
  );
  const places = everywhere.map((index) => ({ index, disuse: disuseOf(usage, index, windowMs, nowMs) }));
  if (places.some(({ disuse }) => disuse.kind === 'used')) return { waiting: [] };
  if (usage.elsewhere?.(logical, windowMs) !== undefined) return { waiting: [] };
  const hindrance = places.find(({ disuse }) => disuse.kind !== 'unused');
  if (hindrance !== undefined)
    return { waiting: candidates.map((index) => whyWaiting(index, places, hindrance)) };

  const waiting: Unjudged[] = [];
  const isCandidate = new Set(candidates);
  const agreed: (Place & { readonly disuse: Unused; readonly activity: ReadActivity })[] = [];
  for (const { index, disuse } of places) {
    if (disuse.kind !== 'unused' || !isCandidate.has(index)) continue;
    const activity = readActivity(usage, index.table, disuse.asOfMs - windowMs);
    // A window of 0 asks for the counters as they stand, read or not; older counters cannot say what is usual.
    const reason = windowMs === 0 ? undefined : whySilent(index, disuse, activity);
    if (reason === undefined) agreed.push({ index, disuse, activity });
    else waiting.push({ relation: relationOf(index), reason });
  }
  const [first, ...others] = agreed.sort((a, b) =>
    a.index.table.schemaname < b.index.table.schemaname ? -1 : 1,
  );
  if (first === undefined) return { waiting };
  const elsewhere = others.map(({ index }) => index);
  return { draft: toDraft(first.index, input, claimOf(first, elsewhere, windowMs, input)), waiting };
}

const relationOf = ({ names }: IndexView): string => names.shown;

function whyWaiting(index: IndexView, places: readonly Place[], hindrance: Place): Unjudged {
  const own = places.find((place) => place.index === index)?.disuse;
  if (own !== undefined && 'reason' in own) return { relation: relationOf(index), reason: own.reason };
  const why = 'reason' in hindrance.disuse ? hindrance.disuse.reason : '';
  return {
    relation: relationOf(index),
    reason: `it is unused here, but the same index is ${relationOf(hindrance.index)}: ${why}`,
  };
}

/** Why disuse says nothing of the index: its table is not read either, or less than it usually is. */
function whySilent(index: IndexView, disuse: Unused, activity: ReadActivity): string | undefined {
  if (disuse.basis === 'statistics') {
    const { usage } = index.table;
    const reads = usage === undefined ? 0 : usage.sequentialScansTotal + usage.indexScansTotal;
    if (reads > 0 || activity.kind !== 'unread') return undefined;
    return 'its table was not read at all in the window, which says nothing about the index';
  }
  if (activity.kind === 'unread')
    return 'its table was not read at all in the window, which says nothing about the index';
  if (activity.kind === 'quiet')
    return 'its table was read less than half as often in the last week as usual on these weekdays, which says nothing about the index: verdict once it is read as usual again';
  return undefined;
}

function claimOf(
  { index, disuse, activity }: Place & { readonly disuse: Unused; readonly activity: ReadActivity },
  elsewhere: readonly IndexView[],
  windowMs: number,
  input: Input,
): Claim {
  const { usage, nowMs } = input;
  const policy = input.policyFor(index.table.schemaname);
  const ageMs = Math.max(0, disuse.asOfMs - disuse.sinceMs);
  const keep = whyKeptElsewhere(elsewhere, disuse.asOfMs - windowMs, usage);
  const rebuiltAtMs = Math.max(0, ...disuse.nodes.map((node) => node.rebuiltAtMs ?? 0));
  const isFresh = nowMs - disuse.asOfMs < input.usage.maxGapMs;
  return {
    basis: disuse.basis,
    sinceMs: disuse.sinceMs,
    ageMs,
    nodes: disuse.nodes.map(({ node }) => node),
    lastUsedAtMs: disuse.lastUsedAtMs,
    isUnread: activity.kind === 'unread' && disuse.basis === 'statistics' && readsNothing(index),
    isLongObserved: isFresh && ageMs >= policy.likelyAfterMs,
    statistics: input.window,
    parentOf: (key) => {
      if (key.referenced === undefined)
        return { isQuiet: false, words: 'changes of the parent are not known: it is not watched' };
      const changes = parentChanges(usage, key.referenced, disuse.asOfMs - windowMs);
      return { isQuiet: changes.kind === 'none', words: changes.words };
    },
    evidence: {
      basis: disuse.basis,
      unusedSince: isoTime(disuse.sinceMs),
      observedSince: isoTime(disuse.observedSinceMs),
      asOf: isoTime(disuse.asOfMs),
      perNode: disuse.nodes.map(
        (node): EvidenceValue => ({
          node: node.node,
          observedSince: isoTime(node.observedSinceMs),
          beganBecause: beganBecause(node.beganBy),
          samples: node.samples,
          firstSeen: isoTime(node.firstSeenMs),
          lastUsedAt: isoTime(node.lastUsedAtMs),
        }),
      ),
      ...(activity.kind === 'as-usual' && activity.readsPerDay !== null
        ? {
            tableReadsPerDay: rounded(activity.readsPerDay),
            tableUsualReadsPerDay: rounded(activity.usualPerDay ?? 0),
          }
        : {}),
      ...(elsewhere.length > 0 ? { places: [index, ...elsewhere].map(relationOf) } : {}),
    },
    caveats: [
      ...(disuse.basis === 'statistics'
        ? [
            `Judged by the servers' own counters on ${nodesInWords(usage)}, which are older than what we have observed ourselves: an index made after they began would look the same.`,
          ]
        : []),
      ...(rebuiltAtMs > 0 ? [`It was rebuilt on ${isoDay(rebuiltAtMs)} and carried its counters over.`] : []),
      ...(disuse.lastUsedAtMs === null
        ? []
        : [`It was used before: last on ${isoDay(disuse.lastUsedAtMs)}, ${humaneDuration(ageMs)} ago.`]),
    ],
    elsewhere,
    ...(keep === undefined ? {} : { keep }),
  };
}

const readsNothing = ({ table: { usage } }: IndexView): boolean =>
  usage === undefined || usage.sequentialScansTotal + usage.indexScansTotal === 0;

/** One logical index is dropped everywhere or nowhere: what one place needs it for keeps it in all. */
function whyKeptElsewhere(
  elsewhere: readonly IndexView[],
  sinceMs: number,
  usage: UsageAcrossNodes,
): string | undefined {
  for (const index of elsewhere) {
    const busy = servedBy(index).find(
      (key) => key.referenced === undefined || parentChanges(usage, key.referenced, sinceMs).kind !== 'none',
    );
    if (busy !== undefined)
      return `Keep it: in ${index.table.schemaname} the same index is the only one behind foreign key ${busy.name}, and rows of the parent are deleted or updated there, or might be.`;
  }
  return undefined;
}
