import type { Response } from 'express';

/** An error as the client reads it (RFC 9457): no stack, nothing secret. */
export interface Problem {
  readonly status: number;
  readonly title: string;
  /** What to do about it. */
  readonly detail: string;
}

/** `requestId` is what the log line of the same request carries. */
export function sendProblem(response: Response, problem: Problem): void {
  response.status(problem.status).set('Cache-Control', 'no-store');
  const page: ProblemPage | undefined = response.locals.problemPage;
  if (page !== undefined) {
    response.type('html').send(page(problem));
    return;
  }
  response
    .type('application/problem+json')
    .send(
      `${JSON.stringify({ type: 'about:blank', ...problem, requestId: requestIdOf(response) }, undefined, 2)}\n`,
    );
}

type ProblemPage = (problem: Problem) => string;

/** From here on, problems of this request are told as a page. */
export const setProblemPage = (response: Response, page: ProblemPage): void => {
  response.locals.problemPage = page;
};

export const setRequestId = (response: Response, id: string): void => {
  response.locals.requestId = id;
  response.set('X-Request-Id', id);
};

/** Express types what middleware leaves behind as `any`; only {@link setRequestId} writes it. */
export const requestIdOf = (response: Response): string => String(response.locals.requestId ?? '');

export const notFound = (what: string): Problem => ({ status: 404, title: 'Not found', detail: what });

export const badRequest = (detail: string): Problem => ({ status: 400, title: 'Bad request', detail });
