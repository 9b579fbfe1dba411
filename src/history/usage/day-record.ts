import type { Sliced } from '../../model/sliced.ts';
import { dayMs, minuteMs } from '../../model/units.ts';
import { ByteWriter, blobKinds, sealed, unsealed } from './bytes.ts';
import { type BreakReason, breakReasons } from './epoch.ts';
import { dayOf, type UsageState } from './state.ts';

/** What one node saw on one day (UTC): what was not used, read or written is not in it. */
export interface UsageDayRecord {
  readonly day: number;
  /** How much of the day lies between samples that belong together. */
  readonly coveredMs: number;
  readonly samples: number;
  readonly breaks: readonly { readonly reason: BreakReason; readonly atMs: number }[];
  readonly indexes: readonly IndexDay[];
  readonly tables: readonly TableDay[];
}

export interface IndexDay {
  /** As in `UsageHistory.subjectOf`. */
  readonly id: number;
  readonly uses: number;
  readonly tuplesRead: number;
  /** Minutes of the day (UTC) of the samples that first and last showed use. */
  readonly firstMinute: number;
  readonly lastMinute: number;
}

export interface TableDay {
  readonly id: number;
  /** Sequential scans, and scans of its indexes. */
  readonly reads: number;
  readonly sequentialScans: number;
  readonly rowsInserted: number;
  readonly rowsUpdatedNotHot: number;
  readonly rowsDeleted: number;
}

const minutesOfDay = dayMs / minuteMs;

/** Ten bytes or so for an index that was used; busy ones begin at midnight and end there, which takes one byte each. */
export function* encodeDay(state: UsageState, day: number): Sliced<Uint8Array> {
  const writer = new ByteWriter();
  const node = state.nodeDays.get(day);
  writer.count(day);
  writer.count(Math.round((node?.coveredMs ?? 0) / 1000));
  writer.count(node?.samples ?? 0);
  const breaks = state.breaks.filter(({ toMs }) => dayOf(toMs) === day);
  writer.count(breaks.length);
  for (const { reason, toMs } of breaks) {
    writer.byte(breakReasons.indexOf(reason));
    writer.count(toMs - day * dayMs);
  }
  const indexes = [...state.indexes.values()].filter(({ today }) => today === day);
  writer.count(indexes.length);
  let lastId = 0;
  for (const index of indexes) {
    yield;
    writer.count(index.id - lastId);
    writer.count(index.todayUses);
    writer.count(index.todayTuples);
    writer.count(index.todayFirst);
    writer.count(minutesOfDay - 1 - index.todayLast);
    lastId = index.id;
  }
  const tables = [...state.tables.values()].filter(({ today }) => today === day);
  writer.count(tables.length);
  lastId = 0;
  for (const table of tables) {
    writer.count(table.id - lastId);
    writer.count(table.todayReads - table.todaySequential);
    writer.count(table.todaySequential);
    writer.count(table.todayInserted);
    writer.count(table.todayUpdated);
    writer.count(table.todayDeleted);
    lastId = table.id;
  }
  return yield* sealed(blobKinds.day, writer);
}

/**
 * Opens a day record; of its indexes and tables only those that are wanted, by their ids. Throws `DamagedBlob` where it is none.
 */
export function decodeDay(
  record: Uint8Array,
  isWanted: (id: number) => boolean = () => true,
): UsageDayRecord {
  const reader = unsealed(blobKinds.day, record);
  const day = reader.count();
  const coveredMs = reader.count() * 1000;
  const samples = reader.count();
  const breaks: { reason: BreakReason; atMs: number }[] = [];
  for (let left = reader.count(); left > 0; left--) {
    const reason = breakReasons[reader.byte()];
    const atMs = day * dayMs + reader.count();
    if (reason !== undefined) breaks.push({ reason, atMs });
  }
  const indexes: IndexDay[] = [];
  let id = 0;
  for (let left = reader.count(); left > 0; left--) {
    id += reader.count();
    const uses = reader.count();
    const tuplesRead = reader.count();
    const firstMinute = reader.count();
    const lastMinute = minutesOfDay - 1 - reader.count();
    if (isWanted(id)) indexes.push({ id, uses, tuplesRead, firstMinute, lastMinute });
  }
  const tables: TableDay[] = [];
  id = 0;
  for (let left = reader.count(); left > 0; left--) {
    id += reader.count();
    const byIndex = reader.count();
    const sequentialScans = reader.count();
    const rowsInserted = reader.count();
    const rowsUpdatedNotHot = reader.count();
    const rowsDeleted = reader.count();
    const reads = byIndex + sequentialScans;
    if (isWanted(id))
      tables.push({ id, reads, sequentialScans, rowsInserted, rowsUpdatedNotHot, rowsDeleted });
  }
  return { day, coveredMs, samples, breaks, indexes, tables };
}
