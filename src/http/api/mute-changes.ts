import { z } from 'zod';
import type { Generation } from '../../findings/generation.ts';
import { endOf, isOver } from '../../findings/mutes.ts';
import type { Mute } from '../../model/mute.ts';
import { err, ok, type Result } from '../../model/result.ts';
import { dayMs } from '../../model/units.ts';
import type { HttpLog } from '../guard.ts';
import { badRequest, notFound, type Problem } from '../problem.ts';

/** Where mutes are kept that are set here. */
export interface MuteSource {
  readonly mutes: () => Promise<readonly Mute[]>;
  readonly keepMute: (mute: Mute) => Promise<void>;
  readonly liftMute: (findingId: string) => Promise<void>;
}

/** What setting and lifting takes, over the API and on the pages. */
export interface MuteChanges {
  readonly source: MuteSource;
  readonly generations: () => readonly Generation[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: HttpLog;
}

/** Whose request it is, for the log. */
export interface Requester {
  readonly by: string | null;
  readonly client: string | undefined;
}

/** More are no exceptions but a way of life: the configuration mutes by pattern. */
const mutesMax = 10_000;
/** Mutes that ended are listed this long, then forgotten when the next one is set. */
const endedForMs = 30 * dayMs;

const text = (charactersMax: number) =>
  z
    .string({ error: 'must be text' })
    .trim()
    .min(1, { error: 'must not be empty' })
    .max(charactersMax, { error: `must have at most ${charactersMax} characters` });

/** What `POST /mutes` takes. */
export const wantedMute = z.strictObject({
  findingId: z.string({ error: 'must be text' }).regex(/^[0-9a-f]{16}$/, {
    error: 'must be the id of a finding: 16 hexadecimal digits',
  }),
  reason: text(500),
  author: text(100),
  until: z
    .string({ error: 'must be a day or an instant' })
    .refine((until) => endOf(until) !== undefined, {
      error: 'must be a day like 2027-06-30 or an instant like 2027-06-30T12:00:00Z',
    })
    .nullable()
    .optional(),
});

/** What `POST /findings/{id}/mute` takes: the finding is in the path. */
export const wantedMuteOfFinding = wantedMute.omit({ findingId: true });

/** Mutes a finding, or replaces its mute. What was sent is checked here. */
export async function setMute(
  { source, generations, now, log }: MuteChanges,
  sent: unknown,
  requester: Requester,
): Promise<Result<{ readonly mute: Mute; readonly isReplaced: boolean }, Problem>> {
  const parsed = wantedMute.safeParse(sent);
  if (!parsed.success) return err(badRequest(parsed.error.issues.map(explain).join('; ')));
  const { findingId, reason, author, until = null } = parsed.data;
  const nowMs = now();
  const untilMs = until === null ? null : (endOf(until) ?? null);
  if (untilMs !== null && untilMs <= nowMs) return err(badRequest('until lies in the past'));
  const isKnown = generations().some(({ findings }) => findings.some(({ id }) => id === findingId));
  if (!isKnown) return err(notFound('no finding has this id now'));

  const mutes = await source.mutes();
  const old = mutes.filter((mute) => isOver(mute, nowMs - endedForMs) && mute.findingId !== findingId);
  for (const mute of old) await source.liftMute(mute.findingId);
  const isReplaced = mutes.some((mute) => mute.findingId === findingId);
  if (!isReplaced && mutes.length - old.length >= mutesMax) {
    return err({
      status: 409,
      title: 'Too many mutes',
      detail: `there are ${mutesMax} already; lift some, or mute by pattern in the configuration`,
    });
  }
  const mute: Mute = { findingId, reason, author, setAtMs: nowMs, untilMs };
  await source.keepMute(mute);
  log.info({ event: 'mute-set', finding: findingId, author, until, ...requester }, 'finding muted');
  return ok({ mute, isReplaced });
}

/** Lifts a mute that was set over the API or on a page. */
export async function liftMute(
  { source, log }: MuteChanges,
  findingId: string,
  requester: Requester,
): Promise<Result<void, Problem>> {
  const mutes = await source.mutes();
  if (!mutes.some((mute) => mute.findingId === findingId)) {
    return err(
      notFound(
        'no mute of this finding was set over the API; those of the configuration and of comments are lifted there',
      ),
    );
  }
  await source.liftMute(findingId);
  log.info({ event: 'mute-lifted', finding: findingId, ...requester }, 'mute lifted');
  return ok(undefined);
}

function explain(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => `unknown key ${JSON.stringify(key)}`).join('; ');
  const [name] = issue.path;
  if (name === undefined)
    return 'the body must be an object with findingId, reason, author and, if wanted, until';
  return `${String(name)} ${issue.code === 'invalid_type' ? 'is missing or of another type' : issue.message}`;
}
