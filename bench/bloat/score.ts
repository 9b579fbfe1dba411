import { type BenchCase, type Method, methods } from './cases.ts';

/** How one method did on a set of cases; errors in percentage points of the index's size. */
export interface Score {
  readonly method: Method;
  readonly cases: number;
  readonly answered: number;
  /** Absolute errors of the answers. */
  readonly mean: number;
  readonly median: number;
  readonly p95: number;
  /** Signed: above 0 it saw bloat that was not there. */
  readonly worst: number;
  readonly worstCase: string;
  readonly falseAlarms: number;
  /** Bloat of `alarmRatio` or more that got a lower answer or none. */
  readonly misses: number;
  readonly positives: number;
}

/** What is called bloated, and how far below it an answer may be before it is a miss (or the truth, before it is a false alarm). */
const alarmRatio = 0.3;
const quietRatio = 0.27;

export function scoreOf(cases: readonly BenchCase[], method: Method): Score {
  const answers = cases.flatMap((entry) => {
    const answer = entry.answers[method];
    return answer === null ? [] : [{ entry, answer, error: (answer - entry.truth) * 100 }];
  });
  const sizes = answers.map(({ error }) => Math.abs(error)).sort((a, b) => a - b);
  const at = (share: number): number =>
    sizes[Math.min(sizes.length - 1, Math.floor(share * sizes.length))] ?? Number.NaN;
  const worst = [...answers].sort((a, b) => Math.abs(b.error) - Math.abs(a.error))[0];
  const positives = cases.filter(({ truth }) => truth >= alarmRatio);
  return {
    method,
    cases: cases.length,
    answered: answers.length,
    mean: sizes.reduce((sum, size) => sum + size, 0) / sizes.length,
    median: at(0.5),
    p95: at(0.95),
    worst: worst?.error ?? Number.NaN,
    worstCase: worst === undefined ? '' : `${worst.entry.index} (${worst.entry.major})`,
    falseAlarms: answers.filter(({ entry, answer }) => entry.truth < quietRatio && answer >= alarmRatio)
      .length,
    misses: positives.filter(({ answers: given }) => (given[method] ?? 0) < quietRatio).length,
    positives: positives.length,
  };
}

/** What the documentation promises of the daemon's answers; of few cases a few may be wrong. */
export function brokenPromises(score: Score): readonly string[] {
  const worse = (what: string, value: number, most: number): readonly string[] =>
    value <= most ? [] : [`${what} ${value.toFixed(2)}, promised ${most.toFixed(2)}`];
  return [
    ...worse('mean error', score.mean, 2.5),
    ...worse('median error', score.median, 0.5),
    ...worse('false alarms', score.falseAlarms, Math.max(2, 0.005 * score.answered)),
    ...worse('misses', score.misses, Math.max(3, 0.03 * score.positives)),
  ];
}

/** Scores of every method, for all cases and for each class of indexes. */
export function scoresByGroup(
  cases: readonly BenchCase[],
): readonly { readonly group: string; readonly scores: readonly Score[] }[] {
  const groups = [...new Set(cases.map(({ group }) => group))].sort();
  return [
    { group: 'all', scores: methods.map((method) => scoreOf(cases, method)) },
    ...[
      'btree',
      'hash',
      'gist',
      'gin',
      'spgist',
      'brin',
      ...groups.filter((group) => group.startsWith('btree ')),
    ]
      .map((group) => ({
        group,
        cases: cases.filter((entry) => entry.group === group || entry.group.startsWith(`${group} `)),
      }))
      .filter(({ cases: own }) => own.length > 0)
      .map(({ group, cases: own }) => ({ group, scores: methods.map((method) => scoreOf(own, method)) })),
  ];
}
