import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { afterEach, describe, expect, test } from 'vitest';
import { createEventStreams, type EventStreams, usualStreams } from '../../src/http/api/event-stream.ts';
import { setRequestId } from '../../src/http/problem.ts';
import type { DiaryEvent, EventKind } from '../../src/model/event.ts';
import { memoryStore } from '../../src/store/store.ts';
import { takenAtMs } from '../support/builders.ts';
import { eventually } from '../support/processes.ts';

const target = { server: 'main', datname: 'shop' };
const anEvent = (title: string, kind: EventKind = 'finding-opened', server = 'main'): DiaryEvent => ({
  ...{ kind, atMs: takenAtMs, server, datname: 'shop', schemaname: null, relname: null, indexrelname: null },
  ...{ node: null, findingId: null, title, evidence: {} },
});

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

async function aStreamServer(options: Partial<typeof usualStreams> = {}) {
  const store = memoryStore();
  const streams: EventStreams = createEventStreams(store, { ...usualStreams, ...options });
  const app = express();
  app.use((_request, response, next) => {
    setRequestId(response, 'request-1');
    next();
  });
  app.get('/', streams.serve);
  const server: Server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(() => {
    streams.close();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const write = async (...events: readonly DiaryEvent[]): Promise<void> => {
    await store.keepLedger(target, await store.ledgerOf(target), events);
    streams.wake();
  };
  const listen = async (query = '', headers: Record<string, string> = {}) => {
    const request = get({ host: '127.0.0.1', port, path: `/${query}`, headers });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    response.on('error', () => {});
    open.push(() => request.destroy());
    return { response, text: () => text, leave: () => request.destroy() };
  };
  return { write, listen, streams };
}

const titlesIn = (text: string): readonly string[] =>
  [...text.matchAll(/^data: (.*)$/gm)].map(
    ([, data = '{}']) => (JSON.parse(data) as { title: string }).title,
  );

describe('GET /events/stream', () => {
  test('sends events as they are written, in their order, each with its id and kind', async () => {
    const { write, listen } = await aStreamServer();
    await write(anEvent('before'));
    const { response, text } = await listen();
    expect(response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    await write(anEvent('first'), anEvent('second', 'index-created'));
    await write(anEvent('third'));
    await eventually('three events', () => titlesIn(text()).length >= 3);
    expect(titlesIn(text())).toEqual(['first', 'second', 'third']);
    expect(text()).toContain('id: 3\nevent: index-created\ndata: {');
    expect(text()).toMatch(/^retry: 5000\n\n/);
  });

  test('goes on behind the event that a client saw last', async () => {
    const { write, listen } = await aStreamServer();
    await write(anEvent('one'), anEvent('two'), anEvent('three'));
    const { text } = await listen('', { 'Last-Event-ID': '1' });
    await eventually('what was missed', () => titlesIn(text()).length >= 2);
    expect(titlesIn(text())).toEqual(['two', 'three']);
  });

  test('begins with what is new for a client with the number of a diary that is gone, or none at all', async () => {
    const { write, listen } = await aStreamServer();
    await write(anEvent('old'));
    const streams = await Promise.all(
      ['900', 'x', '-1', '1e3', ''].map((id) => listen('', { 'Last-Event-ID': id })),
    );
    await write(anEvent('new'));
    for (const { text } of streams) {
      await eventually('the new event', () => titlesIn(text()).length > 0);
      expect(titlesIn(text())).toEqual(['new']);
    }
  });

  test('sends only what is asked for', async () => {
    const { write, listen } = await aStreamServer();
    const { text } = await listen('?kind=index-created&kind=index-dropped&server=main');
    await write(anEvent('no'), anEvent('other', 'index-dropped', 'other'), anEvent('yes', 'index-dropped'));
    await eventually('the event', () => titlesIn(text()).length > 0);
    expect(titlesIn(text())).toEqual(['yes']);
  });

  test('says that events are missing rather than replaying without end', async () => {
    const { write, listen } = await aStreamServer({ replayMax: 2 });
    await write(...['a', 'b', 'c', 'd'].map((title) => anEvent(title)));
    const { text } = await listen('', { 'Last-Event-ID': '1' });
    await eventually('the newest', () => titlesIn(text()).includes('d'));
    expect(titlesIn(text())).toEqual(['c', 'd']);
    expect(text()).toContain(': older events are missing here');
  });

  test('refuses what it does not know, and more streams than it holds; one that leaves makes room', async () => {
    const { listen } = await aStreamServer({ streamsMax: 1 });
    expect((await listen('?kind=nothing')).response.statusCode).toBe(400);
    expect((await listen('?limit=7')).response.statusCode).toBe(400);
    const first = await listen();
    expect(first.response.statusCode).toBe(200);
    const second = await listen();
    expect(second.response.statusCode).toBe(503);
    expect(second.response.headers['retry-after']).toBe('60');
    first.leave();
    await eventually('room', async () => (await listen()).response.statusCode === 200);
  });

  test('is kept alive, and ended when the daemon stops', async () => {
    const { listen, streams } = await aStreamServer({ heartbeatMs: 5 });
    const { response, text } = await listen();
    await eventually('a sign of life', () => text().includes(': nothing new'));
    const ended = once(response, 'end');
    streams.close();
    await ended;
  });

  test('cuts off a client that does not read', async () => {
    const { write, listen } = await aStreamServer({ bufferedBytesMax: 1_000, replayMax: 5_000 });
    const { response } = await listen();
    response.pause();
    const closed = new Promise((resolve) => response.once('close', resolve));
    const large = anEvent('x'.repeat(100_000));
    for (let round = 0; round < 60 && !response.closed; round += 1) await write(large, large);
    response.resume();
    await closed;
  });
});
