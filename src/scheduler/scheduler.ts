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

/**
 * Calls jobs when they are due until stopped. Runs that never started because the event loop was busy, or the clock jumped, are made up
 * by one.
 */
export function startScheduler(jobs: readonly Job[], log: SchedulerLog): RunningScheduler {
  const quiet = {
    info: () => {},
    debug: () => {},
    warn: (message: string) => log.warn({ event: 'scheduler' }, message),
    error: (message: string | Error) => log.warn({ event: 'scheduler' }, String(message)),
  };
  const stopped = new AbortController();
  const tasks: ScheduledTask[] = jobs.map((job) => {
    const activate = oncePerTurn(job.activate, stopped.signal);
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
  return {
    nextRunAtMs: (name) => {
      const task = tasks[jobs.findIndex((job) => job.name === name)];
      return task?.getNextRun()?.getTime() ?? null;
    },
    stop: () => {
      stopped.abort();
      for (const task of tasks) void task.destroy();
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
