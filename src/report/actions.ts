import { type Confidence, type Finding, severities } from '../model/finding.ts';

/** Of everything that can be reclaimed, what the few actions to begin with should give. */
const enoughRatio = 0.8;

export interface FewActions {
  /** The leading actions, best first; each index once. */
  readonly actions: readonly Finding[];
  /** All actions, best first; each index once. */
  readonly all: readonly Finding[];
  /** What these give. */
  readonly bytes: number;
  /** What all actions give. */
  readonly totalBytes: number;
  /** What only a review can decide about: findings without SQL on indexes that no action names. */
  readonly reviewBytes: number;
}

/**
 * Findings by benefit over risk: bytes to reclaim, then severity, then confidence; where nothing is reclaimed an invalid
 * index before rows that a missing index makes PostgreSQL read. Ids break ties.
 */
export const rankFindings = (findings: readonly Finding[]): readonly Finding[] =>
  findings
    .map((finding) => ({ finding, benefit: benefitOf(finding) }))
    .sort(byBenefit)
    .map(({ finding }) => finding);

interface Ranked {
  readonly finding: Finding;
  readonly benefit: readonly number[];
}

/** What findings are ranked by, each part the smaller the better; ids come after it. */
export const benefitOf = (finding: Finding): readonly number[] => [
  -finding.impact.reclaimableBytes,
  -severities.indexOf(finding.severity),
  -sureness[finding.confidence],
  -Number(finding.kind === 'invalid-index'),
  -(finding.impact.rowsRead ?? 0),
];

function byBenefit(a: Ranked, b: Ranked): number {
  for (let place = 0; place < a.benefit.length; place += 1) {
    const difference = (a.benefit[place] ?? 0) - (b.benefit[place] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.finding.id < b.finding.id ? -1 : a.finding.id > b.finding.id ? 1 : 0;
}

const sureness: Readonly<Record<Confidence, number>> = { proven: 2, likely: 1, possible: 0 };

/**
 * The fewest open findings with SQL that give four fifths of what can be reclaimed. An index counts once, by its
 * best finding, however many name it. Empty where nothing can be reclaimed.
 */
export function fewActions(findings: readonly Finding[]): FewActions {
  const open = rankFindings(findings).filter(
    (finding) => finding.state === 'open' && finding.impact.reclaimableBytes > 0,
  );
  const actions = onePerIndex(open.filter((finding) => finding.fix.sql !== null));
  const acted = new Set(actions.map(subjectKey));
  const reviews = onePerIndex(open.filter((finding) => !acted.has(subjectKey(finding))));
  const totalBytes = sumBytes(actions);

  const few: Finding[] = [];
  let bytes = 0;
  for (const action of actions) {
    if (bytes >= enoughRatio * totalBytes) break;
    few.push(action);
    bytes += action.impact.reclaimableBytes;
  }
  return { actions: few, all: actions, bytes, totalBytes, reviewBytes: sumBytes(reviews) };
}

function onePerIndex(ranked: readonly Finding[]): readonly Finding[] {
  const seen = new Set<string>();
  return ranked.filter((finding) => {
    const key = subjectKey(finding);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** What a finding would free the bytes of: an index, or the table where none is named. */
const subjectKey = ({ server, datname, schemaname, relname, indexrelname }: Finding): string =>
  `${server}\0${datname}\0${schemaname}\0${relname}\0${indexrelname ?? ''}`;

const sumBytes = (findings: readonly Finding[]): number =>
  findings.reduce((sum, finding) => sum + finding.impact.reclaimableBytes, 0);
