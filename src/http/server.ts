import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { ListenError } from './listen-error.ts';
import { defaultServerLimits, type ServerLimits } from './options.ts';
import { answerMalformed } from './refused-requests.ts';
import { createTlsServer, type TlsSource } from './tls-server.ts';

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

/** Rejects with {@link ListenError} where the address cannot be had. */
export async function startServer(options: {
  readonly app: RequestListener;
  readonly listen: ListenAddress;
  readonly limits?: Partial<ServerLimits>;
  /** Without it, plain HTTP is spoken. */
  readonly tls?: TlsSource;
}): Promise<RunningServer> {
  const limits = { ...defaultServerLimits, ...options.limits };
  const headersTimeoutMs = Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs);
  const settings = {
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    // How often the two above are looked at: a slow client outstays them by no more than this.
    connectionsCheckingInterval: Math.min(1_000, headersTimeoutMs),
    // Requests with two meanings, which is how one is hidden from a proxy in front.
    insecureHTTPParser: false,
  };
  const { tls } = options;
  const server =
    tls === undefined
      ? createServer(settings, options.app)
      : createTlsServer({ ...settings, handshakeTimeout: headersTimeoutMs }, options.app, tls);
  server.maxConnections = limits.maxConnections;
  answerMalformed(server);
  const handshakes = tls === undefined ? new Map<string, Socket>() : handshakesOf(server);
  await listen(server, options.listen);
  const port = portOf(server);
  return {
    address: `${tls === undefined ? 'http' : 'https'}://${hostOf(options.listen.host)}:${port}`,
    port,
    close: (graceMs) => {
      // Nothing that was asked is lost by these, and Node.js would wait for them.
      for (const socket of handshakes.values()) socket.destroy();
      return close(server, graceMs);
    },
  };
}

/** Connections whose handshake is not through, which Node.js counts as no connections of HTTP yet. */
function handshakesOf(server: Server): Map<string, Socket> {
  const underWay = new Map<string, Socket>();
  // The socket of a handshake that is through is another object on the same connection.
  const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    underWay.set(peer, socket);
    socket.once('close', () => {
      if (underWay.get(peer) === socket) underWay.delete(peer);
    });
  });
  server.on('secureConnection', (socket: Socket) => underWay.delete(peerOf(socket)));
  return underWay;
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

function hostOf(host: string | undefined): string {
  // "All addresses" cannot be opened; this machine's own is one of them.
  const isAny = host === undefined || host === '0.0.0.0' || host === '::';
  return isAny ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
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
