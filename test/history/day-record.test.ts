import { describe, expect, it } from 'vitest';
import { decodeDay } from '../../src/history/usage/day-record.ts';
import { usesOn } from '../../src/history/usage/observation.ts';
import { dayOf, recentDays } from '../../src/history/usage/state.ts';
import { minuteMs } from '../../src/model/units.ts';
import { indexCounters, startMs, subjectOf, tableCounters, Watched } from './samples.ts';

const firstDay = dayOf(startMs);

describe('a day record', () => {
  it('holds what was used, read and written, and nothing else', () => {
    const node = new Watched();
    const said = (scansTotal: number, sequentialScansTotal: number) => ({
      indexes: [
        indexCounters('i', { scansTotal, tuplesReadTotal: 10 * scansTotal }),
        indexCounters('idle', { oid: 20_002 }),
      ],
      tables: [tableCounters({ sequentialScansTotal, rowsInsertedTotal: 7 * sequentialScansTotal })],
    });
    node.look(0, said(5, 1));
    node.look(3, said(8, 1));
    node.look(4.5, said(9, 3));
    node.look(10, said(9, 3));
    node.look(16, said(9, 3));
    node.look(22, said(9, 3));
    node.look(24, said(9, 3));
    const record = decodeDay(node.days.get(firstDay) ?? new Uint8Array());
    expect(record).toMatchObject({ day: firstDay, samples: 6, coveredMs: 24 * 60 * minuteMs, breaks: [] });
    expect(record.indexes.map(({ id }) => node.history.subjectOf(id))).toEqual([subjectOf('i')]);
    expect(record.indexes).toMatchObject([{ uses: 4, tuplesRead: 40, firstMinute: 180, lastMinute: 270 }]);
    expect(record.tables).toMatchObject([{ reads: 6, sequentialScans: 2, rowsInserted: 14, rowsDeleted: 0 }]);
  });

  it('costs nothing for what did not change, but for the day itself', () => {
    const node = new Watched();
    const idle = {
      indexes: Array.from({ length: 1_000 }, (_, i) => indexCounters(`i${i}`, { oid: 20_000 + i })),
    };
    node.watch(0, 24, idle);
    expect(node.days.get(firstDay)?.length).toBeLessThan(24);
    // Nor do its collections: the moment and the server's times.
    expect(node.look(25, idle)).toSatisfy(
      (step: ReturnType<Watched['look']>) => step.kind === 'observed' && step.collection.length < 100,
    );
  });

  it('takes at most twelve bytes for an index that was used, and a collection about as much', () => {
    const count = 5_000;
    const node = new Watched();
    let seed = 7;
    const random = (): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed / 2 ** 32;
    };
    // Most indexes see a few scans a look, some thousands; each scan reads some ten entries, some thousands.
    const rates = Array.from({ length: count }, () => 10 ** (3 * random() ** 3));
    const entries = Array.from({ length: count }, () => 10 ** (3 * random() ** 2));
    const scans = rates.map(() => 1_000);
    const tuples = rates.map(() => 50_000);
    const look = (minute: number) =>
      node.look(minute / 60, {
        indexes: rates.map((_, i) =>
          indexCounters(`orders_of_the_day_${i}_idx`, {
            oid: 20_000 + i,
            scansTotal: scans[i] ?? 0,
            tuplesReadTotal: tuples[i] ?? 0,
            tuplesFetchedTotal: tuples[i] ?? 0,
          }),
        ),
      });
    look(0);
    let collectionBytes = 0;
    let changed = 0;
    for (let minute = 15; minute <= 1_440; minute += 15) {
      for (let i = 0; i < count; i++) {
        const more = Math.floor((rates[i] ?? 0) * random() * 2);
        if (more === 0 || minute === 1_440) continue;
        changed += 1;
        scans[i] = (scans[i] ?? 0) + more;
        tuples[i] = (tuples[i] ?? 0) + Math.floor(more * (entries[i] ?? 0));
      }
      const step = look(minute);
      if (step.kind === 'observed') collectionBytes += step.collection.length;
    }
    const record = node.days.get(firstDay) ?? new Uint8Array();
    const { indexes } = decodeDay(record);
    expect(indexes.length).toBeGreaterThan(0.9 * count);
    expect(record.length / indexes.length).toBeLessThanOrEqual(12);
    expect(collectionBytes / changed).toBeLessThanOrEqual(12);
    // The memory itself: names, and numbers relative to each other.
    const checkpointBytes = node.kept.checkpoint?.length ?? 0;
    expect(checkpointBytes / count).toBeLessThan(140);
  });

  it('of the last six weeks is remembered without it', () => {
    const node = new Watched();
    for (let day = 0; day < recentDays + 5; day++)
      for (const hours of [0, 6, 12, 18])
        node.look(day * 24 + hours, { indexes: [indexCounters('i', { scansTotal: day * 4 + hours / 6 })] });
    const today = firstDay + recentDays + 4;
    const uses = (day: number): number => usesOn(node.reopen(), subjectOf('i'), day);
    expect(uses(today)).toBe(4);
    expect(uses(today - recentDays + 1)).toBe(4);
    expect(uses(today - recentDays)).toBe(0);
    expect(uses(today + 1)).toBe(0);
  });
});
