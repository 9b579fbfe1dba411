import { emptyLedger } from '../findings/ledger.ts';
import type { DiaryEvent, KeptEvent } from '../model/event.ts';
import { mapInSlices } from './in-slices.ts';
import { ledgerOfRows, ledgerRowsOf } from './ledger-json.ts';
import { schemaVersion } from './migrations.ts';
import type { EventRow, FileSettings, FileState, Opening, Retention, Trimmed } from './protocol.ts';
import type { KeptMute, Store, StoreStatus } from './store.ts';
import { startThread } from './thread.ts';

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
}

/** What a person should hear of, once each. */
export type StoreNotice =
  | ({ readonly kind: 'opened'; readonly path: string; readonly sizeBytes: number } & Opening)
  | { readonly kind: 'write-failed'; readonly error: string }
  | { readonly kind: 'writes-again' }
  | ({ readonly kind: 'trimmed' } & Trimmed)
  /** Nothing more can be kept until the program is started again. */
  | { readonly kind: 'thread-ended'; readonly error: string };

/** A store in a file. Rejects with `StoreOpenError` where the file cannot be used, having changed nothing. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { file, retention, now, onStatus, onNotice, threadModule } = options;
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

  const thread = await startThread({
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
      state = { ...state, lastError: error };
      onNotice?.({ kind: 'thread-ended', error });
      onStatus?.(status());
    },
  });
  const { call, close } = thread;
  movedAside = thread.opening.movedAside?.to ?? null;
  onNotice?.({ kind: 'opened', path: file.path, sizeBytes: thread.state.sizeBytes, ...thread.opening });
  follow(thread.state);

  return {
    ledgerOf: async (target) => {
      const rows = await call('ledgerOf', () => ({ ask: { target } }));
      return rows === undefined ? emptyLedger : ledgerOfRows(rows);
    },
    keepLedger: async (target, ledger, events = []) => {
      await call('keepLedger', async () => ({
        ask: { target, ledger: await ledgerRowsOf(ledger), events: events.map(eventRowOf) },
      }));
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
    recordsOf: async (target, kind) => {
      const rows = await call('recordsOf', () => ({ ask: { target, kind } }));
      const entries = await mapInSlices(rows, ({ key, body }): readonly [string, unknown] => [
        key,
        JSON.parse(body),
      ]);
      return new Map(entries);
    },
    keepRecords: async (target, kind, changes) => {
      const entries = [...changes];
      await call('keepRecords', async () => ({
        ask: {
          target,
          kind,
          changes: await mapInSlices(entries, ([key, value]) => ({ key, body: JSON.stringify(value) })),
        },
      }));
    },
    usageOf: async (target, node) => {
      const { checkpoint, collections, forgottenBeforeDay } = await call('usageOf', () => ({
        ask: { target, node },
      }));
      return { checkpoint, collections, ...(forgottenBeforeDay === null ? {} : { forgottenBeforeDay }) };
    },
    appendUsage: async (target, node, collection) => {
      const copy = copyOf(collection);
      await call('appendUsage', () => ({
        ask: { target, node, collection: copy },
        transfer: [copy.buffer],
      }));
    },
    foldUsage: async (target, node, folded) => {
      const checkpoint = copyOf(folded.checkpoint);
      const days = folded.days.map(({ day, record }) => ({ day, record: copyOf(record) }));
      await call('foldUsage', () => ({
        ask: { target, node, checkpoint, days },
        transfer: [checkpoint.buffer, ...days.map(({ record }) => record.buffer)],
      }));
    },
    usageDaysOf: (target, node, fromDay, toDay) =>
      call('usageDaysOf', () => ({ ask: { target, node, fromDay, toDay } })),
    status: async () => status(),
    close,
  };
}

const eventRowOf = (event: DiaryEvent): EventRow => ({
  target: { server: event.server, datname: event.datname },
  kind: event.kind,
  atMs: event.atMs,
  body: JSON.stringify(event),
});

/** Memory of its own, to be handed over: the caller keeps what it has, and it may be a part of something larger. */
const copyOf = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);
