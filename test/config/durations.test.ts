import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../src/config/durations.ts';
import { formatSize, parseSize } from '../../src/config/sizes.ts';

describe('durations', () => {
  it.each([
    ['30s', 30_000],
    ['2m', 120_000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['0d', 0],
    ['200ms', 200],
    ['1s500ms', 1_500],
  ])('reads %s', (text, ms) => {
    expect(parseDuration(text)).toEqual({ ms });
  });

  it.each(['', '30', '30 s', '-5s', '1.5h', '30m1h', '5s5s', 's', '1w', '30S', '99999999999999999d'])(
    'refuses %j',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.nat(4e12), (ms) => {
        expect(parseDuration(formatDuration({ ms }))).toEqual({ ms });
      }),
    );
  });
});

describe('sizes', () => {
  it.each([
    ['0', 0],
    ['8192', 8192],
    ['10MiB', 10_485_760],
    ['1GB', 1_000_000_000],
    ['1.5 KiB', 1536],
    ['2kB', 2000],
  ])('reads %s', (text, bytes) => {
    expect(parseSize(text)).toEqual({ bytes });
  });

  it.each(['', '10 M', '10mib', '-1', '1e3', 'MiB', '1.5', '99999999TiB'])('refuses %j', (text) => {
    expect(parseSize(text)).toBeUndefined();
  });

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 52), (bytes) => {
        expect(parseSize(formatSize({ bytes }))).toEqual({ bytes });
      }),
    );
  });
});
