import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long the event loop may be held before others get their turn. */
const sliceMs = 8;

/** Maps a long list without holding up the event loop; the items must not change meanwhile. */
export async function mapInSlices<T, U>(items: readonly T[], map: (item: T) => U): Promise<readonly U[]> {
  const mapped: U[] = [];
  let until = performance.now() + sliceMs;
  for (const item of items) {
    mapped.push(map(item));
    if (performance.now() < until) continue;
    await nextTurn();
    until = performance.now() + sliceMs;
  }
  return mapped;
}
