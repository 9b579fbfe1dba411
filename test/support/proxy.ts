import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy on loopback that can be told to misbehave. */
export interface LoopbackProxy {
  readonly port: number;
  /** Connections are accepted and kept, and no byte passes either way: a half-open network. */
  stall(): void;
  /** Whoever connects is thrown out at once; who was there already is too. */
  refuse(): void;
  /** Bytes pass again, those that were held first. */
  resume(): void;
  /** How many connections a client has made, and how many of them are still open. */
  readonly accepted: number;
  readonly open: number;
  close(): Promise<void>;
}

/** Starts a proxy in front of the server of a connection string. */
export async function startProxy(url: string): Promise<LoopbackProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let isStalled = false;
  let isRefusing = false;
  let accepted = 0;
  const joined: (readonly [Socket, Socket])[] = [];
  const server = createServer((client) => {
    accepted += 1;
    if (isRefusing) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    joined.push([client, upstream]);
    sockets.add(client);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('error', () => {});
      from.on('data', (bytes) => {
        to.write(bytes);
      });
      from.on('close', () => {
        sockets.delete(from);
        if (!isStalled) to.destroy();
      });
      if (isStalled) from.pause();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    port: address.port,
    stall: () => {
      isStalled = true;
      for (const socket of joined.flat()) socket.pause();
    },
    refuse: () => {
      isRefusing = true;
      for (const socket of joined.flat()) socket.destroy();
    },
    resume: () => {
      isStalled = false;
      isRefusing = false;
      for (const socket of joined.flat()) socket.resume();
    },
    get accepted() {
      return accepted;
    },
    get open() {
      return sockets.size;
    },
    close: async () => {
      for (const socket of joined.flat()) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The same connection string by way of the proxy. */
export function through(proxy: LoopbackProxy, url: string): string {
  const changed = new URL(url);
  changed.hostname = '127.0.0.1';
  changed.port = String(proxy.port);
  return changed.href;
}
