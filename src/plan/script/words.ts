import type { Finding } from '../../model/finding.ts';
import { counted, humaneBytes, humaneDuration, secondMs } from '../../model/units.ts';
import type { LeftOut, PlanScope } from './actions.ts';
import type { Plan } from './plan.ts';
import type { PlanStep } from './step.ts';

/**
 * A text as one line of a comment: a line break would end the comment, and marks that turn the direction of writing would show a reader
 * something else than the server reads.
 */
export const oneLine = (text: string): string =>
  text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );

/** `2026-03-08 12:00 UTC` */
export const minute = (atMs: number): string =>
  `${new Date(atMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** `schema.index`, or the table where no index is named; for reading, not for SQL. */
export const subjectOf = ({
  schemaname,
  relname,
  indexrelname,
}: Pick<Finding, 'schemaname' | 'relname' | 'indexrelname'>): string =>
  oneLine(`${schemaname}.${indexrelname ?? relname}`);

const verbs: Readonly<Record<PlanStep['kind'], string>> = {
  create: 'create',
  analyze: 'analyze',
  rebuild: 'rebuild',
  drop: 'drop',
};

/** `create public.ix_a on public.t (foreign key)` */
export function titleOf(step: PlanStep): string {
  const { kind, schemaname, relname, category, indexrelname, batch } = step;
  const table = oneLine(`${schemaname}.${relname}`);
  const subject = indexrelname === null ? table : `${subjectOf(step)} on ${table}`;
  const aside = category ?? (batch === undefined ? undefined : `batch ${batch.number}`);
  return `${verbs[kind]} ${subject}${aside === undefined ? '' : ` (${aside})`}`;
}

/** Whether the plan prints the step for reading only: nothing of it is run as it stands. */
export const isCommentedOut = ({ commented, batch }: PlanStep): boolean =>
  commented !== null || batch?.notBeforeMs !== undefined;

/** Size, time, disk and WAL of a step, in words; empty where it costs nothing to speak of. */
export function costOf({ estimate, kind, rebuildSeconds }: PlanStep, standbys: number | undefined): string {
  const { sizeBytes, seconds, diskBytes, walBytesPerStandby, freedBytes } = estimate;
  if (kind === 'analyze') return 'reads a sample of the table';
  const parts: string[] = [
    kind === 'create'
      ? `size about ${bytesOr(sizeBytes)}`
      : kind === 'drop'
        ? `size ${bytesOr(sizeBytes)}`
        : `size now ${bytesOr(sizeBytes)}`,
  ];
  if (kind !== 'drop') parts.push(`time ${seconds === null ? 'unknown' : `about ${durationOf(seconds)}`}`);
  if (diskBytes !== 0) parts.push(`disk unknown, needs ${bytesOr(diskBytes)}`);
  if (walBytesPerStandby !== 0)
    parts.push(`WAL ${bytesOr(walBytesPerStandby)} to each standby and slot${connected(standbys)}`);
  if (freedBytes > 0) parts.push(`frees ${humaneBytes(freedBytes)}`);
  if (kind === 'drop' && rebuildSeconds !== null)
    parts.push(`to have it back takes about ${durationOf(rebuildSeconds)}`);
  return parts.join('; ');
}

const bytesOr = (bytes: number | null): string => (bytes === null ? 'unknown' : humaneBytes(bytes));

const durationOf = (seconds: number): string => humaneDuration(Math.max(1, seconds) * secondMs);

const connected = (standbys: number | undefined): string =>
  standbys === undefined ? '' : ` (${counted(standbys, 'standby', 'standbys')} connected)`;

/** What the whole plan needs and gives. */
export function totalsOf({ steps, standbys }: Plan): string {
  const running = steps.filter((step) => !isCommentedOut(step));
  const sum = (pick: (step: PlanStep) => number | null): number =>
    running.reduce((total, step) => total + (pick(step) ?? 0), 0);
  const unknown = running.filter((step) => step.estimate.diskBytes === null).length;
  const needs = sum((step) => step.estimate.diskBytes);
  const parts = [
    `disk unknown, needs about ${humaneBytes(needs)} in all`,
    `WAL about ${humaneBytes(sum((step) => step.estimate.walBytesPerStandby))} to each standby and slot${connected(standbys)}`,
    `builds about ${durationOf(sum((step) => step.estimate.seconds))}`,
    `frees ${humaneBytes(sum((step) => step.estimate.freedBytes))}`,
  ];
  return `${parts.join('; ')}${unknown === 0 ? '' : `; ${counted(unknown, 'step')} of unknown size not counted`}`;
}

export const reasonOf = ({ finding, reason }: LeftOut): string =>
  `${finding.kind} ${subjectOf(finding)}: ${oneLine(reason === '' ? 'no SQL is safe to print' : reason)}`;

/** `5 steps: 2 to create, 1 to analyze, 2 to drop; 1 left out, 7 for a person to decide` */
export function summaryOf({ steps, leftOut, undecided }: Plan): string {
  const kinds = (['create', 'analyze', 'rebuild', 'drop'] as const).flatMap((kind) => {
    const count = steps.filter((step) => step.kind === kind).length;
    return count === 0 ? [] : [`${count} to ${verbs[kind]}`];
  });
  const commented = steps.filter(isCommentedOut).length;
  return [
    `${counted(steps.length, 'step')}${kinds.length === 0 ? '' : `: ${kinds.join(', ')}`}`,
    ...(commented === 0 ? [] : [`${commented} of them commented out`]),
    ...(leftOut.length === 0 ? [] : [`${leftOut.length} left out`]),
    ...(undecided.length === 0 ? [] : [`${undecided.length} for a person to decide`]),
  ].join('; ');
}

export const scopeWords: Readonly<Record<PlanScope, string>> = {
  drop: 'drops',
  create: 'creations',
  reindex: 'rebuilds',
  all: 'everything',
};
