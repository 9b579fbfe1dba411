import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Event, Simulation } from './simulation.ts';

/** How many times as many histories as usual: `INDEXWARDEN_HISTORIES=20 npx vitest run test/history`. */
const times = Number(process.env.INDEXWARDEN_HISTORIES ?? 1);
/** Every run of the suite sees the same histories; whoever asks for more of them gets others each time. */
const sameEachTime = times === 1 ? { seed: 20_260_105 } : {};

const node = fc.constantFrom<0 | 1>(0, 1);
const which = fc.nat({ max: 7 });

/** `hours` and `everyMinutes` are scaled to the length of the whole. */
function anEvent(hoursMax: number, everyMinutes: readonly number[]): fc.Arbitrary<Event> {
  const watch = fc.record({
    kind: fc.constant('watch' as const),
    hours: fc.integer({ min: 1, max: hoursMax }),
    everyMinutes: fc.constantFrom(...everyMinutes),
    used: fc.constantFrom(0, 0, 0, 5, 100),
  });
  return fc.oneof(
    { weight: 10, arbitrary: watch },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('use' as const),
        node,
        which,
        times: fc.integer({ min: 1, max: 3 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset-all' as const), node }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset-one' as const), node, which }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const), node }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('restart' as const), node }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'failover' } as const) },
    { weight: 1, arbitrary: fc.constant({ kind: 'upgrade' } as const) },
    { weight: 1, arbitrary: fc.constant({ kind: 'restore' } as const) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('drop-and-make' as const),
        which,
        absentMinutes: fc.constantFrom(0, 0, 5, 60, 600),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('reindex' as const), which }) },
    { weight: 2, arbitrary: fc.constant({ kind: 'new-leaf' } as const) },
    { weight: 2, arbitrary: fc.constant({ kind: 'drop-leaf' } as const) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('blind' as const),
        hours: fc.integer({ min: 1, max: 10 }),
        used: fc.constantFrom(0, 0, 100),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('restart-daemon' as const), losesLast: fc.boolean() }),
    },
  );
}

const options = (windowDays: fc.Arbitrary<number>) =>
  fc.record({
    windowDays,
    versionNum: fc.constantFrom(130_000, 140_000, 150_000, 160_000, 180_000, 190_000),
    seed: fc.nat(),
    oldCounters: fc.boolean(),
  });

describe('the history of use, against an oracle', () => {
  it(
    'never calls a used index unused, nor keeps silent about one that is, in thousands of short histories',
    () => {
      const verdicts = { used: 0, unused: 0, observing: 0, unknown: 0 };
      fc.assert(
        fc.property(
          options(fc.constantFrom(1, 2, 3)),
          fc.array(anEvent(40, [10, 60, 180]), { minLength: 3, maxLength: 20 }),
          (world, events) => {
            const simulation = new Simulation(world);
            simulation.run(events);
            for (const kind of Object.keys(verdicts) as (keyof typeof verdicts)[])
              verdicts[kind] += simulation.verdicts[kind];
          },
        ),
        { ...sameEachTime, numRuns: 2_000 * times },
      );
      // A simulation in which nothing could be said would prove nothing.
      expect(verdicts.unused).toBeGreaterThan(10_000);
      expect(verdicts.used).toBeGreaterThan(10_000);
      expect(verdicts.observing).toBeGreaterThan(10_000);
    },
    300_000 * times,
  );

  it(
    'nor in a year of watching every few hours with a window of a month',
    () => {
      fc.assert(
        fc.property(
          options(fc.constantFrom(30, 35)),
          fc.array(anEvent(24 * 40, [180, 300]), { minLength: 30, maxLength: 40 }),
          (world, events) => {
            new Simulation(world).run(events);
          },
        ),
        { ...sameEachTime, numRuns: 25 * times },
      );
    },
    300_000 * times,
  );
});
