import { describe, expect, it } from 'vitest';
import {
  type IndexMemory,
  indexMemoryOf,
  memoryFrom,
  type SizePoint,
  sizesOf,
} from '../../../src/history/bloat/memory.ts';
import { withRatio } from '../../../src/history/bloat/ratio.ts';
import {
  observeTableSizes,
  tableSizesFrom,
  tableSizesKey,
  tableSizesOf,
} from '../../../src/history/tables/sizes.ts';
import { daysOf, dayText, indexTimeline, tableTimeline } from '../../../src/history/timeline/timeline.ts';
import {
  indexDayIn,
  indexToday,
  tableDayIn,
  tableToday,
  type UsageByDay,
  watchedSubject,
} from '../../../src/history/timeline/usage-days.ts';
import type { IndexDay, TableDay } from '../../../src/history/usage/day-record.ts';
import { dayOf } from '../../../src/history/usage/state.ts';
import { nodeName } from '../../../src/model/ids.ts';
import { atOnce } from '../../../src/model/sliced.ts';
import { dayMs, hourMs, MiB } from '../../../src/model/units.ts';
import { aBloat, aCatalogueOf, anUnknownBloat, indexNamed, takenAtMs } from '../../support/builders.ts';
import { indexCounters, type Said, startMs, subjectOf, tableCounters, Watched } from '../samples.ts';

const day0 = dayOf(startMs);
const today = dayOf(takenAtMs);

/** What a node knows of the days of one subject, by its records and its memory. */
function daysOfIndex(node: Watched, name = 'i') {
  const watched = watchedSubject(node.history, 'index', subjectOf(name));
  const days = new Map<number, ReturnType<typeof indexToday>>();
  for (const [day, record] of node.days)
    days.set(day, watched === undefined ? undefined : indexDayIn(record, watched));
  days.set(dayOf(node.history.state.lastAtMs), indexToday(node.history, subjectOf(name)));
  return [...days].map(([day, known]) => [day - day0, known && (known.counts?.uses ?? 0)]);
}
const said = (scansTotal: number, more: readonly string[] = []): Said => ({
  indexes: [
    indexCounters('i', { scansTotal }),
    ...more.map((name, place) => indexCounters(name, { oid: 30_000 + place })),
  ],
});

const observedSizes = (...given: Parameters<typeof observeTableSizes>) => atOnce(observeTableSizes(...given));

describe('days of use', () => {
  it('are counted where the day was watched, and unknown where it was not', () => {
    const node = new Watched();
    for (let hour = 0; hour <= 24; hour += 4) node.look(hour, said(hour));
    // Nobody looks for two days: what was counted meanwhile shows on the day that someone does again.
    for (let hour = 72; hour <= 100; hour += 4) node.look(hour, said(500));
    expect(daysOfIndex(node)).toEqual([
      [0, 20],
      [1, undefined],
      [3, 476],
      [4, 0],
    ]);
  });

  it('begin when the index does: what was before is unknown, and not zero', () => {
    const node = new Watched();
    for (let hour = 0; hour < 48; hour += 4) node.look(hour, said(0));
    for (let hour = 48; hour <= 76; hour += 4) node.look(hour, said(0, ['late']));
    expect(daysOfIndex(node, 'late')).toEqual([
      [0, undefined],
      [1, undefined],
      [2, 0],
      [3, 0],
    ]);
    expect(daysOfIndex(node, 'never')).toEqual([
      [0, undefined],
      [1, undefined],
      [2, undefined],
      [3, undefined],
    ]);
  });

  it('in which an index may have been out of sight are unknown, but for what was counted', () => {
    const node = new Watched();
    for (let hour = 0; hour < 24; hour += 4) node.look(hour, said(hour, ['other']));
    for (let hour = 24; hour < 72; hour += 4)
      node.look(hour, { indexes: [indexCounters('other', { oid: 30_000 })] });
    for (let hour = 72; hour <= 124; hour += 4) node.look(hour, said(20, ['other']));
    const known = daysOfIndex(node);
    expect(known.slice(0, 3)).toEqual([
      [0, 20],
      [1, undefined],
      [2, undefined],
    ]);
    expect(known.at(-1)).toEqual([5, 0]);
  });

  it('of a table hold reads and writes', () => {
    const node = new Watched();
    const table = (sequentialScansTotal: number) => ({
      ...said(2 * sequentialScansTotal),
      tables: [tableCounters({ sequentialScansTotal, rowsInsertedTotal: 7 * sequentialScansTotal })],
    });
    for (let hour = 0; hour <= 28; hour += 4) node.look(hour, table(hour));
    const watched = watchedSubject(node.history, 'table', 'public\0orders');
    const record = node.days.get(day0);
    if (watched === undefined || record === undefined) throw new Error('the first day has ended');
    expect(tableDayIn(record, watched)?.counts).toMatchObject({
      reads: 60,
      sequentialScans: 20,
      rowsInserted: 140,
    });
    expect(tableToday(node.history, 'public\0orders')?.counts).toMatchObject({ reads: 24, rowsInserted: 56 });
  });
});

const scene = () => {
  const catalogue = aCatalogueOf([{ name: 'orders', columns: ['a'], indexes: [{ name: 'i', keys: ['a'] }] }]);
  const index = indexNamed(catalogue, 'i');
  return { catalogue, index, table: index.table };
};
/** As a store writes and reads them. */
const readAgain = <T>(
  records: ReadonlyMap<string, unknown>,
  read: (record: unknown) => T,
): ReadonlyMap<string, T> =>
  new Map([...records].map(([key, record]) => [key, read(JSON.parse(JSON.stringify(record)))]));

const point = (daysAgo: number, more: Partial<SizePoint> = {}): SizePoint => ({
  atMs: takenAtMs - daysAgo * dayMs,
  sizeBytes: 10 * MiB,
  liveEntries: 1,
  ...more,
});
const uses = (count: number): IndexDay => ({
  ...{ id: 1, uses: count, tuplesRead: 0, firstMinute: 0, lastMinute: 1 },
});
const usedOn = (node: string, days: Readonly<Record<number, number>>): UsageByDay<IndexDay> => ({
  node: nodeName(node),
  days: new Map(
    Object.entries(days).map(([ago, count]) => [
      today - Number(ago),
      { coveredMs: hourMs, counts: count === 0 ? undefined : uses(count) },
    ]),
  ),
});

describe('the past of an index', () => {
  const range = { fromDay: today - 3, toDay: today };

  it('has every day, and null where nothing is known', () => {
    const { index } = scene();
    const past = indexTimeline(
      index,
      { range, usage: [usedOn('a', { 0: 0, 2: 5 })], events: [], isCut: false },
      () => [point(2, { bloat: { ratio: 0.25, method: 'measured' } }), point(0)],
    );
    expect(past.days.map(({ day }) => day)).toEqual(daysOf(range));
    expect(past.days.map(({ scans }) => scans)).toEqual([null, 5, null, 0]);
    expect(past.days.map(({ sizeBytes }) => sizeBytes)).toEqual([null, 10 * MiB, null, 10 * MiB]);
    expect(past.days.map(({ bloat }) => bloat?.ratio ?? null)).toEqual([null, 0.25, null, null]);
    expect(dayText(past.days[3]?.day ?? 0)).toBe('2026-03-01');
  });

  it('sums the nodes only where all are known, and tells each', () => {
    const { index } = scene();
    const usage = [usedOn('a', { 0: 3, 1: 4 }), usedOn('b', { 0: 2 })];
    const past = indexTimeline(index, { range, usage, events: [], isCut: false }, () => []);
    expect(past.days.map(({ scans }) => scans)).toEqual([null, null, null, 5]);
    expect(past.nodes).toEqual([
      { node: 'a', scans: [null, null, 4, 3] },
      { node: 'b', scans: [null, null, null, 2] },
    ]);
    expect(past.days.map(({ observedMs }) => observedMs)).toEqual([null, null, null, hourMs]);
  });

  it('of no watched node knows no use', () => {
    const { index } = scene();
    const past = indexTimeline(index, { range, usage: [], events: [], isCut: false }, () => []);
    expect(past.days.every(({ scans }) => scans === null)).toBe(true);
  });

  it('of a partitioned index is that of its parts together, where all are known', () => {
    const { index } = scene();
    const whole = {
      ...index,
      fact: { ...index.fact, relkind: 'I' as const },
      children: [
        { ...index, name: 'p1' },
        { ...index, name: 'p2' },
      ],
    };
    const past = indexTimeline(whole, { range, usage: [], events: [], isCut: false }, ({ name }) =>
      name === 'p1'
        ? [point(1), point(0, { bloat: { ratio: 0.5, method: 'measured' } })]
        : [point(0, { sizeBytes: 30 * MiB, bloat: { ratio: 0.1, method: 'calibrated' } })],
    );
    expect(past.days.map(({ sizeBytes }) => sizeBytes)).toEqual([null, null, null, 40 * MiB]);
    expect(past.days[3]?.bloat?.ratio).toBeCloseTo(0.2);
    expect(past.days[3]?.bloat?.method).toBe('calibrated');
  });
});

describe('the past of a table', () => {
  it('counts writes on the primary, reads everywhere', () => {
    const counts = (reads: number, rowsInserted: number): TableDay => ({
      ...{ id: 1, reads, sequentialScans: 1, rowsInserted, rowsUpdatedNotHot: 0, rowsDeleted: 0 },
    });
    const on = (node: string, day: TableDay): UsageByDay<TableDay> => ({
      node: nodeName(node),
      days: new Map([[today, { coveredMs: dayMs, counts: day }]]),
    });
    const past = tableTimeline(
      {
        range: { fromDay: today - 1, toDay: today },
        usage: [on('a', counts(5, 9)), on('b', counts(7, 0))],
        events: [],
        isCut: true,
      },
      [{ atMs: takenAtMs, sizeBytes: 3, indexBytes: null, rows: 4 }],
    );
    expect(past.days).toMatchObject([
      { reads: null, rowsInserted: null, sizeBytes: null },
      { reads: 12, sequentialScans: 2, rowsInserted: 9, sizeBytes: 3, indexBytes: null, rows: 4 },
    ]);
    expect(past.isCut).toBe(true);
  });
});

describe('the ratio of bloat beside the size of a day', () => {
  const memory: IndexMemory = {
    look: {
      ...{ atMs: takenAtMs, oid: 1, relfilenode: 1, sizeBytes: 1, sizeBeforeBytes: null, liveEntries: 1 },
    },
    sizes: sizesOf([point(1), point(0)]),
  };
  const measured = aBloat({ method: 'measured', ratio: 0.4 });
  const calibrated = aBloat({ method: 'calibrated', ratio: 0.3 });

  it('is noted once a day, and a measurement goes before what was calibrated', () => {
    const first = withRatio(memory, calibrated, takenAtMs);
    expect(first.sizes.all().map(({ bloat }) => bloat?.ratio)).toEqual([undefined, 0.3]);
    expect(withRatio(first, aBloat({ method: 'calibrated', ratio: 0.9 }), takenAtMs)).toBe(first);
    const second = withRatio(first, measured, takenAtMs + hourMs);
    expect(second.sizes.newest?.bloat).toEqual({ ratio: 0.4, method: 'measured' });
    expect(withRatio(second, calibrated, takenAtMs)).toBe(second);
  });

  it('is not noted of an estimate, of an unknown, or of a day without a size', () => {
    expect(withRatio(memory, aBloat({ method: 'estimated', ratio: 0.4 }), takenAtMs)).toBe(memory);
    expect(withRatio(memory, anUnknownBloat('brin'), takenAtMs)).toBe(memory);
    expect(withRatio(memory, measured, takenAtMs + dayMs)).toBe(memory);
  });

  it('is read again, and records from before there was one still load', () => {
    const records = new Map<string, unknown>([
      ['old', memory],
      ['new', withRatio(memory, measured, takenAtMs)],
    ]);
    const read = memoryFrom(readAgain(records, indexMemoryOf));
    expect(read.dropped).toEqual([]);
    expect(read.memory.get('new')?.sizes.newest?.bloat?.ratio).toBe(0.4);
    expect(read.memory.get('old')?.sizes.all()).toHaveLength(2);
  });
});

describe('sizes of tables', () => {
  const at = (days: number): number => takenAtMs + days * dayMs;

  it('are noted once a day, forty days of them, and go with the table', () => {
    const { catalogue, table } = scene();
    const first = observedSizes(new Map(), catalogue, at(0), true);
    expect(first.changes.get(tableSizesKey(table))?.all()).toMatchObject([
      { atMs: takenAtMs, sizeBytes: 64 * MiB, indexBytes: 10 * MiB, rows: 100_000 },
    ]);
    expect(observedSizes(first.memory, catalogue, at(0) + hourMs, true).changes.size).toBe(0);
    let { memory } = first;
    for (let day = 1; day <= 50; day += 1) ({ memory } = observedSizes(memory, catalogue, at(day), true));
    expect(memory.get(tableSizesKey(table))?.all()).toHaveLength(40);
    const none = aCatalogueOf([]);
    expect(observedSizes(memory, none, at(51), false).memory.size).toBe(1);
    expect([...observedSizes(memory, none, at(51), true).changes.values()]).toEqual([undefined]);
  });

  it('that are unknown are noted later in the day, and damaged records are forgotten', () => {
    const unknown = aCatalogueOf([{ name: 'orders', columns: ['a'], sizeBytes: null }]);
    expect(observedSizes(new Map(), unknown, at(0), true).changes.size).toBe(0);
    const records = new Map([
      ['a', [{ atMs: 1, sizeBytes: 2, indexBytes: null, rows: null }]],
      ['b', [{ atMs: 1, sizeBytes: -2, indexBytes: null, rows: null }]],
    ]);
    const { memory, dropped } = tableSizesFrom(readAgain(records, tableSizesOf));
    expect([...memory.keys()]).toEqual(['a']);
    expect(dropped).toEqual(['b']);
  });
});
