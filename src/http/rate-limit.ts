import type { RequestHandler } from 'express';
import { rateLimit } from 'express-rate-limit';
import { minuteMs } from '../model/units.ts';
import { clientOf } from './access/attempts.ts';
import type { Gate } from './access/gate.ts';
import { addressOf } from './access/principal.ts';
import { sendProblem } from './problem.ts';

/** Asked by machines, at a pace that others set; they cost next to nothing. */
const uncounted = new Set(['/metrics', '/probe', '/-/healthy', '/healthz', '/-/ready', '/readyz']);

/** Answers 429 to a client address that asks more often in a minute than it may; 0 for no limit. */
export function limitRequests(gate: Gate, requestsPerMinute: number): RequestHandler {
  if (requestsPerMinute === 0) return (_request, _response, next) => next();
  return rateLimit({
    windowMs: minuteMs,
    limit: requestsPerMinute,
    store: gate.requests,
    keyGenerator: (request) => clientOf(addressOf(request)),
    skip: (request) => uncounted.has(request.path),
    standardHeaders: 'draft-7',
    legacyHeaders: false,
    // Its checks of our settings print to the console, at the word of a client's header.
    validate: false,
    handler: (_request, response) =>
      sendProblem(response, {
        status: 429,
        title: 'Too many requests',
        detail: `at most ${requestsPerMinute} a minute for each client (http.requestsPerMinute); Retry-After says when the next may come`,
      }),
  });
}
