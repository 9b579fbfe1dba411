import type { RequestHandler } from 'express';
import { accessOf } from '../access/principal.ts';

/** `/session`: who the daemon takes the client for, and what its changes have to carry in `X-CSRF-Token`, if anything. */
export const serveSession: RequestHandler = (_request, response) => {
  const { principal, csrfToken = null } = accessOf(response);
  response.set('Cache-Control', 'no-store').json({ name: principal.name, role: principal.role, csrfToken });
};
