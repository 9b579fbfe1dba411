import { neededCollectors } from '../detectors/evaluate.ts';
import type { Generation } from '../findings/generation.ts';
import { targetKey } from '../model/ids.ts';
import { err, ok, type Result } from '../model/result.ts';
import type { PlanRequest } from '../plan/script/actions.ts';
import { makePlan, type Plan } from '../plan/script/plan.ts';
import { checkResultOf, isUnreadable, whyUnreadable } from '../report/check/result.ts';
import { selectFinding } from '../report/explain.ts';
import { fewOf } from '../report/text.ts';
import { type CheckOptions, checkOnce } from './check.ts';

export interface PlanOnceOptions extends Omit<CheckOptions, 'only'> {
  readonly request: PlanRequest;
  /** `server/database`, or the database alone; undefined where there is only one. */
  readonly target: string | undefined;
}

/** Why there is no plan: the wrong question, or a database that could not be read. */
export interface NoPlan {
  readonly kind: 'usage' | 'unreadable';
  readonly message: string;
  readonly hint?: string;
}

/**
 * Looks once and makes a plan for one database. All detectors judge, whatever is asked for: findings agree with each other only as a
 * whole. A database that could not be read completely gets no plan, since what is safe to drop depends on what stays.
 */
export async function planOnce(options: PlanOnceOptions): Promise<Result<Plan, NoPlan>> {
  const generations = await checkOnce({ ...options, only: [] });
  if (options.signal.aborted) return err({ kind: 'unreadable', message: 'interrupted' });
  return planFrom(generations, options);
}

/** The same from what was published already. */
export function planFrom(
  generations: readonly Generation[],
  options: Pick<PlanOnceOptions, 'request' | 'target' | 'detectors'> & {
    readonly config: Pick<PlanOnceOptions['config'], 'plan'>;
  },
): Result<Plan, NoPlan> {
  const chosen = choose(generations, options);
  if (!chosen.ok) return chosen;
  const generation = chosen.value;
  const { target, catalogue, findings, remedies, definitions, snapshot } = generation;

  const [checked] = checkResultOf([generation], [], neededCollectors(options.detectors)).targets;
  if (checked === undefined || isUnreadable(checked)) {
    const why = checked === undefined ? 'it could not be reached' : whyUnreadable(checked);
    return err({ kind: 'unreadable', message: `no plan for ${targetKey(target)}: ${why}` });
  }
  const { replicas } = snapshot.outcomes;
  const made = makePlan(
    {
      target,
      catalogue,
      findings,
      remedies: remedies ?? new Map(),
      definitions: definitions ?? new Map(),
      standbys: replicas?.kind === 'collected' ? replicas.facts.length : undefined,
    },
    options.request,
    { expiresAfterMs: options.config.plan.expiresAfter.ms, soakMs: options.config.plan.soak.ms },
  );
  return made.ok
    ? made
    : err({ kind: 'unreadable', message: `no plan for ${targetKey(target)}: ${made.error}` });
}

/** The one database that the plan is for: the one that is named, the one that the findings are of, or the only one. */
export function choose(
  generations: readonly Generation[],
  { target, request }: Pick<PlanOnceOptions, 'target' | 'request'>,
): Result<Generation, NoPlan> {
  const named = generations.filter(
    (one) => target === undefined || targetKey(one.target) === target || one.target.datname === target,
  );
  const names = generations.map((one) => targetKey(one.target));
  if (named.length === 0)
    return err({
      kind: target === undefined ? 'unreadable' : 'usage',
      message: target === undefined ? 'there is no database to look at' : `there is no database ${target}`,
      ...(names.length === 0 ? {} : { hint: `there are: ${fewOf(names, 10)}` }),
    });
  const asked: Generation[][] = [];
  for (const id of request.findings) {
    const found = selectFinding(
      named.flatMap((one) => one.findings),
      id,
    );
    if (found.kind === 'none')
      return err({
        kind: 'usage',
        message: `no finding has the id ${id}`,
        hint: 'ids depend on server, database and names; `indexwarden check` with the same flags prints them',
      });
    if (found.kind === 'several')
      return err({
        kind: 'usage',
        message: `${id} is the beginning of several ids: ${fewOf(found.ids, 5)}`,
      });
    asked.push(named.filter((one) => one.findings.includes(found.finding)));
  }
  const concerned = asked.length === 0 ? named : [...new Set(asked.flat())];
  const [only, ...others] = concerned;
  if (only === undefined || others.length > 0)
    return err({
      kind: 'usage',
      message: `a plan is for one database, and there are ${concerned.length}`,
      hint: `choose one with --target: ${fewOf(
        concerned.map((one) => targetKey(one.target)),
        10,
      )}`,
    });
  return ok(only);
}
