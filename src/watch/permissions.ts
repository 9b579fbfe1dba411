import { columnVisibility } from '../analysis/visibility.ts';
import type { ServerFact } from '../collectors/server.ts';
import type { Snapshot } from '../collectors/snapshot.ts';
import type { MissingPermission } from '../findings/generation.ts';
import { quoteIdentifier } from '../plan/sql.ts';

/** The rights that the role lacks for what this program reads, each with the statement that gives it. */
export function missingPermissions(snapshot: Snapshot): readonly MissingPermission[] {
  const server = factOf<ServerFact>(snapshot.outcomes.server);
  const missing: MissingPermission[] = [];
  if (server?.hasReadAllStats === false) {
    missing.push({
      permission: 'pg_monitor',
      isOptional: false,
      facts: 'index builds, replicas and sessions of other roles',
      grant: `GRANT pg_monitor TO ${quoteIdentifier(server.roleName)};`,
    });
  }
  const visibility = columnVisibility(snapshot);
  if (
    server?.hasColumnStatisticsView === false &&
    visibility !== undefined &&
    visibility.visibleColumns < visibility.userColumns
  ) {
    missing.push({
      permission: 'column_statistics',
      isOptional: true,
      facts: `planner statistics of ${visibility.userColumns - visibility.visibleColumns} of ${visibility.userColumns} columns`,
      grant: `run deploy/column-statistics-view.sql as superuser in ${server.datname} (docs/grants.md)`,
    });
  }
  for (const [name, outcome] of Object.entries(snapshot.outcomes)) {
    if (outcome?.kind !== 'failed' || outcome.error.kind !== 'NotPermitted') continue;
    const { message, grant } = outcome.error;
    // A role that may not even connect fails every collector in the same words: one grant, one line.
    if (missing.every((known) => known.facts !== message)) {
      missing.push({ permission: name, isOptional: false, facts: message, grant });
    }
  }
  return missing;
}

function factOf<Fact>(
  outcome: { readonly kind: string; readonly facts?: readonly Fact[] } | undefined,
): Fact | undefined {
  return outcome?.kind === 'collected' ? outcome.facts?.[0] : undefined;
}
