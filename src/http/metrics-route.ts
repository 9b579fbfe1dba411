import type { Request, RequestHandler, Response } from 'express';
import type { ExpositionFormat } from '../metrics/exposition.ts';
import { type Scope, scopes } from '../metrics/families/declare.ts';
import type { MetricsPage, PreparedPage } from '../metrics/page.ts';
import { err, ok, type Result } from '../model/result.ts';
import type { Readiness } from './health.ts';
import { badRequest, notFound, sendProblem } from './problem.ts';
import { queryOf } from './query.ts';

/** Sends one of the four prepared forms of the page; with `?collect[]=`, that part of it. */
export const serveMetrics =
  (page: MetricsSource): RequestHandler =>
  async (request, response) => {
    const scopes = askedScopes(queryOf(request.url));
    if (!scopes.ok) return sendProblem(response, badRequest(scopes.error));
    const [format, isGzip] = formOf(request);
    if (scopes.value === undefined) return send(request, response, page.prepared(format, isGzip));
    const part = await page.part({ scopes: scopes.value }, format, isGzip);
    if (part !== undefined) send(request, response, part);
  };

/**
 * `/probe?target=NAME`: what was last published of one target (`server/datname`) or of all targets of a server. Nothing is
 * collected for a request, and a name is looked up, never connected to.
 */
export const serveProbe =
  (page: MetricsSource, readiness: () => Readiness): RequestHandler =>
  async (request, response) => {
    const query = queryOf(request.url);
    const [target, ...others] = query.getAll('target');
    if (target === undefined || target === '' || others.length > 0)
      return sendProblem(
        response,
        badRequest('name one target: /probe?target=server/datname or /probe?target=server'),
      );
    const scopes = askedScopes(query);
    if (!scopes.ok) return sendProblem(response, badRequest(scopes.error));
    const [format, isGzip] = formOf(request);
    const part = await page.part(
      { target, ...(scopes.value === undefined ? {} : { scopes: scopes.value }) },
      format,
      isGzip,
    );
    if (part !== undefined) return send(request, response, part);
    if (readiness().isReady)
      return sendProblem(response, notFound('no target has this name; /api/v1/targets lists them'));
    const detail =
      'nothing has been published under this name yet, and not all targets have been collected once';
    sendProblem(response, { status: 503, title: 'Not collected yet', detail });
  };

export type MetricsSource = Pick<MetricsPage, 'prepared' | 'part'>;

const formOf = (request: Request): readonly [format: ExpositionFormat, isGzip: boolean] => [
  formatFor(request.get('accept')),
  request.acceptsEncodings(['gzip', 'identity']) === 'gzip',
];

function send(
  request: Request,
  response: Response,
  { body, contentType, contentEncoding }: PreparedPage,
): void {
  response.status(200).set({
    'Content-Type': contentType,
    'Content-Length': String(body.length),
    Vary: 'Accept, Accept-Encoding',
    'Cache-Control': 'no-store',
  });
  if (contentEncoding !== undefined) response.set('Content-Encoding', contentEncoding);
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** The parts of the page that `collect[]` names, as often as it stands there; undefined where it does not. */
function askedScopes(query: URLSearchParams): Result<readonly Scope[] | undefined, string> {
  const asked = query.getAll('collect[]');
  if (asked.length === 0) return ok(undefined);
  const known = asked.filter(isScope);
  const [unknown] = asked.filter((name) => !isScope(name));
  return unknown === undefined
    ? ok(known)
    : err(
        `collect[]: there is no part ${JSON.stringify(unknown.slice(0, 64))}; the parts are ${scopes.join(', ')}`,
      );
}

const isScope = (name: string): name is Scope => (scopes as readonly string[]).includes(name);

/**
 * OpenMetrics where it is asked for by name and at least as much as text. Prometheus adds parameters to the types that general
 * negotiators compare literally (`escaping=allow-utf-8`), hence by hand. Whoever accepts neither gets text.
 */
export function formatFor(accept: string | undefined): ExpositionFormat {
  let openmetrics = 0;
  let text = 0;
  for (const range of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const quality = Number(valueOfParameter(parameters, 'q') ?? 1);
    if (!(quality > 0)) continue;
    const version = valueOfParameter(parameters, 'version');
    if (type === 'application/openmetrics-text' && (version === undefined || version === '1.0.0'))
      openmetrics = Math.max(openmetrics, quality);
    else if (type === 'text/plain' || type === 'text/*' || type === '*/*') text = Math.max(text, quality);
  }
  return openmetrics > 0 && openmetrics >= text ? 'openmetrics' : 'text';
}

const valueOfParameter = (parameters: readonly string[], name: string): string | undefined =>
  parameters
    .find((parameter) => parameter.startsWith(`${name}=`))
    ?.slice(name.length + 1)
    .replace(/^"(.*)"$/, '$1');
