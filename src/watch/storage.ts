import path from 'node:path';
import type { LoadedConfig } from '../config/load.ts';
import type { StoreFacts } from '../metrics/daemon.ts';
import { assertNever } from '../model/result.ts';
import { counted, dayMs, humaneBytes } from '../model/units.ts';
import type { Clock } from '../scheduler/clock.ts';
import { openSqliteStore, type StoreNotice } from '../store/sqlite-store.ts';
import { memoryStore, type Store, type StoreStatus } from '../store/store.ts';
import type { WatchLog } from './target-watcher.ts';

export interface StorageOptions {
  readonly loaded: LoadedConfig;
  readonly clock: Clock;
  readonly log: WatchLog;
  /** Told how the file stands, when that has changed. */
  readonly onFacts: (facts: StoreFacts) => void;
}

/**
 * The store that the configuration names, or one in memory. Its troubles are logged here, once for each change of state. Rejects with
 * `StoreOpenError` where the file cannot be used.
 */
export async function openStorage({ loaded, clock, log, onFacts }: StorageOptions): Promise<Store> {
  const { storage } = loaded.config;
  const file = storagePath(loaded);
  if (file === undefined) {
    log.warn(
      { event: 'store-in-memory' },
      'storage.path is not set: history, findings and mutes are lost at each restart',
    );
    return memoryStore();
  }
  return openSqliteStore({
    file: {
      path: file,
      busyTimeoutMs: storage.busyTimeout.ms,
      synchronous: storage.synchronous,
      checkTimeLimitMs: storage.checkTimeout.ms,
    },
    retention: {
      usageDays: Math.ceil(storage.usageRetention.ms / dayMs),
      eventsForMs: storage.eventRetention.ms,
      eventsMax: storage.eventsMax,
      bytesMax: storage.maxSize.bytes,
    },
    now: clock.now,
    onNotice: (notice) => report(notice, file, log),
    onStatus: (status) => onFacts(factsOf(status)),
  });
}

/** The file, absolute: a path of the file of settings starts at that file's folder, one of a flag or a variable where we are. */
export function storagePath({ config, sources }: LoadedConfig): string | undefined {
  const named = config.storage.path;
  if (named === undefined) return undefined;
  const isOverride = sources.overrides.some((override) => override.path === 'storage.path');
  return path.resolve(isOverride || sources.file === undefined ? '.' : path.dirname(sources.file), named);
}

const factsOf = ({ lastError, sizeBytes, lastWriteAtMs }: StoreStatus): StoreFacts => ({
  isUp: lastError === null,
  sizeBytes: sizeBytes ?? 0,
  lastWriteAtMs: lastWriteAtMs ?? 0,
});

function report(notice: StoreNotice, file: string, log: WatchLog): void {
  switch (notice.kind) {
    case 'opened': {
      const { movedAside, upgradedFrom, isChecked, sizeBytes } = notice;
      if (movedAside !== undefined)
        log.error(
          { event: 'store-damaged', path: file, movedAside: movedAside.to, why: movedAside.why },
          'the store was damaged: it was moved aside, and history begins anew',
        );
      if (!isChecked)
        log.warn(
          { event: 'store-unchecked', path: file },
          'there was no time to check all of the store (storage.checkTimeout); damage would be found when it is read',
        );
      log.info(
        {
          event: 'store-opened',
          path: file,
          sizeBytes,
          ...(upgradedFrom === undefined ? {} : { upgradedFrom }),
        },
        'store opened',
      );
      return;
    }
    case 'write-failed':
      log.error(
        { event: 'store-failed', path: file, error: notice.error },
        'the store cannot be written; watching goes on, and each write is tried',
      );
      return;
    case 'writes-again':
      log.info({ event: 'store-recovered', path: file }, 'the store can be written again');
      return;
    case 'trimmed': {
      const { days, events, isEnough, usedBytes } = notice;
      log.warn(
        { event: 'store-trimmed', path: file, days, events, usedBytes },
        isEnough
          ? `the store was larger than storage.maxSize: ${counted(days, 'record')} of usage by day and ${counted(events, 'event')}, the oldest, were forgotten`
          : `the store is larger than storage.maxSize with ${humaneBytes(usedBytes)}, and nothing more may be forgotten: raise it`,
      );
      return;
    }
    case 'thread-ended':
      log.error(
        { event: 'store-ended', path: file, error: notice.error, reopensInMs: notice.reopensInMs },
        'nothing is kept until the store is open again, which is tried by itself; watching goes on',
      );
      return;
    case 'not-reopened':
      log.error(
        { event: 'store-not-reopened', path: file, error: notice.error },
        'the store cannot be opened again; watching goes on, and it is tried again',
      );
      return;
    default:
      assertNever(notice);
  }
}
