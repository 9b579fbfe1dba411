import type { IndexView, TableView } from '../analysis/catalogue.ts';
import type { Generation } from '../findings/generation.ts';
import type { IndexTimeline, TableTimeline } from '../history/timeline/timeline.ts';
import type { Result } from '../model/result.ts';
import type { PlanRequest } from '../plan/script/actions.ts';
import type { Plan } from '../plan/script/plan.ts';
import type { ReportDocument } from '../report/document/document.ts';

/** Why there is no answer: too many ask at once, or what is kept cannot be read. For the client, in a sentence. */
export interface NotNow {
  readonly kind: 'busy' | 'unreadable';
  readonly message: string;
}

/** What is known of the past of indexes and tables. */
export interface Past {
  /** Days that can be asked for at most. */
  readonly daysMax: number;
  /** The last `days` days of an index of this generation, today included. */
  readonly ofIndex: (
    generation: Generation,
    index: IndexView,
    days: number,
  ) => Promise<Result<IndexTimeline, NotNow>>;
  readonly ofTable: (
    generation: Generation,
    table: TableView,
    days: number,
  ) => Promise<Result<TableTimeline, NotNow>>;
}

/** What runs here, and how it is set up; nothing in it is secret. */
export interface About {
  readonly version: string;
  readonly nodeVersion: string;
  readonly startedAtMs: number;
  /** The file of settings; null where there is none. */
  readonly configFile: string | null;
  /** The configuration in force as YAML, as `config check` prints it. */
  readonly configuration: string;
  readonly storage: {
    /** Null: in memory, lost at each restart. */
    readonly path: string | null;
    readonly sizeBytes: number | null;
    readonly lastWriteAtMs: number | null;
    readonly lastError: string | null;
    readonly schemaVersion: number | null;
    readonly movedAside: string | null;
  };
}

/** What pages and API ask the daemon for, beside the generations that it publishes. */
export interface Knowledge {
  readonly past: Past;
  /** From the newest generation of one database. `usage`: the question was wrong. */
  readonly plan: (asked: {
    readonly request: PlanRequest;
    readonly target: string | undefined;
  }) => Result<Plan, { readonly kind: 'usage' | 'unreadable'; readonly message: string }>;
  /** From the newest generations and what is kept; `windowMs` is how far back it looks. */
  readonly report: (windowMs: number) => Promise<Result<ReportDocument, NotNow>>;
  readonly about: () => Promise<About>;
}
