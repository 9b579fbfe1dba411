import express, { type Express } from 'express';
import type { Generation } from '../findings/generation.ts';
import { type ApiSources, apiRoutes } from './api/routes.ts';
import { serveDocs } from './docs-pages.ts';
import {
  allowOnly,
  boundBodies,
  type HttpLog,
  identifyRequests,
  refuseOtherSites,
  reportErrors,
  secureHeaders,
} from './guard.ts';
import { type Readiness, serveLiveness, serveReadiness } from './health.ts';
import { landingPage } from './landing.ts';
import { stylesheet } from './layout.ts';
import { type MetricsSource, serveMetrics, serveProbe } from './metrics-route.ts';
import type { HttpOptions } from './options.ts';
import { notFound, sendProblem } from './problem.ts';
import { type Reload, serveReload } from './reload-route.ts';

/** Everything the application serves comes through here; it keeps nothing itself but what is rendered once. */
export interface AppDependencies {
  /** The newest generation of each target. */
  readonly generations: () => readonly Generation[];
  readonly metricsPage: MetricsSource;
  readonly readiness: () => Readiness;
  readonly reload: Reload;
  readonly eventStreams: ApiSources['eventStreams'];
  /** Where events and mutes are kept. */
  readonly diary: ApiSources['diary'];
  readonly configuredMutes: ApiSources['configuredMutes'];
  /** Who shows it may change things over the API; undefined: nobody may. */
  readonly adminToken: ApiSources['adminToken'];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: HttpLog;
  readonly options: HttpOptions;
  /** Random by default. */
  readonly newRequestId?: () => string;
}

export function createApp(dependencies: AppDependencies): Express {
  const { generations, metricsPage, readiness, reload, log, options } = dependencies;
  const app = express();
  app.disable('x-powered-by');
  // Lists parse their own parameters, and refuse what they do not know.
  app.set('query parser', false);
  app.use(identifyRequests(dependencies.newRequestId), secureHeaders, boundBodies(options.bodyBytesMax));

  const readable = (path: string, handler: express.RequestHandler): void => {
    app.route(path).get(handler).all(allowOnly('GET', 'HEAD'));
  };
  readable('/metrics', serveMetrics(metricsPage));
  readable('/probe', serveProbe(metricsPage, readiness));
  for (const path of ['/-/healthy', '/healthz']) readable(path, serveLiveness);
  for (const path of ['/-/ready', '/readyz']) readable(path, serveReadiness(readiness));
  app
    .route('/-/reload')
    .post(refuseOtherSites, serveReload(reload, options.lifecycleEnabled, log))
    .all(allowOnly('POST'));
  app.use('/api/v1', apiRoutes(dependencies));
  readable('/', (_request, response) => {
    response.set('Cache-Control', 'no-cache').type('html').send(landingPage(generations(), options.version));
  });
  readable('/assets/style.css', (_request, response) => {
    response.set('Cache-Control', 'no-cache').type('css').send(stylesheet);
  });
  const docs = serveDocs(options.docsDirectory);
  app.use('/docs', (request, response, next) =>
    request.method === 'GET' || request.method === 'HEAD'
      ? docs(request, response, next)
      : allowOnly('GET', 'HEAD')(request, response, next),
  );
  app.use((_request, response) => {
    sendProblem(response, notFound('nothing is served at this path; / lists what there is'));
  });
  app.use(reportErrors(log));
  return app;
}
