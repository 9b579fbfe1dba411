import { connect, createServer, type Socket } from 'node:net';

/** How a connection breaks: it ends in order, it is reset, or nothing comes any more. */
export type Break = 'end' | 'reset' | 'stall';

/** A TCP proxy on loopback that can be told to misbehave. */
export interface LoopbackProxy {
  readonly port: number;
  /** Connections are accepted and kept, and no byte passes either way: a half-open network. */
  stall(): void;
  /** Whoever connects is thrown out at once; who was there already is too. */
  refuse(): void;
  /** Passes so many more bytes of the server's, over all connections; then all of them, and those that come, break in a way. */
  breakAfter(bytes: number, how: Break): void;
  /** Every packet of the server's is late by so much. */
  delay(ms: number): void;
  /** Bytes pass again, those that were held first; what was broken stays broken, who comes is let in. */
  resume(): void;
  /** Bytes that came from the server so far. */
  readonly received: number;
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
  let received = 0;
  let lateMs = 0;
  let breaking: { left: number; readonly how: Break } | undefined;
  /** Both ends of what passes through; until both are closed, since a soak goes through thousands. */
  const joined = new Set<readonly [Socket, Socket]>();
  const all = (): readonly Socket[] => [...joined].flat();
  const breakUp = (client: Socket, upstream: Socket, how: Break): void => {
    if (how === 'stall') {
      client.pause();
      upstream.pause();
      return;
    }
    if (how === 'end') client.end();
    else client.resetAndDestroy();
    upstream.destroy();
  };
  /** What of the bytes may pass; breaks all connections when there is no more. */
  const allowed = (bytes: Buffer): Buffer => {
    received += bytes.length;
    if (breaking === undefined) return bytes;
    const part = bytes.subarray(0, breaking.left);
    breaking.left -= part.length;
    return part;
  };
  const server = createServer((client) => {
    accepted += 1;
    if (isRefusing) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    const pair = [client, upstream] as const;
    joined.add(pair);
    sockets.add(client);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('error', () => {});
      from.on('data', (bytes: Buffer) => {
        if (from === client) {
          to.write(bytes);
          return;
        }
        const part = allowed(bytes);
        const pass = (): void => {
          if (!to.destroyed) to.write(part);
          if (breaking?.left === 0) for (const both of joined) breakUp(...both, breaking.how);
        };
        if (lateMs > 0) setTimeout(pass, lateMs);
        else pass();
      });
      from.on('close', () => {
        sockets.delete(from);
        if (!isStalled) to.destroy();
        if (pair.every((socket) => socket.destroyed)) joined.delete(pair);
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
      for (const socket of all()) socket.pause();
    },
    refuse: () => {
      isRefusing = true;
      for (const socket of all()) socket.destroy();
    },
    resume: () => {
      isStalled = false;
      isRefusing = false;
      lateMs = 0;
      // A stream with a gap in it is no stream any more.
      if (breaking?.left === 0) for (const socket of all()) socket.destroy();
      breaking = undefined;
      for (const socket of all()) socket.resume();
    },
    breakAfter: (bytes, how) => {
      breaking = { left: bytes, how };
      if (bytes === 0) for (const pair of joined) breakUp(...pair, how);
    },
    delay: (ms) => {
      lateMs = ms;
    },
    get received() {
      return received;
    },
    get accepted() {
      return accepted;
    },
    get open() {
      return sockets.size;
    },
    close: async () => {
      for (const socket of all()) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The same connection string by way of the proxy. */
export const through = (proxy: LoopbackProxy, url: string): string => throughPort(proxy.port, url);

/** The same connection string by way of a port of this machine. */
export function throughPort(port: number, url: string): string {
  const changed = new URL(url);
  changed.hostname = '127.0.0.1';
  changed.port = String(port);
  return changed.href;
}
