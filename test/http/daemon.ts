import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadConfig } from '../../src/config/load.ts';
import { detectors } from '../../src/detectors/index.ts';
import type { Generation } from '../../src/findings/generation.ts';
import { Gate, type GateRules, openToAll } from '../../src/http/access/gate.ts';
import type { Users } from '../../src/http/access/passwords.ts';
import { type AppDependencies, createApp } from '../../src/http/app.ts';
import type { HttpLog } from '../../src/http/guard.ts';
import type { Knowledge } from '../../src/http/knowledge.ts';
import { defaultHttpOptions, type HttpOptions } from '../../src/http/options.ts';
import { contentTypes } from '../../src/metrics/exposition.ts';
import { ok } from '../../src/model/result.ts';
import { memoryStore, type Store } from '../../src/store/store.ts';
import { declarations } from '../../src/watch/declarations.ts';
import { createKnowledge } from '../../src/watch/knowledge.ts';
import { takenAtMs } from '../support/builders.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** As it came over the wire: nothing is unzipped, unlike with fetch. */
  readonly body: Buffer;
  readonly text: string;
  /** The parsed body; tests look into it as they please. */
  // biome-ignore lint/suspicious/noExplicitAny: what is in it is what the tests are about
  readonly json: () => any;
}

export interface Client {
  readonly get: (path: string, headers?: Record<string, string>) => Promise<Answer>;
  readonly send: (
    method: string,
    path: string,
    headers?: Record<string, string>,
    body?: string,
  ) => Promise<Answer>;
  readonly close: () => Promise<void>;
}

/** The application on a port of its own, with nothing behind it but what the test gives. */
export async function serve({
  rules = {},
  users = new Map(),
  ...dependencies
}: Partial<Omit<AppDependencies, 'options'>> & {
  readonly options?: Partial<HttpOptions>;
  /** Who may do what; everybody may read by preset. */
  readonly rules?: Partial<GateRules>;
  readonly users?: Users;
} = {}): Promise<Client> {
  const gate = new Gate({ rules: { ...openToAll, ...rules }, users: () => users, now: () => takenAtMs });
  const { generations = () => [], diary = memoryStore() } = dependencies;
  const app = createApp({
    generations,
    metricsPage: {
      prepared: (format, isGzip) => ({
        body: Buffer.from(`${format} ${isGzip ? 'gzipped' : 'plain'}\n`),
        contentType: contentTypes[format],
        contentEncoding: isGzip ? 'gzip' : undefined,
      }),
      part: () => undefined,
    },
    readiness: () => ({ isReady: true, waitingFor: [] }),
    reload: async () => ok(undefined),
    diary,
    knowledge: knowledgeOf(generations),
    collecting: { targets: () => [], collect: () => {} },
    eventStreams: { serve: (_request, response) => void response.end() },
    configuredMutes: [],
    gate,
    now: () => takenAtMs,
    log: silent,
    newRequestId: () => 'request-1',
    ...dependencies,
    options: {
      ...defaultHttpOptions,
      version: '0.1.0',
      docsDirectory: '/nonexistent',
      requestsPerMinute: 0,
      ...dependencies.options,
    },
  });
  const server = createServer(app);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = clientOf(server);
  return {
    ...client,
    close: async () => {
      (dependencies.gate ?? gate).close();
      await client.close();
    },
  };
}

/** What the daemon knows beside generations, with the presets of the configuration and nothing kept. */
export function knowledgeOf(
  generations: () => readonly Generation[],
  store: Store = memoryStore(),
  env: Readonly<Record<string, string>> = { DATABASE_URL: 'postgresql://monitor:secret-password@db/shop' },
): Knowledge {
  const loaded = loadConfig({ ...declarations, env });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  return createKnowledge({
    loaded: loaded.value,
    detectors,
    store,
    generations,
    clock: { now: () => takenAtMs },
    version: '0.1.0',
    nodeVersion: 'v20.19.0',
    startedAtMs: takenAtMs,
  });
}

export const silent: HttpLog = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function clientOf(server: Server): Client {
  // A TCP server that listens has an address of this form.
  const { port } = server.address() as AddressInfo;
  const send: Client['send'] = (method, path, headers = {}, body) =>
    sendTo(port, method, path, headers, body);
  return {
    send,
    get: (path, headers) => send('GET', path, headers),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** One request with exactly these headers; paths are sent as they are, dots and all. */
export async function sendTo(
  port: number,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Answer> {
  const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent: false });
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const whole = Buffer.concat(chunks);
  return {
    status: response.statusCode,
    headers: response.headers,
    body: whole,
    text: whole.toString(),
    json: () => JSON.parse(whole.toString()),
  };
}
