import express, { type Express } from 'express';
import { exemptions } from '../config/schema-http.ts';
import type { Generation } from '../findings/generation.ts';
import { authenticate, requireRole } from './access/authenticate.ts';
import type { Gate } from './access/gate.ts';
import { signInRoutes } from './access/sign-in.ts';
import { type Collecting, createCollectDoor } from './api/collect.ts';
import { type ApiSources, apiRoutes } from './api/routes.ts';
import { serveSession } from './api/session.ts';
import { serveDocs } from './docs-pages.ts';
import {
  allowOnly,
  boundBodies,
  boundUrls,
  type HttpLog,
  identifyRequests,
  refuseOtherSites,
  reportErrors,
  secureHeaders,
} from './guard.ts';
import { type Readiness, serveLiveness, serveReadiness } from './health.ts';
import type { Knowledge } from './knowledge.ts';
import { type MetricsSource, serveMetrics, serveProbe } from './metrics-route.ts';
import { createObjects } from './objects.ts';
import type { HttpOptions } from './options.ts';
import { iconAsset, scriptAsset, serveAsset, styleAsset } from './pages/assets.ts';
import { changeRoutes } from './pages/changes.ts';
import { pageRoutes } from './pages/routes.ts';
import { type PageSources, problemsAsPages } from './pages/serve.ts';
import { notFound, sendProblem } from './problem.ts';
import { limitRequests } from './rate-limit.ts';
import { type Reload, serveReload } from './reload-route.ts';

/** Everything the application serves comes through here; it keeps nothing itself but what is rendered once. */
export interface AppDependencies {
  /** The newest generation of each target. */
  readonly generations: () => readonly Generation[];
  readonly metricsPage: MetricsSource;
  readonly readiness: () => Readiness;
  readonly reload: Reload;
  /** What can be collected out of turn. */
  readonly collecting: Collecting;
  /** When a collector is due again; null where that is not known. */
  readonly nextRunAtMs?: PageSources['nextRunAtMs'];
  readonly measuringBudgetOf?: PageSources['measuringBudgetOf'];
  readonly eventStreams: ApiSources['eventStreams'];
  /** Where events and mutes are kept. */
  readonly diary: ApiSources['diary'];
  readonly configuredMutes: ApiSources['configuredMutes'];
  /** Who may read, and who may change things. */
  readonly gate: Gate;
  /** Headers of every answer, over our own; empty ones are not sent. */
  readonly headers?: () => ReadonlyMap<string, string>;
  /** What else the daemon knows and can make. */
  readonly knowledge: Knowledge;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: HttpLog;
  readonly options: HttpOptions;
  /** Random by default. */
  readonly newRequestId?: () => string;
}

export function createApp(dependencies: AppDependencies): Express {
  const { metricsPage, readiness, reload, gate, log, options } = dependencies;
  const app = express();
  app.disable('x-powered-by');
  // Lists parse their own parameters, and refuse what they do not know.
  app.set('query parser', false);
  app.use(
    identifyRequests(dependencies.newRequestId),
    secureHeaders(dependencies.headers ?? (() => new Map())),
    problemsAsPages,
    boundUrls(options.urlBytesMax),
    boundBodies(options.bodyBytesMax),
  );

  const readable = (path: string, handler: express.RequestHandler): void => {
    app.route(path).get(handler).all(allowOnly('GET', 'HEAD'));
  };
  const parts = {
    metrics: () => {
      readable('/metrics', serveMetrics(metricsPage));
      readable('/probe', serveProbe(metricsPage, readiness));
    },
    health: () => {
      for (const path of ['/-/healthy', '/healthz']) readable(path, serveLiveness);
      for (const path of ['/-/ready', '/readyz']) readable(path, serveReadiness(readiness));
    },
  } as const;
  // Open is what stands before `authenticate`, and nothing else: no path is compared a second time.
  const { withoutAuthentication } = gate.rules;
  for (const part of exemptions) if (withoutAuthentication.includes(part)) parts[part]();
  app.use(limitRequests(gate, options.requestsPerMinute));
  readable('/assets/style.css', serveAsset(styleAsset));
  readable('/assets/page.js', serveAsset(scriptAsset));
  readable('/assets/icon.svg', serveAsset(iconAsset));
  app.use(signInRoutes(gate, { bodyBytesMax: options.bodyBytesMax, log }));

  app.use(authenticate(gate));
  for (const part of exemptions) if (!withoutAuthentication.includes(part)) parts[part]();
  const administrator = requireRole('admin');
  const ifThereAreAny: express.RequestHandler = (request, response, next) =>
    gate.hasUsers || gate.hasTokens ? administrator(request, response, next) : next();
  app
    .route('/-/reload')
    .post(refuseOtherSites, ifThereAreAny, serveReload(reload, options.lifecycleEnabled, log))
    .all(allowOnly('POST'));
  readable('/api/v1/session', serveSession);
  const collecting = createCollectDoor(dependencies.collecting, {
    cooldownMs: options.collectCooldownMs,
    now: dependencies.now,
    log,
  });
  const objects = createObjects(dependencies.generations);
  app.use('/api/v1', apiRoutes({ ...dependencies, collecting, objects }));
  app.use(
    pageRoutes({
      nextRunAtMs: () => null,
      measuringBudgetOf: () => undefined,
      ...dependencies,
      objects,
      waitingFor: () => readiness().waitingFor,
    }),
  );
  app.use(changeRoutes({ ...dependencies, source: dependencies.diary }, collecting, options));
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
