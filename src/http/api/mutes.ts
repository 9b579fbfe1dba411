import { type Request, type RequestHandler, type Response, Router } from 'express';
import type { MuteSettings } from '../../config/schema-mutes.ts';
import { isEnded, isOver } from '../../findings/mutes.ts';
import type { Mute } from '../../model/mute.ts';
import { requireRole } from '../access/authenticate.ts';
import { addressOf, principalOf } from '../access/principal.ts';
import { allowOnly, refuseOtherSites } from '../guard.ts';
import { badRequest, sendProblem } from '../problem.ts';
import { queryOf } from '../query.ts';
import { explainBody, readJson } from './bodies.ts';
import { encodeCursor } from './cursor.ts';
import { createQueryReader, type Page } from './list.ts';
import { liftMute, type MuteChanges, type Requester, setMute, wantedMuteOfFinding } from './mute-changes.ts';

export interface MuteRoutes extends MuteChanges {
  /** Those of the configuration: listed, and changed there only. */
  readonly configured: readonly MuteSettings[];
  readonly pageSizeMax: number;
  readonly bodyBytesMax: number;
}

/**
 * `/mutes`: listed for everybody who reads the API; set by POST and lifted by DELETE by administrators. The state of a
 * finding changes with its next evaluation.
 */
export function muteRoutes(routes: MuteRoutes): Router {
  const router = Router();
  const guarded = [refuseOtherSites, requireRole('admin')];
  router
    .route('/mutes')
    .get(listMutes(routes))
    .post(
      guarded,
      readJson(routes.bodyBytesMax),
      answerSet(routes, ({ body }) => body),
      explainBody,
    )
    .all(allowOnly('GET', 'HEAD', 'POST'));
  router
    .route('/mutes/:findingId')
    .delete(guarded, async (request: Request<{ findingId: string }>, response: Response) => {
      const lifted = await liftMute(routes, request.params.findingId, requesterOf(request, response));
      if (lifted.ok) response.status(204).set('Cache-Control', 'no-store').end();
      else sendProblem(response, lifted.error);
    })
    .all(allowOnly('DELETE'));
  router
    .route('/findings/:id/mute')
    .post(
      guarded,
      readJson(routes.bodyBytesMax),
      refuseId,
      answerSet(routes, ({ body, params }) => ({ ...body, findingId: params.id })),
      explainBody,
    )
    .all(allowOnly('POST'));
  return router;
}

/** The finding stands in the path: one in the body that says otherwise is a mistake, and so is a body that is no object. */
const refuseId: RequestHandler = (request, response, next) => {
  const { error } = wantedMuteOfFinding.loose().safeParse(request.body);
  const isObject = error === undefined || error.issues.every(({ path }) => path.length > 0);
  const names = isObject && typeof request.body === 'object' ? Object.keys(request.body ?? {}) : [];
  if (isObject && !names.includes('findingId')) return next();
  sendProblem(
    response,
    badRequest(
      isObject
        ? 'findingId stands in the path here, not in the body'
        : 'the body must be an object with reason, author and, if wanted, until',
    ),
  );
};

const answerSet =
  (routes: MuteRoutes, sentIn: (request: Request) => unknown): RequestHandler =>
  async (request, response) => {
    const set = await setMute(routes, sentIn(request), requesterOf(request, response));
    if (!set.ok) return sendProblem(response, set.error);
    response
      .status(set.value.isReplaced ? 200 : 201)
      .set('Cache-Control', 'no-store')
      .json(viewOf(set.value.mute, routes.now()));
  };

export const requesterOf = (request: Request, response: Response): Requester => ({
  by: principalOf(response).name,
  client: addressOf(request),
});

function listMutes({ source, configured, pageSizeMax, now }: MuteRoutes): RequestHandler {
  const read = createQueryReader('mutes', {}, { pageSizeMax });
  return async (request, response) => {
    const asked = read(queryOf(request.url));
    if (!asked.ok) return sendProblem(response, badRequest(asked.error));
    const { scope, after = '', limit } = asked.value;
    const nowMs = now();
    const kept = await source.mutes();
    const following = [
      ...kept.map((mute) => viewOf(mute, nowMs)),
      ...configured.map((mute, place) => configuredView(mute, place, nowMs)),
    ]
      .filter(({ id }) => id > after)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    const items = following.slice(0, limit);
    const last = following.length > limit ? items.at(-1) : undefined;
    const page: Page = {
      items,
      next: last === undefined ? null : encodeCursor(scope, last.id),
      generatedAt: new Date(nowMs).toISOString(),
    };
    response.set('Cache-Control', 'no-cache').json(page);
  };
}

const viewOf = (mute: Mute, nowMs: number) => ({
  id: mute.findingId,
  source: 'api',
  match: { findingId: mute.findingId },
  reason: mute.reason,
  author: mute.author,
  setAt: new Date(mute.setAtMs).toISOString(),
  until: mute.untilMs === null ? null : new Date(mute.untilMs).toISOString(),
  isExpired: isOver(mute, nowMs),
});

/** They have no id of their own: their place in the file stands for one. */
const configuredView = (mute: MuteSettings, place: number, nowMs: number) => {
  const { reason, author = null, until = null, ...match } = mute;
  return {
    id: `configuration-${String(place).padStart(5, '0')}`,
    ...{ source: 'configuration', match, reason, author, setAt: null, until },
    isExpired: isEnded(until, nowMs),
  };
};
