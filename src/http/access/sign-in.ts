import { type Request, type Response, Router } from 'express';
import { allowOnly, type HttpLog, refuseOtherSites } from '../guard.ts';
import { compileTemplate, pageLayout } from '../layout.ts';
import { authenticate, fieldOf, localPath, requireRole } from './authenticate.ts';
import { clearSessionCookie, setSessionCookie } from './cookies.ts';
import { explainForm, readForm } from './forms.ts';
import type { Credentials, Gate } from './gate.ts';
import { addressOf } from './principal.ts';

interface FormData {
  readonly next: string;
  readonly problem: string | undefined;
  readonly hasUsers: boolean;
  readonly hasTokens: boolean;
  readonly signedIn: { readonly name: string; readonly csrfToken: string } | undefined;
}

const renderForm = compileTemplate<FormData>(`<h1>Sign in</h1>
<% if (it.problem) { %><p role="alert"><strong><%= it.problem %></strong></p><% } %>
<% if (it.signedIn) { %>
<p>You are signed in as <strong><%= it.signedIn.name %></strong>. <a href="<%= it.next %>">Go on</a></p>
<form method="post" action="/logout">
<input type="hidden" name="csrf" value="<%= it.signedIn.csrfToken %>">
<p><button type="submit">Sign out</button></p>
</form>
<% } %>
<% if (it.hasTokens) { %>
<form method="post" action="/login">
<input type="hidden" name="next" value="<%= it.next %>">
<p><label>Token<br><input type="password" name="token" autocomplete="off" required></label></p>
<p><button type="submit">Sign in with the token</button></p>
</form>
<% } %>
<% if (it.hasUsers) { %>
<form method="post" action="/login">
<input type="hidden" name="next" value="<%= it.next %>">
<p><label>User<br><input name="user" autocomplete="username" required></label></p>
<p><label>Password<br><input type="password" name="password" autocomplete="current-password" required></label></p>
<p><button type="submit">Sign in</button></p>
</form>
<% } %>
<% if (!it.hasTokens && !it.hasUsers) { %>
<p>Nobody has to sign in here: neither tokens nor users are configured. <a href="/docs/security.md">How to configure them</a></p>
<% } %>
`);

/** `/login` and `/logout`: a session in a browser for whoever has a token, or a name and a password. Works without JavaScript. */
export function signInRoutes(
  gate: Gate,
  options: { readonly bodyBytesMax: number; readonly log: HttpLog },
): Router {
  const { log } = options;
  const form = [...readForm(options.bodyBytesMax)];
  const router = Router();

  const showForm = (request: Request, response: Response, next: string, problem?: string): void => {
    const current = gate.inCookie(request);
    const csrfToken = current && gate.accessFor(current.principal, current.session).csrfToken;
    const signedIn =
      current === undefined || csrfToken === undefined
        ? undefined
        : { name: current.principal.name ?? '', csrfToken };
    const { hasUsers, hasTokens } = gate;
    const contentHtml = renderForm({ next, problem, hasUsers, hasTokens, signedIn });
    response
      .set('Cache-Control', 'no-store')
      .type('html')
      .send(pageLayout({ title: 'Sign in', contentHtml }));
  };

  router
    .route('/login')
    .get((request, response) => {
      const query = new URLSearchParams(request.url.replace(/^[^?]*\??/s, ''));
      showForm(request, response, localPath(query.get('next') ?? undefined));
    })
    .post(refuseOtherSites, ...form, async (request: Request, response: Response) => {
      const next = localPath(fieldOf(request.body, 'next'));
      const credentials = credentialsIn(request.body);
      const shown =
        credentials === undefined ? undefined : await gate.verify(credentials, addressOf(request));
      if (shown?.kind === 'accepted') {
        const id = gate.beginSession(request, shown.holder);
        setSessionCookie(request, response, id, gate.rules.sessionLifetimeMs);
        log.info({ event: 'signed-in', name: shown.principal.name, client: addressOf(request) }, 'signed in');
        response.set('Cache-Control', 'no-store').redirect(303, next);
        return;
      }
      log.warn({ event: 'sign-in-failed', client: addressOf(request) }, 'an attempt to sign in failed');
      if (shown?.kind === 'later') {
        response.status(429).set('Retry-After', String(shown.seconds));
        return showForm(request, response, next, 'Too many attempts failed or wait. Try again in a minute.');
      }
      response.status(401);
      showForm(request, response, next, 'That was not right, or is no longer.');
    })
    .all(allowOnly('GET', 'HEAD', 'POST'));
  router
    .route('/logout')
    .post(
      refuseOtherSites,
      authenticate(gate),
      ...form,
      requireRole('read'),
      (request: Request, response: Response) => {
        gate.endSession(request);
        clearSessionCookie(request, response);
        response.set('Cache-Control', 'no-store').redirect(303, '/login');
      },
    )
    .all(allowOnly('POST'));
  router.use(explainForm);
  return router;
}

function credentialsIn(body: unknown): Credentials | undefined {
  const token = fieldOf(body, 'token')?.trim();
  if (token !== undefined && token !== '') return { kind: 'token', token };
  const name = fieldOf(body, 'user');
  const password = fieldOf(body, 'password');
  return name === undefined || password === undefined ? undefined : { kind: 'user', name, password };
}
