import express, { type ErrorRequestHandler, type RequestHandler, Router } from 'express';
import { z } from 'zod';
import type { MuteSettings } from '../../config/schema-mutes.ts';
import type { Generation } from '../../findings/generation.ts';
import { endOf, isEnded, isOver } from '../../findings/mutes.ts';
import type { Mute } from '../../model/mute.ts';
import { dayMs } from '../../model/units.ts';
import { requireRole } from '../access/authenticate.ts';
import { principalOf } from '../access/principal.ts';
import { allowOnly, type HttpLog, refuseOtherSites } from '../guard.ts';
import { badRequest, notFound, sendProblem } from '../problem.ts';
import { queryOf } from '../query.ts';
import { encodeCursor } from './cursor.ts';
import { createQueryReader, type Page } from './list.ts';

/** Where mutes are kept that are set here. */
export interface MuteSource {
  readonly mutes: () => Promise<readonly Mute[]>;
  readonly keepMute: (mute: Mute) => Promise<void>;
  readonly liftMute: (findingId: string) => Promise<void>;
}

export interface MuteRoutes {
  readonly source: MuteSource;
  /** Those of the configuration: listed, and changed there only. */
  readonly configured: readonly MuteSettings[];
  readonly generations: () => readonly Generation[];
  readonly pageSizeMax: number;
  readonly bodyBytesMax: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: HttpLog;
}

/** More are no exceptions but a way of life: the configuration mutes by pattern. */
const mutesMax = 10_000;
/** Mutes that ended are listed this long, then forgotten when the next one is set. */
const endedForMs = 30 * dayMs;

/**
 * `/mutes`: listed for everybody who reads the API; set by POST and lifted by DELETE by administrators. The state of a
 * finding changes with its next evaluation.
 */
export function muteRoutes(routes: MuteRoutes): Router {
  const router = Router();
  const guarded = [refuseOtherSites, requireRole('admin')];
  router
    .route('/')
    .get(listMutes(routes))
    .post(guarded, readJson(routes.bodyBytesMax), setMute(routes), explainBody)
    .all(allowOnly('GET', 'HEAD', 'POST'));
  router.route('/:findingId').delete(guarded, liftMute(routes)).all(allowOnly('DELETE'));
  return router;
}

/** A form of another site cannot send this type; anything else is refused before it is read. */
const readJson = (bytesMax: number): RequestHandler[] => [
  (request, response, next) => {
    if (request.is('application/json') === 'application/json') return next();
    response.set('Connection', 'close');
    sendProblem(response, {
      status: 415,
      title: 'Unsupported media type',
      detail: 'send JSON, with Content-Type: application/json',
    });
  },
  express.json({ limit: bytesMax, inflate: false }),
];

/** What was sent is no JSON, compressed, or too large. */
const explainBody: ErrorRequestHandler = (error, _request, response, next) => {
  const type = typeof error === 'object' && error !== null && 'type' in error ? String(error.type) : '';
  if (!/^(?:entity|encoding|charset|request)\./.test(type)) return next(error);
  sendProblem(response, badRequest('the body is no JSON that can be read; send it in UTF-8, uncompressed'));
};

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

const setMute =
  ({ source, generations, now, log }: MuteRoutes): RequestHandler =>
  async (request, response) => {
    const parsed = wantedMute.safeParse(request.body);
    if (!parsed.success)
      return sendProblem(response, badRequest(parsed.error.issues.map(explain).join('; ')));
    const { findingId, reason, author, until = null } = parsed.data;
    const nowMs = now();
    const untilMs = until === null ? null : (endOf(until) ?? null);
    if (untilMs !== null && untilMs <= nowMs)
      return sendProblem(response, badRequest('until lies in the past'));
    const isKnown = generations().some(({ findings }) => findings.some(({ id }) => id === findingId));
    if (!isKnown) return sendProblem(response, notFound('no finding has this id now'));

    const mutes = await source.mutes();
    const old = mutes.filter((mute) => isOver(mute, nowMs - endedForMs) && mute.findingId !== findingId);
    for (const mute of old) await source.liftMute(mute.findingId);
    const isReplaced = mutes.some((mute) => mute.findingId === findingId);
    if (!isReplaced && mutes.length - old.length >= mutesMax) {
      return sendProblem(response, {
        status: 409,
        title: 'Too many mutes',
        detail: `there are ${mutesMax} already; lift some, or mute by pattern in the configuration`,
      });
    }
    const mute: Mute = { findingId, reason, author, setAtMs: nowMs, untilMs };
    await source.keepMute(mute);
    const by = { by: principalOf(response).name, client: request.ip };
    log.info({ event: 'mute-set', finding: findingId, author, until, ...by }, 'finding muted');
    response
      .status(isReplaced ? 200 : 201)
      .set('Cache-Control', 'no-store')
      .json(viewOf(mute, nowMs));
  };

const liftMute =
  ({ source, log }: MuteRoutes): RequestHandler<{ findingId: string }> =>
  async (request, response) => {
    const { findingId } = request.params;
    const mutes = await source.mutes();
    if (!mutes.some((mute) => mute.findingId === findingId)) {
      return sendProblem(
        response,
        notFound(
          'no mute of this finding was set over the API; those of the configuration and of comments are lifted there',
        ),
      );
    }
    await source.liftMute(findingId);
    const by = { by: principalOf(response).name, client: request.ip };
    log.info({ event: 'mute-lifted', finding: findingId, ...by }, 'mute lifted');
    response.status(204).set('Cache-Control', 'no-store').end();
  };

function explain(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => `unknown key ${JSON.stringify(key)}`).join('; ');
  const [name] = issue.path;
  if (name === undefined)
    return 'the body must be an object with findingId, reason, author and, if wanted, until';
  return `${String(name)} ${issue.code === 'invalid_type' ? 'is missing or of another type' : issue.message}`;
}

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
