import { randomUUID } from 'node:crypto';
import type { ErrorRequestHandler, RequestHandler } from 'express';
import { requestIdOf, sendProblem, setRequestId } from './problem.ts';

/** The part of pino's logger that is used here. */
export interface HttpLog {
  readonly debug: (facts: object, message: string) => void;
  readonly info: (facts: object, message: string) => void;
  readonly warn: (facts: object, message: string) => void;
  readonly error: (facts: object, message: string) => void;
}

const acceptableRequestId = /^[\w.-]{1,64}$/;

/** Takes over the request id of a proxy in front, if it is one, and makes one otherwise. */
export const identifyRequests =
  (newId: () => string = randomUUID): RequestHandler =>
  (request, response, next) => {
    const given = request.get('x-request-id');
    setRequestId(response, given !== undefined && acceptableRequestId.test(given) ? given : newId());
    next();
  };

/** What every answer carries. */
const careful: Readonly<Record<string, string>> = {
  // Nothing is loaded from elsewhere, no script stands in a page, nobody frames it, and forms lead nowhere else.
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'X-Frame-Options': 'DENY',
  'X-Content-Type-Options': 'nosniff',
  // No address of ours leaks by a link that is followed; stricter, and browsers would send forms of ours without their origin.
  'Referrer-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** One day: it holds for every port of the host, and so for whatever else is served there without TLS. */
const hsts = 'max-age=86400';

/** Headers that keep browsers careful; `configured` ones of the web configuration win, and empty ones of them are not sent. */
export const secureHeaders =
  (configured: () => ReadonlyMap<string, string>): RequestHandler =>
  (request, response, next) => {
    response.set(careful);
    if (request.secure) response.set('Strict-Transport-Security', hsts);
    for (const [name, value] of configured()) {
      if (value === '') response.removeHeader(name);
      else response.set(name, value);
    }
    next();
  };

/** Refuses addresses that are longer than any of ours. */
export const boundUrls =
  (bytesMax: number): RequestHandler =>
  (request, response, next) => {
    if (request.url.length <= bytesMax) return next();
    sendProblem(response, {
      status: 414,
      title: 'URI too long',
      detail: `at most ${bytesMax} bytes of path and query are accepted`,
    });
  };

/** Refuses bodies by what is announced of them; one that announces nothing is never read, and times out. */
export const boundBodies =
  (bytesMax: number): RequestHandler =>
  (request, response, next) => {
    const length = Number(request.get('content-length') ?? 0);
    if (length <= bytesMax && request.get('transfer-encoding') === undefined) return next();
    // The rest of the body is not waited for.
    response.set('Connection', 'close');
    sendProblem(response, {
      status: 413,
      title: 'Request body too large',
      detail: `at most ${bytesMax} bytes of known length are accepted`,
    });
  };

/**
 * A browser that was lured to another site says so: what changes something is not for it. Programs send neither header.
 */
export const refuseOtherSites: RequestHandler = (request, response, next) => {
  const site = request.get('sec-fetch-site');
  const isForeign = site !== undefined && site !== 'same-origin' && site !== 'none';
  const origin = request.get('origin');
  // Where a page sends no referrer it says no origin either; then the browser's own word counts.
  const isOwn =
    origin === undefined ||
    (origin === 'null' && site === 'same-origin') ||
    isOwnOrigin(origin, request.get('host'));
  if (!isForeign && isOwn) return next();
  sendProblem(response, {
    status: 403,
    title: 'Forbidden',
    detail: 'this request came from a page of another site; send it from a program, such as curl',
  });
};

function isOwnOrigin(origin: string, host: string | undefined): boolean {
  try {
    return new URL(origin).host === host;
  } catch {
    return false;
  }
}

/** For the paths that exist, but not with this method. */
export const allowOnly =
  (...methods: readonly string[]): RequestHandler =>
  (_request, response) => {
    response.set('Allow', methods.join(', '));
    sendProblem(response, {
      status: 405,
      title: 'Method not allowed',
      detail: `this path answers ${methods.join(' and ')} only`,
    });
  };

/** Last in line: what a client did wrong is told to it, a bug of ours goes to the log alone. */
export const reportErrors =
  (log: HttpLog): ErrorRequestHandler =>
  (error: unknown, request, response, next) => {
    if (response.headersSent) return next(error);
    const status = statusOf(error);
    if (status !== undefined) {
      return sendProblem(response, {
        status,
        title: 'Bad request',
        detail: 'the request could not be read; check the encoding of its path',
      });
    }
    const requestId = requestIdOf(response);
    log.error({ err: error, requestId, method: request.method, path: request.path }, 'a request failed');
    sendProblem(response, {
      status: 500,
      title: 'Internal error',
      detail: 'indexwarden has a bug here; its log has the details under this request id',
    });
  };

/** Express and its helpers put a 4xx status on errors that the client caused. */
function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('status' in error)) return undefined;
  const { status } = error;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}
