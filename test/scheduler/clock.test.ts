import { expect, test } from 'vitest';
import { systemClock } from '../../src/scheduler/clock.ts';

test('a sleep that is aborted ends at once with the reason', async () => {
  const stop = new AbortController();
  const slept = systemClock.sleep(3_600_000, stop.signal);
  stop.abort(new Error('shutting down'));
  await expect(slept).rejects.toThrow('shutting down');
});

test('a sleep with a signal that is aborted already does not begin', async () => {
  await expect(systemClock.sleep(3_600_000, AbortSignal.abort(new Error('shutting down')))).rejects.toThrow(
    'shutting down',
  );
});

test('a sleep ends, and leaves no listener behind', async () => {
  const stop = new AbortController();
  let listeners = 0;
  const { signal } = stop;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners += 1;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners -= 1;
    remove(...args);
  };
  await systemClock.sleep(1, signal);
  expect(listeners).toBe(0);
});

test('chance lies between 0 and 1', () => {
  for (let time = 0; time < 100; time += 1) {
    const chance = systemClock.random();
    expect(chance >= 0 && chance < 1).toBe(true);
  }
});
