import { emptyLedger, type Ledger } from '../findings/ledger.ts';
import type { DiaryEvent, KeptEvent } from '../model/event.ts';
import { type NodeName, type TargetId, targetKey } from '../model/ids.ts';
import type { Mute } from '../model/mute.ts';
import { asItIs } from './records.ts';

/** What is kept of the usage of one target's indexes on one node: a whole state, and what was collected since. */
export interface StoredUsage {
  /** Undefined before the first fold. */
  readonly checkpoint: Uint8Array | undefined;
  /** In the order of collection. */
  readonly collections: readonly Uint8Array[];
  /** Days before this one were kept and then forgotten (retention, size): that they are missing says nothing. Absent where none was. */
  readonly forgottenBeforeDay?: number;
}

/** Days are counted from the epoch, in UTC. */
export interface UsageDay {
  readonly day: number;
  readonly record: Uint8Array;
}

/** Which events, newest first. */
export interface EventQuery {
  readonly target?: TargetId;
  readonly kinds?: readonly string[];
  /** Only events with a smaller id. */
  readonly before?: number;
  /** At most this many. */
  readonly limit: number;
}

/** A mute that was set over the API. */
export type KeptMute = Mute;

export interface StoreStatus {
  /** Bytes on disk, write-ahead log included; null for a store in memory. */
  readonly sizeBytes: number | null;
  readonly lastWriteAtMs: number | null;
  /** Why the last write failed; null when it did not. */
  readonly lastError: string | null;
  /** The file; null for a store in memory. */
  readonly path: string | null;
  /** Version of the file's tables; null for a store in memory. */
  readonly schemaVersion: number | null;
  /** Where a damaged file was moved when this store was opened; null where there was none. */
  readonly movedAside: string | null;
}

/**
 * What is kept between evaluations and, if it is a file, between runs. Asynchronous, since it may live in another thread. Each
 * call is one transaction: after a crash all of it is there or nothing. Calls take effect in the order in which they were made. A
 * call that fails rejects and changes nothing; the next one is tried all the same. Blobs are opaque here; `src/history` packs them.
 */
export interface Store {
  /** The ledger of a target; empty for one never seen. */
  readonly ledgerOf: (target: TargetId) => Promise<Ledger>;
  /** Keeps the ledger, and what happened, together. */
  readonly keepLedger: (target: TargetId, ledger: Ledger, events?: readonly DiaryEvent[]) => Promise<void>;
  readonly eventsOf: (query: EventQuery) => Promise<readonly KeptEvent[]>;

  readonly mutes: () => Promise<readonly KeptMute[]>;
  readonly keepMute: (mute: KeptMute) => Promise<void>;
  readonly liftMute: (findingId: string) => Promise<void>;

  /**
   * Small documents about a target by kind (`bloat`, `definitions`) and key; JSON values. Each is handed to `read` as it comes: of
   * a hundred thousand, what they are made into is held, and not also what they came as.
   */
  readonly recordsOf: <T = unknown>(
    target: TargetId,
    kind: string,
    read?: (record: unknown) => T,
  ) => Promise<ReadonlyMap<string, T>>;
  /** Sets those given; deletes those whose value is undefined. */
  readonly keepRecords: (
    target: TargetId,
    kind: string,
    changes: ReadonlyMap<string, unknown>,
  ) => Promise<void>;

  readonly usageOf: (target: TargetId, node: NodeName) => Promise<StoredUsage>;
  /** Appends what one collection changed. */
  readonly appendUsage: (target: TargetId, node: NodeName, collection: Uint8Array) => Promise<void>;
  /** Replaces the checkpoint and the days given, and forgets the collections, which are part of them now. */
  readonly foldUsage: (
    target: TargetId,
    node: NodeName,
    folded: { readonly checkpoint: Uint8Array; readonly days: readonly UsageDay[] },
  ) => Promise<void>;
  /** Days from `fromDay` to `toDay`, both included, in order; those without a record are left out. */
  readonly usageDaysOf: (
    target: TargetId,
    node: NodeName,
    fromDay: number,
    toDay: number,
  ) => Promise<readonly UsageDay[]>;

  /**
   * How often the file was opened. Grows when it had to be opened anew, and may have begun anew: whoever writes only what has changed
   * then writes everything.
   */
  readonly openings: () => number;
  readonly status: () => Promise<StoreStatus>;
  readonly close: () => Promise<void>;
}

/** Keeps everything in memory: gone with the process. */
export function memoryStore(): Store {
  const ledgers = new Map<string, Ledger>();
  const events: KeptEvent[] = [];
  const mutes = new Map<string, KeptMute>();
  const records = new Map<string, Map<string, unknown>>();
  const usages = new Map<string, { checkpoint: Uint8Array | undefined; collections: Uint8Array[] }>();
  const usageDays = new Map<string, Map<number, Uint8Array>>();
  const nodeKey = (target: TargetId, node: NodeName): string => `${targetKey(target)}\n${node}`;
  const recordsKey = (target: TargetId, kind: string): string => `${targetKey(target)}\n${kind}`;

  return {
    ledgerOf: async (target) => ledgers.get(targetKey(target)) ?? emptyLedger,
    keepLedger: async (target, ledger, happened = []) => {
      ledgers.set(targetKey(target), ledger);
      for (const event of happened) events.push({ ...event, id: events.length + 1 });
    },
    eventsOf: async ({ target, kinds, before = Number.POSITIVE_INFINITY, limit }) =>
      events
        .filter((event) => target === undefined || targetKey(event) === targetKey(target))
        .filter((event) => kinds === undefined || kinds.includes(event.kind))
        .filter((event) => event.id < before)
        .reverse()
        .slice(0, limit),
    mutes: async () => [...mutes.values()],
    keepMute: async (mute) => {
      mutes.set(mute.findingId, mute);
    },
    liftMute: async (findingId) => {
      mutes.delete(findingId);
    },
    recordsOf: async (target, kind, read = asItIs) =>
      new Map([...(records.get(recordsKey(target, kind)) ?? [])].map(([key, record]) => [key, read(record)])),
    keepRecords: async (target, kind, changes) => {
      const kept = records.get(recordsKey(target, kind)) ?? new Map<string, unknown>();
      for (const [key, value] of changes) {
        if (value === undefined) kept.delete(key);
        else kept.set(key, value);
      }
      records.set(recordsKey(target, kind), kept);
    },
    usageOf: async (target, node) => {
      const kept = usages.get(nodeKey(target, node));
      return { checkpoint: kept?.checkpoint, collections: [...(kept?.collections ?? [])] };
    },
    appendUsage: async (target, node, collection) => {
      const kept = usages.get(nodeKey(target, node)) ?? { checkpoint: undefined, collections: [] };
      kept.collections.push(collection);
      usages.set(nodeKey(target, node), kept);
    },
    foldUsage: async (target, node, { checkpoint, days }) => {
      const key = nodeKey(target, node);
      usages.set(key, { checkpoint, collections: [] });
      const kept = usageDays.get(key) ?? new Map<number, Uint8Array>();
      for (const { day, record } of days) kept.set(day, record);
      usageDays.set(key, kept);
    },
    usageDaysOf: async (target, node, fromDay, toDay) =>
      [...(usageDays.get(nodeKey(target, node)) ?? [])]
        .filter(([day]) => day >= fromDay && day <= toDay)
        .sort(([a], [b]) => a - b)
        .map(([day, record]) => ({ day, record })),
    openings: () => 1,
    status: async () => ({
      sizeBytes: null,
      lastWriteAtMs: null,
      lastError: null,
      path: null,
      schemaVersion: null,
      movedAside: null,
    }),
    close: async () => {},
  };
}
