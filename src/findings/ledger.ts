import type { Undecided } from '../detectors/evaluate.ts';
import type { DiaryEvent } from '../model/event.ts';
import { type Finding, type FindingKind, type Severity, severities } from '../model/finding.ts';
import { atOnce, type Sliced, slicedSet } from '../model/sliced.ts';
import { dayMs, MiB, minuteMs } from '../model/units.ts';
import { type Change, changeEvents, nameOf } from './ledger-events.ts';
import { isEnded, type MuteLookup, muteByCommentSource } from './mutes.ts';
import { renamesIn } from './renames.ts';

/**
 * The life of the findings of one target. A value: {@link advance} makes the next. Everything in it is JSON by finding id, but for
 * the maps and sets themselves; whoever keeps it must keep all four parts together. A finding without a `life` (kept by an older
 * version) is taken as if its life began with the next evaluation.
 */
export interface Ledger {
  readonly findings: ReadonlyMap<string, Finding>;
  /** Kinds whose detector has judged the target once: what it finds from then on is new, but for what is pending. */
  readonly observed: ReadonlySet<FindingKind>;
  /**
   * Relations that a detector could not judge when it first looked, and has not been able to judge since: what is found on them
   * once it can is still its baseline. An index made later is not among them.
   */
  readonly pending: ReadonlyMap<FindingKind, ReadonlySet<string>>;
  /** What is remembered of a finding besides itself, by its id; only of ids in `findings`. */
  readonly life: ReadonlyMap<string, FindingLife>;
}

/** Numbers and text only: kept as JSON beside the finding. Times in milliseconds since the epoch. */
export interface FindingLife {
  /** What stays the same when the index or table is renamed, see `lineageOf`; null where it was never known. */
  readonly lineage: string | null;
  /** Bytes of the finding when it became part of the baseline; null where unknown or not of the baseline. */
  readonly baselineBytes: number | null;
  /** The highest severity it has had: a rise above it is said once. */
  readonly worstSeverity: Severity;
  /** When it last came back after it was resolved; null where it never did. */
  readonly reopenedAtMs: number | null;
  /** Since when its detector has looked and not found it, while it is not yet called resolved; null while it is found. */
  readonly absentSinceMs: number | null;
}

export const emptyLedger: Ledger = {
  findings: new Map(),
  observed: new Set(),
  pending: new Map(),
  life: new Map(),
};

/** A finding before its life is known. */
export type FoundNow = Omit<
  Finding,
  'state' | 'origin' | 'firstSeen' | 'lastSeen' | 'reopened' | 'renamedFrom' | 'resolvedAt'
>;

export interface Observation {
  readonly found: readonly FoundNow[];
  readonly judged: ReadonlySet<FindingKind>;
  readonly undecided: readonly Undecided[];
  readonly nowMs: number;
  /** By finding id what a rename leaves as it is; without it renames are not recognised. */
  readonly lineages?: ReadonlyMap<string, string>;
  /** Findings that are new whenever they are first seen: an index that was seen valid and is not any more. */
  readonly neverBaseline?: ReadonlySet<string>;
  /** The mute in force, if any, from where it is not written into the database; one in `found` goes first. */
  readonly muteOf?: MuteLookup;
  /** Presets where absent. */
  readonly rules?: LifeRules;
}

/** How long what is remembered, and what counts as the same finding. */
export interface LifeRules {
  /** Resolved findings are remembered this long, and at most this many of them, newest first. */
  readonly resolvedForMs: number;
  readonly resolvedMax: number;
  /** One that comes back sooner than this after it was resolved is the same finding, reopened. */
  readonly reopenWithinMs: number;
  /** One that came back within the time above is resolved only after it was absent for this long. */
  readonly absentForMs: number;
  /** Above this many findings opened by one evaluation, one event for each kind tells of them. */
  readonly openedTogetherAbove: number;
  /** A baseline finding that has doubled is new only if it has grown by this much. */
  readonly baselineGrowthMinBytes: number;
}

export const usualLifeRules: LifeRules = {
  resolvedForMs: 30 * dayMs,
  resolvedMax: 1_000,
  reopenWithinMs: dayMs,
  absentForMs: 30 * minuteMs,
  openedTogetherAbove: 20,
  baselineGrowthMinBytes: MiB,
};

/** The ledger after one evaluation, and what happened by it. */
export interface Step {
  readonly ledger: Ledger;
  readonly events: readonly DiaryEvent[];
}

/** Findings of these kinds tell of a loss that has just happened, or of rows that go missing: never part of a baseline. */
const lossKinds: ReadonlySet<string> = new Set(['collation-drift', 'stopped-being-used']);

/**
 * What the ledger says after one evaluation. A finding opens when found, persists while found, and resolves when its detector
 * judged its relation and did not find it again: a detector that could not judge neither opens nor resolves. What a detector
 * finds when it first judges a relation that was there from the beginning is its baseline, until it doubles in bytes or rises in
 * severity. One that comes back within a day is the same finding; from then on it must stay away for a while before it is
 * resolved again, so that what comes and goes is said once. `lastSeen` is always when it was last found.
 */
export function* advanceInSlices(previous: Ledger, observation: Observation): Sliced<Step> {
  const { nowMs, rules = usualLifeRules } = observation;
  const findings = new Map<string, Finding>();
  const life = new Map<string, FindingLife>();
  const changes: Change[] = [];
  const renames = renamesIn(previous, observation);

  for (const found of observation.found) {
    yield;
    const entry = persist(found, previous, observation, renames);
    findings.set(found.id, entry.finding);
    life.set(found.id, entry.life);
    changes.push(...entry.changes);
  }

  const unjudged = yield* unjudgedRelations(observation);
  const renamedAway = new Map([...renames].map(([id, old]) => [old.id, id] as const));
  const resolved: Finding[] = [];
  for (const [id, known] of previous.findings) {
    yield;
    if (findings.has(id)) continue;
    if (known.state === 'resolved') {
      resolved.push(known);
      continue;
    }
    const renamedTo = findings.get(renamedAway.get(id) ?? '');
    const isUnjudged =
      !observation.judged.has(known.kind) || isAbout(known, unjudged.get(known.kind)) === true;
    const lived = lifeOf(known, previous);
    const absentSinceMs = isUnjudged ? lived.absentSinceMs : (lived.absentSinceMs ?? nowMs);
    if (
      renamedTo === undefined &&
      (isUnjudged || mustStayAway(lived, absentSinceMs ?? nowMs, nowMs, rules))
    ) {
      const kept = withMute(known, standingMute(known, observation));
      findings.set(id, kept);
      life.set(id, { ...lived, absentSinceMs });
      changes.push(...muteChanges(known, kept, nowMs));
      continue;
    }
    const ended: Finding = { ...known, state: 'resolved', resolvedAt: iso(nowMs) };
    resolved.push(ended);
    changes.push({
      kind: 'finding-resolved',
      finding: ended,
      ...(renamedTo === undefined ? {} : { renamedTo: nameOf(renamedTo) }),
    });
  }
  for (const finding of remembered(resolved, nowMs, rules)) {
    findings.set(finding.id, finding);
    life.set(finding.id, lifeOf(finding, previous));
  }
  return {
    ledger: {
      findings,
      observed: new Set([...previous.observed, ...observation.judged]),
      pending: yield* stillPending(previous, observation.judged, unjudged),
      life,
    },
    events: changeEvents(changes, nowMs, rules.openedTogetherAbove),
  };
}

/** {@link advanceInSlices} in one go. */
export const advance = (previous: Ledger, observation: Observation): Step =>
  atOnce(advanceInSlices(previous, observation));

interface Entry {
  readonly finding: Finding;
  readonly life: FindingLife;
  readonly changes: readonly Change[];
}

/** A finding that was found: opened, going on, found again, or found under another name. */
function persist(
  found: FoundNow,
  previous: Ledger,
  observation: Observation,
  renames: ReadonlyMap<string, Finding>,
): Entry {
  const { nowMs, rules = usualLifeRules } = observation;
  const known = previous.findings.get(found.id);
  const isOngoing = known !== undefined && known.state !== 'resolved';
  const renamed = renames.get(found.id);
  const isReopened = !isOngoing && known !== undefined && nowMs - resolvedAtMs(known) < rules.reopenWithinMs;
  const before = isOngoing || isReopened ? known : renamed;
  const lived = before === undefined ? undefined : lifeOf(before, previous);

  const originBefore = before?.origin ?? originOf(found, previous);
  const baselineBytes = originBefore === 'baseline' ? (lived?.baselineBytes ?? bytesOf(found)) : null;
  const hasRisen = lived !== undefined && rank(found.severity) > rank(lived.worstSeverity);
  const isLoss = lossKinds.has(found.kind) || observation.neverBaseline?.has(found.id) === true;
  const speaks = isLoss || hasRisen || hasDoubled(found, baselineBytes, rules);
  const origin = originBefore === 'baseline' && speaks ? 'new' : originBefore;

  const reopened = (before?.reopened ?? 0) + (isReopened ? 1 : 0);
  const renamedFrom = renamed === undefined ? before?.renamedFrom : nameOf(renamed);
  const finding = withMute(
    {
      ...found,
      state: 'open',
      origin,
      firstSeen: before?.firstSeen ?? iso(nowMs),
      lastSeen: iso(nowMs),
      ...(reopened === 0 ? {} : { reopened }),
      ...(renamedFrom === undefined ? {} : { renamedFrom }),
    },
    found.muted ?? observation.muteOf?.(found),
  );
  const hasWorsened = before !== undefined && (hasRisen || origin !== originBefore);
  return {
    finding,
    life: {
      lineage: observation.lineages?.get(found.id) ?? lived?.lineage ?? null,
      baselineBytes: origin === 'baseline' ? baselineBytes : null,
      worstSeverity: lived === undefined || hasRisen ? found.severity : lived.worstSeverity,
      reopenedAtMs: isReopened ? nowMs : (lived?.reopenedAtMs ?? null),
      absentSinceMs: null,
    },
    changes: [
      ...(before === undefined ? [{ kind: 'finding-opened', finding } as const] : []),
      ...(isReopened || renamed !== undefined ? [{ kind: 'finding-reopened', finding } as const] : []),
      ...(hasWorsened ? [{ kind: 'finding-worsened', finding } as const] : []),
      ...(isOngoing ? muteChanges(known, finding, nowMs) : []),
    ],
  };
}

const iso = (atMs: number): string => new Date(atMs).toISOString();

const resolvedAtMs = ({ resolvedAt, lastSeen }: Finding): number => Date.parse(resolvedAt ?? lastSeen);

const rank = (severity: Severity): number => severities.indexOf(severity);

/** The size of what the finding is about, where it says one; else what it would free. Null where neither is known. */
function bytesOf({ evidence, impact }: Pick<Finding, 'evidence' | 'impact'>): number | null {
  const sizes = [evidence.sizeBytes, evidence.indexBytes, evidence.tableBytes, impact.reclaimableBytes];
  return sizes.find((size): size is number => typeof size === 'number' && size > 0) ?? null;
}

function hasDoubled(found: FoundNow, baselineBytes: number | null, rules: LifeRules): boolean {
  const bytes = bytesOf(found);
  if (bytes === null || baselineBytes === null) return false;
  return bytes >= 2 * baselineBytes && bytes - baselineBytes >= rules.baselineGrowthMinBytes;
}

const lifeOf = (finding: Finding, { life }: Ledger): FindingLife =>
  life.get(finding.id) ?? {
    lineage: null,
    baselineBytes: finding.origin === 'baseline' ? bytesOf(finding) : null,
    worstSeverity: finding.severity,
    reopenedAtMs: null,
    absentSinceMs: null,
  };

/** What came back not long ago has to stay away for a while before it is believed to be gone. */
const mustStayAway = (life: FindingLife, absentSinceMs: number, nowMs: number, rules: LifeRules): boolean =>
  life.reopenedAtMs !== null &&
  absentSinceMs - life.reopenedAtMs < rules.reopenWithinMs &&
  nowMs - absentSinceMs < rules.absentForMs;

function withMute(finding: Finding, muted: Finding['muted']): Finding {
  const { muted: _, ...rest } = finding;
  return muted === undefined ? { ...rest, state: 'open' } : { ...rest, state: 'muted', muted };
}

/** Of a finding that was not found now: a mute that is written in the database stands until it ends, since nobody could look. */
function standingMute(known: Finding, { muteOf, nowMs }: Observation): Finding['muted'] {
  const { muted } = known;
  const stands = muted?.by === muteByCommentSource && !isEnded(muted.until, nowMs);
  return stands ? muted : muteOf?.(known);
}

function muteChanges(before: Finding, now: Finding, nowMs: number): readonly Change[] {
  if (before.state === now.state) return [];
  if (now.state === 'muted') return [{ kind: 'mute-set', finding: now }];
  const hasExpired = before.muted !== undefined && isEnded(before.muted.until, nowMs);
  const muted = before.muted === undefined ? {} : { muted: before.muted };
  return [{ kind: hasExpired ? 'mute-expired' : 'mute-lifted', finding: now, ...muted }];
}

const remembered = (resolved: readonly Finding[], nowMs: number, rules: LifeRules): readonly Finding[] =>
  resolved
    .filter((finding) => nowMs - resolvedAtMs(finding) < rules.resolvedForMs)
    .sort((a, b) => resolvedAtMs(b) - resolvedAtMs(a))
    .slice(0, rules.resolvedMax);

type Relations = ReadonlyMap<FindingKind, ReadonlySet<string>>;

function originOf(found: FoundNow, previous: Ledger): Finding['origin'] {
  const isKnownGround =
    previous.observed.has(found.kind) && !isAbout(found, previous.pending.get(found.kind));
  return isKnownGround ? 'new' : 'baseline';
}

function* unjudgedRelations({ undecided }: Observation): Sliced<Relations> {
  const relations = new Map<FindingKind, Set<string>>();
  for (const { kind, relations: named = [] } of undecided) {
    const known = relations.get(kind) ?? new Set<string>();
    for (const relation of named) {
      yield;
      known.add(relation);
    }
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
function* stillPending(
  previous: Ledger,
  judged: ReadonlySet<FindingKind>,
  unjudged: Relations,
): Sliced<Relations> {
  const pending = new Map(previous.pending);
  for (const kind of judged) {
    const now = unjudged.get(kind) ?? nothing;
    const before = previous.observed.has(kind) ? (previous.pending.get(kind) ?? nothing) : now;
    const both = before === now ? now : yield* common(before, now);
    if (both.size === 0) pending.delete(kind);
    else pending.set(kind, both);
  }
  return pending;
}
const nothing: ReadonlySet<string> = new Set();

/** What is in both: the very `before` where that is all of it. */
function* common(before: ReadonlySet<string>, now: ReadonlySet<string>): Sliced<ReadonlySet<string>> {
  let isAll = true;
  for (const one of before) {
    yield;
    if (now.has(one)) continue;
    isAll = false;
    break;
  }
  return isAll ? before : yield* slicedSet(before, (one) => (now.has(one) ? one : undefined));
}
