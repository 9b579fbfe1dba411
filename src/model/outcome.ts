import { assertNever } from './result.ts';

/** Why a collection of facts failed; text for the operator in `message`, with nothing secret in it. */
export type CollectionError =
  | { readonly kind: 'TargetUnavailable'; readonly message: string; readonly sqlstate?: string }
  | {
      readonly kind: 'NotPermitted';
      readonly message: string;
      readonly sqlstate?: string;
      readonly grant: string;
    }
  | { readonly kind: 'QueryTimeout'; readonly message: string; readonly sqlstate?: string }
  | { readonly kind: 'QueryFailed'; readonly message: string; readonly sqlstate?: string }
  | { readonly kind: 'FactMismatch'; readonly message: string }
  | { readonly kind: 'PoolerRefused'; readonly message: string }
  /** The server is older than any whose catalogues are known here. */
  | { readonly kind: 'UnsupportedVersion'; readonly message: string }
  | { readonly kind: 'Cancelled'; readonly message: string };

/**
 * What came of one collector's run. `skippedRelations` are those that were locked: their facts are unknown,
 * everybody else's are good. Times are milliseconds since the epoch.
 */
export type Outcome<Fact> =
  | {
      readonly kind: 'collected';
      readonly facts: readonly Fact[];
      readonly collectedAtMs: number;
      readonly durationMs: number;
      readonly skippedRelations: readonly number[];
    }
  | {
      readonly kind: 'skipped';
      readonly reason: string;
      readonly remedy?: string;
      readonly collectedAtMs: number;
    }
  | {
      readonly kind: 'failed';
      readonly error: CollectionError;
      readonly collectedAtMs: number;
      readonly durationMs: number;
    };

/** The sentence that says why facts are missing, or `undefined` when they are there. */
export function whyMissing(outcome: Outcome<unknown> | undefined): string | undefined {
  if (outcome === undefined) return 'not collected yet';
  switch (outcome.kind) {
    case 'collected':
      return undefined;
    case 'skipped':
      return outcome.remedy === undefined ? outcome.reason : `${outcome.reason}; ${outcome.remedy}`;
    case 'failed':
      return outcome.error.kind === 'NotPermitted'
        ? `${outcome.error.message}; run: ${outcome.error.grant}`
        : outcome.error.message;
    default:
      return assertNever(outcome);
  }
}
