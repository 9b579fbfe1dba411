import { type ScheduledTask, schedule } from 'node-cron';

export interface Job {
  readonly name: string;
  /** node-cron expression, seconds optional. */
  readonly schedule: string;
  readonly timezone: string;
  /** Each run starts at a random moment within this time after it is due, so that many do not come at once. */
  readonly maxRandomDelayMs: number;
  /** Takes note that the job is due and returns at once; whoever runs it sees to it that nothing overlaps. */
  readonly activate: () => void;
}

export interface SchedulerLog {
  readonly warn: (fields: object, message: string) => void;
}

export interface RunningScheduler {
  /** When the job of this name is due next, in ms since the epoch, without its random delay; null where there is no such job. */
  readonly nextRunAtMs: (name: string) => number | null;
  readonly stop: () => void;
}

/** How often the wall clock is compared with one that nobody sets, and how far it has to be set back; less is waited out. */
const clockLookMs = 1_000;
const setBackMs = 60_000;

/**
 * Calls jobs when they are due until stopped. Runs that never started because the event loop was busy, or the clock jumped, are made up
 * by one. When the clock is set back every job runs at once and from then on by the new time: node-cron by itself would wait until the
 * old time has come again.
 */
export function startScheduler(jobs: readonly Job[], log: SchedulerLog): RunningScheduler {
  const quiet = {
    info: () => {},
    debug: () => {},
    warn: (message: string) => log.warn({ event: 'scheduler' }, message),
    error: (message: string | Error) => log.warn({ event: 'scheduler' }, String(message)),
  };
  const stopped = new AbortController();
  const activations = jobs.map((job) => oncePerTurn(job.activate, stopped.signal));
  const startTasks = (): readonly ScheduledTask[] =>
    jobs.map((job, place) => {
      const activate = activations[place] ?? (() => {});
      const task = schedule(job.schedule, activate, {
        name: job.name,
        timezone: job.timezone,
        maxRandomDelay: job.maxRandomDelayMs,
        noOverlap: true,
        suppressMissedWarning: true,
        logger: quiet,
      });
      task.on('execution:missed', activate);
      return task;
    });
  let tasks = startTasks();
  const end = (): void => {
    for (const task of tasks) void task.destroy();
  };
  const aheadMs = (): number => Date.now() - performance.now();
  let lastAheadMs = aheadMs();
  const lookAtClock = setInterval(() => {
    const changeMs = aheadMs() - lastAheadMs;
    lastAheadMs += changeMs;
    if (changeMs > -setBackMs) return;
    log.warn(
      { event: 'clock-set-back', byMs: Math.round(-changeMs) },
      'the clock was set back; everything is due',
    );
    end();
    tasks = startTasks();
    for (const activate of activations) activate();
  }, clockLookMs);
  lookAtClock.unref();
  return {
    nextRunAtMs: (name) => {
      const task = tasks[jobs.findIndex((job) => job.name === name)];
      return task?.getNextRun()?.getTime() ?? null;
    },
    stop: () => {
      stopped.abort();
      clearInterval(lookAtClock);
      end();
    },
  };
}

/** node-cron reports each missed run, and then starts the one that is due: all in one turn of the event loop, and one activation. */
function oncePerTurn(activate: () => void, stopped: AbortSignal): () => void {
  let isPending = false;
  return () => {
    if (isPending) return;
    isPending = true;
    setImmediate(() => {
      isPending = false;
      if (!stopped.aborted) activate();
    });
  };
}
