import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import { badRequest, sendProblem } from '../problem.ts';

/** A form of another site cannot send this type; anything else is refused before it is read. */
export const readJson = (bytesMax: number): RequestHandler[] => [
  (request, response, next) => {
    if (request.is('application/json') === 'application/json') return next();
    response.set('Connection', 'close');
    sendProblem(response, {
      status: 415,
      title: 'Unsupported media type',
      detail: 'send JSON, with Content-Type: application/json',
    });
  },
  express.json({ limit: bytesMax, inflate: false }),
];

/** What was sent is no JSON, compressed, or too large. */
export const explainBody: ErrorRequestHandler = (error, _request, response, next) => {
  const type = typeof error === 'object' && error !== null && 'type' in error ? String(error.type) : '';
  if (!/^(?:entity|encoding|charset|request)\./.test(type)) return next(error);
  sendProblem(response, badRequest('the body is no JSON that can be read; send it in UTF-8, uncompressed'));
};
