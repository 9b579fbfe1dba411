import type { Draft } from '../detectors/draft.ts';
import type { Finding } from '../model/finding.ts';
import { dayMs } from '../model/units.ts';

const marker = /^\s*indexwarden:\s*keep\b(.*)$/ims;
const until = /\buntil=(\d{4}-\d{2}-\d{2})\b/i;
const reason = /\breason=(.*)$/is;

/**
 * The mute that an index's owner wrote into its comment: `indexwarden: keep until=2027-06-30 reason=…`. Both parts are optional;
 * `until` is the last day (UTC) on which it holds; a day that no calendar has is none. Undefined where there is no mute or it
 * has expired.
 */
export function muteByComment(draft: Draft, nowMs: number): Finding['muted'] {
  const text = marker.exec(draft.index?.fact.comment ?? '')?.[1];
  if (text === undefined) return undefined;
  const written = until.exec(text)?.[1] ?? '';
  const day = Number.isNaN(Date.parse(`${written}T00:00:00Z`)) ? null : written;
  if (day !== null && nowMs >= Date.parse(`${day}T00:00:00Z`) + dayMs) return undefined;
  return {
    reason: reason.exec(text)?.[1]?.trim() ?? 'the comment on the index says keep',
    until: day,
    by: 'comment on the index',
  };
}
