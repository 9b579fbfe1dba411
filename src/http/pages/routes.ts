import { type RequestHandler, Router } from 'express';
import { allowOnly } from '../guard.ts';
import { aboutPage } from './about.ts';
import { eventsPage } from './events.ts';
import { findingPage } from './finding/page.ts';
import { exportFindings } from './findings/export.ts';
import { findingsPage } from './findings/list.ts';
import { overviewPage } from './overview.ts';
import { planPage } from './plan.ts';
import { probesPage } from './probes.ts';
import { indexPage } from './relation/index-page.ts';
import { tablePage } from './relation/table-page.ts';
import { reportPage } from './report.ts';
import { type PageHandler, type PageSources, servePage } from './serve.ts';
import { targetsPage } from './targets.ts';

/** The pages, all but the documentation. To add one, write its handler and give it a line here. */
export function pageRoutes(sources: PageSources): Router {
  const router = Router();
  const page = (path: string, handler: PageHandler): void => {
    readable(path, servePage(handler, sources));
  };
  const readable = (path: string, handler: RequestHandler): void => {
    router.route(path).get(handler).all(allowOnly('GET', 'HEAD'));
  };
  page('/', overviewPage(sources));
  page('/findings', findingsPage(sources));
  readable('/findings.csv', exportFindings(sources, 'csv'));
  readable('/findings.json', exportFindings(sources, 'json'));
  page('/findings/:id', findingPage(sources));
  page('/targets', targetsPage(sources));
  page('/events', eventsPage(sources));
  page('/indexes/:id', indexPage(sources));
  page('/tables/:id', tablePage(sources));
  page('/plan', planPage(sources));
  page('/probes', probesPage(sources));
  page('/report', reportPage(sources));
  page('/about', aboutPage(sources));
  return router;
}
