import { emptyLedger } from '../findings/ledger.ts';
import type { DiaryEvent, KeptEvent } from '../model/event.ts';
import { slicedCopy } from '../model/sliced.ts';
import { inSlices, mapInSlices } from './in-slices.ts';
import { ledgerOfRows, packedLedgerOf } from './ledger-json.ts';
import { schemaVersion } from './migrations.ts';
import { buffersOf, packed } from './parcels.ts';
import type {
  Answer,
  CallKind,
  EventRow,
  FileSettings,
  FileState,
  Opening,
  Retention,
  Trimmed,
} from './protocol.ts';
import { asItIs, readRecords } from './records.ts';
import type { KeptMute, Store, StoreStatus } from './store.ts';
import { type Parcel, StoreError, type StoreThread, startThread } from './thread.ts';

export interface SqliteStoreOptions {
  readonly file: FileSettings;
  readonly retention: Retention;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told when size, time of the last write or health have changed. */
  readonly onStatus?: (status: StoreStatus) => void;
  readonly onNotice?: (notice: StoreNotice) => void;
  /** For tests: what the thread runs instead of `worker.ts`. */
  readonly threadModule?: URL;
  /** For tests: how long after its thread has ended the file is opened again. */
  readonly reopenAfterMs?: ReopenAfterMs;
}

/** The first time, doubled with each time after that, up to `max`. */
export interface ReopenAfterMs {
  readonly first: number;
  readonly max: number;
}

const usualReopenAfterMs: ReopenAfterMs = { first: 1_000, max: 60_000 };

/** What a person should hear of, once each. */
export type StoreNotice =
  | ({ readonly kind: 'opened'; readonly path: string; readonly sizeBytes: number } & Opening)
  | { readonly kind: 'write-failed'; readonly error: string }
  | { readonly kind: 'writes-again' }
  | ({ readonly kind: 'trimmed' } & Trimmed)
  /** Nothing is kept until the file is open again, which is tried in so many milliseconds. */
  | { readonly kind: 'thread-ended'; readonly error: string; readonly reopensInMs: number }
  /** It could not be opened again, for another reason than the last time. */
  | { readonly kind: 'not-reopened'; readonly error: string };

/**
 * A store in a file. Rejects with `StoreOpenError` where the file cannot be used, having changed nothing. Where its thread ends later
 * (by a bug, or because the file is damaged or gone) the file is opened anew, again and again; calls fail until then.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { file, retention, now, onStatus, onNotice, threadModule } = options;
  const reopenAfterMs = options.reopenAfterMs ?? usualReopenAfterMs;
  let state: FileState = { sizeBytes: 0, lastWriteAtMs: 0, lastError: null };
  let movedAside: string | null = null;
  let lacksRoom = false;

  const status = (): StoreStatus => ({ ...state, path: file.path, schemaVersion, movedAside });
  const follow = (next: FileState): void => {
    const [before, after] = [state.lastError, next.lastError];
    state = next;
    if (after !== null && before === null) onNotice?.({ kind: 'write-failed', error: after });
    if (after === null && before !== null) onNotice?.({ kind: 'writes-again' });
    onStatus?.(status());
  };

  /** Absent from when it ended until there is another. */
  let thread: StoreThread | undefined;
  let openings = 0;
  let openedAtMs = 0;
  let waitMs = reopenAfterMs.first;
  let isClosed = false;
  let reopening: { readonly timer: NodeJS.Timeout; done: Promise<void> } | undefined;

  const fail = (error: string): void => {
    state = { ...state, lastError: error };
    onStatus?.(status());
  };

  const open = async (): Promise<void> => {
    const opened = await startThread({
      settings: { file, retention, nowMs: now() },
      now,
      ...(threadModule === undefined ? {} : { module: threadModule }),
      onState: follow,
      onTrimmed: (trimmed) => {
        // That there is nothing left to forget is true at every write from then on.
        if (trimmed.isEnough || !lacksRoom) onNotice?.({ kind: 'trimmed', ...trimmed });
        lacksRoom = !trimmed.isEnough;
      },
      onDeath: (error) => {
        thread = undefined;
        // What lasted for long has a new trouble, not the old one again.
        if (performance.now() - openedAtMs > reopenAfterMs.max) waitMs = reopenAfterMs.first;
        fail(error);
        onNotice?.({ kind: 'thread-ended', error, reopensInMs: waitMs });
        reopenLater();
      },
    });
    thread = opened;
    openings += 1;
    openedAtMs = performance.now();
    movedAside = opened.opening.movedAside?.to ?? movedAside;
    onNotice?.({ kind: 'opened', path: file.path, sizeBytes: opened.state.sizeBytes, ...opened.opening });
    follow(opened.state);
  };

  const reopenLater = (): void => {
    if (isClosed) return;
    const begun = { done: Promise.resolve() };
    const timer = setTimeout(() => {
      begun.done = reopen();
    }, waitMs);
    waitMs = Math.min(reopenAfterMs.max, waitMs * 2);
    // A process that has nothing else to do need not wait for it.
    timer.unref();
    reopening = Object.assign(begun, { timer });
  };

  const reopen = async (): Promise<void> => {
    try {
      await open();
    } catch (caught) {
      const error = caught instanceof Error ? caught.message : String(caught);
      if (error !== state.lastError) onNotice?.({ kind: 'not-reopened', error });
      fail(error);
      reopenLater();
    }
  };

  const call = async <K extends CallKind>(
    kind: K,
    prepare: () => Parcel<K> | Promise<Parcel<K>>,
  ): Promise<Answer<K>> => {
    if (isClosed) throw new StoreError('the store is closed');
    if (thread === undefined) throw new StoreError(`${kind}: ${state.lastError}`);
    return thread.call(kind, prepare);
  };

  await open();

  return {
    ledgerOf: async (target) => {
      const rows = await call('ledgerOf', () => ({ ask: { target } }));
      return rows === undefined ? emptyLedger : ledgerOfRows(rows);
    },
    keepLedger: async (target, ledger, events = []) => {
      await call('keepLedger', async () => {
        const sent = await packedLedgerOf(ledger);
        return {
          ask: { target, ledger: sent, events: events.map(eventRowOf) },
          transfer: buffersOf(sent.findings),
        };
      });
    },
    eventsOf: async ({ target, kinds, before, limit }) => {
      const rows = await call('eventsOf', () => ({ ask: { target, kinds, before, limit } }));
      return mapInSlices(rows, ({ id, body }): KeptEvent => ({ ...(JSON.parse(body) as DiaryEvent), id }));
    },
    mutes: async () => {
      const rows = await call('mutes', () => ({ ask: null }));
      return rows.map((body) => JSON.parse(body) as KeptMute);
    },
    keepMute: async (mute) => {
      await call('keepMute', () => ({ ask: { findingId: mute.findingId, body: JSON.stringify(mute) } }));
    },
    liftMute: async (findingId) => {
      await call('liftMute', () => ({ ask: { findingId } }));
    },
    recordsOf: (target, kind, read = asItIs) =>
      readRecords((page) => call('recordsOf', () => ({ ask: { target, kind, ...page } })), read),
    keepRecords: async (target, kind, changes) => {
      const entries = [...changes];
      await call('keepRecords', async () => {
        const sent = await packed(entries, ([key, value]) => [
          JSON.stringify(key),
          JSON.stringify(value) ?? '',
        ]);
        return { ask: { target, kind, changes: sent }, transfer: buffersOf(sent) };
      });
    },
    usageOf: async (target, node) => {
      const { checkpoint, collections, forgottenBeforeDay } = await call('usageOf', () => ({
        ask: { target, node },
      }));
      return { checkpoint, collections, ...(forgottenBeforeDay === null ? {} : { forgottenBeforeDay }) };
    },
    appendUsage: async (target, node, collection) => {
      await call('appendUsage', async () => {
        const copy = await inSlices(slicedCopy(collection));
        return { ask: { target, node, collection: copy }, transfer: [copy.buffer] };
      });
    },
    foldUsage: async (target, node, folded) => {
      await call('foldUsage', async () => {
        const checkpoint = await inSlices(slicedCopy(folded.checkpoint));
        const days: { day: number; record: Uint8Array<ArrayBuffer> }[] = [];
        for (const { day, record } of folded.days)
          days.push({ day, record: await inSlices(slicedCopy(record)) });
        return {
          ask: { target, node, checkpoint, days },
          transfer: [checkpoint.buffer, ...days.map(({ record }) => record.buffer)],
        };
      });
    },
    usageDaysOf: (target, node, fromDay, toDay) =>
      call('usageDaysOf', () => ({ ask: { target, node, fromDay, toDay } })),
    openings: () => openings,
    status: async () => status(),
    close: async () => {
      isClosed = true;
      clearTimeout(reopening?.timer);
      await reopening?.done;
      await thread?.close();
    },
  };
}

const eventRowOf = (event: DiaryEvent): EventRow => ({
  target: { server: event.server, datname: event.datname },
  kind: event.kind,
  atMs: event.atMs,
  body: JSON.stringify(event),
});
