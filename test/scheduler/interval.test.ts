import { expect, test } from 'vitest';
import { dayMs, hourMs, minuteMs, secondMs } from '../../src/model/units.ts';
import { longestIntervalMs } from '../../src/scheduler/interval.ts';

test.each([
  ['* * * * * *', secondMs],
  ['0 * * * * *', minuteMs],
  ['15 */5 * * * *', 5 * minuteMs],
  ['30 7 * * * *', hourMs],
  ['0 3 * * *', dayMs],
  // From Friday's last run to Monday's first.
  ['*/5 9-17 * * 1-5', 2 * dayMs + 15 * hourMs + 5 * minuteMs],
])('%s runs at least every %i ms', (schedule, ms) => {
  expect(longestIntervalMs(schedule, 'UTC')).toBe(ms);
});
