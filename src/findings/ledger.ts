import type { Undecided } from '../detectors/evaluate.ts';
import type { Finding, FindingKind } from '../model/finding.ts';
import { dayMs } from '../model/units.ts';

/** The life of the findings of one target. A value: {@link advance} makes the next. */
export interface Ledger {
  readonly findings: ReadonlyMap<string, Finding>;
  /** Kinds whose detector has judged the target once: what it finds from then on is new, but for what is pending. */
  readonly observed: ReadonlySet<FindingKind>;
  /**
   * Relations that a detector could not judge when it first looked, and has not been able to judge since: what is found on them
   * once it can is still its baseline. An index made later is not among them.
   */
  readonly pending: ReadonlyMap<FindingKind, ReadonlySet<string>>;
}

export const emptyLedger: Ledger = { findings: new Map(), observed: new Set(), pending: new Map() };

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
 * judged its relation and did not find it again: a detector that could not judge neither opens nor resolves. What a detector
 * finds when it first judges a relation that was there from the beginning is its baseline.
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
      origin: isOngoing ? known.origin : originOf(found, previous),
      firstSeen: isOngoing ? known.firstSeen : now,
      lastSeen: now,
    });
  }
  const unjudged = unjudgedRelations(observation);
  const held = (finding: Finding): boolean =>
    !observation.judged.has(finding.kind) || isAbout(finding, unjudged.get(finding.kind));
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
  return {
    findings,
    observed: new Set([...previous.observed, ...observation.judged]),
    pending: stillPending(previous, observation.judged, unjudged),
  };
}

type Relations = ReadonlyMap<FindingKind, ReadonlySet<string>>;

function originOf(found: FoundNow, previous: Ledger): Finding['origin'] {
  const isKnownGround =
    previous.observed.has(found.kind) && !isAbout(found, previous.pending.get(found.kind));
  return isKnownGround ? 'new' : 'baseline';
}

function unjudgedRelations({ undecided }: Observation): Relations {
  const relations = new Map<FindingKind, Set<string>>();
  for (const { kind, relations: named = [] } of undecided) {
    const known = relations.get(kind) ?? new Set<string>();
    for (const relation of named) known.add(relation);
    relations.set(kind, known);
  }
  return relations;
}

/** Whether one of the relations is the finding's index or its table. */
const isAbout = (
  { schemaname, relname, indexrelname }: Pick<Finding, 'schemaname' | 'relname' | 'indexrelname'>,
  relations: ReadonlySet<string> | undefined,
): boolean =>
  relations !== undefined &&
  (relations.has(`${schemaname}.${indexrelname ?? relname}`) || relations.has(`${schemaname}.${relname}`));

/** On a detector's first look all that it left out; later what it has left out ever since. */
function stillPending(previous: Ledger, judged: ReadonlySet<FindingKind>, unjudged: Relations): Relations {
  const pending = new Map(previous.pending);
  for (const kind of judged) {
    const now = unjudged.get(kind) ?? new Set<string>();
    const before = previous.observed.has(kind) ? (previous.pending.get(kind) ?? new Set<string>()) : now;
    const both = new Set([...before].filter((relation) => now.has(relation)));
    if (both.size === 0) pending.delete(kind);
    else pending.set(kind, both);
  }
  return pending;
}
