import { connect, createServer, type Socket } from 'node:net';

/** An attempt to connect, as the proxy saw it. */
export interface Attempt {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** What the startup message asks for. */
  readonly database: string;
}

/** A proxy before a PostgreSQL server that notes who wants to connect, and may refuse or fall silent. Without TLS. */
export interface RecordingProxy {
  readonly port: number;
  /** Attempts so far, in order; requests to cancel are none. */
  readonly attempts: readonly Attempt[];
  /** Passes everything on. */
  pass(): void;
  /** Ends whoever is connected, and each who tries once it has said which database it wants. */
  refuse(): void;
  /** No byte passes, and nobody learns that the other side has gone, until `pass`: a network that is down. */
  stall(): void;
  close(): Promise<void>;
}

const cancelRequest = 80_877_102;

export async function startRecordingProxy(url: string): Promise<RecordingProxy> {
  const target = new URL(url);
  const attempts: Attempt[] = [];
  const pairs = new Set<readonly [Socket, Socket]>();
  let mode: 'pass' | 'refuse' | 'stall' = 'pass';
  /** What is to be done when the network is up again. */
  let later: (() => void)[] = [];
  const whenUp = (work: () => void): void => {
    if (mode === 'stall') later.push(work);
    else work();
  };

  const join = (client: Socket, first: Buffer): void => {
    // An end is passed on as one: a client that takes leave waits until the server has closed, as without us.
    const upstream = connect({ port: Number(target.port), host: target.hostname, allowHalfOpen: true });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    upstream.write(first);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('error', () => {});
      from.on('data', (bytes) => whenUp(() => to.write(bytes)));
      from.on('end', () => whenUp(() => to.end()));
      from.on('close', () => {
        whenUp(() => {
          to.destroy();
          pairs.delete(pair);
        });
      });
    }
    client.resume();
  };

  const server = createServer({ allowHalfOpen: true }, (client) => {
    client.on('error', () => {});
    let head = Buffer.alloc(0);
    const onData = (bytes: Buffer): void => {
      head = Buffer.concat([head, bytes]);
      if (head.length < 8 || head.length < head.readInt32BE(0)) return;
      client.off('data', onData);
      client.pause();
      if (head.readInt32BE(4) !== cancelRequest)
        attempts.push({ atMs: Date.now(), database: databaseIn(head) });
      whenUp(() => {
        if (mode === 'refuse' || client.destroyed) client.destroy();
        else join(client, head);
      });
    };
    client.on('data', onData);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  const turn = (next: typeof mode): void => {
    mode = next;
    if (mode === 'stall') return;
    const work = later;
    later = [];
    for (const one of work) one();
  };
  const endAll = (): void => {
    for (const socket of [...pairs].flat()) socket.destroy();
  };
  return {
    port: address.port,
    attempts,
    pass: () => turn('pass'),
    refuse: () => {
      turn('refuse');
      endAll();
    },
    stall: () => turn('stall'),
    close: async () => {
      turn('refuse');
      endAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The same connection string by way of the proxy, without TLS. */
export function byWayOf({ port }: RecordingProxy, url: string): string {
  const changed = new URL(url);
  changed.hostname = '127.0.0.1';
  changed.port = String(port);
  changed.searchParams.set('sslmode', 'disable');
  return changed.href;
}

/** Names and values follow the length and the version, each ended by a zero. */
function databaseIn(startup: Buffer): string {
  const words = startup.toString('utf8', 8).split('\0');
  const place = words.findIndex((word, at) => at % 2 === 0 && word === 'database');
  return words[place + 1] ?? '';
}
