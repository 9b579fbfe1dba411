import { describe, expect, it } from 'vitest';
import { unknownReplicas } from '../../src/analysis/topology.ts';
import type { InvalidIndexFact } from '../../src/collectors/builds.ts';
import type { CollectorName } from '../../src/collectors/index.ts';
import type { CollationFact } from '../../src/collectors/inventory.ts';
import type { ReplicaFact } from '../../src/collectors/server.ts';
import type { Detector } from '../../src/detectors/define.ts';
import { collectorsFor, neededCollectors } from '../../src/detectors/evaluate.ts';
import { detectors } from '../../src/detectors/index.ts';
import type { Expectation } from '../../src/model/expectation.ts';
import type { FindingKind } from '../../src/model/finding.ts';
import { MiB } from '../../src/model/units.ts';
import { type JudgeOptions, judge, toFindings } from '../../src/watch/judge.ts';
import {
  aColumnStatisticsFact,
  aDefinition,
  anExpectation,
  aSnapshot,
  collationOid,
  collected,
  type DescribedTable,
  type Facts,
  factsOf,
  takenAtMs,
  textPatternOps,
} from '../support/builders.ts';
import { aPolicy } from './judge.ts';

/*
 * What a detector declares to need and to use decides what `check --only` reads: with those facts alone it must say what it says
 * with all of them.
 */

const column = (
  name: string,
): { readonly name: string; readonly isNotNull: true; readonly type: 'text' } => ({
  name,
  isNotNull: true,
  type: 'text',
});

/** Something for every detector to find, with every fact that makes a difference to what it says. */
const tables: readonly DescribedTable[] = [
  {
    name: 'parent',
    columns: ['id'],
    indexes: [{ name: 'parent_pkey', keys: ['id'], fact: { isUnique: true, isPrimary: true } }],
  },
  {
    name: 'orders',
    columns: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', column('code')],
    sizeBytes: 64 * MiB,
    usage: { rowsInsertedTotal: 9_000_000 },
    indexes: [
      { name: 'older', keys: ['a'], scans: 0 },
      { name: 'newer', keys: ['a'], scans: 9_000 },
      { name: 'narrow', keys: ['b'], sizeBytes: 10 * MiB, scans: 9_000 },
      { name: 'wide', keys: ['b', 'c'], sizeBytes: 12 * MiB, scans: 9_000 },
      { name: 'unused', keys: ['d'], scans: 0 },
      { name: 'rare', keys: ['e'], scans: 10 },
      { name: 'large', keys: ['f'], sizeBytes: 900 * MiB, scans: 9_000 },
      { name: 'broad', keys: ['g'], scans: 9_000, usage: { tuplesReadTotal: 90_000_000 } },
      { name: 'unselective', keys: ['h'], scans: 9_000 },
      { name: 'empty', keys: ['i'], scans: 9_000 },
      { name: 'broken', keys: ['j'], fact: { isValid: false } },
      { name: 'sorted', keys: ['code'], scans: 9_000, fact: { collations: [collationOid(950)] } },
      {
        name: 'key',
        keys: ['code'],
        scans: 9_000,
        fact: { isUnique: true, operatorClasses: [textPatternOps.operatorClassOid] },
      },
    ],
    foreignKeys: [
      { columns: ['h'], references: 'parent' },
      { columns: ['k'], references: 'parent' },
    ],
  },
  {
    name: 'stale',
    columns: ['id'],
    usage: { lastAnalyzedAtMs: null, rowsChangedSinceAnalyze: 90_000, rowsDeletedTotal: 0 },
  },
];

/** Satisfied by `sorted`, as long as the name of its collation is known. */
const codeInC: Expectation = {
  ...anExpectation({ name: 'idx_orders_code' }),
  keys: [{ kind: 'column', text: 'code', isDescending: false, isNullsFirst: false, collation: 'C' }],
};
const collationC: CollationFact = {
  collationOid: collationOid(950),
  schemaname: 'pg_catalog',
  collationName: 'C',
  isDatabaseDefault: false,
  provider: 'c',
  isDeterministic: true,
  recordedVersion: null,
  actualVersion: null,
};

function scene(): Facts {
  const facts = factsOf(tables);
  const orders = facts.tables?.find(({ relname }) => relname === 'orders');
  const broken = facts.indexes?.find(({ indexrelname }) => indexrelname === 'broken');
  if (orders === undefined || broken === undefined) throw new Error('both are described');
  const statisticsOf = (name: string, more: Parameters<typeof aColumnStatisticsFact>[0]) =>
    aColumnStatisticsFact({
      tableOid: orders.tableOid,
      attributeNumber: (tables[1]?.columns.indexOf(name) ?? 0) + 1,
      ...more,
    });
  const secondLook: InvalidIndexFact = {
    indexOid: broken.indexOid,
    isValid: false,
    isReady: true,
    isLive: true,
    isBuilding: false,
    isWorkedOn: false,
    seesBuilds: true,
    partitions: null,
    attachedPartitions: null,
    invalidPartitionIndexes: null,
  };
  return {
    ...facts,
    replicas: [
      {
        backendPid: 7,
        applicationName: 'standby',
        clientAddress: '10.0.0.7',
        state: 'streaming',
        syncState: 'async',
        replayLagSeconds: null,
      },
    ],
    collations: [collationC],
    columnStatistics: [
      statisticsOf('h', { distinctValues: 2, commonFrequencies: [0.5, 0.5] }),
      statisticsOf('i', { nullFraction: 0.99 }),
      statisticsOf('k', { nullFraction: 0.95, distinctValues: 3 }),
    ],
    outcomes: { 'invalid-indexes': collected([secondLook], { collectedAtMs: takenAtMs + 2_000 }) },
  };
}

/** All that the detector says, the SQL included, when only these collectors have run. */
function saidBy(detector: Detector, names: ReadonlySet<CollectorName>) {
  const whole = aSnapshot(scene());
  const snapshot = {
    ...whole,
    outcomes: Object.fromEntries(
      Object.entries(whole.outcomes).filter(([name]) => (names as ReadonlySet<string>).has(name)),
    ),
  };
  const options: JudgeOptions = {
    detectors: [detector],
    settings: {},
    policyFor: () => aPolicy({ minSizeBytes: 1, minRows: 1 }),
    isWatched: () => true,
    redactLiterals: false,
    docsBaseUrl: '/docs',
    expectations: [
      anExpectation({ name: 'idx_orders_k', keys: ['k'], priority: 1 }),
      codeInC,
      anExpectation({ name: 'one', keys: ['d'], alternatives: ['either'] }),
      anExpectation({ name: 'other', keys: ['h'], alternatives: ['either'] }),
    ],
  };
  const { replicas } = snapshot.outcomes;
  // Which facts stand under which name is lost where facts are left out by name.
  const seen = replicas?.kind === 'collected' ? (replicas.facts as readonly ReplicaFact[]) : [];
  const unseenNodes = unknownReplicas(seen, []);
  const judgement = judge(snapshot, options, undefined, { topology: { isComplete: true, unseenNodes } });
  const definitions = new Map(
    judgement.catalogue.indexes.map(({ oid, name }) => [
      oid,
      aDefinition({
        indexOid: oid,
        definition: `CREATE INDEX ${name} ON …`,
      }),
    ]),
  );
  return { findings: toFindings(judgement, definitions, options), undecided: judgement.undecided };
}

// Those that the scene was made for.
const firing: readonly FindingKind[] = [
  'invalid-index',
  'duplicate-index',
  'redundant-index',
  'unused-index',
  'rarely-used-index',
  'unindexed-foreign-key',
  'missing-primary-key',
  'oversized-index',
  'high-read-ratio-index',
  'low-selectivity-index',
  'null-heavy-index',
  'over-indexed-table',
  'stale-statistics',
  'missing-expected-index',
  'unexpected-index',
];
const everything = new Set(Object.keys(aSnapshot().outcomes)) as ReadonlySet<CollectorName>;

describe.each(detectors.map((detector) => [detector.id, detector] as const))('%s', (id, detector) => {
  it('says with the facts that it declares all that it says with every fact', () => {
    const said = saidBy(detector, everything);
    if (firing.includes(id)) expect(said.findings).not.toEqual([]);
    expect(saidBy(detector, collectorsFor([detector]))).toEqual(said);
  });

  const silentlyUsed = new Set<CollectorName>(['column-visibility']);
  const used = detector.uses.filter((name) => firing.includes(id) && !silentlyUsed.has(name));
  it.each(used)('says something else without %s', (name) => {
    const others = new Set([...collectorsFor([detector])].filter((other) => other !== name));
    const said = saidBy(detector, others);
    const whole = saidBy(detector, everything);
    expect(said.findings).not.toEqual(whole.findings);
    // But says it: what it cannot do without is what it needs.
    expect(said.undecided).toEqual(whole.undecided);
  });
});

describe('what a set of detectors makes necessary', () => {
  const asked = (...kinds: readonly FindingKind[]) => detectors.filter(({ id }) => kinds.includes(id));

  it('is not the second look where nobody asks for invalid indexes', () => {
    expect(collectorsFor(asked('unused-index', 'duplicate-index'))).not.toContain('invalid-indexes');
    expect(collectorsFor(asked('invalid-index'))).toContain('invalid-indexes');
  });

  it('is nothing for no detector', () => {
    expect(collectorsFor([]).size).toBe(0);
  });

  it('holds all that must not fail, and what may', () => {
    for (const detector of detectors) {
      const all = collectorsFor([detector]);
      expect([...neededCollectors([detector])].filter((name) => !all.has(name))).toEqual([]);
      expect(detector.uses.filter((name) => detector.needs.includes(name) || !all.has(name))).toEqual([]);
    }
    expect(neededCollectors(asked('unused-index'))).not.toContain('replicas');
    expect(collectorsFor(asked('unused-index'))).toContain('replicas');
  });
});
