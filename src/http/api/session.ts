import type { RequestHandler } from 'express';
import { z } from 'zod';
import { accessOf } from '../access/principal.ts';
import { badRequest, sendProblem } from '../problem.ts';
import { queryOf } from '../query.ts';

export const sessionSchema = z
  .strictObject({
    name: z.string().nullable().meta({ description: 'The user’s name or the token’s; null for anybody.' }),
    role: z.enum(['read', 'admin']).meta({ description: 'Who may change things may read them as well.' }),
    csrfToken: z.string().nullable().meta({
      description:
        'For the header `X-CSRF-Token`; null for whoever needs none: a bearer token, or nothing shown.',
    }),
  })
  .meta({ id: 'Session', description: 'Who asks.' });

/** `/session`: who the daemon takes the client for, and what its changes have to carry in `X-CSRF-Token`, if anything. */
export const serveSession: RequestHandler = (request, response) => {
  if ([...queryOf(request.url)].length > 0)
    return sendProblem(response, badRequest('this takes no parameters'));
  const { principal, csrfToken = null } = accessOf(response);
  response.set('Cache-Control', 'no-store').json({ name: principal.name, role: principal.role, csrfToken });
};
