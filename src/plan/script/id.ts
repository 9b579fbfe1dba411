import { createHash } from 'node:crypto';
import type { PlanMark } from './checks.ts';
import type { PlanStep } from './step.ts';

/** Twelve hexadecimal digits, as Alembic's revisions have. */
const digits = 12;

/** The same for the same statements in the same database, whenever the plan is made. */
export function planId(
  { systemIdentifier, datname }: Pick<PlanMark, 'systemIdentifier' | 'datname'>,
  steps: readonly PlanStep[],
): string {
  const content = JSON.stringify([systemIdentifier, datname, ...steps.map(({ statements }) => statements)]);
  return createHash('sha256').update(content).digest('hex').slice(0, digits);
}
