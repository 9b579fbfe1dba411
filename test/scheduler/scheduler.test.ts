import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Job, startScheduler } from '../../src/scheduler/scheduler.ts';
import { eventually } from '../support/processes.ts';

const running: { stop: () => void }[] = [];
afterEach(() => {
  for (const scheduler of running.splice(0)) scheduler.stop();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

interface Started {
  /** When it was activated, in ms since the epoch. */
  readonly calls: readonly number[];
  /** What the scheduler had to say. */
  readonly warnings: readonly string[];
  stop(): void;
}

/** Starts a job that is due every second, unless told otherwise. */
function start(overrides: Partial<Job> = {}): Started {
  const calls: number[] = [];
  const warnings: string[] = [];
  const job: Job = {
    name: 'job',
    schedule: '* * * * * *',
    timezone: 'UTC',
    maxRandomDelayMs: 0,
    activate: () => void calls.push(Date.now()),
    ...overrides,
  };
  const scheduler = startScheduler([job], { warn: (_, message) => void warnings.push(message) });
  running.push(scheduler);
  return { calls, warnings, stop: scheduler.stop };
}

describe('by node-cron’s reckoning, on a clock of the test’s own', () => {
  const noon = Date.UTC(2025, 0, 15, 12, 0, 0);
  beforeEach(() => {
    vi.useFakeTimers({ now: noon + 500 });
  });
  const sinceNoon = (calls: readonly number[]): readonly number[] => calls.map((at) => (at - noon) / 1_000);
  /** The clock moves on while the event loop is busy (or the machine asleep): no timer fires meanwhile. */
  const busyFor = (ms: number): void => void vi.setSystemTime(Date.now() + ms);

  test('a job runs each time it is due', async () => {
    const { calls } = start();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(sinceNoon(calls).map(Math.floor)).toEqual([1, 2, 3, 4, 5]);
  });

  test('in its own time zone', async () => {
    const { calls } = start({ schedule: '0 5 13 * * *', timezone: 'Europe/Berlin' });
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(sinceNoon(calls).map(Math.floor)).toEqual([300]);
  });

  test('after stop() it never runs again', async () => {
    const { calls, stop } = start();
    await vi.advanceTimersByTimeAsync(2_000);
    stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(calls).toHaveLength(2);
  });

  test('a clock that is set back by hours silences nothing: all is due at once, and then by the new time', async () => {
    const { calls, warnings } = start();
    await vi.advanceTimersByTimeAsync(1_000);
    vi.setSystemTime(Date.now() - 3 * 3_600_000);
    await vi.advanceTimersByTimeAsync(3_000);
    const sinceNine = calls.map((at) => (at - noon) / 1_000 + 3 * 3_600);
    expect(sinceNine.slice(1).map(Math.floor)).toEqual([2, 3, 4].slice(0, sinceNine.length - 1));
    expect(calls.length).toBeGreaterThanOrEqual(3);
    expect(warnings).toEqual(['the clock was set back; everything is due']);
  });

  test.each([1_500, 10_000, 3_600_000])('%i ms in which nothing ran are made up by one run', async (ms) => {
    const { calls, warnings } = start();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(calls).toHaveLength(1);
    busyFor(ms);
    await vi.advanceTimersByTimeAsync(600);
    expect(calls).toHaveLength(2);
    // And then it goes on as before.
    await vi.advanceTimersByTimeAsync(3_000);
    expect(calls).toHaveLength(5);
    // A run that is made up is nothing to read about.
    expect(warnings).toEqual([]);
  });

  test('a run that was due once and missed is made up as well, once', async () => {
    const { calls } = start({ schedule: '2 * * * * *' });
    busyFor(10_000);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(calls).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(calls).toHaveLength(2);
  });

  test('a job that is stopped in the turn in which it fell due does not run', async () => {
    const jobs: Started[] = [];
    const stopAll = (): void => {
      for (const job of jobs) job.stop();
    };
    jobs.push(start({ activate: stopAll }), start());
    await vi.advanceTimersByTimeAsync(10_000);
    expect(jobs[1]?.calls).toEqual([]);
  });

  test('a clock set back makes nothing run twice', async () => {
    const { calls } = start({ schedule: '2 * * * * *' });
    await vi.advanceTimersByTimeAsync(3_000);
    expect(calls).toHaveLength(1);
    busyFor(-30_000);
    await vi.advanceTimersByTimeAsync(80_000);
    expect(calls.length).toBeLessThanOrEqual(2);
  });

  test.each([
    [0, 0],
    [0.5, 200],
    [0.999, 399],
  ])('chance %d delays a run by %i of at most 400 ms', async (chance, delayMs) => {
    vi.spyOn(Math, 'random').mockReturnValue(chance);
    const { calls } = start({ maxRandomDelayMs: 400 });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(calls.length).toBeGreaterThanOrEqual(4);
    for (const at of calls) {
      expect(at % 1_000).toBeGreaterThanOrEqual(delayMs);
      expect(at % 1_000).toBeLessThanOrEqual(delayMs + 50);
    }
  });
});

test('in real time: runs missed while the loop is busy are made up by one', async () => {
  const { calls } = start();
  await eventually('a run', () => calls.length >= 1);
  const count = calls.length;
  // Up to the middle of a second, so that the next one is some time away.
  const end = Math.ceil((Date.now() + 1_500) / 1_000) * 1_000 + 400;
  while (Date.now() < end);
  await eventually('the run that makes up', () => calls.length > count);
  await eventually('the next run', () => calls.length > count + 1);
  const seconds = calls.slice(count).map((at) => Math.floor(at / 1_000));
  expect(seconds[0]).toBe(Math.floor(end / 1_000));
  expect(seconds[1]).toBeGreaterThan(seconds[0] ?? 0);
}, 30_000);
