import { createServer, type RequestListener, type Server } from 'node:http';
import { defaultServerLimits, type ServerLimits } from './options.ts';

export interface ListenAddress {
  /** All addresses where it is absent. */
  readonly host?: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

export interface RunningServer {
  /** Where it listens, as an address a person can open. */
  readonly address: string;
  readonly port: number;
  /** Takes no more requests, lets those under way finish for at most `graceMs`, then cuts them off. */
  close(graceMs: number): Promise<void>;
}

/** Why the server cannot start, in words for the operator. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/** Rejects with {@link ListenError} where the address cannot be had. */
export async function startServer(options: {
  readonly app: RequestListener;
  readonly listen: ListenAddress;
  readonly limits?: Partial<ServerLimits>;
}): Promise<RunningServer> {
  const limits = { ...defaultServerLimits, ...options.limits };
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs),
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      // How often the two above are looked at: a slow client outstays them by no more than this.
      connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs, limits.requestTimeoutMs),
    },
    options.app,
  );
  server.maxConnections = limits.maxConnections;
  await listen(server, options.listen);
  const port = portOf(server);
  return { address: urlOf(options.listen.host, port), port, close: (graceMs) => close(server, graceMs) };
}

function listen(server: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException): void => {
      reject(new ListenError(explain(error, address), { cause: error }));
    };
    server.once('error', refuse);
    server.listen(
      { port: address.port, ...(address.host === undefined ? {} : { host: address.host }) },
      () => {
        server.off('error', refuse);
        resolve();
      },
    );
  });
}

function explain(error: NodeJS.ErrnoException, { host, port }: ListenAddress): string {
  const place = `${host ?? '*'}:${port}`;
  switch (error.code) {
    case 'EADDRINUSE':
      return `cannot listen on ${place}: the port is taken; stop the program that has it, or choose another port with --http.listen (port 0 takes a free one)`;
    case 'EACCES':
      return `cannot listen on ${place}: not permitted; ports below 1024 need privileges, choose a higher one with --http.listen`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `cannot listen on ${place}: this machine has no such address; choose one with --http.listen`;
    default:
      return `cannot listen on ${place}: ${error.message}`;
  }
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port');
  return address.port;
}

function urlOf(host: string | undefined, port: number): string {
  // "All addresses" cannot be opened; this machine's own is one of them.
  const isAny = host === undefined || host === '0.0.0.0' || host === '::';
  const name = isAny ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}`;
}

/**
 * Connections between two requests are closed at once, the others after the answer that is under way: Node.js by itself would
 * keep those for the client's next request until they time out.
 */
function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs);
    // A connection counts as idle only when its answer has been cleared away: look again until it has.
    const sweep = setInterval(() => server.closeIdleConnections(), sweepMs);
    server.close(() => {
      clearTimeout(timer);
      clearInterval(sweep);
      resolve();
    });
  });
}

const sweepMs = 25;
