import type { Bloat } from '../analysis/bloat/bloat.ts';
import type { Catalogue, IndexView } from '../analysis/catalogue.ts';
import type { ExpectationState } from '../analysis/expectation.ts';
import type { ReadStatement } from '../analysis/sql/conditions.ts';
import type { UsageWindow } from '../analysis/usage-window.ts';
import type { CollectorName } from '../collectors/index.ts';
import type { Snapshot } from '../collectors/snapshot.ts';
import type { SizePoint } from '../history/bloat/memory.ts';
import type { ProbeState } from '../history/probes/memory.ts';
import type { UsageAcrossNodes } from '../history/usage/across.ts';
import type { FindingKind } from '../model/finding.ts';
import type { IndexOid } from '../model/ids.ts';
import { whyMissing } from '../model/outcome.ts';
import type { Policy, Topology } from '../model/policy.ts';
import { atOnce, type Sliced } from '../model/sliced.ts';
import { humaneDuration } from '../model/units.ts';
import type { Detector, Verdict } from './define.ts';
import type { Draft } from './draft.ts';

/** What a detector could not say: of the whole target, or of the relations named. */
export interface Undecided {
  readonly kind: FindingKind;
  readonly reason: string;
  readonly relations?: readonly string[];
  /** For the log, where the detector threw: what, and from where. */
  readonly stack?: string;
}

export interface Evaluation {
  readonly drafts: readonly Draft[];
  readonly undecided: readonly Undecided[];
  /** Kinds whose detector judged the target, possibly but for some relations. */
  readonly judged: ReadonlySet<FindingKind>;
}

export interface EvaluationInput {
  readonly snapshot: Snapshot;
  readonly catalogue: Catalogue;
  readonly window: UsageWindow | undefined;
  readonly policyFor: (schemaname: string) => Policy;
  readonly topology: Topology;
  /** Absent where nobody estimated it. */
  readonly bloat?: ReadonlyMap<IndexOid, Bloat>;
  /** Absent where nothing is remembered. */
  readonly sizesOf?: (index: IndexView) => readonly SizePoint[];
  /** Absent in a single look. */
  readonly usage?: UsageAcrossNodes | undefined;
  readonly standbys?: readonly Snapshot[];
  /** Absent where no manifest says anything. */
  readonly expectations?: readonly ExpectationState[];
  /** Absent where there are no statements to read. */
  readonly readStatement?: ReadStatement;
  /** Absent where none is declared. */
  readonly probes?: readonly ProbeState[];
  /** Settings by detector, already validated by its schema; the schema's defaults where absent. */
  readonly settings: Readonly<Partial<Record<FindingKind, unknown>>>;
}

/**
 * Runs detectors over one snapshot. A detector whose facts are missing, or lie too far apart in time, is undecided with the
 * reason; one that throws is undecided as well, and costs the others nothing. Findings below the policy's sizes are left out.
 */
export function* evaluateInSlices(
  detectors: readonly Detector[],
  input: EvaluationInput,
): Sliced<Evaluation> {
  const drafts: Draft[] = [];
  const undecided: Undecided[] = [];
  const judged = new Set<FindingKind>();
  for (const detector of detectors) {
    if (detector.needsHistory && input.usage === undefined) continue;
    const reason = whyUndecided(detector, input.snapshot);
    if (reason !== undefined) {
      undecided.push({ kind: detector.id, reason });
      continue;
    }
    const verdict = yield* run(detector, input);
    if (verdict.inconclusive !== undefined) {
      const { inconclusive, stack } = verdict;
      undecided.push({ kind: detector.id, reason: inconclusive, ...(stack !== undefined && { stack }) });
      continue;
    }
    judged.add(detector.id);
    for (const draft of verdict.findings) if (isWorthSaying(draft, input)) drafts.push(draft);
    undecided.push(...(yield* groupByReason(detector.id, verdict.unjudged ?? [])));
  }
  return { drafts, undecided, judged };
}

/** {@link evaluateInSlices} in one go. */
export const evaluate = (detectors: readonly Detector[], input: EvaluationInput): Evaluation =>
  atOnce(evaluateInSlices(detectors, input));

function* run(detector: Detector, input: EvaluationInput): Sliced<Verdict & Pick<Undecided, 'stack'>> {
  const window = input.window;
  if (window === undefined) return { findings: [], inconclusive: 'nothing is known of the server yet' };
  const settingsOf = <Settings>({ id, settings }: Pick<Detector<Settings>, 'id' | 'settings'>): Settings =>
    // Those that were given have been through the same schema; the record cannot say so.
    (input.settings[id] as Settings | undefined) ?? settings.parse({});
  try {
    const { catalogue, policyFor, topology, snapshot } = input;
    return yield* detector.evaluate({
      catalogue,
      window,
      settings: settingsOf(detector),
      settingsOf,
      policyFor,
      topology,
      standbys: input.standbys ?? [],
      bloat: input.bloat ?? new Map(),
      sizesOf: input.sizesOf ?? (() => []),
      usage: input.usage,
      expectations: input.expectations ?? [],
      readStatement: input.readStatement ?? (() => undefined),
      probes: input.probes ?? [],
      nowMs: snapshot.takenAtMs,
    });
  } catch (caught) {
    const message = caught instanceof Error ? caught.message : String(caught);
    const stack = caught instanceof Error ? (caught.stack ?? message) : message;
    return { findings: [], inconclusive: `the detector failed (a bug in indexwarden): ${message}`, stack };
  }
}

function whyUndecided(detector: Detector, snapshot: Snapshot): string | undefined {
  const times: number[] = [];
  const missing: string[] = [];
  for (const name of detector.needs) {
    const outcome = snapshot.outcomes[name];
    const why = whyMissing(outcome);
    if (why !== undefined) missing.push(why.startsWith(`${name}:`) ? why : `${name}: ${why}`);
    else if (outcome !== undefined) times.push(outcome.collectedAtMs);
  }
  if (missing.length > 0)
    return missing.length > 1 && isOneReason(missing) ? reasonOf(missing) : missing.join('; ');
  const skewMs = Math.max(...times) - Math.min(...times);
  return skewMs > detector.maxSkewMs
    ? `its facts lie ${humaneDuration(skewMs)} apart, more than ${humaneDuration(detector.maxSkewMs)}`
    : undefined;
}

/** When the server could not be reached, every collector says the same: once is enough. */
const textAfterName = (reason: string): string => reason.slice(reason.indexOf(': ') + 2);
const isOneReason = (reasons: readonly string[]): boolean => new Set(reasons.map(textAfterName)).size === 1;
const reasonOf = ([first = '']: readonly string[]): string => textAfterName(first);

function isWorthSaying(draft: Draft, { policyFor }: EvaluationInput): boolean {
  // What has to be acted on now is wrong in a small table as well.
  if (draft.kind === 'invalid-index' || draft.severity === 'critical') return true;
  // A query is watched because somebody asked for it, whatever the size of its first table.
  if (draft.kind === 'slow-probe' || draft.kind === 'probe-plan-regression') return true;
  const policy = policyFor(draft.table.schemaname);
  const sizeBytes = draft.index === null ? draft.table.sizeBytes : draft.index.sizeBytes;
  if (sizeBytes !== undefined && sizeBytes < policy.minSizeBytes) return false;
  return draft.table.rows === undefined || draft.table.rows >= policy.minRows;
}

function* groupByReason(
  kind: FindingKind,
  unjudged: readonly { readonly relation: string; readonly reason: string }[],
): Sliced<readonly Undecided[]> {
  const byReason = new Map<string, string[]>();
  for (const { relation, reason } of unjudged) {
    yield;
    const relations = byReason.get(reason);
    if (relations === undefined) byReason.set(reason, [relation]);
    else relations.push(relation);
  }
  return [...byReason].map(([reason, relations]) => ({ kind, reason, relations }));
}

/** The collectors that at least one of the detectors needs: a required one that fails is a target that could not be judged. */
export const neededCollectors = (detectors: readonly Detector[]): ReadonlySet<CollectorName> =>
  new Set(detectors.flatMap((detector) => detector.needs));

/** What a finding is weighed by whoever found it: rows and sizes decide on its severity and whether policy wants to hear of it. */
const weighedBy: readonly CollectorName[] = ['server', 'tables', 'table-usage', 'relation-sizes'];

/** The collectors whose facts make a difference to what the detectors say: whoever wants only these verdicts need run no others. */
export const collectorsFor = (detectors: readonly Detector[]): ReadonlySet<CollectorName> =>
  new Set(detectors.flatMap((detector) => [...weighedBy, ...detector.needs, ...detector.uses]));
