import { z } from 'zod';
import type { IndexView, TableView } from '../../analysis/catalogue.ts';
import { isUsable, whyKept } from '../../analysis/index-identity.ts';
import { type UsageWindow, windowOf } from '../../analysis/usage-window.ts';
import type { TableUsageFact } from '../../collectors/usage.ts';
import { dayMs, humaneCount } from '../../model/units.ts';
import {
  daysCounted,
  inWindow,
  rounded,
  rowsUpdatedNotHot,
  whyNotCounted,
  windowEvidence,
} from '../counting.ts';
import { type DetectorInput, defineDetector } from '../define.ts';
import type { Draft, Unjudged } from '../draft.ts';
import { isTop, shapeOf, tableName } from '../words.ts';
import { columnsIn, suspectsOf, unchangingColumns } from './changing-columns.ts';

const HotBlockingIndexSettings = z.strictObject({
  updatesPerDayMin: z.number().nonnegative().default(10_000).meta({
    description:
      'Row updates per day from which it matters that they are not HOT: about one in nine seconds. Below it nobody feels the difference.',
  }),
  hotUpdateRatioMax: z.number().min(0).max(1).default(0.5).meta({
    description:
      'HOT updates over all updates, below which a table’s share of them counts as low. Above it most updates are HOT already.',
  }),
  newPageRatioMax: z.number().min(0).max(1).default(0.5).meta({
    description:
      'Of the updates that were not HOT, the share that found no room on their page, above which room is what is missing and no index is to blame (16 and later, which count it).',
  }),
  fillfactorMax: z.number().int().min(10).max(100).default(90).meta({
    description:
      'Fillfactor in percent up to which a table’s pages count as having room, where the server does not count updates that found none (before 16). At 90 a page of a hundred rows has room for ten new versions.',
  }),
});
type HotBlockingIndexSettings = z.output<typeof HotBlockingIndexSettings>;

/**
 * Opens when a table takes many updates of which few are HOT, though their pages have room, and exactly one of its indexes holds
 * columns that are not taken for unchanging (see `unchangingColumns`). Closes when updates become HOT, become few, or another index
 * could explain it as well.
 *
 * An update that stays on its page and is not HOT has changed a column of some index, of which 16 and later leave no doubt. Which
 * column, no version counts: with two candidates nothing is said, and with one no more than `possible`.
 *
 * Silent on: unique indexes (whose included and predicate columns are still candidates, so that others are not blamed in their
 * place), BRIN on 16 and later, where it keeps no update from being HOT, invalid indexes, partition trees with indexes of single
 * partitions, materialized views.
 *
 * False alarms accepted: the columns that do change are among those taken for unchanging.
 */
export const hotBlockingIndex = defineDetector<HotBlockingIndexSettings>({
  id: 'hot-blocking-index',
  title: 'This index may keep updates from being HOT',
  needs: ['server', 'tables', 'columns', 'indexes', 'constraints', 'table-usage'],
  uses: ['index-usage'],
  settings: HotBlockingIndexSettings,
  *evaluate(input) {
    const notCounted = whyNotCounted(input.catalogue.server, 'writes');
    if (notCounted !== undefined) return { findings: [], inconclusive: notCounted };
    const findings: Draft[] = [];
    const unjudged: Unjudged[] = [];
    for (const table of input.catalogue.tables) {
      yield;
      if (!isTop(table) || table.fact.relkind === 'm' || hasPrivateIndexes(table)) continue;
      const verdict = judge(table, input);
      if (verdict === undefined) continue;
      if ('reason' in verdict) unjudged.push(verdict);
      else findings.push(verdict);
    }
    return { findings, unjudged };
  },
});

type Input = DetectorInput<HotBlockingIndexSettings>;

/** Whether a partition has indexes of its own, which block the updates of that partition alone. */
const hasPrivateIndexes = (table: TableView): boolean =>
  table.partitions.some(
    (part) => part.indexes.some((index) => index.parent === undefined) || hasPrivateIndexes(part),
  );

function judge(table: TableView, input: Input): Draft | Unjudged | undefined {
  const { settings } = input;
  const suspects = suspectsOf(table, input.catalogue.server?.versionNum ?? 0);
  const [suspect, ...others] = suspects;
  if (suspect === undefined || others.length > 0) return undefined;
  const { index, columns } = suspect;
  // A key is not given up for cheaper updates, and an invalid index is reported as such.
  const isCandidate = columns === null || (isUsable(index) && whyKept(index) === undefined);
  if (!isCandidate) return undefined;

  const unjudged = (reason: string): Unjudged => ({ relation: tableName(table), reason });
  const { usage } = table;
  if (usage === undefined) return unjudged('its counters were not collected');
  const hotRatio = usage.rowsUpdatedTotal === 0 ? 1 : usage.rowsHotUpdatedTotal / usage.rowsUpdatedTotal;
  if (hotRatio >= settings.hotUpdateRatioMax) return undefined;
  const window = windowOf(input.window, usage.statsResetAtMs, input.nowMs);
  const days = daysCounted(window, input.policyFor(table.schemaname), dayMs);
  if (!days.ok) return unjudged(days.error);
  const updatesPerDay = usage.rowsUpdatedTotal / days.value;
  if (updatesPerDay < settings.updatesPerDayMin) return undefined;

  const room = roomOnPages(table, usage, settings);
  if (room === 'none') return undefined;
  if (room === 'unknown')
    return unjudged(
      'before 16 nothing counts updates that found no room on their page, and the table’s fillfactor leaves none by itself',
    );
  if (columns === null)
    return unjudged('it was locked, so that the expressions and predicate of an index could not be read');
  return toDraft(index, columns, { usage, window, hotRatio, updatesPerDay });
}

/** Whether new row versions fit on the page of the old ones: counted from 16 on, before told by a fillfactor that keeps room. */
function roomOnPages(
  table: TableView,
  usage: TableUsageFact,
  settings: HotBlockingIndexSettings,
): 'there' | 'none' | 'unknown' {
  if (usage.rowsNewPageUpdatedTotal !== null) {
    const share = usage.rowsNewPageUpdatedTotal / Math.max(1, rowsUpdatedNotHot(usage));
    return share > settings.newPageRatioMax ? 'none' : 'there';
  }
  return heapsOf(table).every((heap) => fillfactorOf(heap) <= settings.fillfactorMax) ? 'there' : 'unknown';
}

/** The tables that hold the rows: itself, or the leaves of its tree. */
const heapsOf = (table: TableView): readonly TableView[] =>
  table.fact.relkind === 'p' ? table.partitions.flatMap(heapsOf) : [table];

const defaultFillfactor = 100;

function fillfactorOf({ fact }: TableView): number {
  const option = fact.options.find((line) => line.startsWith('fillfactor='));
  return option === undefined ? defaultFillfactor : Number(option.slice('fillfactor='.length));
}

interface Counted {
  readonly usage: TableUsageFact;
  readonly window: UsageWindow;
  readonly hotRatio: number;
  readonly updatesPerDay: number;
}

function toDraft(
  index: IndexView,
  columns: readonly string[],
  { usage, window, hotRatio, updatesPerDay }: Counted,
): Draft {
  const { table } = index;
  const newPage = usage.rowsNewPageUpdatedTotal;
  const notHot = rowsUpdatedNotHot(usage);
  const unchanging = [...unchangingColumns(table)].sort();
  const list = columns.join(', ');
  return {
    kind: 'hot-blocking-index',
    severity: 'info',
    confidence: 'possible',
    table,
    index,
    subject: index.name,
    columns,
    related: [],
    title: `${index.name} on ${tableName(table)} ${shapeOf(index)} may keep updates from being HOT: ${Math.round(hotRatio * 100)} % of ${humaneCount(usage.rowsUpdatedTotal)} updates were, ${inWindow(window)}, and only this index holds columns that may change (${list})`,
    evidence: {
      shape: shapeOf(index),
      changingColumns: columns,
      columnsTakenForUnchanging: unchanging,
      rowsUpdatedTotal: usage.rowsUpdatedTotal,
      rowsHotUpdatedTotal: usage.rowsHotUpdatedTotal,
      rowsNewPageUpdatedTotal: newPage,
      hotUpdateRatio: rounded(hotRatio),
      // Stayed on their page and were not HOT: each of them changed a column of an index.
      rowsKeptFromHotTotal: newPage === null ? null : Math.max(0, notHot - newPage),
      rowsUpdatedPerDay: Math.round(updatesPerDay),
      fillfactorPercent: Math.max(...heapsOf(table).map(fillfactorOf)),
      scansTotal: index.usage?.scansTotal ?? null,
      sizeBytes: index.sizeBytes ?? null,
      ...windowEvidence(window),
    },
    caveats: [
      'PostgreSQL counts updates by table, not by column: that these columns are the ones that change is an inference.',
      ...(unchanging.length === 0
        ? []
        : [
            `Taken for unchanging, and indexed too: ${unchanging.join(', ')}. If one of them is updated, that is the cause.`,
          ]),
      ...(newPage === null
        ? ['Before 16 nothing counts the updates that found no room on their page; some of these may have.']
        : []),
      'To confirm, look in pg_stat_statements for the UPDATE statements that set these columns to new values: setting the value that is there already changes nothing, and can be HOT.',
    ],
    impact: {
      reclaimableBytes: 0,
      rowsUpdatedNotHotPerDay: Math.round((updatesPerDay * notHot) / usage.rowsUpdatedTotal),
    },
    remedy: { kind: 'review', notes: notesFor(index, columns) },
  };
}

function notesFor(index: IndexView, columns: readonly string[]): string {
  const { fact } = index;
  const searched = new Set([
    ...index.keys.map((key) => key.text),
    ...columnsIn(fact.expressions),
    ...columnsIn(fact.predicate),
  ]);
  const notes = [
    'An update that is not HOT writes a new entry into every index of the table, and leaves more to vacuum. Weigh that against what the index is used for.',
  ];
  if (columns.every((column) => !searched.has(column)))
    notes.push(
      'These columns are only carried along (INCLUDE): an index without them serves the same searches, but not from the index alone.',
    );
  else if (fact.hasExpressions)
    notes.push(
      'A column inside an expression counts whenever it changes, even if the value of the expression stays.',
    );
  notes.push(
    'What may help: an index without these columns, where its others are selective enough; what changes often in a table of its own. A predicate does not help: the columns of a partial index count for every row, and those of its predicate with them.',
  );
  if (fact.accessMethod === 'btree')
    notes.push(
      'From 16 on BRIN keeps no update from being HOT, and serves columns whose values follow the order of the rows.',
    );
  return notes.join(' ');
}
