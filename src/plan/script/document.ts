import type { Finding } from '../../model/finding.ts';
import { afterStep, beforeStep, planCheck } from './checks.ts';
import type { Plan } from './plan.ts';
import type { PlanStep, Work } from './step.ts';
import { isCommentedOut, titleOf } from './words.ts';

const isoOf = (atMs: number): string => new Date(atMs).toISOString();

/**
 * The plan as data for programs: everything that the script of SQL says, statement by statement. Whoever runs it runs `checkSql` first,
 * then of each step that is not commented out `beforeSql`, `statements` and `afterSql`, in one session outside of a transaction, and stops
 * at the first error. Sizes in bytes, times in ISO 8601.
 */
export function planDocument(plan: Plan) {
  return {
    id: plan.id,
    server: plan.server,
    datname: plan.datname,
    systemIdentifier: plan.systemIdentifier,
    version: plan.version,
    for: plan.request.scope,
    phase: plan.request.phase ?? null,
    madeAt: isoOf(plan.madeAtMs),
    expiresAt: isoOf(plan.expiresAtMs),
    soakSeconds: Math.round(plan.soakMs / 1000),
    standbysConnected: plan.standbys ?? null,
    checkSql: planCheck(plan),
    steps: plan.steps.map((step) => stepDocument(plan, step)),
    leftOut: plan.leftOut.map(({ finding, reason }) => ({ ...subject(finding), reason })),
    announced: plan.announced,
    undecided: plan.undecided.map(({ finding, reason }) => ({ ...subject(finding), reason })),
  };
}

function stepDocument(plan: Plan, step: PlanStep) {
  const { finding, batch } = step;
  return {
    number: step.number,
    kind: step.kind,
    category: step.category,
    title: titleOf(step),
    finding: findingDocument(finding),
    alsoMends: step.alsoMends.map(findingDocument),
    schemaname: step.schemaname,
    relname: step.relname,
    indexrelname: step.indexrelname,
    batch: batch?.number ?? null,
    notBefore: batch?.notBeforeMs === undefined ? null : isoOf(batch.notBeforeMs),
    isCommentedOut: isCommentedOut(step),
    ...workDocument(plan, step, batch?.notBeforeMs),
    recoverySql: step.recovery,
    rollback: step.rollback === null ? null : workDocument(plan, step.rollback),
    estimate: step.estimate,
    lock: step.lock,
    rebuildSeconds: step.rebuildSeconds,
    notes: step.notes,
  };
}

const findingDocument = ({ id, kind, severity, confidence, title, caveats, evidence }: Finding) => ({
  id,
  kind,
  severity,
  confidence,
  title,
  caveats,
  phase: evidence.phase ?? null,
  priority: evidence.priority ?? null,
});

function workDocument(mark: Pick<Plan, 'id'>, work: Work, notBeforeMs?: number) {
  const { conditions, blockers, outcomes, statements, commented } = work;
  return {
    beforeSql: statements.length === 0 ? null : beforeStep({ mark, notBeforeMs, conditions, blockers }, []),
    statements,
    afterSql: statements.length === 0 || outcomes.length === 0 ? null : afterStep(outcomes),
    commentedSql: commented,
  };
}

const subject = (finding: Finding) => ({
  findingId: finding.id,
  kind: finding.kind,
  schemaname: finding.schemaname,
  relname: finding.relname,
  indexrelname: finding.indexrelname,
});
