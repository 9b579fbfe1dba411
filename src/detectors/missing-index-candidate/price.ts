import type { TableView } from '../../analysis/catalogue.ts';
import { windowOf } from '../../analysis/usage-window.ts';
import { tableOnNodes, type UsageAcrossNodes } from '../../history/usage/across.ts';
import { tableAcross, wholeDays } from '../../history/usage/rates.ts';
import { dayOf } from '../../history/usage/state.ts';
import type { Evidence } from '../../model/finding.ts';
import { err, ok, type Result } from '../../model/result.ts';
import { dayMs } from '../../model/units.ts';
import { daysCounted, rounded, rowsWritten, windowEvidence } from '../counting.ts';
import type { DetectorInput } from '../define.ts';

/** What reading a table sequentially costs in a day, and what its indexes cost to keep up. */
export interface Price {
  /** Of a partitioned table each partition counts for itself. */
  readonly scansPerDay: number;
  /** On average since the counters began: how many rows were read is not remembered by day. */
  readonly rowsPerScan: number;
  readonly rowsReadPerDay: number;
  readonly rowsWrittenPerDay: number;
  /** Whether days that were observed speak, or only the server's counters as they stand. */
  readonly basis: 'history' | 'counters';
  readonly days: number;
  readonly evidence: Evidence;
}

/** The newest days that are looked at: each weekday once, so that what happened a month ago is no price of today. */
const daysMax = 7;

/**
 * What the table's sequential scans cost, by the last whole days that were observed on every node, else by this node's counters since
 * their reset; or why that cannot be said.
 */
export function priceOf(table: TableView, input: DetectorInput<unknown>): Result<Price, string> {
  const { usage } = table;
  if (usage === undefined) return err('its counters were not collected');
  const rowsPerScan =
    usage.sequentialScansTotal === 0 ? 0 : usage.sequentialRowsReadTotal / usage.sequentialScansTotal;
  const observed = input.usage === undefined ? undefined : observedDays(table, input.usage);
  if (observed !== undefined) {
    const { scansPerDay, rowsWrittenPerDay, days } = observed;
    const nodes = input.usage?.nodes.map(({ node }) => node) ?? [];
    return ok({
      ...{ scansPerDay, rowsPerScan, rowsWrittenPerDay, days },
      rowsReadPerDay: scansPerDay * rowsPerScan,
      basis: 'history',
      evidence: { countedBy: 'history', daysObserved: days, nodes },
    });
  }
  const window = windowOf(input.window, usage.statsResetAtMs, input.nowMs);
  const counted = daysCounted(window, input.policyFor(table.schemaname), dayMs);
  if (!counted.ok) return counted;
  const days = counted.value;
  return ok({
    scansPerDay: usage.sequentialScansTotal / days,
    rowsPerScan,
    rowsReadPerDay: usage.sequentialRowsReadTotal / days,
    rowsWrittenPerDay: rowsWritten(usage) / days,
    basis: 'counters',
    days,
    evidence: { countedBy: 'counters', ...windowEvidence(window) },
  });
}

/** Rates over the last whole days since the table was first seen; undefined before there is one. */
function observedDays(
  table: TableView,
  usage: UsageAcrossNodes,
): Pick<Price, 'scansPerDay' | 'rowsWrittenPerDay' | 'days'> | undefined {
  const parts = leavesOf(table);
  const seen = parts.flatMap((part) => tableOnNodes(usage, part));
  if (seen.length === 0) return undefined;
  const fromDay = dayOf(Math.min(...seen.map(({ firstSeenMs }) => firstSeenMs))) + 1;
  const days = wholeDays(usage, fromDay).slice(0, daysMax);
  if (days.length === 0) return undefined;
  let [scans, written] = [0, 0];
  for (const day of days) {
    for (const part of parts) {
      const counts = tableAcross(usage, part, day);
      scans += counts.sequentialScans;
      written += counts.rowsWritten;
    }
  }
  return { scansPerDay: scans / days.length, rowsWrittenPerDay: written / days.length, days: days.length };
}

const leavesOf = (table: TableView): readonly TableView[] =>
  table.fact.relkind === 'p' ? table.partitions.flatMap(leavesOf) : [table];

export const priceEvidence = (price: Price): Evidence => ({
  sequentialScansPerDay: rounded(price.scansPerDay),
  rowsReadPerScan: rounded(price.rowsPerScan),
  sequentialRowsReadPerDay: rounded(price.rowsReadPerDay),
  rowsWrittenPerDay: rounded(price.rowsWrittenPerDay),
  ...price.evidence,
});
