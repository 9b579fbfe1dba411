import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { eventKinds } from '../../src/model/event.ts';
import { secondMs } from '../../src/model/units.ts';
import { signatureOf } from '../../src/notify/body.ts';
import { type DeliveryLimits, type DeliveryOutcome, Webhook } from '../../src/notify/webhook.ts';
import { takenAtMs } from '../support/builders.ts';
import { anOpening } from './events.ts';
import { aReceiver, type Receiver } from './receiver.ts';

const limits: DeliveryLimits = {
  groupWaitMs: 30 * secondMs,
  timeoutMs: 10 * secondMs,
  attemptsMax: 4,
  retryFirstMs: 2 * secondMs,
  retryMaxMs: 60 * secondMs,
  queueMax: 100,
};

/** Sleeping takes no time, but is written down; `hold` makes it last until the sleeper is woken or its signal aborted. */
function aClock(options: { readonly random?: number; readonly hold?: (ms: number) => boolean } = {}) {
  let nowMs = takenAtMs;
  const sleeps: number[] = [];
  const held: (() => void)[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  return {
    sleeps,
    /** Resolves when so many sleeps have begun. */
    slept: (count: number): Promise<void> =>
      new Promise((resolve) => {
        if (sleeps.length >= count) resolve();
        else waiting.push({ count, resolve });
      }),
    wake: () => {
      for (const resolve of held.splice(0)) resolve();
    },
    now: () => nowMs,
    random: () => options.random ?? 0.5,
    sleep: (ms: number, signal?: AbortSignal): Promise<void> => {
      sleeps.push(ms);
      nowMs += ms;
      for (const { count, resolve } of waiting) if (sleeps.length >= count) resolve();
      if (options.hold?.(ms) !== true) return Promise.resolve();
      return new Promise((resolve, reject) => {
        held.push(resolve);
        signal?.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
      });
    },
  };
}

const open: Receiver[] = [];
afterEach(async () => {
  for (const receiver of open.splice(0)) await receiver.close();
});

/** A webhook to a receiver that answers the first requests with these statuses, and those after with 200. */
async function scene(
  options: {
    readonly statuses?: readonly number[];
    readonly answer?: (response: ServerResponse, place: number) => void;
    readonly limits?: Partial<DeliveryLimits>;
    readonly clock?: ReturnType<typeof aClock>;
    readonly url?: (url: string) => string;
    readonly format?: 'json' | 'slack';
  } = {},
) {
  const { statuses = [], clock = aClock() } = options;
  const receiver = await aReceiver(
    options.answer ??
      ((response, place) => {
        response.statusCode = statuses[place] ?? 200;
        response.end();
      }),
  );
  open.push(receiver);
  const outcomes: DeliveryOutcome[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const lines: string[] = [];
  const note = (fields: object, message: string): void => void lines.push(JSON.stringify([fields, message]));
  const webhook = new Webhook({
    name: 'dba-channel',
    url: options.url?.(receiver.url) ?? receiver.url,
    signingKey: 'the signing key',
    format: options.format ?? 'json',
    taste: { events: eventKinds, minSeverity: 'info' },
    limits: { ...limits, ...options.limits },
    clock,
    log: { debug: note, warn: note },
    settled: (outcome) => {
      outcomes.push(outcome);
      for (const { count, resolve } of waiting) if (outcomes.length >= count) resolve();
    },
  });
  const settled = (count: number): Promise<void> =>
    new Promise((resolve) => {
      if (outcomes.length >= count) resolve();
      else waiting.push({ count, resolve });
    });
  return { receiver, webhook, outcomes, settled, clock, lines };
}

describe('a webhook', () => {
  it('posts what it was told of, grouped, signed, after a wait', async () => {
    const { webhook, receiver, settled, outcomes, clock } = await scene();
    webhook.tell([anOpening(), anOpening({ findingId: 'b' })]);
    webhook.tell([anOpening({ findingId: 'c' })]);
    await settled(1);
    expect(outcomes).toEqual(['delivered']);
    expect(clock.sleeps).toEqual([30 * secondMs]);
    expect(receiver.received).toHaveLength(1);
    const [{ json, headers, body, path }] = receiver.received as [(typeof receiver.received)[0]];
    expect(json).toMatchObject({ server: 'main', kind: 'duplicate-index', count: 3 });
    expect(path).toBe('/hooks/T000/s3cret-path');
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    const timestamp = String(headers['x-indexwarden-timestamp']);
    expect(headers['x-indexwarden-signature']).toBe(`v1=${signatureOf(body, 'the signing key', timestamp)}`);
  });

  it('posts nothing when it is told of nothing it wants', async () => {
    const { webhook, receiver, clock } = await scene();
    webhook.tell([anOpening({ evidence: { origin: 'baseline' } })]);
    await webhook.close(1_000);
    expect([receiver.received, clock.sleeps]).toEqual([[], []]);
  });

  it('posts what is told while it is busy afterwards, in order', async () => {
    const clock = aClock();
    let told = false;
    const { webhook, receiver, settled } = await scene({
      clock,
      answer: (response) => {
        if (!told) webhook.tell([anOpening({ server: 'second' })]);
        told = true;
        response.end();
      },
    });
    webhook.tell([anOpening()]);
    await settled(2);
    expect(receiver.received.map(({ json }) => json.server)).toEqual(['main', 'second']);
  });

  it('posts a text to Slack', async () => {
    const { webhook, receiver, settled } = await scene({ format: 'slack' });
    webhook.tell([anOpening()]);
    await settled(1);
    expect(receiver.received[0]?.json.text).toMatch(/^main: 1 new finding/);
  });
});

describe('a receiver that does not take it', () => {
  it('is tried again, ever later, half of it by chance', async () => {
    const { webhook, receiver, settled, outcomes, clock } = await scene({ statuses: [503, 500, 429] });
    webhook.tell([anOpening()]);
    await settled(1);
    expect(outcomes).toEqual(['delivered']);
    expect(clock.sleeps).toEqual([30 * secondMs, 1_500, 3_000, 6_000]);
    const ids = receiver.received.map(({ headers }) => headers['x-indexwarden-delivery']);
    expect([ids.length, new Set(ids).size]).toEqual([4, 1]);
    const timestamps = receiver.received.map(({ headers }) => headers['x-indexwarden-timestamp']);
    expect(new Set(timestamps).size).toBeGreaterThan(1);
  });

  it('is given up after so many attempts, and the next message is tried', async () => {
    const statuses = [500, 500, 500, 500];
    const { webhook, settled, outcomes, lines } = await scene({ statuses });
    webhook.tell([anOpening(), anOpening({ server: 'other' })]);
    await settled(2);
    expect(outcomes).toEqual(['failed', 'delivered']);
    const said = lines.filter((line) => /cannot be delivered|delivered again/.test(line));
    expect(said).toHaveLength(2);
  });

  it.each([400, 401, 404, 410])('is not tried again after %i', async (status) => {
    const { webhook, receiver, settled, outcomes } = await scene({ statuses: [status] });
    webhook.tell([anOpening()]);
    await settled(1);
    expect([outcomes, receiver.received.length]).toEqual([['rejected'], 1]);
  });

  it('is not followed elsewhere', async () => {
    const elsewhere = await aReceiver();
    open.push(elsewhere);
    const { webhook, settled, outcomes } = await scene({
      answer: (response) => response.writeHead(307, { Location: elsewhere.url }).end(),
    });
    webhook.tell([anOpening()]);
    await settled(1);
    expect([outcomes, elsewhere.received]).toEqual([['rejected'], []]);
  });

  it('may say when to come again, within bounds', async () => {
    const waits = ['7', '86400', 'tomorrow'];
    const { webhook, settled, clock } = await scene({
      answer: (response, place) => {
        const wait = waits[place];
        if (wait !== undefined) response.writeHead(429, { 'Retry-After': wait });
        response.end();
      },
    });
    webhook.tell([anOpening()]);
    await settled(1);
    expect(clock.sleeps.slice(1)).toEqual([7_000, 60_000, 6_000]);
  });

  it('may never answer: the attempt ends after its time', async () => {
    const { webhook, settled, outcomes, lines } = await scene({
      answer: () => {},
      limits: { timeoutMs: 50, attemptsMax: 1 },
    });
    webhook.tell([anOpening()]);
    await settled(1);
    expect(outcomes).toEqual(['failed']);
    expect(lines.join()).toContain('no answer in time');
  });

  it('may answer without end: nothing of it is read', async () => {
    let isClosed: () => void;
    const closed = new Promise<void>((resolve) => {
      isClosed = resolve;
    });
    const { webhook, settled, outcomes } = await scene({
      answer: (response) => {
        response.on('close', () => isClosed());
        const pour = (): void => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
          if (!response.destroyed) response.once('drain', pour);
        };
        pour();
      },
    });
    webhook.tell([anOpening()]);
    await settled(1);
    await closed;
    expect(outcomes).toEqual(['delivered']);
  });

  it('may not be there: said without the address, which may be a secret', async () => {
    const { webhook, settled, outcomes, lines } = await scene({
      limits: { attemptsMax: 1 },
      url: (url) => url.replace(/:\d+/, ':1'),
    });
    webhook.tell([anOpening()]);
    await settled(1);
    expect(outcomes).toEqual(['failed']);
    expect(lines.join()).toContain('ECONNREFUSED');
    expect(lines.join()).not.toMatch(/s3cret|signing key|127\.0\.0\.1/);
  });

  it('leaves the oldest behind when too many wait', async () => {
    const { webhook, receiver, settled, outcomes } = await scene({ limits: { queueMax: 2 } });
    webhook.tell(['a', 'b', 'c', 'd'].map((server) => anOpening({ server })));
    await settled(4);
    expect(outcomes).toEqual(['dropped', 'dropped', 'delivered', 'delivered']);
    expect(receiver.received.map(({ json }) => json.server)).toEqual(['c', 'd']);
  });

  it('is told of no more than ten thousand events at a time', async () => {
    const clock = aClock({ hold: (ms) => ms === limits.groupWaitMs });
    const { webhook, receiver, settled, lines } = await scene({ clock });
    for (let times = 0; times < 12; times += 1)
      webhook.tell(Array.from({ length: 1_000 }, () => anOpening()));
    clock.wake();
    await settled(1);
    expect(receiver.received[0]?.json.count).toBe(10_000);
    expect(lines.join()).toContain('webhook-flooded');
  });
});

describe('the end', () => {
  it('delivers what waits at once', async () => {
    const clock = aClock({ hold: () => true });
    const { webhook, receiver, outcomes } = await scene({ clock });
    webhook.tell([anOpening()]);
    await webhook.close(10 * secondMs);
    expect([outcomes, receiver.received.length]).toEqual([['delivered'], 1]);
  });

  it('tries each message once more, and gives up what is not taken', async () => {
    const clock = aClock({ hold: (ms) => ms !== limits.groupWaitMs });
    const { webhook, receiver, outcomes } = await scene({ clock, statuses: [500, 500, 500] });
    webhook.tell([anOpening(), anOpening({ server: 'other' })]);
    await clock.slept(2);
    await webhook.close(10 * secondMs);
    expect([outcomes, receiver.received.length]).toEqual([['abandoned', 'abandoned'], 3]);
  });

  it('does not wait for a receiver that does not answer', async () => {
    const { webhook, receiver, outcomes } = await scene({ answer: () => {} });
    webhook.tell([anOpening(), anOpening({ server: 'other' })]);
    await receiver.count(1);
    await webhook.close(0);
    expect(outcomes).toEqual(['abandoned', 'abandoned']);
  });

  it('takes nothing more', async () => {
    const { webhook, receiver } = await scene();
    await webhook.close(0);
    webhook.tell([anOpening()]);
    await webhook.close(1_000);
    expect(receiver.received).toEqual([]);
  });
});
