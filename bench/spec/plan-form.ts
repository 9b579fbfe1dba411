/** A node of `EXPLAIN (FORMAT JSON)`, as far as it is looked at. */
export interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Join Type'?: string;
  readonly 'Scan Direction'?: string;
  readonly 'Index Name'?: string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows'?: number;
  /** With `buffers`; of the node and all below it. */
  readonly 'Shared Hit Blocks'?: number;
  readonly 'Shared Read Blocks'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** They pass on what is below them and decide nothing. */
const silent = new Set(['Limit', 'Hash', 'Materialize', 'Result', 'Gather', 'Gather Merge', 'Subquery Scan']);

/** `Nested Loop(Index Scan a, Index Scan b)`: node types, and of scans the index or else the table. */
export function shortPlan(node: PlanNode): string {
  const below = (node.Plans ?? []).map(shortPlan).filter((text) => text !== '');
  const type = node['Node Type'];
  if (silent.has(type)) return below.join(', ');
  // The bitmap's index says more than the table it is applied to.
  if (type === 'Bitmap Heap Scan')
    return `Bitmap Scan ${below.join(' and ').replaceAll('Bitmap Index Scan ', '')}`;
  const name = node['Index Name'] ?? (type === 'Seq Scan' ? node['Relation Name'] : undefined);
  const join = node['Join Type'] === 'Left' ? `${type} Left` : type;
  const own = name === undefined ? join : `${type} ${name}`;
  return below.length === 0 ? own : `${own}(${below.join(', ')})`;
}

/** The first node of a type, from the top; undefined where there is none. */
export function findNode(node: PlanNode, type: string): PlanNode | undefined {
  if (node['Node Type'] === type) return node;
  for (const below of node.Plans ?? []) {
    const found = findNode(below, type);
    if (found !== undefined) return found;
  }
  return undefined;
}
