import { z } from 'zod';
import { err, ok, type Result } from '../../model/result.ts';

/** A relation that a node reads, as the plan names it. */
export interface PlanRelation {
  /** The plan says it where it is verbose. */
  readonly schemaname: string | undefined;
  readonly relname: string;
  readonly alias: string | undefined;
}

/** One node of a plan. What was measured is there only where the query was run, and undefined where the node was never executed. */
export interface PlanNode {
  readonly nodeType: string;
  readonly joinType: string | undefined;
  readonly strategy: string | undefined;
  readonly partialMode: string | undefined;
  readonly operation: string | undefined;
  /** How it belongs to the node above: Outer, Inner, InitPlan, SubPlan, Member. */
  readonly parentRelationship: string | undefined;
  readonly scanDirection: string | undefined;
  readonly isParallelAware: boolean;
  readonly relation: PlanRelation | undefined;
  readonly indexName: string | undefined;
  /** What it looks up and joins by, and what it sorts and groups by, as the server prints it: with values. */
  readonly conditions: readonly PlanCondition[];
  readonly sortKeys: readonly string[];
  readonly hasFilter: boolean;
  /** Rows for each of its executions, as the planner thinks. */
  readonly planRows: number;
  /** Rows for each of its executions, on average. */
  readonly actualRows: number | undefined;
  readonly loops: number | undefined;
  /** Blocks of it and everything below that were found in shared buffers, and that were not. */
  readonly sharedHitBlocks: number | undefined;
  readonly sharedReadBlocks: number | undefined;
  /** How often an index was descended (18 and later). */
  readonly indexSearches: number | undefined;
  readonly workersLaunched: number | undefined;
  readonly children: readonly PlanNode[];
}

export interface PlanCondition {
  readonly label: string;
  readonly text: string;
}

export interface QueryPlan {
  readonly root: PlanNode;
  readonly planningMs: number | undefined;
  /** How long it took on the server; undefined where it was only planned. */
  readonly executionMs: number | undefined;
}

/** In the order in which EXPLAIN prints them. Those that select are kept in the plan's hash, filters in its text alone. */
const conditionLabels = [
  'Index Cond',
  'Order By',
  'Hash Cond',
  'Merge Cond',
  'Join Filter',
  'TID Cond',
  'Filter',
  'One-Time Filter',
] as const;
const filterLabels: ReadonlySet<string> = new Set(['Filter', 'Join Filter', 'One-Time Filter']);

const keys = z.array(z.string()).optional();
const count = z.number().optional();
const name = z.string().optional();

/** What is read of a node; servers print more, and newer ones more yet. */
const rawNode = z.looseObject({
  'Node Type': z.string(),
  'Join Type': name,
  Strategy: name,
  'Partial Mode': name,
  Operation: name,
  'Parent Relationship': name,
  'Scan Direction': name,
  'Parallel Aware': z.boolean().optional(),
  Schema: name,
  'Relation Name': name,
  Alias: name,
  'Index Name': name,
  'Sort Key': keys,
  'Group Key': keys,
  'Plan Rows': z.number(),
  'Actual Rows': count,
  'Actual Loops': count,
  'Shared Hit Blocks': count,
  'Shared Read Blocks': count,
  'Index Searches': count,
  'Workers Launched': count,
  get Plans() {
    return z.array(rawNode).optional();
  },
});
type RawNode = z.output<typeof rawNode>;

const rawPlan = z
  .tuple([z.looseObject({ Plan: rawNode, 'Planning Time': count, 'Execution Time': count })])
  .rest(z.unknown());

/** Reads what `EXPLAIN (FORMAT JSON)` answered, of any version from 13; the error says what was not as expected. */
export function parsePlan(answer: unknown): Result<QueryPlan, string> {
  const parsed = rawPlan.safeParse(answer);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return err(`the plan is not what EXPLAIN promises: ${issue?.path.join('.')} ${issue?.message}`);
  }
  const [{ Plan, 'Planning Time': planningMs, 'Execution Time': executionMs }] = parsed.data;
  return ok({ root: nodeOf(Plan), planningMs, executionMs });
}

function nodeOf(raw: RawNode): PlanNode {
  const relname = raw['Relation Name'];
  const loops = raw['Actual Loops'];
  const conditions = conditionLabels.flatMap((label): readonly PlanCondition[] => {
    const text = raw[label];
    return typeof text === 'string' ? [{ label, text }] : [];
  });
  return {
    nodeType: raw['Node Type'],
    joinType: raw['Join Type'],
    strategy: raw.Strategy,
    partialMode: raw['Partial Mode'],
    operation: raw.Operation,
    parentRelationship: raw['Parent Relationship'],
    scanDirection: raw['Scan Direction'],
    isParallelAware: raw['Parallel Aware'] === true,
    relation: relname === undefined ? undefined : { schemaname: raw.Schema, relname, alias: raw.Alias },
    indexName: raw['Index Name'],
    conditions: [
      ...conditions,
      ...(raw['Group Key'] === undefined ? [] : [{ label: 'Group Key', text: raw['Group Key'].join(', ') }]),
    ],
    sortKeys: raw['Sort Key'] ?? [],
    hasFilter: conditions.some(({ label }) => label === 'Filter'),
    planRows: raw['Plan Rows'],
    actualRows: loops === undefined || loops === 0 ? undefined : raw['Actual Rows'],
    loops,
    sharedHitBlocks: raw['Shared Hit Blocks'],
    sharedReadBlocks: raw['Shared Read Blocks'],
    indexSearches: raw['Index Searches'],
    workersLaunched: raw['Workers Launched'],
    children: (raw.Plans ?? []).map(nodeOf),
  };
}

export const isFilter = ({ label }: PlanCondition): boolean => filterLabels.has(label);

/** Every node, the root first. */
export function* nodesOf(node: PlanNode): Generator<PlanNode> {
  yield node;
  for (const child of node.children) yield* nodesOf(child);
}

/** Indexes that the plan reads, by name. */
export const indexesIn = ({ root }: QueryPlan): ReadonlySet<string> =>
  new Set([...nodesOf(root)].flatMap(({ indexName }) => indexName ?? []));
