import {
  type KeptUsage,
  observeUsage,
  openUsage,
  type UsageHistory,
  type UsageStep,
  usageKept,
} from '../../src/history/usage/history.ts';
import { type IndexObservation, usageOfIndex } from '../../src/history/usage/observation.ts';
import type { IndexCounters, NodeEpoch, TableCounters, UsageSample } from '../../src/history/usage/sample.ts';
import { nodeName } from '../../src/model/ids.ts';
import { dayMs, hourMs } from '../../src/model/units.ts';

/** The first look: 2026-01-05, a Monday, 00:00 UTC. */
export const startMs = Date.UTC(2026, 0, 5);
export const maxGapMs = 6 * hourMs;
export const subjectOf = (name: string): string => `public\0orders\0${name}\0digest`;

export const anEpoch = (overrides: Partial<NodeEpoch> = {}): NodeEpoch => ({
  systemIdentifier: '7300000000000000001',
  databaseOid: 16_384,
  versionNum: 170_010,
  isInRecovery: false,
  startedAtMs: startMs - 100 * dayMs,
  serverNowAtMs: startMs,
  databaseStatsResetAtMs: startMs - 60 * dayMs,
  bgwriterStatsResetAtMs: startMs - 90 * dayMs,
  archiverStatsResetAtMs: startMs - 90 * dayMs,
  timeline: null,
  ...overrides,
});

export const indexCounters = (name: string, overrides: Partial<IndexCounters> = {}): IndexCounters => ({
  subject: subjectOf(name),
  oid: 20_001,
  table: 'public\0orders',
  top: undefined,
  scansTotal: 0,
  tuplesReadTotal: 0,
  tuplesFetchedTotal: 0,
  lastScanAtMs: null,
  statsResetAtMs: null,
  ...overrides,
});

export const tableCounters = (overrides: Partial<TableCounters> = {}): TableCounters => ({
  subject: 'public\0orders',
  oid: 16_400,
  top: undefined,
  sequentialScansTotal: 0,
  rowsInsertedTotal: 0,
  rowsUpdatedNotHotTotal: 0,
  rowsDeletedTotal: 0,
  statsResetAtMs: null,
  ...overrides,
});

export interface Said {
  readonly epoch?: Partial<NodeEpoch>;
  readonly indexes?: readonly IndexCounters[];
  readonly tables?: readonly TableCounters[];
}

/** A node that is watched, and a store that keeps what it is given. */
export class Watched {
  history: UsageHistory;
  kept: { checkpoint: Uint8Array | undefined; collections: Uint8Array[] } = {
    checkpoint: undefined,
    collections: [],
  };
  readonly days = new Map<number, Uint8Array>();
  problem: string | undefined;

  constructor() {
    this.history = this.reopen();
  }

  /** As a daemon does that starts. */
  reopen(kept: KeptUsage = this.kept): UsageHistory {
    const { history, problem } = openUsage(nodeName('primary'), kept);
    this.problem = problem;
    this.history = history;
    return history;
  }

  /** One look, so many hours after the first; `isKept` says whether the store took what came of it. */
  look(hours: number, said: Said = {}, isKept = true): UsageStep {
    const atMs = startMs + hours * hourMs;
    const sample: UsageSample = {
      node: nodeName('primary'),
      atMs,
      epoch: anEpoch({ serverNowAtMs: atMs, ...said.epoch }),
      indexes: said.indexes ?? [indexCounters('i')],
      tables: said.tables ?? [tableCounters()],
    };
    const step = observeUsage(this.history, sample, { maxGapMs });
    if (step.kind === 'ignored' || !isKept) return step;
    if (step.fold === undefined) this.kept.collections.push(step.collection);
    else {
      this.kept = { checkpoint: step.fold.checkpoint, collections: [] };
      for (const { day, record } of step.fold.days) this.days.set(day, record);
    }
    usageKept(this.history, step);
    return step;
  }

  /** Looks every hour over some hours, all of which show the same. */
  watch(fromHours: number, toHours: number, said: Said = {}): void {
    for (let hours = fromHours; hours <= toHours; hours++) this.look(hours, said);
  }

  of(name = 'i'): IndexObservation {
    const observation = usageOfIndex(this.history, subjectOf(name));
    if (observation === undefined) throw new Error(`nothing is remembered of ${name}`);
    return observation;
  }
}

/** Hours after the first look. */
export const hoursOf = (atMs: number | null): number | null =>
  atMs === null ? null : (atMs - startMs) / hourMs;
