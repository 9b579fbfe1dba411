import { expect, test } from 'vitest';
import { untilNextLookMs } from '../../src/postgres/next-look.ts';

test.each([
  ['a look that took no time', 1_000, 100],
  ['a look that took some', 1_030, 70],
  ['a look that took longer than the interval', 1_500, 50],
  ['a clock that was set back meanwhile', 400, 100],
])('after %s it is time again', (_, nowMs, waitMs) => {
  expect(untilNextLookMs(100, 1_000, nowMs)).toBe(waitMs);
});
