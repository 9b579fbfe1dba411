import { afterStep, beforeStep, elsewhereSetting, placeCheck, planSetting, sessionBlock } from './checks.ts';
import type { Plan } from './plan.ts';
import { pythonComments, pythonString } from './python.ts';
import { describe } from './sql-script.ts';
import type { PlanStep, Work } from './step.ts';
import {
  isCommentedOut,
  minute,
  oneLine,
  reasonOf,
  scopeWords,
  subjectOf,
  summaryOf,
  titleOf,
} from './words.ts';

export interface AlembicOptions {
  /** The revision that this one follows; undefined where nobody said. */
  readonly downRevision: string | undefined;
}

/** The argument of `alembic -x` that lets the migration run in other databases than the one it was made for. */
const anywhere = 'indexwarden=anywhere';

/**
 * The plan as a migration for Alembic: `upgrade` carries it out with the same checks as the script of SQL, `downgrade` undoes it. What
 * is concurrent runs in an autocommit block, one statement at a time; nothing passes over an invalid leftover. Its revision is the plan's id.
 */
export function alembicMigration(plan: Plan, { downRevision }: AlembicOptions): string {
  return `${[
    ...docstring(plan, downRevision),
    '',
    'from alembic import context, op',
    '',
    `revision = ${pythonString(plan.id)}`,
    downRevision === undefined
      ? 'down_revision = None  # Set it to the head of your migrations: `alembic heads` prints it.'
      : `down_revision = ${pythonString(downRevision)}`,
    'branch_labels = None',
    'depends_on = None',
    '',
    ...pythonComments([
      'Stops where this is not the database that the plan was made for, and after its time. In other databases (of a',
      `test, of another customer) it runs with: alembic -x ${anywhere} upgrade head`,
    ]),
    `PLACE = ${pythonString(placeCheck(plan))}`,
    '',
    '# What the checks of the steps share.',
    `SESSION = ${pythonString(sessionBlock(plan))}`,
    '',
    '',
    ...helpers,
    '',
    '',
    'def upgrade() -> None:',
    '    _require_connection()',
    '    with op.get_context().autocommit_block():',
    '        try:',
    '            _begin(is_checked=True)',
    ...plan.steps.flatMap((step) => upgradeLines(plan, step)),
    '        finally:',
    '            _end()',
    '',
    '',
    'def downgrade() -> None:',
    '    _require_connection()',
    '    with op.get_context().autocommit_block():',
    '        try:',
    '            _begin(is_checked=False)',
    ...plan.steps.toReversed().flatMap((step) => downgradeLines(plan, step)),
    '        finally:',
    '            _end()',
  ].join('\n')}\n`;
}

function docstring(plan: Plan, downRevision: string | undefined): readonly string[] {
  const { request, datname, leftOut, announced } = plan;
  const text = [
    `Indexes of ${datname}: ${scopeWords[request.scope]}`,
    '',
    `Revision ID: ${plan.id}`,
    `Revises: ${downRevision ?? ''}`,
    `Create Date: ${new Date(plan.madeAtMs).toISOString().slice(0, 19).replace('T', ' ')}+00:00`,
    '',
    `Made by indexwarden from findings in database ${datname} of ${plan.server}; the upgrade expires ${minute(plan.expiresAtMs)}.`,
    summaryOf(plan),
    ...leftOut.map((one) => `Left out: ${reasonOf(one)}`),
    ...announced.map((one) => `Will be reported: ${one.kind} ${subjectOf(one)}: ${one.why}`),
    '',
  ].map((line) => oneLine(line).trimEnd());
  return pythonString(text.join('\n')).split('\n');
}

const helpers: readonly string[] = [
  'def _run(*statements: str) -> None:',
  '    bind = op.get_bind()',
  '    for statement in statements:',
  '        # As it stands: without parameters no driver takes % or : for a place to fill.',
  '        bind.exec_driver_sql(statement, execution_options={"no_parameters": True})',
  '',
  '',
  'def _require_connection() -> None:',
  '    if op.get_context().as_sql:',
  '        raise RuntimeError(',
  '            "the checks of this migration need a database; for a script: indexwarden plan --format sql"',
  '        )',
  '',
  '',
  'def _begin(is_checked: bool) -> None:',
  `    arguments = context.get_x_argument(as_dictionary=True)`,
  '    if is_checked and arguments.get("indexwarden") != "anywhere":',
  '        _run(PLACE)',
  '    else:',
  `        _run("SET ${elsewhereSetting} = 'on'")`,
  '    _run(SESSION)',
  '',
  '',
  'def _end() -> None:',
  '    _run(',
  '        "RESET lock_timeout",',
  '        "RESET statement_timeout",',
  `        "RESET ${planSetting}",`,
  `        "RESET ${elsewhereSetting}",`,
  '    )',
];

const indent = ' '.repeat(12);

function upgradeLines(plan: Plan, step: PlanStep): readonly string[] {
  const why =
    step.batch?.notBeforeMs === undefined
      ? []
      : [`Not before ${minute(step.batch.notBeforeMs)}; make a new plan then.`];
  return [
    '',
    ...pythonComments([...describe(plan, step), ...why], indent),
    ...(isCommentedOut(step)
      ? pythonComments([step.commented ?? step.statements.join('\n')], indent)
      : runLines(plan, step)),
  ];
}

function downgradeLines(plan: Plan, step: PlanStep): readonly string[] {
  const { rollback } = step;
  if (rollback === null || (isCommentedOut(step) && step.commented === null)) return [];
  return [
    '',
    ...pythonComments([`Undo step ${step.number}: ${titleOf(step)}`], indent),
    ...(rollback.commented === null
      ? runLines(plan, rollback)
      : pythonComments([rollback.commented], indent)),
  ];
}

function runLines(mark: Pick<Plan, 'id'>, work: Work): readonly string[] {
  if (work.statements.length === 0) return [];
  const { conditions, blockers, outcomes, statements } = work;
  const before = beforeStep({ mark, notBeforeMs: undefined, conditions, blockers, mayBeElsewhere: true }, []);
  return [
    `${indent}_run(`,
    ...[before, ...statements, ...(outcomes.length === 0 ? [] : [afterStep(outcomes)])].map(
      (statement) => `${indent}    ${pythonString(statement)},`,
    ),
    `${indent})`,
  ];
}
