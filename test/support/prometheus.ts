import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';

/** A real Prometheus or Alertmanager on loopback, with a folder of its own that goes with it. */
export interface Monitor {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** GET or POST of a path below it; the parsed answer. Throws, with what was answered, on any other status than 200. */
  readonly ask: <Answer>(pathAndQuery: string, body?: URLSearchParams) => Promise<Answer>;
  /** What it has logged so far. */
  readonly log: () => string;
  readonly stop: () => Promise<void>;
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [seconds: number, value: string];
}

/** What an instant query returns; a scalar is one series without labels. Throws on an expression that Prometheus refuses. */
export async function instantQuery(
  prometheus: Monitor,
  query: string,
  atMs?: number,
): Promise<readonly Series[]> {
  const body = new URLSearchParams({ query, ...(atMs === undefined ? {} : { time: String(atMs / 1000) }) });
  const { data } = await prometheus.ask<{
    data: { resultType: string; result: readonly Series[] | Series['value'] };
  }>('/api/v1/query', body);
  if (data.resultType === 'vector') return data.result as readonly Series[];
  if (data.resultType === 'scalar') return [{ metric: {}, value: data.result as Series['value'] }];
  throw new Error(`${query} returned a ${data.resultType}`);
}

/**
 * Starts the Prometheus of the search path with `config` (the object that its YAML file holds) and waits until it is ready.
 * Samples are kept for the life of the test.
 */
export const startPrometheus = (config: object): Promise<Monitor> =>
  startMonitor('prometheus', config, (file, folder, address) => [
    `--config.file=${file}`,
    `--storage.tsdb.path=${path.join(folder, 'data')}`,
    `--web.listen-address=${address}`,
    '--web.enable-lifecycle',
    '--query.lookback-delta=1m',
  ]);

/** The same for Alertmanager, without peers. */
export const startAlertmanager = (config: object): Promise<Monitor> =>
  startMonitor('prometheus-alertmanager', config, (file, folder, address) => [
    `--config.file=${file}`,
    `--storage.path=${path.join(folder, 'data')}`,
    `--web.listen-address=${address}`,
    '--cluster.listen-address=',
  ]);

async function startMonitor(
  program: string,
  config: object,
  argumentsOf: (file: string, folder: string, address: string) => readonly string[],
): Promise<Monitor> {
  const folder = await mkdtemp(path.join(tmpdir(), `${program}-`));
  const file = path.join(folder, 'config.yml');
  await writeFile(file, stringify(config));
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(program, argumentsOf(file, folder, address), { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  const log = (): string => lines.join('');
  const url = `http://${address}`;
  const stop = async (): Promise<void> => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilReady(url, child);
  } catch (error) {
    await stop();
    throw new Error(`${program} did not start: ${String(error)}\n${log()}`);
  }
  return {
    url,
    log,
    stop,
    ask: async <Answer>(pathAndQuery: string, body?: URLSearchParams) => {
      const response = await fetch(url + pathAndQuery, body === undefined ? {} : { method: 'POST', body });
      const text = await response.text();
      if (response.status !== 200)
        throw new Error(`${pathAndQuery} ${String(body ?? '')}: HTTP status ${response.status}: ${text}`);
      // The program's own interface; whoever asks says what it is.
      return (text === '' ? undefined : JSON.parse(text)) as Answer;
    },
  };
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  let failure: unknown;
  child.once('error', (error) => {
    failure = error;
  });
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(50)) {
    if (failure !== undefined) throw failure;
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    const isReady = await fetch(`${url}/-/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
    if (isReady) return;
  }
  throw new Error('it was not ready after a minute');
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** A port that nobody listens on at the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no address');
  return address.port;
}
