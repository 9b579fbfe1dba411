import type { IndexBuildFact } from '../../src/collectors/builds.ts';
import type { Generation } from '../../src/findings/generation.ts';
import { noDurations, withDuration } from '../../src/history/probes/memory.ts';
import { MiB } from '../../src/model/units.ts';
import {
  aBloat,
  aFinding,
  aGeneration,
  aMissingPermission,
  anInconclusive,
  anUnknownBloat,
  collected,
  type DescribedTable,
  factsOf,
  failed,
  indexOid,
  skipped,
  takenAtMs,
} from '../support/builders.ts';
import { aProbeState, runsOf } from '../support/probes.ts';
import { usageOver } from '../support/usage.ts';

const shopTables: readonly DescribedTable[] = [
  {
    name: 'orders',
    columns: ['id', 'a', { name: 'note', type: 'text' }],
    indexes: [
      {
        name: 'orders_pkey',
        keys: ['id'],
        fact: { isPrimary: true, isUnique: true, constraintType: 'p', constraintName: 'orders_pkey' },
      },
      { name: 'orders_a_idx', keys: ['a'] },
      { name: 'orders_a_idx1', keys: ['a'], scans: 0 },
      { name: 'orders_lower_idx', keys: ['lower(note)'], where: '(a > 0)', sizeBytes: 2 * MiB },
    ],
  },
  {
    name: 'we"ird\n\\табличка',
    schema: '<b>odd</b>',
    columns: ['id'],
    rows: null,
    sizeBytes: null,
    usage: null,
    indexes: [{ name: '"; drop table x; --', keys: ['id'], scans: null, sizeBytes: null }],
  },
];

const aBuild: IndexBuildFact = {
  backendPid: 4711,
  tableOid: null,
  indexOid: null,
  command: 'CREATE INDEX',
  phase: 'building index',
  blocksDone: 10,
  blocksTotal: 100,
  tuplesDone: 0,
  tuplesTotal: 0,
  startedAtMs: takenAtMs - 3_600_000,
};

/** A database with something of everything: keys, a duplicate, an expression, hostile names, an unused index, unknowns. */
export const shop = (): Generation =>
  aGeneration({
    number: 3,
    usage: usageOver(shopTables, { days: 3, scans: (index) => (index.endsWith('pkey') ? 14_400 : 0) }),
    facts: factsOf(shopTables, {
      columnVisibility: { userColumns: 8, visibleColumns: 6 },
      outcomes: {
        'column-statistics': failed('canceling statement due to statement timeout', 'QueryTimeout'),
        replicas: skipped('the server is a standby'),
        'index-builds': collected([aBuild], { collectedAtMs: takenAtMs - 30_000, skippedRelations: [1, 2] }),
      },
    }),
    probes: [
      aProbeState({
        probe: { pageMs: 400 },
        runs: runsOf(90, 110, 130),
        planChangedAtMs: takenAtMs - 3_600_000,
        durations: withDuration(withDuration(noDurations, 0.11), 0.13),
      }),
      aProbeState({
        probe: { name: 'unreadable', isAnalyzed: false },
        current: null,
        runs: [],
        problem: {
          reason: 'role monitor may not read public.orders',
          grant: 'GRANT SELECT ON public.orders TO monitor;',
        },
      }),
    ],
    findings: [
      aFinding({ id: '00000000000000d1' }),
      aFinding({
        id: '00000000000000f1',
        kind: 'unindexed-foreign-key',
        origin: 'baseline',
        severity: 'info',
        indexrelname: null,
        title: 'no index supports orders_customer_id_fkey',
        impact: { reclaimableBytes: 0 },
        evidence: { parentRowsDeletedTotal: 17 },
      }),
      aFinding({
        id: '00000000000000f2',
        kind: 'unindexed-foreign-key',
        origin: 'baseline',
        severity: 'info',
        indexrelname: null,
        title: 'no index supports orders_note_fkey',
        impact: { reclaimableBytes: 0 },
      }),
      aFinding({
        id: '00000000000000a1',
        kind: 'unused-index',
        state: 'muted',
        indexrelname: 'orders_a_idx',
      }),
      aFinding({ id: '00000000000000c1', kind: 'invalid-index', indexrelname: 'orders_lower_idx' }),
      aFinding({ id: '00000000000000e1', kind: 'unused-index', state: 'resolved' }),
    ],
    lost: new Set(['00000000000000c1']),
    inconclusive: [
      anInconclusive(),
      anInconclusive({
        kind: 'oversized-index',
        reason: 'its size is not known: it was locked',
        relations: ['<b>odd</b>."; drop table x; --'],
      }),
    ],
    missingPermissions: [aMissingPermission()],
    bloat: {
      orders_pkey: aBloat(),
      orders_a_idx: aBloat({
        method: 'estimated',
        confidence: 'low',
        low: 0.1,
        high: 0.6,
        measuredAtMs: null,
      }),
      orders_lower_idx: anUnknownBloat('it was not measured'),
    },
    rebuilds: new Map([[indexOid(10_001), takenAtMs - 90_000]]),
    measuring: {
      measuredBytesTotal: 30 * MiB,
      outcomes: new Map([
        ['measured', 3],
        ['gave-way', 1],
      ]),
      waiting: 2,
    },
  });

/** A target that could not be reached; its ledger still holds what was known to be open. */
export const unreachable = (): Generation => {
  const down = failed('connect ECONNREFUSED 127.0.0.1:5432', 'TargetUnavailable');
  return aGeneration({
    target: { server: 'main', datname: 'archive' },
    isUp: false,
    error: 'connect ECONNREFUSED 127.0.0.1:5432',
    facts: { outcomes: { server: down, tables: down, indexes: down }, missing: everyOther },
    findings: [aFinding({ id: '00000000000000b1', datname: 'archive' })],
    inconclusive: (
      [
        'duplicate-index',
        'unused-index',
        'invalid-index',
        'redundant-index',
        'unindexed-foreign-key',
      ] as const
    ).map((kind) =>
      anInconclusive({ kind, datname: 'archive', reason: 'the database could not be reached' }),
    ),
  });
};

const everyOther = [
  'replicas',
  'columns',
  'constraints',
  'operator-classes',
  'collations',
  'expected-columns',
  'index-usage',
  'table-usage',
  'relation-sizes',
  'column-statistics',
  'column-visibility',
  'statements',
  'candidate-columns',
  'index-builds',
  'invalid-indexes',
] as const;
