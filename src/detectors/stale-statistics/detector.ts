import { z } from 'zod';
import type { TableView } from '../../analysis/catalogue.ts';
import { type UsageWindow, windowOf } from '../../analysis/usage-window.ts';
import type { ServerFact } from '../../collectors/server.ts';
import { counted, dayMs, humaneCount, humaneDuration } from '../../model/units.ts';
import { isoTime, rounded, whyNotCounted, windowEvidence } from '../counting.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Unjudged } from '../draft.ts';
import { isTiny, isTop, severityOn, tableName } from '../words.ts';

const StaleStatisticsSettings = z.strictObject({
  tableRowsMin: z.number().int().nonnegative().default(1_000).meta({
    description:
      'Rows below which nothing is said: of a small table every plan is good enough, and autovacuum leaves it alone.',
  }),
  staleAfterDays: z.number().nonnegative().default(7).meta({
    description:
      'Days without ANALYZE after which much change makes statistics stale. A week sees each day’s jobs once.',
  }),
  changedShareMin: z.number().min(0).default(0.1).meta({
    description:
      'Rows changed since the last ANALYZE over the table’s rows, from which that is much change. A tenth is autovacuum’s own default.',
  }),
});
type StaleStatisticsSettings = z.output<typeof StaleStatisticsSettings>;

/** pg_stat_user_tables and reltuples cover partitioned tables from this version on. */
const versionKnowingPartitioned = 140_000;

/**
 * Opens when a table was never analysed though more of its rows changed than autovacuum's analyze threshold for it (the table's
 * own options included), or not for `staleAfterDays` with at least `changedShareMin` of its rows and more than that threshold
 * changed since. Also, as info, for a partitioned table that was never analysed as a whole: autovacuum analyses its partitions
 * only. Closes with the next ANALYZE.
 *
 * Statistics belong to the physical table: each partition is judged on its own here, and the partitioned table only for the
 * statistics of the whole tree (14 and later; 13 does not record them).
 *
 * "Never" is said, with a warning, where the planner has no row count either; as info where it has one (CREATE INDEX makes one)
 * but all rows came after the counters began. A statistics reset loses the time of the last ANALYZE: until `staleAfterDays` later
 * the table is unjudged, and then counts as not analysed since the reset.
 *
 * False alarms accepted: a table loaded in the last minutes, to which autovacuum has not come yet.
 */
export const staleStatistics = defineDetector<StaleStatisticsSettings>({
  id: 'stale-statistics',
  title: 'The planner’s statistics of this table are missing or old',
  needs: ['server', 'tables', 'table-usage', 'relation-sizes'],
  settings: StaleStatisticsSettings,
  *evaluate(input) {
    const { server, tables } = input.catalogue;
    const notCounted = whyNotCounted(server, 'writes');
    if (server === undefined || notCounted !== undefined)
      return { findings: [], inconclusive: notCounted ?? 'nothing is known of the server yet' };
    const findings: Draft[] = [];
    const unjudged: Unjudged[] = [];
    for (const table of tables) {
      yield;
      const verdict =
        table.fact.relkind === 'p' ? judgeTree(table, server, input) : judge(table, server, input);
      if (verdict === undefined) continue;
      if ('reason' in verdict) unjudged.push(verdict);
      else findings.push(verdict);
    }
    return { findings, unjudged };
  },
});

type Input = DetectorInput<StaleStatisticsSettings>;

function judge(table: TableView, server: ServerFact, input: Input): Draft | Unjudged | undefined {
  const { settings, nowMs } = input;
  const unjudged = (reason: string): Unjudged => ({ relation: tableName(table), reason });
  if (table.rows === undefined)
    return isTiny(table, input.policyFor(table.schemaname))
      ? undefined
      : unjudged('how many rows it has is not known');
  if (table.rows < settings.tableRowsMin) return undefined;
  if (table.usage === undefined) return unjudged('its counters were not collected');

  const own = autovacuumOf(table, server);
  const window = windowOf(input.window, table.usage.statsResetAtMs, nowMs);
  const lastMs = table.usage.lastAnalyzedAtMs;
  const changed = table.usage.rowsChangedSinceAnalyze;
  if (wasNeverAnalysed(table))
    return changed > own.thresholdRows ? neverAnalysed(table, own, window, input) : undefined;

  const sinceMs = lastMs === null ? window.ageMs : Math.max(0, nowMs - lastMs);
  if (sinceMs === undefined)
    return unjudged('when it was last analysed is not known, nor how old the statistics are');
  if (sinceMs < settings.staleAfterDays * dayMs)
    return lastMs === null
      ? unjudged(
          `when it was last analysed was lost with the reset of the counters ${humaneDuration(sinceMs)} ago`,
        )
      : undefined;
  if (changed <= own.thresholdRows || changed < table.rows * settings.changedShareMin) return undefined;
  return {
    ...commonOf(table, own, window),
    severity: 'info',
    confidence: 'likely',
    title:
      lastMs === null
        ? `Table ${tableName(table)} was not analysed since its counters began ${humaneDuration(sinceMs)} ago, while ${counted(changed, 'row')} of ${humaneCount(table.rows)} changed`
        : `Table ${tableName(table)} was last analysed ${humaneDuration(sinceMs)} ago, and ${counted(changed, 'row')} of ${humaneCount(table.rows)} changed since`,
    caveats: [
      ...(lastMs === null
        ? [
            'The time of an ANALYZE from before the counters began is lost: it may have been shortly before, so that less has changed than it seems.',
          ]
        : []),
      'Changes that leave the values’ spread as it was do not hurt plans.',
      ...own.caveats,
    ],
  };
}

/** Row counts that differ by less than this share are the same count, one of them estimated. */
const countingError = 0.01;

/**
 * Without a recorded ANALYZE since the counters began, there was none before either when the planner has no row count, or when
 * the rows inserted since then account for all that are there: the table was empty before. Updates and deletes are taken off
 * the changes, deletes twice, for the row that went as well; what was rolled back counts in them and not in the changes, so
 * that the sum errs on the side of silence.
 */
function wasNeverAnalysed({ fact, usage, rows }: TableView): boolean {
  if (usage === undefined || usage.lastAnalyzedAtMs !== null) return false;
  if (fact.estimatedRows === null) return true;
  const added = usage.rowsChangedSinceAnalyze - usage.rowsUpdatedTotal - 2 * usage.rowsDeletedTotal;
  return rows !== undefined && rows > 0 && added >= rows * (1 - countingError);
}

function neverAnalysed(table: TableView, own: Autovacuum, window: UsageWindow, input: Input): Draft {
  return {
    ...commonOf(table, own, window),
    // A row count without an ANALYZE is CREATE INDEX's or VACUUM's, or came with statistics from a dump.
    severity:
      table.fact.estimatedRows === null
        ? severityOn(table, input.policyFor(table.schemaname), 'warning')
        : 'info',
    confidence: 'likely',
    title: `Table ${tableName(table)} with ${counted(table.rows ?? 0, 'row')} was never analysed: the planner guesses at its contents`,
    caveats: [
      ...(own.isEnabled
        ? ['A table loaded within the last minutes is analysed by autovacuum on its next round.']
        : []),
      ...own.caveats,
    ],
  };
}

/** Statistics of a whole partition tree: only ANALYZE by hand makes them, and reltuples of the partitioned table tells whether. */
function judgeTree(table: TableView, server: ServerFact, input: Input): Draft | Unjudged | undefined {
  if (!isTop(table) || server.versionNum < versionKnowingPartitioned) return undefined;
  if (table.fact.estimatedRows !== null || table.partitions.length === 0) return undefined;
  if (table.rows === undefined)
    return {
      relation: tableName(table),
      reason:
        'how many rows it has is not known: at least one of its partitions was never analysed or is locked',
    };
  if (table.rows < input.settings.tableRowsMin) return undefined;
  return {
    ...baseOf(table),
    severity: 'info',
    confidence: 'likely',
    title: `Partitioned table ${tableName(table)} with ${counted(table.rows, 'row')} was never analysed as a whole, which autovacuum does not do`,
    evidence: {
      isPartitioned: true,
      partitions: table.partitions.length,
      tableRows: table.rows,
      plannerRows: null,
    },
    caveats: [
      'Queries that read a single partition plan by that partition’s statistics and lose nothing.',
      'ANALYZE of a partitioned table reads a sample of every partition, and without ONLY (18 and later) analyses each of them as well: on a wide tree run it in a quiet hour.',
    ],
    remedy: {
      kind: 'analyze-table',
      table,
      notes:
        'Autovacuum analyses partitions, never the partitioned table. Estimates that concern the whole tree (joins, grouping, distinct values across partitions) are guesses until ANALYZE has run on it by hand. Run it again whenever the spread over the partitions changes, for instance after attaching or dropping some.',
    },
  };
}

interface Autovacuum {
  /** Changed rows above which autovacuum analyses the table. */
  readonly thresholdRows: number;
  readonly isEnabled: boolean;
  readonly caveats: readonly string[];
}

/** What autovacuum would do for this table: its own storage parameters, or else the server's settings. */
function autovacuumOf(table: TableView, server: ServerFact): Autovacuum {
  const options = new Map(table.fact.options.map((line) => [nameOf(line), textOf(line)] as const));
  const number = (name: string, otherwise: number): number => {
    const value = Number(options.get(name) ?? Number.NaN);
    // -1 in a table's options means the server's setting.
    return Number.isNaN(value) || value < 0 ? otherwise : value;
  };
  const base = number('autovacuum_analyze_threshold', server.autovacuumAnalyzeThresholdRows);
  const scale = number('autovacuum_analyze_scale_factor', server.autovacuumAnalyzeScaleFactor);
  const isOffHere = isFalse(options.get('autovacuum_enabled'));
  return {
    thresholdRows: base + scale * (table.fact.estimatedRows ?? 0),
    isEnabled: server.autovacuum && !isOffHere,
    caveats: [
      ...(server.autovacuum ? [] : ['autovacuum is off on this server: nothing analyses tables by itself.']),
      ...(isOffHere ? ['autovacuum_enabled is off in this table’s options: autovacuum passes it over.'] : []),
    ],
  };
}

const nameOf = (line: string): string => line.slice(0, line.indexOf('='));
const textOf = (line: string): string => line.slice(line.indexOf('=') + 1);

/** Storage parameters keep the spelling they were given; PostgreSQL takes any unambiguous beginning of these words. */
const isFalse = (value: string | undefined): boolean =>
  value !== undefined &&
  value !== '' &&
  (value === '0' || /^(f|fa|fal|fals|false|n|no|of|off)$/i.test(value));

const baseOf = (table: TableView) =>
  ({
    kind: 'stale-statistics',
    table,
    index: null,
    subject: '',
    columns: [],
    related: [],
    impact: { reclaimableBytes: 0 },
  }) as const satisfies Partial<Draft>;

const commonOf = (table: TableView, own: Autovacuum, window: UsageWindow) =>
  ({
    ...baseOf(table),
    evidence: {
      isPartition: table.fact.isPartition,
      tableRows: table.rows ?? null,
      plannerRows: table.fact.estimatedRows,
      rowsChangedSinceAnalyze: table.usage?.rowsChangedSinceAnalyze ?? null,
      autovacuumThresholdRows: rounded(own.thresholdRows),
      isAutovacuumEnabled: own.isEnabled,
      lastAnalyzedAt: isoTime(table.usage?.lastAnalyzedAtMs),
      ...windowEvidence(window),
    },
    remedy: {
      kind: 'analyze-table',
      table,
      notes: own.isEnabled
        ? 'Autovacuum should have come by: see whether its workers are all busy or kept away by locks, and lower autovacuum_analyze_scale_factor for this table if it changes much.'
        : 'Autovacuum does not analyse this table; turn it on again, or schedule ANALYZE.',
    },
  }) as const satisfies Partial<Draft>;
