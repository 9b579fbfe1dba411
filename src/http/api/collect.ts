import type { ErrorRequestHandler, RequestHandler } from 'express';
import { z } from 'zod';
import { type TargetId, targetKey } from '../../model/ids.ts';
import { err, ok, type Result } from '../../model/result.ts';
import { secondMs } from '../../model/units.ts';
import type { HttpLog } from '../guard.ts';
import { badRequest, notFound, type Problem, sendProblem } from '../problem.ts';
import { explainBody, readJson } from './bodies.ts';
import type { Requester } from './mute-changes.ts';
import { requesterOf } from './mutes.ts';
import { count, ofTarget } from './schemas/values.ts';

/** What watches, as far as it can be told to look now. */
export interface Collecting {
  readonly targets: () => readonly TargetId[];
  /** Everything of these targets is due now. Returns at once. */
  readonly collect: (targets: readonly TargetId[]) => void;
}

/** What `POST /collect` takes; nothing at all is every target. */
export const wantedCollection = z.strictObject({
  server: z.string({ error: 'must be text' }).max(1024).optional(),
  datname: z.string({ error: 'must be text' }).max(1024).optional(),
});
type WantedCollection = z.infer<typeof wantedCollection>;

export const startedCollection = z
  .strictObject({
    started: z.array(z.strictObject(ofTarget)),
    waiting: z
      .array(z.strictObject({ ...ofTarget, retryAfterSeconds: count }))
      .meta({ description: 'Collected from a moment ago in this way: not started again.' }),
  })
  .meta({ id: 'Collection', description: 'What a request to collect has started.' });
type StartedCollection = z.infer<typeof startedCollection>;

/** Starts what may be started. */
export type CollectDoor = (
  wanted: WantedCollection,
  requester: Requester,
) => Result<StartedCollection, Problem & { readonly retryAfterSeconds?: number }>;

/** Each target may be collected from out of turn once in `cooldownMs`: the servers are guests' hosts, and many people press one button. */
export function createCollectDoor(
  { targets, collect }: Collecting,
  options: { readonly cooldownMs: number; readonly now: () => number; readonly log: HttpLog },
): CollectDoor {
  const { cooldownMs, now, log } = options;
  const startedAtMs = new Map<string, number>();
  return ({ server, datname }, requester) => {
    const asked = targets().filter(
      (target) =>
        (server === undefined || target.server === server) &&
        (datname === undefined || target.datname === datname),
    );
    if (asked.length === 0)
      return err(notFound('no target is called that; GET /api/v1/targets lists those there are'));
    const nowMs = now();
    for (const [key, atMs] of startedAtMs) if (nowMs - atMs >= cooldownMs) startedAtMs.delete(key);
    const waits = asked.map((target) => ({
      target,
      leftMs: cooldownMs - (nowMs - (startedAtMs.get(targetKey(target)) ?? Number.NEGATIVE_INFINITY)),
    }));
    const started = waits.filter(({ leftMs }) => leftMs <= 0).map(({ target }) => target);
    const waiting = waits
      .filter(({ leftMs }) => leftMs > 0)
      .map(({ target, leftMs }) => ({
        ...idOf(target),
        retryAfterSeconds: Math.max(1, Math.ceil(leftMs / secondMs)),
      }));
    if (started.length === 0) {
      const retryAfterSeconds = Math.min(...waiting.map((wait) => wait.retryAfterSeconds));
      return err({
        status: 429,
        title: 'Just collected',
        detail: `each target waits ${Math.ceil(cooldownMs / secondMs)} s before it is collected from out of turn again (http.collectCooldown)`,
        retryAfterSeconds,
      });
    }
    for (const target of started) startedAtMs.set(targetKey(target), nowMs);
    log.info({ event: 'collect', targets: started.map(targetKey), ...requester }, 'collecting on demand');
    collect(started);
    return ok({ started: started.map(idOf), waiting });
  };
}

const idOf = ({ server, datname }: TargetId) => ({ server, datname });

/** `POST /collect`: a body, where there is one, is JSON. */
export const serveCollect = (
  door: CollectDoor,
  { bodyBytesMax }: { readonly bodyBytesMax: number },
): readonly (RequestHandler | ErrorRequestHandler)[] => [
  ...readJson(bodyBytesMax).map(
    (read): RequestHandler =>
      (request, response, next) =>
        Number(request.get('content-length') ?? 0) === 0 ? next() : read(request, response, next),
  ),
  answerCollect(door),
  explainBody,
];

const answerCollect =
  (door: CollectDoor): RequestHandler =>
  (request, response) => {
    const wanted = wantedCollection.safeParse(request.body ?? {});
    if (!wanted.success)
      return sendProblem(
        response,
        badRequest('the body may hold server and datname, as text, and nothing else'),
      );
    const started = door(wanted.data, requesterOf(request, response));
    if (started.ok) {
      response.status(202).set('Cache-Control', 'no-store').json(started.value);
      return;
    }
    const { retryAfterSeconds, ...problem } = started.error;
    if (retryAfterSeconds !== undefined) response.set('Retry-After', String(retryAfterSeconds));
    sendProblem(response, problem);
  };
