import type { ColumnVisibilityFact } from '../collectors/column-statistics.ts';
import type { Snapshot } from '../collectors/snapshot.ts';

/**
 * Of how many columns of user tables the planner's statistics could be seen: all, where they were read through the optional view, else
 * those that the role's privileges show. Undefined where that was not read.
 */
export function columnVisibility(snapshot: Snapshot): ColumnVisibilityFact | undefined {
  const { server, 'column-statistics': statistics, 'column-visibility': visibility } = snapshot.outcomes;
  const counted = visibility?.kind === 'collected' ? visibility.facts[0] : undefined;
  const hasView = server?.kind === 'collected' && server.facts[0]?.hasColumnStatisticsView === true;
  return counted !== undefined && hasView && statistics?.kind === 'collected'
    ? { ...counted, visibleColumns: counted.userColumns }
    : counted;
}
