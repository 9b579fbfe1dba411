import { counted, dayMs, humaneDuration } from '../../model/units.ts';
import { namesIn } from '../subjects.ts';
import type { ChangeSet, IndexChange } from './changes.ts';
import { type BreakReason, breakWords } from './epoch.ts';
import type { UsageEvent, UsageHistory } from './history.ts';
import type { IndexState } from './state.ts';

/** An index that was quiet for less is not news when it is used: most are used weekly. */
const quietMs = 7 * dayMs;
/** More than so many at once are told as one. */
const togetherAbove = 20;
const namedMax = 5;

/** What a person would want to find in the diary of what a sample changes. To be asked before the change is carried out. */
export function usageEvents(history: UsageHistory, change: ChangeSet): readonly UsageEvent[] {
  const { state, byId } = history;
  const events: UsageEvent[] = [];
  if (change.broke !== undefined) events.push(nodeEvent(history, change, change.broke));
  const again: { readonly index: IndexState; readonly spanMs: number }[] = [];
  for (const entry of change.indexes) {
    const index = entry.id === undefined ? undefined : byId.indexes.get(entry.id);
    if (index === undefined) continue;
    if (entry.restarted === 'own-reset') events.push(ownReset(history, index, entry, change.atMs));
    const sinceMs = Math.max(index.lastUsedAtMs ?? 0, index.sinceAtMs, state.sinceAtMs);
    if (entry.uses > 0 && change.atMs - sinceMs >= quietMs)
      again.push({ index, spanMs: change.atMs - sinceMs });
  }
  if (again.length > togetherAbove) events.push(manyUsedAgain(history, again, change.atMs));
  else events.push(...again.map((one) => usedAgain(history, one, change.atMs)));
  return events;
}

const isGap = (reason: BreakReason): boolean => reason === 'gap' || reason === 'clock';

function nodeEvent({ state }: UsageHistory, { atMs }: ChangeSet, reason: BreakReason): UsageEvent {
  const spanMs = Math.abs(atMs - state.lastAtMs);
  return {
    ...about(state.node, atMs),
    kind: isGap(reason) ? 'observation-gap' : 'statistics-reset',
    title: isGap(reason)
      ? `Use was not observed on ${state.node} for ${humaneDuration(spanMs)}: ${breakWords[reason]}`
      : `The usage counters of ${state.node} begin anew: ${breakWords[reason]}`,
    evidence: {
      reason,
      lastSampleAt: new Date(state.lastAtMs).toISOString(),
      unobservedSeconds: Math.round(spanMs / 1000),
    },
  };
}

function ownReset(
  { state }: UsageHistory,
  index: IndexState,
  { statsResetAtMs }: IndexChange,
  atMs: number,
): UsageEvent {
  const names = namesIn(index.subject);
  return {
    ...about(state.node, atMs),
    ...names,
    kind: 'statistics-reset',
    title: `The counters of ${names.schemaname}.${names.indexrelname} on ${state.node} were reset`,
    evidence: { resetAt: statsResetAtMs === null ? null : new Date(statsResetAtMs).toISOString() },
  };
}

interface UsedAgain {
  readonly index: IndexState;
  readonly spanMs: number;
}

function usedAgain({ state }: UsageHistory, { index, spanMs }: UsedAgain, atMs: number): UsageEvent {
  const names = namesIn(index.subject);
  return {
    ...about(state.node, atMs),
    ...names,
    kind: 'index-used-again',
    title: `${names.schemaname}.${names.indexrelname} is used again on ${state.node}, after ${humaneDuration(spanMs)}`,
    evidence: { quietSeconds: Math.round(spanMs / 1000) },
  };
}

function manyUsedAgain({ state }: UsageHistory, again: readonly UsedAgain[], atMs: number): UsageEvent {
  const named = again.slice(0, namedMax).map(({ index }) => {
    const { schemaname, indexrelname } = namesIn(index.subject);
    return `${schemaname}.${indexrelname}`;
  });
  return {
    ...about(state.node, atMs),
    kind: 'index-used-again',
    title: `${counted(again.length, 'index', 'indexes')} are used again on ${state.node}, among them ${named.join(', ')}`,
    evidence: { count: again.length, indexes: named },
  };
}

const about = (node: string, atMs: number) => ({
  atMs,
  node,
  schemaname: null,
  relname: null,
  indexrelname: null,
});
