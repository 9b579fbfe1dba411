import type { RequestHandler } from 'express';

export interface Readiness {
  /** Whether every target's first attempt has finished, well or not. */
  readonly isReady: boolean;
  /** What is still waited for, in words: `the first collection of main/shop`. */
  readonly waitingFor: readonly string[];
}

/** Alive as long as it answers: a database that is down is no reason to restart the daemon. */
export const serveLiveness: RequestHandler = (_request, response) => {
  response.set('Cache-Control', 'no-store').type('text/plain').send('indexwarden is alive\n');
};

export const serveReadiness =
  (readiness: () => Readiness): RequestHandler =>
  (_request, response) => {
    const { isReady, waitingFor } = readiness();
    response.set('Cache-Control', 'no-store').type('text/plain');
    if (isReady) response.send('indexwarden is ready\n');
    else response.status(503).send(`indexwarden is not ready: waiting for ${waitingFor.join(', ')}\n`);
  };
