import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** What a client hears that sent something that is no request, too much of one, or too slowly. */
const problems: ReadonlyMap<string, readonly [status: number, title: string, detail: string]> = new Map([
  [
    'HPE_HEADER_OVERFLOW',
    [431, 'Request Header Fields Too Large', 'the address and the headers together are too long'],
  ],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', [413, 'Content Too Large', 'the extensions of a chunk are too long']],
  ['ERR_HTTP_REQUEST_TIMEOUT', [408, 'Request Timeout', 'the request did not arrive in time']],
]);

/** Answers what never becomes a request with a problem, too, and closes the connection. */
export function answerMalformed(server: Server): void {
  /** Answers under way: nothing may be written between their parts. */
  const answering = new WeakMap<object, ServerResponse>();
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    answering.set(request.socket, response);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const code = error.code ?? '';
    const response = answering.get(socket);
    const isBusy = response?.headersSent === true && !response.writableEnded;
    // Whatever else goes wrong below HTTP, such as a handshake: nobody there would understand an answer.
    const isUnderstood = code.startsWith('HPE_') || problems.has(code);
    if (!isUnderstood || isBusy || !socket.writable) return void socket.destroy();
    const [status, title, detail] = problems.get(code) ?? [400, 'Bad Request', 'this is no HTTP/1.1 request'];
    const body = `${JSON.stringify({ type: 'about:blank', status, title, detail, requestId: randomUUID() }, undefined, 2)}\n`;
    const head = [
      `HTTP/1.1 ${status} ${title}`,
      'Content-Type: application/problem+json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Cache-Control: no-store',
      'X-Content-Type-Options: nosniff',
      'Connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
  });
}
