import { createHash } from 'node:crypto';
import { humaneCount } from '../../model/units.ts';
import { isFilter, type PlanNode, type QueryPlan } from './plan.ts';

/**
 * 16 hex digits that are the same as long as the query is answered in the same way: by the same nodes in the same places on the same
 * relations and indexes, which look up, join, sort and group by the same columns. Costs, row counts, buffers, times, filters, the number
 * of workers and all values have no part in it.
 */
export function planHash({ root }: QueryPlan): string {
  const shape = linesOf(root, 0, (node) =>
    [
      node.parentRelationship ?? '',
      titleOf(node),
      ...node.conditions
        .filter((one) => !isFilter(one))
        .map(({ label, text }) => `${label}: ${withoutValues(text)}`),
      ...node.sortKeys.map(withoutValues),
    ].join('\0'),
  );
  return createHash('sha256').update(shape.join('\n')).digest('hex').slice(0, 16);
}

/**
 * The plan as a person reads it, much as psql shows it: row counts where psql has costs, and `?` for every value, since values may be
 * private.
 */
export function planText({ root, planningMs, executionMs }: QueryPlan): string {
  const lines = linesOf(root, 0, (node, depth) => {
    const head = `${depth === 0 ? '' : `${'      '.repeat(depth - 1)}  ->  `}`;
    const indent = ' '.repeat(depth === 0 ? 2 : depth * 6 + 2);
    const details = [
      ...(node.sortKeys.length === 0 ? [] : [`Sort Key: ${node.sortKeys.map(withoutValues).join(', ')}`]),
      ...node.conditions.map(({ label, text }) => `${label}: ${withoutValues(text)}`),
    ];
    return [
      `${head}${titleOf(node)}  (${rowsOf(node)})`,
      ...details.map((detail) => `${indent}${detail}`),
    ].join('\n');
  });
  const times = executionMs === undefined ? [] : [`Time: ${((planningMs ?? 0) + executionMs).toFixed(1)} ms`];
  return [...lines, ...times].join('\n');
}

function linesOf(
  node: PlanNode,
  depth: number,
  write: (node: PlanNode, depth: number) => string,
): readonly string[] {
  return [write(node, depth), ...node.children.flatMap((child) => linesOf(child, depth + 1, write))];
}

/** `Parallel Index Scan Backward using i on s.t a`, `Hash Left Join`, `Partial HashAggregate`. */
function titleOf(node: PlanNode): string {
  const { relation, indexName, joinType } = node;
  const type = aggregateType(node);
  const join = joinType === undefined || joinType === 'Inner' ? '' : ` ${joinType}`;
  const joined =
    join === ''
      ? type
      : type === 'Nested Loop'
        ? `Nested Loop${join} Join`
        : type.replace(/ Join$/, `${join} Join`);
  const words = [
    ...(node.partialMode === undefined || node.partialMode === 'Simple' ? [] : [node.partialMode]),
    ...(node.isParallelAware ? ['Parallel'] : []),
    joined,
    ...(node.scanDirection === 'Backward' ? ['Backward'] : []),
    ...(indexName === undefined
      ? []
      : [node.nodeType === 'Bitmap Index Scan' ? `on ${indexName}` : `using ${indexName}`]),
    ...(relation === undefined ? [] : [`on ${relationOf(relation)}`]),
  ];
  return words.join(' ');
}

function aggregateType({ nodeType, strategy }: PlanNode): string {
  if (nodeType !== 'Aggregate') return nodeType;
  if (strategy === 'Hashed') return 'HashAggregate';
  if (strategy === 'Sorted') return 'GroupAggregate';
  return strategy === 'Mixed' ? 'MixedAggregate' : 'Aggregate';
}

function relationOf({ schemaname, relname, alias }: NonNullable<PlanNode['relation']>): string {
  const name = schemaname === undefined ? relname : `${schemaname}.${relname}`;
  return alias === undefined || alias === relname ? name : `${name} ${alias}`;
}

function rowsOf({ planRows, actualRows, loops }: PlanNode): string {
  const estimated = `rows ${humaneCount(planRows)}`;
  if (loops === undefined) return estimated;
  if (actualRows === undefined) return `${estimated}, never executed`;
  const times = loops === 1 ? '' : ` × ${humaneCount(loops)}`;
  return `${estimated}, really ${humaneCount(actualRows)}${times}`;
}

/** Values in what the server prints become `?`; quoted names, parameters and names that end in digits stay. */
export const withoutValues = (text: string): string =>
  text.replace(
    /("(?:[^"]|"")*")|[EeBbXx]?'(?:[^']|'')*'|(?<![\w$."])\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w"])/g,
    (_, quoted: string | undefined) => quoted ?? '?',
  );
