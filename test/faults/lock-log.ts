import type { LogEntry } from '../support/server-log.ts';

/** Above our `lock_timeout`, below what anybody would call long: whoever waits so long for a lock gets a line in the log. */
export const loggedWaitMs = 400;

/** Settings under which a server logs waits for locks and who caused them, and nothing of the many statements. */
export const loggingLockWaits: Readonly<Record<string, string>> = {
  log_line_prefix: '[%p|%a|%x] ',
  log_lock_waits: 'on',
  deadlock_timeout: `${loggedWaitMs}ms`,
};

/** Waits of {@link loggedWaitMs} and more that the log says a process of ours had, or caused. */
export function loggedWaits(entries: readonly LogEntry[], ours: ReadonlySet<number>): readonly string[] {
  return entries
    .filter(({ pid, text }) => {
      const holders = /holding the lock: ([\d, ]+)/.exec(text)?.[1]?.split(', ').map(Number) ?? [];
      const isWait = text.includes('still waiting for') || holders.length > 0;
      return isWait && (ours.has(pid) || holders.some((holder) => ours.has(holder)));
    })
    .map(({ text }) => text);
}
