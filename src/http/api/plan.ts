import type { RequestHandler, Response } from 'express';
import { assertNever } from '../../model/result.ts';
import { type PlanScope, planScopes } from '../../plan/script/actions.ts';
import { alembicMigration } from '../../plan/script/alembic.ts';
import { planDocument } from '../../plan/script/document.ts';
import type { Plan } from '../../plan/script/plan.ts';
import { sqlScript } from '../../plan/script/sql-script.ts';
import { harmlessJson } from '../../report/check/json.ts';
import type { Knowledge } from '../knowledge.ts';
import { badRequest, type Problem, sendProblem } from '../problem.ts';
import { queryOf } from '../query.ts';
import { type Asked, createParameterReader } from './asked.ts';
import { nameAnswer } from './file-names.ts';
import type { Parameter } from './operations.ts';

export const planFormats = ['sql', 'alembic', 'json'] as const;
export type PlanFormat = (typeof planFormats)[number];

/** The plan that a request asks for, or what is wrong with it. */
export function askedPlan({ plan }: Pick<Knowledge, 'plan'>, asked: Asked): ReturnType<Knowledge['plan']> {
  const phase = asked.number('phase');
  const scope = planScopes.find((word) => word === asked.text('for')) ?? 'all';
  return plan({
    request: { scope, findings: asked.texts('finding'), ...(phase === undefined ? {} : { phase }) },
    target: asked.text('target'),
  });
}

export const planProblem = ({
  kind,
  message,
}: {
  readonly kind: string;
  readonly message: string;
}): Problem =>
  kind === 'usage'
    ? badRequest(`${message}; findings are told apart by their ids, databases by \`target\`: server/database`)
    : { status: 503, title: 'No plan now', detail: message };

/** As `indexwarden plan` prints it. */
export function planText(plan: Plan, format: PlanFormat, downRevision?: string): string {
  switch (format) {
    case 'sql':
      return sqlScript(plan);
    case 'alembic':
      return alembicMigration(plan, { downRevision });
    case 'json':
      return `${harmlessJson(planDocument(plan))}\n`;
    default:
      return assertNever(format);
  }
}

const endings: Readonly<Record<PlanFormat, string>> = { sql: 'sql', alembic: 'py', json: 'json' };
const scopeNames: Readonly<Record<PlanScope, string>> = {
  all: 'plan',
  drop: 'drops',
  create: 'creations',
  reindex: 'rebuilds',
};

/** `GET /plan`: the script for chosen findings, from the newest generation of their database. */
export function servePlan(
  knowledge: Pick<Knowledge, 'plan'>,
  parameters: readonly Parameter[],
): RequestHandler {
  const read = createParameterReader(parameters);
  return (request, response) => {
    const asked = read(queryOf(request.url));
    if (!asked.ok) return sendProblem(response, badRequest(asked.error));
    const made = askedPlan(knowledge, asked.value);
    if (!made.ok) return sendProblem(response, planProblem(made.error));
    const format = planFormats.find((word) => word === asked.value.text('format')) ?? 'sql';
    sendPlan(response, made.value, format, asked.value);
  };
}

function sendPlan(response: Response, plan: Plan, format: PlanFormat, asked: Asked): void {
  nameAnswer(
    response,
    [scopeNames[plan.request.scope], plan.datname, plan.id],
    endings[format],
    asked.text('download') === 'true',
  );
  response
    .set('Cache-Control', 'no-cache')
    .type(format === 'json' ? 'json' : 'text/plain')
    .send(planText(plan, format, asked.text('downRevision')));
}
