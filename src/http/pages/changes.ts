import { type Request, type RequestHandler, type Response, Router } from 'express';
import { fieldOf, requireRole } from '../access/authenticate.ts';
import { explainForm, readForm } from '../access/forms.ts';
import type { CollectDoor } from '../api/collect.ts';
import { liftMute, type MuteChanges, setMute } from '../api/mute-changes.ts';
import { requesterOf } from '../api/mutes.ts';
import { allowOnly, refuseOtherSites } from '../guard.ts';
import { type Problem, sendProblem } from '../problem.ts';
import { findingPath } from './words.ts';

/** What the forms of pages do: the same as the API, and then back to a page. */
export function changeRoutes(
  mutes: MuteChanges,
  collecting: CollectDoor,
  { bodyBytesMax }: { readonly bodyBytesMax: number },
): Router {
  const router = Router();
  const form = (path: string, handler: RequestHandler): void => {
    router
      .route(path)
      // The token stands in the form: it is read before the role is looked at.
      .post(refuseOtherSites, ...readForm(bodyBytesMax), requireRole('admin'), handler, explainForm)
      .all(allowOnly('POST'));
  };
  form('/findings/:id/mute', async (request, response) => {
    const id = idIn(request);
    const until = fieldOf(request.body, 'until');
    const sent = {
      findingId: id,
      reason: fieldOf(request.body, 'reason'),
      author: fieldOf(request.body, 'author'),
      until: until === '' ? null : until,
    };
    const set = await setMute(mutes, sent, requesterOf(request, response));
    if (set.ok) back(response, `${findingPath({ id })}#mute`);
    else sendProblem(response, set.error);
  });
  form('/findings/:id/lift', async (request, response) => {
    const id = idIn(request);
    const lifted = await liftMute(mutes, id, requesterOf(request, response));
    if (lifted.ok) back(response, `${findingPath({ id })}#mute`);
    else sendProblem(response, lifted.error);
  });
  form('/targets/collect', (request, response) => {
    const [server, datname] = [fieldOf(request.body, 'server'), fieldOf(request.body, 'datname')];
    const wanted = {
      ...(server === undefined ? {} : { server }),
      ...(datname === undefined ? {} : { datname }),
    };
    const started = collecting(wanted, requesterOf(request, response));
    if (started.ok) return back(response, '/targets?collecting=yes');
    const { retryAfterSeconds, ...problem }: Problem & { readonly retryAfterSeconds?: number } =
      started.error;
    if (retryAfterSeconds !== undefined) response.set('Retry-After', String(retryAfterSeconds));
    sendProblem(response, problem);
  });
  return router;
}

function idIn(request: Request): string {
  const { id } = request.params;
  return typeof id === 'string' ? id : '';
}

function back(response: Response, path: string): void {
  response.set('Cache-Control', 'no-store').redirect(303, path);
}
