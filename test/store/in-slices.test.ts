import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Sliced } from '../../src/model/sliced.ts';
import { inSlices } from '../../src/store/in-slices.ts';

/** Keeps the thread busy for so many milliseconds, with a pause after each. */
function* busy(ms: number): Sliced<void> {
  for (let passed = 0; passed < ms; passed += 1) {
    const until = performance.now() + 1;
    while (performance.now() < until);
    yield;
  }
}

async function turnsDuring(work: () => Promise<void>): Promise<number> {
  let turns = 0;
  let isDone = false;
  const counting = (async () => {
    while (!isDone) {
      await nextTurn();
      turns += 1;
    }
  })();
  await work();
  isDone = true;
  await counting;
  return turns;
}

test('long work lets the event loop have its turn', async () => {
  expect(await turnsDuring(() => inSlices(busy(100)))).toBeGreaterThan(3);
});

test('so do many short pieces of work in a row', async () => {
  const turns = await turnsDuring(async () => {
    for (let piece = 0; piece < 50; piece += 1) await inSlices(busy(2));
  });
  expect(turns).toBeGreaterThan(3);
});
