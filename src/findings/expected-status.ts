import { alternativesOf, type ExpectationState } from '../analysis/expectation.ts';

/** What came of one expected index. */
export interface ExpectedStatus {
  readonly schemaname: string;
  readonly relname: string;
  /** As the manifest calls it. */
  readonly expectedIndex: string;
  readonly manifest: string;
  readonly priority: number;
  readonly phase: number | null;
  /** `alternative`: it is not there, and another member of its group is; `unknown`: it could not be judged. */
  readonly state: 'satisfied' | 'missing' | 'alternative' | 'unknown';
  /** The indexes that do what is expected, whatever they are called. */
  readonly satisfiedBy: readonly string[];
  /** Why it could not be judged. */
  readonly reason: string | null;
}

/** The states in words that a report and a machine can read. */
export function expectedStatuses(states: readonly ExpectationState[]): readonly ExpectedStatus[] {
  const excused = new Set(
    [...alternativesOf(states).values()]
      .filter((members) => members.some(({ kind }) => kind === 'satisfied'))
      .flat(),
  );
  return states.map((state) => {
    const { expectation } = state;
    return {
      schemaname: expectation.schemaname,
      relname: expectation.relname,
      expectedIndex: expectation.name,
      manifest: expectation.manifest,
      priority: expectation.priority,
      phase: expectation.phase ?? null,
      state: state.kind === 'missing' && excused.has(state) ? 'alternative' : state.kind,
      satisfiedBy: state.kind === 'satisfied' ? state.by.map(({ name }) => name) : [],
      reason: state.kind === 'unknown' ? state.reason : null,
    };
  });
}

/** Those that an index of another name satisfies. */
export const satisfiedUnderOtherName = (statuses: readonly ExpectedStatus[]): readonly ExpectedStatus[] =>
  statuses.filter(
    ({ state, expectedIndex, satisfiedBy }) => state === 'satisfied' && !satisfiedBy.includes(expectedIndex),
  );
