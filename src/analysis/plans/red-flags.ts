import { type RelationName, relationText } from '../../model/probe.ts';
import { humaneCount } from '../../model/units.ts';
import { indexesIn, nodesOf, type PlanNode, type PlanRelation, type QueryPlan } from './plan.ts';

/**
 * What is wrong with a plan. `expected-index-unused` and `forbidden-scan` go by what the probe declares; `shared-reads` and
 * `misestimate` are seen only where the query was run, and belong to that run more than to the plan.
 */
export const redFlagKinds = [
  'expected-index-unused',
  'forbidden-scan',
  'sequential-scan',
  'sort',
  'hash-join',
  'shared-reads',
  'misestimate',
] as const;
export type RedFlagKind = (typeof redFlagKinds)[number];

export interface RedFlag {
  readonly kind: RedFlagKind;
  /** What tells it from others of its kind: a relation, an index. */
  readonly subject: string;
  /** One sentence, with the numbers it rests on. */
  readonly text: string;
}

export const isDeclared = ({ kind }: Pick<RedFlag, 'kind'>): boolean =>
  kind === 'expected-index-unused' || kind === 'forbidden-scan';
export const isOfTheRun = ({ kind }: Pick<RedFlag, 'kind'>): boolean =>
  kind === 'shared-reads' || kind === 'misestimate';

/** What the catalogue knows of the relations and indexes of a plan. */
export interface PlanFacts {
  /** The table that a relation of the plan is a part of, or the relation itself. */
  readonly topOf: (relation: PlanRelation) => RelationName;
  /** Rows of a table; undefined where nobody knows. */
  readonly rowsOf: (relation: RelationName) => number | undefined;
  /** Whether reading all of it costs less than its index. */
  readonly isTiny: (relation: RelationName) => boolean;
  /** The indexes that do what the named one is expected to do, and the table; undefined where there is none. */
  readonly expected: (
    indexName: string,
  ) => { readonly names: ReadonlySet<string>; readonly table: RelationName } | undefined;
}

/** From when on something is worth saying. */
export interface RedFlagBounds {
  /** Tables of so many rows are large. */
  readonly largeTableRows: number;
  /** So many rows are worth an index that has them in order. */
  readonly sortedRows: number;
  /** Up to so many rows are a handful. */
  readonly handfulRows: number;
  /** Blocks that were not in shared buffers; 8 KiB each. */
  readonly sharedReadBlocks: number;
  /** How many times more or fewer rows than estimated. */
  readonly misestimateFactor: number;
}

export const usualBounds: RedFlagBounds = {
  largeTableRows: 10_000,
  sortedRows: 1_000,
  handfulRows: 20,
  sharedReadBlocks: 1_000,
  misestimateFactor: 100,
};

/** What a plan should do, as the probe declares it. */
export interface PlanWishes {
  readonly expectIndexes: readonly (readonly string[])[];
  readonly noSequentialScanOn: readonly RelationName[];
  readonly table: RelationName;
}

export interface PlanJudgement {
  readonly flags: readonly RedFlag[];
  /** Wishes that are not held against a plan, and why: the planner rightly reads tiny tables whole. */
  readonly waived: readonly string[];
}

/** Judges one plan. Pure; what is not known is not held against it. */
export function judgePlan(
  plan: QueryPlan,
  wishes: PlanWishes,
  facts: PlanFacts,
  bounds: RedFlagBounds = usualBounds,
): PlanJudgement {
  const declared = [...expectedIndexes(plan, wishes, facts), ...forbiddenScans(plan, wishes, facts)];
  const flags = [
    ...declared.flatMap((one) => (typeof one === 'string' ? [] : [one])),
    ...sequentialScans(plan, facts, bounds),
    ...sorts(plan.root, false, bounds),
    ...hashJoins(plan, facts, bounds),
    ...sharedReads(plan, bounds),
    ...misestimates(plan.root, undefined, false, bounds),
  ];
  return {
    flags: [...new Map(flags.map((flag) => [flagKey(flag), flag])).values()],
    waived: declared.flatMap((one) => (typeof one === 'string' ? [one] : [])),
  };
}

export const flagKey = ({ kind, subject }: Pick<RedFlag, 'kind' | 'subject'>): string => `${kind} ${subject}`;

function expectedIndexes(
  plan: QueryPlan,
  { expectIndexes, table }: PlanWishes,
  facts: PlanFacts,
): readonly (RedFlag | string)[] {
  const used = indexesIn(plan);
  return expectIndexes.flatMap((choice): readonly (RedFlag | string)[] => {
    const known = choice.flatMap((name) => facts.expected(name) ?? []);
    const isUsed =
      choice.some((name) => used.has(name)) ||
      known.some(({ names }) => [...names].some((name) => used.has(name)));
    if (isUsed) return [];
    const subject = choice.join(' or ');
    const on = known[0]?.table ?? table;
    if (facts.isTiny(on))
      return [`${subject} is not used: ${relationText(on)} is so small that reading all of it costs less`];
    const usedInstead = used.size === 0 ? 'no index' : [...used].sort().join(', ');
    const text =
      known.length === 0
        ? `the expected index ${subject} is not there; ${usedInstead} is used`
        : `the expected index ${subject} is not used, but ${usedInstead}`;
    return [{ kind: 'expected-index-unused', subject, text }];
  });
}

function forbiddenScans(
  plan: QueryPlan,
  { noSequentialScanOn }: PlanWishes,
  facts: PlanFacts,
): readonly (RedFlag | string)[] {
  return scannedTables(plan, facts).flatMap(({ table }): readonly (RedFlag | string)[] => {
    const name = relationText(table);
    if (!noSequentialScanOn.some((one) => relationText(one) === name)) return [];
    if (facts.isTiny(table))
      return [`${name} is read from end to end: it is so small that an index would cost more`];
    return [{ kind: 'forbidden-scan', subject: name, text: `${name} is read from end to end (Seq Scan)` }];
  });
}

interface ScannedTable {
  readonly node: PlanNode;
  readonly table: RelationName;
}

const scannedTables = ({ root }: QueryPlan, { topOf }: PlanFacts): readonly ScannedTable[] =>
  [...nodesOf(root)].flatMap((node) =>
    node.nodeType === 'Seq Scan' && node.relation !== undefined
      ? [{ node, table: topOf(node.relation) }]
      : [],
  );

/** Where a filter keeps more of a table than this, reading all of it is right. */
const fewOfTable = 0.3;

function sequentialScans(plan: QueryPlan, facts: PlanFacts, bounds: RedFlagBounds): readonly RedFlag[] {
  return scannedTables(plan, facts).flatMap(({ node, table }) => {
    const rows = facts.rowsOf(table);
    if (rows === undefined || rows < bounds.largeTableRows) return [];
    // Without a condition there is nothing that an index could look up.
    if (!node.hasFilter || keptRows(node) > rows * fewOfTable) return [];
    const text = `${relationText(table)}, some ${humaneCount(rows)} rows, is read from end to end (Seq Scan) for ${humaneCount(keptRows(node))}`;
    return [{ kind: 'sequential-scan', subject: relationText(table), text }];
  });
}

const keptRows = ({ planRows, actualRows, loops }: PlanNode): number =>
  actualRows === undefined ? planRows : actualRows * (loops ?? 1);

/** A column of one table, as a verbose plan prints sort keys. */
const plainKey =
  /^("(?:[^"]|"")*"|[\p{L}_][\p{L}\p{N}_$]*)\.(?:"(?:[^"]|"")*"|[\p{L}_][\p{L}\p{N}_$]*)(?: (?:DESC|NULLS FIRST|NULLS LAST))*$/u;

/** Nodes between LIMIT and its sort that pass rows on in their order. */
const passesOn = new Set(['Gather Merge', 'Subquery Scan', 'LockRows', 'Result']);

/** Sorts of many rows of which a LIMIT takes the first, by columns of one table: an index could give them in order. */
function sorts(node: PlanNode, isLimited: boolean, bounds: RedFlagBounds): readonly RedFlag[] {
  const isBelowLimit = node.nodeType === 'Limit' || (isLimited && passesOn.has(node.nodeType));
  const below = node.children.flatMap((child) => sorts(child, isBelowLimit, bounds));
  const [input] = node.children;
  if (node.nodeType !== 'Sort' || !isLimited || input === undefined || keptRows(input) < bounds.sortedRows)
    return below;
  const owners = new Set(node.sortKeys.map((key) => plainKey.exec(key)?.[1]));
  if (owners.size !== 1 || owners.has(undefined)) return below;
  const keys = node.sortKeys.join(', ');
  const text = `${humaneCount(keptRows(input))} rows are sorted by ${keys} for the first few: no index gives them in that order`;
  return [{ kind: 'sort', subject: keys, text }, ...below];
}

/** A handful of rows for which a large table is read whole and hashed: the column it is joined by lacks an index. */
function hashJoins({ root }: QueryPlan, facts: PlanFacts, bounds: RedFlagBounds): readonly RedFlag[] {
  return [...nodesOf(root)].flatMap((node): readonly RedFlag[] => {
    if (node.nodeType !== 'Hash Join' || keptRows(node) > bounds.handfulRows) return [];
    return node.children.flatMap((child): readonly RedFlag[] => {
      const scan = child.nodeType === 'Hash' ? child.children[0] : child;
      if (scan?.nodeType !== 'Seq Scan' || scan.relation === undefined || scan.hasFilter) return [];
      const table = facts.topOf(scan.relation);
      const rows = facts.rowsOf(table);
      if (rows === undefined || rows < bounds.largeTableRows) return [];
      const text = `${relationText(table)}, some ${humaneCount(rows)} rows, is read whole for a Hash Join that gives ${humaneCount(keptRows(node))}`;
      return [{ kind: 'hash-join', subject: relationText(table), text }];
    });
  });
}

function sharedReads({ root }: QueryPlan, bounds: RedFlagBounds): readonly RedFlag[] {
  const { sharedReadBlocks: read, sharedHitBlocks: hit = 0 } = root;
  if (read === undefined || read < bounds.sharedReadBlocks) return [];
  const text = `${humaneCount(read)} blocks had to be read, ${humaneCount(hit)} were in shared buffers`;
  return [{ kind: 'shared-reads', subject: '', text }];
}

/** Nodes that may end their inputs before these are used up: fewer rows than estimated mean nothing there. */
const endsEarly = new Set(['Limit', 'Merge Join', 'Nested Loop']);

function misestimates(
  node: PlanNode,
  parent: PlanNode | undefined,
  isCut: boolean,
  bounds: RedFlagBounds,
): readonly RedFlag[] {
  const isEndedEarly =
    isCut ||
    (parent !== undefined &&
      endsEarly.has(parent.nodeType) &&
      (parent.nodeType !== 'Nested Loop' || parent.joinType === 'Semi' || parent.joinType === 'Anti'));
  const below = node.children.flatMap((child) => misestimates(child, node, isEndedEarly, bounds));
  const { actualRows, planRows } = node;
  if (actualRows === undefined) return below;
  const [few, many] = [Math.min(actualRows, planRows), Math.max(actualRows, planRows)];
  const isTooFew = actualRows < planRows;
  if (many / Math.max(1, few) < bounds.misestimateFactor || (isTooFew && isEndedEarly)) return below;
  // The lowest node that errs is the cause; those above err with it.
  if (below.length > 0) return below;
  const what = node.relation?.relname ?? node.indexName ?? node.nodeType;
  const text = `${node.nodeType} on ${what} gives ${humaneCount(actualRows)} rows where ${humaneCount(planRows)} were expected: statistics are stale, or columns depend on each other`;
  return [{ kind: 'misestimate', subject: what, text }];
}
