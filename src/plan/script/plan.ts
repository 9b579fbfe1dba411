import type { Catalogue } from '../../analysis/catalogue.ts';
import type { DefinitionFact } from '../../collectors/definitions.ts';
import type { Remedy } from '../../detectors/draft.ts';
import type { Finding } from '../../model/finding.ts';
import type { TargetId } from '../../model/ids.ts';
import { err, ok, type Result } from '../../model/result.ts';
import {
  type Action,
  type AnalyzeAction,
  type CreateAction,
  candidates,
  findingsOf,
  type LeftOut,
  type PlanRequest,
} from './actions.ts';
import { inBatches } from './batches.ts';
import type { PlanMark } from './checks.ts';
import { planId } from './id.ts';
import { inBuildOrder } from './order.ts';
import { type Announced, settle } from './simulation.ts';
import { type PlanStep, type StepContext, stepOf } from './step.ts';

/** What one look at one database found, as far as a plan needs it. */
export interface PlanFacts {
  readonly target: TargetId;
  readonly catalogue: Catalogue;
  /** Of every state, the most worthwhile first. */
  readonly findings: readonly Finding[];
  /** What the SQL of each finding was printed from, by the finding's id. */
  readonly remedies: ReadonlyMap<string, Remedy>;
  /** The server's definitions by index oid. */
  readonly definitions: ReadonlyMap<number, DefinitionFact>;
  /** Standbys that are connected; undefined where that could not be read. */
  readonly standbys: number | undefined;
}

export interface PlanLimits {
  readonly expiresAfterMs: number;
  /** Between one drop on a table and the next. */
  readonly soakMs: number;
}

/** An ordered script for one database, not yet written down. */
export interface Plan extends PlanMark {
  readonly server: string;
  readonly version: string;
  readonly request: PlanRequest;
  /** By the server's clock. */
  readonly madeAtMs: number;
  readonly soakMs: number;
  readonly standbys: number | undefined;
  readonly steps: readonly PlanStep[];
  readonly leftOut: readonly LeftOut[];
  readonly undecided: readonly LeftOut[];
  readonly announced: readonly Announced[];
}

/**
 * Orders the remedies of open findings into one plan: what is created, by what it is for; the planner's statistics; what is rebuilt;
 * then drops, one of each table in a batch. What would be wrong together is taken out first. Fails where the server's own facts
 * are missing: a plan must know where it belongs. Pure: the same look yields the same plan.
 */
export function makePlan(facts: PlanFacts, request: PlanRequest, limits: PlanLimits): Result<Plan, string> {
  const { catalogue, target, definitions } = facts;
  const { server } = catalogue;
  if (server === undefined) return err('nothing is known of the server');
  const { actions, leftOut, undecided } = candidates(facts.findings, facts.remedies, catalogue, request);
  const settled = settle(actions, catalogue);
  const madeAtMs = server.serverNowAtMs;

  const stale = settled.actions.filter((action) => action.kind === 'analyze');
  const creations = withAnalyses(
    inBuildOrder(settled.actions.filter((action) => action.kind === 'create')),
    stale,
  );
  const analysed = new Set(creations.map(({ table }) => table));
  const context: StepContext = {
    definitions,
    versionNum: server.versionNum,
    madeAtMs,
    successors: settled.successors,
  };
  const unprintable: LeftOut[] = [];
  const steps: PlanStep[] = [];
  const add = (action: Action, batch?: PlanStep['batch']): void => {
    const step = stepOf(action, { ...context, batch, number: steps.length + 1 });
    if (step.ok) steps.push(step.value);
    else unprintable.push(...findingsOf(action).map((finding) => ({ finding, reason: step.error })));
  };
  for (const action of creations) add(action);
  for (const action of stale) if (!analysed.has(action.table)) add(action);
  for (const action of settled.actions) if (action.kind === 'rebuild') add(action);
  const drops = settled.actions.filter((action) => action.kind === 'drop');
  for (const { number, notBeforeMs, drops: members } of inBatches(drops, madeAtMs, limits.soakMs))
    for (const action of members) add(action, { number, notBeforeMs });

  const identity = { systemIdentifier: server.systemIdentifier, datname: server.datname };
  return ok({
    ...identity,
    id: planId(identity, steps),
    server: target.server,
    version: server.version,
    request,
    madeAtMs,
    expiresAtMs: madeAtMs + limits.expiresAfterMs,
    soakMs: limits.soakMs,
    standbys: facts.standbys,
    steps,
    leftOut: [...leftOut, ...settled.leftOut, ...unprintable],
    undecided,
    announced: settled.announced,
  });
}

/**
 * The last creation on each table analyses it, which mends stale statistics on the way: the planner knows nothing of a new expression
 * before that, and old numbers may hide what a new index is worth.
 */
function withAnalyses(
  creations: readonly CreateAction[],
  stale: readonly AnalyzeAction[],
): readonly CreateAction[] {
  const last = new Set(new Map(creations.map((action) => [action.table, action])).values());
  return creations.map((action) =>
    last.has(action)
      ? {
          ...action,
          analyses: true,
          alsoMends: stale.filter(({ table }) => table === action.table).flatMap(findingsOf),
        }
      : action,
  );
}
