import type { ServerOptions as HttpServerOptions, RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { secureContextOptionsOf, type WebTls } from '../config/web-config.ts';
import type { HttpLog } from './guard.ts';

/** Where a TLS server has its certificate from. */
export interface TlsSource {
  /** What is in force now; the same object as long as nothing changed. */
  readonly current: () => WebTls;
  readonly log: HttpLog;
}

/**
 * A server that speaks HTTP/1.1 over TLS. Each new connection gets what is in force when it comes: certificate, versions, and whether
 * a certificate of the client's is wanted; those that stand are left alone.
 */
export function createTlsServer(
  settings: HttpServerOptions & { readonly handshakeTimeout: number },
  app: RequestListener,
  { current, log }: TlsSource,
): Server {
  let inForce = current();
  const server = createServer(
    {
      ...settings,
      ...secureContextOptionsOf(inForce),
      ALPNProtocols: ['http/1.1'],
      // Who is let in is decided below, by what is in force then.
      requestCert: inForce.clients !== 'none',
      rejectUnauthorized: false,
    },
    app,
  );
  // Before Node.js begins the handshake.
  server.prependListener('connection', () => {
    const wanted = current();
    if (wanted === inForce) return;
    try {
      server.setSecureContext(secureContextOptionsOf(wanted));
      // Node.js looks at this for each connection, but has no method to set it. Should that change, nobody comes in by it:
      // a certificate that is wanted and was not asked for is a refusal.
      Object.assign(server, { requestCert: wanted.clients !== 'none' });
      inForce = wanted;
    } catch (error) {
      log.error({ event: 'web-config-failed', error: String(error) }, 'TLS goes on with what was in force');
    }
  });
  server.prependListener('secureConnection', (socket) => {
    const why = whyRefused(socket, inForce);
    if (why === undefined) return;
    log.debug({ event: 'client-refused', client: socket.remoteAddress, why }, 'a client was refused');
    socket.destroy();
  });
  return server;
}

function whyRefused(socket: TLSSocket, { clients, allowedSans }: WebTls): string | undefined {
  if (clients === 'none' || clients === 'asked') return undefined;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined)
    return clients === 'verified-if-given' ? undefined : 'it showed no certificate';
  if (clients !== 'required' && !socket.authorized)
    return `its certificate is not good: ${socket.authorizationError}`;
  if (allowedSans === undefined) return undefined;
  const names = namesIn(certificate.subjectAltName ?? '');
  return allowedSans.some((allowed) => names.has(allowed))
    ? undefined
    : 'its certificate has none of the allowed names';
}

/** Names of `DNS:a.example, IP Address:127.0.0.1, URI:…`; those with odd characters stand in quotes, as JSON. */
export function namesIn(subjectAltName: string): ReadonlySet<string> {
  const names = new Set<string>();
  const entry = /(?:^|, )(?:DNS|IP Address|URI|email):(?:("(?:[^"\\]|\\.)*")|([^,]*))/g;
  for (const [, quoted, plain] of subjectAltName.matchAll(entry)) {
    const name = quoted === undefined ? plain : unquoted(quoted);
    if (name !== undefined) names.add(name);
  }
  return names;
}

function unquoted(text: string): string | undefined {
  try {
    return String(JSON.parse(text));
  } catch {
    return undefined;
  }
}
