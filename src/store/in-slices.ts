import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Sliced, slicedFlatMap } from '../model/sliced.ts';

/** A scrape or a health check that comes meanwhile waits no longer than this and what is between two looks at the clock. */
const sliceMs = 8;
/** Steps between two looks at the clock: a step takes microseconds, and so does asking for the time. */
const stepsPerLook = 8;

/** Until when the turn may last that is under way; all work shares it, since many short pieces in a row hold up the loop as well. */
let untilMs = 0;

/** Does the work, and lets the event loop have its turn every few milliseconds. */
export async function inSlices<T>(work: Sliced<T>): Promise<T> {
  for (let steps = 0; ; steps += 1) {
    if (steps % stepsPerLook === 0 && performance.now() >= untilMs) {
      await nextTurn();
      untilMs = performance.now() + sliceMs;
    }
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** Maps a long list without holding up the event loop; the items must not change meanwhile. */
export const mapInSlices = <T, U>(items: Iterable<T>, map: (item: T) => U): Promise<readonly U[]> =>
  inSlices(slicedFlatMap(items, (item) => [map(item)]));
