import type { Config } from '../config/config.ts';
import type { DiaryEvent } from '../model/event.ts';
import { type DeliveryOutcome, type NotifyClock, type NotifyLog, Webhook } from './webhook.ts';

/** Everybody who is told of events. */
export interface Notifier {
  /** Takes note and returns at once: what is told never holds up watching. */
  readonly tell: (events: readonly DiaryEvent[]) => void;
  /** Sends what waits for at most this long, then gives the rest up. */
  readonly close: (graceMs: number) => Promise<void>;
}

export function createNotifier(options: {
  readonly config: Pick<Config, 'webhooks' | 'notifications'>;
  readonly clock: NotifyClock;
  readonly log: NotifyLog;
  readonly settled: (webhook: string, outcome: DeliveryOutcome) => void;
}): Notifier {
  const { config, clock, log, settled } = options;
  const { groupWait, timeout, attemptsMax, retryFirst, retryMax, queueMax } = config.notifications;
  const webhooks = config.webhooks.map(
    ({ name, url, signingKey, format, events, kinds, minSeverity }) =>
      new Webhook({
        name,
        url: url.reveal(),
        signingKey: signingKey?.reveal(),
        format,
        taste: { events, kinds, minSeverity },
        limits: {
          groupWaitMs: groupWait.ms,
          timeoutMs: timeout.ms,
          attemptsMax,
          retryFirstMs: retryFirst.ms,
          retryMaxMs: retryMax.ms,
          queueMax,
        },
        clock,
        log,
        settled: (outcome) => settled(name, outcome),
      }),
  );
  return {
    tell: (events) => {
      for (const webhook of webhooks) webhook.tell(events);
    },
    close: async (graceMs) => {
      await Promise.all(webhooks.map((webhook) => webhook.close(graceMs)));
    },
  };
}
