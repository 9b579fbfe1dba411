import type { RequestHandler } from 'express';
import type { ExpositionFormat } from '../metrics/exposition.ts';
import type { MetricsPage } from '../metrics/page.ts';

/** Sends one of the four prepared forms of the page; nothing is computed here but which. */
export const serveMetrics =
  (page: Pick<MetricsPage, 'prepared'>): RequestHandler =>
  (request, response) => {
    const isGzip = request.acceptsEncodings(['gzip', 'identity']) === 'gzip';
    const { body, contentType, contentEncoding } = page.prepared(formatFor(request.get('accept')), isGzip);
    response.status(200).set({
      'Content-Type': contentType,
      'Content-Length': String(body.length),
      Vary: 'Accept, Accept-Encoding',
      'Cache-Control': 'no-store',
    });
    if (contentEncoding !== undefined) response.set('Content-Encoding', contentEncoding);
    response.end(request.method === 'HEAD' ? undefined : body);
  };

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
