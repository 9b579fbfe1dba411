import { expect, test } from 'vitest';
import { buildPage } from '../../src/metrics/exposition.ts';
import type { RenderOptions } from '../../src/metrics/page-draft.ts';
import { renderGeneration } from '../../src/metrics/render.ts';
import { MiB, minuteMs } from '../../src/model/units.ts';
import {
  aFinding,
  aGeneration,
  collected,
  type DescribedGeneration,
  type DescribedTable,
  factsOf,
  takenAtMs,
} from '../support/builders.ts';
import { usageOver } from '../support/usage.ts';
import { parseExposition } from './parse-exposition.ts';

/* What alert rules need to know and findings alone do not say. */

const tables: readonly DescribedTable[] = [
  {
    name: 'orders',
    columns: ['id', 'a'],
    sizeBytes: 40 * MiB,
    indexes: [
      { name: 'orders_busy', keys: ['a'] },
      { name: 'orders_weekly', keys: ['id'] },
    ],
  },
];

function valuesOf(
  name: string,
  described: DescribedGeneration,
  options: Partial<RenderOptions> = {},
): readonly (readonly [string, number])[] {
  const rendered = renderGeneration(aGeneration({ facts: factsOf(tables), ...described }), options);
  return parseExposition(buildPage([rendered], 'text'))
    .samples.filter((sample) => sample.name === name)
    .map(({ labels, value }) => [
      labels.get('indexrelname') ??
        labels.get('finding_id') ??
        labels.get('collector') ??
        labels.get('relname') ??
        '',
      value,
    ]);
}

test('the longest pause of a collector is said, and nothing of one that does not run again', () => {
  const intervalsMs = new Map([['tables', 5 * minuteMs]] as const);
  const values = valuesOf('indexwarden_collector_interval_seconds', {}, { intervalsMs });
  expect(values).toEqual([['tables', 300]]);
});

test('the build that began first is the one whose start is said', () => {
  const build = (startedAtMs: number | null) => ({
    backendPid: 1,
    tableOid: null,
    indexOid: null,
    command: 'CREATE INDEX',
    phase: 'building index',
    blocksDone: 0,
    blocksTotal: 0,
    tuplesDone: 0,
    tuplesTotal: 0,
    startedAtMs,
  });
  const startOf = (...builds: ReturnType<typeof build>[]) =>
    valuesOf('pgindex_oldest_build_start_timestamp_seconds', {
      facts: factsOf(tables, { outcomes: { 'index-builds': collected(builds) } }),
    }).map(([, seconds]) => seconds);
  expect(startOf(build(takenAtMs - 5_000), build(takenAtMs - 90_000), build(null))).toEqual([
    (takenAtMs - 90_000) / 1000,
  ]);
  expect(startOf(build(null))).toEqual([]);
  expect(startOf()).toEqual([]);
});

test('an index that was seen valid and is not any more is named, with the size of its table', () => {
  const lost = aFinding({ id: '00000000000000c1', kind: 'invalid-index', indexrelname: 'orders_busy' });
  const failed = aFinding({ id: '00000000000000c2', kind: 'invalid-index', indexrelname: 'orders_weekly' });
  const generation = { findings: [lost, failed] };
  const of = (name: string, ids: readonly string[], more: Partial<DescribedGeneration> = {}) =>
    valuesOf(name, { ...generation, ...more, lost: new Set(ids) });
  expect(of('pgindex_lost_index', [lost.id])).toEqual([['orders_busy', 1]]);
  expect(of('pgindex_lost_index_table_size_bytes', [lost.id])).toEqual([['orders_busy', 40 * MiB]]);
  expect(of('pgindex_lost_index', [])).toEqual([]);
  const unknown = { facts: factsOf(tables.map((table) => ({ ...table, sizeBytes: null }))) };
  expect(of('pgindex_lost_index', [lost.id], unknown)).toEqual([['orders_busy', 1]]);
  expect(of('pgindex_lost_index_table_size_bytes', [lost.id], unknown)).toEqual([]);
});

test('deletes from the parent of a foreign key are said where they are counted', () => {
  const key = (id: string, parentRowsDeletedTotal: number | null) =>
    aFinding({ id, kind: 'unindexed-foreign-key', indexrelname: null, evidence: { parentRowsDeletedTotal } });
  const findings = [key('00000000000000f1', 12), key('00000000000000f2', null)];
  expect(valuesOf('pgindex_finding_parent_rows_deleted_total', { findings })).toEqual([
    ['00000000000000f1', 12],
  ]);
});

test('usual use counts all nodes, and the days of the last week on which there was any', () => {
  const perLook = 4 * 3600;
  const usage = usageOver(tables, {
    days: 10,
    nodes: ['primary', 'standby'],
    // Every four hours: one a second on each node; the other one on one day alone.
    scans: (index, { day }) => (index.endsWith('busy') ? perLook : day === 3 ? perLook : 0),
    reads: () => 4 * 36,
  });
  const of = (name: string) => new Map(valuesOf(name, { usage }));
  expect(of('pgindex_recent_use_ratio').get('orders_busy')).toBe(1);
  expect(of('pgindex_recent_use_ratio').get('orders_weekly')).toBeLessThanOrEqual(2 / 7);
  expect(of('pgindex_usual_scans_per_second').get('orders_busy')).toBeCloseTo(2, 1);
  expect(of('pgindex_table_usual_sequential_scans_per_second').get('orders')).toBeCloseTo(0.02, 3);
});

test('before a day has passed nothing is usual', () => {
  const usage = usageOver(tables, { days: 0 });
  expect(valuesOf('pgindex_usual_scans_per_second', { usage })).toEqual([]);
  expect(valuesOf('pgindex_table_usual_sequential_scans_per_second', { usage })).toEqual([]);
});
