import { type CollectorName, collectorNames } from '../../collectors/index.ts';
import type { ExpectedStatus } from '../../findings/expected-status.ts';
import type { Generation, MissingPermission } from '../../findings/generation.ts';
import { type Finding, type Inconclusive, type Severity, severities } from '../../model/finding.ts';
import type { KindInfo } from '../kinds.ts';

/** A collector whose facts could not be read, and whether verdicts cannot do without them. */
export interface CollectorFailure {
  readonly collector: string;
  readonly reason: string;
  readonly isRequired: boolean;
}

/** One database that was looked at, or could not be. */
export interface CheckedTarget {
  readonly server: string;
  readonly datname: string;
  readonly isUp: boolean;
  /** Why it is not up, without secrets. */
  readonly error: string | null;
  /** `server_version_num`; null when it was never reached. */
  readonly versionNum: number | null;
  /** Since when usage has been counted, ISO 8601; null where no reset time is known. */
  readonly statisticsSince: string | null;
  readonly failures: readonly CollectorFailure[];
  readonly missingPermissions: readonly MissingPermission[];
  /** Relations whose facts are unknown because somebody had locked them. */
  readonly skippedRelations: number;
  /** What came of each expected index; absent where no manifest holds for the database. */
  readonly expectations?: readonly ExpectedStatus[];
  /** How long reading the catalogue took, all collectors together. */
  readonly catalogueReadMs: number;
}

/** What one run of `check` found: all that its output and its exit code are made of. */
export interface CheckResult {
  readonly findings: readonly Finding[];
  readonly inconclusive: readonly Inconclusive[];
  readonly targets: readonly CheckedTarget[];
  /** The kinds that were asked for. */
  readonly judged: readonly KindInfo[];
  /** Findings left out because a baseline holds them. */
  readonly suppressedByBaseline: number;
}

/** Collectors that a verdict can do without, or that a role may lawfully not read: their failure is no failure of the check. */
const optionalCollectors: ReadonlySet<CollectorName> = new Set([
  'replicas',
  'column-statistics',
  'column-visibility',
] as const);

/**
 * The result of a check from what was published for each target, in the order given. `needed` are the collectors that the asked
 * verdicts cannot do without; all, if nobody says otherwise.
 */
export function checkResultOf(
  generations: readonly Generation[],
  judged: readonly KindInfo[],
  needed: ReadonlySet<CollectorName> = new Set(collectorNames),
): CheckResult {
  const kinds = new Set(judged.map((kind) => kind.id));
  return {
    findings: generations.flatMap(({ findings }) => findings.filter((finding) => kinds.has(finding.kind))),
    inconclusive: generations.flatMap(({ inconclusive }) =>
      inconclusive.filter((one) => kinds.has(one.kind)),
    ),
    targets: generations.map((generation) => checkedTarget(generation, needed)),
    judged,
    suppressedByBaseline: 0,
  };
}

function checkedTarget(generation: Generation, needed: ReadonlySet<CollectorName>): CheckedTarget {
  const { target, snapshot, runs, window } = generation;
  const server = snapshot.outcomes.server;
  const since = window?.sinceMs;
  return {
    ...target,
    isUp: generation.isUp,
    error: generation.error,
    versionNum: server?.kind === 'collected' ? (server.facts[0]?.versionNum ?? null) : null,
    statisticsSince: since === undefined ? null : new Date(since).toISOString(),
    failures: runs
      .filter((run) => run.state === 'failed')
      .map((run) => ({
        collector: run.name,
        reason: run.reason ?? run.errorKind ?? 'unknown reason',
        isRequired: needed.has(run.name) && !optionalCollectors.has(run.name),
      })),
    missingPermissions: generation.missingPermissions,
    skippedRelations: skippedRelations(generation),
    ...(generation.expectations && { expectations: generation.expectations }),
    catalogueReadMs: runs.reduce((sum, run) => sum + run.durationMs, 0),
  };
}

function skippedRelations({ snapshot }: Generation): number {
  const oids = Object.values(snapshot.outcomes).flatMap((outcome) =>
    outcome.kind === 'collected' ? outcome.skippedRelations : [],
  );
  return new Set(oids).size;
}

/** Findings that count: the muted are shown to machines only. */
export const openFindings = (result: CheckResult): readonly Finding[] =>
  result.findings.filter((finding) => finding.state === 'open');

/** Whether nothing, or not everything that verdicts need, could be read of a target. */
export const isUnreadable = (target: CheckedTarget): boolean =>
  !target.isUp || target.failures.some((failure) => failure.isRequired);

/** Why a target counts as unreadable, in one phrase. */
export function whyUnreadable(target: CheckedTarget): string {
  if (!target.isUp) return target.error ?? 'it could not be reached';
  return target.failures
    .filter((failure) => failure.isRequired)
    .map((failure) => `${failure.collector}: ${failure.reason}`)
    .join('; ');
}

/** How many findings of each severity, the gravest first. */
export function countsBySeverity(findings: readonly Finding[]): readonly (readonly [Severity, number])[] {
  return severities
    .toReversed()
    .map(
      (severity) => [severity, findings.filter((finding) => finding.severity === severity).length] as const,
    );
}
