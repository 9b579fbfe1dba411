import { commentedOut } from '../sql.ts';
import { afterStep, beforeStep, type PlanMark, planCheck, rollbackCheck } from './checks.ts';
import type { Plan } from './plan.ts';
import type { PlanStep, Work } from './step.ts';
import {
  costOf,
  isCommentedOut,
  minute,
  oneLine,
  reasonOf,
  scopeWords,
  subjectOf,
  summaryOf,
  titleOf,
  totalsOf,
} from './words.ts';

/**
 * The plan as a script of plain SQL: every statement runs by itself, with psql as well as with any client that does not open a
 * transaction of its own. There are no psql commands in it. Instead the session is read-only but between the check of a step and its
 * statement, so that in a client that carries on after an error nothing is created or dropped any more.
 */
export function sqlScript(plan: Plan): string {
  const ran = plan.steps.filter((step) => !isCommentedOut(step));
  return `${[
    ...header(plan),
    '',
    ...(ran.length === 0 ? ['-- There is nothing to run.'] : opening(planCheck(plan))),
    ...sections(plan).flatMap(({ title, steps }) => [
      '',
      `-- ${'='.repeat(97)}`,
      `-- ${title}`,
      ...steps.flatMap((step) => ['', ...stepLines(plan, step)]),
    ]),
    '',
    ...(ran.length === 0 ? [] : [...closing, '']),
    ...rollbackSection(plan),
  ].join('\n')}\n`;
}

/** The way back from the whole plan, last step first, as a script of its own. It does not expire. */
export function rollbackScript(plan: Plan): string {
  return `${[
    ...comments([
      `The way back from plan ${plan.id}, last step first, for database ${oneLine(plan.datname)}.`,
      'What the plan has not done is passed over, so that this runs after a plan that stopped midway, too.',
    ]),
    '',
    ...rollbackLines(plan),
  ].join('\n')}\n`;
}

const comments = (lines: readonly string[]): readonly string[] =>
  lines.map((line) => (line === '' ? '--' : `-- ${line}`));

function header(plan: Plan): readonly string[] {
  const { id, server, datname, request, steps, leftOut, undecided, announced } = plan;
  const phase = request.phase === undefined ? '' : ` of phase ${request.phase}`;
  return comments([
    `indexwarden plan ${id}: ${scopeWords[request.scope]}${phase} in database ${oneLine(datname)} of ${oneLine(server)}`,
    `Made ${minute(plan.madeAtMs)}; expires ${minute(plan.expiresAtMs)}. Cluster ${plan.systemIdentifier}, PostgreSQL ${oneLine(plan.version)}.`,
    summaryOf(plan),
    ...(steps.length === 0 ? [] : [`Takes: ${totalsOf(plan)}`]),
    '',
    'Read it, then run it in one session outside of a transaction: psql -X -v ON_ERROR_STOP=1 -f FILE,',
    'or statement by statement with any client in autocommit mode. It stops where something is not as it was',
    'when the plan was made; mend what it names and run it again from the top: what is done is passed over.',
    'The session is read-only but between the check of a step and its statement; RESET default_transaction_read_only',
    'gives it back where the script has stopped.',
    '',
    'Steps',
    ...steps.map(
      (step) =>
        `  ${String(step.number).padStart(3)}  ${titleOf(step)}${isCommentedOut(step) ? ', commented out' : ''}`,
    ),
    ...(steps.length === 0 ? ['  none'] : []),
    ...listed('Left out', leftOut.map(reasonOf)),
    ...listed(
      'Will be reported once this is done',
      announced.map((one) => `${one.kind} ${subjectOf(one)}: ${oneLine(one.why)}`),
    ),
    ...listed('For a person to decide: no SQL', undecided.map(reasonOf)),
  ]);
}

/** More would push the script out of sight. */
const listedMax = 40;

const listed = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0
    ? []
    : [
        '',
        title,
        ...lines.slice(0, listedMax).map((line) => `  ${line}`),
        ...(lines.length > listedMax
          ? [`  and ${lines.length - listedMax} more: --format json has them all`]
          : []),
      ];

const readOnly = 'SET default_transaction_read_only = on;';

const opening = (check: string): readonly string[] => [
  // The file is UTF-8, and literals are written for the standard's strings.
  "SET client_encoding = 'UTF8';",
  'SET standard_conforming_strings = on;',
  readOnly,
  check,
];

const closing: readonly string[] = [
  'RESET default_transaction_read_only;',
  'RESET lock_timeout;',
  'RESET statement_timeout;',
];

/** What the block before a step does last: it lets the next statement write. */
const openGate: readonly string[] = ["perform set_config('default_transaction_read_only', 'off', false);"];

interface Section {
  readonly title: string;
  readonly steps: readonly PlanStep[];
}

function sections({ steps }: Plan): readonly Section[] {
  const of = (kind: PlanStep['kind']) => steps.filter((step) => step.kind === kind);
  const drops = of('drop');
  const batches = [...new Set(drops.map(({ batch }) => batch?.number))].map((number) => {
    const members = drops.filter(({ batch }) => batch?.number === number);
    const notBeforeMs = members[0]?.batch?.notBeforeMs;
    const due =
      notBeforeMs === undefined
        ? 'at most one of each table'
        : `not before ${minute(notBeforeMs)}. Make a new plan then: it has them in its first batch`;
    return { title: `Drops, batch ${number}: ${due}`, steps: members };
  });
  return [
    { title: 'Indexes to create', steps: of('create') },
    { title: 'Statistics of the planner', steps: of('analyze') },
    { title: 'Indexes to rebuild', steps: of('rebuild') },
    ...batches,
  ].filter((section) => section.steps.length > 0);
}

function stepLines(plan: Plan, step: PlanStep): readonly string[] {
  const sql = workLines(plan, step, step.batch?.notBeforeMs);
  return [
    ...comments(describe(plan, step)),
    ...(step.commented === null && step.batch?.notBeforeMs !== undefined
      ? commentedOut(sql.join('\n')).split('\n')
      : sql),
  ];
}

/** The sentences above a step. */
export function describe(plan: Pick<Plan, 'standbys' | 'steps'>, step: PlanStep): readonly string[] {
  const { finding, alsoMends, notes, recovery } = step;
  return [
    `Step ${step.number} of ${plan.steps.length}: ${titleOf(step)}`,
    ...[finding, ...alsoMends].map(
      ({ kind, id, confidence, title }) => `${kind} ${id}, ${confidence}: ${oneLine(title)}`,
    ),
    costOf(step, plan.standbys),
    ...(step.lock === null ? [] : [`Locks: ${oneLine(step.lock)}`]),
    ...(notes === '' ? [] : [`Note: ${oneLine(notes)}`]),
    ...finding.caveats.map((caveat) => `Caveat: ${oneLine(caveat)}`),
    ...recovery.map((sql) => `If it fails: ${oneLine(sql)}`),
  ];
}

/** Check, statements, check; SQL that is only for reading stands alone. */
function workLines(mark: Pick<PlanMark, 'id'>, work: Work, notBeforeMs?: number): readonly string[] {
  if (work.commented !== null) return [work.commented];
  if (work.statements.length === 0) return [];
  const { conditions, blockers, outcomes } = work;
  return [
    beforeStep({ mark, notBeforeMs, conditions, blockers }, openGate),
    ...work.statements,
    readOnly,
    ...(outcomes.length === 0 ? [] : [afterStep(outcomes)]),
  ];
}

function rollbackSection(plan: Plan): readonly string[] {
  if (plan.steps.every((step) => step.rollback === null)) return [];
  return [
    `-- ${'='.repeat(97)}`,
    ...comments([
      'The way back, last step first. What the plan has not done is passed over, and it does not expire. To have it by itself:',
      "  sed '1,/^-- >>> rollback$/d; /^-- <<< rollback$/,$d; s/^-- //' FILE",
      '>>> rollback',
    ]),
    commentedOut(rollbackLines(plan).join('\n')),
    '-- <<< rollback',
  ];
}

function rollbackLines(plan: Plan): readonly string[] {
  const undone = plan.steps.toReversed().filter((step) => step.rollback !== null);
  return [
    ...opening(rollbackCheck(plan)),
    ...undone.flatMap((step) => [
      '',
      `-- Undo step ${step.number}: ${titleOf(step)}`,
      ...(step.rollback === null ? [] : workLines(plan, step.rollback)),
    ]),
    '',
    ...closing,
  ];
}
