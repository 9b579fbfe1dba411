import type { CommandSettings } from '../config/load.ts';
import type { ConfigError } from '../config/problems.ts';
import type { SettingNode } from '../config/settings-tree.ts';
import type { Finding, FindingKind } from '../model/finding.ts';
import type { Result } from '../model/result.ts';
import type { PlanRequest } from '../plan/script/actions.ts';
import type { Plan } from '../plan/script/plan.ts';
import type { BloatReport } from '../report/bloat/result.ts';
import type { CheckResult } from '../report/check/result.ts';
import type { ReportDocument } from '../report/document/document.ts';
import type { KindInfo, ToolInfo } from '../report/kinds.ts';
import type { Environment } from './environment.ts';

/** Where a command's configuration comes from: what `loadConfig` wants, as text that was looked at already. */
export interface ConfigRequest {
  /** `--config.file`; without it the loader asks the environment. */
  readonly file?: string;
  /** Settings given as flags, by dotted path. */
  readonly flags: Readonly<Record<string, string>>;
  readonly command: CommandSettings;
}

export interface CheckRequest extends ConfigRequest {
  /** Kinds to judge; all, if empty. */
  readonly only: readonly FindingKind[];
}

export interface BloatRequest extends ConfigRequest {
  /** Whether indexes are read; otherwise only the catalogue is. */
  readonly isMeasured: boolean;
  /** Patterns of index names; all, if empty. */
  readonly indexes: readonly string[];
}

export interface PlanCommandRequest extends ConfigRequest {
  readonly plan: PlanRequest;
  /** `server/database`, or the database alone; absent where there is only one. */
  readonly target?: string;
}

export interface ReportRequest extends ConfigRequest {
  /** How far back events and days of use are looked at. */
  readonly windowMs: number;
}

/** A report, and the check that it rests on. */
export interface MadeReport {
  readonly document: ReportDocument;
  readonly result: CheckResult;
}

/** Where a finding is looked up: in a running daemon, or in a fresh look at the databases. */
export type FindingSource =
  | { readonly kind: 'api'; readonly url: string }
  | { readonly kind: 'databases'; readonly config: ConfigRequest };

export interface DemoRequest {
  readonly listen: string;
  /** Major version of the embedded server; the preset one, if absent. */
  readonly pg?: number;
  readonly scale: number;
  /** Data directory; a temporary one, if absent. */
  readonly data?: string;
  readonly keep: boolean;
}

/** What a command may use of the world besides its request. */
export interface CommandContext extends Environment {
  /** Tells the person of something that works but should not stay so; on stderr. */
  readonly warn: (message: string) => void;
}

/** Why a command could not do its work. */
export type CommandError =
  | ConfigError
  | {
      /** `usage` ends with 2, `unreadable` with 3. */
      readonly kind: 'usage' | 'unreadable';
      readonly message: string;
      readonly hint?: string;
    };

/**
 * What the commands do with databases and servers; built by whoever wires the program. Expected failures are values.
 * A command that was told to stop by `context.signal` just returns.
 */
export interface Commands {
  readonly tool: ToolInfo;
  readonly kinds: readonly KindInfo[];
  /** Every key of the configuration file: `settingsOf(configFileSchema(declarations))`. */
  readonly settings: readonly SettingNode[];
  /** Returns when the daemon has drained. */
  readonly serve: (request: ConfigRequest, context: CommandContext) => Promise<Result<void, CommandError>>;
  readonly check: (
    request: CheckRequest,
    context: CommandContext,
  ) => Promise<Result<CheckResult, CommandError>>;
  readonly bloat: (
    request: BloatRequest,
    context: CommandContext,
  ) => Promise<Result<BloatReport, CommandError>>;
  readonly plan: (
    request: PlanCommandRequest,
    context: CommandContext,
  ) => Promise<Result<Plan, CommandError>>;
  readonly report: (
    request: ReportRequest,
    context: CommandContext,
  ) => Promise<Result<MadeReport, CommandError>>;
  /** All findings of a source, for `explain` to choose from. */
  readonly findings: (
    source: FindingSource,
    context: CommandContext,
  ) => Promise<Result<readonly Finding[], CommandError>>;
  /** Markdown of `docs/detectors/<kind>.md`; undefined where it is missing. */
  readonly page: (kind: FindingKind) => Promise<string | undefined>;
  /** The configuration in force as YAML, secrets redacted. */
  readonly configCheck: (
    request: ConfigRequest,
    context: CommandContext,
  ) => Promise<Result<string, CommandError>>;
  /** A commented configuration file. */
  readonly configExample: () => string;
  /** Returns when everything it started has ended. */
  readonly demo: (request: DemoRequest, context: CommandContext) => Promise<Result<void, CommandError>>;
}
