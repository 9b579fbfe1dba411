import type { Request, RequestHandler, Response } from 'express';
import { compileTemplate } from '../layout.ts';
import { sendProblem } from '../problem.ts';
import { type Gate, isSameText, type Shown } from './gate.ts';
import { accessOf, type Principal, setAccess } from './principal.ts';

const anybody: Principal = { name: null, role: 'read', by: 'nothing' };

/**
 * Finds out who asks, and turns away who must show it and does not. Whatever stands behind it may rely on `principalOf`; what shall
 * be open to all must stand before it.
 */
export const authenticate =
  (gate: Gate): RequestHandler =>
  async (request, response, next) => {
    const shown = await gate.inHeader(request);
    if (shown.kind === 'accepted') {
      setAccess(response, gate.accessFor(shown.principal));
      return next();
    }
    if (shown.kind !== 'nothing') return turnAway(response, shown, gate.challenges);
    const signedIn = gate.inCookie(request);
    if (signedIn !== undefined) {
      setAccess(response, gate.accessFor(signedIn.principal, signedIn.session));
      // What is shown to one must not be shown to another by a cache on the way.
      response.vary('Cookie');
      return next();
    }
    if (!gate.isClosed) {
      setAccess(response, gate.accessFor(anybody));
      return next();
    }
    if (isNavigation(request)) return askToSignIn(request, response);
    turnAway(response, { kind: 'refused' }, gate.challenges);
  };

/**
 * For what changes something: `requireRole('admin')`. Where the browser sends the credentials by itself, the header `X-CSRF-Token` or
 * the field `csrf` of a form that was read before must hold what {@link accessOf} gave out.
 */
export const requireRole =
  (role: 'read' | 'admin'): RequestHandler =>
  (request, response, next) => {
    const { principal, csrfToken, hasAdmins, challenges } = accessOf(response);
    if (role === 'read' || principal.role === 'admin') {
      if (csrfToken === undefined || isReading(request)) return next();
      const given = request.get('x-csrf-token') ?? fieldOf(request.body, 'csrf');
      if (given !== undefined && isSameText(given, csrfToken)) return next();
      return sendProblem(response, {
        status: 403,
        title: 'Forbidden',
        detail:
          'the CSRF token is missing or not yours: send what GET /api/v1/session has as csrfToken in the header X-CSRF-Token; a request with a bearer token needs none',
      });
    }
    if (!hasAdmins)
      return sendProblem(response, {
        status: 403,
        title: 'Changes over HTTP are off',
        detail:
          'put a token of at least 16 characters into a file and name it in http.adminTokenFile; mutes can also be written into the configuration, or into the comment of an index',
      });
    if (principal.by === 'nothing') return turnAway(response, { kind: 'refused' }, challenges);
    sendProblem(response, {
      status: 403,
      title: 'Forbidden',
      detail: 'this takes the role admin: a token with it, or a user of http.adminUsers',
    });
  };

const isReading = ({ method }: Request): boolean => method === 'GET' || method === 'HEAD';

/** What of a form is text; a field that stands twice is a list. */
export function fieldOf(body: unknown, name: string): string | undefined {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, name)) return undefined;
  const value: unknown = Reflect.get(body, name);
  return typeof value === 'string' ? value : undefined;
}

/** One answer for whatever is wrong with credentials: which part is, is nobody's business. */
export function turnAway(
  response: Response,
  shown: Exclude<Shown, { readonly kind: 'accepted' }>,
  challenges: readonly string[],
): void {
  if (shown.kind === 'later') {
    response.set('Retry-After', String(shown.seconds));
    sendProblem(response, {
      status: 429,
      title: 'Too many attempts',
      detail: 'too many attempts to sign in failed or wait; try again later',
    });
    return;
  }
  if (challenges.length > 0) response.set('WWW-Authenticate', [...challenges]);
  sendProblem(response, {
    status: 401,
    title: 'Not authorized',
    detail:
      'send a token as Authorization: Bearer …, or a user and password as basic authentication; browsers sign in at /login',
  });
}

/** Somebody opened a page, unlike a program that wants an answer it can read. */
const isNavigation = (request: Request): boolean =>
  isReading(request) &&
  request.get('authorization') === undefined &&
  request.accepts(['json', 'html']) === 'html';

const turnBack = compileTemplate<{ readonly here: string }>(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>indexwarden</title><meta http-equiv="refresh" content="0;url=<%= it.here %>"></head>
<body><p><a href="<%= it.here %>">Go on</a></p></body></html>
`);

/**
 * Who follows a link from a chat or a mail comes without the cookie, since that is not sent from other sites: the page is asked for
 * once more from here, and only who comes without it again has to sign in.
 */
function askToSignIn(request: Request, response: Response): void {
  const here = localPath(request.originalUrl);
  response.set('Cache-Control', 'no-store').vary('Cookie').vary('Sec-Fetch-Site');
  const from = request.get('sec-fetch-site');
  if (from === 'cross-site' || from === 'same-site') response.type('html').send(turnBack({ here }));
  else response.redirect(303, `/login?next=${encodeURIComponent(here)}`);
}

/** A path of this very server, whatever is given; `/` for all that leads elsewhere. */
export function localPath(given: string | undefined): string {
  const base = 'http://indexwarden.invalid';
  if (given === undefined || !given.startsWith('/') || !URL.canParse(given, base)) return '/';
  const { origin, pathname, search } = new URL(given, base);
  return origin === base && !pathname.startsWith('//') ? `${pathname}${search}` : '/';
}
