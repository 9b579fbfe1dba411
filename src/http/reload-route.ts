import type { RequestHandler } from 'express';
import type { Result } from '../model/result.ts';
import { principalOf } from './access/principal.ts';
import type { HttpLog } from './guard.ts';
import { sendProblem } from './problem.ts';

/** Reloads the configuration; the error is the list of its problems, as text without secrets. */
export type Reload = () => Promise<Result<unknown, string>>;

export const serveReload =
  (reload: Reload, isEnabled: boolean, log: HttpLog): RequestHandler =>
  async (request, response) => {
    if (!isEnabled) {
      return sendProblem(response, {
        status: 403,
        title: 'Lifecycle requests are off',
        detail:
          'start with --http.lifecycle or set http.lifecycle to true; SIGHUP reloads the configuration without it',
      });
    }
    log.info({ by: principalOf(response).name, client: request.ip }, 'reload requested over HTTP');
    const result = await reload();
    response.set('Cache-Control', 'no-store').type('text/plain');
    if (result.ok) response.send('configuration reloaded\n');
    else response.status(500).send(`configuration not reloaded, the one before stays:\n${result.error}\n`);
  };
