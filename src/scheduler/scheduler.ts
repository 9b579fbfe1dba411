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

/**
 * Calls jobs when they are due until stopped. A run that never started because the event loop was busy is made up once.
 */
export function startScheduler(jobs: readonly Job[], log: SchedulerLog): { readonly stop: () => void } {
  const quiet = {
    info: () => {},
    debug: () => {},
    warn: (message: string) => log.warn({ event: 'scheduler' }, message),
    error: (message: string | Error) => log.warn({ event: 'scheduler' }, String(message)),
  };
  const tasks: ScheduledTask[] = jobs.map((job) => {
    const task = schedule(job.schedule, job.activate, {
      name: job.name,
      timezone: job.timezone,
      maxRandomDelay: job.maxRandomDelayMs,
      noOverlap: true,
      suppressMissedWarning: true,
      logger: quiet,
    });
    task.on('execution:missed', () => job.activate());
    return task;
  });
  return {
    stop: () => {
      for (const task of tasks) void task.destroy();
    },
  };
}
