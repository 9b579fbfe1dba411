import type { Request, RequestHandler, Response } from 'express';
import type { Generation } from '../../findings/generation.ts';
import type { EventSource } from '../api/events.ts';
import type { MuteSource } from '../api/mute-changes.ts';
import type { HttpLog } from '../guard.ts';
import type { Knowledge } from '../knowledge.ts';
import type { Objects } from '../objects.ts';
import type { HttpOptions } from '../options.ts';
import { type Problem, requestIdOf, sendProblem, setProblemPage } from '../problem.ts';
import { queryOf } from '../query.ts';
import { type PageAccess, pageAccessOf } from './access.ts';
import { type Page, renderPage } from './page.ts';
import { problemPage } from './problem-page.ts';

/** What pages are made from. */
export interface PageSources {
  /** The newest generation of each target. */
  readonly generations: () => readonly Generation[];
  /** What has not been looked at for the first time yet, in words. */
  readonly waitingFor: () => readonly string[];
  /** Where events and mutes are kept. */
  readonly diary: EventSource & MuteSource;
  /** When a collector is due again; null where that is not known. */
  readonly nextRunAtMs: (collector: string) => number | null;
  /** What may be read of a server's indexes for measuring; undefined where nothing is measured. */
  readonly measuringBudgetOf: (server: string) => MeasuringBudget | undefined;
  readonly objects: Objects;
  /** What else the daemon knows and can make. */
  readonly knowledge: Knowledge;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly options: HttpOptions;
  readonly log: HttpLog;
}

/** What may be read of one server's indexes for measuring. */
export interface MeasuringBudget {
  readonly bytesPerSecond: number;
  /** What was read and is not paid for yet. */
  readonly debtBytes: number;
}

export interface PageRequest {
  readonly query: URLSearchParams;
  /** Path and query as they were asked for. */
  readonly url: string;
  /** A part of the path, by the name it has in the route; empty where there is none. */
  readonly param: (name: string) => string;
  readonly access: PageAccess;
  readonly nowMs: number;
}

export type PageAnswer =
  | { readonly kind: 'page'; readonly page: Page }
  /** 303: where to look instead. */
  | { readonly kind: 'redirect'; readonly to: string }
  | { readonly kind: 'problem'; readonly problem: Problem };

/** Makes one page. It throws for nothing that a reader can cause. */
export type PageHandler = (request: PageRequest) => PageAnswer | Promise<PageAnswer>;

export const aPage = (page: Page): PageAnswer => ({ kind: 'page', page });
export const aProblem = (problem: Problem): PageAnswer => ({ kind: 'problem', problem });

/** The answer carries an `ETag`, and is asked for again each time: what is shown changes with every generation. */
export const servePage =
  (handler: PageHandler, { now }: Pick<PageSources, 'now'>): RequestHandler =>
  async (request, response) => {
    const access = pageAccessOf(response);
    const answer = await handler({
      query: queryOf(request.url),
      url: request.originalUrl,
      param: (name) => paramOf(request, name),
      access,
      nowMs: now(),
    });
    sendAnswer(response, answer, access);
  };

export function sendAnswer(response: Response, answer: PageAnswer, access: PageAccess): void {
  if (answer.kind === 'problem') sendProblem(response, answer.problem);
  else if (answer.kind === 'redirect') response.redirect(303, answer.to);
  else
    response
      .set('Cache-Control', 'no-cache')
      .type('html')
      .send(renderPage({ access, ...answer.page }));
}

function paramOf(request: Request, name: string): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}

/** Whoever asks with a browser reads errors as a page; programs, and everything below `/api`, get problem details. */
export const problemsAsPages: RequestHandler = (request, response, next) => {
  response.vary('Accept');
  if (!isForPrograms.test(request.path) && request.accepts(['json', 'html']) === 'html') {
    setProblemPage(response, (problem) => problemPage(problem, requestIdOf(response)));
  }
  next();
};

const isForPrograms = /^\/(?:api|metrics|probe|-|healthz|readyz|assets)(?:\/|$)/;
