import { describe, expect, it } from 'vitest';
import {
  type BuildRates,
  type BuildSettings,
  defaultBuildSettings,
  isTelling,
  measuredSpeed,
  ratesFrom,
  recordOf,
  type WatchedBuild,
  withBuild,
} from '../../../src/history/builds/rates.ts';
import { MiB, minuteMs } from '../../../src/model/units.ts';

/** 60 MiB in between half a minute and two: one MiB a second. */
const build = (more: Partial<WatchedBuild> = {}): WatchedBuild => ({
  atMs: 0,
  bytes: 60 * MiB,
  leastMs: minuteMs / 2,
  mostMs: 2 * minuteMs,
  isConcurrent: true,
  ...more,
});
const speeds = (...mibPerSecond: readonly number[]): WatchedBuild[] =>
  mibPerSecond.map((speed) => build({ bytes: speed * 60 * MiB }));
const of = (builds: readonly WatchedBuild[]): BuildRates => new Map([['btree', builds]]);

describe('the speed of builds', () => {
  it('is size over the middle of what the time may have been, as a factor', () => {
    expect(measuredSpeed(of([build()]), 'btree')).toEqual({ bytesPerSecond: MiB, builds: 1 });
  });

  it('is the median: one slow night moves it little', () => {
    expect(measuredSpeed(of(speeds(30, 0.1, 32)), 'btree')).toEqual({ bytesPerSecond: 30 * MiB, builds: 3 });
    expect(measuredSpeed(of(speeds(30, 20)), 'btree')?.bytesPerSecond).toBe(25 * MiB);
  });

  it('is that of the same access method, and unknown where none was watched', () => {
    expect(measuredSpeed(of(speeds(30)), 'gin')).toBeUndefined();
    expect(measuredSpeed(undefined, 'btree')).toBeUndefined();
  });

  it('is that of concurrent builds where there are any, since the others read the table once', () => {
    const plain = speeds(90, 90, 90).map((one) => ({ ...one, isConcurrent: false }));
    expect(measuredSpeed(of([...plain, ...speeds(30)]), 'btree')).toEqual({
      bytesPerSecond: 30 * MiB,
      builds: 1,
    });
    expect(measuredSpeed(of(plain), 'btree')).toEqual({ bytesPerSecond: 90 * MiB, builds: 3 });
  });
});

describe('what is remembered', () => {
  const settings: BuildSettings = { ...defaultBuildSettings, keptMax: 2 };

  it('is the newest of each kind', () => {
    const plain = build({ isConcurrent: false, atMs: 9 });
    let rates = withBuild(new Map(), 'btree', plain, settings);
    for (const atMs of [1, 2, 3]) rates = withBuild(rates, 'btree', build({ atMs }), settings);
    expect(rates.get('btree')?.map(({ atMs }) => atMs)).toEqual([9, 2, 3]);
  });

  it('survives being written as JSON', () => {
    const rates = of([build(), build({ isConcurrent: false })]);
    const records = new Map(
      [...rates].map(([name, builds]) => [name, JSON.parse(JSON.stringify(recordOf(builds)))]),
    );
    expect(ratesFrom(records)).toEqual({ rates, dropped: [] });
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['of another version', { builds: [], mood: 'good' }],
    ['of no time at all', { builds: [build({ leastMs: 0 })] }],
    ['of no bytes', { builds: [build({ bytes: 0 })] }],
  ])('is forgotten where it is %s, and costs other access methods nothing', (_, bad) => {
    const read = ratesFrom(
      new Map([
        ['gin', bad],
        ['btree', recordOf([build()])],
      ]),
    );
    expect([[...read.rates.keys()], read.dropped]).toEqual([['btree'], ['gin']]);
  });
});

describe('a build tells a speed', () => {
  it.each<[string, Partial<WatchedBuild>, boolean]>([
    ['when it was large and seen for long enough', { mostMs: 1.5 * minuteMs }, true],
    ['not when its index is small', { mostMs: 1.5 * minuteMs, bytes: 15 * MiB }, false],
    ['not when it was seen once', { leastMs: 0 }, false],
    ['not when it may have taken four times as long', {}, false],
  ])('%s', (_, more, expected) => {
    expect(isTelling(build(more), defaultBuildSettings)).toBe(expected);
  });
});
