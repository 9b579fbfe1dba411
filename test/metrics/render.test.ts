import { describe, expect, test } from 'vitest';
import type { Generation } from '../../src/findings/generation.ts';
import { buildPage } from '../../src/metrics/exposition.ts';
import { allFamilies } from '../../src/metrics/families.ts';
import type { RenderOptions } from '../../src/metrics/page-draft.ts';
import { renderGeneration } from '../../src/metrics/render.ts';
import { findingKinds } from '../../src/model/finding.ts';
import { MiB } from '../../src/model/units.ts';
import {
  aFinding,
  aGeneration,
  anInconclusive,
  collected,
  factsOf,
  failed,
  takenAtMs,
} from '../support/builders.ts';
import { type ParsedSample, parseExposition } from './parse-exposition.ts';
import { shop, unreachable } from './scene.ts';

const samplesOf = (generation: Generation, options: Partial<RenderOptions> = {}): readonly ParsedSample[] =>
  parseExposition(buildPage([renderGeneration(generation, options)], 'text')).samples;

const valuesOf = (samples: readonly ParsedSample[], name: string, labels: Record<string, string> = {}) =>
  samples
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels.get(label) === value))
    .map((sample) => sample.value);

const namesIn = (samples: readonly ParsedSample[], name: string, label = 'indexrelname') =>
  samples.filter((sample) => sample.name === name).map((sample) => sample.labels.get(label));

describe('what a generation shows', () => {
  const samples = samplesOf(shop());

  test('labels are exactly the declared ones', () => {
    const declared = new Map(allFamilies.map((family) => [family.name, family.labels]));
    for (const { name, labels } of samples) {
      // The samples of a histogram have longer names, and its buckets their bound.
      const family = declared.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, '');
      const own = [...labels.keys()].filter((label) => label !== 'le');
      expect(own, name).toEqual(declared.get(family));
    }
  });

  test('no series is written twice', () => {
    const keys = samples.map((sample) => JSON.stringify([sample.name, ...sample.labels]));
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('names survive whatever they hold', () => {
    expect(namesIn(samples, 'pgindex_info')).toContain('"; drop table x; --');
    expect(namesIn(samples, 'pgindex_info', 'relname')).toContain('we"ird\n\\табличка');
    expect(namesIn(samples, 'pgindex_info', 'schemaname')).toContain('<b>odd</b>');
  });

  test('an index says what a rebuild would free and how that is known; what is unknown has no number', () => {
    const of = (name: string, indexrelname: string) => valuesOf(samples, name, { indexrelname });
    expect(of('pgindex_bloat_bytes', 'orders_pkey')).toEqual([4 * MiB]);
    expect(of('pgindex_bloat_ratio', 'orders_pkey')).toEqual([0.4]);
    expect(of('pgindex_expected_size_bytes', 'orders_pkey')).toEqual([6 * MiB]);
    expect(of('pgindex_bloat_measured_timestamp_seconds', 'orders_pkey')).toEqual([takenAtMs / 1000 - 3600]);
    expect(of('pgindex_bloat_measured_timestamp_seconds', 'orders_a_idx')).toEqual([]);
    const known = (indexrelname: string, method: string, confidence: string) =>
      valuesOf(samples, 'pgindex_bloat_info', { indexrelname, method, confidence });
    expect(known('orders_pkey', 'measured', 'high')).toEqual([1]);
    expect(known('orders_a_idx', 'estimated', 'low')).toEqual([1]);
    expect(known('orders_lower_idx', 'unknown', 'none')).toEqual([1]);
    for (const name of ['pgindex_bloat_bytes', 'pgindex_bloat_ratio', 'pgindex_expected_size_bytes'])
      expect(namesIn(samples, name)).toEqual(['orders_a_idx', 'orders_pkey']);
  });

  test('measuring shows what was read, what came of it and what waits', () => {
    expect(valuesOf(samples, 'indexwarden_measured_bytes_total')).toEqual([30 * MiB]);
    expect(valuesOf(samples, 'indexwarden_measurements_total', { outcome: 'measured' })).toEqual([3]);
    expect(valuesOf(samples, 'indexwarden_measurements_total', { outcome: 'gave-way' })).toEqual([1]);
    expect(valuesOf(samples, 'indexwarden_measurements_waiting')).toEqual([2]);
    // Where nothing is measured, 0 would say that all has been.
    expect(namesIn(samplesOf(aGeneration()), 'indexwarden_measurements_waiting', 'datname')).toEqual([]);
  });

  test('an index has counters, a size and attributes', () => {
    const index = { indexrelname: 'orders_a_idx' };
    expect(valuesOf(samples, 'pgindex_scans_total', index)).toEqual([1200]);
    expect(valuesOf(samples, 'pgindex_size_bytes', index)).toEqual([10 * MiB]);
    expect(valuesOf(samples, 'pgindex_last_scan_timestamp_seconds', index)).toEqual([
      takenAtMs / 1000 - 3600,
    ]);
    expect(
      valuesOf(samples, 'pgindex_info', {
        indexrelname: 'orders_lower_idx',
        expression: 'true',
        partial: 'true',
        constraint: 'none',
        access_method: 'btree',
      }),
    ).toEqual([1]);
    expect(valuesOf(samples, 'pgindex_info', { constraint: 'primary_key', unique: 'true' })).toEqual([1]);
  });

  test('a zero is shown where it was counted, and nothing where it is unknown', () => {
    expect(valuesOf(samples, 'pgindex_scans_total', { indexrelname: 'orders_a_idx1' })).toEqual([0]);
    expect(
      valuesOf(samples, 'pgindex_last_scan_timestamp_seconds', { indexrelname: 'orders_a_idx1' }),
    ).toEqual([]);
    const odd = { schemaname: '<b>odd</b>' };
    for (const name of [
      'pgindex_scans_total',
      'pgindex_size_bytes',
      'pgindex_table_rows',
      'pgindex_table_size_bytes',
    ])
      expect(valuesOf(samples, name, odd), name).toEqual([]);
    expect(valuesOf(samples, 'pgindex_info', odd)).toEqual([1]);
  });

  test('block reads and hits only where they are asked for', () => {
    expect(valuesOf(samples, 'pgindex_blocks_read_total')).toEqual([]);
    const withBlocks = samplesOf(shop(), { blockIo: true });
    expect(valuesOf(withBlocks, 'pgindex_blocks_hit_total', { indexrelname: 'orders_a_idx' })).toEqual([
      5000,
    ]);
  });

  test('open findings have a series each, even two on one table; muted ones are only counted', () => {
    expect(namesIn(samples, 'pgindex_finding', 'finding_id')).toEqual([
      '00000000000000d1',
      '00000000000000f1',
      '00000000000000f2',
      '00000000000000c1',
    ]);
    expect(
      valuesOf(samples, 'pgindex_findings', { kind: 'unindexed-foreign-key', origin: 'baseline' }),
    ).toContain(2);
    expect(valuesOf(samples, 'pgindex_muted_findings', { kind: 'unused-index' })).toEqual([1]);
    expect(valuesOf(samples, 'pgindex_reclaimable_bytes', { kind: 'duplicate-index' })).toEqual([10 * MiB]);
    expect(valuesOf(samples, 'pgindex_reclaimable_total_bytes')).toEqual([20 * MiB]);
  });

  test('"0 findings" is said of kinds that were judged, never of inconclusive or unasked ones', () => {
    expect(valuesOf(samples, 'pgindex_findings', { kind: 'unused-index' })).toEqual([0, 0, 0, 0, 0, 0]);
    expect(valuesOf(samples, 'pgindex_findings', { kind: 'null-heavy-index' })).toEqual([]);
    expect(valuesOf(samples, 'pgindex_findings', { kind: 'oversized-index' })).toEqual([]);
    expect(valuesOf(samples, 'pgindex_inconclusive', { kind: 'null-heavy-index' })).toEqual([1]);
    expect(valuesOf(samples, 'pgindex_inconclusive_relations', { kind: 'null-heavy-index' })).toEqual([]);
    expect(valuesOf(samples, 'pgindex_inconclusive_relations', { kind: 'oversized-index' })).toEqual([1]);
    const few = samplesOf(shop(), { kinds: ['unused-index'] });
    expect(new Set(namesIn(few, 'pgindex_findings', 'kind'))).toEqual(
      new Set(['unused-index', 'duplicate-index', 'unindexed-foreign-key', 'invalid-index']),
    );
  });

  test('an inconclusive kind still counts what is known to be open', () => {
    const generation = aGeneration({
      findings: [aFinding()],
      inconclusive: [anInconclusive({ kind: 'duplicate-index' })],
    });
    expect(valuesOf(samplesOf(generation), 'pgindex_findings', { kind: 'duplicate-index' })).toEqual([1]);
  });

  test('nothing to reclaim is not said while one of the kinds that reclaim could not be judged', () => {
    expect(valuesOf(samplesOf(aGeneration()), 'pgindex_reclaimable_total_bytes')).toEqual([0]);
    const unsure = aGeneration({ inconclusive: [anInconclusive({ kind: 'unused-index' })] });
    expect(valuesOf(samplesOf(unsure), 'pgindex_reclaimable_total_bytes')).toEqual([]);
    expect(valuesOf(samplesOf(unsure), 'pgindex_reclaimable_bytes', { kind: 'unused-index' })).toEqual([]);
  });

  test('collectors: failures, skips and locked relations are told apart', () => {
    expect(valuesOf(samples, 'indexwarden_collector_success', { collector: 'column-statistics' })).toEqual([
      0,
    ]);
    expect(
      valuesOf(samples, 'indexwarden_collector_error', {
        collector: 'column-statistics',
        error: 'QueryTimeout',
      }),
    ).toEqual([1]);
    expect(
      valuesOf(samples, 'indexwarden_collector_last_success_timestamp_seconds', {
        collector: 'column-statistics',
      }),
    ).toEqual([]);
    expect(valuesOf(samples, 'indexwarden_collector_success', { collector: 'replicas' })).toEqual([]);
    expect(valuesOf(samples, 'indexwarden_collector_skipped', { collector: 'replicas' })).toEqual([1]);
    expect(valuesOf(samples, 'indexwarden_skipped_relations', { collector: 'index-builds' })).toEqual([2]);
    expect(valuesOf(samples, 'indexwarden_permission_missing', { permission: 'column-statistics' })).toEqual([
      1,
    ]);
    expect(valuesOf(samples, 'pgindex_column_statistics_visible_ratio')).toEqual([0.75]);
  });
});

describe('a target that could not be reached', () => {
  const samples = samplesOf(unreachable());

  test('is published as down, without facts', () => {
    expect(valuesOf(samples, 'indexwarden_target_up')).toEqual([0]);
    const shown = new Set(samples.map((sample) => sample.name));
    for (const name of [
      'indexwarden_snapshot_timestamp_seconds',
      'pgindex_indexes',
      'pgindex_tables',
      'pgindex_other_size_bytes',
      'pgindex_info',
      'pgindex_table_rows',
      'pgindex_statistics_reset_timestamp_seconds',
      'pgindex_column_statistics_visible_ratio',
    ])
      expect(shown, name).not.toContain(name);
  });

  test('keeps what the ledger holds open and says that it could not be judged', () => {
    expect(valuesOf(samples, 'pgindex_finding', { kind: 'duplicate-index' })).toEqual([1]);
    expect(valuesOf(samples, 'pgindex_findings')).toEqual([1]);
    expect(valuesOf(samples, 'pgindex_inconclusive', { kind: 'unused-index' })).toEqual([1]);
  });
});

describe('facts of one failed collector', () => {
  test('are absent while those of others are shown with their own time', () => {
    const generation = aGeneration({
      facts: factsOf([{ name: 'orders', columns: ['a'], indexes: [{ name: 'i', keys: ['a'] }] }], {
        outcomes: {
          'index-usage': failed('canceling statement due to lock timeout'),
          server: collected([], { collectedAtMs: takenAtMs + 5_000 }),
        },
      }),
      publishedAtMs: takenAtMs + 6_000,
    });
    const samples = samplesOf(generation);
    expect(valuesOf(samples, 'pgindex_size_bytes')).toEqual([10 * MiB]);
    expect(valuesOf(samples, 'pgindex_scans_total')).toEqual([]);
    expect(valuesOf(samples, 'indexwarden_snapshot_timestamp_seconds')).toEqual([takenAtMs / 1000 + 5]);
  });
});

test('facts from before the clock was set back do not make the snapshot look newer than its page', () => {
  const later = { collectedAtMs: takenAtMs + 3 * 3_600_000 };
  const generation = aGeneration({
    facts: factsOf([{ name: 'orders', columns: ['a'] }], { outcomes: { replicas: collected([], later) } }),
    publishedAtMs: takenAtMs + 6_000,
  });
  const [snapshot] = valuesOf(samplesOf(generation), 'indexwarden_snapshot_timestamp_seconds');
  expect(snapshot).toBeLessThanOrEqual((takenAtMs + 6_000) / 1000);
});

describe('the budget', () => {
  const indexes = ['a', 'b', 'c', 'd'].map((name, place) => ({
    name: `idx_${name}`,
    keys: ['a'],
    sizeBytes: (place === 2 ? 1 : place) * MiB,
  }));
  const generation = aGeneration({
    facts: factsOf([{ name: 'orders', columns: ['a'], indexes }]),
    findings: [aFinding({ indexrelname: 'idx_a' })],
  });

  test('takes indexes with an open finding, then the largest, ties by age; the rest is summed', () => {
    const samples = samplesOf(generation, { maxIndexSeries: 3 });
    expect(namesIn(samples, 'pgindex_info')).toEqual(['idx_a', 'idx_b', 'idx_d']);
    expect(valuesOf(samples, 'pgindex_indexes', { exported: 'true' })).toEqual([3]);
    expect(valuesOf(samples, 'pgindex_indexes', { exported: 'false' })).toEqual([1]);
    expect(valuesOf(samples, 'pgindex_other_size_bytes')).toEqual([MiB]);
  });

  test('prefers an index with an open finding to every larger one', () => {
    expect(namesIn(samplesOf(generation, { maxIndexSeries: 1 }), 'pgindex_info')).toEqual(['idx_a']);
  });

  test('holds however many findings there are, the worst first', () => {
    const critical = aFinding({ indexrelname: 'idx_b', severity: 'critical' });
    const crowded = aGeneration({
      facts: factsOf([{ name: 'orders', columns: ['a'], indexes }]),
      findings: [aFinding({ indexrelname: 'idx_a' }), critical, aFinding({ indexrelname: 'idx_d' })],
    });
    expect(namesIn(samplesOf(crowded, { maxIndexSeries: 1 }), 'pgindex_info')).toEqual(['idx_b']);
    expect(
      valuesOf(samplesOf(crowded, { maxIndexSeries: 1 }), 'pgindex_indexes', { exported: 'false' }),
    ).toEqual([3]);
    expect(namesIn(samplesOf(crowded, { maxIndexSeries: 0 }), 'pgindex_info')).toEqual([]);
  });

  test('is kept for tables and findings too, and says so', () => {
    const two = aGeneration({
      facts: factsOf([
        { name: 'small', columns: ['a'], sizeBytes: MiB },
        { name: 'large', columns: ['a'], sizeBytes: 2 * MiB },
      ]),
      findings: [
        aFinding({ id: '00000000000000a1', relname: 'gone' }),
        aFinding({ id: '00000000000000a2', relname: 'gone' }),
      ],
    });
    const samples = samplesOf(two, { maxTableSeries: 1, maxFindingSeries: 1 });
    expect(namesIn(samples, 'pgindex_table_rows', 'relname')).toEqual(['large']);
    expect(valuesOf(samples, 'pgindex_tables', { exported: 'false' })).toEqual([1]);
    expect(namesIn(samples, 'pgindex_finding', 'finding_id')).toEqual(['00000000000000a1']);
    expect(valuesOf(samples, 'pgindex_finding_series', { exported: 'false' })).toEqual([1]);
    expect(valuesOf(samples, 'pgindex_findings', { kind: 'duplicate-index', severity: 'warning' })).toContain(
      2,
    );
  });

  test('the sum of the others is unknown when one of them is', () => {
    const unsure = aGeneration({
      facts: factsOf([
        {
          name: 'orders',
          columns: ['a'],
          indexes: [
            { name: 'known', keys: ['a'] },
            { name: 'locked', keys: ['a'], sizeBytes: null },
          ],
        },
      ]),
    });
    const samples = samplesOf(unsure, { maxIndexSeries: 0 });
    expect(valuesOf(samples, 'pgindex_other_size_bytes')).toEqual([]);
    expect(valuesOf(samples, 'pgindex_indexes', { exported: 'false' })).toEqual([2]);
  });

  test('partitions are rolled up into the root index and table', () => {
    const partition = (name: string, place: number) => ({
      name,
      columns: ['a'],
      fact: { isPartition: true, parentOid: 10_000 as never },
      indexes: [{ name: `${name}_a_idx`, keys: ['a'], fact: { parentIndexOid: 10_001 as never } }],
      usage: { rowsInsertedTotal: place },
    });
    const tree = aGeneration({
      facts: factsOf([
        {
          name: 'events',
          columns: ['a'],
          fact: { relkind: 'p' },
          usage: null,
          indexes: [{ name: 'events_a_idx', keys: ['a'], fact: { relkind: 'I' } }],
        },
        partition('events_1', 1),
        partition('events_2', 2),
      ]),
    });
    const samples = samplesOf(tree);
    expect(namesIn(samples, 'pgindex_info')).toEqual(['events_a_idx']);
    // Counted from the daemon's start, so that the sum cannot fall with a partition.
    expect(valuesOf(samples, 'pgindex_scans_total')).toEqual([0]);
    expect(valuesOf(samples, 'pgindex_size_bytes')).toEqual([20 * MiB]);
    expect(namesIn(samples, 'pgindex_table_rows_inserted_total', 'relname')).toEqual(['events']);
    expect(valuesOf(samples, 'pgindex_table_rows_inserted_total')).toEqual([0]);
    expect(valuesOf(samples, 'pgindex_indexes', { exported: 'true' })).toEqual([1]);
  });
});

test('every kind of finding can be judged and so be zero', () => {
  const kinds = new Set(namesIn(samplesOf(aGeneration()), 'pgindex_findings', 'kind'));
  expect([...kinds].sort()).toEqual([...findingKinds].sort());
});
