import type { IndexView, TableView } from '../../analysis/catalogue.ts';
import type { NodeName } from '../../model/ids.ts';
import { counted, dayMs, humaneDuration } from '../../model/units.ts';
import { type IndexSubject, indexSubject, tableSubject } from '../subjects.ts';
import { shortMs } from './changes.ts';
import { type BreakReason, breakWords } from './epoch.ts';
import type { UsageHistory } from './history.ts';
import {
  type IndexObservation,
  type ServerCounters,
  type TableObservation,
  usageOfIndex,
  usageOfTable,
} from './observation.ts';
import type { StartReason } from './state.ts';

/** One configured node, and what is remembered of it. */
export interface NodeUsage {
  readonly node: NodeName;
  /** Undefined where nothing was ever collected from it. */
  readonly history: UsageHistory | undefined;
  /** Why it could not be read when it last should have been; undefined where it was. */
  readonly unreachable: string | undefined;
}

/** A use of the same logical index in another database. */
export interface UseElsewhere {
  readonly datname: string;
  readonly schemaname: string;
  readonly lastUsedAtMs: number;
}

/** What is remembered of use, on all configured nodes of the target's server. */
export interface UsageAcrossNodes {
  /** Every node that is configured, reached or not; the primary first. */
  readonly nodes: readonly NodeUsage[];
  /** What was last seen longer ago does not stand for now. The same bound as for gaps. */
  readonly maxGapMs: number;
  /** `indexSubject` with a memory, where there is one. */
  readonly subjectOf?: (index: IndexView) => IndexSubject | undefined;
  /** A use of an index in another database within a window, by `logicalIndex`; for fleets of databases with one schema. */
  readonly elsewhere?: (logicalIndex: string, windowMs: number) => UseElsewhere | undefined;
}

/** What can be said of an index not having been used for so long. */
export type Disuse =
  | { readonly kind: 'used'; readonly node: NodeName; readonly lastUsedAtMs: number | null }
  | Unused
  | { readonly kind: 'observing'; readonly reason: string; readonly dueAtMs: number }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface Unused {
  readonly kind: 'unused';
  /** `statistics`: our own window is too short, and the server's counters stand for it; they know nothing of the index's age. */
  readonly basis: 'history' | 'statistics';
  /** Since when it was not used, on any node. */
  readonly sinceMs: number;
  /** Since when all nodes are observed without a break; on statistics, since when the youngest counters count. */
  readonly observedSinceMs: number;
  /** The moment up to which that holds: the oldest of the nodes' newest samples. */
  readonly asOfMs: number;
  readonly lastUsedAtMs: number | null;
  readonly nodes: readonly IndexObservation[];
}

/**
 * Whether an index went unused for `windowMs` on every configured node. One use on one node is use. It takes every node to say
 * the opposite: one that cannot be read leaves it unknown, one that has not been observed for so long leaves it to be observed.
 * With a window of 0 the counters are judged as they stand.
 */
export function disuseOf(usage: UsageAcrossNodes, index: IndexView, windowMs: number, nowMs: number): Disuse {
  if (subjectIn(usage, index) === undefined)
    return { kind: 'unknown', reason: 'its definition is not known while its table is locked' };
  const seen = seenOnNodes(usage, index);
  const observations = seen.flatMap(({ observation }) => observation ?? []);
  const asOfMs = Math.min(...observations.map(({ observedToMs }) => observedToMs));
  const counters = countersUnused(usage, index, seen);
  if (windowMs === 0) {
    const { node, lastUsedAtMs } = counters;
    if (node !== undefined) return { kind: 'used', node, lastUsedAtMs };
  } else {
    for (const { node, lastUsedAtMs } of observations)
      if (lastUsedAtMs !== null && lastUsedAtMs > asOfMs - windowMs)
        return { kind: 'used', node, lastUsedAtMs };
  }
  for (const { node, unreachable, observation } of seen) {
    if (unreachable !== undefined)
      return {
        kind: 'unknown',
        reason: `node ${node} could not be read (${unreachable}), and its use counts as well`,
      };
    if (observation === undefined) {
      const reason = `it has not been seen on node ${node} yet`;
      return { kind: 'observing', reason, dueAtMs: nowMs + windowMs };
    }
    // Counters and inventory are read at different times: what is in one may be missing from the other for a moment.
    if (observation.missingForMs > shortMs)
      return { kind: 'unknown', reason: `its counters are not among those that node ${node} last showed` };
    if (nowMs - observation.observedToMs > usage.maxGapMs)
      return {
        kind: 'unknown',
        reason: `its counters on node ${node} were last read more than ${humaneDuration(usage.maxGapMs)} ago`,
      };
  }
  if (observations.length === 0) return { kind: 'unknown', reason: 'no node is observed' };
  if (windowMs === 0) return judgeCounters(counters, observations, asOfMs);

  const observedSinceMs = Math.max(...observations.map((observation) => observation.observedSinceMs));
  const lastUsedAtMs = latestOf(observations.map((observation) => observation.lastUsedAtMs));
  if (observedSinceMs <= asOfMs - windowMs) {
    const sinceMs = Math.max(observedSinceMs, lastUsedAtMs ?? 0);
    return {
      kind: 'unused',
      basis: 'history',
      sinceMs,
      observedSinceMs,
      asOfMs,
      lastUsedAtMs,
      nodes: observations,
    };
  }
  const isLongUnused = counters.kind === 'unused' && counters.sinceMs <= asOfMs - windowMs;
  if (isLongUnused && observations.every(({ isFromFirstLook }) => isFromFirstLook)) {
    const { sinceMs } = counters;
    return {
      kind: 'unused',
      basis: 'statistics',
      sinceMs,
      observedSinceMs: counters.countedSinceMs,
      asOfMs,
      lastUsedAtMs: counters.lastUsedAtMs,
      nodes: observations,
    };
  }
  return observing(observations, windowMs, counters);
}

/** What one node knows of an index; nothing where it never saw it. */
interface SeenOn {
  readonly node: NodeName;
  readonly unreachable: string | undefined;
  readonly observation: IndexObservation | undefined;
}

function seenOnNodes(usage: UsageAcrossNodes, index: IndexView): readonly SeenOn[] {
  const subject = subjectIn(usage, index);
  return usage.nodes.map(({ node, history, unreachable }) => ({
    node,
    unreachable,
    observation: history && subject !== undefined ? usageOfIndex(history, subject) : undefined,
  }));
}

/** What the index is called in the history. */
export const subjectIn = (usage: UsageAcrossNodes, index: IndexView): IndexSubject | undefined =>
  (usage.subjectOf ?? indexSubject)(index);

/**
 * Why there is no verdict yet. It names the day rather than the minute on which there will be: reasons that read alike are told as
 * one. Counters that are older than the first window, and show no use, can speak before it is whole.
 */
function observing(
  observations: readonly IndexObservation[],
  windowMs: number,
  counters: CountersSay,
): Disuse {
  const [youngest] = observations.toSorted((a, b) => b.observedSinceMs - a.observedSinceMs);
  if (youngest === undefined) throw new Error('there is an observation, it was looked at just now');
  const { node, observedSinceMs, beganBy } = youngest;
  const span = humaneDuration(windowMs);
  const moment = windowMs < shortWindowMs ? isoMinute : isoDay;
  const isFirstWindow = observations.every(({ isFromFirstLook }) => isFromFirstLook);
  if (isFirstWindow && counters.kind === 'unused' && counters.sinceMs < observedSinceMs) {
    const dueAtMs = counters.sinceMs + windowMs;
    return {
      kind: 'observing',
      reason: `it was not used since ${moment(counters.sinceMs)}, as far as counters go back, and the window is ${span}: verdict after ${moment(dueAtMs)}`,
      dueAtMs,
    };
  }
  const dueAtMs = observedSinceMs + windowMs;
  const began = `${moment(observedSinceMs)} (${beganBecause(beganBy)})`;
  return {
    kind: 'observing',
    reason: `it has been observed without a break on node ${node} since ${began} and the window is ${span}: verdict after ${moment(dueAtMs)}`,
    dueAtMs,
  };
}

export function isoDay(atMs: number): string {
  const day = Math.floor(atMs / dayMs);
  const known = daysInWords.get(day);
  if (known !== undefined) return known;
  const text = new Date(atMs).toISOString().slice(0, 10);
  if (daysInWords.size < daysKeptMax) daysInWords.set(day, text);
  return text;
}
/** The same few days are written of every index that nobody used yet. */
const daysInWords = new Map<number, string>();
const daysKeptMax = 1_000;

const isoMinute = (atMs: number): string =>
  `${new Date(atMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
/** For windows below this the day does not say enough. */
const shortWindowMs = 2 * dayMs;

const startWords: Readonly<Record<StartReason, string>> = {
  'first-sight': 'it was first seen then',
  'own-reset': 'its counters were reset',
  'made-again': 'it was made again, or rebuilt unobserved',
  'not-seen': 'it was not seen for a while',
  'part-lost': 'a part of it went while nobody looked',
};

/** Why a window begins when it does, as a clause. */
export const beganBecause = (reason: StartReason | BreakReason): string =>
  reason in startWords ? startWords[reason as StartReason] : breakWords[reason as BreakReason];

/** What the servers' own counters say, on all nodes; of a partitioned index, those of all its parts. */
interface CountersSay {
  /** `used`: something was counted, nobody knows when; `unused`: nothing since `sinceMs`. */
  readonly kind: 'used' | 'unused' | 'unknown';
  /** One on which something was counted. */
  readonly node: NodeName | undefined;
  /** Since when the counters, or their time of the last scan, show no use. */
  readonly sinceMs: number;
  readonly countedSinceMs: number;
  readonly lastUsedAtMs: number | null;
}

/** `seen` is what each node knows of the index itself. */
function countersUnused(usage: UsageAcrossNodes, index: IndexView, seen: readonly SeenOn[]): CountersSay {
  let say: CountersSay = {
    kind: 'unused',
    node: undefined,
    sinceMs: 0,
    countedSinceMs: 0,
    lastUsedAtMs: null,
  };
  for (const leaf of leavesOf(index)) {
    for (const { node, observation } of leaf === index ? seen : seenOnNodes(usage, leaf)) {
      const counters = observation?.counters;
      say =
        counters === undefined ? { ...say, kind: worse(say.kind, 'unknown') } : heard(say, node, counters);
    }
  }
  return say;
}

function heard(say: CountersSay, node: NodeName, counters: ServerCounters): CountersSay {
  const { sinceMs, lastScanAtMs } = counters;
  const hasCounted = isCounted(counters) || lastScanAtMs !== null;
  const kind = hasCounted && lastScanAtMs === null ? 'used' : sinceMs === undefined ? 'unknown' : 'unused';
  return {
    kind: worse(say.kind, kind),
    node: say.node ?? (hasCounted ? node : undefined),
    sinceMs: Math.max(say.sinceMs, sinceMs ?? 0, lastScanAtMs ?? 0),
    countedSinceMs: Math.max(say.countedSinceMs, sinceMs ?? 0),
    lastUsedAtMs: latestOf([say.lastUsedAtMs, lastScanAtMs]),
  };
}

/** Use decides, and what is not known before what is. */
const worse = (a: CountersSay['kind'], b: CountersSay['kind']): CountersSay['kind'] =>
  a === 'used' || b === 'used' ? 'used' : a === 'unknown' ? a : b;

function judgeCounters(
  counters: CountersSay,
  observations: readonly IndexObservation[],
  asOfMs: number,
): Disuse {
  if (counters.kind !== 'unused')
    return { kind: 'unknown', reason: 'its counters, or their age, are not known on every node' };
  const { sinceMs, lastUsedAtMs, countedSinceMs } = counters;
  return {
    kind: 'unused',
    basis: 'statistics',
    sinceMs,
    observedSinceMs: countedSinceMs,
    asOfMs,
    lastUsedAtMs,
    nodes: observations,
  };
}

const isCounted = ({ scansTotal, tuplesReadTotal, tuplesFetchedTotal }: ServerCounters): boolean =>
  scansTotal > 0 || tuplesReadTotal > 0 || tuplesFetchedTotal > 0;

export const leavesOf = (index: IndexView): readonly IndexView[] =>
  index.fact.relkind === 'I' ? index.children.flatMap(leavesOf) : [index];

const latestOf = (instants: readonly (number | null)[]): number | null =>
  instants.reduce((latest, at) => (at !== null && at > (latest ?? 0) ? at : latest), null);

/** What every node knows of a table; nodes that never saw it are left out. */
export const tableOnNodes = (usage: UsageAcrossNodes, table: TableView): readonly TableObservation[] =>
  usage.nodes.flatMap(({ history }) => (history && usageOfTable(history, tableSubject(table))) ?? []);

/** Whether rows of a table were deleted, or updated in ways that may change a key, since a moment: on the primary, which counts them. */
export function parentChanges(
  usage: UsageAcrossNodes,
  table: TableView,
  sinceMs: number,
): { readonly kind: 'none' | 'changed' | 'unknown'; readonly words: string } {
  const primary = tableOnNodes(usage, table).find(({ isPrimary }) => isPrimary);
  if (primary === undefined)
    return { kind: 'unknown', words: 'changes of the parent are not known: no primary is observed' };
  const { lastDeletedAtMs, lastUpdatedAtMs, observedSinceMs } = primary;
  const changes = [
    ...(isAfter(lastDeletedAtMs, sinceMs)
      ? [`the parent saw deletes, the last on ${isoDay(lastDeletedAtMs)}`]
      : []),
    ...(isAfter(lastUpdatedAtMs, sinceMs)
      ? [`the parent saw updates that may change keys, the last on ${isoDay(lastUpdatedAtMs)}`]
      : []),
  ];
  if (changes.length > 0) return { kind: 'changed', words: changes.join('; ') };
  return observedSinceMs <= sinceMs
    ? { kind: 'none', words: 'the parent saw neither deletes nor updates of keys in the window' }
    : { kind: 'unknown', words: `changes of the parent are known only since ${isoDay(observedSinceMs)}` };
}

const isAfter = (atMs: number | null, sinceMs: number): atMs is number => atMs !== null && atMs > sinceMs;

/** `primary and standby-1`, `primary and 3 others`: for sentences. */
export function nodesInWords({ nodes }: Pick<UsageAcrossNodes, 'nodes'>): string {
  const [first, second, ...rest] = nodes.map(({ node }) => node);
  if (first === undefined) return 'no node';
  if (second === undefined) return first;
  return rest.length === 0 ? `${first} and ${second}` : `${first} and ${counted(rest.length + 1, 'other')}`;
}
