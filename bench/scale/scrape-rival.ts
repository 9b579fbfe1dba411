import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { Counter, Gauge, Registry } from 'prom-client';

/*
 * An exporter as prom-client makes it: the series of a page, given as a file, in a registry that is rendered for each scrape. Told to by
 * its first argument; answers over its channel where it listens.
 */

const compress = promisify(gzip);
const registry = new Registry();
const page = readFileSync(process.argv[2] ?? '', 'utf8').split('\n');
const types = new Map<string, string>();
const helps = new Map<string, string>();
const metrics = new Map<string, Gauge | Counter>();

/** Labels of a series line of the text format; values are escaped there. */
function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name = '', value = ''] of text.matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g))
    labels[name] = value.replace(/\\(.)/g, (_, one: string) => (one === 'n' ? '\n' : one));
  return labels;
}

for (const line of page) {
  const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
  if (kind === 'TYPE') types.set(name, rest);
  if (kind === 'HELP') helps.set(name, rest);
  const [, series = '', block = '', value = ''] =
    /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  const type = types.get(series);
  // Parts of a histogram are a few lines of the process's own.
  if (type !== 'gauge' && type !== 'counter') continue;
  const labels = labelsOf(block);
  let metric = metrics.get(series);
  if (metric === undefined) {
    const configuration = {
      name: series,
      help: helps.get(series) ?? series,
      labelNames: Object.keys(labels),
      registers: [registry],
    };
    metric = type === 'gauge' ? new Gauge(configuration) : new Counter(configuration);
    metrics.set(series, metric);
  }
  const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value);
  if (metric instanceof Gauge) metric.set(labels, number);
  else metric.inc(labels, number);
}

const server = createServer(async (request, response) => {
  const text = await registry.metrics();
  const isGzip = String(request.headers['accept-encoding'] ?? '').includes('gzip');
  const body = isGzip ? await compress(text) : Buffer.from(text);
  response.writeHead(200, {
    'content-type': registry.contentType,
    'content-length': body.length,
    ...(isGzip ? { 'content-encoding': 'gzip' } : {}),
  });
  response.end(body);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.send?.({ port: address.port });
});
