import type { DiaryEvent, EventKind } from '../model/event.ts';
import {
  type Evidence,
  type EvidenceValue,
  type FindingKind,
  type Severity,
  severities,
} from '../model/finding.ts';

/** What one webhook wants to hear of. */
export interface Taste {
  readonly events: readonly EventKind[];
  /** Of events about findings, only these kinds; undefined: all. */
  readonly kinds?: readonly FindingKind[] | undefined;
  /** Of events about findings, only those at least as severe. */
  readonly minSeverity: Severity;
}

/** One of the things a message tells of. */
export interface Named {
  readonly findingId: string | null;
  readonly datname: string;
  readonly schemaname: string | null;
  readonly relname: string | null;
  readonly indexrelname: string | null;
  readonly title: string;
  readonly reclaimableBytes: number;
}

/** What a webhook is sent: everything of one kind that happened on one server within one wait. */
export interface Message {
  readonly server: string;
  readonly event: EventKind;
  /** The kind of finding; null for events about none. */
  readonly kind: string | null;
  /** The highest among them; null for events about no findings. */
  readonly severity: Severity | null;
  readonly databases: readonly string[];
  readonly count: number;
  /** What following the findings would free. */
  readonly reclaimableBytes: number;
  /** The five that would free most. */
  readonly top: readonly Named[];
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

const topMax = 5;

/** Whether a webhook is told of an event: findings of a first look and muted ones are told to nobody. */
export function isWanted({ kind, evidence }: DiaryEvent, taste: Taste): boolean {
  if (!taste.events.includes(kind)) return false;
  if (!isAboutFinding(kind)) return true;
  const hasJustChangedMute = kind === 'mute-set' || kind === 'mute-expired' || kind === 'mute-lifted';
  if (evidence.origin === 'baseline' && !hasJustChangedMute) return false;
  if (evidence.state === 'muted' && kind !== 'mute-set') return false;
  if (taste.kinds !== undefined && !taste.kinds.some((wanted) => wanted === evidence.kind)) return false;
  const severity = severityOf(evidence);
  return severity === undefined || severities.indexOf(severity) >= severities.indexOf(taste.minSeverity);
}

const isAboutFinding = (kind: EventKind): boolean => /^(?:findings?|mute)-/.test(kind);

const severityOf = ({ severity }: Evidence): Severity | undefined =>
  severities.find((known) => known === severity);

/**
 * The messages for events that came together: one for each server, kind of event and kind of finding, in the order in which they
 * first came. Findings that opened one by one and those that opened together are counted together. Pure.
 */
export function messagesOf(events: readonly DiaryEvent[]): readonly Message[] {
  const groups = new Map<string, DiaryEvent[]>();
  for (const event of events) {
    const key = JSON.stringify([event.server, tellingOf(event.kind), kindOf(event)]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [event]);
    else group.push(event);
  }
  return [...groups.values()].flatMap((group) => messageOf(group));
}

const tellingOf = (kind: EventKind): EventKind =>
  kind === 'findings-opened-together' ? 'finding-opened' : kind;

const kindOf = ({ kind, evidence }: DiaryEvent): string | null =>
  isAboutFinding(kind) && typeof evidence.kind === 'string' ? evidence.kind : null;

function messageOf(group: readonly DiaryEvent[]): readonly Message[] {
  const [first] = group;
  if (first === undefined) return [];
  const known = group.flatMap(({ evidence }) => severityOf(evidence) ?? []);
  const sum = (pick: (evidence: Evidence) => number): number =>
    group.reduce((total, { evidence }) => total + pick(evidence), 0);
  const times = group.map(({ atMs }) => atMs);
  return [
    {
      server: first.server,
      event: tellingOf(first.kind),
      kind: kindOf(first),
      severity: severities.findLast((severity) => known.includes(severity)) ?? null,
      databases: [...new Set(group.map(({ datname }) => datname))].sort(),
      count: sum((evidence) => numberOr(evidence.count, 1)),
      reclaimableBytes: sum((evidence) => numberOr(evidence.reclaimableBytes, 0)),
      top: group
        .flatMap(namedIn)
        .sort((a, b) => b.reclaimableBytes - a.reclaimableBytes)
        .slice(0, topMax),
      firstAtMs: Math.min(...times),
      lastAtMs: Math.max(...times),
    },
  ];
}

const numberOr = (value: EvidenceValue | undefined, otherwise: number): number =>
  typeof value === 'number' ? value : otherwise;

const textOr = (value: EvidenceValue | undefined): string | null =>
  typeof value === 'string' ? value : null;

/** The event itself, or those it names where it tells of many. */
function namedIn(event: DiaryEvent): readonly Named[] {
  const { datname, evidence } = event;
  if (Array.isArray(evidence.top)) {
    return evidence.top.filter(isEvidence).map((named) => ({
      findingId: textOr(named.findingId),
      datname,
      schemaname: textOr(named.schemaname),
      relname: textOr(named.relname),
      indexrelname: textOr(named.indexrelname),
      title: textOr(named.title) ?? '',
      reclaimableBytes: numberOr(named.reclaimableBytes, 0),
    }));
  }
  const { findingId, schemaname, relname, indexrelname, title } = event;
  const reclaimableBytes = numberOr(evidence.reclaimableBytes, 0);
  return [{ findingId, datname, schemaname, relname, indexrelname, title, reclaimableBytes }];
}

const isEvidence = (value: EvidenceValue): value is Evidence =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
