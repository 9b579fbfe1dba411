import type { DiaryEvent, EventKind } from '../model/event.ts';
import { type Evidence, type Finding, severities } from '../model/finding.ts';
import { counted, humaneBytes } from '../model/units.ts';

/** One turn in the life of one finding, before it is told. */
export interface Change {
  readonly kind: Extract<
    EventKind,
    | 'finding-opened'
    | 'finding-resolved'
    | 'finding-reopened'
    | 'finding-worsened'
    | 'mute-set'
    | 'mute-lifted'
    | 'mute-expired'
  >;
  /** As it is after the change. */
  readonly finding: Finding;
  /** What it is called now, where it was resolved because it is called something else. */
  readonly renamedTo?: string;
  /** The mute that held until now, where it is gone. */
  readonly muted?: NonNullable<Finding['muted']>;
}

/** `schema.table.index`, or `schema.table` where it is about no index. */
export const nameOf = ({ schemaname, relname, indexrelname }: Finding): string =>
  [schemaname, relname, ...(indexrelname === null ? [] : [indexrelname])].join('.');

/** So many of those that opened together are named. */
const namedMax = 5;

/**
 * The events of one evaluation. Where more findings opened than `togetherAbove`, one event for each kind (and origin, and state)
 * tells of them, with the number, the bytes and the five that would free most.
 */
export function changeEvents(
  changes: readonly Change[],
  atMs: number,
  togetherAbove: number,
): readonly DiaryEvent[] {
  const opened = changes.filter(({ kind }) => kind === 'finding-opened');
  if (opened.length <= togetherAbove) return changes.map((change) => toEvent(change, atMs));
  const groups = new Map<string, Finding[]>();
  for (const { finding } of opened) {
    const key = `${finding.kind} ${finding.origin} ${finding.state}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [finding]);
    else group.push(finding);
  }
  return [
    ...[...groups.values()].flatMap((findings) => together(findings, atMs)),
    ...changes.filter(({ kind }) => kind !== 'finding-opened').map((change) => toEvent(change, atMs)),
  ];
}

function toEvent(change: Change, atMs: number): DiaryEvent {
  const { kind, finding } = change;
  const { server, datname, schemaname, relname, indexrelname } = finding;
  return {
    kind,
    atMs,
    server,
    datname,
    schemaname,
    relname,
    indexrelname,
    node: null,
    findingId: finding.id,
    title: titleOf(change),
    evidence: { ...about(finding), ...detailsOf(change) },
  };
}

/** What whoever is told of a finding chooses by. */
const about = (finding: Finding): Evidence => ({
  kind: finding.kind,
  severity: finding.severity,
  confidence: finding.confidence,
  origin: finding.origin,
  state: finding.state,
  reclaimableBytes: finding.impact.reclaimableBytes,
});

function titleOf({ kind, finding, renamedTo, muted }: Change): string {
  switch (kind) {
    case 'finding-opened':
      return finding.title;
    case 'finding-resolved':
      return renamedTo === undefined
        ? `No longer found: ${finding.title}`
        : `${nameOf(finding)} is called ${renamedTo} now: its finding goes on under that name`;
    case 'finding-reopened':
      return finding.renamedFrom !== undefined && finding.reopened === undefined
        ? `${finding.title} (before: ${finding.renamedFrom})`
        : `Found again: ${finding.title}`;
    case 'finding-worsened':
      return `Worse than before: ${finding.title}`;
    case 'mute-set':
      return `Muted by ${finding.muted?.by ?? 'somebody'}: ${finding.title}`;
    case 'mute-lifted':
      return `No longer muted: ${finding.title}`;
    case 'mute-expired':
      return `Muted until ${muted?.until ?? 'now'}, and still there: ${finding.title}`;
  }
}

function detailsOf({ kind, finding, renamedTo, muted }: Change): Evidence {
  const mute = kind === 'mute-set' ? finding.muted : muted;
  return {
    ...(kind === 'finding-resolved' ? { firstSeen: finding.firstSeen, lastSeen: finding.lastSeen } : {}),
    ...(kind === 'finding-reopened' ? { firstSeen: finding.firstSeen, reopened: finding.reopened ?? 0 } : {}),
    ...(kind === 'finding-reopened' && finding.renamedFrom !== undefined
      ? { renamedFrom: finding.renamedFrom }
      : {}),
    ...(renamedTo === undefined ? {} : { renamedTo }),
    ...(mute === undefined ? {} : { mute: { reason: mute.reason, until: mute.until, by: mute.by } }),
  };
}

function together(findings: readonly Finding[], atMs: number): readonly DiaryEvent[] {
  const [first] = findings;
  if (first === undefined) return [];
  const bytes = findings.reduce((sum, finding) => sum + finding.impact.reclaimableBytes, 0);
  const worst = severities.findLast((severity) => findings.some((finding) => finding.severity === severity));
  const when = first.origin === 'baseline' ? ' on the first look' : findings.length > 1 ? ' at once' : '';
  const muted = first.state === 'muted' ? ', muted' : '';
  const freed = bytes === 0 ? '' : ` (${humaneBytes(bytes)} could be freed)`;
  const top = [...findings]
    .sort((a, b) => b.impact.reclaimableBytes - a.impact.reclaimableBytes)
    .slice(0, namedMax);
  return [
    {
      kind: 'findings-opened-together',
      atMs,
      server: first.server,
      datname: first.datname,
      schemaname: null,
      relname: null,
      indexrelname: null,
      node: null,
      findingId: null,
      title: `${counted(findings.length, `${first.kind} finding`)}${when} in ${first.datname}${freed}${muted}`,
      evidence: {
        kind: first.kind,
        severity: worst ?? first.severity,
        origin: first.origin,
        state: first.state,
        count: findings.length,
        reclaimableBytes: bytes,
        top: top.map(({ id, title, schemaname, relname, indexrelname, impact }) => ({
          findingId: id,
          title,
          schemaname,
          relname,
          indexrelname,
          reclaimableBytes: impact.reclaimableBytes,
        })),
      },
    },
  ];
}
