import { type RequestHandler, Router } from 'express';
import type { MuteSettings } from '../../config/schema-mutes.ts';
import type { Generation } from '../../findings/generation.ts';
import { requireRole } from '../access/authenticate.ts';
import { allowOnly, type HttpLog, refuseOtherSites } from '../guard.ts';
import type { Knowledge } from '../knowledge.ts';
import type { Objects } from '../objects.ts';
import type { HttpOptions } from '../options.ts';
import { badRequest, notFound, sendProblem } from '../problem.ts';
import { queryOf } from '../query.ts';
import { serveAbout, serveConfig } from './about.ts';
import { type CollectDoor, serveCollect } from './collect.ts';
import { apiOperations } from './document.ts';
import type { EventStreams } from './event-stream.ts';
import { type EventSource, serveEvents } from './events.ts';
import { historyParameters, planParameters, reportParameters } from './fact-operations.ts';
import { createLister, type Listing } from './list.ts';
import {
  collectorsListing,
  findingsListing,
  indexesListing,
  tablesListing,
  targetsListing,
} from './listings.ts';
import type { MuteSource } from './mute-changes.ts';
import { muteRoutes } from './mutes.ts';
import { openApiDocument } from './openapi.ts';
import { servePlan } from './plan.ts';
import { probesListing } from './probes.ts';
import { serveIndex, serveIndexHistory, serveTable, serveTableHistory } from './relations.ts';
import { serveReport } from './report.ts';

export interface ApiSources {
  readonly generations: () => readonly Generation[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly options: Pick<HttpOptions, 'pageSizeMax' | 'redactLiterals' | 'bodyBytesMax' | 'version'>;
  readonly eventStreams: Pick<EventStreams, 'serve'>;
  /** Where events and mutes are kept. */
  readonly diary: EventSource & MuteSource;
  readonly configuredMutes: readonly MuteSettings[];
  /** What can be collected out of turn. */
  readonly collecting: CollectDoor;
  readonly log: HttpLog;
  readonly objects: Objects;
  readonly knowledge: Knowledge;
}

/** `/api/v1`: everything of the newest generations, to read. */
export function apiRoutes(sources: ApiSources): Router {
  const router = Router();
  const list = <View extends { readonly id: string }>(listing: Listing<View>): void => {
    router.route(`/${listing.name}`).get(serveList(listing, sources)).all(allowOnly('GET', 'HEAD'));
  };
  list(findingsListing);
  list(indexesListing(sources.options));
  list(tablesListing);
  list(targetsListing);
  list(collectorsListing);
  list(probesListing(sources.options));
  const { pageSizeMax } = sources.options;
  router.route('/events/stream').get(sources.eventStreams.serve).all(allowOnly('GET', 'HEAD'));
  router
    .route('/openapi.json')
    .get(serveDocument(() => openApiDocument(apiOperations(sources.options), sources.options.version)))
    .all(allowOnly('GET', 'HEAD'));
  router
    .route('/events')
    .get(serveEvents(sources.diary, { pageSizeMax, now: sources.now }))
    .all(allowOnly('GET', 'HEAD'));
  router.use(
    muteRoutes({
      ...sources,
      ...sources.options,
      source: sources.diary,
      configured: sources.configuredMutes,
    }),
  );
  router
    .route('/collect')
    .post(refuseOtherSites, requireRole('admin'), ...serveCollect(sources.collecting, sources.options))
    .all(allowOnly('POST'));
  const readable = (path: string, handler: RequestHandler<{ id: string }>): void => {
    router.route(path).get(handler).all(allowOnly('GET', 'HEAD'));
  };
  const relations = { ...sources, past: sources.knowledge.past };
  readable('/indexes/:id', serveIndex(relations));
  readable('/indexes/:id/history', serveIndexHistory(relations, historyParameters));
  readable('/tables/:id', serveTable(relations));
  readable('/tables/:id/history', serveTableHistory(relations, historyParameters));
  readable('/plan', servePlan(sources.knowledge, planParameters));
  readable('/report', serveReport(sources.knowledge, reportParameters));
  readable('/config', serveConfig(sources.knowledge));
  readable('/about', serveAbout(sources.knowledge, sources.generations));
  router.route('/findings/:id').get(serveFinding(sources)).all(allowOnly('GET', 'HEAD'));
  return router;
}

/** Made when it is first asked for: most daemons never are, and it would hold up the start. */
function serveDocument(make: () => object): RequestHandler {
  let made: object | undefined;
  return (_request, response) => {
    made ??= make();
    response.set('Cache-Control', 'no-cache').json(made);
  };
}

function serveList<View extends { readonly id: string }>(
  listing: Listing<View>,
  { generations, now, options }: ApiSources,
): RequestHandler {
  const lister = createLister(listing, options);
  return (request, response) => {
    const page = lister(queryOf(request.url), generations(), now());
    if (!page.ok) return sendProblem(response, badRequest(page.error));
    response.set('Cache-Control', 'no-cache').json(page.value);
  };
}

const serveFinding =
  ({ generations }: ApiSources): RequestHandler<{ id: string }> =>
  (request, response) => {
    const { id } = request.params;
    for (const generation of generations()) {
      const finding = generation.findings.find((candidate) => candidate.id === id);
      if (finding !== undefined) {
        response.set('Cache-Control', 'no-cache').json(finding);
        return;
      }
    }
    sendProblem(
      response,
      notFound('no finding has this id now; findings that were resolved long ago are forgotten'),
    );
  };
