import { nodeName } from '../../model/ids.ts';
import type { Sliced } from '../../model/sliced.ts';
import { type ByteReader, ByteWriter, blobKinds, DamagedBlob, sealed, unsealed } from './bytes.ts';
import { knownInstant, readEpoch, writeEpoch } from './collection.ts';
import { breakReasons } from './epoch.ts';
import {
  dayOf,
  emptyState,
  type IndexState,
  newIndex,
  newTable,
  noSlot,
  recentDays,
  startReasons,
  type TableState,
  type UsageState,
} from './state.ts';

/*
 * The whole memory of a node. About as large as the names in it: everything else is written relative to what is near, and days
 * only where there is something in them.
 */

export function* encodeCheckpoint(state: UsageState): Sliced<Uint8Array> {
  const writer = new ByteWriter();
  const { lastAtMs } = state;
  writer.text(state.node);
  writer.count(state.sample);
  writer.count(lastAtMs);
  writer.byte(state.epoch === undefined ? 0 : 1);
  if (state.epoch !== undefined) writeEpoch(writer, state.epoch, lastAtMs);
  writer.instant(state.startedAtMs, lastAtMs);
  writer.instant(state.sinceAtMs, lastAtMs);
  writer.count(state.sinceSample);
  writer.count(state.breaksTotal);
  writer.count(state.breaks.length);
  for (const { reason, fromMs, toMs } of state.breaks) {
    writer.byte(breakReasons.indexOf(reason));
    writer.instant(fromMs, lastAtMs);
    writer.instant(toMs, lastAtMs);
  }
  writer.count(state.nodeDays.size);
  for (const [day, { coveredMs, samples }] of state.nodeDays) {
    writer.count(day);
    writer.count(coveredMs);
    writer.count(samples);
  }
  writer.count(state.nextId);
  const days = daysAtHand(lastAtMs);
  writer.count(state.tables.size);
  let lastId = 0;
  for (const table of state.tables.values()) {
    yield;
    writeTable(writer, state, table, days, lastId);
    lastId = table.id;
  }
  writer.count(state.indexes.size);
  lastId = 0;
  for (const index of state.indexes.values()) {
    yield;
    writeIndex(writer, state, index, days, lastId);
    lastId = index.id;
  }
  return yield* sealed(blobKinds.checkpoint, writer);
}

/** Throws `DamagedBlob` on anything but a checkpoint. */
export function* decodeCheckpoint(blob: Uint8Array): Sliced<UsageState> {
  const reader = unsealed(blobKinds.checkpoint, blob);
  const state = emptyState(nodeName(reader.text()));
  state.sample = reader.count();
  state.lastAtMs = reader.count();
  const { lastAtMs } = state;
  if (reader.byte() === 1) state.epoch = readEpoch(reader, lastAtMs);
  state.startedAtMs = knownInstant(reader, lastAtMs);
  state.sinceAtMs = knownInstant(reader, lastAtMs);
  state.sinceSample = reader.count();
  state.breaksTotal = reader.count();
  for (let left = reader.count(); left > 0; left--) {
    const reason = breakReasons[reader.byte()];
    if (reason === undefined) throw new DamagedBlob('it holds a break of an unknown kind');
    state.breaks.push({
      reason,
      fromMs: knownInstant(reader, lastAtMs),
      toMs: knownInstant(reader, lastAtMs),
    });
  }
  for (let left = reader.count(); left > 0; left--)
    state.nodeDays.set(reader.count(), { coveredMs: reader.count(), samples: reader.count() });
  state.nextId = reader.count();
  const days = daysAtHand(lastAtMs);
  const tops: (readonly [TableState, number])[] = [];
  const tables = new Map<number, TableState>();
  let lastId = 0;
  for (let left = reader.count(); left > 0; left--) {
    yield;
    const [table, top] = readTable(reader, state, days, lastId);
    lastId = table.id;
    tables.set(table.id, table);
    state.tables.set(table.subject, table);
    if (top !== undefined) tops.push([table, top]);
  }
  for (const [table, top] of tops) table.top = tables.get(top);
  yield* readIndexes(reader, state, tables, days);
  return state;
}

function* readIndexes(
  reader: ByteReader,
  state: UsageState,
  tables: ReadonlyMap<number, TableState>,
  days: readonly number[],
): Sliced<void> {
  const indexes = new Map<number, IndexState>();
  const tops: (readonly [IndexState, number])[] = [];
  let lastId = 0;
  for (let left = reader.count(); left > 0; left--) {
    yield;
    const [index, table, top] = readIndex(reader, state, days, lastId);
    lastId = index.id;
    indexes.set(index.id, index);
    state.indexes.set(index.subject, index);
    if (table !== undefined) index.table = tables.get(table);
    if (top !== undefined) tops.push([index, top]);
  }
  for (const [index, top] of tops) index.top = indexes.get(top);
}

/** Newest first, so that the bits of what is quiet now are few. */
const daysAtHand = (lastAtMs: number): readonly number[] =>
  Array.from({ length: recentDays }, (_, age) => dayOf(lastAtMs) - age);

function writeIndex(
  writer: ByteWriter,
  state: UsageState,
  index: IndexState,
  days: readonly number[],
  lastId: number,
): void {
  const { lastAtMs } = state;
  writer.count(index.id - lastId);
  writer.text(index.subject);
  writeReference(writer, index.table?.id);
  writeReference(writer, index.top?.id);
  writer.count(index.oid);
  writer.count(index.scans);
  writer.count(index.tuplesRead);
  writer.count(index.tuplesFetched);
  writer.byte(startReasons.indexOf(index.startReason));
  writer.count(index.sinceSample);
  for (const at of [
    index.statsResetAtMs,
    index.firstSeenAtMs,
    index.sinceAtMs,
    index.missingSinceMs,
    index.lastScanAtMs,
    index.lastUsedAtMs,
    index.rebuiltAtMs,
  ])
    writer.instant(at, lastAtMs);
  const isOfToday = index.today === days[0];
  writer.byte(isOfToday ? 1 : 0);
  if (isOfToday) {
    for (const count of [index.todayUses, index.todayTuples, index.todayFirst, index.todayLast])
      writer.count(count);
  }
  writeDays(writer, state, index.slot, days);
}

function readIndex(
  reader: ByteReader,
  state: UsageState,
  days: readonly number[],
  lastId: number,
): readonly [IndexState, number | undefined, number | undefined] {
  const { lastAtMs } = state;
  const id = lastId + reader.count();
  const index = newIndex(id, reader.text(), lastAtMs);
  const table = readReference(reader);
  const top = readReference(reader);
  index.oid = reader.count();
  index.scans = reader.count();
  index.tuplesRead = reader.count();
  index.tuplesFetched = reader.count();
  const reason = startReasons[reader.byte()];
  if (reason === undefined) throw new DamagedBlob('it holds a window that began for an unknown reason');
  index.startReason = reason;
  index.sinceSample = reader.count();
  index.statsResetAtMs = reader.instant(lastAtMs);
  index.firstSeenAtMs = knownInstant(reader, lastAtMs);
  index.sinceAtMs = knownInstant(reader, lastAtMs);
  index.missingSinceMs = reader.instant(lastAtMs);
  index.lastScanAtMs = reader.instant(lastAtMs);
  index.lastUsedAtMs = reader.instant(lastAtMs);
  index.rebuiltAtMs = reader.instant(lastAtMs);
  if (reader.byte() === 1) {
    index.today = days[0] ?? -1;
    index.todayUses = reader.count();
    index.todayTuples = reader.count();
    index.todayFirst = reader.count();
    index.todayLast = reader.count();
  }
  index.slot = readDays(reader, state, days);
  return [index, table, top];
}

function writeTable(
  writer: ByteWriter,
  state: UsageState,
  table: TableState,
  days: readonly number[],
  lastId: number,
): void {
  const { lastAtMs } = state;
  writer.count(table.id - lastId);
  writer.text(table.subject);
  writeReference(writer, table.top?.id);
  for (const count of [table.oid, table.sequentialScans, table.inserted, table.updatedNotHot, table.deleted])
    writer.count(count);
  for (const at of [
    table.statsResetAtMs,
    table.firstSeenAtMs,
    table.sinceAtMs,
    table.missingSinceMs,
    table.lastReadAtMs,
    table.lastDeletedAtMs,
    table.lastUpdatedAtMs,
  ])
    writer.instant(at, lastAtMs);
  const isOfToday = table.today === days[0];
  writer.byte(isOfToday ? 1 : 0);
  if (isOfToday) {
    const { todayReads, todaySequential, todayInserted, todayUpdated, todayDeleted } = table;
    for (const count of [todayReads, todaySequential, todayInserted, todayUpdated, todayDeleted])
      writer.count(count);
  }
  for (const slot of [table.readsSlot, table.sequentialSlot, table.writesSlot])
    writeDays(writer, state, slot, days);
}

function readTable(
  reader: ByteReader,
  state: UsageState,
  days: readonly number[],
  lastId: number,
): readonly [TableState, number | undefined] {
  const { lastAtMs } = state;
  const id = lastId + reader.count();
  const table = newTable(id, reader.text(), lastAtMs);
  const top = readReference(reader);
  table.oid = reader.count();
  table.sequentialScans = reader.count();
  table.inserted = reader.count();
  table.updatedNotHot = reader.count();
  table.deleted = reader.count();
  table.statsResetAtMs = reader.instant(lastAtMs);
  table.firstSeenAtMs = knownInstant(reader, lastAtMs);
  table.sinceAtMs = knownInstant(reader, lastAtMs);
  table.missingSinceMs = reader.instant(lastAtMs);
  table.lastReadAtMs = reader.instant(lastAtMs);
  table.lastDeletedAtMs = reader.instant(lastAtMs);
  table.lastUpdatedAtMs = reader.instant(lastAtMs);
  if (reader.byte() === 1) {
    table.today = days[0] ?? -1;
    table.todayReads = reader.count();
    table.todaySequential = reader.count();
    table.todayInserted = reader.count();
    table.todayUpdated = reader.count();
    table.todayDeleted = reader.count();
  }
  table.readsSlot = readDays(reader, state, days);
  table.sequentialSlot = readDays(reader, state, days);
  table.writesSlot = readDays(reader, state, days);
  return [table, top];
}

/** An id, or nothing. */
const writeReference = (writer: ByteWriter, id: number | undefined): void =>
  writer.count(id === undefined ? 0 : id + 1);

function readReference(reader: ByteReader): number | undefined {
  const folded = reader.count();
  return folded === 0 ? undefined : folded - 1;
}

/** A bit for each day that has something, oldest bits highest, and then what it has. */
function writeDays(writer: ByteWriter, { rings }: UsageState, slot: number, days: readonly number[]): void {
  const values = slot === noSlot ? [] : days.map((day) => rings.get(slot, day));
  writer.count(values.reduce((bits, value, age) => (value === 0 ? bits : bits + 2 ** age), 0));
  for (const value of values) if (value !== 0) writer.count(value);
}

function readDays(reader: ByteReader, { rings }: UsageState, days: readonly number[]): number {
  let bits = reader.count();
  if (bits === 0) return noSlot;
  const slot = rings.allocate();
  for (const day of days) {
    if (bits % 2 === 1) rings.set(slot, day, reader.count());
    bits = Math.floor(bits / 2);
  }
  return slot;
}
