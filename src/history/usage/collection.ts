import type { Sliced } from '../../model/sliced.ts';
import type { SubjectsById } from './apply.ts';
import { type ByteReader, ByteWriter, blobKinds, DamagedBlob, sealed, unsealed } from './bytes.ts';
import type { ChangeSet, IndexChange, TableChange } from './changes.ts';
import { breakReasons } from './epoch.ts';
import type { NodeEpoch } from './sample.ts';
import { startReasons } from './state.ts';

/*
 * A change as it is kept. Counters are written as what was added since, so that an index that is used costs about seven bytes a
 * collection, and one that is not costs none. Reading needs the memory to which the change is to be applied.
 */

/** What a byte in front of each entry says. */
const flag = {
  isNew: 1,
  hasPlace: 2,
  /** Counters stand as they are, not as what was added. */
  isAbsolute: 4,
  /** Uses and tuples are not simply what was added. */
  hasOwnUses: 8,
  hasNewOid: 16,
  hasNewReset: 32,
  isRestarted: 64,
  isRebuilt: 128,
} as const;

export function* encodeCollection(change: ChangeSet, byId: SubjectsById): Sliced<Uint8Array> {
  const writer = new ByteWriter();
  writer.count(change.sample);
  writer.count(change.atMs);
  writeEpoch(writer, change.epoch, change.atMs);
  writer.byte(change.broke === undefined ? 0 : breakReasons.indexOf(change.broke) + 1);
  writer.count(change.tables.length);
  let lastId = 0;
  for (const table of change.tables) {
    yield;
    lastId = writeTable(writer, table, byId, change.atMs, lastId);
  }
  writer.count(change.indexes.length);
  lastId = 0;
  for (const index of change.indexes) {
    yield;
    lastId = writeIndex(writer, index, byId, change.atMs, lastId);
  }
  writer.count(change.missing.length);
  for (const id of change.missing) writer.count(id);
  return yield* sealed(blobKinds.collection, writer);
}

/** Throws `DamagedBlob` on anything but a collection that was written against this memory. */
export function decodeCollection(blob: Uint8Array, byId: SubjectsById): ChangeSet {
  const reader = unsealed(blobKinds.collection, blob);
  const sample = reader.count();
  const atMs = reader.count();
  const epoch = readEpoch(reader, atMs);
  const broke = breakReasons[reader.byte() - 1];
  const tables: TableChange[] = [];
  let lastId = 0;
  for (let left = reader.count(); left > 0; left--) {
    const table = readTable(reader, byId, atMs, lastId);
    lastId = table.id ?? lastId;
    tables.push(table);
  }
  const indexes: IndexChange[] = [];
  lastId = 0;
  for (let left = reader.count(); left > 0; left--) {
    const index = readIndex(reader, byId, atMs, lastId);
    lastId = index.id ?? lastId;
    indexes.push(index);
  }
  const missing: number[] = [];
  for (let left = reader.count(); left > 0; left--) missing.push(reader.count());
  return { sample, atMs, epoch, ...(broke === undefined ? {} : { broke }), tables, indexes, missing };
}

export function writeEpoch(writer: ByteWriter, epoch: NodeEpoch, atMs: number): void {
  writer.text(epoch.systemIdentifier);
  writer.count(epoch.databaseOid);
  writer.count(epoch.versionNum);
  writer.byte(epoch.isInRecovery ? 1 : 0);
  writer.instant(epoch.startedAtMs, atMs);
  writer.instant(epoch.serverNowAtMs, atMs);
  writer.instant(epoch.databaseStatsResetAtMs, atMs);
  writer.instant(epoch.bgwriterStatsResetAtMs, atMs);
  writer.instant(epoch.archiverStatsResetAtMs, atMs);
  writer.count(epoch.timeline === null ? 0 : epoch.timeline + 1);
}

export function readEpoch(reader: ByteReader, atMs: number): NodeEpoch {
  const systemIdentifier = reader.text();
  const databaseOid = reader.count();
  const versionNum = reader.count();
  const isInRecovery = reader.byte() === 1;
  const startedAtMs = knownInstant(reader, atMs);
  const serverNowAtMs = knownInstant(reader, atMs);
  const databaseStatsResetAtMs = reader.instant(atMs);
  const bgwriterStatsResetAtMs = reader.instant(atMs);
  const archiverStatsResetAtMs = reader.instant(atMs);
  const timeline = reader.count();
  return {
    systemIdentifier,
    databaseOid,
    versionNum,
    isInRecovery,
    startedAtMs,
    serverNowAtMs,
    databaseStatsResetAtMs,
    bgwriterStatsResetAtMs,
    archiverStatsResetAtMs,
    timeline: timeline === 0 ? null : timeline - 1,
  };
}

export function knownInstant(reader: ByteReader, nearMs: number): number {
  const at = reader.instant(nearMs);
  if (at === null) throw new DamagedBlob('a time in it is missing');
  return at;
}

const noIndex = { oid: 0, scans: 0, tuplesRead: 0, tuplesFetched: 0, statsResetAtMs: null };

function writeIndex(
  writer: ByteWriter,
  change: IndexChange,
  { indexes }: SubjectsById,
  atMs: number,
  lastId: number,
): number {
  const known = change.id === undefined ? undefined : indexes.get(change.id);
  const before = known ?? noIndex;
  const added = {
    scans: change.scans - before.scans,
    tuplesRead: change.tuplesRead - before.tuplesRead,
    tuplesFetched: change.tuplesFetched - before.tuplesFetched,
  };
  const isAbsolute = added.scans < 0 || added.tuplesRead < 0 || added.tuplesFetched < 0;
  const counts = isAbsolute ? change : added;
  const hasOwnUses = change.uses !== added.scans || change.tuples !== added.tuplesRead;
  writer.byte(
    (change.id === undefined ? flag.isNew : 0) |
      (change.place === undefined ? 0 : flag.hasPlace) |
      (isAbsolute ? flag.isAbsolute : 0) |
      (hasOwnUses ? flag.hasOwnUses : 0) |
      (change.oid === before.oid ? 0 : flag.hasNewOid) |
      (change.statsResetAtMs === before.statsResetAtMs ? 0 : flag.hasNewReset) |
      (change.restarted === undefined ? 0 : flag.isRestarted) |
      (change.isRebuilt ? flag.isRebuilt : 0),
  );
  if (change.id === undefined) writer.text(change.subject ?? '');
  else writer.signed(change.id - lastId);
  if (change.place !== undefined) {
    writer.text(change.place.table);
    writer.text(change.place.top ?? '');
  }
  writer.count(counts.scans);
  writer.count(counts.tuplesRead);
  writer.count(counts.tuplesFetched);
  writer.instant(change.lastScanAtMs, atMs);
  if (hasOwnUses) {
    writer.count(change.uses);
    writer.count(change.tuples);
  }
  if (change.oid !== before.oid) writer.count(change.oid);
  if (change.statsResetAtMs !== before.statsResetAtMs) writer.instant(change.statsResetAtMs, atMs);
  if (change.restarted !== undefined) writer.byte(startReasons.indexOf(change.restarted));
  return change.id ?? lastId;
}

function readIndex(reader: ByteReader, { indexes }: SubjectsById, atMs: number, lastId: number): IndexChange {
  const flags = reader.byte();
  const has = (bit: number): boolean => (flags & bit) !== 0;
  const subject = has(flag.isNew) ? reader.text() : undefined;
  const id = subject === undefined ? lastId + reader.signed() : undefined;
  const known = id === undefined ? undefined : indexes.get(id);
  if (id !== undefined && known === undefined) throw new DamagedBlob('it names an index that is not there');
  const place = has(flag.hasPlace) ? { table: reader.text(), top: reader.text() || undefined } : undefined;
  const before = known ?? noIndex;
  const base = has(flag.isAbsolute) ? noIndex : before;
  const scans = base.scans + reader.count();
  const tuplesRead = base.tuplesRead + reader.count();
  const tuplesFetched = base.tuplesFetched + reader.count();
  const lastScanAtMs = reader.instant(atMs);
  const uses = has(flag.hasOwnUses) ? reader.count() : scans - before.scans;
  const tuples = has(flag.hasOwnUses) ? reader.count() : tuplesRead - before.tuplesRead;
  const oid = has(flag.hasNewOid) ? reader.count() : before.oid;
  const statsResetAtMs = has(flag.hasNewReset) ? reader.instant(atMs) : before.statsResetAtMs;
  const restarted = has(flag.isRestarted) ? startReasons[reader.byte()] : undefined;
  return {
    id,
    subject,
    oid,
    place,
    scans,
    tuplesRead,
    tuplesFetched,
    lastScanAtMs,
    statsResetAtMs,
    uses,
    tuples,
    ...(restarted === undefined ? {} : { restarted }),
    isRebuilt: has(flag.isRebuilt),
  };
}

const noTable = {
  oid: 0,
  sequentialScans: 0,
  inserted: 0,
  updatedNotHot: 0,
  deleted: 0,
  statsResetAtMs: null,
};

function writeTable(
  writer: ByteWriter,
  change: TableChange,
  { tables }: SubjectsById,
  atMs: number,
  lastId: number,
): number {
  const before = (change.id === undefined ? undefined : tables.get(change.id)) ?? noTable;
  const { read, insertedNow, updatedNow, deletedNow } = change;
  const isPlain =
    change.sequentialScans - before.sequentialScans === read &&
    change.inserted - before.inserted === insertedNow &&
    change.updatedNotHot - before.updatedNotHot === updatedNow &&
    change.deleted - before.deleted === deletedNow;
  writer.byte(
    (change.id === undefined ? flag.isNew : 0) |
      (change.place === undefined ? 0 : flag.hasPlace) |
      (isPlain ? 0 : flag.isAbsolute) |
      (change.oid === before.oid ? 0 : flag.hasNewOid) |
      (change.statsResetAtMs === before.statsResetAtMs ? 0 : flag.hasNewReset) |
      (change.isRestarted ? flag.isRestarted : 0),
  );
  if (change.id === undefined) writer.text(change.subject ?? '');
  else writer.signed(change.id - lastId);
  if (change.place !== undefined) writer.text(change.place.top ?? '');
  for (const count of [read, insertedNow, updatedNow, deletedNow]) writer.count(count);
  if (!isPlain) {
    for (const total of [change.sequentialScans, change.inserted, change.updatedNotHot, change.deleted])
      writer.count(total);
  }
  if (change.oid !== before.oid) writer.count(change.oid);
  if (change.statsResetAtMs !== before.statsResetAtMs) writer.instant(change.statsResetAtMs, atMs);
  return change.id ?? lastId;
}

function readTable(reader: ByteReader, { tables }: SubjectsById, atMs: number, lastId: number): TableChange {
  const flags = reader.byte();
  const has = (bit: number): boolean => (flags & bit) !== 0;
  const subject = has(flag.isNew) ? reader.text() : undefined;
  const id = subject === undefined ? lastId + reader.signed() : undefined;
  const known = id === undefined ? undefined : tables.get(id);
  if (id !== undefined && known === undefined) throw new DamagedBlob('it names a table that is not there');
  const before = known ?? noTable;
  const place = has(flag.hasPlace) ? { top: reader.text() || undefined } : undefined;
  const [read, insertedNow, updatedNow, deletedNow] = fourCounts(reader);
  const [sequentialScans, inserted, updatedNotHot, deleted] = has(flag.isAbsolute)
    ? fourCounts(reader)
    : [
        before.sequentialScans + read,
        before.inserted + insertedNow,
        before.updatedNotHot + updatedNow,
        before.deleted + deletedNow,
      ];
  return {
    id,
    subject,
    place,
    oid: has(flag.hasNewOid) ? reader.count() : before.oid,
    statsResetAtMs: has(flag.hasNewReset) ? reader.instant(atMs) : before.statsResetAtMs,
    sequentialScans,
    inserted,
    updatedNotHot,
    deleted,
    read,
    insertedNow,
    updatedNow,
    deletedNow,
    isRestarted: has(flag.isRestarted),
  };
}

const fourCounts = (reader: ByteReader): readonly [number, number, number, number] => [
  reader.count(),
  reader.count(),
  reader.count(),
  reader.count(),
];
