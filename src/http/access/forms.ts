import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import { badRequest, sendProblem } from '../problem.ts';

/** No form of ours has more fields. */
const fieldsMax = 20;

/** Reads a form as browsers send it; its fields are then in `request.body`. To be used with {@link explainForm} behind it. */
export const readForm = (bytesMax: number): readonly RequestHandler[] => [
  (request, response, next) => {
    if (request.is('application/x-www-form-urlencoded')) return next();
    response.set('Connection', 'close');
    sendProblem(response, {
      status: 415,
      title: 'Unsupported media type',
      detail: 'send a form, with Content-Type: application/x-www-form-urlencoded',
    });
  },
  express.urlencoded({ extended: false, limit: bytesMax, inflate: false, parameterLimit: fieldsMax }),
];

/** What was sent is no form, compressed, or too large. */
export const explainForm: ErrorRequestHandler = (error, _request, response, next) => {
  const type = typeof error === 'object' && error !== null && 'type' in error ? String(error.type) : '';
  if (!/^(?:entity|encoding|charset|request|parameters)\./.test(type)) return next(error);
  sendProblem(response, badRequest('the form cannot be read; send it in UTF-8, uncompressed'));
};
