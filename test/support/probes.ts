import type { PlanNode, QueryPlan } from '../../src/analysis/plans/plan.ts';
import { parseProbes } from '../../src/config/probe-manifest.ts';
import {
  fingerprintOf,
  type KnownPlan,
  type MeasuredRun,
  noDurations,
  type ProbeState,
} from '../../src/history/probes/memory.ts';
import type { Probe } from '../../src/model/probe.ts';
import { minuteMs } from '../../src/model/units.ts';
import { takenAtMs } from './builders.ts';

/** A probe on public.orders that is run and has a target of 200 ms. */
export const aProbe = (overrides: Partial<Probe> = {}): Probe => ({
  name: 'recent-orders',
  sql: 'select * from orders order by at desc limit 20',
  parameters: [],
  schemaname: 'public',
  table: { schemaname: 'public', relname: 'orders' },
  expectIndexes: [],
  noSequentialScanOn: [],
  targetMs: 200,
  schedule: '*/5 * * * *',
  isAnalyzed: true,
  names: ['orders'],
  functions: [],
  manifest: 'probes/shop.yaml',
  ...overrides,
});

/** What a manifest of these probes holds; throws where it is refused. */
export function probesIn(manifest: string): readonly Probe[] {
  const parsed = parseProbes(manifest, 'probes.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error, undefined, 1));
  return parsed.value;
}

export const aKnownPlan = (overrides: Partial<KnownPlan> = {}): KnownPlan => ({
  hash: '00000000000000aa',
  text: 'Limit  (rows 20)\n  ->  Index Scan using orders_at on public.orders  (rows 20)',
  sinceMs: takenAtMs - 60 * minuteMs,
  flags: [],
  waived: [],
  roleName: 'monitor',
  ...overrides,
});

/** Runs that took so many milliseconds, five minutes apart, the last one now. */
export const runsOf = (...durationsMs: readonly number[]): readonly MeasuredRun[] =>
  durationsMs.map((durationMs, place) => ({
    atMs: takenAtMs - (durationsMs.length - 1 - place) * 5 * minuteMs,
    durationMs,
    isTimeout: false,
  }));

export interface DescribedState extends Partial<Omit<ProbeState, 'probe' | 'memory'>> {
  readonly probe?: Partial<Probe>;
  readonly current?: KnownPlan | null;
  readonly baseline?: KnownPlan | null;
  readonly runs?: readonly MeasuredRun[];
  readonly planChangedAtMs?: number;
}

/** What is known of one probe; planned well and measured once unless told otherwise. */
export function aProbeState(described: DescribedState = {}): ProbeState {
  const {
    probe: overrides,
    current = aKnownPlan(),
    baseline = current,
    runs,
    planChangedAtMs,
    ...rest
  } = described;
  const probe = aProbe(overrides);
  return {
    probe,
    memory: {
      fingerprint: fingerprintOf(probe),
      ...(baseline === null ? {} : { baseline }),
      ...(current === null ? {} : { current }),
      planChangedAtMs: planChangedAtMs ?? null,
      lastSuccessAtMs: takenAtMs,
      runs: [...(runs ?? runsOf(100))],
    },
    lastRunAtMs: takenAtMs,
    problem: undefined,
    unmeasured: undefined,
    durations: noDurations,
    ...rest,
  };
}

/** A node of a plan; two rows of public.orders by index unless told otherwise. */
export const aNode = (overrides: Partial<PlanNode> = {}): PlanNode => ({
  nodeType: 'Index Scan',
  joinType: undefined,
  strategy: undefined,
  partialMode: undefined,
  operation: undefined,
  parentRelationship: undefined,
  scanDirection: undefined,
  isParallelAware: false,
  relation: undefined,
  indexName: undefined,
  conditions: [],
  sortKeys: [],
  hasFilter: false,
  planRows: 2,
  actualRows: undefined,
  loops: undefined,
  sharedHitBlocks: undefined,
  sharedReadBlocks: undefined,
  indexSearches: undefined,
  workersLaunched: undefined,
  children: [],
  ...overrides,
});

export const aPlan = (root: Partial<PlanNode>): QueryPlan => ({
  root: aNode(root),
  planningMs: undefined,
  executionMs: undefined,
});

export const ordersRelation = { schemaname: 'public', relname: 'orders', alias: 'o' } as const;
