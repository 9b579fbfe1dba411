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
  findings.toSorted(byBenefit);

/** What findings are ranked by, each part the smaller the better; ids come after it. */
export const benefitOf = (finding: Finding): readonly number[] => [
  -finding.impact.reclaimableBytes,
  -severities.indexOf(finding.severity),
  -sureness[finding.confidence],
  -Number(finding.kind === 'invalid-index'),
  -(finding.impact.rowsRead ?? 0),
];

function byBenefit(a: Finding, b: Finding): number {
  const [ofA, ofB] = [benefitOf(a), benefitOf(b)];
  for (const [place, value] of ofA.entries()) {
    const difference = value - (ofB[place] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
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
  JSON.stringify([server, datname, schemaname, relname, indexrelname]);

const sumBytes = (findings: readonly Finding[]): number =>
  findings.reduce((sum, finding) => sum + finding.impact.reclaimableBytes, 0);
