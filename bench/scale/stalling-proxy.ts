import { connect, createServer, type Socket } from 'node:net';

/** Stands between the daemon and the server, and lets the answers to one database hang when told to. */
export interface StallingProxy {
  readonly port: number;
  /** From now on connections to this database get no answer, those that are open included; `undefined`: all go on. */
  stall(database: string | undefined): void;
  close(): void;
}

export function startStallingProxy(upstreamPort: number): Promise<StallingProxy> {
  let stalled: string | undefined;
  const open = new Set<{
    readonly client: Socket;
    readonly upstream: Socket;
    database: string | undefined;
  }>();
  const heed = (): void => {
    for (const { upstream, database } of open)
      if (database !== undefined && database === stalled) upstream.pause();
      else upstream.resume();
  };
  const server = createServer((client) => {
    const upstream = connect(upstreamPort, '127.0.0.1');
    const pair: { client: Socket; upstream: Socket; database: string | undefined } = {
      client,
      upstream,
      database: undefined,
    };
    open.add(pair);
    client.on('data', (chunk) => {
      // The startup packet names the database; after it nothing is looked at.
      if (pair.database === undefined) {
        pair.database = /database\0([^\0]+)\0/.exec(chunk.toString('latin1'))?.[1];
        if (pair.database !== undefined) heed();
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => client.write(chunk));
    const end = (): void => {
      open.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      socket.on('error', end);
      socket.on('close', end);
    }
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({
        port: address !== null && typeof address === 'object' ? address.port : 0,
        stall: (database) => {
          stalled = database;
          heed();
        },
        close: () => {
          for (const { client, upstream } of open) {
            client.destroy();
            upstream.destroy();
          }
          server.close();
        },
      });
    });
  });
}
