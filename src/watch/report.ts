import { detectorSettingsOf } from '../config/config.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Problem } from '../config/problems.ts';
import type { Detector } from '../detectors/define.ts';
import { neededCollectors } from '../detectors/evaluate.ts';
import type { Generation } from '../findings/generation.ts';
import { targetKey } from '../model/ids.ts';
import { err, ok, type Result } from '../model/result.ts';
import { type CheckResult, checkResultOf } from '../report/check/result.ts';
import { buildReport, type ReportDocument } from '../report/document/document.ts';
import type { ReportHistory } from '../report/document/section.ts';
import type { KindInfo } from '../report/kinds.ts';
import { systemClock } from '../scheduler/clock.ts';
import { openReadingStore } from '../store/reading-store.ts';
import type { Store } from '../store/store.ts';
import { checkOnce, misconfiguredNodes } from './check.ts';
import { storagePath } from './storage.ts';
import type { WatchLog } from './target-watcher.ts';

export interface ReportOptions {
  readonly loaded: LoadedConfig;
  readonly detectors: readonly Detector[];
  readonly kinds: readonly KindInfo[];
  /** How far back events and days of use are looked at. */
  readonly windowMs: number;
  readonly toolVersion: string;
  readonly docsBaseUrl: string;
  readonly log: WatchLog;
  readonly signal: AbortSignal;
}

/** A report tells of this many events at most. */
const eventsMax = 2_000;

/**
 * Looks once at every configured database and tells everything. What a daemon has kept (`storage.path`) is read to judge by, and nothing is
 * written. The error is a mistake of the configuration that only the servers could show.
 */
export async function reportOnce(
  options: ReportOptions,
): Promise<Result<{ readonly document: ReportDocument; readonly result: CheckResult }, readonly Problem[]>> {
  const { loaded, detectors, kinds, windowMs, toolVersion, docsBaseUrl, log, signal } = options;
  const { config } = loaded;
  const memory = await openMemory(loaded);
  try {
    const generations = await checkOnce({
      config,
      detectors,
      only: [],
      docsBaseUrl,
      log,
      signal,
      ...(memory.store === undefined ? {} : { remembered: memory.store }),
    });
    const misconfigured = misconfiguredNodes(generations);
    if (misconfigured.length > 0) return err(misconfigured);
    const nowMs = systemClock.now();
    const needed = neededCollectors(detectors);
    const document = buildReport({
      generations,
      nowMs,
      toolVersion,
      windowMs,
      needed,
      history: await historyOf(memory, generations, nowMs - windowMs),
      judging: new Set(detectors.map(({ id }) => id).filter((id) => detectorSettingsOf(config, id).enabled)),
      redactLiterals: config.privacy.redactLiterals,
    });
    return ok({ document, result: checkResultOf(generations, kinds, needed) });
  } finally {
    await memory.store?.close();
  }
}

/** The store to judge by, or why there is none. */
export type ReportMemory =
  | { readonly store: Pick<Store, 'eventsOf'>; readonly path: string }
  | { readonly store: undefined; readonly kind: 'none' | 'unreadable'; readonly reason: string };

async function openMemory(
  loaded: LoadedConfig,
): Promise<ReportMemory & { readonly store: Store | undefined }> {
  const path = storagePath(loaded);
  if (path === undefined)
    return {
      store: undefined,
      kind: 'none',
      reason: 'no history is kept (storage.path is not set), and one look knows nothing of before',
    };
  const opened = await openReadingStore(path);
  if (opened.ok) return { store: opened.value, path };
  return {
    store: undefined,
    kind: 'unreadable',
    reason: `the history in ${path} could not be read: ${opened.error}`,
  };
}

/** Events of the window. What cannot be read of them costs nothing else. */
export async function historyOf(
  memory: ReportMemory,
  generations: readonly Generation[],
  sinceMs: number,
): Promise<ReportHistory> {
  if (memory.store === undefined) return { kind: memory.kind, reason: memory.reason };
  const { store, path } = memory;
  try {
    const watched = new Set(generations.map(({ target }) => targetKey(target)));
    const newest = await store.eventsOf({ limit: eventsMax });
    const events = newest.filter((event) => event.atMs >= sinceMs && watched.has(targetKey(event)));
    const isCut = newest.length === eventsMax && (newest.at(-1)?.atMs ?? 0) >= sinceMs;
    return { kind: 'kept', path, events, isCut };
  } catch (caught) {
    const why = caught instanceof Error ? caught.message : String(caught);
    return { kind: 'unreadable', reason: `the events in ${path} could not be read: ${why}` };
  }
}
