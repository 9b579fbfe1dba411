import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Sliced, slicedFlatMap } from '../model/sliced.ts';

/** A scrape or a health check that comes meanwhile waits no longer than this and what is between two looks at the clock. */
const sliceMs = 8;
/** Steps between two looks at the clock: a step takes microseconds, and so does asking for the time. */
const stepsPerLook = 8;

/** Does the work, and lets the event loop have its turn every few milliseconds. */
export async function inSlices<T>(work: Sliced<T>): Promise<T> {
  let untilMs = performance.now() + sliceMs;
  for (let steps = 1; ; steps += 1) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (steps % stepsPerLook !== 0 || performance.now() < untilMs) continue;
    await nextTurn();
    untilMs = performance.now() + sliceMs;
  }
}

/** Maps a long list without holding up the event loop; the items must not change meanwhile. */
export const mapInSlices = <T, U>(items: Iterable<T>, map: (item: T) => U): Promise<readonly U[]> =>
  inSlices(slicedFlatMap(items, (item) => [map(item)]));
