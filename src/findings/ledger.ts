import type { Undecided } from '../detectors/evaluate.ts';
import type { Finding, FindingKind } from '../model/finding.ts';
import { dayMs } from '../model/units.ts';

/** The life of the findings of one target. A value: {@link advance} makes the next. */
export interface Ledger {
  readonly findings: ReadonlyMap<string, Finding>;
  /** Kinds whose detector has judged the whole target once: what it finds from then on is new. */
  readonly observed: ReadonlySet<FindingKind>;
}

export const emptyLedger: Ledger = { findings: new Map(), observed: new Set() };

/** A finding before its life is known. */
export type FoundNow = Omit<Finding, 'state' | 'origin' | 'firstSeen' | 'lastSeen'>;

export interface Observation {
  readonly found: readonly FoundNow[];
  readonly judged: ReadonlySet<FindingKind>;
  readonly undecided: readonly Undecided[];
  readonly nowMs: number;
}

/** Resolved findings are remembered this long, and at most this many of them, newest first. */
const resolvedForMs = 30 * dayMs;
const resolvedMax = 1_000;

/**
 * What the ledger says after one evaluation. A finding opens when found, persists while found, and resolves when its detector
 * judged its relation and did not find it again: a detector that could not judge neither opens nor resolves. Findings of a
 * detector's first complete observation are its baseline.
 */
export function advance(previous: Ledger, observation: Observation): Ledger {
  const now = new Date(observation.nowMs).toISOString();
  const findings = new Map<string, Finding>();
  for (const found of observation.found) {
    const known = previous.findings.get(found.id);
    const isOngoing = known !== undefined && known.state !== 'resolved';
    findings.set(found.id, {
      ...found,
      state: found.muted === undefined ? 'open' : 'muted',
      origin: known?.origin ?? (previous.observed.has(found.kind) ? 'new' : 'baseline'),
      firstSeen: isOngoing ? known.firstSeen : now,
      lastSeen: now,
    });
  }
  const held = holds(observation);
  const resolved: Finding[] = [];
  for (const [id, known] of previous.findings) {
    if (findings.has(id)) continue;
    if (known.state !== 'resolved' && held(known)) findings.set(id, known);
    else resolved.push(known.state === 'resolved' ? known : { ...known, state: 'resolved', lastSeen: now });
  }
  const remembered = resolved
    .filter((finding) => observation.nowMs - Date.parse(finding.lastSeen) < resolvedForMs)
    .sort((a, b) => (a.lastSeen < b.lastSeen ? 1 : -1))
    .slice(0, resolvedMax);
  for (const finding of remembered) findings.set(finding.id, finding);
  return { findings, observed: new Set([...previous.observed, ...completelyJudged(observation)]) };
}

/** Whether an earlier finding stands because nobody could look at what it is about. */
function holds({ judged, undecided }: Observation): (finding: Finding) => boolean {
  const relations = new Map<FindingKind, Set<string>>();
  for (const { kind, relations: named = [] } of undecided) {
    const known = relations.get(kind) ?? new Set<string>();
    for (const relation of named) known.add(relation);
    relations.set(kind, known);
  }
  return ({ kind, schemaname, relname, indexrelname }) =>
    !judged.has(kind) ||
    relations.get(kind)?.has(`${schemaname}.${indexrelname ?? relname}`) === true ||
    relations.get(kind)?.has(`${schemaname}.${relname}`) === true;
}

const completelyJudged = ({ judged, undecided }: Observation): readonly FindingKind[] =>
  [...judged].filter((kind) => !undecided.some((reason) => reason.kind === kind));
