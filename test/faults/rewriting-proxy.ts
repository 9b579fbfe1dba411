import { connect, createServer, type Socket } from 'node:net';
import type { LoopbackProxy } from '../support/proxy.ts';

/**
 * A proxy that passes everything but for one thing: bytes that a server sends are replaced by as many others, as though it were of
 * another version. What is replaced must not be split over two packets; the answers it is used for are small.
 */
export async function startRewritingProxy(
  url: string,
  replacements: readonly (readonly [string, string])[],
): Promise<Pick<LoopbackProxy, 'port' | 'close'>> {
  const target = new URL(url);
  const pairs = replacements.map(([from, to]) => {
    if (Buffer.byteLength(from) !== Buffer.byteLength(to))
      throw new Error(`${from} and ${to} differ in length`);
    return [Buffer.from(from, 'latin1'), Buffer.from(to, 'latin1')] as const;
  });
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (bytes) => void upstream.write(bytes));
    upstream.on('data', (bytes: Buffer) => {
      for (const [from, to] of pairs)
        for (let at = bytes.indexOf(from); at !== -1; at = bytes.indexOf(from, at + 1)) to.copy(bytes, at);
      client.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    port: address.port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
