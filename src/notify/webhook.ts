import type { DiaryEvent } from '../model/event.ts';
import { bodyOf, type Format, headersOf } from './body.ts';
import { isWanted, messagesOf, type Taste } from './message.ts';
import { type Attempt, post } from './post.ts';

/** Time and chance, passed in so that tests decide both; the scheduler's clock is one. */
export interface NotifyClock {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Resolves after the time, or rejects at once when the signal is aborted. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** 0 to 1, 1 excluded. */
  readonly random: () => number;
}

export interface NotifyLog {
  readonly debug: (fields: object, message: string) => void;
  readonly warn: (fields: object, message: string) => void;
}

export interface WebhookOptions {
  readonly name: string;
  readonly url: string;
  readonly signingKey: string | undefined;
  readonly format: Format;
  readonly taste: Taste;
  readonly limits: DeliveryLimits;
  readonly clock: NotifyClock;
  readonly log: NotifyLog;
  /** Called when it is settled what became of a message. */
  readonly settled: (outcome: DeliveryOutcome) => void;
}

export interface DeliveryLimits {
  /** How long events are gathered before they are sent. */
  readonly groupWaitMs: number;
  readonly timeoutMs: number;
  readonly attemptsMax: number;
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  /** Messages that may wait; beyond, the oldest is dropped. */
  readonly queueMax: number;
}

/**
 * delivered; rejected by the receiver; failed after all attempts; dropped because too many waited; abandoned because the daemon
 * ended or was configured anew.
 */
export const deliveryOutcomes = ['delivered', 'rejected', 'failed', 'dropped', 'abandoned'] as const;
export type DeliveryOutcome = (typeof deliveryOutcomes)[number];

/** Events gathered beyond this many are dropped: a flood while a receiver does not answer. */
const gatheredMax = 10_000;

/** One receiver: gathers events, groups them, and posts the messages one after the other, in order. */
export class Webhook {
  readonly #options: WebhookOptions;
  /** Aborted when the end is near: waits are cut short, each message gets one last attempt. */
  readonly #closing = new AbortController();
  /** Aborted at the end. */
  readonly #stop = new AbortController();
  #gathered: DiaryEvent[] = [];
  readonly #queue: string[] = [];
  #working: Promise<void> | undefined;
  #isFailing = false;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  /** Takes note of events and returns at once; never throws. */
  tell(events: readonly DiaryEvent[]): void {
    if (this.#closing.signal.aborted) return;
    const wanted = events.filter((event) => isWanted(event, this.#options.taste));
    if (wanted.length === 0) return;
    const taken = wanted.slice(0, gatheredMax - this.#gathered.length);
    this.#gathered.push(...taken);
    this.#noteFlood(wanted.length - taken.length);
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  /** Sends what waits, without waiting any more, for at most this long; what is then left is given up. */
  async close(graceMs: number): Promise<void> {
    this.#closing.abort(new Error('shutting down'));
    const timer = setTimeout(() => this.#stop.abort(new Error('shutting down')), graceMs);
    await this.#working;
    clearTimeout(timer);
  }

  async #work(): Promise<void> {
    while (this.#gathered.length > 0 || this.#queue.length > 0) {
      if (this.#gathered.length > 0) {
        await this.#pause(this.#options.limits.groupWaitMs);
        this.#enqueue();
      }
      // What comes while this is sent is gathered, and grouped when its turn has come.
      for (let body = this.#queue.shift(); body !== undefined; body = this.#queue.shift())
        await this.#deliver(body);
    }
  }

  #enqueue(): void {
    const { format, limits, log, name } = this.#options;
    const messages = messagesOf(this.#gathered);
    this.#gathered = [];
    this.#queue.push(...messages.map((message) => bodyOf(message, format)));
    const excess = this.#queue.splice(0, Math.max(0, this.#queue.length - limits.queueMax));
    if (excess.length === 0) return;
    log.warn({ event: 'webhook-dropped', webhook: name, messages: excess.length }, 'too many messages wait');
    for (const _ of excess) this.#options.settled('dropped');
  }

  async #deliver(body: string): Promise<void> {
    const { limits, settled } = this.#options;
    for (let tried = 1; ; tried += 1) {
      if (this.#stop.signal.aborted) return settled('abandoned');
      const attempt = await this.#attempt(body);
      this.#note(attempt, tried);
      if (attempt.kind === 'delivered' || attempt.kind === 'rejected') return settled(attempt.kind);
      if (this.#closing.signal.aborted) return settled('abandoned');
      if (tried >= limits.attemptsMax) return settled('failed');
      await this.#pause(this.#retryInMs(tried, attempt.retryAfterMs));
    }
  }

  #attempt(body: string): Promise<Attempt> {
    const { url, signingKey, limits, clock } = this.#options;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(limits.timeoutMs)]);
    return post({ url, headers: headersOf(body, signingKey, clock.now()), body, signal });
  }

  /** Doubled with each attempt; half of it is chance, so that receivers that come back are not met by all at once. */
  #retryInMs(tried: number, askedMs = 0): number {
    const { limits, clock } = this.#options;
    const pauseMs = Math.min(limits.retryMaxMs, limits.retryFirstMs * 2 ** (tried - 1));
    return Math.min(limits.retryMaxMs, Math.max(askedMs, pauseMs * (0.5 + clock.random() / 2)));
  }

  /** Cut short when the end is near. */
  async #pause(ms: number): Promise<void> {
    if (this.#closing.signal.aborted) return;
    await this.#options.clock.sleep(ms, this.#closing.signal).catch(() => {});
  }

  #noteFlood(events: number): void {
    if (events === 0) return;
    const { log, name } = this.#options;
    log.warn(
      { event: 'webhook-flooded', webhook: name, events },
      'too many events for a webhook, some dropped',
    );
  }

  /** One line when deliveries begin to fail and one when they work again. */
  #note(attempt: Attempt, tried: number): void {
    const { log, name } = this.#options;
    const isFailing = attempt.kind !== 'delivered';
    const fields = {
      event: 'webhook',
      webhook: name,
      outcome: attempt.kind,
      attempt: tried,
      ...(attempt.kind === 'delivered' ? {} : { why: attempt.why }),
    };
    if (isFailing === this.#isFailing) log.debug(fields, `webhook: ${attempt.kind}`);
    else log.warn(fields, isFailing ? 'a webhook cannot be delivered' : 'webhooks are delivered again');
    this.#isFailing = isFailing;
  }
}
