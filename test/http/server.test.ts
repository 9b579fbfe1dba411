import { once } from 'node:events';
import { get, type RequestListener } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { ListenError } from '../../src/http/listen-error.ts';
import { type RunningServer, startServer } from '../../src/http/server.ts';
import { sendTo } from './daemon.ts';

const hello: RequestListener = (_request, response) => response.end('hello');
const local = { host: '127.0.0.1', port: 0 };

const running: RunningServer[] = [];
const start = async (...given: Parameters<typeof startServer>): Promise<RunningServer> => {
  const server = await startServer(...given);
  running.push(server);
  return server;
};
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close(0)));
});

describe('starting', () => {
  test('tells the address to open', async () => {
    const server = await start({ app: hello, listen: local });
    expect(server.address).toBe(`http://127.0.0.1:${server.port}`);
    expect((await sendTo(server.port, 'GET', '/')).text).toBe('hello');
  });

  test('on a port that is taken names the address and what to do', async () => {
    const { port } = await start({ app: hello, listen: local });
    const second = startServer({ app: hello, listen: { host: '127.0.0.1', port } });
    await expect(second).rejects.toThrow(ListenError);
    await expect(second).rejects.toThrow(`127.0.0.1:${port}: the port is taken`);
    await expect(second).rejects.toThrow('--http.listen');
  });

  test('on an address that is not ours says so', async () => {
    await expect(startServer({ app: hello, listen: { host: '192.0.2.1', port: 0 } })).rejects.toThrow(
      'this machine has no such address',
    );
  });
});

describe('bounds', () => {
  test('a client that does not finish its headers is cut off', async () => {
    const server = await start({
      app: hello,
      listen: local,
      limits: { headersTimeoutMs: 50, requestTimeoutMs: 50 },
    });
    const socket = connect(server.port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    await once(socket, 'close');
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('headers and URLs have an end', async () => {
    const server = await start({ app: hello, listen: local, limits: { headerBytesMax: 2048 } });
    expect((await sendTo(server.port, 'GET', `/${'x'.repeat(4000)}`)).status).toBe(431);
  });
});

describe('closing', () => {
  test('lets requests under way finish and takes no more', async () => {
    const { promise: answered, resolve: answer } = withResolvers();
    const { promise: reached, resolve: reach } = withResolvers();
    const server = await startServer({
      app: (_request, response) => {
        reach();
        void answered.then(() => response.end('late'));
      },
      listen: local,
    });
    const request = get({ host: '127.0.0.1', port: server.port });
    const response = once(request, 'response');
    await reached;
    const closed = server.close(5_000);
    await expect(sendTo(server.port, 'GET', '/')).rejects.toThrow('ECONNREFUSED');
    answer();
    const [answered200] = await response;
    answered200.resume();
    expect(answered200.statusCode).toBe(200);
    await closed;
  });

  test('cuts off what takes longer than the grace', async () => {
    const { promise: reached, resolve: reach } = withResolvers();
    const server = await startServer({ app: () => reach(), listen: local });
    const request = get({ host: '127.0.0.1', port: server.port });
    const failed = once(request, 'error');
    await reached;
    await server.close(20);
    const [error] = await failed;
    expect(error.code).toBe('ECONNRESET');
  });
});

/** `Promise.withResolvers` is not in Node.js 20. */
function withResolvers() {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
