import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  // biome-ignore lint/suspicious/noExplicitAny: what is in it is what the tests are about
  readonly json: any;
}

export interface Receiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** Resolves when so many requests have come. */
  readonly count: (requests: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** A server that takes what webhooks send; `answer` decides on the answer to each request, by its place. */
export async function aReceiver(
  answer: (response: ServerResponse, place: number) => void = (response) => response.end(),
): Promise<Receiver> {
  const received: Received[] = [];
  const waiting: { readonly requests: number; readonly resolve: () => void }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      received.push({ path: request.url ?? '', headers: request.headers, body, json: JSON.parse(body) });
      answer(response, received.length - 1);
      for (const { requests, resolve } of waiting) if (received.length >= requests) resolve();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A TCP server that listens has an address of this form.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hooks/T000/s3cret-path`,
    received,
    count: (requests) =>
      new Promise((resolve) => {
        if (received.length >= requests) resolve();
        else waiting.push({ requests, resolve });
      }),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
