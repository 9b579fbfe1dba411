import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { charged, type Debt, noDebt, owedBytes, waitMs } from '../../../src/history/bloat/budget.ts';
import { GiB, MiB, minuteMs } from '../../../src/model/units.ts';

const rate = MiB;

describe('the debt of measurements', () => {
  it('melts away at the rate of the budget', () => {
    const debt = charged(noDebt, 10 * MiB, rate, 1_000);
    expect(owedBytes(debt, rate, 1_000)).toBe(10 * MiB);
    expect(owedBytes(debt, rate, 5_000)).toBe(6 * MiB);
    expect(waitMs(debt, rate, 5_000)).toBe(6_000);
    expect(owedBytes(debt, rate, 11_000)).toBe(0);
    expect(waitMs(debt, rate, 11_000)).toBe(0);
  });

  it('cannot be saved up: an idle hour buys nothing', () => {
    const debt = charged(charged(noDebt, MiB, rate, 0), 5 * MiB, rate, 60 * minuteMs);
    expect(waitMs(debt, rate, 60 * minuteMs)).toBe(5_000);
  });

  it('is not forgiven by a clock that was set back', () => {
    const debt = charged(noDebt, 10 * MiB, rate, 100_000);
    expect(owedBytes(debt, rate, 0)).toBe(10 * MiB);
  });

  it('is taken back where nothing was read, and never turns into credit', () => {
    const debt = charged(charged(noDebt, 8 * GiB, rate, 0), -8 * GiB, rate, 10);
    expect(owedBytes(debt, rate, 10)).toBe(0);
    expect(waitMs(charged(debt, MiB, rate, 10), rate, 10)).toBe(1_000);
  });

  it('is longest for what was read last: over any span the rate holds, but for what is owed at its end', () => {
    const size = fc.integer({ min: 1, max: 200 * MiB });
    const pause = fc.integer({ min: 0, max: 5 * minuteMs });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(size, pause), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1024, max: 64 * MiB }),
        (reads, bytesPerSecond) => {
          // Each begins as soon as it may, or a pause later.
          let debt: Debt = noDebt;
          let nowMs = 0;
          const begun: { readonly atMs: number; readonly bytes: number; readonly debt: Debt }[] = [];
          for (const [bytes, pauseMs] of reads) {
            nowMs += waitMs(debt, bytesPerSecond, nowMs) + pauseMs;
            expect(owedBytes(debt, bytesPerSecond, nowMs)).toBe(0);
            debt = charged(debt, bytes, bytesPerSecond, nowMs);
            begun.push({ atMs: nowMs, bytes, debt });
          }
          for (const [from, first] of begun.entries()) {
            let total = 0;
            for (const read of begun.slice(from)) {
              total += read.bytes;
              // The tightest span that holds them all: from the first to the moment the last one began.
              const allowed = ((read.atMs - first.atMs) * bytesPerSecond) / 1000 + read.debt.bytes;
              expect(total).toBeLessThanOrEqual(allowed + 1);
              // And one that lasts until nothing is owed holds no more than the rate allows.
              const paidAtMs = read.atMs + waitMs(read.debt, bytesPerSecond, read.atMs);
              expect(total).toBeLessThanOrEqual(((paidAtMs - first.atMs) * bytesPerSecond) / 1000 + 1);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
