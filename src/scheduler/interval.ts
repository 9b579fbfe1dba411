import { createTask } from 'node-cron';
import { dayMs, secondMs } from '../model/units.ts';

/** A week of runs every few minutes during office hours, whose longest gap is the weekend. */
const runsLooked = 600;
/** Of what runs daily or less often, a fortnight or more: looking further takes long and finds nothing new. */
const rareRunsLooked = 15;

/**
 * The longest time in milliseconds from one run of a schedule (node-cron expression, seconds optional) to the next, as far as its
 * coming runs tell; undefined where it runs only once more, or never.
 */
export function longestIntervalMs(schedule: string, timezone: string): number | undefined {
  const task = createTask(schedule, () => {}, { timezone });
  try {
    const [first, second] = task.getNextRuns(2);
    if (first === undefined || second === undefined) return undefined;
    const isRare = second.getTime() - first.getTime() >= dayMs;
    const runs = task.getNextRuns(isRare ? rareRunsLooked : runsLooked).map((run) => run.getTime());
    const gaps = runs.slice(1).map((atMs, place) => atMs - (runs[place] ?? atMs));
    const longest = Math.max(...gaps);
    return longest < secondMs ? undefined : longest;
  } finally {
    void task.destroy();
  }
}
