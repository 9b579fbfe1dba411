import type { Draft } from '../detectors/draft.ts';
import type { Finding } from '../model/finding.ts';
import type { Mute } from '../model/mute.ts';
import { dayMs } from '../model/units.ts';

const marker = /^\s*indexwarden:\s*keep\b(.*)$/ims;
const until = /\buntil=(\d{4}-\d{2}-\d{2})\b/i;
const reason = /\breason=(.*)$/is;

/** Who muted, where the index's own comment says so. */
export const muteByCommentSource = 'comment on the index';

/**
 * The mute that an index's owner wrote into its comment: `indexwarden: keep until=2027-06-30 reason=…`. Both parts are optional;
 * `until` is the last day (UTC) on which it holds; a day that no calendar has is none. Undefined where there is no mute or it
 * has expired.
 */
export function muteByComment(draft: Draft, nowMs: number): Finding['muted'] {
  const text = marker.exec(draft.index?.fact.comment ?? '')?.[1];
  if (text === undefined) return undefined;
  const written = until.exec(text)?.[1] ?? '';
  const day = endOf(written) === undefined ? null : written;
  if (isEnded(day, nowMs)) return undefined;
  return {
    reason: reason.exec(text)?.[1]?.trim() ?? 'the comment on the index says keep',
    until: day,
    by: muteByCommentSource,
  };
}

/** What a mute is looked up by: a finding, whatever its state. */
export type Mutable = Pick<
  Finding,
  'id' | 'kind' | 'server' | 'datname' | 'schemaname' | 'relname' | 'indexrelname'
>;

/** The mute in force for a finding, from where it is not written into the database. */
export type MuteLookup = (finding: Mutable) => Finding['muted'];

/** A mute of the configuration. */
export interface MuteRule {
  readonly matches: (finding: Mutable) => boolean;
  readonly reason: string;
  readonly author: string | null;
  /** Last day (UTC) on which it holds; null: as long as it is configured. */
  readonly until: string | null;
}

/** Looks a finding up among the mutes set over the API, then among the configured ones, in order; ended ones count for nothing. */
export function muteLookup(kept: readonly Mute[], rules: readonly MuteRule[], nowMs: number): MuteLookup {
  const byId = new Map(kept.filter((mute) => !isOver(mute, nowMs)).map((mute) => [mute.findingId, mute]));
  const standing = rules.filter((rule) => !isEnded(rule.until, nowMs));
  return (finding) => {
    const mute = byId.get(finding.id);
    if (mute !== undefined) return { reason: mute.reason, until: untilOf(mute), by: mute.author };
    const rule = standing.find((candidate) => candidate.matches(finding));
    if (rule === undefined) return undefined;
    const by = rule.author === null ? 'the configuration' : `${rule.author} (the configuration)`;
    return { reason: rule.reason, until: rule.until, by };
  };
}

/** Whether a mute that was set over the API holds no more. */
export const isOver = ({ untilMs }: Pick<Mute, 'untilMs'>, nowMs: number): boolean =>
  untilMs !== null && nowMs >= untilMs;

const untilOf = ({ untilMs }: Mute): string | null =>
  untilMs === null ? null : new Date(untilMs).toISOString();

/** The instant at which a mute ends, in ms since the epoch: a day is meant whole, in UTC. Undefined for what is neither. */
export function endOf(text: string): number | undefined {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const atMs = Date.parse(isDay ? `${text}T00:00:00Z` : text);
  if (Number.isNaN(atMs)) return undefined;
  // Date.parse turns a 30th of February into a day in March.
  if (isDay && new Date(atMs).toISOString().slice(0, 10) !== text) return undefined;
  return isDay ? atMs + dayMs : atMs;
}

/** Whether a mute that holds until then (a day, an instant, or null for ever) holds no more. */
export function isEnded(until: string | null, nowMs: number): boolean {
  const endMs = until === null ? undefined : endOf(until);
  return endMs !== undefined && nowMs >= endMs;
}
