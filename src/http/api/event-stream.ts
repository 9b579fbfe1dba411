import type { RequestHandler, Response } from 'express';
import type { KeptEvent } from '../../model/event.ts';
import { secondMs } from '../../model/units.ts';
import { badRequest, sendProblem } from '../problem.ts';
import { queryOf } from '../query.ts';
import { type EventSource, eventFilters, viewOf } from './events.ts';
import { createQueryReader } from './list.ts';

/** `GET /events/stream`: server-sent events, one for each line of the diary as it is written. */
export interface EventStreams {
  readonly serve: RequestHandler;
  /** Something was written: every stream looks for what is new to it. */
  readonly wake: () => void;
  /** Ends all streams, so that the server can close. Clients come back by themselves. */
  readonly close: () => void;
}

export interface EventStreamOptions {
  /** Streams at once: each holds a connection for as long as it is open. */
  readonly streamsMax: number;
  /** A comment is sent this often, so that proxies do not take a quiet stream for a dead one. */
  readonly heartbeatMs: number;
  /** Events that a client that comes back is given at most; of older ones it is told that they are missing. */
  readonly replayMax: number;
  /** Bytes that wait for a slow client before it is cut off. */
  readonly bufferedBytesMax: number;
}

export const usualStreams: EventStreamOptions = {
  streamsMax: 32,
  heartbeatMs: 15 * secondMs,
  replayMax: 1_000,
  bufferedBytesMax: 1_048_576,
};

/** How long a client waits before it comes back, in ms: a daemon restarts in less. */
const retryMs = 5_000;

interface Stream {
  readonly response: Response;
  readonly isAsked: (event: KeptEvent) => boolean;
  /** The newest event that was sent, or passed over. */
  lastId: number;
  /** One look at a time; another one was asked for meanwhile. */
  isLooking: boolean;
  isWoken: boolean;
}

export function createEventStreams(
  source: EventSource,
  options: EventStreamOptions = usualStreams,
): EventStreams {
  const streams = new Set<Stream>();
  const read = createQueryReader('events', eventFilters, { pageSizeMax: 1 });
  const heartbeat = setInterval(() => {
    for (const { response } of streams) response.write(': nothing new\n\n');
  }, options.heartbeatMs);
  heartbeat.unref();

  const wake = (stream: Stream): void => {
    stream.isWoken = true;
    if (stream.isLooking) return;
    stream.isLooking = true;
    void look(stream, source, options)
      // Its client comes back and begins behind what it has seen.
      .catch(() => stream.response.destroy())
      .finally(() => {
        stream.isLooking = false;
      });
  };

  const serve: RequestHandler = async (request, response) => {
    const asked = read(queryOf(request.url));
    if (!asked.ok) return sendProblem(response, badRequest(asked.error));
    if (streams.size >= options.streamsMax) {
      response.set('Retry-After', '60');
      const detail = `${options.streamsMax} streams are open already; read /api/v1/events instead`;
      return sendProblem(response, { status: 503, title: 'Too many streams', detail });
    }
    const { server, datname, kind } = asked.value.filters;
    const lastEventId = request.get('last-event-id') ?? '';
    const [newest] = await source.eventsOf({ limit: 1 });
    const newestId = newest?.id ?? 0;
    const stream: Stream = {
      response,
      isAsked: (event) =>
        (server?.includes(event.server) ?? true) &&
        (datname?.includes(event.datname) ?? true) &&
        (kind?.includes(event.kind) ?? true),
      // A number that was never given out is of a diary that is gone: without a file it begins anew with the daemon.
      lastId: /^\d{1,15}$/.test(lastEventId) ? Math.min(Number(lastEventId), newestId) : newestId,
      isLooking: false,
      isWoken: false,
    };
    response.status(200).set({
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      // Nginx would hold events back until a buffer is full.
      'X-Accel-Buffering': 'no',
    });
    response.write(`retry: ${retryMs}\n\n`);
    streams.add(stream);
    response.on('close', () => streams.delete(stream));
    wake(stream);
  };

  return {
    serve,
    wake: () => {
      for (const stream of streams) wake(stream);
    },
    close: () => {
      clearInterval(heartbeat);
      for (const { response } of streams) response.end();
    },
  };
}

/** Sends what is newer than what the stream has seen, oldest first, until nothing is. */
async function look(stream: Stream, source: EventSource, options: EventStreamOptions): Promise<void> {
  const { response } = stream;
  while (stream.isWoken && !response.closed) {
    stream.isWoken = false;
    const newest = await source.eventsOf({ limit: options.replayMax + 1 });
    const unseen = newest.filter(({ id }) => id > stream.lastId);
    if (unseen.length > options.replayMax)
      response.write(': older events are missing here; /api/v1/events has them\n\n');
    for (const event of unseen.slice(0, options.replayMax).reverse()) {
      stream.lastId = event.id;
      if (!stream.isAsked(event)) continue;
      response.write(`id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(viewOf(event))}\n\n`);
      if (response.writableLength > options.bufferedBytesMax) return void response.destroy();
    }
  }
}
