import type { NodeName, TargetId } from '../model/ids.ts';
import type { PackedRows } from './parcels.ts';

/** What the thread has to know of the settings to open the file. */
export interface FileSettings {
  readonly path: string;
  readonly busyTimeoutMs: number;
  /** What a power loss may cost: with `normal` the last writes, with `full` nothing. A crash of the process costs nothing in either. */
  readonly synchronous: 'normal' | 'full';
  /** How long checking the file may take at start; 0 leaves it out. */
  readonly checkTimeLimitMs: number;
  /** For tests: the file may not have more pages, as if the disk were that small. */
  readonly pagesMax?: number;
}

/** What is forgotten. */
export interface Retention {
  /** Days of usage, and targets and nodes of which nothing was kept for as long. */
  readonly usageDays: number;
  readonly eventsForMs: number;
  readonly eventsMax: number;
  /** Above it the oldest days and events go, whatever their age. */
  readonly bytesMax: number;
}

/** What is handed to the thread when it is started. */
export interface ThreadSettings {
  readonly file: FileSettings;
  readonly retention: Retention;
  readonly nowMs: number;
  /** One number, shared with whoever started it: not zero once calls that still wait are to be refused, since it has to end. */
  readonly hurry: Int32Array;
}

/** How the file was found. */
export interface Opening {
  /** The version its tables had before; undefined where they were the newest, or the file is new. */
  readonly upgradedFrom: number | undefined;
  /** False where there was no time to check all of it. */
  readonly isChecked: boolean;
  readonly movedAside: { readonly to: string; readonly why: string } | undefined;
}

/** Goes with every answer. */
export interface FileState {
  readonly sizeBytes: number;
  readonly lastWriteAtMs: number;
  /** Why the last write failed; null when it did not. */
  readonly lastError: string | null;
}

/** What was forgotten before its time, because of `bytesMax`. */
export interface Trimmed {
  readonly days: number;
  readonly events: number;
  /** False where there is nothing left that may be forgotten, and the file is still too large. */
  readonly isEnough: boolean;
  readonly usedBytes: number;
}

/** One finding as a row. */
export interface FindingRow {
  readonly id: string;
  /** JSON of the finding without `lastSeen`. */
  readonly body: string;
  readonly lastSeen: string;
}

/** An event as a row; the body is its JSON without number. */
export interface EventRow {
  readonly target: TargetId;
  readonly kind: string;
  readonly atMs: number;
  readonly body: string;
}

/** A ledger as rows; `rest` is JSON of all but the findings. */
export interface LedgerRows {
  readonly rest: string;
  readonly findings: readonly FindingRow[];
}

/** A ledger on its way to the thread: rows of id, last seen and body, see `parcels.ts`. */
export interface PackedLedger {
  readonly rest: string;
  readonly findings: PackedRows;
}

/** What can be asked of the thread: what is sent, and what is answered. Documents travel as JSON text, which both sides only pass on. */
export interface Calls {
  readonly ledgerOf: [ask: { target: TargetId }, answer: LedgerRows | undefined];
  readonly keepLedger: [
    ask: { target: TargetId; ledger: PackedLedger; events: readonly EventRow[] },
    answer: null,
  ];
  readonly eventsOf: [
    ask: {
      target: TargetId | undefined;
      kinds: readonly string[] | undefined;
      before: number | undefined;
      limit: number;
    },
    answer: readonly { readonly id: number; readonly body: string }[],
  ];
  readonly mutes: [ask: null, answer: readonly string[]];
  readonly keepMute: [ask: { findingId: string; body: string }, answer: null];
  readonly liftMute: [ask: { findingId: string }, answer: null];
  readonly recordsOf: [
    /** So many of them at most, by key, from the one after `after` on; undefined for the first. */
    ask: { target: TargetId; kind: string; after: string | undefined; limit: number },
    answer: readonly { readonly key: string; readonly body: string }[],
  ];
  readonly keepRecords: [
    /** Rows of key, as JSON, and body; without a body it is dropped. */
    ask: { target: TargetId; kind: string; changes: PackedRows },
    answer: null,
  ];
  readonly usageOf: [
    ask: { target: TargetId; node: NodeName },
    answer: {
      readonly checkpoint: Uint8Array<ArrayBuffer> | undefined;
      readonly collections: readonly Uint8Array<ArrayBuffer>[];
      readonly forgottenBeforeDay: number | null;
    },
  ];
  readonly appendUsage: [
    ask: { target: TargetId; node: NodeName; collection: Uint8Array<ArrayBuffer> },
    answer: null,
  ];
  readonly foldUsage: [
    ask: {
      target: TargetId;
      node: NodeName;
      checkpoint: Uint8Array<ArrayBuffer>;
      days: readonly { readonly day: number; readonly record: Uint8Array<ArrayBuffer> }[];
    },
    answer: null,
  ];
  readonly usageDaysOf: [
    ask: { target: TargetId; node: NodeName; fromDay: number; toDay: number },
    answer: readonly { readonly day: number; readonly record: Uint8Array<ArrayBuffer> }[],
  ];
}
export type CallKind = keyof Calls;
export type Ask<K extends CallKind> = Calls[K][0];
export type Answer<K extends CallKind> = Calls[K][1];

/** To the thread. */
export type Message =
  | {
      readonly kind: 'call';
      readonly id: number;
      readonly call: CallKind;
      readonly ask: unknown;
      readonly nowMs: number;
    }
  | { readonly kind: 'close' };

/** From the thread. */
export type Reply =
  | { readonly kind: 'opened'; readonly opening: Opening; readonly state: FileState }
  | { readonly kind: 'refused'; readonly problem: string; readonly message: string }
  | { readonly kind: 'answered'; readonly id: number; readonly answer: unknown; readonly state: FileState }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string; readonly state: FileState }
  | { readonly kind: 'trimmed'; readonly trimmed: Trimmed; readonly state: FileState };
